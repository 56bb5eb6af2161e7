package bot

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"baom/content"
	"baom/flows"
)

// A Channel is a network that carries messages.
type Channel string

// The channels.
const (
	Telegram Channel = "telegram"
	WhatsApp Channel = "whatsapp"
	Web      Channel = "web"

	// AtDesk is no network: somebody whom an officer received. Nothing can be sent until they join a channel of their own.
	AtDesk Channel = "desk"

	// Imported is no network: a case taken over from the office's earlier register. Nothing can be sent.
	Imported Channel = "import"
)

// Remembers reports whether the channel keeps something of people's beside the record: then its Messenger is a Forgetter.
func (c Channel) Remembers() bool { return c == WhatsApp }

// A Peer is one person, or one phone, on one channel: the unit of order. ID is the network's own identifier (a chat
// id, a phone number or LID, a random cookie) and personal data: it is sealed at rest and never logged.
type Peer struct {
	Channel Channel
	ID      string
}

// Correction is between the key of a message and the id of a correction in the key of the correction: who takes the message
// back takes back its corrections too.
const Correction = ":e:"

// Timer begins the key of an entry that is to be handled later. Nothing else may be due in the future: what is, is so only
// because a clock was wrong.
const Timer = "timer:"

// An Entry is one line of a conversation's log, to be handled in order. Key makes filing it twice harmless: it is
// unique within the conversation (tg:<update id>, wa:<message id>, web:<client id>, case:<id>:<n>, timer:…).
type Entry struct {
	ID    int64 // given by the journal
	Peer  Peer
	Key   string
	Input flows.Input
	Media *Media    // what came with the message, if anything
	Due   time.Time // not to be handled before; zero is at once

	// Alias is another id under which the network knows the same peer, or empty. A conversation under either goes on
	// under Peer; where both have one they become one.
	Alias string

	// Deletes, if set, is the key of an earlier entry that the person has taken back: its line is marked, and nothing
	// is handled.
	Deletes string

	Case int64 // the conversation's open case when the entry is handled, 0 if none; given by the journal
}

// Media is a file that a person or an officer sent. On arrival either Data is at hand or Ref says how its Messenger
// can fetch it later.
type Media struct {
	Kind    flows.Kind
	Mime    string
	Name    string // file name, if the sender gave one
	Size    int64  // bytes, if known
	Seconds int    // length of a voice note or video, if known
	Ref     []byte // opaque to all but the messenger that made it
	Data    []byte
	State   MediaState
}

// A MediaState is how far a file has come.
type MediaState string

// The states of a file.
const (
	MediaWanted MediaState = "wanted" // to be fetched from the network
	MediaReady  MediaState = "ready"  // stored
	MediaLost   MediaState = "lost"   // cannot be fetched any more
	MediaErased MediaState = "erased" // erased with its person, or by the retention rules
)

// MaxMedia is the largest file accepted from anybody, in bytes.
const MaxMedia = 20 << 20

// A Message is one thing to send, in the person's words. ID is that of its row: stable over retries.
type Message struct {
	ID      int64
	Peer    Peer
	Lang    content.Lang
	Text    string // Markdown of the subset that content.Markdown reads
	Choices []content.Option
	Media   *Media      // with Data
	Card    *flows.Card // to be shown as the channel's own place and contact, before the words
	Officer string      // display name of the officer who wrote it, empty for the bot
	Attempt int         // how often it has been tried before

	// Keyboard is the network's id of the last message in this conversation whose choices are still shown, or
	// empty. A channel with buttons may remove them once this message follows.
	Keyboard string
}

// A Turn is all that one entry changes. The journal commits it in one transaction or not at all.
type Turn struct {
	Session flows.Session
	Send    []Message // in order; Peer is the entry's and may be left zero
	Case    *CaseChange
	Cancel  []string // prefixes of keys: waiting timers so named are no longer wanted; applied before Later
	Later   []Entry  // timers: entries with a Due in the future and a Key never used before
	Asked   []flows.Asked
	Link    string // a code: the case that has it joins this conversation; what comes of it is the next entry
	Discard bool   // nothing of this entry or its replies is kept: the person has not consented
	Forget  bool   // destroy the data key of everything held about this person, after Send is stored for one last delivery
	Failed  string // the step panicked: its trace, free of personal data; the entry is set aside for the operator
}

