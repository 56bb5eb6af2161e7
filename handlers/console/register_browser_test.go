package console_test

import (
	"context"
	"fmt"
	"os"
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

// choose puts a file into a form's field.
func choose(t *testing.T, tab context.Context, name string, data []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, tab, chromedp.SetUploadFiles(`[name=file]`, []string{path}))
}

// TestBrowserRegister is a head's end of the month: the register while somebody arrives, last year's Excel taken over, a
// sheet and a receipt, the figures and the report. In French on a wide screen and in Arabic on a phone.
func TestBrowserRegister(t *testing.T) {
	for _, tt := range []struct {
		lang          content.Lang
		width, height int64
	}{{content.French, 1280, 800}, {content.Arabic, 360, 740}} {
		name := fmt.Sprintf("%s-%d", tt.lang, tt.width)
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.past()
			w.month()
			tab := openBrowser(t, tt.width, tt.height)
			run(t, tab, chromedp.Navigate(w.url+"/console/"), chromedp.WaitVisible(`[name=passphrase]`),
				chromedp.Click(fmt.Sprintf(`.tongues [lang=%s]`, tt.lang)), chromedp.WaitVisible(fmt.Sprintf(`html[lang=%s] [name=login]`, tt.lang)),
				chromedp.SendKeys(`[name=login]`, "latifa"), chromedp.SendKeys(`[name=passphrase]`, passphrase), chromedp.Click(`button.main`), chromedp.WaitVisible(`#tabs`))
			registerDay(t, w, tab, "register-"+name)
		})
	}
}

// month fills the office with a month's cases.
func (w *world) month() {
	places := w.desk.Lib().Structures()
	for i := range 34 {
		answers := map[string]string{"profile": []string{"rpt", "rpt", "mdm", "ad", "rpt", "ret"}[i%6], "need": []string{"A1", "D2", "C1", "G2", "A1", "H1", "E1"}[i%7],
			"first-name": []string{"Mariam", "فاطمة", "Ousmane", "Hassan", "Awa"}[i%5], "last-name": []string{"Traoré", "بناني", "Diallo", "Ait Lahcen", "Konaté"}[i%5],
			"nationality": []string{"SN", "MA", "ML", "SN", "CI"}[i%5], "commune": []string{"agadir", "agadir", "ait-melloul"}[i%3], "age": []string{"25-34", "18-24", "35-49", "65+"}[i%4],
			"gender": []string{"f", "m"}[i%2], "work": "farm", "family": "married", "contact": "phone", "phone": "+212612345678",
			"words": "Bonjour, je voudrais savoir quels papiers il faut pour renouveler ma carte de séjour avant la fin du mois."}
		id := w.arrive(arrival{words: answers["words"], answers: answers, lang: []content.Lang{content.French, content.Arabic, content.Darija}[i%3]})
		if i%4 == 3 {
			continue
		}
		who := w.officers["karim"]
		if _, err := w.desk.Claim(w.t.Context(), who, id); err != nil {
			w.t.Fatal(err)
		}
		how := bot.Closing{Outcome: []string{"informed", "accompanied", "oriented"}[i%3]}
		if how.Outcome == "oriented" {
			how.Structure = places[i%2].ID
		}
		if _, err := w.desk.Close(w.t.Context(), who, id, how); err != nil {
			w.t.Fatal(err)
		}
		if i%2 == 0 {
			w.say(w.peers[id], "5", nil, bot.Turn{Case: &bot.CaseChange{Score: 3 + i%3, Comment: []string{"", "Merci, on m'a bien expliqué.", "شكرا جزيلا"}[i%3]}})
		}
	}
}

// past fills earlier months with cases of the office's earlier list.
func (w *world) past() {
	w.t.Helper()
	i := &bot.Import{Office: "agadir", Officer: w.officers["karim"].ID, Sheet: bot.Sheet{Headings: []string{"x"}}}
	if err := w.store.SaveImport(w.t.Context(), i); err != nil {
		w.t.Fatal(err)
	}
	var list []bot.Earlier
	for back, n := range []int{0, 28, 21, 17, 9, 0, 11, 14} {
		now := time.Now().In(w.zone)
		day := time.Date(now.Year(), now.Month()-time.Month(back), 1, 0, 0, 0, 0, w.zone)
		for j := range n {
			list = append(list, bot.Earlier{Opened: day, Closed: day.AddDate(0, 0, 1), State: bot.StateClosed, Outcome: []string{"informed", "accompanied"}[j%2], Lang: content.French,
				Answers: map[string]string{"need": []string{"A1", "D1", "E2", "A1"}[j%4], "profile": []string{"rpt", "mdm"}[j%5/4], "nationality": []string{"SN", "GN", "CI"}[j%3], "gender": []string{"f", "m", "m"}[j%3],
					"commune": "agadir", "age": []string{"25-34", "18-24"}[j%2]}})
		}
	}
	n := uint64(0)
	if err := w.store.TakeOver(w.t.Context(), i.ID, list, func() string { n++; return flows.Reference("AH", n*104729) }); err != nil {
		w.t.Fatal(err)
	}
}

