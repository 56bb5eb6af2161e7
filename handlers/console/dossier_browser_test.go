package console_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"baom/bot"
	"baom/content"
	"baom/handlers/browsertest"
)

// TestBrowserCourse is how a case goes on: its stage, a checklist from an answer and a step that is typed, ticked.
func TestBrowserCourse(t *testing.T) {
	for _, tt := range []struct {
		lang          content.Lang
		width, height int64
	}{{content.French, 1280, 900}, {content.Arabic, 360, 740}} {
		t.Run(fmt.Sprintf("%s-%d", tt.lang, tt.width), func(t *testing.T) {
			w := newWorld(t)
			name := fmt.Sprintf("%s-%d-course", tt.lang, tt.width)
			id := w.arrive(arrival{lang: content.Arabic, words: "زوجي في الخارج ولا يرسل شيئا", answers: map[string]string{"profile": "ad", "need": "B2", "first-name": "فاطمة"}})
			tab := openBrowser(t, tt.width, tt.height)
			enter(t, tab, w, "amina", tt.lang, fmt.Sprintf("/console/cases/%d", id))
			run(t, tab, chromedp.WaitVisible(`#course`), chromedp.Click(`#course .ways button[value=accompany]`), chromedp.WaitVisible(`.done[data-done=stage]`),
				chromedp.WaitVisible(`#course [data-stage=accompanied]`))
			run(t, tab, chromedp.Click(`#course details.act > summary`), chromedp.WaitVisible(`#course [name=answer]`),
				script(`document.querySelector("#course [name=answer]").value = "ad.abandoned-wife"`), chromedp.Click(`#course form[method=get] button`), chromedp.WaitVisible(`.checklist`))
			shoot(t, tab, name+"-1-choose")
			fits(t, tab, "the checklist to choose from")
			run(t, tab, chromedp.Click(`.checklist li:nth-child(2) input`), script(`document.querySelector("[name=doer-0]").value = "office"`), chromedp.Click(`.checklist .main`),
				chromedp.WaitVisible(`.done[data-done=steps]`), chromedp.Click(`#course .step .tick`), chromedp.WaitVisible(`.done[data-done=step]`),
				script(`document.querySelector("#course").scrollIntoView()`), chromedp.WaitVisible(`#course .step.ticked`))
			shoot(t, tab, name+"-2-course")
			fits(t, tab, "the course of a case")
			c, _, err := w.desk.Open(t.Context(), w.officers["amina"], id)
			if done, all := c.Progress(); err != nil || done != 1 || all < 5 || c.Stage != bot.StageAccompanied || c.Steps[0].In(content.Arabic) == c.Steps[0].In(content.French) {
				t.Errorf("%d of %d done in stage %s: %v", done, all, c.Stage, err)
			}
		})
	}
}

// TestBrowserWalkin is an officer who receives people: a form with a mistake comes back as it was, one is sent without a
// connection and arrives once when there is one again, and the case has the code of the receipt.
func TestBrowserWalkin(t *testing.T) {
	for _, tt := range []struct {
		lang          content.Lang
		width, height int64
	}{{content.French, 1280, 900}, {content.Arabic, 360, 740}} {
		t.Run(fmt.Sprintf("%s-%d", tt.lang, tt.width), func(t *testing.T) {
			w := newWorld(t)
			name := fmt.Sprintf("%s-%d-walkin", tt.lang, tt.width)
			tab := openBrowser(t, tt.width, tt.height)
			enter(t, tab, w, "amina", tt.lang, "/console/walkin")
			count := func() int {
				list, err := w.desk.Mine(t.Context(), w.officers["amina"])
				if err != nil {
					t.Fatal(err)
				}
				return len(list)
			}
			fill := func(first, phone string) {
				t.Helper()
				run(t, tab, script(`(() => { const f = document.getElementById("walkin").elements; f.profile.value = "rpt"; f.need.value = "A1"; f.agreed.checked = true; })()`),
					chromedp.SendKeys(`[name=first-name]`, first), chromedp.SendKeys(`[name=phone]`, phone), chromedp.SendKeys(`[name=words]`, "Je cherche du travail à Agadir."))
			}
			run(t, tab, chromedp.WaitVisible(`#walkin`))
			fill("Mariam", "12")
			shoot(t, tab, name+"-1-form")
			fits(t, tab, "the walk-in page")
			run(t, tab, chromedp.Click(`#walkin .main`), chromedp.WaitVisible(`.fault[role=alert]`), chromedp.WaitVisible(`.bad [name=phone]`))
			if first := ask(t, tab, "what was typed", chromedp.Value(`[name=first-name]`)); first != "Mariam" || count() != 0 {
				t.Errorf("%q, %d cases", first, count())
			}
			shoot(t, tab, name+"-2-wrong")

			// Without a connection, and typed again after a reload.
			run(t, tab, chromedp.Navigate(w.url+"/console/walkin"), chromedp.WaitVisible(`#walkin`), script(`localStorage.clear()`), script(`location.reload()`), chromedp.WaitVisible(`#walkin`))
			fill("Awa", "0612345678")
			run(t, tab, script(`location.reload()`), chromedp.WaitVisible(`#walkin`), browsertest.Until(`document.querySelector("[name=first-name]").value === "Awa"`))
			run(t, tab, script(`window.real = window.fetch`), script(`window.fetch = () => Promise.reject(new TypeError("no connection"))`), chromedp.Click(`#walkin .main`), chromedp.WaitVisible(`.kept`),
				browsertest.Until(`document.querySelector("[name=first-name]").value === ""`))
			shoot(t, tab, name+"-3-offline")
			if count() != 0 {
				t.Errorf("%d cases without a connection", count())
			}
			fill("Moussa", "0698765432")
			// The answer to the first sending is lost: it is sent again, and is the same visit.
			run(t, tab, script(`window.fetch = async (...a) => { await window.real(...a); window.fetch = window.real; throw new TypeError("lost"); }`), script(`dispatchEvent(new Event("online"))`),
				browsertest.Until(`window.fetch === window.real`), script(`dispatchEvent(new Event("online"))`), browsertest.Until(`document.querySelector(".kept").hidden`))
			if count() != 1 {
				t.Errorf("%d cases of one visit", count())
			}
			run(t, tab, chromedp.Click(`#walkin .main`), chromedp.WaitVisible(`.code .secret`))
			if count() != 2 {
				t.Errorf("%d cases of two visits", count())
			}
			run(t, tab, script(`document.querySelector(".code").scrollIntoView()`))
			shoot(t, tab, name+"-4-case")
			fits(t, tab, "a case of the desk")
		})
	}
}
