package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"baom/handlers/telegram/telegramtest"
	"baom/handlers/whatsapp/whatsapptest"
)

// TestSeveral runs three processes on one Postgres and Redis. One has each channel's socket, and all take turns. Each is
// killed with -9 once: people on every channel are answered by those that are left, and Telegram is never polled by two.
func TestSeveral(t *testing.T) {
	wa := whatsapptest.New(t)
	wa.Patience = 60 * time.Second
	office := wa.Account("212528000001", "90000000000001", "BAOM")
	api := telegramtest.New(t)
	api.Patience = 60 * time.Second
	start := processes(t, wa, "BAOM_TELEGRAM_TOKEN="+api.Token, "BAOM_TELEGRAM_API_URL="+api.URL)
	linkProcess(t, office, start)
	type process struct {
		cmd *exec.Cmd
		url string
	}
	serve := func() process {
		cmd, out := start("serve")
		url := out.find(t, `web chat  (http://[^/]+)/`)
		out.find(t, `("msg":"ready")`)
		return process{cmd, url}
	}
	var all []process
	for range 3 {
		all = append(all, serve())
	}
	awa := wa.Person("33600000002", "90000000000002", "Awa")
	awa.Say(office, "👋")
	awa.Expect("Choisissez votre langue")
	amina := api.Person(42, "fr")
	amina.Send("/start")
	amina.Expect("Choisissez votre langue")
	for i := range all {
		for _, p := range all {
			visit(t, p.url)
		}
		for j, p := range all {
			if n := turnsOf(t, p.url); n == 0 {
				t.Errorf("the %d. process has taken no turn", j+1)
			}
		}
		all[i].cmd.Process.Kill()
		all[i].cmd.Wait()
		killed := time.Now()
		amina.Send("/start")
		amina.Read()
		telegram := time.Since(killed)
		awa.Say(office, "bonjour")
		awa.Read()
		t.Logf("after the %d. process was killed Telegram was answered within %v, WhatsApp within %v", i+1, telegram.Round(time.Millisecond), time.Since(killed).Round(time.Millisecond))
		visit(t, all[(i+1)%3].url)
		all[i] = serve()
	}
}

// visit is somebody who writes on the web page and is answered.
func visit(t *testing.T, base string) {
	t.Helper()
	jar, _ := cookiejar.New(nil) // it has no error without options
	browser := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	if !sendWeb(browser, base, url.Values{"id": {"a"}, "text": {"bonjour"}}) {
		t.Fatalf("%s takes no message", base)
	}
	for range 600 {
		resp, err := browser.Get(base + "/chat/lines")
		if err != nil {
			t.Fatal(err)
		}
		page, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if regexp.MustCompile(`"id":\d+,"html"`).Match(page) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("%s does not answer", base)
}

var aTurn = regexp.MustCompile(`(?m)^baom_turns_total\{[^}]*result="done"[^}]*\} (\d+)`)

// turnsOf is how many turns a process has taken.
func turnsOf(t *testing.T, base string) (n int) {
	t.Helper()
	resp, err := http.Get(base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page, _ := io.ReadAll(resp.Body)
	for _, m := range aTurn.FindAllSubmatch(page, -1) {
		var one int
		fmt.Sscan(string(m[1]), &one)
		n += one
	}
	return n
}
