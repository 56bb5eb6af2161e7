package bot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// An appointed is an office whose clock the test turns, with a person who has an officer.
type appointed struct {
	t      *testing.T
	now    time.Time
	store  *storage.Store
	desk   *bot.Desk
	bot    *bot.Bot
	amina  *bot.Officer
	peer   bot.Peer
	id     int64
	key    int
	events []string // that reached the dialogue

	databaseURL string
}

// appoint makes one at a time at Agadir, which reminds people two hours before as well.
func appoint(t *testing.T, at time.Time) *appointed {
	t.Helper()
	lib, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	agadir := lib.Office("agadir")
	agadir.RemindHours = 2
	t.Cleanup(func() { agadir.RemindHours = 0 })
	db, redis := storagetest.Env(t)
	a := &appointed{t: t, now: at, databaseURL: db, peer: bot.Peer{Channel: bot.Web, ID: "quelqu'un"}}
	a.store = storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis, Now: func() time.Time { return a.now }})
	book, err := flows.New(lib)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return a.now }
	a.desk = &bot.Desk{Cases: a.store, Questions: a.store, Register: a.store, Imports: a.store, Meetings: a.store, Now: now, Lib: func() *content.Library { return lib }}
	a.bot = &bot.Bot{Book: func() *flows.Book { return book }, Journal: a.store, Now: now, Seed: func() uint64 { return 7 }, Log: slog.New(slog.DiscardHandler)}
	a.amina = &bot.Officer{Login: "amina", Name: "Amina El Idrissi", Hash: "x", Role: bot.RoleOfficer, Office: "agadir"}
	if err := a.store.SaveOfficer(t.Context(), a.amina); err != nil {
		t.Fatal(err)
	}
	for _, in := range []flows.Input{{Choice: "start"}, {Choice: "lang.fr"}, {Choice: "consent.yes"}, {Choice: "menu.officer"}, {Text: "Agadir"}, {Text: "je veux parler de ma carte"}} {
		a.say(in)
	}
	list, err := a.desk.Queue(t.Context(), a.amina, bot.Query{})
	if err != nil || len(list) != 1 {
		t.Fatalf("no case: %v %v", list, err)
	}
	a.id = list[0].ID
	if _, err := a.desk.Claim(t.Context(), a.amina, a.id); err != nil {
		t.Fatal(err)
	}
	a.turns()
	a.sent()
	return a
}

// say lets the person do something.
func (a *appointed) say(in flows.Input) {
	a.t.Helper()
	a.key++
	if _, err := a.store.Receive(a.t.Context(), bot.Entry{Peer: a.peer, Key: fmt.Sprint("web:", a.key), Input: in}); err != nil {
		a.t.Fatal(err)
	}
	a.turns()
}

// turns takes the turns that are due.
func (a *appointed) turns() {
	a.t.Helper()
	for {
		err := a.store.Turn(a.t.Context(), func(s flows.Session, e bot.Entry) bot.Turn {
			a.events = append(a.events, e.Input.Event)
			return a.bot.Take(s, e)
		})
		if errors.Is(err, bot.ErrIdle) {
			return
		}
		if err != nil {
			a.t.Fatal(err)
		}
	}
}

// sent delivers what waits.
func (a *appointed) sent() (list []bot.Message) {
	a.t.Helper()
	for {
		err := a.store.Deliver(a.t.Context(), bot.Web, func(_ context.Context, m bot.Message) (string, error) {
			list = append(list, m)
			return "1", nil
		})
		if errors.Is(err, bot.ErrIdle) {
			return list
		}
		if err != nil {
			a.t.Fatal(err)
		}
	}
}

// one is the only message that was sent, with words in it.
func (a *appointed) one(words string) bot.Message {
	a.t.Helper()
	list := a.sent()
	if len(list) != 1 || !strings.Contains(list[0].Text, words) {
		a.t.Fatalf("sent %+v, want one message with %q", list, words)
	}
	return list[0]
}

// at turns the clock, and lets happen what is due.
func (a *appointed) at(day, clock string) {
	a.t.Helper()
	var err error
	if a.now, err = time.ParseInLocation("2006-01-02 15:04", day+" "+clock, a.now.Location()); err != nil {
		a.t.Fatal(err)
	}
	a.turns()
}

