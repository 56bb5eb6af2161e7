package flows

import (
	"strconv"
	"strings"
	"time"

	"baom/content"
)

// A Meeting is an appointment at the office, as a telephone's calendar can keep it. It says nothing of what it is about.
type Meeting struct {
	ID        string
	Sequence  int // how often it was moved or called off
	At        time.Time
	Minutes   int
	Reference string
	Place     string // where to go
	Off       bool   // it does not take place
}

// The ways in which an officer changes an appointment: slot "how" of EventMeeting.
const (
	MeetingProposed = "proposed"
	MeetingMoved    = "moved"
	MeetingOff      = "off"
)

// The answers to an appointment.
const (
	MeetingYes   = "yes"   // the person comes
	MeetingNo    = "no"    // the person cannot come
	MeetingOther = "other" // another time would suit
)

// meetingAnswers are the choices under a proposed appointment.
var meetingAnswers = []string{"meeting.yes", "meeting.no", "meeting.other"}

// meeting tells the person of an appointment that an officer proposed, moved or called off, or that is near. The place in
// the dialogue stays: who is speaking with an officer goes on speaking with them.
func (t *step) meeting() {
	in := t.in.Slots
	at, err := time.Parse(time.RFC3339, in["at"])
	if err != nil || in["meeting"] == "" {
		return
	}
	near := t.in.Event == EventMeetingNear
	if near && (t.at("menu", "stopped") || !at.After(t.in.At) || t.s.Slots["meeting"] == in["meeting"] &&
		(t.s.Slots["meeting.at"] != in["at"] || t.s.Slots["meeting.answer"] == MeetingNo || t.s.Slots["meeting.answer"] == MeetingOther)) {
		return
	}
	if !near {
		t.set("meeting.answer", "")
	}
	for slot, from := range map[string]string{"meeting": "meeting", "meeting.at": "at", "meeting.office": "office"} {
		t.set(slot, in[from])
	}
	m := &Meeting{ID: in["meeting"], Sequence: number(in["sequence"]), At: at, Minutes: number(in["minutes"]), Reference: in["reference"], Place: t.meetingPlace()}
	switch {
	case near:
		offered := meetingAnswers
		if t.s.Slots["meeting.answer"] == MeetingYes {
			offered = meetingAnswers[1:]
		}
		t.tell("meeting.near", t.aboutMeeting("meeting.near"), t.options(offered))
	case in["how"] == MeetingOff:
		m.Off = true
		t.tell("meeting.off", t.page("meeting.off", t.meetingSlots()), t.onwards())
		t.dropMeeting()
		t.attach(m)
	default:
		page := "meeting.proposed"
		if in["how"] == MeetingMoved {
			page = "meeting.moved"
		}
		t.tell(page, t.aboutMeeting(page), t.options(meetingAnswers))
		t.attach(m)
	}
}

// attach puts an appointment under the message that was said last.
func (t *step) attach(m *Meeting) {
	say := t.out[len(t.out)-1].(Say)
	say.Meeting = m
	t.out[len(t.out)-1] = say
}

// comingMeeting is when the appointment is that is still to come; ok is false if there is none.
func (t *step) comingMeeting() (at time.Time, ok bool) {
	at, err := time.Parse(time.RFC3339, t.s.Slots["meeting.at"])
	return at, err == nil && t.s.Slots["meeting"] != "" && at.After(t.in.At)
}

// aboutMeeting is a page about the appointment, with where it is.
func (t *step) aboutMeeting(page string) string {
	slots := t.meetingSlots()
	return t.page(page, slots) + "\n\n" + t.page("meeting.where", slots)
}

// meetingSlots are the facts of the appointment, for its pages.
func (t *step) meetingSlots() map[string]string {
	slots := map[string]string{"place": t.meetingPlace()}
	if at, err := time.Parse(time.RFC3339, t.s.Slots["meeting.at"]); err == nil {
		slots["when"] = content.On(at.In(t.in.At.Location()), t.s.Lang)
	}
	return slots
}

// meetingPlace is the office's name, and its address where one is known.
func (t *step) meetingPlace() string {
	o := t.b.lib.Office(t.s.Slots["meeting.office"])
	if o == nil {
		return "BAOM"
	}
	place := "BAOM " + o.Name.In(t.s.Lang)
	if address := o.Address.In(t.s.Lang); address != "" {
		place += ", " + address
	}
	return place
}

// dropMeeting forgets an appointment that does not take place.
func (t *step) dropMeeting() {
	for _, slot := range []string{"meeting", "meeting.at", "meeting.office", "meeting.answer"} {
		t.set(slot, "")
	}
}

// loseMeeting says that an appointment does not take place because its case ends or goes to another office.
func (t *step) loseMeeting() {
	if _, ok := t.comingMeeting(); ok && t.s.Slots["meeting.answer"] != MeetingNo {
		t.say("meeting.off", t.meetingSlots(), nil)
	}
	t.dropMeeting()
}

// onwards are the ways on after a word about an appointment; who has an officer there needs none.
func (t *step) onwards() []content.Option {
	if t.at("handoff", "live") {
		return nil
	}
	return t.options([]string{"menu.officer", "menu.menu"})
}

// attend takes an answer to the appointment. The officer hears of it; who wants another time says which.
func (t *step) attend(answer string) {
	onwards := t.onwards()
	if _, ok := t.comingMeeting(); !ok || !t.open() {
		t.say("meeting.none", nil, onwards)
		return
	}
	t.s.Misses = 0
	t.set("meeting.answer", answer)
	t.out = append(t.out, Attend{Meeting: t.s.Slots["meeting"], Answer: answer})
	t.s.Options = nil
	switch {
	case answer == MeetingOther:
		if t.unfinished() {
			t.s.Pending = t.s.State
		}
		t.s.Flow, t.s.State = "handoff", waitingOrLive(t)
		t.say("meeting.other", nil, nil)
	case answer == MeetingYes:
		t.tell("meeting.yes", t.aboutMeeting("meeting.yes"), onwards)
	default:
		t.say("meeting.no", t.meetingSlots(), onwards)
	}
}

// maxMeetingWords bounds an answer to the appointment in words: what is longer tells more than that.
const maxMeetingWords = 5

// meetingWords reads an answer to the appointment that was told last, while an officer is there: its number, or its
// words. What is written next is the officer's again.
func (t *step) meetingWords() (id string, ok bool) {
	offered := t.s.Options
	if len(offered) == 0 || !strings.HasPrefix(offered[0], "meeting.") {
		return "", false
	}
	t.s.Options = nil
	if n, ok := content.ReadNumber(t.in.Text); ok && n >= 1 && n <= len(offered) {
		return offered[n-1], true
	}
	if len(strings.Fields(t.in.Text)) > maxMeetingWords {
		return "", false
	}
	return t.b.lib.Match(t.in.Text, offered)
}

// options are choices in the person's language.
func (t *step) options(ids []string) []content.Option {
	list := make([]content.Option, len(ids))
	for i, id := range ids {
		list[i] = t.option(id, "")
	}
	return list
}

// number reads a number of an event; 0 for what is none.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
