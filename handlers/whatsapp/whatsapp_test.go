package whatsapp_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.mau.fi/whatsmeow/types"

	"baom/bot"
	"baom/handlers/whatsapp"
	"baom/handlers/whatsapp/whatsapptest"
)

// A record is a receive function that files an entry once by its key, once it is willing to.
type record struct {
	mu      sync.Mutex
	refuse  func(bot.Entry) error // nil: nothing
	entries []bot.Entry
	times   map[string]int // how often each key came
}

func (r *record) receive(_ context.Context, e bot.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		if err := r.refuse(e); err != nil {
			return err
		}
	}
	if r.times == nil {
		r.times = map[string]int{}
	}
	if r.times[e.Key]++; r.times[e.Key] == 1 || e.Deletes != "" {
		r.entries = append(r.entries, e)
	}
	return nil
}

func (r *record) refusing(f func(bot.Entry) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = f
}

func (r *record) all() []bot.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.entries)
}

func (r *record) words() string {
	var words []string
	for _, e := range r.all() {
		words = append(words, e.Input.Text)
	}
	return strings.Join(words, " | ")
}

// wait waits until there are n entries and returns the last one.
func (r *record) wait(s *whatsapptest.Server, n int) bot.Entry {
	s.Until(fmt.Sprintf("%d entries are filed", n), func() bool { return len(r.all()) >= n })
	return r.all()[n-1]
}

// An agency is the channel with its office linked, running.
type agency struct {
	*whatsapp.WhatsApp
	s      *whatsapptest.Server
	office *whatsapptest.Account
	record *record
	stop   func()
}

// config is one of a channel that does not wait.
func config(s *whatsapptest.Server) whatsapp.Config {
	return whatsapp.Config{DB: s.NewDB(), Dialect: "sqlite3", Secret: []byte("a secret"), HTTP: s.HTTPClient()}
}

