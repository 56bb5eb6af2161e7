package console

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"rsc.io/qr"

	"baom/bot"
	"baom/content"
)

// A paperView is a page to be printed, on its own: no menu, a button to print it, and the way back.
type paperView struct {
	Name string
	View any
}

// paper writes a page to be printed in a language.
func (c *Console) paper(w http.ResponseWriter, r *http.Request, name string, l content.Lang, view any) error {
	var b bytes.Buffer
	if err := c.templates[l].ExecuteTemplate(&b, "paper", paperView{name, view}); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	_, _ = w.Write(b.Bytes()) // a reader that is gone is no fault of ours
	return nil
}

// A sheetView is a case on paper for the office: the form's questions in their order, and what became of them.
type sheetView struct {
	Case    *bot.Case
	Office  *content.Office
	Facts   []sheetFact
	Rest    []sheetFact
	Words   string
	Notes   []bot.Line
	Made    time.Time
	Officer string
	QR      template.HTML
	Langs   [2]content.Lang // the one of the page, and the one beside it, which may be the same
}

// A sheetFact is one line of a sheet: its name in both languages, and the value.
type sheetFact struct {
	Label, Beside string
	Value         string
	LTR           bool
}

// sheet is the printed sheet of a case, in French and in the language of the interface.
func (c *Console) sheet(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	k, lines, err := c.Desk.Print(r.Context(), who, id, bot.ActSheet)
	if err != nil {
		return err
	}
	l, beside := c.lang(r), content.French
	if l == content.French {
		beside = content.Arabic
	}
	v := sheetView{Case: k, Office: c.Lib().Office(k.Office), Made: c.Now(), Officer: who.Name, Langs: [2]content.Lang{l, beside}}
	v.QR, err = c.qr(k.Reference)
	if err != nil {
		return err
	}
	ledger := Ledger{Lib: c.Lib(), Lang: l, Location: c.Location}
	for _, f := range c.Lib().Form().Fields {
		if f.Kind == "words" {
			v.Words = k.Answers[f.ID]
			if strings.HasPrefix(v.Words, "kind.") {
				v.Words = ""
			}
			continue
		}
		if !f.AskedOf(k.Answers["profile"]) && k.Answers[f.ID] == "" {
			continue
		}
		v.Facts = append(v.Facts, sheetFact{Label: f.Column.In(l), Beside: f.Column.In(beside), Value: plain(ledger.cell(f.ID, k))})
	}
	asked := func(c content.Column) bool {
		_, ok := ledger.Lib.Field(c.ID)
		return ok
	}
	for _, column := range ledger.Lib.Register(k.Office) {
		text := plain(ledger.cell(column.ID, k))
		if asked(column) || column.ID == "reference" || column.ID == "office" || column.ID == "score" || text == "" && slices.Contains([]string{"number", "urgent", "structure"}, column.ID) {
			continue
		}
		v.Rest = append(v.Rest, sheetFact{Label: column.Column.In(l), Beside: column.Column.In(beside), Value: text, LTR: column.ID == "phone"})
	}
	for _, line := range lines {
		if line.Author == bot.ByNote && !line.Erased {
			v.Notes = append(v.Notes, line)
		}
	}
	return c.paper(w, r, "sheet", l, v)
}

// A receiptView is what the person takes home: once in their language, once in French. It says nothing of why they came.
type receiptView struct {
	Case   *bot.Case
	Office *content.Office
	QR     template.HTML
	Code   string // by which the person joins the case from a channel of their own; empty: there is none
	Halves []receiptHalf
}

// A receiptHalf is the receipt in one language.
type receiptHalf struct {
	Lang    content.Lang
	Title   string
	Name    string // of the office
	Address string
	Hours   string
	Day     string
	Keep    string
	Back    string
	Free    string
	Link    string // what the code is for
	Words   map[string]string
}

// receipt is the printed receipt of a case.
func (c *Console) receipt(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	k, _, err := c.Desk.Print(r.Context(), who, id, bot.ActReceipt)
	if err != nil {
		return err
	}
	v := receiptView{Case: k, Office: c.Lib().Office(k.Office)}
	if v.Office == nil {
		return fmt.Errorf("the receipt of an office that is not there: %w", bot.ErrNotFound)
	}
	if v.QR, err = c.qr(k.Reference); err != nil {
		return err
	}
	if v.Code, _, err = c.Desk.Code(r.Context(), who, id); err != nil {
		return err
	}
	langs := []content.Lang{k.Lang, content.French}
	if !k.Lang.Known() || k.Lang == content.French {
		langs = langs[1:]
	}
	for _, l := range langs {
		v.Halves = append(v.Halves, c.receiptIn(k, v.Office, l))
	}
	return c.paper(w, r, "receipt", c.lang(r), v)
}

func (c *Console) receiptIn(k *bot.Case, o *content.Office, l content.Lang) receiptHalf {
	lib := c.Lib()
	page := func(id string) string {
		if s := lib.Label("receipt."+id, l); s != "" {
			return s
		}
		return strings.TrimSpace(content.Plain(lib.Page("receipt."+id, l, map[string]string{"office": o.Name.In(l), "reference": k.Reference})))
	}
	h := receiptHalf{Lang: l, Title: page("title"), Name: page("office"), Address: o.Address.In(l), Hours: o.HoursText(l), Day: k.Opened.In(c.Location).Format("02/01/2006"),
		Keep: page("keep"), Back: page("back"), Free: page("free"), Link: page("link"), Words: map[string]string{}}
	for _, id := range []string{"reference", "date", "address", "phone", "hours", "code"} {
		h.Words[id] = lib.Label("receipt."+id, l)
	}
	return h
}

// qr draws a reference as a QR code: the public address with the reference after its #, which no server is told, so that
// a telephone opens the office's chat; without a public address the reference alone.
func (c *Console) qr(reference string) (template.HTML, error) {
	text := reference
	if c.PublicURL != "" {
		text = strings.TrimSuffix(c.PublicURL, "/") + "/#" + reference
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return "", fmt.Errorf("draw a QR code: %w", err)
	}
	const quiet = 4
	var path strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	side := code.Size + 2*quiet
	return template.HTML(fmt.Sprintf(`<svg class="qr" viewBox="0 0 %d %d" role="img" aria-label="%s" shape-rendering="crispEdges"><rect width="%d" height="%d" fill="#fff"/><path d="%s" fill="#000"/></svg>`,
		side, side, template.HTMLEscapeString(reference), side, side, path.String())), nil
}
