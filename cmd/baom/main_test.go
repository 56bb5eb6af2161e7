package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/rogpeppe/go-internal/testscript"

	"baom/bot"
	"baom/handlers/browsertest"
	"baom/handlers/telegram/telegramtest"
	"baom/storage"
	"baom/storage/storagetest"
)

// TestMain lets the scripts under testdata call the program as baom, and lets a test run it as a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"baom": main, "baom-wired": wired})
}

// TestScripts plays the commands as people type them.
func TestScripts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() }) // the scripts run after this function has returned
	testscript.Run(t, testscript.Params{Dir: "testdata", Setup: func(e *testscript.Env) error {
		e.Setenv("TAKEN", taken.Addr().String())
		e.Setenv("HOME", e.WorkDir)
		return nil
	}})
}

// An output is what a running program prints, to be waited on.
type output struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	more chan struct{}
}

func newOutput() *output { return &output{more: make(chan struct{})} }

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf.Write(p)
	close(o.more)
	o.more = make(chan struct{})
	return len(p), nil
}

// find waits for a line and returns what the pattern's group holds.
func (o *output) find(t testing.TB, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(60 * time.Second)
	for {
		o.mu.Lock()
		m := re.FindStringSubmatch(o.buf.String())
		more := o.more
		o.mu.Unlock()
		if m != nil {
			return m[1]
		}
		select {
		case <-more:
		case <-deadline:
			o.mu.Lock()
			defer o.mu.Unlock()
			t.Fatalf("%q was not printed:\n%s", pattern, o.buf.String())
		}
	}
}

// forgive takes the lines that hold those words out of what was printed: they were meant to be there.
func (o *output) forgive(words string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	kept := slices.DeleteFunc(strings.SplitAfter(o.buf.String(), "\n"), func(line string) bool { return strings.Contains(line, words) })
	o.buf.Reset()
	o.buf.WriteString(strings.Join(kept, ""))
}

const adminPass = "une phrase de passe pour les tests"

// A running is the program, serving on a port of its own.
type running struct {
	url   string
	store *storage.Store // another door to its record
	env   []string       // its settings
	log   *output
	out   *output
	stop  func() // ends it before the test does
}

// serve runs the program in this process on a database of its own, until the test ends.
func serve(t *testing.T, env ...string) *running {
	t.Helper()
	return serveOn(t, nil, env...)
}

// serveOn is serve with a WhatsApp of its own.
func serveOn(t *testing.T, wire *http.Client, env ...string) *running {
	t.Helper()
	return serveAs(t, wire, []string{"serve"}, env...)
}

