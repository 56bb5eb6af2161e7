package console_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// TestBrowser is an officer's work in a real browser: log in, a case arrives without reloading, claim, reply while
// the person goes on writing, note, close. In French on a wide screen and in Arabic on a phone.
func TestBrowser(t *testing.T) {
	for _, tt := range []struct {
		lang          content.Lang
		width, height int64
	}{{content.French, 1280, 800}, {content.Arabic, 360, 740}} {
		t.Run(fmt.Sprintf("%s-%d", tt.lang, tt.width), func(t *testing.T) {
			w := newWorld(t)
			go w.deliver(t.Context())
			tab := openBrowser(t, tt.width, tt.height)
			day(t, w, tab, tt.lang, fmt.Sprintf("%s-%d", tt.lang, tt.width))
		})
	}
}

// deliver sends what officers write and takes the turns of what they do, until ctx ends.
func (w *world) deliver(ctx context.Context) {
	for ctx.Err() == nil {
		err := w.store.Deliver(ctx, bot.Web, func(context.Context, bot.Message) (string, error) { return "1", nil })
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

// openBrowser starts a chromium with a profile of its own.
func openBrowser(t *testing.T, width, height int64) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("chromium is not installed")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "fr"),
		chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("use-fake-device-for-media-stream", true))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	run(t, ctx, chromedp.EmulateViewport(width, height))
	return ctx
}

// run does steps in a tab, each within half a minute; a failure says what the page showed.
func run(t *testing.T, tab context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	for i, step := range steps {
		ask(t, tab, fmt.Sprintf("step %d", i+1), step)
	}
}

func ask[T any](t *testing.T, tab context.Context, what string, a chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, 60*time.Second)
	defer cancel()
	if chromedp.FromContext(tab).Target == nil {
		ctx = tab // the first starts the browser, which would end with its time
	}
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		ctx, cancel := context.WithTimeout(tab, 5*time.Second)
		defer cancel()
		seen, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`location + "\n" + document.body.innerText`))
		t.Fatalf("%s: %v\nat %s", what, err, seen)
	}
	return v
}

// script runs an expression whose value does not matter.
func script(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void]("void (" + expression + ")")
}

// until waits for an expression to be true.
func until(expression string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Poll[bool](expression)(ctx, tab)
		return chromedp.Void{}, err
	}
}

