package webchat_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"baom/bot"
	"baom/content"
	"baom/handlers/browsertest"
	"baom/handlers/webchat"
)

// call has a tab's browser do something.
func call[P, R any](tab *browsertest.Tab, c cdp.Command[P, R], params P) {
	browsertest.Ask(tab, c.Method, func(ctx context.Context, target *chromedp.Target) (R, error) { return cdp.Call(ctx, target, c, params) })
}

func evaluate[T any](tab *browsertest.Tab, expression string) T {
	return browsertest.Ask(tab, expression, chromedp.Evaluate[T](expression))
}

// until waits for an expression to be true.
func until(tab *browsertest.Tab, expression string) {
	browsertest.Ask(tab, expression, browsertest.Until(expression))
}

// watched opens a browser that notes what goes against the page's policy, and every error of its script.
func watched(t *testing.T, lang string, width, height int64) *browsertest.Tab {
	tab := browsertest.Open(t, lang, width, height)
	call(tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `window.faults = [];
		addEventListener("error", e => faults.push(e.message || "cannot load " + e.target.src), true);
		addEventListener("unhandledrejection", e => faults.push(String(e.reason)));
		addEventListener("securitypolicyviolation", e => faults.push(e.violatedDirective + " " + e.blockedURI));`})
	return tab
}

// well fails if the page is wider than the screen, a target is too small, a text too small, or the browser had to complain.
func well(t *testing.T, tab *browsertest.Tab, where string) {
	t.Helper()
	tab.Fits(where)
	if faults := evaluate[[]string](tab, `window.faults`); len(faults) > 0 {
		t.Errorf("%s: %q", where, faults)
	}
	small := evaluate[[]string](tab, `[...document.querySelectorAll("button,summary,textarea,header a,.file,.tool")].filter(e => e.checkVisibility()).filter(e => { let r = e.getBoundingClientRect(); return r.width < 44 || r.height < 44; }).map(e => e.outerHTML.slice(0, 80))`)
	if len(small) > 0 {
		t.Errorf("%s: targets are small: %q", where, small)
	}
	if n := evaluate[int](tab, `[...document.querySelectorAll(".bubble, button:not(.tool), textarea, .begin p")].filter(e => e.offsetParent && parseFloat(getComputedStyle(e).fontSize) < 16).length`); n > 0 {
		t.Errorf("%s: %d texts are small", where, n)
	}
}

// photograph puts a picture into the page's file field, as choosing one does.
const photograph = `void (async () => { let c = document.createElement("canvas"); c.width = 3000; c.height = 2000; let g = c.getContext("2d"), l = g.createLinearGradient(0, 0, 0, 2000);
	l.addColorStop(0, "#7db3d6"); l.addColorStop(.55, "#f0dcb8"); l.addColorStop(1, "#b5763c"); g.fillStyle = l; g.fillRect(0, 0, 3000, 2000);
	g.fillStyle = "#8a5a34"; g.beginPath(); g.moveTo(0, 1500); g.lineTo(900, 800); g.lineTo(1700, 1450); g.lineTo(2400, 950); g.lineTo(3000, 1500); g.lineTo(3000, 2000); g.lineTo(0, 2000); g.fill();
	let b = await new Promise(r => c.toBlob(r, "image/jpeg")), t = new DataTransfer(); t.items.add(new File([b], "IMG_2041.JPG", {type: "image/jpeg"}));
	let f = document.querySelector("[name=file]"); f.files = t.files; f.dispatchEvent(new Event("change")); })()`

