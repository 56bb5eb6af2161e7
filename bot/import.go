package bot

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"baom/content"
	"baom/flows"
)

// A Sheet is a list as it was read from a file: texts, numbers as they are stored.
type Sheet struct {
	Headings []string
	Rows     []SheetRow
	Date1904 bool // days are counted from 1904, not from 1900
}

// A SheetRow is one row with its number in the file. It has as many cells as there are headings.
type SheetRow struct {
	Number int
	Cells  []string
}

// The bounds of what is taken over from a file.
const (
	MaxImport        = 5 << 20 // bytes
	MaxImportRows    = 5000
	MaxImportColumns = 80

	maxWord = 200 // characters of a cell, but for texts
)

// A Plan says how an office's own list is read. It is remembered for the office's next file.
type Plan struct {
	Columns map[string]string            // by folded heading: the register's column; "": it is not taken
	Values  map[string]map[string]string // by column and folded words: the code; "": left empty
}

// An Import is a file that is looked at, or was taken over.
type Import struct {
	ID      int64
	Office  string
	Officer int64
	Name    string // the officer's display name
	At      time.Time
	Done    time.Time // zero while it is only looked at
	Sheet   Sheet     // what was read of the file; gone once it is done
	Cases   int       // how many it became
}

// An Earlier is a case of an office's earlier list, as it would be taken over.
type Earlier struct {
	Opened    time.Time // a day
	Closed    time.Time // a day, of a closed one
	State     string    // StateOpen or StateClosed
	Outcome   string
	Structure string
	Lang      content.Lang
	Answers   map[string]string
	Reference string // given when it is taken over
}

// A Twin is what a row seems to be already: a case, by its reference, or an earlier row of the file, by its place in the
// list, counted from 1. The zero Twin is nobody's.
type Twin struct {
	Reference string
	Row       int
}

// Imports keeps what offices take over.
type Imports interface {
	// SaveImport files a file to be looked at, and fills in ID and At. It replaces the officer's earlier ones of the office that
	// are not done.
	SaveImport(ctx context.Context, i *Import) error

	// Import is one import, with its file while it is not done. ErrNotFound.
	Import(ctx context.Context, id int64) (*Import, error)

	// ListImports lists those of offices, the newest first, without files.
	ListImports(ctx context.Context, offices []string) ([]Import, error)

	// DropImport forgets one that is not done. ErrNotFound.
	DropImport(ctx context.Context, id int64) error

	// Plan is how the office's list was read last; a plan without columns if none was.
	Plan(ctx context.Context, office string) (Plan, error)

	// SavePlan remembers it.
	SavePlan(ctx context.Context, office string, p Plan) error

	// Twins says for each of the list what it seems to be already.
	Twins(ctx context.Context, office string, list []Earlier) ([]Twin, error)

	// TakeOver makes cases of the whole list, or of none of it, and marks the import done. refer makes references, until one
	// is free. ErrConflict: the import is done already, or gone.
	TakeOver(ctx context.Context, id int64, list []Earlier, refer func() string) error
}

// The fates of a row.
const (
	FateNew       = "new"
	FateDuplicate = "duplicate" // to be looked at: it seems to be there already
	FateFaulty    = "faulty"
)

// The reasons for which a row is faulty.
const (
	WhyNoDate  = "no-date"   // it has no day, without which it is no visit
	WhyBadDate = "bad-date"  // a day that cannot be read
	WhyFuture  = "future"    // a day to come, or closed before it was opened
	WhyUnknown = "unknown"   // a word for which there is no code
	WhyPhone   = "bad-phone" // a telephone number that cannot be dialled
	WhyLong    = "long"      // more words than a case takes
	WhyEmpty   = "empty"     // a day and nothing else
)

// A RowFate is what would become of a row, and why.
type RowFate struct {
	SheetRow
	Fate   string
	Why    string // of a faulty one
	Column string // of the register, of a faulty one
	Value  string // that cannot be read
	Twin   Twin   // of a duplicate; its Row is the row's number in the file
	Case   Earlier
}

// A DryRun is what would become of a file.
type DryRun struct {
	Import   *Import
	Plan     Plan
	Rows     []RowFate
	Count    map[string]int            // by fate
	Unknown  map[string]map[string]int // by column and words without a code: in how many rows
	Digest   string                    // of all the fates: what was seen is what is done
	Twice    []string                  // columns that two headings are read as
	Undated  bool                      // no heading is read as the day
	Outdated int                       // closed so long ago that names are not kept
}

