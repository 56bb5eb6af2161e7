package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"baom/bot"
	"baom/content"
)

// fatesShown is how many rows of a fate a page shows.
const fatesShown = 200

type importsView struct {
	Office  string
	Offices []content.Office // to choose from
	List    []bot.Import
	Wrong   string // why the last file could not be read: file, rows, long, big
	Columns []content.Column
}

// imports is where a file is handed in.
func (c *Console) imports(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.showImports(w, r, who, http.StatusOK, "")
}

func (c *Console) showImports(w http.ResponseWriter, r *http.Request, who *bot.Officer, status int, wrong string) error {
	list, err := c.Desk.ListImports(r.Context(), who)
	if err != nil {
		return err
	}
	v := importsView{Office: r.FormValue("office"), List: list, Wrong: wrong}
	for _, o := range c.Lib().Offices() {
		if who.May(o.ID) {
			v.Offices = append(v.Offices, o)
		}
	}
	if v.Office == "" && len(v.Offices) > 0 {
		v.Office = v.Offices[0].ID
	}
	if !who.May(v.Office) {
		return fmt.Errorf("imports: %w", bot.ErrForbidden)
	}
	v.Columns = bot.Importable(c.Lib(), v.Office)
	return c.render(w, r, who, status, "imports", "console.import.title", v)
}

// addImport takes a file that can be read; another is told what is wrong with it, and not kept.
func (c *Console) addImport(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	if !who.Works() {
		return fmt.Errorf("import: %w", bot.ErrForbidden)
	}
	r.Body = http.MaxBytesReader(w, r.Body, bot.MaxImport+64<<10)
	if err := r.ParseMultipartForm(bot.MaxImport + 64<<10); err != nil {
		if big := (*http.MaxBytesError)(nil); errors.As(err, &big) {
			return c.showImports(w, r, who, http.StatusRequestEntityTooLarge, "big")
		}
		return c.showImports(w, r, who, http.StatusUnprocessableEntity, "file")
	}
	file, _, err := r.FormFile("file")
	if err != nil {
		return c.showImports(w, r, who, http.StatusUnprocessableEntity, "file")
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, bot.MaxImport+1))
	switch {
	case err != nil:
		return fmt.Errorf("import: %w", err)
	case len(data) > bot.MaxImport:
		return c.showImports(w, r, who, http.StatusRequestEntityTooLarge, "big")
	}
	office := r.FormValue("office")
	if office == "" {
		office = who.Office
	}
	if !who.May(office) {
		return fmt.Errorf("import: %w", bot.ErrForbidden)
	}
	sheet, err := c.sheetOf(r.Context(), data)
	if err != nil {
		if !errors.Is(err, bot.ErrInvalid) {
			return err
		}
		wrong := "file"
		switch {
		case errors.Is(err, errNoRows):
			wrong = "rows"
		case errors.Is(err, errTooLong):
			wrong = "long"
		}
		return c.showImports(w, r, who, http.StatusUnprocessableEntity, wrong)
	}
	id, err := c.Desk.BeginImport(r.Context(), who, office, sheet)
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/console/imports/"+strconv.FormatInt(id, 10), http.StatusSeeOther)
	return nil
}

// sheetOf reads a workbook, one at a time: each may take much memory. What was read is kept, so that each is read once.
func (c *Console) sheetOf(ctx context.Context, data []byte) (bot.Sheet, error) {
	select {
	case c.reading <- struct{}{}:
	case <-ctx.Done():
		return bot.Sheet{}, ctx.Err()
	}
	defer func() { <-c.reading }()
	return ReadSheet(data)
}

type importView struct {
	*bot.DryRun
	Done     bool
	Show     string // a fate
	Mapping  []mappingView
	Columns  []content.Column
	Values   []valuesView
	Heads    []content.Column // of the rows that are shown
	Shown    []fateView
	More     int
	Takes    int // how many rows would be taken without choosing any duplicate
	Faulty   int
	MayTake  bool
	Twice    []string // names of columns that are read twice
	Conflict bool
}

// A mappingView is one heading of the file.
type mappingView struct {
	Key, Heading string
	Sample       string
	Column       string
}

// A valuesView is the words of one column that have no code.
type valuesView struct {
	Column  string
	Name    string
	Words   []wordView
	Choices []choiceView
	More    int
}

type wordView struct {
	Key, Word string
	Rows      int
	Maybe     string // what it may mean, for the officer to judge
}

type choiceView struct{ Code, Label string }

// A fateView is one row with what would become of it.
type fateView struct {
	Number int
	Why    string
	Twin   bot.Twin
	TwinID int64
	Cells  []string
}

