package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"baom/bot"
	"baom/content"
	"baom/handlers/browsertest"
)

// post lets replies go whose time has come, until ctx ends.
func (w *world) post(ctx context.Context) {
	for ctx.Err() == nil {
		if err := w.store.Post(ctx); err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

// enter logs an officer in in a language and goes to a page.
func enter(t *testing.T, tab context.Context, w *world, login string, lang content.Lang, to string) {
	t.Helper()
	run(t, tab, chromedp.Navigate(w.url+"/console/login?next="+url.QueryEscape(to)), chromedp.WaitVisible(`[name=login]`), chromedp.Click(fmt.Sprintf(`.tongues [lang=%s]`, lang)),
		chromedp.WaitVisible(fmt.Sprintf(`html[lang=%s] [name=login]`, lang)), chromedp.SendKeys(`[name=login]`, login), chromedp.SendKeys(`[name=passphrase]`, passphrase),
		chromedp.Click(`button.main`), chromedp.WaitNotPresent(`[name=passphrase]`))
}

// TestBrowserInbox is the work of two officers on the same cases: one finds a case by a name in another script, filters
// and keeps a view; both see that the other is there; a reply is held back, taken back, filled from the base, sent later;
// a case is taken from who is away.
func TestBrowserInbox(t *testing.T) {
	for _, tt := range []struct {
		lang          content.Lang
		width, height int64
	}{{content.French, 1280, 800}, {content.Arabic, 360, 740}} {
		t.Run(fmt.Sprintf("%s-%d", tt.lang, tt.width), func(t *testing.T) {
			w := newWorld(t)
			w.desk.Undo = 3 * time.Second
			go w.deliver(t.Context())
			go w.post(t.Context())
			shared(t, w, tt.lang, tt.width, tt.height)
		})
	}
}

func shared(t *testing.T, w *world, lang content.Lang, width, height int64) {
	name := fmt.Sprintf("%s-%d-inbox", lang, width)
	mine := w.arrive(arrival{words: "Mon récépissé expire, puis-je travailler ?", answers: map[string]string{"profile": "rpt", "need": "A1", "first-name": "Mohammed", "last-name": "El Idrissi", "phone": "+212612345678"}})
	n := w.arrivals - 1
	other := w.arrive(arrival{lang: content.Arabic, words: "أبحث عن مدرسة لابنتي", answers: map[string]string{"profile": "rpt", "need": "C1", "first-name": "خديجة"}})
	amina, karim := openBrowser(t, width, height), openBrowser(t, width, height)
	enter(t, amina, w, "amina", lang, "/console/?tab=all")
	enter(t, karim, w, "karim", lang, fmt.Sprintf("/console/cases/%d", mine))
	at := func(id int64) string { return fmt.Sprintf("#case-%d", id) }

	// A name in another script; then a filter, kept as a view.
	run(t, amina, chromedp.WaitVisible(at(other)), chromedp.SendKeys(`#q`, "محمد الإدريسي"), chromedp.Click(`.queue-head [role=search] button`), chromedp.WaitNotPresent(at(other)), chromedp.WaitVisible(at(mine)))
	fits(t, amina, "the search")
	run(t, amina, chromedp.Navigate(w.url+"/console/?tab=all"), chromedp.WaitVisible(at(other)), chromedp.Click(`.chips a:last-child`), chromedp.WaitVisible(`[name=need]`),
		script(`document.querySelector("[name=need]").value = "C1"`), chromedp.Click(`.filters .main`), chromedp.WaitNotPresent(at(mine)), chromedp.WaitVisible(at(other)),
		chromedp.SendKeys(`.keep [name=name]`, "École"), chromedp.Click(`.keep button`), chromedp.WaitVisible(`.view.on`))
	shoot(t, amina, name+"-1-view")
	fits(t, amina, "a view")

	// Both at one case: each sees the other, and that somebody types.
	run(t, amina, chromedp.Navigate(w.url+fmt.Sprintf("/console/cases/%d", mine)), browsertest.Until(`document.querySelector("#presence").textContent.includes("Karim")`))
	run(t, karim, browsertest.Until(`document.querySelector("#presence").textContent.includes("Amina")`))
	const typed = "Bonjour Mohammed, oui : avec le récépissé"
	run(t, amina, chromedp.SendKeys(`#words`, typed))
	run(t, karim, chromedp.WaitVisible(`.neighbour.typing`))
	shoot(t, karim, name+"-2-typing")
	fits(t, karim, "presence")

	// The server keeps the draft: it is there in a tab that has never seen it.
	run(t, amina, untilTrue(func() bool {
		d, err := w.desk.Draft(t.Context(), w.officers["amina"], mine)
		return err == nil && d == typed
	}),
		script(`sessionStorage.clear()`), script(`location.reload()`), browsertest.Until(fmt.Sprintf(`document.querySelector("#words")?.value === %q`, typed)))

	// What comes while a tab does not listen holds the reply back, and is shown.
	run(t, amina, script(`Object.defineProperty(document, "hidden", {value: true, configurable: true})`), script(`document.dispatchEvent(new Event("visibilitychange"))`))
	w.relay(n, "En fait, j'ai déjà la carte.", nil)
	run(t, amina, chromedp.Click(`.send`), chromedp.WaitVisible(`.held`), chromedp.WaitVisible(`.new`))
	if got := ask(t, amina, "what was typed", chromedp.Value(`#words`)); got != typed {
		t.Errorf("a reply that is held back is %q", got)
	}
	shoot(t, amina, name+"-3-held")
	fits(t, amina, "a reply held back")

	// Sent, taken back, and sent.
	run(t, amina, chromedp.Click(`.send`), chromedp.WaitVisible(`#pending button`))
	shoot(t, amina, name+"-4-undo")
	run(t, amina, chromedp.Click(`#pending button`), chromedp.WaitVisible(`.done[data-done=back]`), browsertest.Until(fmt.Sprintf(`document.querySelector("#words")?.value === %q`, typed)))
	if _, lines, err := w.store.Case(t.Context(), mine); err != nil || strings.Contains(fmt.Sprint(lines), typed) {
		t.Errorf("what was taken back is in the transcript: %v", err)
	}
	run(t, amina, chromedp.Click(`.send`), chromedp.WaitVisible(`#pending button`), chromedp.WaitVisible(`li.officer`), chromedp.WaitNotPresent(`#pending button`))

	// An answer of the base, in the person's language, beside the reply; and one for later.
	run(t, amina, script(`document.querySelector("a.insert").click()`), chromedp.WaitVisible(`#inserts .found a`), chromedp.SendKeys(`#insert-q`, "récépissé travailler"),
		browsertest.Until(`[...document.querySelectorAll("#inserts .found .hint")].length > 0`), chromedp.Sleep(600*time.Millisecond))
	shoot(t, amina, name+"-5-insert")
	fits(t, amina, "inserts")
	run(t, amina, script(`document.querySelector("#inserts .found a").click()`), browsertest.Until(`document.querySelector("#words").value.length > 40`))
	soon := time.Now().Add(48 * time.Hour).Format("2006-01-02T15:04")
	run(t, amina, script(`document.querySelector(".later").open = true`), script(fmt.Sprintf(`document.querySelector("[name=at]").value = %q`, soon)), chromedp.Click(`.send`),
		chromedp.WaitVisible(`.done[data-done=later]`), chromedp.WaitVisible(`#pending button`))
	shoot(t, amina, name+"-6-later")
	fits(t, amina, "a reply for later")

	// A label, which the colleague sees without reloading.
	run(t, amina, script(`document.querySelector("[data-form=labels] summary").click()`), chromedp.WaitVisible(`[name=new]`), chromedp.SendKeys(`[name=new]`, "À rappeler"),
		script(`document.querySelector("[data-form=labels] button").click()`), chromedp.WaitVisible(`.case-head .tag`))
	run(t, karim, chromedp.WaitVisible(`.case-head .tag`), chromedp.WaitNotPresent(`.verbs form`))

	// Away: the colleague may take the case.
	today := time.Now().Format(time.DateOnly)
	run(t, amina, chromedp.Navigate(w.url+"/console/absences"), chromedp.WaitVisible(`.people`), script(`document.querySelector(".people details").open = true`), chromedp.WaitVisible(`[name=until]`),
		script(fmt.Sprintf(`document.querySelector("[name=until]").value = %q`, today)))
	shoot(t, amina, name+"-7-absence")
	fits(t, amina, "absences")
	run(t, amina, script(`document.querySelector(".people details button").click()`), chromedp.WaitVisible(`.done[data-done=absence]`))
	run(t, karim, script(`location.reload()`), chromedp.WaitVisible(`.verbs button`))
	shoot(t, karim, name+"-8-away")
	run(t, karim, chromedp.Click(`.verbs button`), chromedp.WaitVisible(`.done[data-done=claim]`))
	if k, _, err := w.store.Case(t.Context(), mine); err != nil || k.Officer != w.officers["karim"].ID {
		t.Errorf("taken: %+v %v", k, err)
	}
	run(t, karim, chromedp.Navigate(w.url+"/console/canned"), chromedp.WaitVisible(`#edit [name=name]`), chromedp.SendKeys(`#edit [name=name]`, "Papiers"),
		chromedp.SendKeys(`#edit [name=text-fr]`, "Bonjour {prenom}, apportez votre récépissé."), chromedp.Click(`#edit .main`), chromedp.WaitVisible(`.done[data-done=canned]`))
	shoot(t, karim, name+"-9-canned")
	fits(t, karim, "ready replies")
}

// untilTrue waits for something outside the browser.
func untilTrue(is func() bool) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, _ *chromedp.Target) (chromedp.Void, error) {
		for !is() {
			select {
			case <-ctx.Done():
				return chromedp.Void{}, ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
		return chromedp.Void{}, nil
	}
}

// TestInboxWithoutScript: what is inserted, held back and taken back works with forms and links alone.
func TestInboxWithoutScript(t *testing.T) {
	w := newWorld(t)
	w.desk.Undo = time.Hour
	id := w.arrive(arrival{words: "bonjour", answers: map[string]string{"need": "A1", "profile": "rpt", "first-name": "Mariam"}})
	n := w.arrivals - 1
	path := fmt.Sprint("/console/cases/", id)
	b := w.browser("amina")
	if status, _, _ := b.post("/console/canned", url.Values{"name": {"Papiers"}, "text-fr": {"Bonjour {prenom}, apportez vos papiers."}}); status != 303 {
		t.Fatal(status)
	}
	links := all(b.page(path+"/insert?q=papiers"), func(n *html.Node) bool { return strings.HasPrefix(attr(n, "href"), path+"?insert=canned") })
	if len(links) != 1 {
		t.Fatalf("%d ready replies are found", len(links))
	}
	words := func(doc *html.Node) string {
		t.Helper()
		return text(all(doc, func(n *html.Node) bool { return attr(n, "id") == "words" })[0])
	}
	doc := b.page(attr(links[0], "href"))
	if got := words(doc); got != "Bonjour Mariam, apportez vos papiers." {
		t.Errorf("inserted: %q", got)
	}
	seen := attr(all(doc, func(n *html.Node) bool { return attr(n, "name") == "seen" })[0], "value")
	w.relay(n, "Je suis en route.", nil)
	status, to, body := b.post(path+"/reply", url.Values{"text": {"Bonjour <Mariam>"}, "seen": {seen}})
	doc = b.page(to)
	if status != 303 || words(doc) != "Bonjour <Mariam>" || len(all(doc, class("new"))) == 0 || len(all(doc, class("held"))) != 1 {
		t.Fatalf("held back: %d %s", status, body)
	}
	seen = attr(all(doc, func(n *html.Node) bool { return attr(n, "name") == "seen" })[0], "value")
	if status, _, _ := b.post(path+"/reply", url.Values{"text": {"Bonjour <Mariam>"}, "seen": {seen}}); status != 303 {
		t.Fatalf("sent once it was read: %d", status)
	}
	waits := func() []*html.Node {
		return all(b.page(path), func(n *html.Node) bool { return strings.HasSuffix(attr(n, "action"), "/back") })
	}
	forms := waits()
	if len(forms) != 1 {
		t.Fatalf("%d replies can be taken back", len(forms))
	}
	if status, to, _ := b.post(attr(forms[0], "action"), nil); status != 303 || to != path || len(waits()) != 0 || words(b.page(path)) != "Bonjour <Mariam>" {
		t.Errorf("taken back: %d %s", status, to)
	}
	if status, _, _ := b.post(attr(forms[0], "action"), nil); status != 409 {
		t.Errorf("twice: %d", status)
	}
	if err := w.store.Deliver(t.Context(), bot.Web, func(context.Context, bot.Message) (string, error) { return "1", nil }); !errors.Is(err, bot.ErrIdle) {
		t.Errorf("something was sent: %v", err)
	}
	if _, _, body := w.browser("karim").get(path); !strings.Contains(body, "Amina regarde") {
		t.Error("without script nobody is seen")
	}
}

// TestBrowserUnsent shows a reply that did not go, with its words and its file, to who has the case now.
func TestBrowserUnsent(t *testing.T) {
	for _, tt := range []struct {
		lang          content.Lang
		width, height int64
	}{{content.French, 1280, 800}, {content.Arabic, 360, 740}} {
		t.Run(fmt.Sprintf("%s-%d", tt.lang, tt.width), func(t *testing.T) {
			w := newWorld(t)
			id := w.arrive(arrival{words: "Bonjour, pour mon rendez-vous ?", answers: map[string]string{"profile": "rpt", "need": "A1", "first-name": "Mariam"}})
			amina, karim := w.officers["amina"], w.officers["karim"]
			reply := bot.Reply{Text: "Votre rendez-vous est jeudi à **9 h**, au premier étage.", At: time.Now().Add(5 * time.Second),
				Media: &bot.Media{Kind: "image", Mime: "image/png", Name: "plan.png", Data: picture(t)}}
			if _, err := w.desk.Send(t.Context(), amina, id, reply); err != nil {
				t.Fatal(err)
			}
			if _, err := w.desk.Hand(t.Context(), amina, id, bot.To{Officer: karim.ID}, ""); err != nil {
				t.Fatal(err)
			}
			for err := bot.ErrIdle; err != nil; time.Sleep(20 * time.Millisecond) {
				if err = w.store.Post(t.Context()); err != nil && !errors.Is(err, bot.ErrIdle) {
					t.Fatal(err)
				}
			}
			tab := openBrowser(t, tt.width, tt.height)
			enter(t, tab, w, "karim", tt.lang, fmt.Sprintf("/console/cases/%d", id))
			run(t, tab, chromedp.WaitVisible(`.unsent .words strong`), browsertest.Until(`document.querySelector(".unsent img").naturalWidth > 0`),
				script(`document.querySelector(".unsent").scrollIntoView()`))
			shoot(t, tab, fmt.Sprintf("%s-%d-unsent", tt.lang, tt.width))
			fits(t, tab, "a reply that did not go")
		})
	}
}

// TestBrowserDraftsOfAnother: what an officer had typed is not shown to who logs in after them in the same tab, whether they
// logged out or their log-in had just ended; to the same officer it is.
func TestBrowserDraftsOfAnother(t *testing.T) {
	w := newWorld(t)
	id := w.arrive(arrival{words: "bonjour", answers: map[string]string{"need": "A1", "profile": "rpt"}})
	path := fmt.Sprintf("/console/cases/%d", id)
	tab := openBrowser(t, 1280, 800)
	note := func() string {
		return ask(t, tab, "the note", chromedp.Value(`[data-form=note] textarea`))
	}
	ended := func() { // as by an administrator, or by its age
		t.Helper()
		run(t, tab, chromedp.Navigate("about:blank")) // the page would go to the log-in by itself, meanwhile
		logins, err := w.desk.Logins(t.Context(), w.officers["amina"], w.officers["amina"].ID)
		if err != nil || len(logins) == 0 {
			t.Fatal(logins, err)
		}
		for _, l := range logins {
			if err := w.desk.EndLogin(t.Context(), w.officers["amina"], w.officers["amina"].ID, l.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	again := func(login string) { // in the language of before
		t.Helper()
		run(t, tab, chromedp.Navigate(w.url+"/console/login?next="+url.QueryEscape(path)), chromedp.WaitVisible(`[name=login]`), chromedp.SendKeys(`[name=login]`, login),
			chromedp.SendKeys(`[name=passphrase]`, passphrase), chromedp.Click(`button.main`), chromedp.WaitNotPresent(`[name=passphrase]`))
	}
	enter(t, tab, w, "amina", content.French, path)
	run(t, tab, script(`document.querySelector("[data-form=note] summary").click()`), chromedp.SendKeys(`[data-form=note] textarea`, "craint son mari"))
	ended()
	again("amina")
	run(t, tab, chromedp.WaitVisible(`[data-form=note] textarea`)) // a draft unfolds its form
	if got := note(); got != "craint son mari" {
		t.Errorf("to the same officer: %q", got)
	}
	ended()
	again("karim")
	run(t, tab, browsertest.Until(fmt.Sprintf(`sessionStorage.getItem("who") === "%d"`, w.officers["karim"].ID)))
	if got := note(); got != "" {
		t.Errorf("to another officer: %q", got)
	}
	if kept := ask(t, tab, "what is kept", chromedp.Evaluate[string](`JSON.stringify(sessionStorage)`)); strings.Contains(kept, "mari") {
		t.Errorf("the tab keeps %s", kept)
	}
}
