package console_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/net/html"

	"baom/bot"
	"baom/handlers/console"
)

// earlier is an office's list as it was kept: a title above the headings, days of both kinds, words of its own.
func earlier(t testing.TB, rows ...[]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	all := append([][]any{{"Commune d'Agadir — registre 2026"}, {}, {"N°", "Date d'accueil", "Nom et prénom", "Sexe", "Nationalité", "Catégorie", "Nature de la demande", "GSM", "Suite donnée", "Agent d'accueil"}}, rows...)
	for i, row := range all {
		if err := f.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func listOf2026(t testing.TB) []byte {
	day := time.Date(2026, 3, 12, 0, 0, 0, 0, time.UTC)
	return earlier(t,
		[]any{1, day, "Mariam Traoré", "F", "Malienne", "migrant", "A1", 612345678, "informé", "Amina"},
		[]any{2, "13/03/2026", "فاطمة الزهراء", "أنثى", "Maroc", "ayant droit", "Demande no 12", "06 61 23 45 67", "Orientée", "Amina"},
		[]any{3, "2026-03-14", "=CMD()", "H", "SN", "migrant", "carte de séjour", nil, nil, "Amina"},
		[]any{4, "31/02/2026", "Date Fausse", "H", "SN", "migrant", "A1", nil, nil, "Amina"},
		[]any{5, day, "Mariam Traoré", "F", "Malienne", "migrant", "A1", 612345678, "informé", "Karim"},
		[]any{nil, nil, nil, nil, nil, nil, nil, nil, nil, nil},
		[]any{6, day.AddDate(3, 0, 0), "Demain Trop", "H", "SN", "migrant", "A1", nil, nil, "Amina"},
		[]any{7, day, "Numéro Court", "H", "SN", "migrant", "A1", "12", nil, "Amina"},
	)
}

// upload hands a file in and returns where it leads.
func (b *browser) upload(office string, data []byte) (status int, location, body string) {
	b.w.t.Helper()
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	m.WriteField("office", office)
	part, err := m.CreateFormFile("file", "registre.xlsx")
	if err != nil {
		b.w.t.Fatal(err)
	}
	part.Write(data)
	m.Close()
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodPost, b.w.url+"/console/imports", &form)
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", m.FormDataContentType())
	return b.do(r)
}

// fates are the counts of the tabs: new, duplicate, faulty.
func fates(doc *html.Node) string {
	for _, n := range all(doc, class("fates")) {
		return strings.Join(texts(all(n, class("count"))), " ")
	}
	return ""
}

func seen(doc *html.Node) string {
	for _, n := range all(doc, func(n *html.Node) bool { return n.Data == "input" && attr(n, "name") == "seen" }) {
		return attr(n, "value")
	}
	return ""
}

func selected(doc *html.Node, name string) string {
	for _, s := range all(doc, func(n *html.Node) bool { return n.Data == "select" && attr(n, "name") == name }) {
		for _, o := range all(s, func(n *html.Node) bool { return n.Data == "option" }) {
			for _, a := range o.Attr {
				if a.Key == "selected" {
					return attr(o, "value")
				}
			}
		}
	}
	return ""
}

// TestImport takes an office's list over: each row's fate is told before, words are explained once and remembered, all is
// taken or nothing, and the same file again is all there already.
func TestImport(t *testing.T) {
	w := newWorld(t)
	b := w.browser("amina")
	status, at, body := b.upload("agadir", listOf2026(t))
	if status != 303 {
		t.Fatalf("upload: %d %s", status, body)
	}
	doc := b.page(at)
	for heading, want := range map[string]string{"n": "number", "date d accueil": "opened", "nom et prenom": "last-name", "sexe": "gender", "nationalite": "nationality",
		"categorie": "profile", "nature de la demande": "need", "gsm": "phone", "suite donnee": "outcome", "agent d accueil": ""} {
		if got := selected(doc, "column:"+heading); got != want {
			t.Errorf("the heading %q is read as %q, want %q", heading, got, want)
		}
	}
	if got := fates(doc); got != "2 1 4" {
		t.Errorf("fates %q: %s", got, text(doc))
	}
	faulty := strings.NewReplacer("\u2068", "", "\u2069", "").Replace(text(b.page(at + "?show=faulty"))) // marks of direction
	for _, want := range []string{"« 31/02/2026 » n'est pas une date", "La date est à venir", "« 12 » n'est pas un numéro", "« Demande no 12 » n'est pas connu (Besoin)"} {
		if !strings.Contains(faulty, want) {
			t.Errorf("no reason %q: %s", want, faulty)
		}
	}
	if duplicate := text(b.page(at + "?show=duplicate")); !strings.Contains(duplicate, "Ressemble à la ligne 4 du fichier") {
		t.Errorf("the repeated row: %s", duplicate)
	}
	if status, _, _ := b.post(at+"/take", url.Values{"seen": {seen(doc)}}); status != 422 {
		t.Errorf("with faulty rows: %d", status)
	}
	if status, _, _ := b.post(at+"/plan", url.Values{"value:need:demande no 12": {"A4"}}); status != 303 {
		t.Fatalf("explain: %d", status)
	}
	if status, _, _ := b.post(at+"/plan", url.Values{"value:nationality:malienne": {"ML"}}); status != 303 {
		t.Errorf("a country that the page offers: %d", status)
	}
	if status, _, _ := b.post(at+"/plan", url.Values{"value:need:x": {"A99"}}); status != 422 {
		t.Errorf("a code that is none: %d", status)
	}
	old := seen(doc)
	doc = b.page(at)
	if got := fates(doc); got != "3 1 3" {
		t.Errorf("explained, fates %q", got)
	}
	if status, _, _ := b.post(at+"/take", url.Values{"seen": {old}, "faulty": {"leave"}}); status != 409 {
		t.Errorf("what was seen is not what is there: %d", status)
	}
	if rows := all(b.page("/console/register?from=2026-01-01&to=2026-12-31"), func(n *html.Node) bool { return strings.HasPrefix(attr(n, "id"), "row-") }); len(rows) != 0 {
		t.Errorf("something was taken before it was agreed: %q", texts(rows))
	}
	if status, _, body := b.post(at+"/take", url.Values{"seen": {seen(doc)}, "faulty": {"leave"}}); status != 303 {
		t.Fatalf("take over: %d %s", status, body)
	}
	if status, _, _ := b.post(at+"/take", url.Values{"seen": {seen(doc)}, "faulty": {"leave"}}); status != 409 {
		t.Errorf("a second time: %d", status)
	}
	rows := texts(all(b.page("/console/register?from=2026-01-01&to=2026-12-31"), func(n *html.Node) bool { return strings.HasPrefix(attr(n, "id"), "row-") }))
	if len(rows) != 3 || !strings.Contains(rows[2], "12/03/2026") || !strings.Contains(rows[2], "Mariam Traoré") || !strings.Contains(rows[2], "Femme") || !strings.Contains(rows[2], "Mali") ||
		!strings.Contains(rows[2], "+212612345678") || !strings.Contains(rows[2], "Informé") || !strings.Contains(rows[2], "Repris d'Excel") || !strings.Contains(rows[0], "=CMD()") {
		t.Errorf("the register has %q", rows)
	}
	for k, err := range w.store.List(t.Context(), bot.Selection{}) {
		if err != nil || k.Channel != bot.Imported || k.Reachable || k.State != bot.StateClosed {
			t.Errorf("%+v %v", k, err)
		}
		page := b.page(fmt.Sprint("/console/cases/", k.ID))
		if len(all(page, class("reply"))) != 0 || !strings.Contains(text(page), "pas de conversation") {
			t.Error("an imported case is offered a reply")
		}
		if _, err := w.desk.Reopen(t.Context(), w.officers["amina"], k.ID); err != nil {
			t.Errorf("reopen: %v", err)
		}
		if _, err := w.desk.Reply(t.Context(), w.officers["amina"], k.ID, "bonjour", nil); !errors.Is(err, bot.ErrInvalid) {
			t.Errorf("a reply to nobody: %v", err)
		}
		if _, err := w.desk.Note(t.Context(), w.officers["amina"], k.ID, "venue au bureau"); err != nil {
			t.Errorf("note: %v", err)
		}
		if _, err := w.desk.Close(t.Context(), w.officers["amina"], k.ID, bot.Closing{Outcome: "informed"}); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	_, at, _ = b.upload("agadir", listOf2026(t))
	if got := fates(b.page(at)); got != "0 4 3" {
		t.Errorf("the same file again: %q", got)
	}
	if status, _, _ := w.browser("omar").get(at); status != 403 {
		t.Errorf("another office's officer: %d", status)
	}
	if status, _, _ := b.upload("tiznit", listOf2026(t)); status != 403 {
		t.Errorf("for another office: %d", status)
	}
	for name, data := range map[string][]byte{"Ce n'est pas un classeur": []byte("PK\x03\x04 rien"), "Aucune ligne": earlier(t)[:], "5 Mo": make([]byte, bot.MaxImport+1)} {
		if status, _, body := b.upload("agadir", data); status < 400 || !strings.Contains(text(parse(t, body)), name) {
			t.Errorf("a file that is told %q: %d %s", name, status, text(parse(t, body)))
		}
	}
}

// TestTakeOverWholly: one row that cannot be stored, and nothing is.
func TestTakeOverWholly(t *testing.T) {
	w := newWorld(t)
	i := &bot.Import{Office: "agadir", Officer: w.officers["amina"].ID, Sheet: bot.Sheet{Headings: []string{"x"}}}
	if err := w.store.SaveImport(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 3, 12, 0, 0, 0, 0, w.zone)
	good := bot.Earlier{Opened: day, Closed: day, State: bot.StateClosed, Outcome: "other", Answers: map[string]string{"last-name": "A B"}}
	bad := good
	bad.Closed = time.Time{}
	n := 0
	refer := func() string { n++; return fmt.Sprintf("AG-TEST-%d", n) }
	if err := w.store.TakeOver(t.Context(), i.ID, []bot.Earlier{good, bad}, refer); err == nil {
		t.Error("a closed case without an end is stored")
	}
	for k, err := range w.store.List(t.Context(), bot.Selection{}) {
		t.Errorf("half was done: %+v %v", k, err)
	}
	if again, err := w.store.Import(t.Context(), i.ID); err != nil || !again.Done.IsZero() || again.Sheet.Headings == nil {
		t.Errorf("the file is %+v, %v", again, err)
	}
	if err := w.store.TakeOver(t.Context(), i.ID, []bot.Earlier{good, good}, refer); err != nil {
		t.Errorf("then it can be done: %v", err)
	}
	if again, err := w.store.Import(t.Context(), i.ID); err != nil || again.Done.IsZero() || again.Sheet.Headings != nil || again.Cases != 2 {
		t.Errorf("then the file is %+v, %v", again, err)
	}
}

// FuzzReadSheet: whatever the bytes are, there is a list within its bounds or an error that the page can tell.
func FuzzReadSheet(f *testing.F) {
	f.Add(listOf2026(f))
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		sheet, err := console.ReadSheet(data)
		if err != nil {
			if !errors.Is(err, bot.ErrInvalid) {
				t.Fatalf("an error that no page can tell: %v", err)
			}
			return
		}
		if len(sheet.Headings) == 0 || len(sheet.Headings) > bot.MaxImportColumns || len(sheet.Rows) == 0 || len(sheet.Rows) > bot.MaxImportRows+20 {
			t.Fatalf("%d headings, %d rows", len(sheet.Headings), len(sheet.Rows))
		}
		for _, row := range sheet.Rows {
			if len(row.Cells) != len(sheet.Headings) {
				t.Fatalf("row %d has %d cells", row.Number, len(row.Cells))
			}
			for _, c := range row.Cells {
				if !utf8.ValidString(c) || utf8.RuneCountInString(c) > bot.MaxReply+1 {
					t.Fatalf("row %d has the cell %.40q", row.Number, c)
				}
			}
		}
	})
}

