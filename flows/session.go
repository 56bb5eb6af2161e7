package flows

import (
	"time"

	"baom/content"
)

// A Session is where one person is in the dialogue. It is a value: Step returns a new one and leaves the old alone.
// The zero Session is that of somebody who has never written. It marshals to JSON, so it may be kept anywhere.
type Session struct {
	Lang content.Lang `json:"lang,omitempty"` // empty until chosen or recognised

	// Flow and State are the place in the dialogue. Pending, if set, is the place of an unfinished intake to which
	// the person can come back.
	Flow    string `json:"flow,omitempty"`
	State   string `json:"state,omitempty"`
	Pending string `json:"pending,omitempty"`

	// Consent is "yes", "no" or empty where the question has not been answered. With "no" nothing that the person
	// writes is kept beyond its handling.
	Consent string `json:"consent,omitempty"`

	// Slots is what we know: the intake's fields by their id, the open case, the officer's name, the last answer.
	// A field that the person chose not to answer holds Declined.
	Slots map[string]string `json:"slots,omitempty"`

	Options []string  `json:"options,omitempty"` // ids of the choices last offered, in the order shown
	Misses  int       `json:"misses,omitempty"`  // inputs in a row that were not understood
	Seen    time.Time `json:"seen,omitzero"`     // when the person last wrote
}

// Declined is the value of a field that the person was asked and chose not to answer.
const Declined = "-"

// A Kind is what sort of thing a person sent.
type Kind string

// The kinds. The empty kind is text or a pressed button.
const (
	Text     Kind = ""
	Voice    Kind = "voice"
	Image    Kind = "image"
	Video    Kind = "video"
	Document Kind = "document"
	Location Kind = "location"
	Contact  Kind = "contact"
	Sticker  Kind = "sticker"
	Other    Kind = "other" // anything else a channel can carry

	Reaction Kind = "reaction" // an emoji under a message; Text is the emoji
	Once     Kind = "once"     // something to be seen once, which is not kept
	Call     Kind = "call"     // somebody called instead of writing
	Unread   Kind = "unread"   // a message that arrived and could not be read
)

// Kept reports whether what a person sends of this kind is worth keeping for an officer.
func (k Kind) Kept() bool {
	return k == Voice || k == Image || k == Video || k == Document || k == Location
}

// An Input is one thing that happened: words, a press, an attachment, or an event from elsewhere. Exactly one of the
// following is the case: Event is set (an officer's click, a timer); Choice is set (a button); otherwise it is a
// message of the given Kind, with Text as its words or caption.
type Input struct {
	Text   string  `json:"text,omitempty"`
	Choice string  `json:"choice,omitempty"` // the option's stable id, such as lang.fr; what precedes a last | is cut off by Step
	Kind   Kind    `json:"kind,omitempty"`
	Lat    float64 `json:"lat,omitempty"` // of a Location, degrees
	Lon    float64 `json:"lon,omitempty"`
	Event  string  `json:"event,omitempty"`  // one of the Event constants; never from a person
	Quote  string  `json:"quote,omitempty"`  // the words of the message that this one answers, where the channel says so
	Edited bool    `json:"edited,omitempty"` // the person changed an earlier message: kept, never taken for a new answer

	Slots map[string]string `json:"slots,omitempty"` // facts that come with an event: officer, office, reference, state …

	// Expect is how soon each office usually answers, by its id: one of the Expect codes. It is only read.
	Expect map[string]string `json:"-"`

	At   time.Time `json:"at"`             // when it happened, in the offices' time zone where hours matter
	Seed uint64    `json:"seed,omitempty"` // fresh randomness, from which a reference is made if this step needs one
}

// How soon an office usually answers, in the time during which it is open.
const (
	ExpectHour = "hour"
	ExpectDay  = "day"
	ExpectDays = "days" // two or three
	ExpectWeek = "week"
)

// Events from outside the person: an officer at the desk, or a timer.
const (
	EventClaimed  = "claimed"  // an officer took the case; slots: officer
	EventReleased = "released" // the officer put it back into the queue
	EventHanded   = "handed"   // another officer or office has it now; slots: officer or office
	EventClosed   = "closed"   // the case was closed; slots: outcome
	EventReopened = "reopened" // the case was opened again
	EventProgress = "progress" // the case has come further; slots: case (its reference), stage, steps (Promises)
	EventProposed = "proposed" // another office is proposed: does the person agree? slots: office, case, officer, reason
	EventRecalled = "recalled" // the proposal does not stand any more; slots: office, which has the case
	EventReturned = "returned" // the officer gives the conversation back to the bot; slots: to, one of Points
	EventLinked   = "linked"   // a code joined a case to this conversation; slots: those of EventProgress, state, office, officer
	EventUnlinked = "unlinked" // it did not; slots: why (tries: too many)
	EventReminder = "reminder" // a Remind effect fell due; slots: what

	// An officer proposed, moved or called off an appointment, or one is near; slots: meeting (its id), sequence, at (RFC
	// 3339), minutes, office, reference, and how it changed.
	EventMeeting     = "meeting"
	EventMeetingNear = "meeting.near"
)

