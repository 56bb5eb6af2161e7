package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"baom/content"
	"baom/flows"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// The errors that mean something to a caller. Everything else is internal.
var (
	ErrNotFound  = errors.New("not found")
	ErrConflict  = errors.New("somebody was faster")
	ErrForbidden = errors.New("not allowed")
	ErrInvalid   = errors.New("not valid")
	ErrIdle      = errors.New("nothing to do")
)

// A SendError says whether and when to try a message again.
type SendError struct {
	Permanent bool          // it will never go out: the person blocked us, the chat is gone
	After     time.Duration // not before; zero leaves it to the usual back-off
	Why       string        // in plain words for the officer, without personal data
	Err       error
}

// Error says what failed.
func (e *SendError) Error() string { return fmt.Sprintf("send: %s: %v", e.Why, e.Err) }

// Unwrap is the cause.
func (e *SendError) Unwrap() error { return e.Err }

// A Messenger carries messages on one channel.
type Messenger interface {
	// Channel names the channel it serves.
	Channel() Channel

	// Run passes on what arrives until ctx ends. It acknowledges an entry to the network only after receive has
	// returned nil: receive files the entry durably, and filing it twice is harmless.
	Run(ctx context.Context, receive func(context.Context, Entry) error) error

	// Send delivers m and returns the network's id for it. A *SendError says whether and when to try again; any
	// other error is tried again with back-off. Sending the same m twice must do the least harm.
	Send(ctx context.Context, m Message) (id string, err error)

	// Open fetches a file that arrived with m.Ref. A *SendError that is Permanent says that it is gone. The caller
	// reads at most MaxMedia bytes.
	Open(ctx context.Context, m Media) (io.ReadCloser, error)
}

// A Forgetter is a Messenger that keeps something of people's beside the record, as its network's encryption needs it: see
// Channel.Remembers.
type Forgetter interface {
	// Forget erases everything that the channel keeps of a peer, under every name by which it knows them, here and in
	// memory. Calling it again is harmless; so is a message that arrives meanwhile: it is read, later.
	Forget(ctx context.Context, p Peer) error
}

// A Deliver sends messages that are already claimed, one after the other, and marks the outcome of each: what
// Journal.Deliver does, but for the claim.
type Deliver func(ctx context.Context, send func(context.Context, Message) (id string, err error)) error

// A Journal is the record of conversations. Each method is one transaction (Deliver and Fetch are two).
type Journal interface {
	// Receive files an entry (boundary A). It is idempotent by Peer and Key: fresh is false for one already filed.
	// When it returns nil the entry is durable.
	Receive(ctx context.Context, e Entry) (fresh bool, err error)

	// Answer is Receive, and where nothing of the conversation waits and nobody works on it also Turn, in one transaction:
	// step is called with the session as it is known, and what it returns counts if the session is still that one when
	// it is committed. Otherwise the entry waits for Turn, which calls step again. Entry.Case is not known to step.
	// What the turn says is claimed by the same transaction: deliver sends it, if it is anything, marks the outcome, and is
	// to be called at once; it is nil where the turn is still to come. What is not delivered within a minute falls due as
	// after a crash.
	Answer(ctx context.Context, e Entry, step func(flows.Session, Entry) Turn) (fresh bool, deliver Deliver, err error)

	// Turn takes the oldest due entries of conversations that nobody is working on, one of each, calls step with the
	// session and the entry for one after the other, and commits what it returns (boundary B). ErrIdle: nothing is due.
	// Entries of one conversation are handled one at a time and in order. Where the commit fails each of them is taken
	// again alone, and step called again; the error is that of those that failed alone too, which wait a while. So is
	// step called again where a reference was already taken.
	Turn(ctx context.Context, step func(flows.Session, Entry) Turn) error

	// Deliver claims the oldest due message of the channel, calls send outside any transaction, and marks the
	// outcome (boundary C). Only the head of a conversation's outbox may be claimed. ErrIdle: nothing is due.
	Deliver(ctx context.Context, c Channel, send func(context.Context, Message) (id string, err error)) error

	// Fetch claims a wanted file of the channel, calls open, and stores what it reads (boundary D). ErrIdle: nothing
	// is due. A file over MaxMedia, or permanently gone, is marked lost.
	Fetch(ctx context.Context, c Channel, open func(context.Context, Media) (io.ReadCloser, error)) error

	// Post puts the oldest reply that has waited for its time into its conversation and the outbox. ErrIdle: nothing is
	// due.
	Post(ctx context.Context) error

	// Transcript is what one person may read of their own conversation, oldest first, after a line id: their own
	// lines, the bot's and the officers', never notes or events. ErrNotFound if they never wrote.
	Transcript(ctx context.Context, p Peer, after int64) ([]Line, error)

	// Attachment is a file of one of that person's own lines, with Data.
	Attachment(ctx context.Context, p Peer, line int64) (*Media, error)

	// Watch returns a channel that gets a token soon after something changed on any of the topics; tokens that
	// nobody took are merged into one. It also gets one at least every few seconds when the notifications' connection
	// was lost, so that a watcher that looks again at each token misses nothing. It ends with ctx.
	Watch(ctx context.Context, topics ...Topic) <-chan struct{}

	// Forget erases what is held about a person, at once: the data key is destroyed. What their channel keeps beside the
	// record follows, by Erase.
	Forget(ctx context.Context, p Peer) error

	// Erase takes the oldest peer of a channel who was forgotten and to whom nothing is to be sent any more, and calls
	// forget; it does so again a day later, for what the network has said of them since. Who has written again is left
	// alone. ErrIdle: nobody is due.
	Erase(ctx context.Context, c Channel, forget func(context.Context, Peer) error) error
}

