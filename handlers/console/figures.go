package console

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

type figuresView struct {
	*bot.Figures
	Month  int              // 1 to 12; 0: the whole year
	All    []content.Office // to choose from, for an administrator
	Tables []tableView
	Chart  chart
	Excel  string
	Report string
	Made   time.Time

	RatedBy  []ratedView
	Scores   []rowView
	Compared []string // the names of the offices side by side
	Leads    bool     // sees the words of the survey
}

// A tableView is one table of the figures with its words and bars.
type tableView struct {
	ID      string
	Title   string
	Rows    []rowView
	Offices bool
}

type rowView struct {
	Label   string
	N       int
	Month   bot.Number // of the month that was chosen
	Bar     int        // of the year, in per cent of the longest
	Months  [12]bot.Number
	Offices []bot.Number
}

// A ratedView is the mean mark by month, need or office.
type ratedView struct {
	Title string
	Rows  [][3]string
}

// A chart is the cases by month as columns. Lengths are of the drawing, 720 wide and 200 high.
type chart struct {
	Bars []chartBar
	Most int
}

type chartBar struct {
	Label         string
	Value         bot.Number
	X, Y, W, H    int
	Middle, Above int
	Chosen        bool
}

// figuresOf are the figures that a request asks for.
func (c *Console) figuresOf(r *http.Request, who *bot.Officer) (figuresView, error) {
	now := c.Now().In(c.Location)
	office, year, month := r.FormValue("office"), now.Year(), 0
	if !who.Works() && now.Month() == time.January {
		year-- // of this one nothing is counted yet
	}
	if bot.OfOffice(who.Role) && office == "" {
		office = who.Office
	}
	var err error
	if text := r.FormValue("year"); text != "" {
		if year, err = strconv.Atoi(text); err != nil {
			return figuresView{}, fmt.Errorf("figures: year: %w", bot.ErrInvalid)
		}
	}
	if text := r.FormValue("month"); text != "" {
		if month, err = strconv.Atoi(text); err != nil || month < 0 || month > 12 {
			return figuresView{}, fmt.Errorf("figures: month: %w", bot.ErrInvalid)
		}
	}
	f, err := c.Desk.Figures(r.Context(), who, office, year)
	if err != nil {
		return figuresView{}, err
	}
	v := figuresView{Figures: f, Month: month, Made: now, Leads: office != "" && who.Leads(office)}
	if who.Role == bot.RoleAdmin {
		v.All = c.Lib().Offices()
	}
	say := c.say(r)
	for _, o := range f.Offices {
		v.Compared = append(v.Compared, say.office(o.Office))
	}
	for _, t := range f.Tables {
		v.Tables = append(v.Tables, tableView{ID: t.ID, Title: say.label("console.figures." + t.ID), Rows: say.rows(t.ID, t.Rows, month), Offices: office == ""})
	}
	v.Scores = say.rows("score", f.Ratings.Scores, 0)
	v.RatedBy = say.rated(f)
	v.Chart = say.chart(f, month)
	query := url.Values{"year": {strconv.Itoa(year)}}
	if office != "" {
		query.Set("office", office)
	}
	if month > 0 {
		query.Set("month", strconv.Itoa(month))
	}
	v.Excel, v.Report = "/console/figures.xlsx?"+query.Encode(), "/console/report?"+query.Encode()
	return v, nil
}

// say is the wording for a request.
func (c *Console) say(r *http.Request) wording {
	return wording{lib: c.Lib, lang: c.lang(r), now: func() time.Time { return c.Now().In(c.Location) }, in: c.Location}
}

func (w wording) rows(table string, rows []bot.Row, month int) []rowView {
	longest := 1
	for _, r := range rows {
		longest = max(longest, r.N)
	}
	list := make([]rowView, len(rows))
	for i, r := range rows {
		list[i] = rowView{Label: w.code(table, r.Code), N: r.N, Bar: 100 * r.N / longest, Months: r.Months, Offices: r.Offices}
		if month > 0 {
			list[i].Month = r.Months[month-1]
		}
	}
	return list
}

