package bot

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Figures are what is counted of the cases opened in a year, at one office or at all together. Nothing in them stands for
// fewer than Threshold cases, and what is hidden cannot be had from what is shown: categories that are small over the year
// are put together, months and offices that are small are hidden with others, and so are numbers within a month or an
// office. Every page, chart and workbook is made of these alone, so that there is nothing else to compare.
type Figures struct {
	Office  string // id; empty: all together
	Year    int
	Total   int         // cases; 0 where there are fewer than Threshold
	Months  [12]Number  // cases by month of opening
	Offices []OfficeSum // of all together: cases by office, in the library's order
	Tables  []Table
	First   Wait // from the opening to an officer who takes the case
	Whole   Wait // from the opening to the end
	Ratings Ratings
	Words   []Comment // of the satisfaction survey: for who leads the office alone
	Until   time.Time // what has happened since is not counted; zero: everything is
	Years   []int     // that there are cases of, the newest first
}

// A Number is one figure, or hidden.
type Number struct {
	N      int
	Hidden bool
}

// OfficeSum is one office's cases.
type OfficeSum struct {
	Office string
	Number
}

// A Table counts cases by one thing. Rows sum up to the Total of the figures.
type Table struct {
	ID   string // a field of the intake, or channel, lang, outcome, structure
	Rows []Row
}

// A Row is one category. Months and Offices may hold hidden numbers; N never is.
type Row struct {
	Code    string // "" where it is not known; Others where small categories are put together
	N       int
	Months  [12]Number
	Offices []Number // in the order of the figures' offices
}

// Others is the code of small categories put together. There may be one alone in it: which is not said.
const Others = "others"

// NotYet is the code of cases that have no outcome, or no orientation.
const NotYet = "none"

// A Wait tells how long something took, of so many cases: half of them took at most Median.
type Wait struct {
	N      int // 0: fewer than Threshold
	Median time.Duration
	Most   time.Duration // nine in ten took at most this
}

// Ratings are the marks of the satisfaction survey, of 1 to 5.
type Ratings struct {
	N       int // how many answered; 0: fewer than Threshold
	Mean    float64
	Scores  []Row // by mark, small ones put together; without months
	Months  [12]Mean
	Needs   []Mean // the needs that have enough
	Offices []Mean // of all together: the offices that have enough
}

// A Mean is the mean mark of so many answers. Hidden: too few, or it would tell of too few.
type Mean struct {
	Of     string // code of the need, id of the office
	N      int
	Mean   float64
	Hidden bool
}

// A Comment is what somebody said of the service, apart from who it was.
type Comment struct {
	Month time.Time
	Score int
	Text  string
}

// Figures counts the cases of a year for an officer who may see them: of one office, or of all for "". To who sees no
// people it shows the record as it was when the month began: live figures tell, from one look to the next, what a single
// case added.
func (d *Desk) Figures(ctx context.Context, who *Officer, office string, year int) (*Figures, error) {
	if !who.Counts(office) {
		return nil, fmt.Errorf("figures: %w", ErrForbidden)
	}
	now := d.Now()
	if year < 2000 || year > now.Year() {
		return nil, fmt.Errorf("figures of the year %d: %w", year, ErrInvalid)
	}
	f := &Figures{Office: office, Year: year}
	offices := []string{office}
	if office == "" {
		offices = nil
		for _, o := range d.Lib().Offices() {
			offices = append(offices, o.ID)
			f.Offices = append(f.Offices, OfficeSum{Office: o.ID})
		}
	}
	zone := now.Location()
	if !who.Works() {
		f.Until = time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, zone)
	}
	from, to := time.Date(year, 1, 1, 0, 0, 0, 0, zone), time.Date(year+1, 1, 1, 0, 0, 0, 0, zone)
	var facts []Fact
	for fact, err := range d.Register.Facts(ctx, offices, from, to) {
		if err != nil {
			return nil, err
		}
		fact.Opened = fact.Opened.In(zone)
		if f.Until.IsZero() || fact.asOf(f.Until) {
			facts = append(facts, fact)
		}
	}
	tallies, err := d.Register.Tallies(ctx, offices, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		return nil, err
	}
	f.count(facts, tallies, Threshold)
	if who.Leads(office) && office != "" {
		if f.Words, err = d.comments(ctx, office, from, to); err != nil {
			return nil, err
		}
	}
	for y := now.Year(); y > now.Year()-5; y-- {
		f.Years = append(f.Years, y)
	}
	return f, nil
}

// asOf makes a fact what it was at a time, and reports whether there was a case by then.
func (f *Fact) asOf(at time.Time) bool {
	if !f.Claimed.Before(at) {
		f.Claimed = time.Time{}
	}
	if f.State == StateClosed && !f.Closed.Before(at) {
		f.State, f.Closed, f.Outcome, f.Structure, f.Score = StateOpen, time.Time{}, "", "", 0
	}
	return f.Opened.Before(at)
}