// shoot keeps a picture of what is seen, in light and in dark, where BAOM_SCREENSHOTS names a folder.
func shoot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("BAOM_SCREENSHOTS")
	if dir == "" {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		ask(t, ctx, scheme, func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
			return cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		})
		picture := ask(t, ctx, "screenshot", chromedp.CaptureScreenshot())
		if err := os.WriteFile(filepath.Join(dir, "console-"+name+"-"+scheme+".png"), picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// fits fails if the page is wider than the screen.
func fits(t *testing.T, ctx context.Context, where string) {
	t.Helper()
	if ask(t, ctx, "width", chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`)) {
		t.Errorf("%s is wider than the screen", where)
	}
}

func day(t *testing.T, w *world, tab context.Context, lang content.Lang, name string) {
	run(t, tab, chromedp.Navigate(w.url+"/console/"), chromedp.WaitVisible(`[name=passphrase]`),
		chromedp.Click(fmt.Sprintf(`.tongues [lang=%s]`, lang)), chromedp.WaitVisible(fmt.Sprintf(`html[lang=%s] [name=login]`, lang)))
	shoot(t, tab, name+"-1-login")
	fits(t, tab, "log-in")
	run(t, tab, chromedp.SendKeys(`[name=login]`, "amina"), chromedp.SendKeys(`[name=passphrase]`, passphrase), chromedp.Click(`button.main`),
		chromedp.WaitVisible(`#empty`))
	shoot(t, tab, name+"-2-empty")

	// People arrive while the officer looks at the page, which is never reloaded.
	run(t, tab, script(`window.before = true`))
	first := w.arrive(arrival{words: "Bonjour, mon récépissé expire vendredi et la préfecture me dit de revenir en janvier. Est-ce que je peux travailler avec ?",
		answers: map[string]string{"profile": "rpt", "need": "A1", "first-name": "Mariam", "nationality": "ML", "commune": "agadir", "age": "25-34",
			"gender": "f", "work": "employed", "contact": "phone", "phone": "+212612345678", "words": "Mon récépissé expire et je travaille."}})
	n := w.arrivals - 1
	run(t, tab, chromedp.WaitVisible(fmt.Sprintf("#case-%d", first)))
	w.arrive(arrival{lang: content.Darija, urgent: "violence", words: "راجلي كيضربني وما عنديش فين نمشي", answers: map[string]string{"need": "I1", "profile": "other"}, channel: bot.Telegram})
	w.arrive(arrival{lang: content.Arabic, words: "أريد معرفة كيفية الحصول على معاش أبي المتوفى في فرنسا", answers: map[string]string{"need": "G2", "profile": "ad"}})
	w.arrive(arrival{lang: content.English, words: "Hello, is there a school near Inezgane that takes my two children?", answers: map[string]string{"need": "C1", "profile": "rpt"}, channel: bot.WhatsApp})
	taken := w.arrive(arrival{lang: content.Spanish, words: "Necesito el certificado de vida", answers: map[string]string{"need": "G3", "profile": "ret"}})
	if _, err := w.desk.Claim(t.Context(), w.officers["karim"], taken); err != nil {
		t.Fatal(err)
	}
	run(t, tab, chromedp.WaitVisible(`#cases .alarm`), chromedp.WaitVisible(`#cases > :nth-child(4)`))
	if !ask(t, tab, "same page", chromedp.Evaluate[bool](`window.before === true`)) {
		t.Error("the page was reloaded")
	}
	// A tab that is hidden has no stream; shown again, it has missed nothing.
	run(t, tab, script(`Object.defineProperty(document, "hidden", {value: true, configurable: true})`), script(`document.dispatchEvent(new Event("visibilitychange"))`))
	w.arrive(arrival{words: "Je cherche une formation en soudure.", answers: map[string]string{"need": "C2", "profile": "mdm"}})
	run(t, tab, script(`Object.defineProperty(document, "hidden", {value: false})`), script(`document.dispatchEvent(new Event("visibilitychange"))`),
		chromedp.WaitVisible(`#cases > :nth-child(5)`))
	shoot(t, tab, name+"-3-queue")
	fits(t, tab, "the queue")
	run(t, tab, chromedp.Click(`.tabs a:nth-child(3)`), chromedp.WaitVisible(fmt.Sprintf("#case-%d", taken)))
	shoot(t, tab, name+"-4-all")
	run(t, tab, chromedp.Click(fmt.Sprintf("#case-%d a", first)), chromedp.WaitVisible(`.case-head`))
	shoot(t, tab, name+"-5-case-open")
	fits(t, tab, "the case")

	run(t, tab, chromedp.Click(`.verbs button.main`), chromedp.WaitVisible(`.done[data-done=claim]`), chromedp.WaitNotPresent(`.verbs button.main`))
	if c, _, err := w.store.Case(t.Context(), first); err != nil || c.Holder != "Amina El Idrissi" {
		t.Fatalf("claimed: %+v %v", c, err)
	}
	run(t, tab, chromedp.SendKeys(`#words`, "Bonjour Mariam. Oui : avec le récépissé, vous pouvez travailler."), chromedp.Click(`.send`),
		chromedp.WaitVisible(`.done[data-done=reply]`), chromedp.WaitVisible(`li.officer`))
	if typed := ask(t, tab, "what is typed", chromedp.Value(`#words`)); typed != "" {
		t.Errorf("what was sent is still in the field: %q", typed)
	}

	// The person goes on writing and sends a voice note and a picture; what is being typed stays.
	const half = "Je regarde avec la préfec"
	run(t, tab, chromedp.SendKeys(`#words`, half))
	w.relay(n, "Merci ! Je vous envoie une photo du récépissé.", nil)
	w.relay(n, "", &bot.Media{Kind: flows.Image, Mime: "image/jpeg", Data: picture(t), State: bot.MediaReady})
	w.relay(n, "", &bot.Media{Kind: flows.Voice, Mime: "audio/wav", Seconds: 2, Data: tone(), State: bot.MediaReady})
	w.relay(n, "", &bot.Media{Kind: flows.Document, Mime: "application/pdf", Name: "contrat-de-travail.pdf", Size: 184_000, Data: []byte("%PDF-1.4"), State: bot.MediaReady})
	run(t, tab, chromedp.WaitVisible(`li.person audio`), chromedp.WaitVisible(`li.person img`), chromedp.WaitVisible(`li.person .doc`))
	if typed := ask(t, tab, "what is typed", chromedp.Value(`#words`)); typed != half {
		t.Errorf("a live update changed what was being typed: %q", typed)
	}
	run(t, tab, until(`[...document.querySelectorAll("li.person img")].every(i => i.complete && i.naturalWidth > 0)`),
		script(`document.querySelector("li.person audio").play()`),
		until(`document.querySelector("li.person audio").currentTime > 0`))
	// A voice is recorded in place and sent.
	run(t, tab, script(`document.querySelector("#words").value = ""`), chromedp.Click(`.record`), chromedp.WaitVisible(`.record.on`), chromedp.Sleep(1200*time.Millisecond),
		chromedp.Click(`.record.on`), chromedp.WaitVisible(`.chosen audio`))
	shoot(t, tab, name+"-6-recorded")
	run(t, tab, chromedp.Click(`.send`), chromedp.WaitVisible(`li.officer audio`))

	// The page follows the newest line, so what is to be pressed may move: pressed by what it is, not by where it was.
	run(t, tab, script(`document.querySelector("details.act[data-form=note] summary").click()`), chromedp.WaitVisible(`[data-form=note] textarea`), chromedp.SendKeys(`[data-form=note] textarea`, "Appeler la préfecture lundi matin, guichet 4."),
		script(`document.querySelector("form[data-form=note] button").click()`), chromedp.WaitVisible(`li.note`))
	shoot(t, tab, name+"-7-case")
	fits(t, tab, "the case with everything")
	run(t, tab, chromedp.ScrollIntoView(`.facts`), script(`document.querySelector(".facts").open = true`), chromedp.ScrollIntoView(`#facts`))
	shoot(t, tab, name+"-8-facts")

	run(t, tab, script(`document.querySelector("details.act:last-of-type summary").click()`), chromedp.WaitVisible(`[name=outcome]`), script(`document.querySelector("[value=oriented]").click()`), chromedp.WaitVisible(`[name=structure]`))
	shoot(t, tab, name+"-9-closing")
	fits(t, tab, "closing")
	run(t, tab, chromedp.Click(`[value=informed]`), chromedp.SendKeys(`form[data-form=close] textarea`, "Bon courage, Mariam."), chromedp.Click(`form[data-form=close] button`),
		chromedp.WaitVisible(`.done[data-done=close]`))
	c, lines, err := w.store.Case(t.Context(), first)
	if err != nil || c.State != bot.StateClosed || c.Outcome != "informed" {
		t.Fatalf("closed: %+v %v", c, err)
	}
	if last := lines[len(lines)-1]; last.Text != "Bon courage, Mariam." && lines[len(lines)-2].Text != "Bon courage, Mariam." {
		t.Errorf("the last words: %+v", last)
	}
	voices := 0
	for _, l := range lines {
		if l.Author == bot.ByOfficer && l.Media != nil && l.Kind == flows.Voice {
			voices++
		}
	}
	if voices != 1 {
		t.Errorf("%d recorded voices were sent", voices)
	}
	shoot(t, tab, name+"-a-closed")
	run(t, tab, chromedp.Navigate(w.url+"/console/cases/424242"), chromedp.WaitVisible(`.problem`))
	shoot(t, tab, name+"-b-problem")
	run(t, tab, chromedp.Navigate(w.url+"/console/account"), chromedp.WaitVisible(`[name=old]`))
	shoot(t, tab, name+"-c-account")
	fits(t, tab, "the account")
}

// TestBrowserTeam: an administrator adds an officer, who is told the passphrase once; and the menu.
func TestBrowserTeam(t *testing.T) {
	w := newWorld(t)
	tab := openBrowser(t, 1280, 800)
	run(t, tab, chromedp.Navigate(w.url+"/console/officers"), chromedp.WaitVisible(`[name=login]`), chromedp.Click(`.tongues [lang=fr]`), chromedp.WaitVisible(`html[lang=fr] [name=login]`),
		chromedp.SendKeys(`[name=login]`, "root"), chromedp.SendKeys(`[name=passphrase]`, passphrase), chromedp.Click(`button.main`), chromedp.WaitVisible(`.people`),
		chromedp.SendKeys(`[name=name]`, "Sara Amrani"), chromedp.SendKeys(`[name=login]`, "sara"), chromedp.Click(`.card .main`), chromedp.WaitVisible(`.secret`))
	shoot(t, tab, "fr-1280-d-team")
	fits(t, tab, "the team")
	run(t, tab, chromedp.EmulateViewport(360, 740), chromedp.Click(`.menu summary`), chromedp.WaitVisible(`.menu nav`))
	shoot(t, tab, "fr-360-d-team")
	fits(t, tab, "the team on a phone")
	run(t, tab, chromedp.Click(`.menu form:last-child button`), chromedp.WaitVisible(`[name=passphrase]`))
}

// picture is a photograph of a sort.
func picture(t *testing.T) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 480, 320))
	for y := range 320 {
		for x := range 480 {
			img.Set(x, y, color.RGBA{uint8(190 - y/4), uint8(170 - x/8), uint8(140 + (x+y)/12), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tone is two seconds of a note as a WAV file.
func tone() []byte {
	const rate, n = 8000, 16000
	var b bytes.Buffer
	b.WriteString("RIFF")
	binary.Write(&b, binary.LittleEndian, uint32(36+n))
	b.WriteString("WAVEfmt ")
	binary.Write(&b, binary.LittleEndian, struct {
		Size             uint32
		Format, Channels uint16
		Rate, Bytes      uint32
		Block, Bits      uint16
	}{16, 1, 1, rate, rate, 1, 8})
	b.WriteString("data")
	binary.Write(&b, binary.LittleEndian, uint32(n))
	for i := range n {
		b.WriteByte(byte(128 + 40*math.Sin(2*math.Pi*440*float64(i)/rate)))
	}
	return b.Bytes()
}

// TestWithoutScript: the forms alone take a case from the queue to its end.
func TestWithoutScript(t *testing.T) {
	w := newWorld(t)
	id := w.arrive(arrival{words: "bonjour"})
	tab := openBrowser(t, 360, 740)
	ask(t, tab, "no script", func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	})
	run(t, tab, chromedp.Navigate(w.url+"/console/"), chromedp.WaitVisible(`[name=login]`),
		chromedp.SendKeys(`[name=login]`, "amina"), chromedp.SendKeys(`[name=passphrase]`, passphrase), chromedp.Click(`button.main`),
		chromedp.Click(fmt.Sprintf("#case-%d a", id)), chromedp.WaitVisible(`#words`))
	shoot(t, tab, "fr-360-noscript")
	run(t, tab, chromedp.SendKeys(`#words`, "Je vous écoute."), chromedp.Click(`.send`), chromedp.WaitVisible(`.done[data-done=reply]`))
	c, lines, err := w.store.Case(t.Context(), id)
	if err != nil || c.State != bot.StateClaimed || !strings.Contains(fmt.Sprint(lines), "Je vous écoute.") {
		t.Errorf("answered without script: %+v %v", c, err)
	}
}
