package bot_test

import (
	"maps"
	"testing"
	"time"

	"baom/bot"
	"baom/flows"
)

// TestExpected: what an office did is told in its own open hours, from enough of it, and who still waits counts.
func TestExpected(t *testing.T) {
	lib, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	zone := time.FixedZone("+01", 3600)
	now := time.Date(2026, 11, 24, 15, 0, 0, 0, zone) // a Tuesday
	friday := time.Date(2026, 11, 20, 16, 20, 0, 0, zone)
	some := func(n int, office string, opened, first time.Time) (list []bot.Replied) {
		for range n {
			list = append(list, bot.Replied{Office: office, Opened: opened, First: first})
		}
		return list
	}
	never := time.Time{}
	for name, tt := range map[string]struct {
		list []bot.Replied
		want string
	}{
		"the weekend does not count": {some(20, "agadir", friday, time.Date(2026, 11, 23, 9, 10, 0, 0, zone)), flows.ExpectHour},
		"a day":                      {some(20, "agadir", friday, time.Date(2026, 11, 23, 14, 0, 0, 0, zone)), flows.ExpectDay},
		"too little is known":        {some(11, "agadir", friday, friday.Add(time.Minute)), ""},
		"one in five is slow":        {append(some(16, "agadir", friday, friday.Add(time.Minute)), some(4, "agadir", friday, now)...), flows.ExpectHour},
		"more than that":             {append(some(15, "agadir", friday, friday.Add(time.Minute)), some(5, "agadir", friday, now)...), flows.ExpectDays},
		"who still waits":            {append(some(15, "agadir", friday, friday.Add(time.Minute)), some(5, "agadir", friday, never)...), flows.ExpectDays},
		"who has just come":          {append(some(15, "agadir", friday, friday.Add(time.Minute)), some(50, "agadir", now, never)...), flows.ExpectHour},
		"too slow to be of help":     {some(20, "agadir", friday.AddDate(0, 0, -21), now), ""},
		"an office that is unknown":  {some(20, "paris", friday, friday), ""},
	} {
		want := map[string]string{}
		if tt.want != "" {
			want["agadir"] = tt.want
		}
		if got := bot.Expected(lib, tt.list, now); !maps.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

// TestExpectations reads the record: a person who is taken in is told how soon the office usually answers.
func TestExpectations(t *testing.T) {
	k := newTalk(t)
	for range 12 {
		k.office.arrivals += 100
		id, _ := k.office.arrive()
		k.must(k.desk.Reply(t.Context(), k.amina, id, "Bonjour.", nil))
	}
	e := &bot.Expectations{Cases: k.store, Lib: k.desk.Lib, Now: func() time.Time { return k.at }}
	if e.Known() != nil {
		t.Error("something is known before it was asked")
	}
	if err := e.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := e.Known(); !maps.Equal(got, map[string]string{"agadir": flows.ExpectHour}) {
		t.Errorf("known: %v", got)
	}
}