// An Effect is something that must happen because of a step. It is a sealed sum: Say, OpenCase, Relay, Withdraw,
// Transfer, Link, Rate, Remind, Attend, Alert, Asked, Forget.
type Effect interface{ effect() }

// Say is one message to the person, in their language: Markdown of the subset that content.Markdown reads, and the
// choices under it. At most one message of a step carries choices.
type Say struct {
	Page    string // the page it was made from, for tests and the transcript
	Text    string
	Choices []content.Option
	Card    *Card  // what the channel may show beside the words, as its own kind of thing
	Audio   string // id of the answer whose recording goes before the words, in the session's language

	Meeting *Meeting // an appointment that goes with the words as a calendar's file
}

// A Card is a place or service as a telephone can keep it: a point on its map, a number it can call. The words it goes
// with say the same, for channels that have no such thing.
type Card struct {
	Name    string  `json:"name"`
	Address string  `json:"address,omitempty"`
	Lat     float64 `json:"lat,omitempty"` // degrees; both 0: no point is known
	Lon     float64 `json:"lon,omitempty"`
	Phone   string  `json:"phone,omitempty"` // with its country, +212…; empty: none, or one too short to be called from abroad
}

// HasPoint reports whether the card shows a point on the map.
func (c *Card) HasPoint() bool { return c.Lat != 0 || c.Lon != 0 }

// OpenCase opens the case of this conversation, or completes it if one is open. Answers are the intake's fields; codes
// are kept as codes, so that figures need no personal data.
type OpenCase struct {
	Reference string
	Office    string // id of the office whose queue it joins
	Answers   map[string]string
	Urgent    string // kind of danger, or empty
}

// Relay files the input in the open case, where officers see it, and tells who holds the case that something came.
type Relay struct{}

// Withdraw closes the open case at the person's wish.
type Withdraw struct{}

// Transfer is the person's answer to the proposal that a case of theirs go to another office. Where that proposal does not
// stand any more, it changes nothing.
type Transfer struct {
	Answer string // TransferYes, TransferNo or TransferSilence
	Office string // which was proposed
	Case   string // as EventProposed named it
}

// The answers to a proposal.
const (
	TransferYes     = "yes"
	TransferNo      = "no"
	TransferSilence = "silence" // for as long as ConsentWithin, which is no
)

// Rate stores what the person thought of the service: a score from 1 to 5, or 0 and words.
type Rate struct {
	Score   int
	Comment string
}

// Remind makes EventReminder happen after a time, with slot "what" set. A later Remind of the same What replaces it;
// After zero cancels it.
type Remind struct {
	What  string
	After time.Duration
}

// Attend is what a person answers to an appointment: MeetingYes, MeetingNo or MeetingOther.
type Attend struct{ Meeting, Answer string }

// Alert marks the conversation's case as urgent, for a Kind of danger (violence, trafficking, arrest, suicide, child,
// medical). Where no case is open, it comes with an OpenCase.
type Alert struct{ Kind string }

// Asked records a question apart from who asked it, so that editors see what is missing. Outcome is answered, chosen,
// offered, declined, useful, useless or wished; Answer is the entry it led to and Need the code it is about, if any. The
// words are kept only where something is to be learnt from them, without what looks like a number or an address. Wished
// leaves a way back to the asker, who wants to be told the answer.
type Asked struct {
	Question string
	Lang     content.Lang
	Outcome  string
	Answer   string
	Need     string
}

// The outcomes of a question.
const (
	AskAnswered = "answered" // a sure answer was given
	AskOffered  = "offered"  // several were offered
	AskChosen   = "chosen"   // one of them was chosen
	AskDeclined = "declined" // none was found, or none was meant
	AskUseful   = "useful"   // the answer was of use
	AskUseless  = "useless"  // it was not
	AskWished   = "wished"   // the person wants to be told
)

// Link joins the case that has a code to this conversation. What comes of it is told by EventLinked or EventUnlinked.
type Link struct{ Code string }

// Forget erases what is held about the person: the conversation's data key is destroyed.
type Forget struct{}

func (Say) effect()      {}
func (OpenCase) effect() {}
func (Relay) effect()    {}
func (Withdraw) effect() {}
func (Transfer) effect() {}
func (Rate) effect()     {}
func (Remind) effect()   {}
func (Attend) effect()   {}
func (Alert) effect()    {}
func (Asked) effect()    {}
func (Link) effect()     {}
func (Forget) effect()   {}
