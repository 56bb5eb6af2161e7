package bot

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"baom/content"
)

// Register is the record as an office keeps it on paper: a list of visits, what is counted of them, and what it takes over
// from an earlier list.
type Register interface {
	// List yields the cases that q selects, the newest opening first. It ends at the first error.
	List(ctx context.Context, q Selection) iter.Seq2[*Case, error]

	// Facts yields what figures are made of, for the cases opened at the offices within [from, to), in no order: none of it
	// names anybody.
	Facts(ctx context.Context, offices []string, from, to time.Time) iter.Seq2[Fact, error]

	// Tallies are the counts left of cases whose data the retention rules have erased, by month of opening.
	Tallies(ctx context.Context, offices []string, from, to time.Time) ([]Tally, error)
}

// A Selection selects cases for the register. The zero selection is every case.
type Selection struct {
	Offices  []string  // ids; empty: all
	From, To time.Time // opened within [From, To); zero: without bound
	State    string    // one of the states; empty: any
	Need     string
	Profile  string
	Limit    int   // 0: without
	Before   int64 // page on: cases after this id in the list's order
}

// A Fact is what figures know of a case: codes and times.
type Fact struct {
	Office    string
	State     string
	Outcome   string
	Structure string
	Urgent    string
	Channel   Channel
	Lang      content.Lang
	Opened    time.Time
	Claimed   time.Time
	Closed    time.Time
	Score     int
	Erased    bool
	Codes     map[string]string // by field of the intake; only those of Counted
}

// A Tally is how many erased cases, opened in a month at an office, had a code. Nothing links one tally to another.
type Tally struct {
	Office string
	Month  time.Time // its first day
	Field  string    // one of Counted
	Code   string
	Count  int
}

// Counted are the fields of the intake whose answers are codes that figures count. The profile and the need are kept with
// a case for good; the others go with its person's data and leave a tally.
func Counted() []string {
	return []string{"profile", "need", "nationality", "residence", "commune", "age", "gender", "work", "family"}
}

// Works reports whether an officer works on people's cases at all: a supervisor and a coordinator see figures alone.
func (o *Officer) Works() bool {
	return !o.Disabled && slices.Contains([]string{RoleOfficer, RoleHead, RoleAdmin}, o.Role)
}

// Counts reports whether an officer may see the figures of an office; of "", those of all offices together. A coordinator
// sees only these, in which the offices stand side by side: the figures of each alone beside them would tell what is hidden.
func (o *Officer) Counts(office string) bool {
	switch o.Role {
	case RoleAdmin:
		return !o.Disabled
	case RoleNetwork:
		return !o.Disabled && office == ""
	}
	return !o.Disabled && o.Office != "" && o.Office == office
}

// List yields the cases that q selects among those the officer may see, for the register.
func (d *Desk) List(ctx context.Context, who *Officer, q Selection) (iter.Seq2[*Case, error], error) {
	if who.Role != RoleAdmin && len(q.Offices) == 0 {
		q.Offices = []string{who.Office}
	}
	if !who.Works() || slices.ContainsFunc(q.Offices, func(office string) bool { return !who.May(office) }) {
		return nil, fmt.Errorf("register: %w", ErrForbidden)
	}
	return d.Register.List(ctx, q), d.noteList(ctx, who, q, ActRegister)
}