// KeptClosed is how long a closed case keeps its names and words.
const KeptClosed = 365 * 24 * time.Hour

// Importable are the columns of an office's register that can be taken over from a file.
func Importable(lib *content.Library, office string) []content.Column {
	return slices.DeleteFunc(slices.Clone(lib.Register(office)), func(c content.Column) bool {
		return slices.Contains([]string{"reference", "office", "channel", "urgent", "officer", "claimed", "score", "contact"}, c.ID)
	})
}

// guess fills in a plan for headings that it does not know: by the register's own headings in every language, and the
// others by which a column is known. A column is guessed once.
func (p Plan) guess(lib *content.Library, office string, headings []string) Plan {
	out := Plan{Columns: map[string]string{}, Values: map[string]map[string]string{}}
	maps.Copy(out.Values, p.Values)
	taken := map[string]bool{}
	for _, h := range headings {
		if column, known := p.Columns[content.Fold(h)]; known {
			out.Columns[content.Fold(h)] = column
			taken[column] = true
		}
	}
	known := map[string]string{}
	name := func(heading, column string) {
		if f := content.Fold(heading); known[f] == "" {
			known[f] = column
		}
	}
	columns := Importable(lib, office)
	for _, c := range columns {
		for _, l := range content.Complete() {
			name(c.Column.In(l), c.ID)
		}
		name(c.ID, c.ID)
	}
	for _, c := range append(columns, Importable(lib, "")...) {
		for _, also := range c.Also {
			name(also, c.ID)
		}
	}
	for _, h := range headings {
		f := content.Fold(h)
		if _, done := out.Columns[f]; done || f == "" {
			continue
		}
		column := known[f]
		if taken[column] {
			column = ""
		}
		out.Columns[f] = column
		taken[column] = true
	}
	return out
}

// BeginImport files what was read of an office's list, to be looked at: the file itself is not kept.
func (d *Desk) BeginImport(ctx context.Context, who *Officer, office string, sheet Sheet) (int64, error) {
	switch {
	case !who.May(office) || d.Lib().Office(office) == nil:
		return 0, fmt.Errorf("import: %w", ErrForbidden)
	case len(sheet.Rows) == 0 || len(sheet.Rows) > MaxImportRows || len(sheet.Headings) > MaxImportColumns:
		return 0, fmt.Errorf("import %d rows: %w", len(sheet.Rows), ErrInvalid)
	}
	i := &Import{Office: office, Officer: who.ID, Sheet: sheet}
	err := d.Imports.SaveImport(ctx, i)
	return i.ID, err
}

// OpenImport is one import of an office the officer may work for.
func (d *Desk) OpenImport(ctx context.Context, who *Officer, id int64) (*Import, error) {
	i, err := d.Imports.Import(ctx, id)
	if err != nil {
		return nil, err
	}
	if !who.May(i.Office) {
		return nil, fmt.Errorf("import: %w", ErrForbidden)
	}
	return i, nil
}

// ListImports lists the imports of the offices that the officer may work for.
func (d *Desk) ListImports(ctx context.Context, who *Officer) ([]Import, error) {
	if !who.Works() {
		return nil, fmt.Errorf("imports: %w", ErrForbidden)
	}
	var offices []string
	for _, o := range d.Lib().Offices() {
		if who.May(o.ID) {
			offices = append(offices, o.ID)
		}
	}
	return d.Imports.ListImports(ctx, offices)
}

// DropImport forgets a file that was only looked at.
func (d *Desk) DropImport(ctx context.Context, who *Officer, id int64) error {
	if _, err := d.OpenImport(ctx, who, id); err != nil {
		return err
	}
	return d.Imports.DropImport(ctx, id)
}

// The bounds of what is remembered of an office's lists: how many headings, and how many words of a column.
const (
	maxPlanColumns = 400
	maxPlanWords   = 2000
)

