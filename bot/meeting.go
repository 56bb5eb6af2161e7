package bot

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"baom/flows"
)

// Meetings is the record of appointments at the offices.
type Meetings interface {
	// Meetings lists what is or was planned from one time to before another in an office, the earliest first, without what
	// was called off.
	Meetings(ctx context.Context, office string, from, to time.Time) ([]Meeting, error)
}

// A Meeting is an appointment of a person at the office. A case has one to come at most; it is moved, not made twice.
type Meeting struct {
	ID       int64
	At       time.Time
	Minutes  int
	State    string // one of the Meeting states
	Sequence int    // how often it was moved or called off
	Officer  int64  // who proposed it
	By       string // display name
	Case     Case   // of a list: without its transcript
}

// The states of an appointment, beside the person's answers flows.MeetingYes, flows.MeetingNo and flows.MeetingOther.
const (
	MeetingProposed = "proposed"
	MeetingOff      = "off"    // called off
	MeetingCame     = "came"   // the person was there
	MeetingMissed   = "missed" // … was not
)

// Coming reports whether it is still to come.
func (m *Meeting) Coming(now time.Time) bool {
	return m != nil && m.At.After(now) && m.State != MeetingOff
}

// The bounds of an appointment.
const (
	MeetingMinutes = 30 // how long one lasts, unless something else is said
	maxMeeting     = 8 * 60
	maxMeetingDays = 184
	dayReminder    = time.Hour // a reminder of the day before that would come earlier than this is not sent
)

// A Doubt is a reason to look twice before an appointment is proposed: it is told, and hinders nobody.
type Doubt string

// The doubts.
const (
	DoubtClosed = Doubt("closed") // the office is closed then
	DoubtAway   = Doubt("away")   // who proposes it is away on that day
	DoubtBusy   = Doubt("busy")   // the same officer has another appointment then
)

// Doubts are the reasons to look twice at a time for an appointment in a case.
func (d *Desk) Doubts(ctx context.Context, who *Officer, id int64, at time.Time, minutes int) ([]Doubt, error) {
	office, err := d.reach(ctx, who, id)
	if err != nil {
		return nil, err
	}
	var list []Doubt
	at = at.In(d.Now().Location())
	if o := d.Lib().Office(office); o != nil && !o.Open(at) {
		list = append(list, DoubtClosed)
	}
	absences, err := d.Cases.Absences(ctx, office, at)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(absences, func(a Absence) bool { return a.Officer == who.ID && a.Holds(at) }) {
		list = append(list, DoubtAway)
	}
	end := at.Add(time.Duration(minutes) * time.Minute)
	near, err := d.Meetings.Meetings(ctx, office, at.Add(-maxMeeting*time.Minute), end)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(near, func(m Meeting) bool {
		return m.Case.ID != id && m.Officer == who.ID && m.State != flows.MeetingNo && m.At.Before(end) && m.At.Add(time.Duration(m.Minutes)*time.Minute).After(at)
	}) {
		list = append(list, DoubtBusy)
	}
	return list, nil
}

// Meet proposes an appointment to the person of a case, or moves the one that is to come. They are told at once with a
// file for their calendar, reminded the day before and, where the office wishes it, some hours before. It claims an open
// case, as Reply does.
func (d *Desk) Meet(ctx context.Context, who *Officer, id int64, at time.Time, minutes int) (*Case, error) {
	now := d.Now()
	at = at.In(now.Location()).Truncate(time.Minute)
	if minutes == 0 {
		minutes = MeetingMinutes
	}
	if !at.After(now) || at.After(now.AddDate(0, 0, maxMeetingDays)) || minutes < 5 || minutes > maxMeeting {
		return nil, fmt.Errorf("an appointment at a time that is over or far: %w", ErrInvalid)
	}
	return d.change(ctx, who, id, func(w *work) error {
		if w.c.Erased || w.c.State == StateClosed {
			return fmt.Errorf("an appointment in a case that has ended: %w", ErrInvalid)
		}
		if err := w.claim(); err != nil {
			return err
		}
		m, how := &Meeting{ID: rand.Int64N(1 << 53), Officer: who.ID}, flows.MeetingProposed
		if w.c.Meeting.Coming(now) {
			m, how = w.c.Meeting, flows.MeetingMoved
			if m.At.Equal(at) && m.Minutes == minutes {
				return nil
			}
			m.Sequence++
		}
		m.At, m.Minutes, m.State, m.Officer, m.By = at, minutes, MeetingProposed, who.ID, who.Name
		w.c.Waiting, w.c.Unread = time.Time{}, 0
		w.meeting(m, how)
		return nil
	})
}

