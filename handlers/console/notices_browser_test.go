package console_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"baom/bot"
	"baom/content"
)

// TestBrowserNotices: an officer chooses, on the account's page, how to be told, ties the own account by a code, and tries it.
func TestBrowserNotices(t *testing.T) {
	for _, tt := range []struct {
		lang          content.Lang
		width, height int64
	}{{content.French, 1280, 800}, {content.Arabic, 360, 740}} {
		t.Run(fmt.Sprintf("%s-%d", tt.lang, tt.width), func(t *testing.T) {
			w := newWorld(t)
			name := fmt.Sprintf("%s-%d-notices", tt.lang, tt.width)
			tab := openBrowser(t, tt.width, tt.height)
			enter(t, tab, w, "amina", tt.lang, "/console/account")
			run(t, tab, chromedp.WaitVisible(`#told`), chromedp.SendKeys(`#told [name=address]`, "amina@agadir.example"), chromedp.Click(`form[action$="/mail"] button`), chromedp.WaitVisible(`#told .people li`))
			run(t, tab, chromedp.Click(`form[action$="/telegram"] button`), chromedp.WaitVisible(`#told .secret`), script(`document.getElementById("told").scrollIntoView()`))
			fits(t, tab, "the account")
			shoot(t, tab, name)
			code := ask(t, tab, "the code", chromedp.Text(`#told .secret`))
			answer, ok, err := w.notifier.Link(t.Context(), bot.Entry{Peer: bot.Peer{Channel: bot.Telegram, ID: "4711"}})
			if err != nil || ok {
				t.Errorf("silence is taken for a code: %v %v", answer, err)
			}
			e := bot.Entry{Peer: bot.Peer{Channel: bot.Telegram, ID: "4711"}}
			e.Input.Text = code
			if answer, ok, err = w.notifier.Link(t.Context(), e); err != nil || !ok || !strings.Contains(answer.Text, "C'est fait") {
				t.Fatalf("the code %q ties nothing: %+v %v", code, answer, err)
			}
			run(t, tab, chromedp.Navigate(w.url+"/console/account"), until(`document.querySelectorAll("#told .people li").length === 2`), chromedp.Click(`#told .people li:last-child form[action$="/try"] button`), chromedp.WaitVisible(`.done`))
			if told := <-w.told; !strings.HasPrefix(told, bot.ByTelegram+": ") {
				t.Errorf("told %q", told)
			}
			run(t, tab, chromedp.WaitVisible(`#push button`)) // the script found a browser that can show notices
		})
	}
}

// TestNoticesWithoutScript: mail and Telegram are chosen and stopped by forms alone; a browser says where it is told, and
// what no browser says is refused.
func TestNoticesWithoutScript(t *testing.T) {
	w := newWorld(t)
	b := w.browser("amina")
	ways := func() []bot.Way {
		t.Helper()
		list, err := w.store.Ways(t.Context(), w.officers["amina"].ID)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if text(b.page("/console/account")) == "" || len(ways()) != 0 {
		t.Fatal("something is on that nobody chose")
	}
	for _, bad := range []string{"", "amina", "Amina <amina@agadir.example>", "a@b.c\r\nBcc: x@y.z"} {
		if status, _, body := b.post("/console/account/mail", url.Values{"address": {bad}}); status != 422 || !strings.Contains(body, "ne semble pas juste") {
			t.Errorf("%q: %d", bad, status)
		}
	}
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"endpoint": {"https://fcm.googleapis.com/fcm/send/abc"}, "p256dh": {base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes())}, "auth": {base64.RawURLEncoding.EncodeToString(make([]byte, 16))}}
	if status, _, _ := b.post("/console/account/push", form); status != 303 || len(ways()) != 1 {
		t.Fatalf("a browser: %d", status)
	}
	form.Set("endpoint", "https://169.254.169.254/latest/meta-data")
	if status, _, _ := b.post("/console/account/push", form); status != 422 || len(ways()) != 1 {
		t.Errorf("an address of the machine's own network: %d", status)
	}
	doc := b.page("/console/account")
	if !strings.Contains(text(doc), "fcm.googleapis.com") || strings.Contains(text(doc), "/fcm/send") {
		t.Errorf("the account shows %s", text(doc))
	}
	forms := all(doc, func(n *html.Node) bool { return strings.HasSuffix(attr(n, "action"), "/drop") })
	if len(forms) != 1 {
		t.Fatal(len(forms))
	}
	if status, _, _ := b.post(attr(forms[0], "action"), nil); status != 303 || len(ways()) != 0 {
		t.Errorf("stopped: %d", status)
	}
}