// dryRun looks at a file again, as it would be taken over now.
func (c *Console) dryRun(r *http.Request, who *bot.Officer) (*bot.DryRun, error) {
	id, err := strconv.ParseInt(r.PathValue("import"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("import: %w", bot.ErrNotFound)
	}
	i, err := c.Desk.OpenImport(r.Context(), who, id)
	if err != nil {
		return nil, err
	}
	if !i.Done.IsZero() {
		return &bot.DryRun{Import: i}, nil
	}
	return c.Desk.DryRun(r.Context(), i)
}

func (c *Console) importPage(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.showImport(w, r, who, http.StatusOK, false)
}

func (c *Console) showImport(w http.ResponseWriter, r *http.Request, who *bot.Officer, status int, conflict bool) error {
	run, err := c.dryRun(r, who)
	if err != nil {
		return err
	}
	v := importView{DryRun: run, Done: !run.Import.Done.IsZero(), Show: r.FormValue("show"), Conflict: conflict}
	if !v.Done {
		c.fillImport(r, &v)
	}
	return c.render(w, r, who, status, "import", "console.import.title", v)
}

func (c *Console) fillImport(r *http.Request, v *importView) {
	lib, say := c.Lib(), c.say(r)
	v.Columns = bot.Importable(lib, v.Import.Office)
	name := func(column string) string {
		i := slices.IndexFunc(v.Columns, func(c content.Column) bool { return c.ID == column })
		if i < 0 {
			return column
		}
		return v.Columns[i].Column.In(say.lang)
	}
	for n, h := range v.Import.Sheet.Headings {
		m := mappingView{Key: content.Fold(h), Heading: h, Column: v.Plan.Columns[content.Fold(h)]}
		for _, row := range v.Import.Sheet.Rows {
			if m.Sample = v.stored(m.Column, row.Cells[n]); m.Sample != "" {
				break
			}
		}
		v.Mapping = append(v.Mapping, m)
	}
	for _, column := range v.Columns {
		if words := v.Unknown[column.ID]; len(words) > 0 {
			v.Values = append(v.Values, say.unknown(column, words))
		}
	}
	for _, column := range v.DryRun.Twice {
		v.Twice = append(v.Twice, name(column))
	}
	v.Takes, v.Faulty = v.Count[bot.FateNew], v.Count[bot.FateFaulty]
	v.MayTake = !v.Undated && len(v.Twice) == 0 && v.Takes+v.Count[bot.FateDuplicate] > 0
	if !slices.Contains([]string{bot.FateNew, bot.FateDuplicate, bot.FateFaulty}, v.Show) {
		v.Show = bot.FateFaulty
		for _, fate := range []string{bot.FateNew, bot.FateDuplicate, bot.FateFaulty} {
			if v.Count[fate] > 0 {
				v.Show = fate
			}
		}
	}
	ledger := Ledger{Lib: lib, Lang: say.lang, Location: c.Location, Office: v.Import.Office}
	for _, column := range v.Columns {
		for _, m := range v.Mapping {
			if m.Column == column.ID {
				v.Heads = append(v.Heads, column)
				break
			}
		}
	}
	for _, row := range v.Rows {
		if row.Fate != v.Show {
			continue
		}
		if len(v.Shown) == fatesShown {
			v.More++
			continue
		}
		v.Shown = append(v.Shown, say.fate(row, v, ledger, name))
	}
}

// unknown are the words of a column for which there is no code, the most frequent first.
func (w wording) unknown(column content.Column, words map[string]int) valuesView {
	const most = 40
	v := valuesView{Column: column.ID, Name: column.Column.In(w.lang)}
	codes := bot.Codes(w.lib(), column.ID)
	for _, code := range codes {
		v.Choices = append(v.Choices, choiceView{code, w.meaning(column.ID, code)})
	}
	if f, ok := w.lib().Field(column.ID); ok && f.Kind == "country" {
		for _, code := range content.CountryCodes() {
			v.Choices = append(v.Choices, choiceView{code, content.CountryName(code, w.lang)})
		}
	}
	for word, n := range words {
		v.Words = append(v.Words, wordView{Key: content.Fold(word), Word: word, Rows: n})
	}
	slices.SortFunc(v.Words, func(a, b wordView) int {
		if d := b.Rows - a.Rows; d != 0 {
			return d
		}
		return strings.Compare(a.Word, b.Word)
	})
	if len(v.Words) > most {
		v.More = len(v.Words) - most
		v.Words = v.Words[:most]
	}
	for i := range v.Words {
		if code := bot.Suggest(w.lib(), column.ID, v.Words[i].Word); code != "" {
			v.Words[i].Maybe = w.meaning(column.ID, code)
		}
	}
	return v
}

// meaning is the words of a code of a column of the register.
func (w wording) meaning(column, code string) string {
	switch column {
	case "state":
		return w.label("console.register.state." + code)
	case "outcome", "lang", "structure":
		return w.code(column, code)
	}
	if f, ok := w.lib().Field(column); ok {
		return fieldValue(w.lib(), f, code, w.lang)
	}
	return code
}

// fate is a row as it is shown: what was read of a good one, what stands in the file of a faulty one.
func (w wording) fate(row bot.RowFate, v *importView, l Ledger, name func(string) string) fateView {
	f := fateView{Number: row.Number, Twin: row.Twin}
	if row.Fate == bot.FateFaulty {
		column := ""
		if row.Column != "" {
			column = name(row.Column)
		}
		id := "console.import.why." + row.Why
		if f.Why = w.lib().Label(id, w.lang); f.Why == "" {
			f.Why = content.Plain(w.lib().Page(id, w.lang, map[string]string{"column": column, "value": isolated(row.Value)}))
		}
	}
	k := &bot.Case{Opened: row.Case.Opened, Closed: row.Case.Closed, State: row.Case.State, Outcome: row.Case.Outcome, Structure: row.Case.Structure,
		Lang: row.Case.Lang, Answers: row.Case.Answers}
	for _, column := range v.Heads {
		text := ""
		if row.Fate == bot.FateFaulty {
			for n, m := range v.Mapping {
				if m.Column == column.ID {
					text = v.stored(column.ID, row.Cells[n])
				}
			}
		} else {
			text = plain(l.cell(column.ID, k))
		}
		f.Cells = append(f.Cells, text)
	}
	return f
}

// stored is a cell as people wrote it: a day that is stored as a number is shown as a day.
func (v *importView) stored(column, text string) string {
	if n, err := strconv.ParseFloat(text, 64); err == nil && (column == "opened" || column == "closed") {
		if day, err := excelize.ExcelDateToTime(n, v.Import.Sheet.Date1904); err == nil {
			return plain(day)
		}
	}
	return text
}

// isolated keeps the direction of what stands in a file from the sentence around it.
func isolated(s string) string { return "\u2068" + s + "\u2069" }

// planImport remembers how the office's columns and words are read.
func (c *Console) planImport(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	id, err := c.importForm(w, r)
	if err != nil {
		return err
	}
	p := bot.Plan{Columns: map[string]string{}, Values: map[string]map[string]string{}}
	for field, values := range r.PostForm {
		kind, rest, _ := strings.Cut(field, ":")
		switch kind {
		case "column":
			p.Columns[rest] = values[0]
		case "value":
			column, word, _ := strings.Cut(rest, ":")
			if values[0] == "?" { // not decided
				continue
			}
			if p.Values[column] == nil {
				p.Values[column] = map[string]string{}
			}
			p.Values[column][word] = values[0]
		}
	}
	if err := c.Desk.PlanImport(r.Context(), who, id, p); err != nil {
		return err
	}
	c.done(r, "plan")
	http.Redirect(w, r, "/console/imports/"+strconv.FormatInt(id, 10), http.StatusSeeOther)
	return nil
}

func (c *Console) importForm(w http.ResponseWriter, r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("import"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("import: %w", bot.ErrNotFound)
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		return 0, fmt.Errorf("import: %w: %w", errTooBig, err)
	}
	return id, nil
}

// takeImport makes cases of the rows that were seen; where they are not what they were, the page is shown anew.
func (c *Console) takeImport(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	if _, err := c.importForm(w, r); err != nil {
		return err
	}
	run, err := c.dryRun(r, who)
	if err != nil {
		return err
	}
	var duplicates []int
	for _, text := range r.PostForm["twin"] {
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("import: %w", bot.ErrInvalid)
		}
		duplicates = append(duplicates, n)
	}
	if r.PostForm.Get("twins") == "all" {
		for _, row := range run.Rows {
			duplicates = append(duplicates, row.Number)
		}
	}
	_, err = c.Desk.TakeOver(r.Context(), who, run, r.PostForm.Get("seen"), duplicates, r.PostForm.Get("faulty") == "leave")
	if errors.Is(err, bot.ErrConflict) {
		return c.showImport(w, r, who, http.StatusConflict, true)
	}
	if err != nil {
		return err
	}
	c.done(r, "imported")
	http.Redirect(w, r, "/console/imports/"+strconv.FormatInt(run.Import.ID, 10), http.StatusSeeOther)
	return nil
}

func (c *Console) dropImport(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	id, err := c.importForm(w, r)
	if err != nil {
		return err
	}
	if err := c.Desk.DropImport(r.Context(), who, id); err != nil {
		return err
	}
	c.done(r, "dropped")
	http.Redirect(w, r, "/console/imports?"+url.Values{"office": {r.PostForm.Get("office")}}.Encode(), http.StatusSeeOther)
	return nil
}
