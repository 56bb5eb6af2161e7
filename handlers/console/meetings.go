package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"baom/bot"
	"baom/content"
)

// A meetingForm is where an officer proposes an appointment to the person of a case.
type meetingForm struct {
	Case         *bot.Case
	Coming, Past *bot.Meeting // the case's appointment, by whether it is over
	Day, Time    string       // as the form's fields have them
	Minutes      int
	Lengths      []int
	From, Until  string // the first and the last day that can be chosen
	Doubts       []bot.Doubt
	At           time.Time // what was chosen, where it is asked again
}

// meetingLengths are how long an appointment can be chosen to last, in minutes.
var meetingLengths = []int{15, 30, 45, 60, 90}

// meetingForm is the form as a case's page has it.
func (c *Console) meetingForm(k *bot.Case) meetingForm {
	now := c.Now().In(c.Location)
	f := meetingForm{Case: k, Minutes: bot.MeetingMinutes, Lengths: meetingLengths, From: now.Format(time.DateOnly), Until: now.AddDate(0, 6, 0).Format(time.DateOnly)}
	switch m := k.Meeting; {
	case m.Coming(now):
		at := m.At.In(c.Location)
		f.Coming, f.Day, f.Time, f.Minutes = m, at.Format(time.DateOnly), at.Format("15:04"), m.Minutes
	case m != nil && m.State != bot.MeetingOff:
		f.Past = m
	}
	return f
}

// meet proposes or moves an appointment. Where there is a reason to look twice the officer is asked first.
func (c *Console) meet(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	id, err := caseID(r)
	if err != nil {
		return err
	}
	day, clock := r.FormValue("day"), r.FormValue("time")
	at, err := time.ParseInLocation("2006-01-02 15:04", day+" "+clock, c.Location)
	if err != nil {
		return fmt.Errorf("an appointment: %w: %w", bot.ErrInvalid, err)
	}
	minutes, err := strconv.Atoi(r.FormValue("minutes"))
	if err != nil {
		return fmt.Errorf("an appointment: %w: %w", bot.ErrInvalid, err)
	}
	if r.FormValue("sure") != "yes" {
		doubts, err := c.Desk.Doubts(r.Context(), who, id, at, minutes)
		if err != nil {
			return err
		}
		if len(doubts) > 0 {
			k, _, err := c.Desk.Open(r.Context(), who, id)
			if err != nil {
				return err
			}
			f := c.meetingForm(k)
			f.Day, f.Time, f.Minutes, f.Doubts, f.At = day, clock, minutes, doubts, at
			return c.render(w, r, who, http.StatusOK, "meeting-sure", "console.meeting.title", f)
		}
	}
	return c.act(w, r, "meeting", func(id int64) (*bot.Case, error) { return c.Desk.Meet(r.Context(), who, id, at, minutes) })
}

func (c *Console) callOff(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "meeting.off", func(id int64) (*bot.Case, error) { return c.Desk.CallOff(r.Context(), who, id) })
}

// attended notes whether the person came, and goes back to where that was said: the case or the list of the day.
func (c *Console) attended(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	id, err := caseID(r)
	if err != nil {
		return err
	}
	meeting, err := number(r, "meeting")
	if err != nil {
		return err
	}
	if _, err := c.Desk.Attended(r.Context(), who, id, meeting, r.FormValue("came") == "yes"); err != nil {
		return err
	}
	to := fmt.Sprint("/console/cases/", id)
	if day, err := time.Parse(time.DateOnly, r.FormValue("day")); err == nil {
		to = "/console/meetings?" + url.Values{"day": {day.Format(time.DateOnly)}, "office": {c.officeFor(r, who)}}.Encode()
	}
	return c.onwards(w, r, "attended", to)
}

type meetingsView struct {
	Office         string
	Offices        []content.Office
	Day            time.Time
	Value          string // the day, as a form's field has it
	Before, After  string // addresses of the days around
	Meetings       []bot.Meeting
	Open           string // the hours of the week that holds then
	Closed, Passed bool   // the office is closed all day; the day has begun
}

// Over reports whether it can be said of an appointment that the person came or not.
func (v meetingsView) Over(m bot.Meeting) bool {
	return v.Passed && (m.State == bot.MeetingProposed || m.State == "yes" || m.State == "other")
}

// meetings is the list of the day, to be looked at and printed.
func (c *Console) meetings(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	now := c.Now().In(c.Location)
	v := meetingsView{Office: c.officeFor(r, who), Offices: c.offices(who), Day: time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, c.Location)}
	if day, err := time.ParseInLocation(time.DateOnly, r.FormValue("day"), c.Location); err == nil {
		v.Day = day
	}
	around := func(days int) string {
		return "/console/meetings?" + url.Values{"day": {v.Day.AddDate(0, 0, days).Format(time.DateOnly)}, "office": {v.Office}}.Encode()
	}
	v.Value, v.Before, v.After, v.Passed = v.Day.Format(time.DateOnly), around(-1), around(1), !v.Day.After(now)
	var err error
	if v.Meetings, err = c.Desk.Day(r.Context(), who, v.Office, v.Day); err != nil {
		return err
	}
	if o := c.Lib().Office(v.Office); o != nil {
		v.Open = o.HoursOn(v.Day, c.lang(r))
		next, ok := o.Next(v.Day)
		v.Closed = !ok || next.Format(time.DateOnly) != v.Value
	}
	return c.render(w, r, who, http.StatusOK, "meetings", "console.meetings.title", v)
}

// remind has a case come up again on a day, or says that it is done.
func (c *Console) remind(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	var day time.Time
	what := "reminded"
	if r.FormValue("done") != "yes" {
		var err error
		if day, err = time.ParseInLocation(time.DateOnly, r.FormValue("day"), c.Location); err != nil {
			return fmt.Errorf("a reminder: %w: %w", bot.ErrInvalid, err)
		}
		what = "remind"
	}
	return c.act(w, r, what, func(id int64) (*bot.Case, error) { return c.Desk.Remind(r.Context(), who, id, day) })
}
