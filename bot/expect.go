package bot

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"baom/content"
	"baom/flows"
)

// A Replied is when a case was opened, and when an officer first wrote to its person.
type Replied struct {
	Office string
	Opened time.Time
	First  time.Time // zero: nobody has yet, and the case is not closed
}

// Expectations knows how soon each office usually answers, from what it did in the last weeks. It is made anew while Run
// runs, and is safe for concurrent use.
type Expectations struct {
	Cases interface {
		// Replies lists the cases opened since a time, without those that were closed before an officer wrote.
		Replies(ctx context.Context, since time.Time) ([]Replied, error)
	}
	Lib func() *content.Library
	Now func() time.Time // in the offices' time zone
	Log *slog.Logger

	known atomic.Pointer[map[string]string]
}

const (
	expectWeeks   = 8                // are looked back upon
	expectReplies = 12               // of an office make it worth saying anything
	expectEvery   = 15 * time.Minute // it is made anew
)

// Known is how soon each office usually answers: one of flows' Expect codes by the office's id. An office of which too little
// is known, or that is too slow for it to be of help, is missing.
func (e *Expectations) Known() map[string]string {
	if known := e.known.Load(); known != nil {
		return *known
	}
	return nil
}

// Run keeps it new until ctx ends. What cannot be read is said in the log, and what was known stays.
func (e *Expectations) Run(ctx context.Context) error {
	for {
		if err := e.Renew(ctx); err != nil && ctx.Err() == nil {
			e.Log.Warn("how soon offices answer is not known anew", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(expectEvery):
		}
	}
}

// Renew makes it anew.
func (e *Expectations) Renew(ctx context.Context) error {
	now := e.Now()
	list, err := e.Cases.Replies(ctx, now.AddDate(0, 0, -7*expectWeeks))
	if err != nil {
		return fmt.Errorf("how soon offices answer: %w", err)
	}
	known := Expected(e.Lib(), list, now)
	e.known.Store(&known)
	return nil
}

// Expected is how soon each office answers four in five people, counted in the time during which it is open. Who still waits
// for longer than that counts too, so that an office does not seem quick because it answers few.
func Expected(lib *content.Library, list []Replied, now time.Time) map[string]string {
	took, waits := map[string][]time.Duration{}, map[string][]time.Duration{}
	for _, r := range list {
		o := lib.Office(r.Office)
		if o == nil {
			continue
		}
		opened := r.Opened.In(now.Location())
		if r.First.IsZero() {
			waits[o.ID] = append(waits[o.ID], o.Between(opened, now))
		} else {
			took[o.ID] = append(took[o.ID], o.Between(opened, r.First.In(now.Location())))
		}
	}
	known := map[string]string{}
	for office, times := range took {
		if _, opens := lib.Office(office).Next(now); len(times) < expectReplies || !opens {
			continue
		}
		most := mostOf(times)
		for _, w := range waits[office] {
			if w > most {
				times = append(times, w)
			}
		}
		if code := expectCode(mostOf(times)); code != "" {
			known[office] = code
		}
	}
	return known
}

// mostOf is the time within which four in five lie.
func mostOf(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[(len(times)*4+4)/5-1]
}

// expectCode puts a time during which an office is open into words: a day of it is seven hours.
func expectCode(open time.Duration) string {
	switch {
	case open <= time.Hour:
		return flows.ExpectHour
	case open <= 7*time.Hour:
		return flows.ExpectDay
	case open <= 21*time.Hour:
		return flows.ExpectDays
	case open <= 35*time.Hour:
		return flows.ExpectWeek
	}
	return ""
}
