package bot

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"baom/content"
	"baom/flows"
)

// A Desk is what officers may do with cases, whoever they are and whichever page they come from: it knows who may see
// what, and asks the case's own machine (Life) what may happen next. Each verb is one change of one case (boundary E),
// with the events it is to the person's dialogue and the lines it leaves in the transcript.
//
// Every verb returns ErrForbidden for a case of another office, unless the officer is an administrator; ErrNotFound;
// ErrInvalid for words or values that cannot be taken; and *Overtaken, which is an ErrConflict, where somebody was
// faster.
type Desk struct {
	Cases     Cases
	Questions Questions
	Register  Register
	Imports   Imports
	Meetings  Meetings
	Now       func() time.Time
	Lib       func() *content.Library // asked for at every use, so that content can be reloaded
	Undo      time.Duration           // for how long a reply can be taken back before it goes; 0: not at all

	sorting sorting // of questions
}

// Overtaken is the ErrConflict of an officer who came too late: what the case has become by now, and the display name
// of who holds it. Its text leaves the name out, so that it may be logged.
type Overtaken struct {
	State  string
	Holder string // empty if nobody holds it
}

// Error says what the case has become.
func (o *Overtaken) Error() string { return "the case is " + o.State + " by now" }

// Unwrap is ErrConflict.
func (o *Overtaken) Unwrap() error { return ErrConflict }

// MaxReply is the length of the longest reply or note, in characters: what every channel carries in one message.
const MaxReply = 4000

// May reports whether an officer may read and work on the cases of an office.
func (o *Officer) May(office string) bool {
	return o.Works() && (o.Role == RoleAdmin || o.Office != "" && o.Office == office)
}

// Leads reports whether an officer may take cases from others of an office and manage the office's officers.
func (o *Officer) Leads(office string) bool { return o.May(office) && o.Role != RoleOfficer }

// First is the first word of the display name: all that a person is told of who an officer is.
func (o *Officer) First() string {
	name, _, _ := strings.Cut(strings.TrimSpace(o.Name), " ")
	return name
}

// Queue lists the cases that q selects among those the officer may see.
func (d *Desk) Queue(ctx context.Context, who *Officer, q Query) ([]Case, error) {
	if err := who.scope(&q); err != nil {
		return nil, err
	}
	return d.Cases.Queue(ctx, q)
}

// Mine lists the cases that the officer holds.
func (d *Desk) Mine(ctx context.Context, who *Officer) ([]Case, error) {
	return d.Queue(ctx, who, Query{Officer: who.ID})
}

// Open is a case with its transcript, oldest first. The officer answers for having read it.
func (d *Desk) Open(ctx context.Context, who *Officer, id int64) (*Case, []Line, error) {
	return d.open(ctx, who, id, ActRead)
}

// Print is Open for what is to be printed: ActSheet or ActReceipt.
func (d *Desk) Print(ctx context.Context, who *Officer, id int64, what string) (*Case, []Line, error) {
	return d.open(ctx, who, id, what)
}

func (d *Desk) open(ctx context.Context, who *Officer, id int64, what string) (*Case, []Line, error) {
	return d.Cases.Read(ctx, id, func(c *Case) (Act, error) {
		if !who.May(c.Office) {
			return Act{}, fmt.Errorf("open: %w", ErrForbidden)
		}
		return Act{Officer: who.ID, What: what, Office: c.Office, Case: c.ID}, nil
	})
}

// Attachment is the file of one line of a case, with Data.
func (d *Desk) Attachment(ctx context.Context, who *Officer, id, line int64) (*Media, error) {
	if _, _, err := d.Open(ctx, who, id); err != nil {
		return nil, err
	}
	return d.Cases.Media(ctx, id, line)
}

// Claim takes an open case. Claiming one's own case again changes nothing.
func (d *Desk) Claim(ctx context.Context, who *Officer, id int64) (*Case, error) {
	return d.change(ctx, who, id, func(w *work) error { return w.claim() })
}