// TestBrowser is a conversation in a real browser, in French and Arabic, on a phone and a wide screen: choose a
// language, agree, write, press, send a photograph, a voice and a place, be answered by an officer, and leave.
func TestBrowser(t *testing.T) {
	for _, tt := range []struct {
		lang          content.Lang
		width, height int64
		words, reply  string
	}{
		{content.French, 360, 740, "Bonjour, mon récépissé expire vendredi. Est-ce que je peux continuer à travailler ?", "Bonjour, oui : avec le récépissé vous pouvez travailler.\n\nAppelez-moi au 05 28 84 00 00 avant vendredi."},
		{content.Arabic, 360, 740, "السلام عليكم، وصل الإقامة ينتهي يوم الجمعة. هل يمكنني العمل ؟", "وعليكم السلام، نعم : يمكنكم العمل بالوصل.\n\nاتصلوا بي على 05 28 84 00 00 قبل الجمعة."},
		{content.French, 1280, 800, "Bonjour, mon récépissé expire vendredi.", "Bonjour, oui : avec le récépissé vous pouvez travailler."},
		{content.Arabic, 1280, 800, "وصل الإقامة ينتهي يوم الجمعة.", "نعم : يمكنكم العمل بالوصل."},
	} {
		name := fmt.Sprintf("%s-%d", tt.lang, tt.width)
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			tab := watched(t, string(tt.lang), tt.width, tt.height)
			label := func(id string) string { return w.lib.Label(id, tt.lang) }
			shoot := func(what string) {
				t.Helper()
				well(t, tab, what)
				tab.Shoot("webchat-" + name + "-" + what)
			}
			tab.Run(chromedp.Navigate(w.url + "/"))
			until(tab, fmt.Sprintf(`document.documentElement.lang === %q && getComputedStyle(document.body).direction === %q`, tt.lang, tt.lang.Dir()))
			shoot("1-first")
			tab.Click("summary")
			shoot("2-menu")
			tab.Click("summary")
			tab.Press(tt.lang.Name())
			tab.Sees(label("consent.yes"))
			shoot("3-consent")
			tab.Press(label("consent.yes"))
			tab.Press(label("menu.officer"))
			until(tab, `document.querySelectorAll("li.bot").length === 3`)
			tab.Type("textarea", tt.words)
			tab.Click("#composer .send")
			until(tab, `document.querySelectorAll("li.bot").length === 4 && !document.querySelector("[data-key]")`)

			tab.Run(chromedp.Evaluate[chromedp.Void](photograph))
			until(tab, `!document.querySelector("#chosen").hidden && document.querySelector("#chosen img").naturalWidth === 2000`)
			shoot("4-chosen")
			tab.Click("#composer .send")
			until(tab, `document.querySelector("li[data-id] img") !== null && document.querySelector("li[data-id] img").naturalWidth === 2000`)

			call(tab, emulation.SetGeolocationOverride, emulation.SetGeolocationOverrideParams{Latitude: new(30.42), Longitude: new(-9.6), Accuracy: new(10.0)})
			evaluate[bool](tab, `(navigator.geolocation.getCurrentPosition = f => f({coords: {latitude: 30.42, longitude: -9.6}}), true)`) // without the browser's own question
			tab.Click("#place")
			until(tab, `document.querySelector("li.me[data-id] .file") !== null`)

			tab.Click("#voice")
			until(tab, `document.querySelector("#recording output").textContent === "0:02"`)
			shoot("5-recording")
			tab.Click("#keep")
			until(tab, `(a => a && a.readyState > 0)(document.querySelector("li[data-id] audio"))`)
			tab.Click("#voice")
			until(tab, `document.querySelector("#recording output").textContent === "0:01"`)
			tab.Click("#drop")

			w.officer(tt.reply)
			until(tab, `document.querySelector("li.officer .name") !== null`)
			if got := evaluate[string](tab, `document.querySelector("li.officer .name").innerText`); !strings.HasPrefix(got, "Amina") || strings.Contains(got, "Idrissi") {
				t.Errorf("the officer is called %q", got)
			}
			shoot("6-officer")
			if n := evaluate[int](tab, `document.querySelectorAll("li audio").length`); n != 1 {
				t.Errorf("%d recordings were sent", n)
			}
			// What is on the page is what the record holds, in its order.
			tab.Run(chromedp.ScrollIntoView("#lines > li:nth-child(8)"))
			shoot("7-middle")
			before := evaluate[string](tab, `[...document.querySelectorAll("#lines > li")].map(l => l.id).join(" ")`)
			tab.Run(chromedp.Reload())
			until(tab, `document.readyState === "complete" && document.querySelector("li.officer") !== null`)
			if after := evaluate[string](tab, `[...document.querySelectorAll("#lines > li")].map(l => l.id).join(" ")`); after != before {
				t.Errorf("the page showed %s, loaded again %s", before, after)
			}
			tab.Click("summary")
			tab.Press(label("web.leave"))
			tab.Sees(content.Plain(w.lib.Page("web.left", tt.lang, nil)))
			shoot("8-left")
			if evaluate[int](tab, `document.querySelectorAll("#lines > li").length + sessionStorage.length`) != 0 {
				t.Error("something of the conversation stayed")
			}
		})
	}
}

// officer answers the case that is open.
func (w *world) officer(reply string) {
	w.t.Helper()
	who := &bot.Officer{Login: "amina", Name: "Amina El Idrissi", Role: bot.RoleOfficer, Office: "agadir"}
	if err := w.store.SaveOfficer(w.t.Context(), who); err != nil {
		w.t.Fatal(err)
	}
	who, err := w.store.OfficerByLogin(w.t.Context(), "amina")
	if err != nil {
		w.t.Fatal(err)
	}
	desk := &bot.Desk{Cases: w.store, Questions: w.store, Register: w.store, Imports: w.store, Meetings: w.store, Now: time.Now, Lib: func() *content.Library { return w.lib }}
	list, err := desk.Queue(w.t.Context(), who, bot.Query{})
	if err != nil || len(list) != 1 {
		w.t.Fatalf("the queue: %v %v", list, err)
	}
	if _, err := desk.Reply(w.t.Context(), who, list[0].ID, reply, nil); err != nil {
		w.t.Fatal(err)
	}
}

