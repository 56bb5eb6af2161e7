package console_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"baom/bot"
	"baom/content"
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