// comments are the words of the survey, in the order of the months.
func (d *Desk) comments(ctx context.Context, office string, from, to time.Time) ([]Comment, error) {
	var list []Comment
	for k, err := range d.Register.List(ctx, Selection{Offices: []string{office}, From: from, To: to, State: StateClosed}) {
		if err != nil {
			return nil, err
		}
		if k.Comment != "" {
			at := k.Closed.In(from.Location())
			list = append(list, Comment{Month: time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC), Score: k.Score, Text: k.Comment})
		}
	}
	slices.SortStableFunc(list, func(a, b Comment) int { return cmp.Or(b.Month.Compare(a.Month), cmp.Compare(a.Text, b.Text)) })
	return list, nil
}

// count makes the figures of facts.
func (f *Figures) count(facts []Fact, tallies []Tally, k int) {
	if len(facts) < k {
		return
	}
	f.Total = len(facts)
	at := map[string]int{}
	for i, o := range f.Offices {
		at[o.Office] = i
	}
	months, offices := make([]int, 12), make([]int, len(f.Offices))
	for _, fact := range facts {
		months[fact.Opened.Month()-1]++
		if len(offices) > 0 {
			offices[at[fact.Office]]++
		}
	}
	hiddenMonths, hiddenOffices := Suppress(months, k), Suppress(offices, k)
	for i, n := range months {
		f.Months[i] = number(n, hiddenMonths[i])
	}
	for i, n := range offices {
		f.Offices[i].Number = number(n, hiddenOffices[i])
	}
	for _, kind := range tableKinds() {
		c := counted{cells: map[string]*cells{}, offices: len(f.Offices)}
		for _, fact := range facts {
			c.add(kind.code(fact), int(fact.Opened.Month())-1, at[fact.Office], 1)
		}
		c.tallies(kind.id, tallies, at)
		f.Tables = append(f.Tables, c.table(kind.id, hiddenMonths, hiddenOffices, k))
	}
	f.waits(facts, k)
	f.rate(facts, at, k)
}

func number(n int, hidden bool) Number {
	if hidden {
		return Number{Hidden: true}
	}
	return Number{N: n}
}

// A tableKind is one thing that cases are counted by.
type tableKind struct {
	id   string
	code func(Fact) string
}

func tableKinds() []tableKind {
	field := func(id string) tableKind { return tableKind{id, func(f Fact) string { return f.Codes[id] }} }
	return []tableKind{field("need"), field("profile"), field("nationality"), field("gender"), field("age"), field("commune"), field("residence"),
		{"channel", func(f Fact) string { return string(f.Channel) }},
		{"lang", func(f Fact) string { return string(f.Lang) }},
		{"outcome", func(f Fact) string { return cmp.Or(f.Outcome, NotYet) }},
		{"structure", func(f Fact) string { return cmp.Or(f.Structure, NotYet) }}}
}

// counted is one table under way.
type counted struct {
	cells   map[string]*cells
	offices int
}

// cells are one category's counts.
type cells struct {
	n       int
	months  []int
	offices []int
}

func (c *counted) of(code string) *cells {
	if c.cells[code] == nil {
		c.cells[code] = &cells{months: make([]int, 12), offices: make([]int, c.offices)}
	}
	return c.cells[code]
}

func (c *counted) add(code string, month, office, n int) {
	row := c.of(code)
	row.n += n
	row.months[month] += n
	if c.offices > 0 {
		row.offices[office] += n
	}
}

// tallies moves what is known of erased cases from those of which nothing is known to where they belong. The profile and
// the need are kept with the cases themselves.
func (c *counted) tallies(id string, list []Tally, at map[string]int) {
	for _, t := range list {
		if t.Field != id || id == "profile" || id == "need" {
			continue
		}
		month, office := int(t.Month.Month())-1, at[t.Office]
		unknown := c.of("")
		n := min(t.Count, unknown.months[month])
		if c.offices > 0 {
			n = min(n, unknown.offices[office])
		}
		if n > 0 {
			c.add(t.Code, month, office, n)
			c.add("", month, office, -n)
		}
	}
}