// code is what a code of a table means.
func (w wording) code(table, code string) string {
	switch {
	case code == bot.Others:
		return w.label("console.figures.others")
	case code == bot.NotYet:
		return w.label("console.figures.none." + table)
	case code == "":
		return w.label("console.figures.unknown")
	case code == flows.Declined:
		return w.label("console.declined")
	}
	switch table {
	case "channel", "outcome":
		return w.label("console." + table + "." + code)
	case "lang":
		return w.label("lang." + code)
	case "score":
		return code + "/5"
	case "structure":
		if s := w.lib().Structure(code); s != nil {
			return s.Name.In(w.lang)
		}
	}
	if f, ok := w.lib().Field(table); ok {
		return fieldValue(w.lib(), f, code, w.lang)
	}
	return code
}

// rated are the mean marks as three short tables.
func (w wording) rated(f *bot.Figures) []ratedView {
	var list []ratedView
	add := func(title string, rows [][3]string) {
		if len(rows) > 0 {
			list = append(list, ratedView{w.label(title), rows})
		}
	}
	line := func(name string, m bot.Mean) [3]string { return [3]string{name, strconv.Itoa(m.N), w.mark(m.Mean)} }
	var months, needs, offices [][3]string
	for i, m := range f.Ratings.Months {
		if !m.Hidden && m.N > 0 {
			months = append(months, line(w.label("console.month."+strconv.Itoa(i+1)), m))
		}
	}
	for _, m := range f.Ratings.Needs {
		needs = append(needs, line(w.code("need", m.Of), m))
	}
	for _, m := range f.Ratings.Offices {
		offices = append(offices, line(w.office(m.Of), m))
	}
	add("console.figures.bymonth", months)
	add("console.figures.need", needs)
	add("console.figures.byoffice", offices)
	return list
}

// mark is a mean mark, with the comma of the language.
func (w wording) mark(m float64) string {
	s := strconv.FormatFloat(m, 'f', 1, 64)
	if w.lang == content.French {
		return strings.Replace(s, ".", ",", 1)
	}
	return s
}

// chart draws the months, in the direction of the language.
func (w wording) chart(f *bot.Figures, month int) chart {
	const step, wide, high, top = 60, 40, 150, 22
	c := chart{Most: 1}
	for _, n := range f.Months {
		c.Most = max(c.Most, n.N)
	}
	for i, n := range f.Months {
		at := i
		if w.lang.Dir() == "rtl" {
			at = 11 - i
		}
		b := chartBar{Label: w.label("console.month." + strconv.Itoa(i+1)), Value: n, X: at*step + (step-wide)/2, W: wide, H: high * n.N / c.Most, Chosen: i+1 == month}
		if n.Hidden {
			b.H = 6
		}
		b.Y, b.Middle = top+high-b.H, b.X+wide/2
		b.Above = b.Y - 6
		c.Bars = append(c.Bars, b)
	}
	return c
}

func (c *Console) figures(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	v, err := c.figuresOf(r, who)
	if err != nil {
		return err
	}
	return c.render(w, r, who, http.StatusOK, "figures", "console.figures.title", v)
}

// report is the year as a page to be printed.
func (c *Console) report(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	v, err := c.figuresOf(r, who)
	if err != nil {
		return err
	}
	return c.paper(w, r, "report", c.lang(r), v)
}

// figuresExcel is the same figures as a workbook, a sheet a table.
func (c *Console) figuresExcel(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	v, err := c.figuresOf(r, who)
	if err != nil {
		return err
	}
	say := c.say(r)
	var b bytes.Buffer
	if err := say.writeFigures(&b, v); err != nil {
		return err
	}
	name := v.Office
	if name == "" {
		name = "baom"
	}
	return sendExcel(w, fmt.Sprintf("chiffres-%s-%d.xlsx", name, v.Year), b.Bytes())
}