func (a *appointed) meet(day, clock string) (*bot.Case, error) {
	at, err := time.ParseInLocation("2006-01-02 15:04", day+" "+clock, a.now.Location())
	if err != nil {
		a.t.Fatal(err)
	}
	k, err := a.desk.Meet(a.t.Context(), a.amina, a.id, at, 30)
	a.turns()
	return k, err
}

func (a *appointed) meeting() *bot.Meeting {
	a.t.Helper()
	k, _, err := a.desk.Open(a.t.Context(), a.amina, a.id)
	if err != nil {
		a.t.Fatal(err)
	}
	return k.Meeting
}

func casablanca(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Africa/Casablanca")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// event reads a calendar's file with another's reader.
func event(t *testing.T, m bot.Message) *ics.VEvent {
	t.Helper()
	if m.Media == nil || m.Media.Mime != "text/calendar" {
		t.Fatalf("no calendar with %+v", m)
	}
	for line := range bytes.SplitSeq(m.Media.Data, []byte("\r\n")) {
		if len(line) > 75 {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
	}
	c, err := ics.ParseCalendar(bytes.NewReader(m.Media.Data))
	if err != nil || len(c.Events()) != 1 {
		t.Fatalf("not a calendar of one event: %v\n%s", err, m.Media.Data)
	}
	return c.Events()[0]
}

func property(e *ics.VEvent, name ics.ComponentProperty) string {
	if p := e.GetProperty(name); p != nil {
		return p.Value
	}
	return ""
}

// TestMeeting follows an appointment from its proposal over a move and an answer to its reminders, over the night in which
// Morocco sets its clock back for Ramadan.
func TestMeeting(t *testing.T) {
	zone := casablanca(t)
	a := appoint(t, time.Date(2027, 2, 3, 11, 0, 0, 0, zone))
	ctx := t.Context()

	if _, err := a.meet("2027-02-03", "10:00"); !errors.Is(err, bot.ErrInvalid) {
		t.Errorf("an hour that is over was taken: %v", err)
	}
	if _, err := a.meet("2027-02-05", "10:00"); err != nil {
		t.Fatal(err)
	}
	m := a.one("vendredi 05/02 à 10 h")
	if first, _, _ := strings.Cut(m.Text, "\n"); strings.Contains(first, "rendez-vous") || len(m.Choices) != 3 {
		t.Errorf("the first line tells too much, or there is nothing to answer with: %+v", m)
	}
	e := event(t, m)
	start, err := e.GetStartAt()
	if err != nil || !start.Equal(time.Date(2027, 2, 5, 10, 0, 0, 0, zone)) {
		t.Errorf("begins %v (%v)", start, err)
	}
	reference := ""
	if k, _, err := a.desk.Open(ctx, a.amina, a.id); err == nil {
		reference = k.Reference
	}
	if s := property(e, ics.ComponentPropertySummary); s != "BAOM "+reference {
		t.Errorf("the title is %q", s)
	}
	uid := e.Id()

	// Moved before the first reminder: that of the first time never comes.
	if _, err := a.meet("2027-02-07", "10:00"); err != nil {
		t.Fatal(err)
	}
	e = event(t, a.one("Votre rendez-vous change"))
	if e.Id() != uid || property(e, ics.ComponentPropertySequence) != "1" {
		t.Errorf("a telephone would keep both: %s %s, then %s %s", uid, "0", e.Id(), property(e, ics.ComponentPropertySequence))
	}
	a.say(flows.Input{Choice: "meeting.yes"})
	a.one("vous venez")
	if got := a.meeting(); got.State != flows.MeetingYes || got.Sequence != 1 {
		t.Errorf("the appointment is %+v", got)
	}
	a.at("2027-02-04", "10:30")
	a.at("2027-02-05", "08:30")
	if list := a.sent(); len(list) != 0 {
		t.Fatalf("reminded of an appointment that was moved: %+v", list)
	}

	// The day before at the same hour on the clock: 25 hours before, for the clock is set back in between.
	a.at("2027-02-06", "09:59")
	if list := a.sent(); len(list) != 0 {
		t.Fatalf("too early: %+v", list)
	}
	a.at("2027-02-06", "10:00")
	if m := a.one("Rappel"); len(m.Choices) != 2 || m.Media != nil {
		t.Errorf("who said yes is asked again: %+v", m)
	}
	a.at("2027-02-07", "07:59")
	if list := a.sent(); len(list) != 0 {
		t.Fatalf("two hours are two hours: %+v", list)
	}
	a.at("2027-02-07", "08:00")
	a.one("dimanche 07/02 à 10 h")

	// At the last minute they cannot: the case waits for us, with a line of its own.
	a.say(flows.Input{Choice: "meeting.no"})
	a.one("L'agent le saura")
	k, lines, err := a.desk.Open(ctx, a.amina, a.id)
	if err != nil || k.Waiting.IsZero() || k.Meeting.State != flows.MeetingNo {
		t.Fatalf("the officer does not see it: %+v %v", k, err)
	}
	var events []string
	for _, l := range lines {
		if l.Author == bot.ByEvent && strings.HasPrefix(l.Event, "meeting") {
			events = append(events, l.Event+" "+l.Slots["how"])
		}
	}
	equal(t, "the time line", events, "meeting proposed", "meeting moved", "meeting.yes ", "meeting.no ")
	day, err := a.desk.Day(ctx, a.amina, "agadir", a.now)
	if err != nil || len(day) != 1 || day[0].Case.Reference != reference || day[0].By != a.amina.Name {
		t.Errorf("the list of the day is %+v (%v)", day, err)
	}
	if _, err := a.desk.Attended(ctx, a.amina, a.id, k.Meeting.ID, false); err != nil {
		t.Error(err)
	}
	if got := a.meeting(); got.State != bot.MeetingMissed {
		t.Errorf("the appointment is %+v", got)
	}
}

// TestMeetingEnds checks that an appointment ends with its case, its office, its person and the officer's word, that
// nobody is reminded of it then, and that a person is told before they set out.
func TestMeetingEnds(t *testing.T) {
	zone := casablanca(t)
	for _, end := range []struct {
		name string
		do   func(*testing.T, *appointed) error
		told bool
		rows int
	}{
		{"called off", func(t *testing.T, a *appointed) error {
			_, err := a.desk.CallOff(t.Context(), a.amina, a.id)
			return err
		}, true, 0},
		{"case closed", func(t *testing.T, a *appointed) error {
			_, err := a.desk.Close(t.Context(), a.amina, a.id, bot.Closing{Outcome: "informed"})
			return err
		}, true, 0},
		{"another office", func(t *testing.T, a *appointed) error {
			_, err := a.desk.Propose(t.Context(), a.amina, a.id, "tiznit", "c'est votre commune")
			a.turns()
			a.say(flows.Input{Choice: "transfer.yes.tiznit"})
			return err
		}, true, 0},
		{"withdrawn", func(t *testing.T, a *appointed) error {
			a.say(flows.Input{Choice: "handoff.cancel"})
			a.say(flows.Input{Choice: "withdraw.yes"})
			return nil
		}, true, 0},
		{"erased", func(t *testing.T, a *appointed) error { return a.store.Forget(t.Context(), a.peer) }, false, 0},
	} {
		t.Run(end.name, func(t *testing.T) {
			a := appoint(t, time.Date(2026, 11, 25, 11, 0, 0, 0, zone))
			if _, err := a.meet("2026-11-27", "10:00"); err != nil {
				t.Fatal(err)
			}
			a.sent()
			if err := end.do(t, a); err != nil {
				t.Fatal(err)
			}
			a.turns()
			told := slices.ContainsFunc(a.sent(), func(m bot.Message) bool { return strings.Contains(m.Text, "n'a pas lieu") })
			if told != end.told {
				t.Errorf("told: %v", told)
			}
			a.events = nil
			a.at("2026-11-26", "10:00")
			a.at("2026-11-27", "08:00")
			for _, m := range a.sent() {
				if strings.Contains(m.Text, "27/11") {
					t.Errorf("reminded all the same: %s", m.Text)
				}
			}
			if slices.Contains(a.events, flows.EventMeetingNear) {
				t.Errorf("a reminder waited still: %q", a.events)
			}
			for _, office := range []string{"agadir", "tiznit"} {
				day, err := a.store.Meetings(t.Context(), office, a.now.AddDate(0, 0, -1), a.now.AddDate(0, 0, 1))
				if err != nil || len(day) != 0 {
					t.Errorf("the list of %s has %+v (%v)", office, day, err)
				}
			}
		})
	}
}

// TestMeetingDoubts checks what an officer is told before proposing an hour.
func TestMeetingDoubts(t *testing.T) {
	zone := casablanca(t)
	a := appoint(t, time.Date(2027, 1, 4, 11, 0, 0, 0, zone))
	ctx := t.Context()
	if err := a.desk.SetAbsence(ctx, a.amina, bot.Absence{Officer: a.amina.ID, Since: time.Date(2027, 1, 20, 0, 0, 0, 0, zone), Until: time.Date(2027, 1, 21, 0, 0, 0, 0, zone)}); err != nil {
		t.Fatal(err)
	}
	other, err := func() (int64, error) {
		a.peer.ID = "quelqu'un d'autre"
		a.bot.Seed = func() uint64 { return 99 }
		for _, in := range []flows.Input{{Choice: "start"}, {Choice: "lang.fr"}, {Choice: "consent.yes"}, {Choice: "menu.officer"}, {Text: "Agadir"}, {Text: "je veux parler de ma carte"}} {
			a.say(in)
		}
		list, err := a.desk.Queue(ctx, a.amina, bot.Query{Free: true})
		if err != nil || len(list) != 1 {
			return 0, fmt.Errorf("%v %w", list, err)
		}
		return list[0].ID, nil
	}()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.desk.Meet(ctx, a.amina, other, time.Date(2027, 1, 6, 10, 0, 0, 0, zone), 60); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		day, clock string
		want       []bot.Doubt
	}{
		{"2027-01-06", "09:30", nil},
		{"2027-01-06", "09:31", []bot.Doubt{bot.DoubtBusy}},
		{"2027-01-06", "10:59", []bot.Doubt{bot.DoubtBusy}},
		{"2027-01-06", "11:00", nil},
		{"2027-01-06", "20:00", []bot.Doubt{bot.DoubtClosed}},
		{"2027-01-08", "13:00", []bot.Doubt{bot.DoubtClosed}},                // Friday's prayer
		{"2027-01-11", "10:00", []bot.Doubt{bot.DoubtClosed}},                // a holiday
		{"2027-01-20", "10:00", []bot.Doubt{bot.DoubtAway}},                  // on leave
		{"2027-01-21", "18:00", []bot.Doubt{bot.DoubtClosed, bot.DoubtAway}}, // and late
		{"2027-02-10", "16:00", []bot.Doubt{bot.DoubtClosed}},                // Ramadan's hours
		{"2027-02-10", "14:30", nil},
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", c.day+" "+c.clock, zone)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.desk.Doubts(ctx, a.amina, a.id, at, 30)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s %s: %v, want %v (%v)", c.day, c.clock, got, c.want, err)
		}
	}
	far := &bot.Officer{Login: "far", Name: "Omar", Hash: "x", Role: bot.RoleOfficer, Office: "tiznit"}
	if err := a.store.SaveOfficer(ctx, far); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"meet":   func() error { _, err := a.desk.Meet(ctx, far, a.id, a.now.AddDate(0, 0, 1), 30); return err }(),
		"doubts": func() error { _, err := a.desk.Doubts(ctx, far, a.id, a.now, 30); return err }(),
		"off":    func() error { _, err := a.desk.CallOff(ctx, far, other); return err }(),
		"came":   func() error { _, err := a.desk.Attended(ctx, far, other, 1, true); return err }(),
		"day":    func() error { _, err := a.desk.Day(ctx, far, "agadir", a.now); return err }(),
	} {
		if !errors.Is(err, bot.ErrForbidden) {
			t.Errorf("%s by another office: %v", what, err)
		}
	}
}