// Take takes a case from the officer who holds it: who leads the office may, and anybody of it while that officer is
// away. An open case is simply claimed.
func (d *Desk) Take(ctx context.Context, who *Officer, id int64) (*Case, error) {
	seen, err := d.Cases.Queue(ctx, Query{ID: id})
	if err != nil {
		return nil, err
	}
	away := int64(0)
	if len(seen) == 1 && seen[0].Officer != 0 && who.May(seen[0].Office) {
		if gone, err := d.Away(ctx, seen[0].Officer); err != nil {
			return nil, err
		} else if gone {
			away = seen[0].Officer
		}
	}
	return d.change(ctx, who, id, func(w *work) error {
		if w.c.State == StateClaimed && w.c.Officer != who.ID {
			if !who.Leads(w.c.Office) && w.c.Officer != away {
				return w.overtaken()
			}
			if err := w.move(CaseRelease); err != nil {
				return err
			}
			w.line("released", nil)
			w.Flush = true // what its holder has just said goes out: it was said with the right to
		}
		return w.claim()
	})
}

// A Reply is what an officer writes to a person: words, a file, or both.
type Reply struct {
	Text  string
	Media *Media
	Seen  int64     // id of the newest line that the officer has seen; 0: it does not matter
	At    time.Time // not before; zero: at once
}

// Passed is the ErrConflict of a reply that was written without knowing what has been said since. Nothing was sent.
type Passed struct{ Newest int64 }

// Error says that something was said meanwhile.
func (p *Passed) Error() string { return "something was said since the last line that was seen" }

// Unwrap is ErrConflict.
func (p *Passed) Unwrap() error { return ErrConflict }

// Reply writes to the person: words, a file, or both. It belongs to the holder; a reply to an open case claims it
// first, in the same change.
func (d *Desk) Reply(ctx context.Context, who *Officer, id int64, text string, media *Media) (*Case, error) {
	return d.Send(ctx, who, id, Reply{Text: text, Media: media})
}

// Send is Reply, at a time that may be chosen, and held back as *Passed where the person or a colleague has said
// something that the officer has not seen. The officer's draft in the case is done with it.
func (d *Desk) Send(ctx context.Context, who *Officer, id int64, r Reply) (*Case, error) {
	text, err := words(r.Text)
	media, now := r.Media, d.Now()
	if err == nil && text == "" && media == nil {
		err = fmt.Errorf("an empty reply: %w", ErrInvalid)
	}
	if err == nil && media != nil && (len(media.Data) == 0 || len(media.Data) > MaxMedia) {
		err = fmt.Errorf("a file of %d bytes: %w", len(media.Data), ErrInvalid)
	}
	if err == nil && !r.At.IsZero() && (r.At.Before(now) || r.At.Sub(now) > MaxScheduled) {
		err = fmt.Errorf("a reply at a time that is over or far: %w", ErrInvalid)
	}
	if err != nil {
		return nil, err
	}
	return d.change(ctx, who, id, func(w *work) error {
		if w.c.State == StateClaimed && w.c.Officer != who.ID {
			return w.overtaken()
		}
		if r.Seen > 0 && w.c.Newest > r.Seen {
			return &Passed{Newest: w.c.Newest}
		}
		if err := w.claim(); err != nil {
			return err
		}
		w.Spent, w.at = who.ID, r.At
		return w.say(text, media)
	})
}

// Card sends the person what the directory says of a structure, in their language, with its place and number as the
// channel's own where it has them. It claims an open case, as Reply does, and the case is one that was oriented.
func (d *Desk) Card(ctx context.Context, who *Officer, id int64, structure string) (*Case, error) {
	s := d.Lib().Structure(structure)
	if s == nil {
		return nil, fmt.Errorf("the card of an unknown structure: %w", ErrInvalid)
	}
	return d.change(ctx, who, id, func(w *work) error {
		if err := w.claim(); err != nil {
			return err
		}
		lang := w.c.Lang
		if !lang.Known() {
			lang = content.French
		}
		text, card := flows.Describe(w.lib, s, lang)
		if err := w.send(Message{Text: text, Card: card}); err != nil {
			return err
		}
		was := w.c.Stage
		if err := w.course(CourseOrient); err != nil {
			return err
		}
		if w.c.Stage != was {
			w.line("stage", map[string]string{"stage": w.c.Stage})
			w.progress()
		}
		return nil
	})
}