// TestOffline: the network goes away in the middle of a conversation and comes back. Nothing is lost, nothing comes
// twice, and the person is told in words how far each message has come.
func TestOffline(t *testing.T) {
	w := newWorld(t, nil)
	tab := watched(t, "fr", 360, 740)
	tab.Run(chromedp.Navigate(w.url + "/"))
	tab.Type("textarea", "premier")
	tab.Click("#composer .send")
	tab.Sees("écho premier")
	w.away.Store(true)
	w.server.CloseClientConnections()
	tab.Type("textarea", "dans le tunnel")
	tab.Click("#composer .send")
	tab.Type("textarea", "encore dans le tunnel\n<b>deux</b> lignes")
	tab.Click("#composer .send")
	waiting := w.lib.Label("web.waiting", content.French)
	until(tab, fmt.Sprintf(`[...document.querySelectorAll("[data-key] .said")].map(e => e.textContent).join() === %q && !document.querySelector("#state").hidden`, waiting+","+waiting))
	tab.Sees(content.Plain(w.lib.Page("web.offline", content.French, nil)))
	tab.Shoot("webchat-fr-360-9-offline")
	// What is waiting outlives the page itself.
	w.away.Store(false)
	tab.Run(chromedp.Reload())
	tab.Sees("écho encore dans le tunnel")
	until(tab, `!document.querySelector("[data-key]") && document.querySelector("#state").hidden`)
	// An answer that is lost is asked for again; what it acknowledged is not sent twice.
	w.lost.Store(1)
	tab.Type("textarea", "après")
	tab.Click("#composer .send")
	tab.Sees("écho après")
	until(tab, `!document.querySelector("[data-key]")`)
	said := evaluate[[]string](tab, `[...document.querySelectorAll("#lines > li")].map(l => l.className.split(" ")[0] + " " + l.querySelector(".bubble").innerText.split("\n").slice(1).join(" ").trim())`)
	if got := strings.Join(said, "|"); strings.Count(got, "me premier") != 1 || strings.Count(got, "me dans le tunnel") != 1 || strings.Count(got, "me encore dans le tunnel <b>deux</b> lignes") != 1 || strings.Count(got, "me après") != 1 || len(said) != 8 {
		t.Errorf("the conversation is %q", got)
	}
	if n := evaluate[int](tab, `document.querySelectorAll("li.open").length`); n != 1 {
		t.Errorf("%d lines offer their choices", n)
	}
}

// TestQuickExit: one press leads away, and neither going back nor another tab shows the conversation.
func TestQuickExit(t *testing.T) {
	w := newWorld(t, func(c *webchat.Config) { c.Exit = "http://127.0.0.1:9/" })
	tab := watched(t, "fr", 360, 740)
	tab.Run(chromedp.Navigate(w.url + "/"))
	tab.Type("textarea", "il me frappe")
	tab.Click("#composer .send")
	tab.Sees("écho il me frappe")
	tab.Click(".exit")
	until(tab, `location.protocol === "chrome-error:" || location.port === "9"`)
	tab.Run(chromedp.Navigate(w.url + "/"))
	until(tab, `document.querySelector(".begin") !== null`)
	if strings.Contains(evaluate[string](tab, `document.body.innerText`), "frappe") {
		t.Error("the conversation is still shown")
	}
}

// TestEmbedded: the script puts a button on another site's page that opens the chat within it.
func TestEmbedded(t *testing.T) {
	w := newWorld(t, nil)
	tab := watched(t, "fr", 1280, 800)
	tab.Run(chromedp.Navigate(w.url + "/a-site"))
	until(tab, `document.querySelector("button[aria-expanded=false]") !== null`)
	evaluate[bool](tab, `(document.querySelector("button").click(), true)`)
	until(tab, `(f => f && f.contentDocument && f.contentDocument.documentElement.lang === "ar" && f.contentDocument.querySelector(".begin") !== null)(document.querySelector("iframe"))`)
	tab.Shoot("webchat-ar-1280-embedded")
	evaluate[bool](tab, `(document.querySelector("iframe").contentDocument.querySelector("[value='lang.ar']").click(), true)`)
	until(tab, fmt.Sprintf(`document.querySelector("iframe").contentDocument.body.innerText.includes(%q)`, w.lib.Label("consent.yes", content.Arabic)))
}

// TestBrowserWithoutScript: the forms alone carry a conversation.
func TestBrowserWithoutScript(t *testing.T) {
	w := newWorld(t, nil)
	tab := browsertest.Open(t, "fr", 360, 740)
	call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	tab.Run(chromedp.Navigate(w.url+"/"), chromedp.WaitVisible(`noscript .button`))
	tab.Shoot("webchat-fr-360-noscript-1-first")
	tab.Run(chromedp.Click(`.begin [value="lang.fr"]`), chromedp.WaitVisible(`.open [value="consent.yes"]`),
		chromedp.SendKeys(`#composer [name=text]`, "bonjour"), chromedp.Click(`#composer .send`), chromedp.WaitVisible(`.open [value="menu.menu"]`))
	tab.Sees("écho bonjour")
	tab.Fits("the page without script")
	tab.Shoot("webchat-fr-360-noscript-2-answered")
}