// PlanImport remembers how an office's list is read: its own headings as columns that can be taken over, its own words as
// codes of those columns, or as the names of countries. Anything else is an ErrInvalid. Of earlier lists so much is
// remembered as there is room for.
func (d *Desk) PlanImport(ctx context.Context, who *Officer, id int64, p Plan) error {
	i, err := d.OpenImport(ctx, who, id)
	if err != nil {
		return err
	}
	if !i.Done.IsZero() {
		return fmt.Errorf("plan what is done: %w", ErrConflict)
	}
	lib := d.Lib()
	columns := Importable(lib, i.Office)
	importable := func(column string) bool {
		return slices.ContainsFunc(columns, func(c content.Column) bool { return c.ID == column })
	}
	headings := map[string]bool{}
	for _, h := range i.Sheet.Headings {
		headings[content.Fold(h)] = true
	}
	for heading, column := range p.Columns {
		if !headings[heading] || column != "" && !importable(column) {
			return fmt.Errorf("read a heading as %q: %w", column, ErrInvalid)
		}
	}
	said := map[string]bool{}
	if len(p.Values) > 0 {
		said = i.Sheet.words()
	}
	planned := Plan{Columns: maps.Clone(p.Columns), Values: map[string]map[string]string{}}
	for column, values := range p.Values {
		planned.Values[column] = map[string]string{}
		for word, meant := range values {
			code, ok := meaning(lib, column, meant)
			if !ok || !importable(column) || !said[word] {
				return fmt.Errorf("read words as a code of %q: %w", column, ErrInvalid)
			}
			planned.Values[column][word] = code
		}
	}
	old, err := d.Imports.Plan(ctx, i.Office)
	if err != nil {
		return err
	}
	planned.Columns = together(planned.Columns, old.Columns, maxPlanColumns)
	for column, words := range old.Values {
		if importable(column) {
			planned.Values[column] = together(planned.Values[column], words, maxPlanWords)
		}
	}
	return d.Imports.SavePlan(ctx, i.Office, planned)
}

// words are the folded cells of a list, but for texts.
func (s Sheet) words() map[string]bool {
	all := map[string]bool{}
	for _, row := range s.Rows {
		for _, c := range row.Cells {
			if c = clean(c); utf8.RuneCountInString(c) <= maxWord {
				all[content.Fold(c)] = true
			}
		}
	}
	return all
}

// meaning is the code of a column that is meant: a code, "" for none, or of a country its name.
func meaning(lib *content.Library, column, meant string) (code string, ok bool) {
	if codes := Codes(lib, column); codes != nil && meant == "" || slices.Contains(codes, meant) {
		return meant, true
	}
	if f, known := lib.Field(column); !known || f.Kind != "country" {
		return "", false
	}
	if meant == "" || slices.Contains(content.CountryCodes(), meant) {
		return meant, true
	}
	return content.Country(meant)
}

// together is what is new, and of what is old so much that there are no more than most.
func together(fresh, old map[string]string, most int) map[string]string {
	all := map[string]string{}
	maps.Copy(all, fresh)
	for _, k := range slices.Sorted(maps.Keys(old)) {
		if _, known := all[k]; !known && len(all) < most {
			all[k] = old[k]
		}
	}
	return all
}

// DryRun says what would become of each row of a file, and changes nothing.
func (d *Desk) DryRun(ctx context.Context, i *Import) (*DryRun, error) {
	sheet := i.Sheet
	old, err := d.Imports.Plan(ctx, i.Office)
	if err != nil {
		return nil, err
	}
	lib, now := d.Lib(), d.Now()
	run := &DryRun{Import: i, Plan: old.guess(lib, i.Office, sheet.Headings), Count: map[string]int{}, Unknown: map[string]map[string]int{}}
	columns := make([]string, len(sheet.Headings))
	for n, h := range sheet.Headings {
		columns[n] = run.Plan.Columns[content.Fold(h)]
		if columns[n] != "" && slices.Contains(columns[:n], columns[n]) && !slices.Contains(run.Twice, columns[n]) {
			run.Twice = append(run.Twice, columns[n])
		}
	}
	run.Undated = !slices.Contains(columns, "opened")
	r := rowReader{lib: lib, plan: run.Plan, columns: columns, now: now, date1904: sheet.Date1904, unknown: run.Unknown}
	var good []int
	var list []Earlier
	for _, row := range sheet.Rows {
		f := r.read(row)
		if f.Fate == FateNew {
			good = append(good, len(run.Rows))
			list = append(list, f.Case)
			if f.Case.State == StateClosed && now.Sub(f.Case.Closed) > KeptClosed {
				run.Outdated++
			}
		}
		run.Rows = append(run.Rows, f)
	}
	twins, err := d.Imports.Twins(ctx, i.Office, list)
	if err != nil {
		return nil, err
	}
	for n, t := range twins {
		if t != (Twin{}) {
			row := &run.Rows[good[n]]
			row.Fate, row.Twin = FateDuplicate, t
			if t.Row > 0 {
				row.Twin.Row = run.Rows[good[t.Row-1]].Number
			}
		}
	}
	sum := sha256.New()
	for _, row := range run.Rows {
		run.Count[row.Fate]++
		fmt.Fprintln(sum, row.Number, row.Fate, row.Twin)
	}
	run.Digest = hex.EncodeToString(sum.Sum(nil)[:12])
	return run, nil
}