// table puts small categories together and hides what is small within months and offices.
func (c *counted) table(id string, hiddenMonths, hiddenOffices []bool, k int) Table {
	codes := slices.SortedFunc(maps.Keys(c.cells), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.cells[b].n, c.cells[a].n), cmp.Compare(a, b))
	})
	codes = slices.DeleteFunc(codes, func(code string) bool { return c.cells[code].n == 0 })
	others := &cells{months: make([]int, 12), offices: make([]int, c.offices)}
	for len(codes) > 0 {
		last := c.cells[codes[len(codes)-1]]
		if last.n >= k && (others.n == 0 || others.n >= k) {
			break
		}
		others.add(last)
		codes = codes[:len(codes)-1]
	}
	if others.n > 0 {
		codes = append(codes, Others)
		c.cells[Others] = others
	}
	months, offices := make([][]int, len(codes)), make([][]int, len(codes))
	for i, code := range codes {
		months[i], offices[i] = c.cells[code].months, c.cells[code].offices
	}
	byMonth, byOffice := within(months, hiddenMonths, k), within(offices, hiddenOffices, k)
	t := Table{ID: id}
	for i, code := range codes {
		row := Row{Code: code, N: c.cells[code].n}
		for j, n := range months[i] {
			row.Months[j] = number(n, byMonth[i][j])
		}
		for j, n := range offices[i] {
			row.Offices = append(row.Offices, number(n, byOffice[i][j]))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (c *cells) add(o *cells) {
	c.n += o.n
	for i, n := range o.months {
		c.months[i] += n
	}
	for i, n := range o.offices {
		c.offices[i] += n
	}
}

// within says which numbers of a table are hidden. Columns that are hidden as a whole are, to an outsider, one column of
// which only the sum is known.
func within(grid [][]int, hiddenColumns []bool, k int) [][]bool {
	var shown []int
	for j, h := range hiddenColumns {
		if !h {
			shown = append(shown, j)
		}
	}
	reduced := make([][]int, len(grid))
	for i, row := range grid {
		rest := 0
		for j, n := range row {
			if hiddenColumns[j] {
				rest += n
			}
		}
		for _, j := range shown {
			reduced[i] = append(reduced[i], row[j])
		}
		if len(shown) < len(hiddenColumns) {
			reduced[i] = append(reduced[i], rest)
		}
	}
	hidden := SuppressGrid(reduced, k)
	out := make([][]bool, len(grid))
	for i, row := range grid {
		out[i] = make([]bool, len(row))
		for j := range row {
			out[i][j] = hiddenColumns[j]
		}
		for n, j := range shown {
			out[i][j] = hidden[i][n]
		}
	}
	return out
}

// waits measures how long people waited. Cases taken over from an earlier register have no times of the day.
func (f *Figures) waits(facts []Fact, k int) {
	var first, whole []time.Duration
	for _, fact := range facts {
		if fact.Channel == Imported {
			continue
		}
		if d := fact.Claimed.Sub(fact.Opened); !fact.Claimed.IsZero() && d >= 0 {
			first = append(first, d)
		}
		if d := fact.Closed.Sub(fact.Opened); fact.State == StateClosed && d >= 0 {
			whole = append(whole, d)
		}
	}
	f.First, f.Whole = wait(first, k), wait(whole, k)
}

func wait(list []time.Duration, k int) Wait {
	if len(list) < k {
		return Wait{}
	}
	slices.Sort(list)
	w := Wait{N: len(list), Median: list[(len(list)-1)/2].Round(time.Minute)}
	if len(list) >= 10*k { // else it would be one of the last few
		w.Most = list[len(list)*9/10].Round(time.Minute)
	}
	return w
}

// rate counts the answers to the survey.
func (f *Figures) rate(facts []Fact, at map[string]int, k int) {
	type sum struct{ n, marks int }
	var all sum
	months, offices := make([]sum, 12), make([]sum, len(f.Offices))
	needs, scores := map[string]sum{}, map[string]*cells{}
	for _, fact := range facts {
		if fact.Score == 0 {
			continue
		}
		plus := func(s sum) sum { return sum{s.n + 1, s.marks + fact.Score} }
		all = plus(all)
		m := fact.Opened.Month() - 1
		months[m] = plus(months[m])
		if len(offices) > 0 {
			offices[at[fact.Office]] = plus(offices[at[fact.Office]])
		}
		needs[fact.Codes["need"]] = plus(needs[fact.Codes["need"]])
		code := fmt.Sprint(fact.Score)
		if scores[code] == nil {
			scores[code] = &cells{months: make([]int, 12)}
		}
		scores[code].n++
	}
	if all.n < k {
		return
	}
	means := func(sums []sum) []Mean {
		counts := make([]int, len(sums))
		for i, s := range sums {
			counts[i] = s.n
		}
		list := make([]Mean, len(sums))
		for i, hidden := range Suppress(counts, k) {
			if list[i].Hidden = hidden; !hidden && sums[i].n > 0 {
				list[i] = Mean{N: sums[i].n, Mean: float64(sums[i].marks) / float64(sums[i].n)}
			}
		}
		return list
	}
	r := &f.Ratings
	r.N, r.Mean = all.n, float64(all.marks)/float64(all.n)
	c := counted{cells: scores}
	r.Scores = c.table("score", make([]bool, 12), nil, k).Rows
	r.Months = [12]Mean(means(months))
	codes := slices.Sorted(maps.Keys(needs))
	byNeed := make([]sum, len(codes))
	for i, code := range codes {
		byNeed[i] = needs[code]
	}
	for i, m := range means(byNeed) {
		if m.Of = codes[i]; !m.Hidden {
			r.Needs = append(r.Needs, m)
		}
	}
	for i, m := range means(offices) {
		if m.Of = f.Offices[i].Office; !m.Hidden && m.N > 0 {
			r.Offices = append(r.Offices, m)
		}
	}
}