// TestReadSheetBounds: a small file that unpacks to what no memory holds is refused before it is understood; a long list is
// read.
func TestReadSheetBounds(t *testing.T) {
	plain := listOf2026(t)
	with := func(name string, content func(old []byte) []byte) []byte {
		in, err := zip.NewReader(bytes.NewReader(plain), int64(len(plain)))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		add := func(name string, data []byte) {
			part, err := z.Create(name)
			if err == nil {
				_, err = part.Write(data)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		found := false
		for _, e := range in.File {
			r, err := e.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			if e.Name == name {
				data, found = content(data), true
			}
			add(e.Name, data)
		}
		if !found {
			for n := range 300 {
				add(fmt.Sprintf("%s%d.xml", name, n), content(nil))
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	of := func(open, piece string, n int, end string) func([]byte) []byte {
		return func([]byte) []byte { return []byte(open + strings.Repeat(piece, n) + end) }
	}
	const ns = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	sheet := "xl/worksheets/sheet1.xml"
	var texts bytes.Buffer // one long text, that every cell names
	for row := range 2000 {
		fmt.Fprintf(&texts, `<row r="%d">`, row+1)
		for column := range 10 {
			fmt.Fprintf(&texts, `<c r="%c%d" t="inlineStr"><is><t>%s</t></is></c>`, 'A'+column, row+1, strings.Repeat("mot ", 100))
		}
		texts.WriteString(`</row>`)
	}
	for what, data := range map[string][]byte{
		"millions of texts":      with("xl/sharedStrings.xml", of(`<sst `+ns+`>`, "<si/>", 3_000_000, `</sst>`)),
		"half a million of them": with("xl/sharedStrings.xml", of(`<sst `+ns+`>`, "<si/>", 500_000, `</sst>`)),
		"millions of cells":      with(sheet, of(`<worksheet `+ns+`><sheetData><row r="1">`, "<c/>", 1_500_000, `</row></sheetData></worksheet>`)),
		"a part too big":         with("xl/theme/theme1.xml", of("<theme>", " ", 9<<20, "</theme>")),
		"parts too big together": with("xl/media/m", of("", " ", 1<<20, "")),
		"parts too many":         with("xl/media/m", of("", " ", 1, "")),
		"words too many":         with(sheet, of(`<worksheet `+ns+`><sheetData>`, texts.String(), 1, `</sheetData></worksheet>`)),
	} {
		if len(data) > bot.MaxImport {
			t.Fatalf("%s: %d bytes are not taken anyway", what, len(data))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := console.ReadSheet(data)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, bot.ErrInvalid) {
			t.Errorf("%s: %v", what, err)
		}
		if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 64 {
			t.Errorf("%s: refused after %d MB", what, took)
		}
	}
	var rows [][]any
	for n := range bot.MaxImportRows {
		row := []any{n, time.Date(2026, 1, 1+n%300, 0, 0, 0, 0, time.UTC), fmt.Sprint("Nom", n), "F", "Malienne", "migrant", "A1", 612000000 + n, "informé", "Amina"}
		for extra := range 20 {
			row = append(row, (n+extra)%700)
		}
		rows = append(rows, row)
	}
	if list, err := console.ReadSheet(earlier(t, rows...)); err != nil || len(list.Rows) != bot.MaxImportRows {
		t.Errorf("a long list: %d rows, %v", len(list.Rows), err)
	}
}