func registerDay(t *testing.T, w *world, tab context.Context, name string) {
	run(t, tab, chromedp.Navigate(w.url+"/console/register"), chromedp.WaitVisible(`#rows`), script(`window.before = true`))
	fresh := w.arrive(arrival{words: "Je viens d'arriver.", answers: map[string]string{"profile": "rpt", "need": "A3", "first-name": "Ibrahima", "last-name": "Sow"}})
	run(t, tab, chromedp.WaitVisible(fmt.Sprintf("#row-%d", fresh)))
	if !ask(t, tab, "same page", chromedp.Evaluate[bool](`window.before === true`)) {
		t.Error("the register was reloaded")
	}
	shoot(t, tab, name+"-1-register")
	fits(t, tab, "the register")
	run(t, tab, chromedp.Navigate(w.url+"/console/register?need=K1"), chromedp.WaitVisible(`#empty`))
	shoot(t, tab, name+"-2-empty")

	run(t, tab, chromedp.Navigate(w.url+"/console/imports"), chromedp.WaitVisible(`[name=file]`))
	shoot(t, tab, name+"-3-imports")
	fits(t, tab, "the imports")
	choose(t, tab, "registre.xlsx", listOf2026(t))
	run(t, tab, chromedp.Click(`form.card .main`), chromedp.WaitVisible(`.fates`))
	shoot(t, tab, name+"-4-plan")
	fits(t, tab, "the plan of an import")
	run(t, tab, chromedp.Click(`.fates [href="?show=duplicate"]`), chromedp.WaitVisible(`[name=twin]`), chromedp.ScrollIntoView(`.fates-part`))
	shoot(t, tab, name+"-5-duplicates")
	run(t, tab, chromedp.Click(`.fates [href="?show=faulty"]`), chromedp.WaitVisible(`td.why`), chromedp.ScrollIntoView(`.fates-part`))
	shoot(t, tab, name+"-6-faulty")
	fits(t, tab, "the fates")
	run(t, tab, chromedp.Click(`[name=faulty]`), chromedp.ScrollIntoView(`section.card button.main`))
	shoot(t, tab, name+"-7-take")
	run(t, tab, chromedp.Click(`section.card button.main`), chromedp.WaitVisible(`.done[data-done=imported]`))
	shoot(t, tab, name+"-8-taken")
	n := -100 // of earlier months
	for k, err := range w.store.List(t.Context(), bot.Selection{}) {
		if err != nil {
			t.Fatal(err)
		}
		if k.Channel == bot.Imported {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d cases were taken over, want 2", n)
	}

	run(t, tab, chromedp.Navigate(w.url+"/console/figures"), chromedp.WaitVisible(`.tiles`))
	shoot(t, tab, name+"-9-figures")
	fits(t, tab, "the figures")
	run(t, tab, chromedp.Navigate(fmt.Sprintf("%s/console/figures?month=%d", w.url, time.Now().Month())), chromedp.WaitVisible(`.tables`), chromedp.ScrollIntoView(`.tables`),
		script(`document.querySelector(".tables details").open = true`))
	shoot(t, tab, name+"-a-tables")
	fits(t, tab, "the tables")
	run(t, tab, chromedp.ScrollIntoView(`.said-words`))
	shoot(t, tab, name+"-b-words")
	run(t, tab, chromedp.Navigate(w.url+"/console/report"), chromedp.WaitVisible(`.print`))
	shoot(t, tab, name+"-c-report")
	fits(t, tab, "the report")

	id := w.arrive(arrival{words: "طلب", lang: content.Darija, answers: map[string]string{"profile": "ad", "need": "G2", "first-name": "فاطمة", "last-name": "بناني", "gender": "f", "nationality": "MA",
		"commune": "agadir", "age": "50-64", "phone": "+212612345678", "contact": "phone", "words": "توفي زوجي في فرنسا وأريد معاش الأرملة."}})
	run(t, tab, chromedp.Navigate(fmt.Sprintf("%s/console/cases/%d/sheet", w.url, id)), chromedp.WaitVisible(`.print`))
	shoot(t, tab, name+"-d-sheet")
	fits(t, tab, "the sheet")
	paper(t, tab, name+"-d-sheet")
	run(t, tab, chromedp.Navigate(fmt.Sprintf("%s/console/cases/%d/receipt", w.url, id)), chromedp.WaitVisible(`.receipt`))
	shoot(t, tab, name+"-e-receipt")
	fits(t, tab, "the receipt")
	paper(t, tab, name+"-e-receipt")
}

// paper shows a page as it prints: what is for the screen alone is gone.
func paper(t *testing.T, tab context.Context, name string) {
	t.Helper()
	media := func(kind string) {
		ask(t, tab, "media "+kind, func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
			return cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: kind})
		})
	}
	media("print")
	if seen := ask(t, tab, "what prints", chromedp.Evaluate[string](`document.body.innerText`)); strings.Contains(seen, "PDF") {
		t.Errorf("%s: the bar for the screen prints", name)
	}
	media("")
}
