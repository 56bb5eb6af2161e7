package console_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// wonder makes somebody ask something in vain.
func (w *world) wonder(n int, l content.Lang, text string, outcomes ...string) {
	w.t.Helper()
	p := bot.Peer{Channel: bot.Web, ID: fmt.Sprint("wonders-", n)}
	if _, err := w.store.Receive(w.t.Context(), bot.Entry{Peer: p, Key: "web:1", Input: flows.Input{Text: text}}); err != nil {
		w.t.Fatal(err)
	}
	err := w.store.Turn(w.t.Context(), func(s flows.Session, e bot.Entry) bot.Turn {
		t := bot.Turn{Session: flows.Session{Lang: l, Consent: "yes"}}
		for _, o := range outcomes {
			t.Asked = append(t.Asked, flows.Asked{Question: text, Lang: l, Outcome: o, Need: "F2"})
		}
		return t
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// TestBrowserQuestions: a head sees what people asked in vain, answers several at once, and keeps the draft; an officer
// sees who waits and does not write to people of every office.
func TestBrowserQuestions(t *testing.T) {
	for lang, width := range map[content.Lang]int64{content.French: 1280, content.Arabic: 360} {
		t.Run(string(lang), func(t *testing.T) {
			w := newWorld(t)
			w.wonder(1, content.French, "Je veux envoyer un colis à ma mère, la douane demande quoi ?", flows.AskDeclined, flows.AskWished)
			w.wonder(2, content.Darija, "bghit nsift colis l mama, chno katteleb la douane", flows.AskDeclined, flows.AskWished)
			w.wonder(3, content.French, "envoyer colis douane mère", flows.AskUseless)
			w.wonder(4, content.Arabic, "متى يفتح السوق الأسبوعي", flows.AskDeclined)
			tab := openBrowser(t, width, 800)
			name := fmt.Sprintf("%s-%d-questions", lang, width)
			run(t, tab, chromedp.Navigate(w.url+"/console/questions"), chromedp.WaitVisible(`[name=login]`), chromedp.Click(fmt.Sprintf(`.tongues [lang=%s]`, lang)),
				chromedp.WaitVisible(fmt.Sprintf(`html[lang=%s] [name=login]`, lang)), chromedp.SendKeys(`[name=login]`, "latifa"), chromedp.SendKeys(`[name=passphrase]`, passphrase),
				chromedp.Click(`button.main`), chromedp.WaitVisible(`.clusters`))
			shoot(t, tab, name+"-1")
			b := w.browser("amina")
			if n := len(all(b.page("/console/questions"), func(n *html.Node) bool {
				return n.Data == "form" && strings.HasPrefix(attr(n, "data-draft"), "question-")
			})); n != 1 {
				t.Errorf("an officer may answer %d groups of questions, not the one for which nobody waits", n)
			}
			fits(t, tab, "the questions")
			run(t, tab, chromedp.SendKeys(`[name=title]`, "Envoyer un colis au Maroc"), chromedp.SendKeys(`textarea[name=text]`, "Demandez la liste à **la douane**."),
				script(`document.querySelector(".clusters form .main").click()`), chromedp.WaitVisible(`.done[data-done=written]`))
			shoot(t, tab, name+"-2")
			fits(t, tab, "what was written")
			list, err := w.store.Written(t.Context())
			if err != nil || len(list) != 1 || list[0].Told == 0 || list[0].Title != "Envoyer un colis au Maroc" {
				t.Errorf("written: %+v, %v", list, err)
			}
		})
	}
}
