package console_test

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/net/html"

	"baom/bot"
	"baom/content"
)

// workbook gets a workbook and opens it.
func (b *browser) workbook(path string) *excelize.File {
	b.w.t.Helper()
	status, _, body := b.get(path)
	if status != http.StatusOK {
		b.w.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	f, err := excelize.OpenReader(strings.NewReader(body))
	if err != nil {
		b.w.t.Fatal(err)
	}
	b.w.t.Cleanup(func() { f.Close() })
	return f
}

// column is the cells of one column of a sheet under its heading, as they are stored.
func column(t *testing.T, f *excelize.File, sheet, heading string) (cells []string, letter string) {
	t.Helper()
	rows, err := f.GetRows(sheet, excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Index(rows[0], heading)
	if at < 0 {
		t.Fatalf("sheet %s has no column %q: %q", sheet, heading, rows[0])
	}
	for _, row := range rows[1:] {
		if at < len(row) {
			cells = append(cells, row[at])
		} else {
			cells = append(cells, "")
		}
	}
	letter, err = excelize.ColumnNumberToName(at + 1)
	if err != nil {
		t.Fatal(err)
	}
	return cells, letter
}

// TestRegister: the page and the workbook say the same; days are dates, marks numbers, and what a person wrote is a text
// whatever it begins with.
func TestRegister(t *testing.T) {
	w := newWorld(t)
	evil := `=HYPERLINK("https://elsewhere.example","clic")`
	a := w.arrive(arrival{words: evil, answers: map[string]string{"need": "A1", "profile": "rpt", "first-name": "Mariam", "last-name": "+cmd|' /C calc'!A0",
		"nationality": "ML", "gender": "f", "age": "25-34", "commune": "agadir", "words": evil, "phone": "+212612345678"}})
	w.arrive(arrival{words: "x", lang: content.Arabic, answers: map[string]string{"need": "G2", "profile": "ad", "first-name": "فاطمة", "words": "@SUM(1+1)"}})
	w.arrive(arrival{words: "ailleurs", office: "tiznit"})
	if _, err := w.desk.Close(t.Context(), w.officers["amina"], a, bot.Closing{Outcome: "oriented", Structure: w.desk.Lib().Structures()[0].ID}); err != nil {
		t.Fatal(err)
	}
	b := w.browser("amina")
	rows := all(b.page("/console/register"), func(n *html.Node) bool { return strings.HasPrefix(attr(n, "id"), "row-") })
	if len(rows) != 2 || !strings.Contains(text(rows[1]), "Mariam") || !strings.Contains(text(rows[1]), "Femme") || !strings.Contains(text(rows[1]), "Mali") {
		t.Errorf("the page has %q", texts(rows))
	}
	if rows := all(b.page("/console/register?need=G2"), func(n *html.Node) bool { return strings.HasPrefix(attr(n, "id"), "row-") }); len(rows) != 1 {
		t.Errorf("filtered by need: %q", texts(rows))
	}

	f := b.workbook("/console/register.xlsx")
	if got := f.GetSheetList(); !slices.Equal(got, []string{"Registre", "À propos"}) {
		t.Errorf("sheets %q", got)
	}
	heads, err := f.GetRows("Registre")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range w.desk.Lib().Register("agadir") {
		want = append(want, c.Column.In(content.French))
	}
	if !slices.Equal(heads[0], want) {
		t.Errorf("headings %q, want %q", heads[0], want)
	}
	days, letter := column(t, f, "Registre", "Date")
	now := time.Now().In(w.zone)
	serial := strconv.Itoa(int(time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC).Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours() / 24))
	if len(days) != 2 || days[0] != serial {
		t.Errorf("days %q, want the number %s", days, serial)
	}
	if shown, err := f.GetCellValue("Registre", letter+"2"); err != nil || shown != now.Format("02/01/2006") {
		t.Errorf("the day is shown as %q, %v", shown, err)
	}
	names, _ := column(t, f, "Registre", "Nom")
	said, letter := column(t, f, "Registre", "Demande")
	if names[1] != "+cmd|' /C calc'!A0" || said[1] != evil || said[0] != "@SUM(1+1)" {
		t.Errorf("texts changed: %q %q", names, said)
	}
	for row := 2; row <= 3; row++ {
		for at := range want {
			cell, _ := excelize.CoordinatesToCellName(at+1, row)
			if formula, err := f.GetCellFormula("Registre", cell); err != nil || formula != "" {
				t.Errorf("%s is the formula %q, %v", cell, formula, err)
			}
		}
	}
	if kind, err := f.GetCellType("Registre", letter+"3"); err != nil || kind != excelize.CellTypeInlineString && kind != excelize.CellTypeSharedString {
		t.Errorf("the words are of type %v, %v", kind, err)
	}

	if status, _, _ := b.post("/console/lang", url.Values{"lang": {"ar"}}); status != 303 {
		t.Fatal("choose Arabic")
	}
	f = b.workbook("/console/register.xlsx?state=closed")
	if v, err := f.GetSheetView("السجل", 0); err != nil || v.RightToLeft == nil || !*v.RightToLeft {
		t.Errorf("not right to left: %+v, %v", v, err)
	}
	if outcomes, _ := column(t, f, "السجل", "النتيجة"); !slices.Equal(outcomes, []string{"وجه إلى مؤسسة"}) {
		t.Errorf("closed cases in Arabic: %q", outcomes)
	}
	about, err := f.GetRows("حول الملف")
	if err != nil || !strings.Contains(fmt.Sprint(about), "مغلق") || !strings.Contains(fmt.Sprint(about), "أكادير") {
		t.Errorf("what was chosen is not told: %q, %v", about, err)
	}
}

// crowd opens and closes many cases of an office: need A1 for most, some with a mark.
func (w *world) crowd(office string, n int, nationality string) {
	w.t.Helper()
	for i := range n {
		id := w.arrive(arrival{office: office, words: "x", answers: map[string]string{"need": "A1", "profile": "rpt", "nationality": nationality, "gender": []string{"f", "m"}[i%2]}})
		w.bury(id, i%5+1)
	}
}

// bury closes a case with a mark.
func (w *world) bury(id int64, score int) {
	w.t.Helper()
	k, _, err := w.store.Case(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	who := w.officers["root"]
	if _, err := w.desk.Claim(w.t.Context(), who, id); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.desk.Close(w.t.Context(), who, id, bot.Closing{Outcome: "informed"}); err != nil {
		w.t.Fatal(err)
	}
	if score > 0 {
		w.say(w.peers[k.ID], "5", nil, bot.Turn{Case: &bot.CaseChange{Score: score, Comment: "mot numéro " + k.Reference}})
	}
}

// TestFigures: what a supervisor sees has no small number in it, on the page, in the chart and in the workbook; the words
// of the survey are for the head alone.
func TestFigures(t *testing.T) {
	w := newWorld(t)
	w.crowd("agadir", 8, "SN")
	w.crowd("agadir", 3, "ML")
	w.crowd("agadir", 2, "CI")
	w.crowd("tiznit", 6, "GN")
	samir, latifa, nadia := w.browser("samir"), w.browser("latifa"), w.browser("nadia")
	page := text(samir.page("/console/figures"))
	if !strings.Contains(page, "Compté : ce qui s'est passé avant le 1 ") || strings.Contains(page, "Sénégal 8") {
		t.Errorf("the supervisor sees the running month: %s", page)
	}
	if page := text(latifa.page("/console/figures")); !strings.Contains(page, "Sénégal 8") {
		t.Errorf("the head does not see the running month: %s", page)
	}
	nextMonth := func() time.Time { return time.Now().AddDate(0, 1, 0) }
	w.desk.Now, w.console.Now = nextMonth, nextMonth
	page = text(samir.page("/console/figures"))
	for _, want := range []string{"Dossiers ouverts 13", "Sénégal 8", "Autres, regroupés 5", "Femme 7", "Homme 6"} {
		if !strings.Contains(page, want) {
			t.Errorf("the supervisor does not see %q: %s", want, page)
		}
	}
	for _, no := range []string{"Mali", "Côte", "Guinée", "mot numéro"} {
		if strings.Contains(page, no) {
			t.Errorf("the supervisor sees %q", no)
		}
	}
	if page := text(latifa.page("/console/figures")); strings.Count(page, "mot numéro") != 13 {
		t.Error("the head does not see the words of the survey")
	}
	if page := text(nadia.page("/console/figures")); !strings.Contains(page, "Dossiers ouverts 19") || !strings.Contains(page, "Tiznit 6") || strings.Contains(page, "mot numéro") {
		t.Errorf("the coordinator sees %s", page)
	}
	if page := text(nadia.page("/console/figures?year=2020")); !strings.Contains(page, "Moins de cinq dossiers") {
		t.Errorf("a year without cases: %s", page)
	}
	for path, b := range map[string]*browser{"/console/figures.xlsx": samir, "/console/figures.xlsx?": nadia} {
		f := b.workbook(path)
		for _, sheet := range f.GetSheetList() {
			rows, err := f.GetRows(sheet)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows[1:] {
				for _, cell := range row[min(1, len(row)):] {
					if n, err := strconv.Atoi(cell); err == nil && n > 0 && n < bot.Threshold && sheet != "Chiffres" {
						t.Errorf("%s of %s has the number %d: %q", sheet, path, n, row)
					}
				}
			}
		}
	}
	if _, err := w.desk.Figures(t.Context(), w.officers["nadia"], "agadir", time.Now().Year()); err == nil {
		t.Error("the coordinator sees one office's own figures")
	}
}

// TestPaper: a sheet and a receipt print in the person's language and in French, and the receipt says nothing of why
// somebody came.
func TestPaper(t *testing.T) {
	w := newWorld(t)
	id := w.arrive(arrival{words: "mon mari me frappe", lang: content.Arabic, answers: map[string]string{"need": "I1", "profile": "rpt", "first-name": "فاطمة", "words": "<b>aide</b>", "phone": "+212612345678"}})
	k, _, err := w.store.Case(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.desk.Note(t.Context(), w.officers["amina"], id, "Appeler lundi."); err != nil {
		t.Fatal(err)
	}
	b := w.browser("amina")
	sheet := b.page(fmt.Sprintf("/console/cases/%d/sheet", id))
	for _, want := range []string{k.Reference, "فاطمة", "<b>aide</b>", "Appeler lundi.", "+212612345678", "Nationalité", "الجنسية"} {
		if !strings.Contains(text(sheet), want) {
			t.Errorf("the sheet does not say %q: %s", want, text(sheet))
		}
	}
	receipt := b.page(fmt.Sprintf("/console/cases/%d/receipt", id))
	halves := all(receipt, class("receipt"))
	if len(halves) != 2 || attr(halves[0], "lang") != "ar" || attr(halves[0], "dir") != "rtl" || attr(halves[1], "lang") != "fr" || attr(halves[1], "dir") != "ltr" {
		t.Fatalf("%d halves", len(halves))
	}
	for _, h := range halves {
		if !strings.Contains(text(h), k.Reference) || len(all(h, func(n *html.Node) bool { return n.Data == "svg" })) != 1 {
			t.Errorf("a half without reference or code: %s", text(h))
		}
		for _, no := range []string{"فاطمة", "aide", "iolence", "عنف", "612"} {
			if strings.Contains(text(h), no) {
				t.Errorf("the receipt says %q", no)
			}
		}
	}
}

// TestWorkbookName: what an address asks for is in the name of the file, and is nothing else in the header.
func TestWorkbookName(t *testing.T) {
	w := newWorld(t)
	b := w.browser("root")
	for _, office := range []string{"agadir", `x"; filename="a.exe`, "x\r\nSet-Cookie: a=b", "../../x", "é"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/console/register.xlsx?office="+url.QueryEscape(office), nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := b.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			continue
		}
		kind, params, err := mime.ParseMediaType(response.Header.Get("Content-Disposition"))
		if err != nil || kind != "attachment" || len(params) != 1 || !strings.HasPrefix(params["filename"], "registre-") || !strings.HasSuffix(params["filename"], ".xlsx") ||
			strings.ContainsAny(params["filename"], `/\`) {
			t.Errorf("%q: %q is %v, %v", office, response.Header.Get("Content-Disposition"), params, err)
		}
	}
}
