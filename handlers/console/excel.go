package console

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// A Ledger says how a register is written.
type Ledger struct {
	Lib      *content.Library
	Lang     content.Lang
	Location *time.Location // in which days are told
	Office   string         // whose columns; empty: those of all offices
	About    [][2]string    // what the list is: names and values, on a sheet of its own
}

// maxExport is how many rows a workbook takes: more is cut into periods by who asks for it.
const maxExport = 50_000

// maxCell is how many characters Excel takes in one cell.
const maxCell = 32_767

// WriteRegister writes cases as an Excel workbook: the office's columns in its order with its headings, right to left in
// Arabic, days as dates and marks as numbers, a filter on the headings. Every word is a text, whatever it begins with:
// nothing that a person wrote is ever a formula. More than 50,000 cases are an ErrInvalid.
func WriteRegister(w io.Writer, l Ledger, cases iter.Seq2[*bot.Case, error]) error {
	name := l.Lib.Label("console.register.title", l.Lang)
	f := excelize.NewFile()
	defer f.Close()
	if err := f.SetSheetName("Sheet1", name); err != nil {
		return fmt.Errorf("write the register: %w", err)
	}
	columns := l.Lib.Register(l.Office)
	b, err := newBook(f, name, l.Lang)
	if err != nil {
		return fmt.Errorf("write the register: %w", err)
	}
	headings := make([]any, len(columns))
	for i, c := range columns {
		headings[i] = c.Column.In(l.Lang)
		b.width(i, columnWidth(c.ID))
	}
	b.heading(headings)
	for k, err := range cases {
		if err != nil {
			return err
		}
		if b.row > maxExport+1 {
			return fmt.Errorf("more than %d rows: choose a shorter period: %w", maxExport, bot.ErrInvalid)
		}
		row := make([]any, len(columns))
		for i, c := range columns {
			row[i] = l.cell(c.ID, k)
		}
		b.add(row)
	}
	b.filter(len(columns))
	if err := b.end(); err != nil {
		return fmt.Errorf("write the register: %w", err)
	}
	if len(l.About) > 0 {
		if err := aboutSheet(f, l.Lib.Label("console.about", l.Lang), l.Lang, l.About); err != nil {
			return fmt.Errorf("write the register: %w", err)
		}
	}
	if err := f.Write(w); err != nil {
		return fmt.Errorf("write the register: %w", err)
	}
	return nil
}

// aboutSheet says what a workbook is.
func aboutSheet(f *excelize.File, name string, l content.Lang, about [][2]string) error {
	if _, err := f.NewSheet(name); err != nil {
		return err
	}
	b, err := newBook(f, name, l)
	if err != nil {
		return err
	}
	b.width(0, 26)
	b.width(1, 60)
	for _, line := range about {
		b.add([]any{line[0], line[1]})
	}
	return b.end()
}

// A book is one sheet of a workbook under way, written row by row. Its first error is kept.
type book struct {
	f         *excelize.File
	w         *excelize.StreamWriter
	name      string
	row       int // the next one
	bold, day int // styles
	text      int
	err       error
}

func newBook(f *excelize.File, name string, l content.Lang) (*book, error) {
	rtl := l.Dir() == "rtl"
	if err := f.SetSheetView(name, -1, &excelize.ViewOptions{RightToLeft: &rtl}); err != nil {
		return nil, err
	}
	b := &book{f: f, name: name, row: 1}
	format := "dd/mm/yyyy"
	var err error
	if b.bold, err = f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"E3F0EE"}},
		Alignment: &excelize.Alignment{Vertical: "center", WrapText: true}}); err != nil {
		return nil, err
	}
	if b.day, err = f.NewStyle(&excelize.Style{CustomNumFmt: &format, Alignment: &excelize.Alignment{Vertical: "top"}}); err != nil {
		return nil, err
	}
	if b.text, err = f.NewStyle(&excelize.Style{NumFmt: 49, Alignment: &excelize.Alignment{Vertical: "top", WrapText: true}}); err != nil {
		return nil, err
	}
	if b.w, err = f.NewStreamWriter(name); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *book) width(column int, width float64) {
	if b.err == nil {
		b.err = b.w.SetColWidth(column+1, column+1, width)
	}
}