// Note leaves private words in the transcript, which are never sent. Whoever may see the case may write one.
func (d *Desk) Note(ctx context.Context, who *Officer, id int64, text string) (*Case, error) {
	text, err := words(text)
	if err == nil && text == "" {
		err = fmt.Errorf("an empty note: %w", ErrInvalid)
	}
	if err != nil {
		return nil, err
	}
	return d.change(ctx, who, id, func(w *work) error { return w.note(text) })
}

// Release puts a case back into the queue.
func (d *Desk) Release(ctx context.Context, who *Officer, id int64) (*Case, error) {
	return d.change(ctx, who, id, func(w *work) error {
		if err := w.directs(); err != nil {
			return err
		}
		if err := w.move(CaseRelease); err != nil {
			return err
		}
		w.c.Officer, w.c.Holder = 0, ""
		w.waits()
		w.event(flows.EventReleased, nil)
		return nil
	})
}

// To is to whom a case is handed: an officer of its office by id; or another office, at once, on one of the Grounds.
type To struct {
	Officer int64
	Office  string
	Ground  string
}

// Hand gives a case to another officer of the office, who holds it from now on, or to another office's queue. The note
// is for colleagues, and there must be one where another office has the case from now on without the bot asking: else see
// Propose. The receiver has Claimed zero until they claim it or answer: only then is the person told that somebody is
// there.
func (d *Desk) Hand(ctx context.Context, who *Officer, id int64, to To, note string) (*Case, error) {
	note, err := words(note)
	if err != nil {
		return nil, err
	}
	var officer *Officer
	if to.Officer != 0 {
		if officer, err = d.Cases.Officer(ctx, to.Officer); err != nil {
			return nil, fmt.Errorf("hand: %w", err)
		}
	}
	return d.change(ctx, who, id, func(w *work) error {
		if err := w.directs(); err != nil {
			return err
		}
		if err := w.receives(officer, to.Office); err != nil {
			return err
		}
		if officer == nil {
			if err := w.grounded(to.Ground, note); err != nil {
				return err
			}
		}
		return w.hand(officer, to, note)
	})
}

// hand gives the case to an officer, to another office's queue, or back into its own, with a note if there is one.
func (w *work) hand(officer *Officer, to To, note string) error {
	event, name, office := CaseHand, flows.EventHanded, to.Office
	var slots map[string]string
	switch {
	case officer != nil:
		slots = map[string]string{"to": officer.First(), "officer": officer.Name}
	case office != "":
		slots = map[string]string{"office": office, "ground": to.Ground}
	default:
		event, name = CaseRelease, flows.EventReleased
	}
	if err := w.move(event); err != nil {
		return err
	}
	if note != "" {
		if err := w.note(note); err != nil {
			return err
		}
	}
	w.c.Officer, w.c.Holder, w.c.Claimed = 0, "", time.Time{}
	w.waits()
	w.event(name, slots)
	if office != "" {
		w.c.Office, w.c.Labels, w.c.Proposal = office, nil, nil // labels are the office's own
	}
	if officer == nil {
		return nil
	}
	w.c.Officer, w.c.Holder = officer.ID, officer.Name
	return w.move(CaseClaim)
}

// A Closing is how a case ends.
type Closing struct {
	Outcome   string // one of Outcomes
	Structure string // of an orientation: the id of the structure, if it is one of the directory
	Words     string // last words to the person, may be empty
}