// open links the office if it is not yet, and runs the channel until the test ends or stop is called.
func open(t testing.TB, s *whatsapptest.Server, office *whatsapptest.Account, c whatsapp.Config, r *record) *agency {
	t.Helper()
	w, err := whatsapp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	err = w.Pair(context.Background(), "", func(link bot.Link) {
		if link.QR != "" {
			if err := office.Scan(link.QR); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil && !errors.Is(err, whatsapp.ErrPaired) {
		t.Fatal(err)
	}
	a := &agency{WhatsApp: w, s: s, office: office, record: r}
	a.run(t)
	a.until(bot.LinkConnected)
	return a
}

// run runs the channel, again if it was stopped.
func (a *agency) run(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, a.record.receive) }()
	a.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(a.stop)
}

func (a *agency) until(state bot.LinkState) {
	a.s.Until("the link is "+string(state), func() bool { return a.Link(context.Background()).State == state })
}

// device is the program's own.
func (a *agency) device() types.JID { return a.office.Device(1) }

// town is a server with an office that is linked, and a person.
func town(t testing.TB) (*agency, *whatsapptest.Person) {
	s := whatsapptest.New(t)
	office := s.Account("212528000001", "90000000000001", "BAOM")
	return open(t, s, office, config(s), &record{}), s.Person("33600000002", "90000000000002", "Awa")
}

var awaPeer = bot.Peer{Channel: bot.WhatsApp, ID: "33600000002"}

func TestPairing(t *testing.T) {
	s := whatsapptest.New(t)
	office := s.Account("212528000001", "90000000000001", "BAOM")
	c := config(s)
	w, err := whatsapp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Pair(t.Context(), "0528", func(bot.Link) {}); err == nil || !strings.Contains(err.Error(), "+212") {
		t.Errorf("a number without its country: %v", err)
	}
	if link := w.Link(t.Context()); link.State != bot.LinkUnpaired || link.Problem == "" {
		t.Errorf("after a failure the link is %+v", link)
	}
	if err := w.Pair(t.Context(), "+212 528 00 00 01", func(link bot.Link) {
		if at := w.Link(t.Context()); at.State != bot.LinkPairing || link.Enter == "" || at.Enter != link.Enter {
			t.Errorf("while it is paired the link is %+v", at)
		}
		if err := office.Enter(link.Enter); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.Pair(t.Context(), "", func(bot.Link) {}); !errors.Is(err, whatsapp.ErrPaired) {
		t.Errorf("pairing twice: %v", err)
	}
	a := &agency{WhatsApp: w, s: s, office: office, record: &record{}}
	a.run(t)
	a.until(bot.LinkConnected)
	if link := a.Link(t.Context()); link.Number != "+212528000001" {
		t.Errorf("the link is %+v", link)
	}
	if err := a.Unpair(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.until(bot.LinkUnpaired)
	open(t, s, office, c, &record{})
}

// TestNames shows under which name a person is known in each way to address, and that a person who shows a LID alone, and
// then the number, is told to be the same.
func TestNames(t *testing.T) {
	a, awa := town(t)
	for i, c := range []struct {
		mode      whatsapptest.Addressing
		id, alias string
	}{
		{whatsapptest.ByPN, "33600000002", "90000000000002@lid"},
		{whatsapptest.ByLID, "33600000002", "90000000000002@lid"},
		{whatsapptest.OnlyLID, "33600000002", "90000000000002@lid"}, // known by now
	} {
		a.s.SetAddressing(c.mode)
		awa.Say(a.office, "bonjour")
		if e := a.record.wait(a.s, i+1); e.Peer.ID != c.id || e.Alias != c.alias || !strings.HasPrefix(e.Key, "wa:") || time.Since(e.Input.At) > time.Minute {
			t.Errorf("%v: %+v", c.mode, e)
		}
	}
	a.s.SetAddressing(whatsapptest.OnlyLID)
	moussa := a.s.Person("33600000003", "90000000000003", "Moussa")
	moussa.Say(a.office, "caché")
	if e := a.record.wait(a.s, 4); e.Peer.ID != "90000000000003@lid" || e.Alias != "" {
		t.Errorf("hidden: %+v", e)
	}
	if _, err := a.Send(t.Context(), bot.Message{ID: 1, Peer: bot.Peer{Channel: bot.WhatsApp, ID: "90000000000003@lid"}, Text: "re"}); err != nil {
		t.Error(err)
	}
	moussa.Expect("re")
	a.s.SetAddressing(whatsapptest.ByLID)
	moussa.Say(a.office, "montré")
	if e := a.record.wait(a.s, 5); e.Peer.ID != "33600000003" || e.Alias != "90000000000003@lid" {
		t.Errorf("shown: %+v", e)
	}
}

// TestNothingLost: while nothing can be filed nothing is acknowledged; then everything comes, once, in order, whatever the
// network does meanwhile.
func TestNothingLost(t *testing.T) {
	a, awa := town(t)
	var tries atomic.Int64
	a.record.refusing(func(bot.Entry) error { tries.Add(1); return errors.New("the database is away") })
	for _, w := range []string{"un", "deux", "trois"} {
		awa.Say(a.office, w)
	}
	a.s.Until("it was tried again", func() bool { return tries.Load() >= 3 })
	if n := a.s.Pending(a.device()); n < 3 {
		t.Errorf("%d stanzas wait to be acknowledged", n)
	}
	a.s.Drop(a.device())
	a.s.Until("it is back", func() bool { return a.s.Online(a.device()) })
	a.record.refusing(nil)
	a.record.wait(a.s, 3)
	a.s.Until("everything is acknowledged", func() bool { return a.s.Pending(a.device()) == 0 })
	for _, fault := range []func(){
		func() { a.s.StreamError(a.device(), "503") },
		func() { a.s.StreamError(a.device(), "515") },
		func() { a.s.Drop(a.device()) },
	} {
		n := len(a.record.all())
		fault()
		awa.Say(a.office, fmt.Sprint("après ", n))
		a.record.wait(a.s, n+1)
	}
	if got := a.record.words(); got != "un | deux | trois | après 3 | après 4 | après 5" {
		t.Errorf("filed %q", got)
	}
}

// TestCrash stops the program between the filing of a message and its acknowledgement, and before the filing: the next
// start gets both, the first one with the same key.
func TestCrash(t *testing.T) {
	s := whatsapptest.New(t)
	office := s.Account("212528000001", "90000000000001", "BAOM")
	c, r := config(s), &record{}
	a := open(t, s, office, c, r)
	awa := s.Person("33600000002", "90000000000002", "Awa")
	s.OnStanza(func(j types.JID, n *whatsapptest.Node) bool { // no receipt or ack of the program's arrives
		return j != a.device() || n.Tag != "receipt" && n.Tag != "ack"
	})
	awa.Say(office, "filed")
	r.wait(s, 1)
	r.refusing(func(bot.Entry) error { return errors.New("the database is away") })
	awa.Say(office, "not filed")
	s.Until("both wait", func() bool { return s.Pending(a.device()) >= 2 })
	a.stop()
	s.OnStanza(nil)
	r.refusing(nil)
	b := open(t, s, office, c, r)
	r.wait(s, 2)
	s.Until("everything is acknowledged", func() bool { return s.Pending(b.device()) == 0 })
	if got := r.words(); got != "filed | not filed" {
		t.Errorf("filed %q", got)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.times[r.entries[0].Key]; n > 2 {
		t.Errorf("the first came %d times", n)
	}
}

// TestPanic: a message whose filing panics is not lost, and holds up nothing for good.
func TestPanic(t *testing.T) {
	a, awa := town(t)
	var panicked atomic.Bool
	a.record.refusing(func(bot.Entry) error {
		if panicked.CompareAndSwap(false, true) {
			panic("a bug")
		}
		return nil
	})
	awa.Say(a.office, "un")
	awa.Say(a.office, "deux")
	a.record.wait(a.s, 2)
	if got := a.record.words(); got != "un | deux" || !panicked.Load() {
		t.Errorf("filed %q", got)
	}
}

// TestSpoilt: a message that arrives spoilt is asked for again; duplicates are filed once; messages out of order are read.
func TestSpoilt(t *testing.T) {
	a, awa := town(t)
	awa.Say(a.office, "un")
	a.record.wait(a.s, 1)
	var held atomic.Pointer[whatsapptest.Node]
	var n atomic.Int64
	a.s.OnDeliver(func(to types.JID, node *whatsapptest.Node) bool {
		if to.Device != 1 {
			return true
		}
		switch n.Add(1) {
		case 1:
			whatsapptest.Corrupt(node)
		case 3: // overtaken by the next
			copied := *node
			held.Store(&copied)
			return false
		case 4:
			a.s.Later(a.device(), held.Load())
			a.s.Later(a.device(), held.Load()) // and once more
		}
		return true
	})
	awa.Say(a.office, "deux")
	a.record.wait(a.s, 2)
	awa.Say(a.office, "quatre")
	awa.Say(a.office, "trois")
	a.record.wait(a.s, 4)
	if got := a.record.words(); got != "un | deux | trois | quatre" {
		t.Errorf("filed %q", got)
	}
}

// TestEnds runs what ends a line, in a bubble of false time: each state shows, and the line comes back when it should and not
// before.
func TestEnds(t *testing.T) {
	whatsapptest.Trust()
	for _, c := range []struct {
		name  string
		fault func(a *agency)
		state bot.LinkState
		code  int
		after time.Duration // until the line is back; 0: it does not come back
	}{
		{"replaced", func(a *agency) { a.s.Replace(a.device()) }, bot.LinkReplaced, 0, 30 * time.Second},
		{"removed on the telephone", func(a *agency) { a.s.Unlink(a.device()) }, bot.LinkLoggedOut, 401, 0},
		{"401 on connecting", func(a *agency) { a.s.Refuse(a.device(), 401); a.s.Drop(a.device()) }, bot.LinkLoggedOut, 401, 0},
		{"403 on connecting", func(a *agency) { a.s.Refuse(a.device(), 403); a.s.Drop(a.device()) }, bot.LinkLoggedOut, 403, 0},
		{"banned for a time", func(a *agency) { a.s.Ban(a.device(), 101, 2*time.Hour); a.s.Drop(a.device()) }, bot.LinkBanned, 101, 2 * time.Hour},
		{"client outdated", func(a *agency) { a.s.Refuse(a.device(), 405); a.s.Drop(a.device()) }, bot.LinkOutdated, 405, time.Hour},
		{"refused", func(a *agency) { a.s.Refuse(a.device(), 409); a.s.Drop(a.device()) }, bot.LinkRefused, 409, 10 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := whatsapptest.NewOn(t, whatsapptest.NewPipe())
				office := s.Account("212528000001", "90000000000001", "BAOM")
				conf := config(s)
				conf.Linger = time.Minute // or whatsmeow leaves a goroutine behind, which a bubble does not forgive
				a := open(t, s, office, conf, &record{})
				awa := s.Person("33600000002", "90000000000002", "Awa")
				awa.Say(office, "avant")
				a.record.wait(s, 1)
				c.fault(a)
				began := time.Now()
				a.until(c.state)
				link := a.Link(t.Context())
				if link.Code != c.code || !c.state.Alarming() {
					t.Errorf("the link is %+v", link)
				}
				said := (*bot.SendError)(nil)
				if _, err := a.Send(t.Context(), bot.Message{ID: 1, Peer: awaPeer, Text: "x"}); !errors.As(err, &said) || said.Permanent || said.After <= 0 {
					t.Errorf("a message meanwhile: %v", err)
				}
				if c.after == 0 {
					time.Sleep(2 * time.Hour)
					if link := a.Link(t.Context()); link.State != bot.LinkLoggedOut {
						t.Errorf("two hours later the link is %+v", link)
					}
				} else {
					if c.state == bot.LinkBanned && link.Until.Sub(began).Round(time.Minute) != c.after {
						t.Errorf("banned until %v", link.Until)
					}
					s.Patience = 24 * time.Hour
					s.Until("the line is cut", func() bool { return !s.Online(a.device()) })
					awa.Say(office, "pendant")
					a.record.wait(s, 2)
					if took := time.Since(began); took < c.after || took > c.after+5*time.Minute {
						t.Errorf("the line was back after %v", took)
					}
				}
				a.stop()
				awa.Client.Disconnect()
				s.Close()
				time.Sleep(10 * time.Minute)
			})
		})
	}
}

// TestTwoProcesses: of two processes on one database one has the line; when it dies the other takes over.
func TestTwoProcesses(t *testing.T) {
	s := whatsapptest.New(t)
	office := s.Account("212528000001", "90000000000001", "BAOM")
	lock := make(chan struct{}, 1)
	c := config(s)
	c.Hold = func(ctx context.Context) (context.Context, func(), bool, error) {
		select {
		case lock <- struct{}{}:
			held, end := context.WithCancel(ctx)
			return held, sync.OnceFunc(func() { end(); <-lock }), true, nil
		default:
			return nil, nil, false, nil
		}
	}
	r := &record{}
	a := open(t, s, office, c, r)
	w, err := whatsapp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	b := &agency{WhatsApp: w, s: s, office: office, record: r}
	b.run(t)
	awa := s.Person("33600000002", "90000000000002", "Awa")
	awa.Say(office, "un")
	r.wait(s, 1)
	s.Until("the second sees how the first stands", func() bool { return b.Link(t.Context()).Number == "+212528000001" })
	a.stop()
	awa.Say(office, "deux")
	r.wait(s, 2)
	b.until(bot.LinkConnected)
}