// writeFigures writes what the page shows and nothing else: a hidden number is a mark, not a number.
func (w wording) writeFigures(out *bytes.Buffer, v figuresView) error {
	f := excelize.NewFile()
	defer f.Close()
	first := w.label("console.figures.title")
	if err := f.SetSheetName("Sheet1", first); err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	b, err := newBook(f, first, w.lang)
	if err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	b.width(0, 44)
	place := w.label("console.offices.all")
	if v.Office != "" {
		place = w.office(v.Office)
	}
	b.add([]any{w.label("console.office"), place})
	b.add([]any{w.label("console.figures.year"), v.Year})
	b.add([]any{w.label("console.figures.cases"), v.Total})
	b.add([]any{w.label("console.figures.note")})
	if !v.Until.IsZero() {
		date, err := w.date(v.Until)
		if err != nil {
			return fmt.Errorf("write figures: %w", err)
		}
		until, err := w.text("console.figures.until", "date", date)
		if err != nil {
			return fmt.Errorf("write figures: %w", err)
		}
		b.add([]any{until})
	}
	b.add(nil)
	if v.Ratings.N > 0 {
		b.add([]any{w.label("console.score"), v.Ratings.N, oneDecimal(v.Ratings.Mean)})
		for _, t := range v.RatedBy {
			b.add([]any{t.Title})
			for _, row := range t.Rows {
				n, _ := strconv.Atoi(row[1])
				m, _ := strconv.ParseFloat(strings.Replace(row[2], ",", ".", 1), 64)
				b.add([]any{row[0], n, m})
			}
		}
	}
	if err := b.end(); err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	for _, t := range v.Tables {
		if err := w.tableSheet(f, t, v); err != nil {
			return fmt.Errorf("write figures: %w", err)
		}
	}
	if err := f.Write(out); err != nil {
		return fmt.Errorf("write figures: %w", err)
	}
	return nil
}

func oneDecimal(m float64) float64 { return math.Round(m*10) / 10 }

func (w wording) tableSheet(f *excelize.File, t tableView, v figuresView) error {
	name := sheetName(t.Title)
	if _, err := f.NewSheet(name); err != nil {
		return err
	}
	b, err := newBook(f, name, w.lang)
	if err != nil {
		return err
	}
	b.width(0, 36)
	heading := []any{t.Title, strconv.Itoa(v.Year)}
	for m := range 12 {
		heading = append(heading, w.label("console.month."+strconv.Itoa(m+1)))
	}
	for _, o := range v.Compared {
		heading = append(heading, o)
	}
	b.heading(heading)
	line := func(label string, n int, months [12]bot.Number, offices []bot.Number) {
		row := []any{label, n}
		for _, m := range append(months[:], offices...) {
			if m.Hidden {
				row = append(row, "·")
			} else {
				row = append(row, m.N)
			}
		}
		b.add(row)
	}
	for _, r := range t.Rows {
		line(r.Label, r.N, r.Months, r.Offices)
	}
	var offices []bot.Number
	for _, o := range v.Figures.Offices {
		offices = append(offices, o.Number)
	}
	line(w.label("console.figures.total"), v.Total, v.Figures.Months, offices)
	return b.end()
}

// sheetName is a name that Excel takes for a sheet.
func sheetName(s string) string {
	var r []rune
	for _, c := range s {
		if len(r) < 31 && !bytes.ContainsRune([]byte(`:\/?*[]'`), c) {
			r = append(r, c)
		}
	}
	return string(r)
}

// span is how long something took.
func (w wording) span(d time.Duration) (string, error) {
	switch {
	case d < time.Minute:
		return w.text("console.since.now")
	case d < time.Hour:
		return w.text("console.since.minutes", "n", int(d.Minutes()))
	case d < 48*time.Hour:
		return w.text("console.since.hours", "n", int(d.Hours()))
	default:
		return w.text("console.since.days", "n", int(d.Hours()/24))
	}
}