// TakeOver makes cases of the new rows and of the duplicates that were chosen, by row number: of all of them or of none. Faulty
// rows stop it unless they are to be left out. seen is the digest of the dry run that the officer looked at; where the
// fates have changed since, it is an ErrConflict.
func (d *Desk) TakeOver(ctx context.Context, who *Officer, run *DryRun, seen string, duplicates []int, leaveFaulty bool) (int, error) {
	office := d.Lib().Office(run.Import.Office)
	switch {
	case !who.May(run.Import.Office) || office == nil:
		return 0, fmt.Errorf("take over: %w", ErrForbidden)
	case seen != run.Digest:
		return 0, fmt.Errorf("take over what has changed meanwhile: %w", ErrConflict)
	case run.Count[FateFaulty] > 0 && !leaveFaulty, run.Undated, len(run.Twice) > 0:
		return 0, fmt.Errorf("take over a file with faults: %w", ErrInvalid)
	}
	var list []Earlier
	for _, row := range run.Rows {
		if row.Fate == FateNew || row.Fate == FateDuplicate && slices.Contains(duplicates, row.Number) {
			list = append(list, row.Case)
		}
	}
	if len(list) == 0 {
		return 0, fmt.Errorf("take over nothing: %w", ErrInvalid)
	}
	if err := d.Imports.TakeOver(ctx, run.Import.ID, list, func() string { return flows.Reference(office.Letters, rand.Uint64()) }); err != nil {
		return 0, err
	}
	return len(list), d.note(ctx, who, Act{What: ActImport, Office: office.ID, N: len(list)})
}

// Codes are what the words of a column can mean; nil for a column that is not one of codes.
func Codes(lib *content.Library, column string) []string {
	var codes []string
	switch column {
	case "outcome":
		return Outcomes()
	case "state":
		return []string{StateOpen, StateClosed}
	case "lang":
		for _, l := range content.Langs() {
			codes = append(codes, string(l))
		}
		return codes
	case "commune":
		for _, o := range lib.Offices() {
			codes = append(codes, o.ID)
		}
		return append(codes, "other")
	}
	f, ok := lib.Field(column)
	switch {
	case !ok:
		return nil
	case f.Kind == "need":
		for _, n := range lib.Needs() {
			codes = append(codes, n.ID)
		}
	case f.Kind == "choice" || f.Kind == "age":
		for _, id := range f.Options {
			_, code, _ := strings.Cut(id, ".")
			codes = append(codes, code)
		}
	}
	return codes
}

// Suggest is the code that the words of a column may mean, for an officer to confirm: the need that the search is sure of.
func Suggest(lib *content.Library, column, words string) string {
	if column != "need" {
		return ""
	}
	if found := lib.Find(content.Query{Text: words}); found.Verdict == content.Sure {
		if a := lib.Answer(found.Hits[0].ID); a != nil && len(a.Needs) > 0 {
			return a.Needs[0]
		}
	}
	return ""
}

// A rowReader reads rows by a plan.
type rowReader struct {
	lib      *content.Library
	plan     Plan
	columns  []string // of the register, by place
	now      time.Time
	date1904 bool
	unknown  map[string]map[string]int
}