// CallOff calls the coming appointment of a case off, and tells the person.
func (d *Desk) CallOff(ctx context.Context, who *Officer, id int64) (*Case, error) {
	return d.change(ctx, who, id, func(w *work) error {
		if err := w.directs(); err != nil {
			return err
		}
		m := w.c.Meeting
		if !m.Coming(w.now) {
			return fmt.Errorf("call off an appointment that is over: %w", ErrConflict)
		}
		m.State = MeetingOff
		m.Sequence++
		w.meeting(m, flows.MeetingOff)
		return nil
	})
}

// Attended notes whether the person of a case came to their appointment.
func (d *Desk) Attended(ctx context.Context, who *Officer, id, meeting int64, came bool) (*Case, error) {
	return d.change(ctx, who, id, func(w *work) error {
		m := w.c.Meeting
		if m == nil || m.ID != meeting || m.State == MeetingOff || w.now.Before(m.At.Add(-12*time.Hour)) {
			return fmt.Errorf("an appointment that is not due: %w", ErrConflict)
		}
		m.State = MeetingMissed
		if came {
			m.State = MeetingCame
		}
		w.Meeting = m
		w.line("meeting."+m.State, nil)
		return nil
	})
}

// meeting keeps an appointment, tells the person's dialogue, and sets its reminders.
func (w *work) meeting(m *Meeting, how string) {
	slots := map[string]string{"meeting": itoa(m.ID), "sequence": strconv.Itoa(m.Sequence), "at": m.At.Format(time.RFC3339), "minutes": strconv.Itoa(m.Minutes),
		"office": w.c.Office, "reference": w.c.Reference, "how": how}
	w.Meeting = m
	w.event(flows.EventMeeting, slots)
	timers := Timer + "meeting:" + itoa(m.ID) + ":"
	w.Cancel = append(w.Cancel, timers)
	if how == flows.MeetingOff {
		return
	}
	hours := 0
	if o := w.lib.Office(w.c.Office); o != nil {
		hours = o.RemindHours
	}
	for name, due := range reminders(m.At, w.now, hours) {
		w.Entries = append(w.Entries, Entry{Key: timers + strconv.Itoa(m.Sequence) + ":" + name, Due: due, Input: flows.Input{Event: flows.EventMeetingNear, Slots: slots, At: w.now}})
	}
}

// The hours between which the reminder of the day before is sent.
const (
	earliestReminder = 9
	latestReminder   = 18
)

// reminders are when a person is reminded of an appointment: the day before at the same hour on the clock, though by day,
// and some hours before, if that many. Times are in the office's zone, whose clock may change in between.
func reminders(at, now time.Time, hours int) map[string]time.Time {
	due := map[string]time.Time{}
	before := time.Date(at.Year(), at.Month(), at.Day()-1, at.Hour(), at.Minute(), 0, 0, at.Location())
	if before.Hour() < earliestReminder {
		before = time.Date(at.Year(), at.Month(), at.Day()-1, earliestReminder, 0, 0, 0, at.Location())
	}
	if before.Hour() >= latestReminder {
		before = time.Date(at.Year(), at.Month(), at.Day()-1, latestReminder, 0, 0, 0, at.Location())
	}
	if before.After(now.Add(dayReminder)) {
		due["day"] = before
	}
	if soon := at.Add(-time.Duration(hours) * time.Hour); hours > 0 && soon.After(now.Add(dayReminder)) {
		due["hours"] = soon
	}
	return due
}