// heading writes the headings and keeps them in sight.
func (b *book) heading(cells []any) {
	if b.err == nil {
		b.err = b.w.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"})
	}
	styled := make([]any, len(cells))
	for i, c := range cells {
		styled[i] = excelize.Cell{StyleID: b.bold, Value: c}
	}
	b.set(styled)
}

// add writes a row: texts, times, whole numbers, numbers; nil leaves a cell empty.
func (b *book) add(cells []any) {
	styled := make([]any, len(cells))
	for i, c := range cells {
		switch v := c.(type) {
		case time.Time:
			styled[i] = excelize.Cell{StyleID: b.day, Value: time.Date(v.Year(), v.Month(), v.Day(), 0, 0, 0, 0, time.UTC)}
		case string:
			if utf8.RuneCountInString(v) > maxCell {
				v = string([]rune(v)[:maxCell])
			}
			styled[i] = excelize.Cell{StyleID: b.text, Value: v}
		default:
			styled[i] = c
		}
	}
	b.set(styled)
}

func (b *book) set(cells []any) {
	if b.err == nil {
		b.err = b.w.SetRow("A"+strconv.Itoa(b.row), cells)
	}
	b.row++
}

// filter puts Excel's own filter on the headings.
func (b *book) filter(columns int) {
	last, err := excelize.CoordinatesToCellName(columns, max(b.row-1, 2))
	if b.err == nil && err == nil {
		err = b.f.AutoFilter(b.name, "A1:"+last, nil)
	}
	if b.err == nil {
		b.err = err
	}
}

func (b *book) end() error {
	if b.err != nil {
		return b.err
	}
	return b.w.Flush()
}

func columnWidth(id string) float64 {
	switch id {
	case "words":
		return 48
	case "need", "structure":
		return 28
	case "score", "lang", "number":
		return 11
	}
	return 16
}

// cell is what the register says of a case in a column: a text, a time, a whole number, or nil.
func (l Ledger) cell(column string, k *bot.Case) any {
	day := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.In(l.Location)
	}
	coded := func(kind, code string) any {
		if code == "" {
			return nil
		}
		return label(l.Lib, kind+"."+code, l.Lang)
	}
	switch column {
	case "reference":
		return k.Reference
	case "opened":
		return day(k.Opened)
	case "claimed":
		return day(k.Claimed)
	case "closed":
		return day(k.Closed)
	case "score":
		if k.Score == 0 {
			return nil
		}
		return k.Score
	case "office":
		return coded("commune", k.Office)
	case "channel":
		return coded("console.channel", string(k.Channel))
	case "lang":
		return coded("lang", string(k.Lang))
	case "state":
		return coded("console.register.state", k.State)
	case "urgent":
		return coded("console.danger", k.Urgent)
	case "outcome":
		return coded("console.outcome", k.Outcome)
	case "officer":
		return k.Holder
	case "structure": // one that is not of the directory stays in the office's words
		if s := l.Lib.Structure(k.Structure); s != nil {
			return s.Name.In(l.Lang)
		}
	}
	value := k.Answers[column]
	if f, ok := l.Lib.Field(column); ok && value != "" {
		return fieldValue(l.Lib, f, value, l.Lang)
	}
	return value // a number or a telephone
}

// fieldValue is an answer as the register writes it: in the office's words where it has them.
func fieldValue(lib *content.Library, f content.Field, value string, l content.Lang) string {
	if value == flows.Declined {
		return lib.Label("console.declined", l)
	}
	if f.Kind == "choice" || f.Kind == "commune" {
		if s := lib.Label("console."+f.ID+"."+value, l); s != "" {
			return s
		}
	}
	return lib.Value(f, value, l)
}

// label is the label of an id, or the page of that id, or its last part.
func label(lib *content.Library, id string, l content.Lang) string {
	if s := lib.Label(id, l); s != "" {
		return s
	}
	if lib.HasPage(id) {
		return content.Plain(lib.Page(id, l, nil))
	}
	return id
}

// shownColumns are those that a page shows: the office's name only where there are several.
func shownColumns(all []content.Column, several bool) []content.Column {
	return slices.DeleteFunc(slices.Clone(all), func(c content.Column) bool { return c.ID == "office" && !several })
}