// read is what a row says. The first fault counts, but every unknown word is noted.
func (r *rowReader) read(row SheetRow) RowFate {
	f := RowFate{SheetRow: row, Fate: FateNew, Case: Earlier{State: StateClosed, Answers: map[string]string{}}}
	fault := func(why, column, value string) {
		if f.Fate != FateFaulty {
			f.Fate, f.Why, f.Column, f.Value = FateFaulty, why, column, value
		}
	}
	said := false
	for _, first := range []bool{true, false} { // how an age and a telephone are read depends on the day and the country
		for n, column := range r.columns {
			value := clean(row.Cells[n])
			if column == "" || value == "" || first != (column == "opened" || column == "residence") {
				continue
			}
			said = said || column != "opened" && column != "number"
			if why := r.take(&f.Case, column, value); why != "" {
				fault(why, column, value)
			}
		}
	}
	k := &f.Case
	switch {
	case k.Opened.IsZero() && f.Why != WhyBadDate:
		fault(WhyNoDate, "opened", "")
	case !said:
		fault(WhyEmpty, "", "")
	case k.Opened.After(r.now) || k.Closed.After(r.now) || !k.Closed.IsZero() && k.Closed.Before(k.Opened):
		fault(WhyFuture, "opened", "")
	}
	if k.State == StateOpen {
		k.Closed, k.Outcome, k.Structure = time.Time{}, "", ""
		return f
	}
	if k.Closed.IsZero() {
		k.Closed = k.Opened
	}
	if k.Outcome == "" {
		if k.Outcome = "other"; k.Structure != "" || k.Answers["structure"] != "" {
			k.Outcome = "oriented"
		}
	}
	return f
}

// clean is a cell without what does not show.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ' || r == utf8.RuneError || r == '\u00ad' || r >= '\u200b' && r <= '\u200f' || r >= '\u202a' && r <= '\u202e' || r >= '\u2060' && r <= '\u2069' || r == '\ufeff':
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// take reads one cell into a case; why is the fault, if it cannot be read.
func (r *rowReader) take(k *Earlier, column, value string) (why string) {
	if utf8.RuneCountInString(value) > MaxReply || column != "words" && utf8.RuneCountInString(value) > maxWord {
		return WhyLong
	}
	switch column {
	case "opened", "closed":
		day, ok := r.day(value)
		if !ok {
			return WhyBadDate
		}
		if column == "opened" {
			k.Opened = day
		} else {
			k.Closed = day
		}
		return ""
	case "number", "words":
		k.Answers[column] = value
		return ""
	case "phone":
		number, ok := content.ReadPhone(value, k.Answers["residence"])
		if !ok {
			return WhyPhone
		}
		k.Answers["phone"], k.Answers["contact"] = number, "phone"
		return ""
	case "structure":
		if k.Structure = r.structure(value); k.Structure == "" {
			k.Answers["structure"] = value // in the office's words: kept with the person's answers
		}
		return ""
	}
	f, asked := r.lib.Field(column)
	if asked && f.Kind == "name" {
		k.Answers[column] = cmp.Or(firstOf(content.ReadName(value)), value)
		return ""
	}
	code, ok := r.code(column, f, value, k)
	if !ok {
		if r.unknown[column] == nil {
			r.unknown[column] = map[string]int{}
		}
		r.unknown[column][value]++
		return WhyUnknown
	}
	switch column {
	case "lang":
		k.Lang = content.Lang(code)
	case "outcome":
		k.Outcome = code
	case "state":
		k.State = cmp.Or(code, StateClosed)
	default:
		if code != "" {
			k.Answers[column] = code
		}
	}
	return ""
}

func firstOf(s string, ok bool) string {
	if !ok {
		return ""
	}
	return s
}

// structure is the directory's structure of that name, or "".
func (r *rowReader) structure(value string) string {
	said := content.Fold(value)
	for _, s := range r.lib.Structures() {
		for _, l := range content.Complete() {
			if content.Fold(s.Name.In(l)) == said || s.ID == value {
				return s.ID
			}
		}
	}
	return ""
}

