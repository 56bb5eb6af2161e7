package whatsapp

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"sync"
	"time"

	signal "go.mau.fi/libsignal/logger"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"baom/bot"
)

// A receiver files an entry durably.
type receiver func(context.Context, bot.Entry) error

// A line is one connection to WhatsApp's network, reconnected by itself, until something ends it for good.
type line struct {
	*whatsmeow.Client
	ctx     context.Context // ends with the line
	receive receiver
	over    chan ending // takes the first thing that ends the line

	// The device's names and key: whatsmeow takes them from its store where it is logged out, whoever reads them then.
	own, lid types.JID
	identity [32]byte

	mu      sync.Mutex
	retries map[types.MessageID]chan *events.MediaRetry // who waits for a file to be put up again
	live    map[string]time.Time                        // by peer: the first fix of a live location
}

// An ending is why a line ended, and how long to wait before it is opened again.
type ending struct {
	link  bot.Link
	pause time.Duration
}

// nameDevice sets what the office's telephone shows under "Linked devices", and silences the encryption's own log, which
// goes to the standard output. Both are variables of theirs.
var nameDevice = sync.OnceFunc(func() {
	store.DeviceProps.Os = proto.String("BAOM")
	var quiet signal.Loggable = silence{}
	signal.Setup(&quiet)
})

// silence says nothing. What matters of it whatsmeow reports.
type silence struct{}

// Debug implements signal.Loggable.
func (silence) Debug(string, string) {}

// Info implements signal.Loggable.
func (silence) Info(string, string) {}

// Warning implements signal.Loggable.
func (silence) Warning(string, string) {}

// Error implements signal.Loggable.
func (silence) Error(string, string) {}

// Configure implements signal.Loggable.
func (silence) Configure(string) {}

// client is a client of whatsmeow, set for durability: see the package's comment.
func (w *WhatsApp) client(ctx context.Context, dev *store.Device) *whatsmeow.Client {
	cli := whatsmeow.NewClient(dev, logger{w.Log})
	cli.SynchronousAck, cli.EnableDecryptedEventBuffer = true, true
	cli.UseRetryMessageStore = true
	cli.ManualHistorySyncDownload = true // what was written before the pairing is not ours
	cli.InitialAutoReconnect = true
	cli.BackgroundEventCtx = ctx
	if w.HTTP != nil {
		cli.SetWebsocketHTTPClient(w.HTTP)
		cli.SetPreLoginHTTPClient(w.HTTP)
		cli.SetMediaHTTPClient(limited(w.HTTP))
	} else {
		cli.SetMediaHTTPClient(limited(nil))
	}
	return cli
}

// carry carries messages until held or the line ends, and tells how long to wait before it is opened again.
func (w *WhatsApp) carry(held context.Context, dev *store.Device, receive receiver) time.Duration {
	number := "+" + dev.ID.User
	w.stand(held, bot.Link{State: bot.LinkConnecting, Number: number})
	if err := w.guard(dev); err != nil {
		w.Log.Error("whatsapp: the buffer cannot be sealed", "error", err)
		return time.Minute
	}
	ctx, end := context.WithCancel(held)
	// whatsmeow has a data race where its context ends before it is disconnected: it gets one that ends after.
	wire, cut := context.WithCancel(context.WithoutCancel(held))
	l := &line{Client: w.client(wire, dev), ctx: ctx, receive: receive, over: make(chan ending, 1), own: *dev.ID, lid: dev.LID, identity: *dev.IdentityKey.Pub,
		retries: map[types.MessageID]chan *events.MediaRetry{}, live: map[string]time.Time{}}
	l.AddEventHandlerWithSuccessStatus(func(e any) bool { return w.event(l, e) })
	w.line.Store(l)
	hangUp := sync.OnceFunc(func() {
		w.line.Store(nil)
		end()
		hanging := time.AfterFunc(3*time.Second, cut) // on an attempt to connect
		l.Disconnect()
		hanging.Stop()
		cut()
	})
	defer hangUp()
	go w.sweep(ctx)
	stop := context.AfterFunc(held, cut)
	err := l.Connect()
	stop()
	if err != nil {
		w.Log.Warn("whatsapp: cannot connect", "error", fmt.Sprintf("%T", err))
		return 10 * time.Second
	}
	select {
	case <-ctx.Done():
		return 0
	case e := <-l.over:
		e.link.Number = number
		w.stand(context.WithoutCancel(held), e.link)
		w.Log.Error("whatsapp: the line has ended", "state", string(e.link.State), "code", e.link.Code, "again in", e.pause.String())
		for tries := 0; l.IsConnected() && tries < 100; tries++ { // WhatsApp closes first: whatsmeow has a data race else
			sleep(ctx, 10*time.Millisecond)
		}
		sleep(ctx, 10*time.Millisecond) // its socket has closed, and it has yet to hear of that
		hangUp()
		if e.link.State != bot.LinkLoggedOut { // the line stays ours, so that no other process tries too soon
			sleep(held, e.pause)
		}
		return 0
	}
}