// serveAs is serveOn with those words on the command line.
func serveAs(t *testing.T, wire *http.Client, args []string, env ...string) *running {
	t.Helper()
	db, redis := storagetest.Env(t)
	out, log := newOutput(), newOutput()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan int, 1)
	env = append([]string{"BAOM_DATABASE_URL=" + db, "BAOM_REDIS_URL=" + redis, "BAOM_SECRET_KEY=" + fmt.Sprintf("%x", storagetest.Secret()),
		"BAOM_HTTP_ADDR=127.0.0.1:0", "BAOM_ADMIN_PASSWORD=" + adminPass, "BAOM_SEARCH_LEARNS=off", "HOME=" + t.TempDir()}, env...)
	p := &program{env: env, stdin: strings.NewReader(""), stdout: out, stderr: log, wire: wire}
	go func() { done <- p.run(ctx, args) }()
	end := sync.OnceFunc(func() {
		stop()
		select {
		case code := <-done:
			if code != 0 {
				t.Errorf("serve ended with %d:\n%s", code, log.buf.String())
			}
		case <-time.After(40 * time.Second):
			t.Error("serve does not end")
		}
	})
	t.Cleanup(func() {
		end()
		for _, word := range []string{"panic", "ERROR"} {
			if strings.Contains(log.buf.String(), word) {
				t.Errorf("the log holds %q:\n%s", word, log.buf.String())
			}
		}
	})
	r := &running{url: out.find(t, `web chat  (http://[^/]+)/`), env: env, log: log, out: out, stop: end}
	r.store = storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis})
	for range 200 {
		resp, err := http.Get(r.url + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == 200 {
				return r
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the program does not become ready")
	return nil
}

// officer opens the console in a browser, logged in.
func (r *running) officer(t *testing.T, lang string, width int64) *browsertest.Tab {
	t.Helper()
	tab := browsertest.Open(t, lang, width, 800)
	tab.Run(chromedp.Navigate(r.url+"/console/"), chromedp.WaitVisible(`[name=passphrase]`))
	tab.Run(browsertest.Until(fmt.Sprintf(`document.readyState === "complete" && (document.documentElement.lang === %q || (window.asked || (window.asked = true, document.querySelector(".tongues [lang=%s]").click()), false))`, lang, lang)))
	tab.Run(chromedp.SendKeys(`[name=login]`, "admin"), chromedp.SendKeys(`[name=passphrase]`, adminPass), chromedp.Click(`button.main`), chromedp.WaitVisible(`#tabs`))
	return tab
}

// work is what an officer does with the only case: opens it when it arrives, takes it, answers, reads, and closes it.
func work(t *testing.T, tab *browsertest.Tab, reply string, meanwhile func()) {
	t.Helper()
	tab.Click("#cases > li a")
	tab.Click(".verbs button.main")
	tab.Run(browsertest.Until(`document.querySelector(".verbs button.main") === null && document.querySelector("#words") !== null`))
	tab.Type("#words", reply)
	tab.Click(".send")
	tab.Run(browsertest.Until(`document.querySelector("li.officer") !== null`))
	meanwhile()
	tab.Click("details:has(form[data-form=close]) > summary")
	tab.Click("[name=outcome][value=informed]")
	tab.Click("form[data-form=close] > button")
	tab.Run(browsertest.Until(`document.querySelector(".case-head") !== null && document.querySelector("form[data-form=close]") === null`))
}

// survey waits until the only closed case has a score, and returns it.
func (r *running) survey(t *testing.T) bot.Case {
	t.Helper()
	for range 300 {
		list, err := r.store.Queue(t.Context(), bot.Query{States: []string{bot.StateClosed}})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 && list[0].Score > 0 && list[0].Comment != "" {
			return list[0]
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal("the survey was not stored")
	return bot.Case{}
}

// TestWholeLineFrench is the main job, in French: a person on Telegram is received, asks, opens a case with a voice
// note; an officer in a browser takes it, answers and closes it; the person reads the officer's words and says how it
// went. Telegram is polled.
func TestWholeLineFrench(t *testing.T) {
	api := telegramtest.New(t)
	r := serve(t, "BAOM_TELEGRAM_TOKEN="+api.Token, "BAOM_TELEGRAM_API_URL="+api.URL)
	tab := r.officer(t, "fr", 1280)
	p := api.Person(42, "fr")
	p.Send("/start")
	p.Expect("Choisissez votre langue")
	p.Press("Français")
	p.Expect("Êtes-vous d'accord")
	p.Press("Oui, d'accord")
	p.Expect("Que voulez-vous faire")
	p.Send("recepisse c'est valable combien de temps")
	p.Expect("titre de séjour provisoire")
	p.Press("useful.yes")
	p.Expect("Tant mieux")
	p.Send("je veux ouvrir un dossier")
	p.Expect("Quelle est votre situation")
	p.Press("Je viens d'un autre pays")
	p.Expect("De quoi avez-vous besoin")
	p.Press("Travail")
	p.Expect("Plus précisément")
	p.Press("Salaire, accident")
	p.Expect("prénom")
	p.Send("Mamadou")
	p.Expect("nom de famille")
	p.Press("Passer")
	p.Expect("nationalité")
	p.Send("je viens du sénégal")
	p.Expect("commune")
	p.Location(30.17, -9.48)
	p.Expect("Ait Amira")
	p.Send("29")
	p.Expect("Vous êtes")
	p.Press("Un homme")
	p.Expect("travail")
	p.Press("Travail agricole")
	p.Expect("famille")
	p.Press("Passer")
	p.Expect("vous joindre")
	p.Press("Ici, par message")
	p.Expect("avec vos mots")
	p.Voice([]byte("OggS une note vocale"))
	p.Expect("Sénégal")
	p.Press("Oui, envoyer")
	ref := regexp.MustCompile(`[A-Z]{2}-[0-9A-Z]{4}-[0-9]{2}`).FindString(p.Expect("Votre référence").Text)
	tab.Sees(ref)
	tab.Shoot("line-fr-queue")
	work(t, tab, "Bonjour Mamadou. Venez jeudi à 9 h avec vos photos.", func() {
		p.Expect("vous répond maintenant")
		if m := p.Expect("Venez jeudi"); !strings.HasPrefix(m.Text, "Administration :") {
			t.Errorf("the officer's words come as %q", m.Text)
		}
		p.Photo([]byte("\xff\xd8\xff\xe0 une photo"), "voici une photo")
		tab.Sees("voici une photo")
		tab.Run(browsertest.Until(`document.querySelector("#lines audio") !== null && document.querySelector("#lines img") !== null`))
		tab.Shoot("line-fr-case")
	})
	p.Expect("Le service vous a plu")
	p.Press("5 – beaucoup")
	p.Expect("ajouter un mot")
	p.Send("merci beaucoup madame")
	p.Expect("Cela nous aide")
	if c := r.survey(t); c.Score != 5 || c.Comment != "merci beaucoup madame" || c.Reference != ref || c.Office != "ait-amira" || c.Answers["first-name"] != "Mamadou" || c.Answers["nationality"] != "SN" {
		t.Errorf("the case is %+v", c)
	}
}

// TestWholeLineArabic is the same in Arabic, through the webhook, the officer on a telephone in Arabic.
func TestWholeLineArabic(t *testing.T) {
	api := telegramtest.New(t)
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := port.Addr().String()
	port.Close()
	r := serve(t, "BAOM_TELEGRAM_TOKEN="+api.Token, "BAOM_TELEGRAM_API_URL="+api.URL, "BAOM_TELEGRAM_MODE=webhook", "BAOM_TELEGRAM_SECRET=s3cret",
		"BAOM_HTTP_ADDR="+addr, "BAOM_PUBLIC_URL=http://"+addr)
	for api.Calls("setWebhook") == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	tab := r.officer(t, "ar", 360)
	p := api.Person(43, "ar")
	p.Send("السلام عليكم، زوجي المهاجر مات، أريد أن أسأل عن معاشه")
	p.Expect("هل أنتم موافقون")
	p.Press("نعم، موافق")
	p.Expect("لست متأكدا")
	p.Press("answer.ad.widow.start")
	p.Expect("يجب الطلب")
	p.Send("موظف")
	p.Expect("في أي جماعة")
	p.Send("تيزنيت")
	p.Expect("للموظف")
	p.Send("توفي زوجي في فرنسا وأريد المساعدة")
	p.Expect("مرجعكم")
	work(t, tab, "مرحبا، نحن معك.", func() {
		p.Expect("معكم الآن")
		p.Expect("نحن معك")
		p.Send("بارك الله فيكم")
		tab.Sees("بارك الله فيكم")
		tab.Shoot("line-ar-case")
		tab.Fits("the case in Arabic")
	})
	p.Expect("راضون عن الخدمة")
	p.Send("4")
	p.Expect("إضافة كلمة")
	p.Send("شكرا جزيلا لكم على المساعدة")
	p.Expect("يساعدنا على التحسن")
	if c := r.survey(t); c.Score != 4 || c.Office != "tiznit" || c.Lang != "ar" {
		t.Errorf("the case is %+v", c)
	}
}

// TestWholeLineWeb is the line through the web page on a telephone, in French and in Arabic.
func TestWholeLineWeb(t *testing.T) {
	for _, tt := range []struct{ lang, name, yes, officer, commune, words, reply, close, thanks string }{
		{"fr", "Français", "Oui, d'accord", "Parler à un agent", "Taroudant", "Je cherche une école pour ma fille", "Bonjour, l'école est ouverte.", "Le service vous a plu", "Cela nous aide"},
		{"ar", "العربية", "نعم، موافق", "التحدث مع موظف", "تارودانت", "أبحث عن مدرسة لابنتي", "مرحبا، المدرسة مفتوحة.", "راضون عن الخدمة", "يساعدنا على التحسن"},
	} {
		t.Run(tt.lang, func(t *testing.T) {
			r := serve(t)
			desk := r.officer(t, tt.lang, 1280)
			tab := browsertest.Open(t, tt.lang, 360, 740)
			tab.Run(chromedp.Navigate(r.url + "/"))
			tab.Shoot("web-" + tt.lang + "-1-first")
			tab.Press(tt.name)
			tab.Press(tt.yes)
			tab.Fits("the chat")
			tab.Shoot("web-" + tt.lang + "-2-menu")
			tab.Press(tt.officer)
			tab.Press(tt.commune)
			tab.Run(browsertest.Until(`document.querySelector("li:last-child [value=skip]") !== null`))
			tab.Type("textarea", tt.words)
			tab.Click("#composer .send")
			tab.Run(browsertest.Until(`/[A-Z]{2}-[0-9A-Z]{4}-[0-9]{2}/.test(document.body.innerText)`))
			tab.Shoot("web-" + tt.lang + "-3-waiting")
			work(t, desk, tt.reply, func() {
				tab.Run(chromedp.WaitVisible(`li.officer`))
				tab.Sees(tt.reply)
				// The page is closed and opened again: nothing is lost, nothing repeated.
				tab.Run(chromedp.Navigate("about:blank"), chromedp.Navigate(r.url+"/"), chromedp.WaitVisible(`li.officer`))
				if n := browsertest.Ask(tab, "count", chromedp.Evaluate[int](`document.querySelectorAll("li.officer").length`)); n != 1 {
					t.Errorf("%d lines of the officer", n)
				}
				tab.Shoot("web-" + tt.lang + "-4-officer")
			})
			tab.Sees(tt.close)
			tab.Press("4")
			tab.Run(browsertest.Until(`document.querySelector("li:last-child [value=skip]") !== null`))
			tab.Type("textarea", "merci")
			tab.Click("#composer .send")
			tab.Sees(tt.thanks)
			if c := r.survey(t); c.Score != 4 || c.Office != "taroudant" || c.Channel != bot.Web {
				t.Errorf("the case is %+v", c)
			}
		})
	}
}

// TestProcess runs the program as a process on its own private Postgres and Redis: it prints where it serves and the
// first login, survives kill -9 with what people wrote, and stops what it started on SIGTERM.
func TestProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for p := filepath.Dir(dir); len(p) > len(os.TempDir()); p = filepath.Dir(p) {
		os.Chmod(p, 0o711) // the account that runs Postgres passes through
	}
	start := func() (*exec.Cmd, *output) {
		out := newOutput()
		cmd := exec.Command("baom", "serve")
		cmd.Env = append(slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "BAOM_") }), "BAOM_DATA_DIR="+dir, "BAOM_HTTP_ADDR=127.0.0.1:0")
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, out
	}
	cmd, out := start()
	out.find(t, `log in to the console as (admin) with the passphrase`)
	out.find(t, `console   (http://[^/]+/console/)`)
	url := out.find(t, `"url":"([^"]+)"`)
	cookie := say(t, url, "", "choice", "lang.fr")
	if code := cmdKill(cmd, syscall.SIGKILL); code == 0 {
		t.Error("kill -9 ended well")
	}
	cmd, out = start()
	url = out.find(t, `"url":"([^"]+)"`)
	say(t, url, cookie, "choice", "consent.yes")
	lines := ""
	for range 200 {
		if lines = read(t, url, cookie); strings.Contains(lines, "menu.ask") {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !strings.Contains(lines, "Français") || !strings.Contains(lines, "menu.ask") {
		t.Errorf("after kill -9 the page shows %s", lines)
	}
	if strings.Contains(out.String(), "passphrase") {
		t.Error("the first login is printed twice")
	}
	if code := cmdKill(cmd, syscall.SIGTERM); code != 0 {
		t.Errorf("SIGTERM: exit status %d\n%s", code, out.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "postgres", "data", "postmaster.pid")); err == nil {
		t.Error("Postgres was left running")
	}
}

func cmdKill(cmd *exec.Cmd, sig syscall.Signal) int {
	cmd.Process.Signal(sig)
	cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// say posts one thing to the chat page and returns the conversation's cookie.
func say(t *testing.T, url, cookie, field, value string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url+"/chat/send", strings.NewReader(field+"="+value))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Cookie", cookie)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("the page answers %s", resp.Status)
	}
	for _, c := range resp.Cookies() {
		if c.Name == "baom_chat" {
			return c.Name + "=" + c.Value
		}
	}
	return cookie
}

func read(t *testing.T, url, cookie string) string {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url+"/chat/lines", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", cookie)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestReload: what an office changes in its own folder is in force without a restart; a fault leaves the last good content
// in force, and the operator is told.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("pages/fr.yaml", "pages:\n  menu: Le premier menu du bureau.\n")
	r := serve(t, "BAOM_CONTENT_DIR="+dir)
	cookie := say(t, r.url, "", "choice", "lang.fr")
	say(t, r.url, cookie, "choice", "consent.no")
	until := func(what string, ok func() bool) {
		t.Helper()
		for range 400 {
			if ok() {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("%s: %s\n%s", what, read(t, r.url, cookie), get(t, r.url+"/metrics"))
	}
	sees := func(words string) func() bool {
		return func() bool { return strings.Contains(read(t, r.url, cookie), words) }
	}
	until("the office's own page", sees("Le premier menu du bureau."))
	write("pages/fr.yaml", "pages:\n  menu: Le deuxième menu du bureau.\n")
	until("the changed page", func() bool {
		say(t, r.url, cookie, "text", "menu")
		time.Sleep(300 * time.Millisecond)
		return sees("Le deuxième menu du bureau.")()
	})
	write("pages/fr.yaml", "pages:\n  menu: Un menu { cassé.\n")
	until("the fault is told", func() bool { return strings.Contains(get(t, r.url+"/metrics"), "\nbaom_content_faulty 1") })
	tab := r.officer(t, "fr", 360)
	tab.Run(chromedp.Navigate(r.url+"/console/content"), chromedp.WaitVisible(`.fault`))
	tab.Sees("pages/fr.yaml:2")
	tab.Fits("the content's page")
	tab.Shoot("console-content")
	say(t, r.url, cookie, "text", "menu")
	write("pages/fr.yaml", "pages:\n  menu: Le troisième menu du bureau.\n")
	tab.Click(`form[action="/console/content"] button`)
	tab.Run(chromedp.WaitVisible(`.done[data-done=content]`))
	say(t, r.url, cookie, "text", "menu")
	until("the third page", sees("Le troisième menu du bureau."))
	if strings.Contains(read(t, r.url, cookie), "cassé") {
		t.Error("content with a fault was in force")
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