// Close ends a case; who closes it is its officer from then on. The person's dialogue goes on with the survey, after the
// last words.
func (d *Desk) Close(ctx context.Context, who *Officer, id int64, how Closing) (*Case, error) {
	text, err := words(how.Words)
	switch {
	case err != nil:
		return nil, err
	case !slices.Contains(Outcomes(), how.Outcome):
		return nil, fmt.Errorf("close with an unknown outcome: %w", ErrInvalid)
	}
	slots := map[string]string{"outcome": how.Outcome}
	if how.Structure != "" {
		if d.Lib().Structure(how.Structure) == nil {
			return nil, fmt.Errorf("close with an unknown structure: %w", ErrInvalid)
		}
		slots["structure"] = how.Structure
	}
	return d.change(ctx, who, id, func(w *work) error {
		if err := w.directs(); err != nil {
			return err
		}
		if err := w.move(CaseClose); err != nil {
			return err
		}
		if err := w.course(CourseClose); err != nil {
			return err
		}
		w.undo = 0 // the survey follows the last words
		if text != "" {
			if err := w.say(text, nil); err != nil {
				return err
			}
		}
		w.c.Officer, w.c.Holder = w.who.ID, w.who.Name
		w.c.Outcome, w.c.Structure, w.c.Closed = how.Outcome, how.Structure, w.now
		w.c.Waiting, w.c.Unread, w.c.Proposal = time.Time{}, 0, nil
		w.event(flows.EventClosed, slots)
		return nil
	})
}

// Reopen puts a closed case back into the queue.
func (d *Desk) Reopen(ctx context.Context, who *Officer, id int64) (*Case, error) {
	return d.change(ctx, who, id, func(w *work) error {
		if w.c.Erased {
			return fmt.Errorf("reopen an erased case: %w", ErrInvalid)
		}
		if err := w.move(CaseReopen); err != nil {
			return err
		}
		if err := w.course(CourseReopen); err != nil {
			return err
		}
		w.c.Outcome, w.c.Structure, w.c.Closed = "", "", time.Time{}
		w.c.Officer, w.c.Holder = 0, ""
		w.waits()
		w.event(flows.EventReopened, nil)
		w.progress()
		return nil
	})
}

// Colleagues lists the other officers of an office who can be handed a case.
func (d *Desk) Colleagues(ctx context.Context, who *Officer, office string) ([]Officer, error) {
	if !who.May(office) {
		return nil, fmt.Errorf("list colleagues: %w", ErrForbidden)
	}
	all, err := d.Cases.Officers(ctx, office)
	return slices.DeleteFunc(all, func(o Officer) bool { return o.ID == who.ID || !o.May(office) }), err
}

// work is one change of a case under way.
type work struct {
	CaseWork
	c    *Case
	who  *Officer
	lib  *content.Library
	now  time.Time
	salt uint64
	undo time.Duration // for how long what is said can be taken back
	at   time.Time     // when it goes, if a time was chosen
}

// change runs do on the locked case, if the officer may work on it.
func (d *Desk) change(ctx context.Context, who *Officer, id int64, do func(*work) error) (*Case, error) {
	return d.Cases.Change(ctx, id, func(c *Case) (CaseWork, error) {
		if !who.May(c.Office) {
			return CaseWork{}, fmt.Errorf("change a case: %w", ErrForbidden)
		}
		w := &work{c: c, who: who, lib: d.Lib(), now: d.Now(), salt: rand.Uint64(), undo: d.Undo}
		if err := do(w); err != nil {
			return CaseWork{}, err
		}
		if c.Erased || c.Via == "" {
			w.Entries = nil // nobody is there to hear of it
		}
		return w.CaseWork, nil
	})
}

// move makes the case's machine take an event.
func (w *work) move(event string) error {
	next, err := Life().Next(w.c.State, event)
	if err != nil {
		return w.overtaken()
	}
	w.c.State = next
	return nil
}

func (w *work) overtaken() error { return &Overtaken{State: w.c.State, Holder: w.c.Holder} }

