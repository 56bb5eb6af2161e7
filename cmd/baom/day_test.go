package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/xuri/excelize/v2"

	"baom/bot"
	"baom/handlers/browsertest"
	"baom/handlers/console"
	"baom/handlers/telegram/telegramtest"
	"baom/handlers/whatsapp/whatsapptest"
)

var referenceOf = regexp.MustCompile(`[A-Z]{2}-[0-9A-Z]{4}-[0-9]{2}`)

// appoint makes an officer and opens the console as that officer, in a language and on a screen of that width.
func (r *running) appoint(t *testing.T, login, name, role, office, lang string, width int64) *browsertest.Tab {
	t.Helper()
	hash, err := console.HashPassphrase(adminPass)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.store.SaveOfficer(t.Context(), &bot.Officer{Login: login, Name: name, Role: role, Office: office, Hash: hash}); err != nil {
		t.Fatal(err)
	}
	tab := browsertest.Open(t, lang, width, 800)
	tab.Run(chromedp.Navigate(r.url+"/console/login"), chromedp.WaitVisible(`[name=passphrase]`), chromedp.Evaluate[chromedp.Void](`window.left = true, void 0`))
	tab.Click(fmt.Sprintf(".tongues [lang=%s]", lang))
	tab.Run(browsertest.Until(fmt.Sprintf(`document.readyState === "complete" && document.documentElement.lang === %q && !window.left`, lang)))
	tab.Run(chromedp.SendKeys(`[name=login]`, login), chromedp.SendKeys(`[name=passphrase]`, adminPass), chromedp.Click(`button.main`), chromedp.WaitVisible(`#tabs`))
	return tab
}