// A CaseChange is what a turn does to the conversation's case. Where no case is open and Open is set, one is opened.
type CaseChange struct {
	Open      bool              // open a case, or complete the open one with Answers and Office
	Reference string            // of a case that is newly opened; ErrConflict from the journal if it is taken
	Office    string            // id of the office
	Answers   map[string]string // intake fields
	Urgent    string            // kind of danger; marks the case
	Relay     bool              // file the entry in the case
	Withdraw  bool              // close it at the person's wish
	Attend    *flows.Attend     // the answer to an appointment
	Transfer  *flows.Transfer   // the person's answer to a proposal, which may be of another case of theirs
	Live      bool              // the person is with the officer, and no more with the bot
	Score     int               // survey, 1 to 5; belongs to the open case or the one closed last
	Comment   string            // survey
}

// An Author is who said a line.
type Author string

// The authors.
const (
	ByPerson  Author = "person"
	ByBot     Author = "bot"
	ByOfficer Author = "officer"
	ByNote    Author = "note"  // an officer's private note: never sent
	ByEvent   Author = "event" // something that happened to the case: claimed, closed …
)

// A Status is how far an outgoing line has come.
type Status string

// The statuses of an outgoing line; an incoming one has none.
const (
	Waiting   Status = "waiting"   // in the outbox
	Sent      Status = "sent"      // the network took it
	Delivered Status = "delivered" // it is on the person's telephone, or page
	Read      Status = "read"      // the person has read it, where the channel says so and they let it
	Failed    Status = "failed"    // given up: Why says why
)

// A Receipt tells that what was sent has come to a person. Telegram has none; WhatsApp tells what is on the telephone and,
// of who lets it, what was read; the web page, what it has fetched.
type Receipt struct {
	Peer Peer
	UpTo int64            // the id of the newest message that is meant; 0: Is knows it
	Is   func(int64) bool // whether it is the message of that id
	Read bool             // it was read, too
}

// A Line is one line of a transcript as people read it.
type Line struct {
	ID      int64
	At      time.Time
	Author  Author
	Name    string // the officer's display name, for lines by an officer, a note or an event
	Text    string
	Choice  string // id of the option that the person pressed
	Choices []content.Option
	Kind    flows.Kind
	Lat     float64
	Lon     float64
	Media   *Media            // without Data: see Cases.Media
	Event   string            // for ByEvent: claimed, released, handed, proposed, agreed, kept, lapsed, recalled, returned, closed, reopened, opened, withdrawn, urgent, rated, or EventUnsent
	Slots   map[string]string // facts of the event: officer, office, outcome …
	Status  Status
	Why     string // of a failed line, in plain words
	Quote   string // what the line answers to, where the channel says so
	Edited  bool
	Deleted bool // the person has taken it back; the words are not shown any more
	Erased  bool // the words are gone: by the retention rules or at the person's wish
	Case    int64
}

// EventUnsent is a reply that did not go at its time, because its writer did not have the case any more: Text and Media are
// what it would have said, and Name is who wrote it.
const EventUnsent = "unsent"

// A Topic names something that can be watched for news. It holds no personal data.
type Topic string

// The topics.
const (
	TopicInbox Topic = "inbox" // entries to be handled
	TopicMedia Topic = "media" // files to be fetched
	TopicTimed Topic = "timed" // replies whose time may have come
	TopicErase Topic = "erase" // people whom their channel has yet to forget
)

// TopicOutbox is news for the senders of a channel.
func TopicOutbox(c Channel) Topic { return Topic("outbox:" + string(c)) }

// TopicOffice is news in an office's queue.
func TopicOffice(office string) Topic { return Topic("office:" + office) }

// TopicCase is news in one case.
func TopicCase(id int64) Topic { return Topic("case:" + itoa(id)) }

// TopicPeer is news for one person's own page. It is a hash, so that it may travel through notifications.
func TopicPeer(p Peer) Topic {
	sum := sha256.Sum256([]byte("topic:" + string(p.Channel) + ":" + p.ID))
	return Topic("peer:" + hex.EncodeToString(sum[:12]))
}