// keepSent is how long what was sent is kept, sealed, for telephones that could not read it and ask again. whatsmeow would
// keep it for a week; people who have their data erased should not wait for that.
const keepSent = 24 * time.Hour

// sweep removes what was sent longer ago, every hour.
func (w *WhatsApp) sweep(ctx context.Context) {
	for sleep(ctx, time.Minute); ctx.Err() == nil; sleep(ctx, time.Hour) {
		if _, err := w.DB.ExecContext(ctx, `delete from whatsmeow_retry_buffer where timestamp < $1`, time.Now().Add(-keepSent).UnixMilli()); err != nil && ctx.Err() == nil {
			w.Log.Warn("whatsapp: what was sent long ago cannot be removed", "error", err)
		}
	}
}

// The pauses after which a line that was ended is tried again. An attempt too soon makes matters worse.
const (
	afterReplaced = 30 * time.Second
	afterRefused  = 10 * time.Minute
	afterOutdated = time.Hour
	banUnknown    = time.Hour
)

// event takes what whatsmeow tells. For a message it reports whether it may be acknowledged.
func (w *WhatsApp) event(l *line, e any) (ok bool) {
	switch e := e.(type) {
	case *events.Message:
		return w.message(l, e)
	case *events.UndecryptableMessage:
		w.undecryptable(l, e)
	case *events.Receipt:
		w.receipt(l, e)
	case *events.CallOffer:
		return w.called(l, e)
	case *events.MediaRetry:
		l.mu.Lock()
		defer l.mu.Unlock()
		if waiting := l.retries[e.MessageID]; waiting != nil {
			select {
			case waiting <- e:
			default:
			}
		}
	case *events.Connected:
		w.stand(l.ctx, bot.Link{State: bot.LinkConnected, Number: "+" + l.own.User})
		w.available(l)
	case *events.PushNameSetting:
		w.available(l)
	case *events.Disconnected:
		w.stand(l.ctx, bot.Link{State: bot.LinkConnecting, Number: "+" + l.own.User})
	default:
		if l.ended(w.Now(), e) {
			w.line.CompareAndSwap(l, nil) // nothing is sent any more
		}
	}
	return true
}

// ended notes what ends a line, and reports whether it is one of the things that do.
func (l *line) ended(now time.Time, e any) bool {
	var end ending
	switch e := e.(type) {
	case *events.LoggedOut:
		end = ending{link: bot.Link{State: bot.LinkLoggedOut, Code: int(e.Reason)}}
	case *events.StreamReplaced:
		end = ending{bot.Link{State: bot.LinkReplaced}, afterReplaced}
	case *events.TemporaryBan:
		end = ending{bot.Link{State: bot.LinkBanned, Code: int(e.Code), Until: now.Add(e.Expire)}, e.Expire + time.Minute}
		if e.Expire <= 0 {
			end.link.Until, end.pause = time.Time{}, banUnknown
		}
	case *events.ClientOutdated:
		end = ending{bot.Link{State: bot.LinkOutdated, Code: 405}, afterOutdated}
	case *events.ConnectFailure:
		end = ending{bot.Link{State: bot.LinkRefused, Code: int(e.Reason)}, afterRefused}
	default:
		return false
	}
	select {
	case l.over <- end:
	default:
	}
	return true
}