// code is what words mean in a column of codes: as the plan says, as the code itself, or as people say it.
func (r *rowReader) code(column string, f content.Field, value string, k *Earlier) (code string, ok bool) {
	if code, ok := r.plan.Values[column][content.Fold(value)]; ok {
		return code, true
	}
	codes := Codes(r.lib, column)
	if slices.Contains(codes, value) {
		return value, true
	}
	switch f.Kind {
	case "country":
		if upper := strings.ToUpper(value); content.CountryName(upper, content.French) != "" {
			return upper, true
		}
		return content.Country(value)
	case "commune":
		return r.lib.FindOffice(value)
	case "age":
		return r.age(value, k)
	case "need":
		first, _, _ := strings.Cut(value, " ")
		if first = strings.Trim(strings.ToUpper(first), ".:-–"); slices.Contains(codes, first) {
			return first, true
		}
	}
	var options []string
	for _, code := range codes {
		id := code
		switch {
		case column == "lang":
			id = "lang." + code
		case column == "state":
			id = "console.register.state." + code
		case column == "outcome":
			id = "console.outcome." + code
		case f.Kind == "need":
			id = "need." + code
		default:
			kind, _, _ := strings.Cut(f.Options[0], ".")
			id = kind + "." + code
		}
		options = append(options, id)
		for _, name := range []string{id, "console." + column + "." + code} {
			for _, l := range content.Complete() {
				if s := r.words(name, l); s != "" && content.Fold(s) == content.Fold(value) {
					return code, true
				}
			}
		}
	}
	if column == "outcome" {
		if code := r.outcome(value); code != "" {
			return code, true
		}
	}
	if id, ok := r.lib.Match(value, options); ok {
		return id[strings.LastIndexByte(id, '.')+1:], true
	}
	return "", false
}

// outcome is the outcome whose name begins as the words do, in any gender and number: "orientées vers …".
func (r *rowReader) outcome(value string) string {
	first, _, _ := strings.Cut(content.Fold(value), " ")
	for _, code := range Outcomes() {
		for _, l := range content.Complete() {
			name, _, _ := strings.Cut(content.Fold(r.words("console.outcome."+code, l)), " ")
			if utf8.RuneCountInString(name) > 5 && strings.HasPrefix(first, name) {
				return code
			}
		}
	}
	return ""
}

// words is the label or the page of an id.
func (r *rowReader) words(id string, l content.Lang) string {
	if s := r.lib.Label(id, l); s != "" || !r.lib.HasPage(id) {
		return s
	}
	return content.Plain(r.lib.Page(id, l, nil))
}

// age reads an age, a bracket, a year or a day of birth: the bracket on the day of the visit, if that is known by now.
func (r *rowReader) age(value string, k *Earlier) (bracket string, ok bool) {
	at := r.now
	if !k.Opened.IsZero() {
		at = k.Opened
	}
	if n, err := strconv.ParseFloat(value, 64); err != nil || n > 2200 {
		if born, ok := r.day(value); ok {
			years := at.Year() - born.Year()
			if at.YearDay() < born.YearDay() {
				years--
			}
			if years < 0 || years > 115 {
				return "", false
			}
			return content.ReadAge(strconv.Itoa(years), at.Year())
		}
	} else {
		value = strconv.Itoa(int(n))
	}
	return content.ReadAge(value, at.Year())
}

// day reads a day: the number by which a sheet stores it, or as people write it, the day before the month.
func (r *rowReader) day(value string) (time.Time, bool) {
	zone := r.now.Location()
	if n, err := strconv.ParseFloat(value, 64); err == nil {
		if r.date1904 {
			n += 1462
		}
		if n < 1 || n > 80000 { // to the year 2119
			return time.Time{}, false
		}
		d := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(n))
		return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, zone), true
	}
	value, _, _ = strings.Cut(strings.ReplaceAll(value, "T", " "), " ")
	parts := strings.FieldsFunc(content.Fold(value), func(c rune) bool { return c < '0' || c > '9' })
	if len(parts) != 3 {
		return time.Time{}, false
	}
	var n [3]int
	for i, p := range parts {
		var err error
		if n[i], err = strconv.Atoi(p); err != nil {
			return time.Time{}, false
		}
	}
	if len(parts[0]) == 4 {
		n[0], n[2] = n[2], n[0]
	}
	if n[2] < 100 {
		n[2] += 2000
	}
	d := time.Date(n[2], time.Month(n[1]), n[0], 0, 0, 0, 0, zone)
	if d.Year() != n[2] || int(d.Month()) != n[1] || d.Day() != n[0] || d.Year() < 1900 || d.Year() > 2119 {
		return time.Time{}, false
	}
	return d, true
}
