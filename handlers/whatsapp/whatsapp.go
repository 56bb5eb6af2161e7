// Package whatsapp carries messages over WhatsApp, as a device that is linked to the office's telephone. It stands on
// whatsmeow.
//
// # Arriving
//
// A message is acknowledged to WhatsApp only after it is filed durably. What is filed twice is filed once, by the
// message's id. While the database is away nothing is acknowledged and nothing is decrypted twice: the message waits
// here, then is given back, and WhatsApp delivers it again, in order. A message that cannot be decrypted is asked for
// again; where it does not come within a minute the person is told, so that nobody writes into the void.
//
// # Leaving
//
// Each message has an id that is derived from its row and from this pairing's keys, so that one which is sent again after
// a crash carries the same id. Nobody is written to who never wrote to this number since it was paired: writing first is
// what numbers are banned for. Messages leave at a person's pace. Choices are numbered lines of text: buttons and lists
// are not shown to everybody by WhatsApp; a poll may stand beside them.
//
// # Who is who
//
// A peer's id is the phone number in digits where WhatsApp tells it, else the LID followed by @lid. Where it tells both,
// the LID goes along as the entry's alias, so that a person who moves from one to the other stays the same.
//
// # What is kept
//
// The keys and sessions of the pairing, and which phone number belongs to which LID, are in tables of whatsmeow's in a
// schema of their own, where numbers are in the clear: Forget erases a person there too. Names and address books are not
// kept there, and what it buffers of messages is sealed. A photo to be seen once is not kept at all. No log line has a name, a number or a word in it;
// whatsmeow's own lines are passed on without their arguments.
package whatsapp

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow/store/sqlstore"
	"golang.org/x/time/rate"

	"baom/bot"
	"baom/content"
)

// Config says where the channel keeps its keys, and how it behaves.
type Config struct {
	DB      *sql.DB // of a schema that is whatsmeow's alone; it is made ready at the start
	Dialect string  // of DB: postgres, which is meant by "", or sqlite3
	Secret  []byte  // seals what whatsmeow buffers of messages

	HTTP *http.Client // makes the connections; nil: WhatsApp's own servers

	// Hold lets one process use the line, for as long as the context it returns lives; nil means that there is only one.
	Hold func(ctx context.Context) (held context.Context, release func(), ok bool, err error)

	Hint  func(content.Lang) string // the words under a numbered menu; nil: none
	Polls bool                      // a poll beside the numbers, where there are at most twelve choices

	Linger    time.Duration // how long a device stays online after its pairing, so that the telephone can hand over what it wants to
	Pause     time.Duration // between a person's message and the answer, and between two messages to the same person
	PerMinute int           // messages to everybody together; 0: as fast as it goes

	Reached func(bot.Receipt) // is told what has come to people; it does not wait; nil: nobody is

	Log *slog.Logger     // nil: nothing is logged
	Now func() time.Time // nil: time.Now
}

// WhatsApp is the channel. It implements bot.Messenger.
type WhatsApp struct {
	Config
	key    []byte
	vessel *sqlstore.Container
	lids   *lids
	ready  sync.Mutex // held while the tables are made
	tables bool       // they are there

	line    atomic.Pointer[line] // the connection, while this process has one
	pairing sync.Mutex           // held while a telephone is paired
	wake    chan struct{}        // something changed about the pairing
	pace    pace
	parts   bot.Parts
	chats   chats
	polls   polls
	missing missing
	typing  bot.Typing[string]
	room    chan struct{} // bounds the small calls beside the line

	mu     sync.Mutex
	link   bot.Link
	errors map[int]int64
}

var _ bot.Messenger = (*WhatsApp)(nil)