// Remind has a case come up again on a day, for whoever follows it by then; a zero day says that it is done. Whoever may see
// the case may.
func (d *Desk) Remind(ctx context.Context, who *Officer, id int64, day time.Time) (*Case, error) {
	now := d.Now()
	if !day.IsZero() {
		day = time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, now.Location())
		if !day.After(now) || day.After(now.AddDate(1, 0, 1)) {
			return nil, fmt.Errorf("a reminder on a day that is over or far: %w", ErrInvalid)
		}
	}
	return d.change(ctx, who, id, func(w *work) error {
		if w.c.Erased || w.c.State == StateClosed && !day.IsZero() {
			return fmt.Errorf("a reminder of a case that has ended: %w", ErrInvalid)
		}
		w.c.Remind = day
		return nil
	})
}

// Due reports whether the day has come on which somebody wants to be reminded of the case.
func (c *Case) Due(now time.Time) bool { return !c.Remind.IsZero() && !c.Remind.After(now) }

// Day lists the appointments of an office on the day of a time, with who comes: it is looked at as a register is.
func (d *Desk) Day(ctx context.Context, who *Officer, office string, day time.Time) ([]Meeting, error) {
	if !who.May(office) {
		return nil, fmt.Errorf("appointments: %w", ErrForbidden)
	}
	from := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, d.Now().Location())
	list, err := d.Meetings.Meetings(ctx, office, from, from.AddDate(0, 0, 1))
	if err != nil || len(list) == 0 {
		return list, err
	}
	return list, d.note(ctx, who, Act{What: ActRegister, Office: office})
}

// calendar is the file of an appointment, as RFC 5545 has it. It holds the office and the reference, nothing of the person
// and nothing of what it is about: others may see the telephone.
func calendar(m *flows.Meeting, made time.Time) *Media {
	const stamp = "20060102T150405Z"
	method, status := "PUBLISH", "CONFIRMED"
	if m.Off {
		method, status = "CANCEL", "CANCELLED"
	}
	lines := []string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//BAOM//baom//FR", "METHOD:" + method,
		"BEGIN:VEVENT",
		"UID:" + m.Reference + "-" + m.ID + "@baom",
		"SEQUENCE:" + strconv.Itoa(m.Sequence),
		"DTSTAMP:" + made.UTC().Format(stamp),
		"DTSTART:" + m.At.UTC().Format(stamp),
		"DTEND:" + m.At.Add(time.Duration(m.Minutes)*time.Minute).UTC().Format(stamp),
		"SUMMARY:BAOM " + calendarText(m.Reference),
		"LOCATION:" + calendarText(m.Place),
		"STATUS:" + status, "CLASS:PRIVATE",
		"END:VEVENT", "END:VCALENDAR",
	}
	var b strings.Builder
	for _, l := range lines {
		fold(&b, l)
	}
	data := []byte(b.String())
	return &Media{Kind: flows.Document, Mime: "text/calendar", Name: "BAOM-" + m.Reference + ".ics", Size: int64(len(data)), Data: data, State: MediaReady}
}

// calendarText escapes a text for a calendar.
func calendarText(s string) string {
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`, "\r", "").Replace(s)
}

// fold writes a line of a calendar, of which no part may be longer than 75 bytes.
func fold(b *strings.Builder, line string) {
	n := 0
	for _, r := range line {
		if n+utf8.RuneLen(r) > 73 {
			b.WriteString("\r\n ")
			n = 1
		}
		b.WriteRune(r)
		n += utf8.RuneLen(r)
	}
	b.WriteString("\r\n")
}