// lastYear is the list of visits that an office kept in Excel, twenty of them in that year.
func lastYear(t *testing.T, year int) string {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	rows := [][]any{{"Registre des visites"}, {"N°", "Date d'accueil", "Nom et prénom", "Sexe", "Nationalité", "Catégorie", "Motif", "Suite donnée"}}
	for i := range 20 {
		rows = append(rows, []any{i + 1, time.Date(year, time.Month(1+i%12), 3+i, 0, 0, 0, 0, time.UTC), fmt.Sprintf("Personne Inventée %c", 'A'+i), []string{"F", "H"}[i%2], []string{"Malienne", "Sénégal"}[i%2], "migrant", []string{"A1", "C1"}[i%2], "informé"})
	}
	for i, row := range rows {
		if err := f.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "registre.xlsx")
	if err := f.SaveAs(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOfficersDay is a whole day at an office with two officers at once: Amina in French at a desk, Latifa, who leads the
// office, in Arabic on a telephone. Twelve people arrive on three channels; some are answered, one is passed on to another
// office, last year's Excel is taken over, a sheet is printed, and the month's figures are made for the council.
func TestOfficersDay(t *testing.T) {
	api, wa := telegramtest.New(t), whatsapptest.New(t)
	phone := wa.Account("212528000001", "90000000000001", "BAOM Agadir")
	r := serveOn(t, wa.HTTPClient(), append(quick, "BAOM_TELEGRAM_TOKEN="+api.Token, "BAOM_TELEGRAM_API_URL="+api.URL)...)
	linkByCode(t, wa, phone, r)
	amina := r.appoint(t, "amina", "Amina El Idrissi", bot.RoleOfficer, "agadir", "fr", 1280)
	amina.Shoot("day-01-nobody-yet")
	latifa := r.appoint(t, "latifa", "Latifa Bennani", bot.RoleHead, "agadir", "ar", 360)

	// Five on Telegram.
	var people []*telegramtest.Person
	var telegram []string // their references
	for i, words := range []string{"Mon récépissé expire vendredi.", "Mon patron ne me paie pas depuis deux mois.", "Je cherche une école pour ma fille.", "Je veux apprendre la soudure.", "Mon bébé a de la fièvre."} {
		p := api.Person(int64(100+i), "fr")
		p.Send("/start")
		p.Expect("Choisissez votre langue")
		p.Press("Français")
		p.Expect("Êtes-vous d'accord")
		p.Press("Oui, d'accord")
		p.Expect("Que voulez-vous faire")
		p.Press("Parler à un agent")
		p.Expect("Dans quelle commune")
		p.Press("Agadir")
		p.Expect("Que voulez-vous dire")
		p.Send(words)
		people, telegram = append(people, p), append(telegram, referenceOf.FindString(p.Expect("Votre référence").Text))
	}
	// Three on WhatsApp.
	var callers []*whatsapptest.Person
	var whatsapp []string
	for i, words := range []string{"Je suis rentré d'Italie pour de bon.", "Mon père a travaillé trente ans en France.", "Mon passeport est perdu."} {
		p := wa.Person(fmt.Sprintf("3360000010%d", i), fmt.Sprintf("9000000000010%d", i), "Quelqu'un")
		for _, step := range [][2]string{{"👋", "Choisissez votre langue"}, {"Français", "Êtes-vous d'accord"}, {"1", "Que voulez-vous faire"}, {"Parler à un agent", "Dans quelle commune"}, {"Agadir", "Que voulez-vous dire"}} {
			p.Say(phone, step[0])
			p.Expect(step[1])
		}
		p.Say(phone, words)
		callers, whatsapp = append(callers, p), append(whatsapp, referenceOf.FindString(whatsapptest.Text(p.Expect("Votre référence"))))
	}
	// Four on the page: three without a browser to look at, one in Arabic on a telephone.
	for range 3 {
		cookie := ""
		for _, step := range [][2]string{{"choice", "lang.fr"}, {"choice", "consent.yes"}, {"choice", "menu.officer"}, {"choice", "commune.agadir"}, {"text", "Je voudrais parler à quelqu'un de mon logement."}} {
			cookie = say(t, r.url, cookie, step[0], step[1])
		}
	}
	visitor := browsertest.Open(t, "ar", 360, 740)
	visitor.Run(chromedp.Navigate(r.url + "/"))
	visitor.Press("العربية")
	visitor.Press("نعم، موافق")
	visitor.Press("التحدث مع موظف")
	visitor.Click(`li:last-child [value="commune.agadir"]`)
	visitor.Run(browsertest.Until(`document.querySelector("li:last-child [value=skip]") !== null`))
	visitor.Type("textarea", "زوجي المهاجر لا يرسل لنا شيئا منذ سنة")
	visitor.Click("#composer .send")
	visitor.Run(browsertest.Until(`/[A-Z]{2}-[0-9A-Z]{4}-[0-9]{2}/.test(document.body.innerText)`))
	visitor.Shoot("day-02-visitor-ar")
	arabic := referenceOf.FindString(browsertest.Ask(visitor, "reference", chromedp.Evaluate[string](`document.body.innerText`)))

	// Both see all twelve, without having loaded the page again.
	for name, tab := range map[string]*browsertest.Tab{"fr": amina, "ar": latifa} {
		tab.Run(browsertest.Until(`document.querySelectorAll("#cases > li").length === 12`))
		tab.Shoot("day-03-queue-" + name)
		tab.Fits("the queue")
	}

	// Amina takes the first case; Latifa, who had it before her eyes, is told so and takes the Arabic one.
	r.open(amina, telegram[0])
	r.open(latifa, telegram[0])
	amina.Click(".verbs button.main")
	amina.Run(browsertest.Until(`document.querySelector(".verbs button.main") === null && document.querySelector("#words") !== null`))
	latifa.Run(browsertest.Until(`document.querySelector(".state").textContent.includes("Amina")`))
	latifa.Shoot("day-04-taken-by-amina-ar")
	amina.Type("#words", "Bonjour. Oui, vous pouvez travailler avec le récépissé. Passez jeudi à 9 h.")
	amina.Click(".send")
	people[0].Expect("Amina")
	people[0].Expect("Passez jeudi")
	people[0].Photo([]byte("\xff\xd8\xff\xe0 une photo"), "voici mon contrat")
	amina.Sees("voici mon contrat")
	amina.Click("details:has(form[data-form=note]) > summary")
	amina.Type("form[data-form=note] textarea", "Préparer la liste des pièces.")
	amina.Click("form[data-form=note] button")
	amina.Run(browsertest.Until(`document.querySelector("li.note") !== null`))
	amina.Shoot("day-05-case-fr")
	amina.Fits("the case")
	r.queue(latifa)
	r.open(latifa, arabic)
	latifa.Click(".verbs button.main")
	latifa.Run(browsertest.Until(`document.querySelector(".verbs button.main") === null && document.querySelector("#words") !== null`))
	latifa.Type("#words", "السلام عليكم، نحن معكم. هل يمكنكم المجيء إلى المكتب؟")
	latifa.Click(".send")
	latifa.Run(browsertest.Until(`document.querySelector("li.officer") !== null`))
	visitor.Sees("نحن معكم")
	latifa.Shoot("day-06-case-ar")
	latifa.Fits("the case in Arabic")

	// A sheet is printed for the file.
	sheet := browsertest.Ask(amina, "the sheet's address", chromedp.Evaluate[string](`document.querySelector("a[href$='/sheet']").href`))
	amina.Run(chromedp.Navigate(sheet), chromedp.WaitVisible(`.head`))
	amina.Sees(telegram[0])
	amina.Shoot("day-07-sheet")
	pdf := browsertest.Ask(amina, "print", func(ctx context.Context, target *chromedp.Target) (page.PrintToPDFResult, error) {
		return cdp.Call(ctx, target, page.PrintToPDF, page.PrintToPDFParams{})
	})
	if !bytes.HasPrefix(pdf.Data, []byte("%PDF-")) || len(pdf.Data) < 5000 {
		t.Errorf("the printed sheet has %d bytes", len(pdf.Data))
	}
	if dir := os.Getenv("BAOM_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, "day-07-sheet.pdf"), pdf.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}

	// One on WhatsApp is helped to the end, and says how it was.
	r.queue(amina)
	r.open(amina, whatsapp[0])
	amina.Click(".verbs button.main")
	amina.Run(browsertest.Until(`document.querySelector("#words") !== null && document.querySelector(".verbs button.main") === null`))
	amina.Type("#words", "Bonjour. La CNSS d'Agadir transmet votre dossier en Italie.")
	amina.Click(".send")
	callers[0].Expect("La CNSS d'Agadir")
	amina.Click("details:has(form[data-form=close]) > summary")
	amina.Click("[name=outcome][value=informed]")
	amina.Click("form[data-form=close] > button")
	callers[0].Expect("Le service vous a plu")
	callers[0].Say(phone, "5")
	callers[0].Expect("ajouter un mot")

	r.passOn(t, latifa, telegram[4], people[4])

	// Last year's list is taken over, on the telephone, in Arabic.
	now := time.Now()
	latifa.Run(chromedp.Navigate(r.url+"/console/imports"), chromedp.WaitVisible(`[name=file]`), chromedp.SetUploadFiles(`[name=file]`, []string{lastYear(t, now.Year()-1)}))
	latifa.Click("form.card .main")
	latifa.Run(chromedp.WaitVisible(`.fates`))
	latifa.Shoot("day-09-import-ar")
	latifa.Fits("the import")
	latifa.Click("section.card button.main")
	latifa.Run(chromedp.WaitVisible(`.done[data-done=imported]`))
	latifa.Shoot("day-10-imported-ar")

	// The figures of the month for the council: what has fewer than five behind it is not told.
	amina.Run(chromedp.Navigate(fmt.Sprintf("%s/console/figures?month=%d", r.url, now.In(zone()).Month())), chromedp.WaitVisible(`.tiles`))
	amina.Run(browsertest.Until(`document.querySelector(".tiles dd").textContent.trim() === "11"`)) // the twelve but for the one that went to Tiznit
	amina.Shoot("day-11-figures-fr")
	amina.Fits("the figures")
	latifa.Run(chromedp.Navigate(r.url+"/console/report"), chromedp.WaitVisible(`.head`))
	latifa.Shoot("day-12-report-ar")
	latifa.Fits("the report")
	cases := 0
	for k, err := range r.store.List(t.Context(), bot.Selection{}) {
		if err != nil {
			t.Fatal(err)
		}
		cases++
		if k.Reference == whatsapp[0] && k.Outcome != "informed" || k.Reference == telegram[4] && k.Office == "agadir" {
			t.Errorf("at the end of the day: %+v", k)
		}
	}
	if cases != 32 {
		t.Errorf("%d cases at the end of the day, want the twelve and last year's twenty", cases)
	}
}

// queue leads back to who waits.
func (r *running) queue(tab *browsertest.Tab) {
	tab.Run(chromedp.Navigate(r.url+"/console/"), chromedp.WaitVisible(`#tabs`))
}

// open opens the case with that reference from the queue.
func (r *running) open(tab *browsertest.Tab, reference string) {
	find := fmt.Sprintf(`[...document.querySelectorAll("#cases > li")].find(l => l.textContent.includes(%q))`, reference)
	browsertest.Ask(tab, "open "+reference, browsertest.Until("(l => l ? (l.querySelector(\"a\").click(), true) : false)("+find+")"))
	tab.Run(chromedp.WaitVisible(`.case-head`))
}

// passOn is the transfer: the head proposes the office of Tiznit, the person is asked by the bot and agrees, and Tiznit has the
// case.
func (r *running) passOn(t *testing.T, head *browsertest.Tab, reference string, p *telegramtest.Person) {
	t.Helper()
	r.queue(head)
	r.open(head, reference)
	head.Click(".verbs button.main")
	head.Run(browsertest.Until(`document.querySelector(".verbs button.main") === null && document.querySelector("form[data-form=propose]") !== null`))
	head.Click("details:has(form[data-form=propose]) > summary")
	head.Run(browsertest.Until(`(s => s && (s.value = "tiznit") === s.value)(document.querySelector("form[data-form=propose] [name=office]"))`))
	head.Type("form[data-form=propose] textarea", "votre maison est là-bas")
	head.Shoot("day-08-transfer-ar")
	head.Click("form[data-form=propose] button")
	p.Expect("votre maison est là-bas")
	p.Press("Oui, d'accord")
	p.Expect("suit maintenant votre dossier")
	r.queue(head)
	head.Run(browsertest.Until(fmt.Sprintf(`!document.body.innerText.includes(%q)`, reference)))
}