// claim makes the officer the holder, who may already be it: then there is nothing to do, unless the case was handed
// over and this is the first that the receiver does, or the bot speaks again and is to stop.
func (w *work) claim() error {
	mine := w.c.State == StateClaimed && w.c.Officer == w.who.ID
	if mine && !w.c.Claimed.IsZero() && w.c.Bot.IsZero() {
		return nil
	}
	if !mine {
		if err := w.move(CaseClaim); err != nil {
			return err
		}
	}
	if !mine || w.c.Claimed.IsZero() {
		w.c.Claimed = w.now
	}
	w.c.Officer, w.c.Holder = w.who.ID, w.who.Name
	w.event(flows.EventClaimed, map[string]string{"officer": w.who.First()})
	return nil
}

// directs reports, as an error, whether the officer may decide where the case goes: anybody of the office while nobody
// holds it, then its holder and who leads the office.
func (w *work) directs() error {
	if w.c.State == StateClaimed && w.c.Officer != w.who.ID && !w.who.Leads(w.c.Office) {
		return w.overtaken()
	}
	return nil
}

// receives checks to whom a case is handed.
func (w *work) receives(officer *Officer, office string) error {
	switch {
	case officer != nil && office == "" && officer.ID != w.who.ID && officer.May(w.c.Office),
		officer == nil && office != w.c.Office && Receives(w.lib.Office(office)):
		return nil
	}
	return fmt.Errorf("hand to nobody, or to an officer of another office: %w", ErrInvalid)
}

// Receives reports whether an office takes people in.
func Receives(o *content.Office) bool { return o != nil && (o.BAOM == nil || *o.BAOM) }

// grounded checks on which ground another office has the case at once, and that it is said why.
func (w *work) grounded(ground, why string) error {
	switch {
	case why == "":
	case ground == GroundDanger && w.c.Urgent != "", ground == GroundSpoken && !w.asks(), ground == GroundLaw && w.who.Leads(w.c.Office):
		return nil
	case ground == GroundLaw:
		return fmt.Errorf("hand to another office by law: %w", ErrForbidden)
	}
	return fmt.Errorf("hand to another office without the person's consent, or a ground: %w", ErrInvalid)
}

// asks reports whether the bot can ask the person.
func (w *work) asks() bool { return !w.c.Erased && w.c.Channel != Imported && w.c.Reachable }

// MaxReason is the length of the longest reason that a person is told, in characters.
const MaxReason = 300

// Propose lets the bot ask the person, in their language, whether another office may have their case. Their yes moves it
// to that office's queue, which reads it from then on; no leaves it, and so does silence for as long as
// flows.ConsentWithin. One proposal stands at a time.
func (d *Desk) Propose(ctx context.Context, who *Officer, id int64, office, reason string) (*Case, error) {
	reason = strings.Join(strings.Fields(reason), " ")
	if _, err := words(reason); err != nil || reason == "" || utf8.RuneCountInString(reason) > MaxReason {
		return nil, fmt.Errorf("a proposal without a reason that can be told: %w", ErrInvalid)
	}
	return d.change(ctx, who, id, func(w *work) error {
		if err := w.directs(); err != nil {
			return err
		}
		if w.c.State == StateClosed || w.c.Proposal != nil {
			return w.overtaken()
		}
		if err := w.receives(nil, office); err != nil {
			return err
		}
		if !w.asks() {
			return fmt.Errorf("ask somebody who cannot be reached: %w", ErrInvalid)
		}
		w.c.Proposal = &Proposal{Office: office, Officer: who.ID, By: who.Name, Reason: reason, At: w.now}
		w.event(flows.EventProposed, map[string]string{"office": office, "case": itoa(id), "officer": who.First(), "reason": reason})
		return nil
	})
}

// Recall takes a proposal back that the person has not answered.
func (d *Desk) Recall(ctx context.Context, who *Officer, id int64) (*Case, error) {
	return d.change(ctx, who, id, func(w *work) error {
		if err := w.directs(); err != nil {
			return err
		}
		if w.c.Proposal == nil {
			return w.overtaken()
		}
		w.c.Proposal = nil
		w.event(flows.EventRecalled, map[string]string{"office": w.c.Office})
		return nil
	})
}