// New makes the channel. It does not connect.
func New(c Config) (*WhatsApp, error) {
	if c.DB == nil || len(c.Secret) == 0 {
		return nil, errors.New("whatsapp: the configuration is incomplete")
	}
	if c.Dialect == "" {
		c.Dialect = "postgres"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	key, err := hkdf.Key(sha256.New, c.Secret, nil, "baom whatsapp buffer", 32)
	if err != nil {
		return nil, fmt.Errorf("whatsapp: %w", err)
	}
	w := &WhatsApp{Config: c, key: key, wake: make(chan struct{}, 1), room: make(chan struct{}, 64), errors: map[int]int64{},
		link: bot.Link{State: bot.LinkConnecting, Since: c.Now()}} // Run looks at once whether a telephone is paired
	w.vessel = sqlstore.NewWithDB(c.DB, c.Dialect, logger{c.Log})
	w.lids = newLIDs(c.DB, c.Dialect)
	w.pace.all = rate.NewLimiter(rate.Inf, 0)
	if c.PerMinute > 0 {
		w.pace.all = rate.NewLimiter(rate.Limit(float64(c.PerMinute)/60), max(1, c.PerMinute/6))
	}
	w.typing.After, w.typing.Show = typingAfter, w.showTyping
	nameDevice()
	return w, nil
}

// Channel implements bot.Messenger.
func (w *WhatsApp) Channel() bot.Channel { return bot.WhatsApp }

// Run implements bot.Messenger. It never gives up: a line that is lost is taken up again, and without a paired telephone
// it waits for one.
func (w *WhatsApp) Run(ctx context.Context, receive func(context.Context, bot.Entry) error) error {
	defer w.settle()
	for failures := 0; ctx.Err() == nil; {
		pause, err := w.once(ctx, receive)
		if err != nil && ctx.Err() == nil {
			failures++
			pause = min(time.Second<<min(failures, 5), 30*time.Second)
			w.Log.Warn("whatsapp: the line cannot be opened; trying again", "failures", failures, "error", err)
		} else {
			failures = 0
		}
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-time.After(pause):
		}
	}
	return nil
}

// The pauses between two looks whether there is something to do.
const (
	lookForPairing = 3 * time.Second        // no telephone is paired
	lookForLine    = 400 * time.Millisecond // another process has the line
)

// once opens the line if a telephone is paired and no other process has it, and carries messages until it ends. It tells
// how long to wait before the next look.
func (w *WhatsApp) once(ctx context.Context, receive receiver) (pause time.Duration, err error) {
	if paired, err := w.paired(ctx); err != nil || !paired {
		w.look(ctx)
		return lookForPairing, err
	}
	held, release, ok, err := w.hold(ctx)
	if err != nil || !ok {
		if err == nil {
			w.elsewhere(ctx)
		}
		return lookForLine, err
	}
	defer release()
	if link, ok := w.read(held); ok && link.State == bot.LinkBanned { // noted before a restart
		w.stand(held, link)
		sleep(held, link.Until.Sub(w.Now()))
	}
	dev, err := w.vessel.GetFirstDevice(held)
	if err != nil || dev.ID == nil {
		return lookForPairing, err
	}
	return w.carry(held, dev, receive), nil
}

// hold takes the line for this process.
func (w *WhatsApp) hold(ctx context.Context) (held context.Context, release func(), ok bool, err error) {
	if w.Hold != nil {
		return w.Config.Hold(ctx)
	}
	held, end := context.WithCancel(ctx)
	return held, end, true, nil
}

// paired reports whether a telephone is paired, and makes the tables ready first.
func (w *WhatsApp) paired(ctx context.Context) (bool, error) {
	if err := w.prepare(ctx); err != nil {
		return false, err
	}
	devices, err := w.vessel.GetAllDevices(ctx)
	if err != nil {
		return false, fmt.Errorf("look for a paired telephone: %w", err)
	}
	return len(devices) > 0, nil
}

// prepare makes the tables, once. Two processes do it one after the other.
func (w *WhatsApp) prepare(ctx context.Context) error {
	w.ready.Lock()
	defer w.ready.Unlock()
	if w.tables {
		return nil
	}
	var held context.Context
	var release func()
	for {
		var ok bool
		var err error
		if held, release, ok, err = w.hold(ctx); err != nil {
			return err
		}
		if ok {
			break
		}
		if w.hasTables(ctx) { // who has the line has made them
			w.tables = true
			return nil
		}
		if !sleep(ctx, 200*time.Millisecond) {
			return ctx.Err()
		}
	}
	defer release()
	if err := w.vessel.Upgrade(held); err != nil {
		return fmt.Errorf("make whatsmeow's tables: %w", err)
	}
	if err := w.makeTable(held); err != nil {
		return err
	}
	w.tables = true
	return nil
}

// sleep waits, and reports whether ctx still goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