// available shows the number as online, without which nobody sees it type. It takes a name, which the telephone tells some
// time after the pairing.
func (w *WhatsApp) available(l *line) {
	if l.Store.PushName == "" {
		return
	}
	w.aside(func(ctx context.Context) { l.SendPresence(ctx, types.PresenceAvailable) })
}

// stand notes how the link stands, here and in the record. A state that goes on keeps its beginning.
func (w *WhatsApp) stand(ctx context.Context, link bot.Link) {
	w.mu.Lock()
	link.Since = w.Now()
	if w.link.State == link.State {
		link.Since = w.link.Since
	}
	if link.State == w.link.State && link.Number == w.link.Number && link.Code == w.link.Code && link.Until.Equal(w.link.Until) && link.State != bot.LinkPairing {
		w.mu.Unlock()
		return
	}
	w.link = link
	w.mu.Unlock()
	if link.State == bot.LinkPairing || link.State == bot.LinkElsewhere {
		return
	}
	w.Log.Info("whatsapp", "state", string(link.State), "code", link.Code)
	until := int64(0)
	if !link.Until.IsZero() {
		until = link.Until.Unix()
	}
	_, err := w.DB.ExecContext(ctx, `insert into baom_link (id, state, since, until, code, number) values (1, $1, $2, $3, $4, $5)
		on conflict (id) do update set state = excluded.state, since = excluded.since, until = excluded.until, code = excluded.code, number = excluded.number`,
		string(link.State), link.Since.Unix(), until, link.Code, link.Number)
	if err != nil && ctx.Err() == nil {
		w.Log.Warn("whatsapp: the state of the link cannot be written", "error", err)
	}
}

// read is how the link stands by the record.
func (w *WhatsApp) read(ctx context.Context) (link bot.Link, ok bool) {
	var state string
	var since, until int64
	if w.DB.QueryRowContext(ctx, `select state, since, until, code, number from baom_link`).Scan(&state, &since, &until, &link.Code, &link.Number) != nil {
		return link, false
	}
	link.State, link.Since = bot.LinkState(state), time.Unix(since, 0)
	if until != 0 {
		link.Until = time.Unix(until, 0)
	}
	return link, true
}

// look notes that no telephone is paired: because it was never, or because it was logged out, which stays visible.
func (w *WhatsApp) look(ctx context.Context) {
	w.mu.Lock()
	busy := w.link.State == bot.LinkPairing
	w.mu.Unlock()
	if busy || ctx.Err() != nil {
		return
	}
	link, ok := w.read(ctx)
	if !ok || link.State != bot.LinkLoggedOut {
		link = bot.Link{State: bot.LinkUnpaired}
	}
	w.mu.Lock()
	link.Problem = w.link.Problem
	if w.link.State != link.State {
		w.link = link
	}
	w.mu.Unlock()
}

// elsewhere notes that another process has the line.
func (w *WhatsApp) elsewhere(ctx context.Context) {
	link := bot.Link{State: bot.LinkElsewhere}
	if there, ok := w.read(ctx); ok {
		link.Number = there.Number
	}
	w.stand(ctx, link)
}

// Link is how the link stands. Where another process has the line, what that one has noted is told.
func (w *WhatsApp) Link(ctx context.Context) bot.Link {
	w.mu.Lock()
	link := w.link
	link.Errors = maps.Clone(w.errors)
	w.mu.Unlock()
	if link.State == bot.LinkElsewhere {
		if there, ok := w.read(ctx); ok {
			there.Errors = link.Errors
			return there
		}
	}
	return link
}

// count counts a refusal by its code.
func (w *WhatsApp) count(code int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errors[code]++
}

// poke makes Run look at once.
func (w *WhatsApp) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// safely runs f and reports a panic, without what it says: that may hold what somebody wrote.
func (w *WhatsApp) safely(what string, f func()) (panicked bool) {
	defer func() {
		if r := recover(); r != nil {
			panicked = true
			w.Log.Error("whatsapp: a panic", "in", what, "type", fmt.Sprintf("%T", r), "trace", string(debug.Stack()))
		}
	}()
	f()
	return false
}