// Return gives the conversation back to the bot at one of flows.Points. The case stays where it is; the next reply, or
// whoever takes it, ends that.
func (d *Desk) Return(ctx context.Context, who *Officer, id int64, point string) (*Case, error) {
	return d.change(ctx, who, id, func(w *work) error {
		if err := w.directs(); err != nil {
			return err
		}
		switch {
		case w.c.State == StateClosed:
			return w.overtaken()
		case !slices.Contains(flows.Points(w.lib.Form(), w.c.Answers["profile"]), point), !w.asks():
			return fmt.Errorf("give back to the bot: %w", ErrInvalid)
		}
		w.event(flows.EventReturned, map[string]string{"to": point})
		w.c.Bot = w.now
		if w.c.State == StateClaimed {
			w.c.Waiting, w.c.Unread = time.Time{}, 0
		}
		return nil
	})
}

// waits marks that the person waits for an officer again.
func (w *work) waits() {
	if w.c.Waiting.IsZero() {
		w.c.Waiting = w.now
	}
}

// say sends words or a file to the person.
func (w *work) say(text string, media *Media) error {
	return w.send(Message{Text: text, Media: media})
}

// send sends a message at once, as soon as it cannot be taken back any more, or at the time that was chosen. Until that
// time the person still waits.
func (w *work) send(m Message) error {
	if w.c.Erased {
		return fmt.Errorf("write to an erased person: %w", ErrInvalid)
	}
	if w.c.Via == "" {
		return fmt.Errorf("write to somebody who has no channel: %w", ErrInvalid)
	}
	m.Lang, m.Officer = w.c.Lang, w.who.Name
	p := Pending{Message: m, Officer: w.who.ID, By: w.who.Name, At: w.now, Due: w.now.Add(w.undo), Waited: w.c.Waiting, Unread: w.c.Unread}
	switch {
	case !w.at.IsZero():
		p.Due, p.Timed = w.at, true
		w.Pending = append(w.Pending, p)
		return nil
	case w.undo > 0:
		w.Pending = append(w.Pending, p)
	default:
		w.Flush = true
		w.Messages = append(w.Messages, m)
	}
	w.c.Waiting, w.c.Unread = time.Time{}, 0
	return nil
}

func (w *work) note(text string) error {
	if w.c.Erased {
		return fmt.Errorf("note on an erased case: %w", ErrInvalid)
	}
	w.Lines = append(w.Lines, Line{At: w.now, Author: ByNote, Name: w.who.Name, Text: text, Case: w.c.ID})
	return nil
}

// event tells the person's dialogue, and leaves a line. What was said before goes out before what the dialogue says.
func (w *work) event(name string, slots map[string]string) {
	w.Flush = w.Flush || name != flows.EventClaimed
	switch name {
	case flows.EventClaimed, flows.EventReleased, flows.EventHanded, flows.EventClosed, flows.EventReopened:
		w.c.Bot = time.Time{}
	}
	w.entry(name, slots)
	w.line(name, slots)
}

// entry tells the person's dialogue alone.
func (w *work) entry(name string, slots map[string]string) {
	key := "case:" + itoa(w.c.ID) + ":" + strconv.FormatUint(w.salt, 36) + "." + strconv.Itoa(len(w.Entries))
	w.Entries = append(w.Entries, Entry{Key: key, Input: flows.Input{Event: name, Slots: slots, At: w.now}})
}

func (w *work) line(event string, slots map[string]string) {
	w.Lines = append(w.Lines, Line{At: w.now, Author: ByEvent, Name: w.who.Name, Event: event, Slots: slots, Case: w.c.ID})
}

// words are what an officer typed, or an error if it is too long to be sent in one piece.
func words(text string) (string, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if utf8.RuneCountInString(text) > MaxReply {
		return "", fmt.Errorf("%d characters: %w", utf8.RuneCountInString(text), ErrInvalid)
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "", errors.Join(errors.New("text that is not text"), ErrInvalid)
	}
	return text, nil
}
