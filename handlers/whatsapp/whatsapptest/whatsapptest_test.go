package whatsapptest_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"baom/handlers/whatsapp/whatsapptest"
)

// A guichet is a client of whatsmeow that is paired with an account, as the program is.
type guichet struct {
	*whatsmeow.Client
	msgs chan *events.Message
	evts chan any
}

func connect(t testing.TB, s *whatsapptest.Server, store *sqlstore.Container, acc *whatsapptest.Account) *guichet {
	t.Helper()
	dev, err := store.GetFirstDevice(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g := &guichet{s.Attach(whatsmeow.NewClient(dev, nil)), make(chan *events.Message, 4096), make(chan any, 4096)}
	g.AddEventHandler(func(e any) {
		if m, ok := e.(*events.Message); ok {
			g.msgs <- m
			return
		}
		select {
		case g.evts <- e:
		default:
		}
	})
	t.Cleanup(g.Disconnect)
	var qr <-chan whatsmeow.QRChannelItem
	if dev.ID == nil {
		if qr, err = g.GetQRChannel(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Connect(); err != nil {
		t.Fatal(err)
	}
	if qr != nil {
		for item := range qr {
			if item.Event == whatsmeow.QRChannelEventCode {
				if err := acc.Scan(item.Code); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	wait[*events.Connected](t, g)
	return g
}

func (g *guichet) read(t testing.TB) *events.Message {
	t.Helper()
	select {
	case m := <-g.msgs:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("no message came")
		return nil
	}
}

func (g *guichet) say(t testing.TB, to types.JID, text string) {
	t.Helper()
	if _, err := g.SendMessage(t.Context(), to, &waE2E.Message{Conversation: &text}); err != nil {
		t.Fatal(err)
	}
}

func wait[E any](t testing.TB, g *guichet) E {
	t.Helper()
	for timeout := time.After(10 * time.Minute); ; { // of a bubble's time; a test that hangs is ended by go test
		select {
		case e := <-g.evts:
			if found, ok := e.(E); ok {
				return found
			}
		case <-timeout:
			var none E
			t.Fatalf("no %T came", none)
		}
	}
}

// world is a server, an account with a paired client, and a person.
func world(t testing.TB) (s *whatsapptest.Server, office *whatsapptest.Account, g *guichet, awa *whatsapptest.Person) {
	s = whatsapptest.New(t)
	office, awa = people(s)
	return s, office, connect(t, s, s.NewStore(), office), awa
}

func people(s *whatsapptest.Server) (*whatsapptest.Account, *whatsapptest.Person) {
	return s.Account("212528000001", "90000000000001", "BAOM"), s.Person("33600000002", "90000000000002", "Awa")
}

// TestBothWays sends words to and fro in each way to address, and shows by what names each knows the other.
func TestBothWays(t *testing.T) {
	for _, c := range []struct {
		name string
		mode whatsapptest.Addressing
		chat string // as the office sees it
		alt  string
	}{
		{"by number", whatsapptest.ByPN, "33600000002@s.whatsapp.net", "90000000000002@lid"},
		{"by LID", whatsapptest.ByLID, "90000000000002@lid", "33600000002@s.whatsapp.net"},
		{"LID alone", whatsapptest.OnlyLID, "90000000000002@lid", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, office, g, awa := world(t)
			s.SetAddressing(c.mode)
			for i, text := range []string{"bonjour", "encore", "une dernière"} { // the keys turn in both directions
				awa.Say(office, text)
				m := g.read(t)
				alt := m.Info.SenderAlt.ToNonAD().String()
				if whatsapptest.Text(m) != text || m.Info.Chat.String() != c.chat || alt != c.alt && i == 0 {
					t.Fatalf("came %q from %s, also %s", whatsapptest.Text(m), m.Info.Chat, alt)
				}
				g.say(t, m.Info.Chat, "re "+text)
				if got := whatsapptest.Text(awa.Read()); got != "re "+text {
					t.Fatalf("answered %q", got)
				}
			}
			if s.Copies() == 0 {
				t.Error("the office's telephone got no copies of the answers")
			}
		})
	}
}

// TestTrustIsReal: a client that trusts another root does not connect.
func TestTrustIsReal(t *testing.T) {
	s := whatsapptest.New(t)
	good := whatsmeow.WACertPubKey
	whatsmeow.WACertPubKey[0] ^= 1
	defer func() { whatsmeow.WACertPubKey = good }()
	if err := s.Attach(whatsmeow.NewClient(s.NewStore().NewDevice(), nil)).Connect(); err == nil {
		t.Error("connected")
	}
}

func TestPairingByCode(t *testing.T) {
	s := whatsapptest.New(t)
	office := s.Account("212528000001", "90000000000001", "BAOM")
	g := &guichet{Client: s.Attach(whatsmeow.NewClient(s.NewStore().NewDevice(), nil)), evts: make(chan any, 100)}
	g.AddEventHandler(func(e any) { g.evts <- e })
	t.Cleanup(g.Disconnect)
	if err := g.Connect(); err != nil {
		t.Fatal(err)
	}
	wait[*events.QR](t, g)
	code, err := g.PairPhone(t.Context(), "+212 528 00 00 01", true, whatsmeow.PairClientChrome, "Chrome (Linux)")
	if err != nil {
		t.Fatal(err)
	}
	if err := office.Enter(code); err != nil {
		t.Fatal(err)
	}
	wait[*events.PairSuccess](t, g)
	wait[*events.Connected](t, g)
	if !g.IsLoggedIn() || g.Store.GetJID() != office.Device(1) {
		t.Errorf("logged in as %s", g.Store.GetJID())
	}
}

func TestFilesBothWays(t *testing.T) {
	s, office, g, awa := world(t)
	ogg := bytes.Repeat([]byte("OggS-opus-"), 5000)
	awa.Voice(office, ogg)
	m := g.read(t)
	if m.Info.MediaType != "ptt" {
		t.Errorf("a voice note came as %q", m.Info.MediaType)
	}
	if got, err := g.Download(t.Context(), m.Message.GetAudioMessage()); err != nil || !bytes.Equal(got, ogg) {
		t.Fatalf("downloaded %d bytes: %v", len(got), err)
	}
	s.LoseFiles(true)
	if _, err := g.Download(t.Context(), m.Message.GetAudioMessage()); !errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith410) {
		t.Fatalf("a lost file: %v", err)
	}
	if err := g.SendMediaRetryReceipt(t.Context(), &m.Info, m.Message.GetAudioMessage().GetMediaKey()); err != nil {
		t.Fatal(err)
	}
	again, err := whatsmeow.DecryptMediaRetryNotification(wait[*events.MediaRetry](t, g), m.Message.GetAudioMessage().GetMediaKey())
	if err != nil {
		t.Fatal(err)
	}
	m.Message.AudioMessage.DirectPath = again.DirectPath
	if got, err := g.Download(t.Context(), m.Message.GetAudioMessage()); err != nil || !bytes.Equal(got, ogg) {
		t.Fatalf("put up again: %d bytes, %v", len(got), err)
	}
}

func TestReceiptsTypingQuotesPolls(t *testing.T) {
	for _, mode := range []whatsapptest.Addressing{whatsapptest.ByPN, whatsapptest.ByLID} {
		s, office, g, awa := world(t)
		s.SetAddressing(mode)
		awa.Online()
		id := awa.Say(office, "bonjour")
		m := g.read(t)
		if err := g.MarkRead(t.Context(), []types.MessageID{m.Info.ID}, time.Now(), m.Info.Chat, m.Info.Sender); err != nil {
			t.Fatal(err)
		}
		for r := whatsapptest.Event[*events.Receipt](awa); r.Type != types.ReceiptTypeRead; r = whatsapptest.Event[*events.Receipt](awa) {
			if r.MessageIDs[0] != id {
				t.Fatalf("a receipt for %v", r.MessageIDs)
			}
		}
		if err := g.SendChatPresence(t.Context(), m.Info.Chat, types.ChatPresenceComposing, types.ChatPresenceMediaText); err != nil {
			t.Fatal(err)
		}
		whatsapptest.Event[*events.ChatPresence](awa)
		if _, err := g.SendMessage(t.Context(), m.Info.Chat, g.BuildPollCreation("Où ?", []string{"Agadir", "Tiznit"}, 1)); err != nil {
			t.Fatal(err)
		}
		poll := awa.Read()
		vote, err := awa.Client.BuildPollVote(t.Context(), &poll.Info, []string{"Tiznit"})
		if err != nil {
			t.Fatal(err)
		}
		awa.Send(office, vote)
		got, err := g.DecryptPollVote(t.Context(), g.read(t))
		if err != nil || !bytes.Equal(got.GetSelectedOptions()[0], whatsmeow.HashPollOptions([]string{"Tiznit"})[0]) {
			t.Fatalf("the vote is %v: %v", got, err)
		}
		awa.Reply(office, "celui-ci", poll)
		if q := g.read(t).Message.GetExtendedTextMessage().GetContextInfo(); q.GetStanzaID() != poll.Info.ID {
			t.Errorf("a reply quotes %q", q.GetStanzaID())
		}
	}
}

// TestCorrupted: a message that cannot be decrypted is asked for again, and comes.
func TestCorrupted(t *testing.T) {
	s, office, g, awa := world(t)
	awa.Say(office, "un")
	g.read(t)
	var done atomic.Bool
	s.OnDeliver(func(to types.JID, n *whatsapptest.Node) bool {
		if to.Device == 1 && done.CompareAndSwap(false, true) {
			whatsapptest.Corrupt(n)
		}
		return true
	})
	awa.Say(office, "deux")
	wait[*events.UndecryptableMessage](t, g)
	if m := g.read(t); whatsapptest.Text(m) != "deux" || m.RetryCount == 0 {
		t.Errorf("came %q after %d retries", whatsapptest.Text(m), m.RetryCount)
	}
}

// TestAway: what is sent while a client is away waits, in order.
func TestAway(t *testing.T) {
	s := whatsapptest.New(t)
	office, awa := people(s)
	store := s.NewStore()
	g := connect(t, s, store, office)
	g.Disconnect()
	s.Until("it is away", func() bool { return !s.Online(office.Device(1)) })
	for _, text := range []string{"un", "deux", "trois"} {
		awa.Say(office, text)
	}
	g = connect(t, s, store, office)
	for _, text := range []string{"un", "deux", "trois"} {
		if got := whatsapptest.Text(g.read(t)); got != text {
			t.Fatalf("came %q before %q", got, text)
		}
	}
	s.Drop(office.Device(1))
	wait[*events.Disconnected](t, g)
	awa.Say(office, "après la coupure")
	if got := whatsapptest.Text(g.read(t)); got != "après la coupure" {
		t.Fatalf("came %q", got)
	}
}

func TestRefusals(t *testing.T) {
	s, office, g, awa := world(t)
	office.Restrict()
	_, err := g.SendMessage(t.Context(), awa.PN, &waE2E.Message{Conversation: proto.String("bonjour, ici le bureau")})
	if !errors.Is(err, whatsmeow.ErrServerReturnedError) || !strings.HasSuffix(err.Error(), "463") {
		t.Errorf("writing first: %v", err)
	}
	awa.Say(office, "bonjour")
	chat := g.read(t).Info.Chat
	s.Until("the token has come", func() bool { // just after the message
		_, err := g.SendMessage(t.Context(), chat, &waE2E.Message{Conversation: proto.String("bonjour Awa")})
		return err == nil
	})
	s.FailSends(479)
	if _, err := g.SendMessage(t.Context(), chat, &waE2E.Message{Conversation: proto.String("x")}); err == nil {
		t.Error("a message that was refused went through")
	}
	if _, err := g.SendMessage(t.Context(), types.NewJID("33123456789", types.DefaultUserServer), &waE2E.Message{}); err == nil {
		t.Error("a message to nobody went through")
	}
	s.Unlink(office.Device(1))
	if e := wait[*events.LoggedOut](t, g); e.OnConnect {
		t.Error("logged out on connecting")
	}
	awa.Say(office, "allô ?") // the telephone is left
}

// TestRestart: after a restart the first message to a linked device is read at once. Versions of whatsmeow before July
// 2026 encrypted it for the wrong device.
func TestRestart(t *testing.T) {
	s := whatsapptest.New(t)
	office, awa := people(s)
	store := s.NewStore()
	g := connect(t, s, store, office)
	awa.Say(office, "un")
	chat := g.read(t).Info.Chat
	g.Disconnect()
	var retries atomic.Int64
	s.OnStanza(func(_ types.JID, n *whatsapptest.Node) bool {
		if n.Tag == "receipt" && n.Attrs["type"] == "retry" {
			retries.Add(1)
		}
		return true
	})
	g = connect(t, s, store, office)
	g.say(t, chat, "deux")
	if got := whatsapptest.Text(awa.Read()); got != "deux" || retries.Load() != 0 {
		t.Errorf("came %q after %d requests to send it again", got, retries.Load())
	}
}

// TestBubble runs a day in a bubble of false time: the keepalive holds, its loss is noticed, and what is said after it
// arrives.
func TestBubble(t *testing.T) {
	whatsapptest.Trust()
	synctest.Test(t, func(t *testing.T) {
		s := whatsapptest.NewOn(t, whatsapptest.NewPipe())
		office, awa := people(s)
		g := connect(t, s, s.NewStore(), office)
		var pings atomic.Int64
		s.OnStanza(func(_ types.JID, n *whatsapptest.Node) bool {
			if n.Attrs["xmlns"] == "w:p" {
				pings.Add(1)
			}
			return true
		})
		awa.Say(office, "rappelez-moi demain")
		chat := g.read(t).Info.Chat
		time.Sleep(24 * time.Hour)
		g.say(t, chat, "nous y sommes")
		awa.Read()
		if pings.Load() < 1000 {
			t.Errorf("%d pings in a day", pings.Load())
		}
		s.OnStanza(func(_ types.JID, n *whatsapptest.Node) bool { return n.Attrs["xmlns"] != "w:p" })
		wait[*events.KeepAliveTimeout](t, g)
		s.OnStanza(nil)
		wait[*events.KeepAliveRestored](t, g)
		awa.Say(office, "merci")
		g.read(t)
		g.Disconnect()
		awa.Client.Disconnect()
		s.Close()
		time.Sleep(time.Minute)
	})
}

// TestUnknownStanza: what the server does not know fails the test.
func TestUnknownStanza(t *testing.T) {
	caught := &catcher{TB: t}
	s := whatsapptest.New(caught)
	office := s.Account("212528000001", "90000000000001", "BAOM")
	g := connect(t, s, s.NewStore(), office)
	//lint:ignore SA1019 nothing else sends a stanza of one's own
	g.DangerousInternals().SendNode(context.Background(), whatsapptest.Node{Tag: "newfangled"})
	s.Until("it is seen", s.Confused)
	caught.end()
	if !caught.failed {
		t.Error("an unknown stanza fails no test")
	}
}

// A catcher is a test whose failing is looked at.
type catcher struct {
	testing.TB
	failed bool
	ends   []func()
}

func (c *catcher) Errorf(string, ...any) { c.failed = true }
func (c *catcher) Cleanup(f func())      { c.ends = append(c.ends, f) }
func (c *catcher) end() {
	for i := len(c.ends) - 1; i >= 0; i-- {
		c.ends[i]()
	}
}