// Cases is the record of case files and of the officers who work on them.
type Cases interface {
	// Queue lists cases, urgent first, then those that wait longest.
	Queue(ctx context.Context, q Query) ([]Case, error)

	// Case is one case with its transcript, oldest first. ErrNotFound.
	Case(ctx context.Context, id int64) (*Case, []Line, error)

	// Media is the file of one line of a case, with Data. ErrNotFound.
	Media(ctx context.Context, caseID, line int64) (*Media, error)

	// Change locks a case, applies f, and files in the same transaction what f returns (boundary E). An error from f
	// rolls everything back and is returned as it is.
	Change(ctx context.Context, id int64, f func(*Case) (CaseWork, error)) (*Case, error)

	Officers
	Audit
	Inbox
	Visits
}

// Questions is what was asked, apart from who asked it, and what officers wrote in answer.
type Questions interface {
	// Questions lists those from which something is to be learnt and that nobody has answered since, newest first.
	Questions(ctx context.Context, limit int) ([]Question, error)

	// Write files an answer to some questions, and sends what tell says in their language to those who asked to be told,
	// in one transaction. It fills in ID, At, Told and Questions. ErrConflict: all of them were answered meanwhile. Where tell
	// is nil nobody is to be told: ErrForbidden if somebody waits.
	Write(ctx context.Context, w *Written, questions []int64, tell func(content.Lang) string) error

	// Written lists what was written, newest first, with the questions it answers.
	Written(ctx context.Context) ([]Written, error)

	// Asking counts questions per month, language, need and outcome, the newest month first.
	Asking(ctx context.Context, since time.Time) ([]Asking, error)
}

// CaseWork is what a change of a case brings with it.
type CaseWork struct {
	Entries  []Entry   // events for the person's dialogue; Peer may be left zero: it is the case's conversation
	Messages []Message // words for the person, sent in order; Peer may be left zero
	Lines    []Line    // notes and events for the transcript
	Pending  []Pending // replies of the case's officer that wait for their time
	Steps    []Step    // new (ID 0), changed, or Dropped
	Flush    bool      // replies that wait only to be taken back go out now, before Messages
	Spent    int64     // an officer whose draft in the case has become a reply
	Cancel   []string  // prefixes of keys: entries so named that wait for their time are no longer wanted; before Entries
	Meeting  *Meeting  // made or changed
}

// Who waits for whom in a case that is not closed.
const (
	WaitsForUs   = "us"   // the person waits for an officer
	WaitsForThem = "them" // the officer has answered
)

// A Query selects cases. The zero query is every case that is not closed.
type Query struct {
	Offices   []string // ids; empty: all
	States    []string // empty: open and claimed
	Officer   int64    // held by this officer; 0: whoever
	Reference string   // exact, in any writing (case, spaces and dashes are ignored)
	Need      string
	ID        int64        // that one alone, whatever its state
	Free      bool         // held by nobody
	Waits     string       // WaitsForUs or WaitsForThem; empty: either
	Urgent    bool         // only those
	Remind    time.Time    // only those of which somebody is to be reminded by then
	Lang      content.Lang // of the person
	Label     int64        // of the office
	Words     []Word       // each of which must be found
	Limit     int          // 0: 100
	Before    int64        // page on: cases after this id in the list's order
}
