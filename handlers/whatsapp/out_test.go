package whatsapp_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/handlers/whatsapp"
	"baom/handlers/whatsapp/whatsapptest"
)

// TestNeverFirst: nobody is written to who has not written to this number since it was paired; who has is, after a restart
// too, under either name.
func TestNeverFirst(t *testing.T) {
	s := whatsapptest.New(t)
	office := s.Account("212528000001", "90000000000001", "BAOM")
	c := config(s)
	a := open(t, s, office, c, &record{})
	awa := s.Person("33600000002", "90000000000002", "Awa")
	said := (*bot.SendError)(nil)
	if _, err := a.Send(t.Context(), bot.Message{ID: 1, Peer: awaPeer, Text: "bonjour, ici le bureau"}); !errors.As(err, &said) || !said.Permanent || !strings.Contains(said.Why, "pas encore écrit") {
		t.Errorf("writing first: %v", err)
	}
	awa.Say(office, "bonjour")
	a.record.wait(s, 1)
	a.stop()
	a = open(t, s, office, c, &record{})
	for i, id := range []string{"33600000002", "90000000000002@lid"} {
		if _, err := a.Send(t.Context(), bot.Message{ID: int64(i + 2), Peer: bot.Peer{Channel: bot.WhatsApp, ID: id}, Text: "bonjour " + id}); err != nil {
			t.Error(err)
		}
		awa.Expect("bonjour " + id)
	}
	for _, id := range []string{"", "Awa", "1@g.us", "@lid"} {
		if _, err := a.Send(t.Context(), bot.Message{ID: 9, Peer: bot.Peer{Channel: bot.WhatsApp, ID: id}, Text: "x"}); !errors.As(err, &said) || !said.Permanent {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// TestRefused shows what is done about each code with which WhatsApp refuses a message, and that they are counted.
func TestRefused(t *testing.T) {
	a, awa := town(t)
	awa.Say(a.office, "bonjour")
	a.record.wait(a.s, 1)
	for _, c := range []struct {
		code      int
		permanent bool
		after     time.Duration
	}{
		{405, true, 0}, {479, true, 0}, {404, true, 0}, {463, false, 10 * time.Second}, {429, false, 5 * time.Minute}, {500, false, 0},
	} {
		a.s.FailSends(c.code)
		said := (*bot.SendError)(nil)
		_, err := a.Send(t.Context(), bot.Message{ID: int64(c.code), Peer: awaPeer, Text: "x"})
		if !errors.As(err, &said) || said.Permanent != c.permanent || said.After != c.after || said.Why == "" || strings.Contains(err.Error(), "33600000002") {
			t.Errorf("%d: %v", c.code, err)
		}
		if n := a.Link(t.Context()).Errors[c.code]; n != 1 {
			t.Errorf("%d was counted %d times", c.code, n)
		}
	}
	if len(awa.Seen()) != 0 {
		t.Error("a message that was refused arrived")
	}
}

// TestSameID: a message whose answer was lost is sent again with the same ids; another one has others, and so has the same
// row after another pairing.
func TestSameID(t *testing.T) {
	whatsapptest.Trust()
	synctest.Test(t, func(t *testing.T) {
		s := whatsapptest.NewOn(t, whatsapptest.NewPipe())
		office := s.Account("212528000001", "90000000000001", "BAOM")
		conf := config(s)
		conf.Linger = time.Minute
		a := open(t, s, office, conf, &record{})
		awa := s.Person("33600000002", "90000000000002", "Awa")
		awa.Say(office, "bonjour")
		a.record.wait(s, 1)
		s.OnAck(func(j types.JID, _ *whatsapptest.Node) bool { return j.Device != 1 })
		said := (*bot.SendError)(nil)
		if _, err := a.Send(t.Context(), bot.Message{ID: 1, Peer: awaPeer, Text: "un"}); !errors.As(err, &said) || said.Permanent {
			t.Errorf("a lost answer: %v", err)
		}
		s.OnAck(nil)
		for row := int64(1); row <= 2; row++ {
			if _, err := a.Send(t.Context(), bot.Message{ID: row, Peer: awaPeer, Text: "un"}); err != nil {
				t.Error(err)
			}
		}
		first, again, other := awa.Read().Info.ID, awa.Read().Info.ID, awa.Read().Info.ID
		if first != again || first == other || !strings.HasPrefix(first, "3EB0") {
			t.Errorf("the ids are %s, %s, %s", first, again, other)
		}
		if err := a.Unpair(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.stop()
		b := open(t, s, office, conf, &record{})
		awa.Say(office, "bonjour")
		b.record.wait(s, 1)
		if _, err := b.Send(t.Context(), bot.Message{ID: 1, Peer: awaPeer, Text: "un"}); err != nil {
			t.Error(err)
		}
		if id := awa.Read().Info.ID; id == first {
			t.Error("another pairing gives the same id")
		}
		b.stop()
		awa.Client.Disconnect()
		s.Close()
		time.Sleep(10 * time.Minute)
	})
}

// TestWhatIsSent shows messages as a telephone gets them.
func TestWhatIsSent(t *testing.T) {
	a, awa := town(t)
	awa.Say(a.office, "bonjour")
	a.record.wait(a.s, 1)
	row := int64(0)
	send := func(m bot.Message) {
		t.Helper()
		row++
		m.ID, m.Peer = row, awaPeer
		if _, err := a.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	send(bot.Message{Text: "**Bonjour** *Awa*", Officer: "Fatima Z."})
	if got := whatsapptest.Text(awa.Read()); got != "*Fatima :*\n*Bonjour* _Awa_" {
		t.Errorf("words come as %q", got)
	}
	long := strings.Repeat("Un paragraphe qui dit quelque chose d'utile. ", 30)
	send(bot.Message{Text: long + "\n\n" + long, Choices: []content.Option{{ID: "a", Label: "Un"}, {ID: "b", Label: "Deux"}}})
	if one, two := whatsapptest.Text(awa.Read()), whatsapptest.Text(awa.Read()); one != strings.TrimSpace(long) || two != strings.TrimSpace(long)+"\n\n1. Un\n2. Deux" {
		t.Errorf("a long text comes as %q and %q", one, two)
	}
	var many []content.Option
	for i := range 17 {
		many = append(many, content.Option{ID: fmt.Sprint(i), Label: fmt.Sprintf("Commune %d", i+1)})
	}
	send(bot.Message{Text: "Où ?", Choices: many})
	if got := whatsapptest.Text(awa.Read()); !strings.Contains(got, "9. Commune 9\n\n10. Commune 10\n") || !strings.HasSuffix(got, "17. Commune 17") {
		t.Errorf("a long menu comes as %q", got)
	}
	for _, c := range []struct {
		media *bot.Media
		check func(m *waE2E.Message) bool
	}{
		{&bot.Media{Kind: flows.Voice, Mime: "audio/ogg", Seconds: 4, Data: []byte("OggS")}, func(m *waE2E.Message) bool {
			return m.GetAudioMessage().GetPTT() && m.GetAudioMessage().GetSeconds() == 4 && m.GetAudioMessage().GetMimetype() == "audio/ogg; codecs=opus"
		}},
		{&bot.Media{Kind: flows.Voice, Mime: "audio/webm", Data: []byte("webm")}, func(m *waE2E.Message) bool { return m.GetDocumentMessage().GetFileName() == "message.webm" }},
		{&bot.Media{Kind: flows.Image, Mime: "image/png", Data: []byte("png")}, func(m *waE2E.Message) bool { return m.GetImageMessage().GetCaption() == "*Fatima :*\nvoici" }},
		{&bot.Media{Kind: flows.Document, Mime: "application/pdf", Name: "liste é.pdf", Data: []byte("%PDF")}, func(m *waE2E.Message) bool {
			return m.GetDocumentMessage().GetFileName() == "liste é.pdf" && m.GetDocumentMessage().GetCaption() == "*Fatima :*\nvoici"
		}},
		{&bot.Media{Kind: flows.Video, Mime: "video/mp4", Data: []byte("mp4")}, func(m *waE2E.Message) bool { return m.GetVideoMessage().GetCaption() != "" }},
	} {
		send(bot.Message{Text: "voici", Officer: "Fatima", Media: c.media})
		m := awa.Read()
		if !c.check(m.Message) {
			t.Errorf("%s comes as %v", c.media.Mime, m.Message)
		}
		if data, err := awa.Download(m); err != nil || !bytes.Equal(data, c.media.Data) {
			t.Errorf("%s is %q: %v", c.media.Mime, data, err)
		}
		if m.Message.GetAudioMessage() != nil && whatsapptest.Text(awa.Read()) != "*Fatima :*\nvoici" {
			t.Error("the words do not follow a voice note")
		}
	}
	awa.Send(a.office, &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: proto.String("à effacer"), ContextInfo: &waE2E.ContextInfo{Expiration: proto.Uint32(86400)}}})
	a.record.wait(a.s, 2)
	a.s.Until("it is known that messages disappear", func() bool {
		send(bot.Message{Text: "oui"})
		return awa.Read().Message.GetExtendedTextMessage().GetContextInfo().GetExpiration() == 86400
	})
	said := (*bot.SendError)(nil)
	if _, err := a.Send(t.Context(), bot.Message{ID: 99, Peer: awaPeer}); !errors.As(err, &said) || !said.Permanent {
		t.Errorf("nothing to send: %v", err)
	}
}

// TestReadAndTyping: what a person wrote is marked as read when an answer leaves, not before; typing shows while it takes a
// while.
func TestReadAndTyping(t *testing.T) {
	a, awa := town(t)
	awa.Online()
	id := awa.Say(a.office, "bonjour")
	a.record.wait(a.s, 1)
	if e := whatsapptest.Event[*events.ChatPresence](awa); e.State != types.ChatPresenceComposing {
		t.Errorf("it is %s", e.State)
	}
	if _, err := a.Send(t.Context(), bot.Message{ID: 1, Peer: awaPeer, Text: "oui ?"}); err != nil {
		t.Fatal(err)
	}
	answered := awa.Read().Info.Timestamp
	for {
		r := whatsapptest.Event[*events.Receipt](awa)
		if r.MessageIDs[0] == id && r.Type == types.ReceiptTypeRead {
			if r.Timestamp.Before(answered.Add(-time.Second)) {
				t.Error("it was marked as read before the answer")
			}
			break
		}
	}
}

// TestPace: in a bubble of false time messages leave as a person would send them, and those that would wait too long are put
// back.
func TestPace(t *testing.T) {
	whatsapptest.Trust()
	synctest.Test(t, func(t *testing.T) {
		s := whatsapptest.NewOn(t, whatsapptest.NewPipe())
		office := s.Account("212528000001", "90000000000001", "BAOM")
		conf := config(s)
		conf.Linger, conf.Pause, conf.PerMinute = time.Minute, 4*time.Second, 12
		a := open(t, s, office, conf, &record{})
		awa := s.Person("33600000002", "90000000000002", "Awa")
		awa.Say(office, "bonjour")
		a.record.wait(s, 1)
		began := time.Now()
		for row := range int64(2) {
			if _, err := a.Send(t.Context(), bot.Message{ID: row, Peer: awaPeer, Text: "x"}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 6*time.Second || took > 11*time.Second {
			t.Errorf("two messages with a pause of 4 s before each took %v", took)
		}
		said, put := (*bot.SendError)(nil), 0
		for row := int64(10); row < 40; row++ {
			if _, err := a.Send(t.Context(), bot.Message{ID: row, Peer: bot.Peer{Channel: bot.WhatsApp, ID: "33600000002"}, Text: "y"}); errors.As(err, &said) {
				put++
			}
		}
		if rate := time.Since(began) / 32; rate < 4*time.Second {
			t.Errorf("a message every %v", rate)
		}
		a.stop()
		awa.Client.Disconnect()
		s.Close()
		time.Sleep(10 * time.Minute)
	})
}

// TestPolls: where they are wanted a poll stands beside the numbers, and a vote is the choice.
func TestPolls(t *testing.T) {
	s := whatsapptest.New(t)
	office := s.Account("212528000001", "90000000000001", "BAOM")
	c := config(s)
	c.Polls = true
	a := open(t, s, office, c, &record{})
	awa := s.Person("33600000002", "90000000000002", "Awa")
	for i, mode := range []whatsapptest.Addressing{whatsapptest.ByPN, whatsapptest.ByLID} {
		s.SetAddressing(mode)
		awa.Say(office, "bonjour")
		a.record.wait(s, 1)
		if _, err := a.Send(t.Context(), bot.Message{ID: int64(i), Peer: awaPeer, Text: "Où ?", Choices: []content.Option{{ID: "a", Label: "Agadir"}, {ID: "b", Label: "Tiznit"}}}); err != nil {
			t.Fatal(err)
		}
		awa.Expect("2. Tiznit")
		poll := awa.Read()
		vote, err := awa.Client.BuildPollVote(t.Context(), &poll.Info, []string{"Tiznit"})
		if err != nil {
			t.Fatal(err)
		}
		awa.Send(office, vote)
		s.Until("the vote is filed", func() bool { return strings.HasSuffix(a.record.words(), "Tiznit") })
		a.record.mu.Lock()
		a.record.entries = nil
		a.record.mu.Unlock()
	}
}

func TestConfig(t *testing.T) {
	if _, err := whatsapp.New(whatsapp.Config{}); err == nil {
		t.Error("a channel without a database was made")
	}
}

// TestCard: a place and a number go out as WhatsApp's own, before the words.
func TestCard(t *testing.T) {
	a, awa := town(t)
	awa.Say(a.office, "bonjour")
	a.record.wait(a.s, 1)
	card := &flows.Card{Name: "BAOM; Agadir", Address: "Commune", Lat: 30.42, Lon: -9.6, Phone: "+212537263663"}
	if _, err := a.Send(t.Context(), bot.Message{ID: 1, Peer: awaPeer, Text: "Voici le bureau.", Card: card}); err != nil {
		t.Fatal(err)
	}
	place, contact, words := awa.Read().Message, awa.Read().Message, awa.Read().Message
	if l := place.GetLocationMessage(); l.GetDegreesLatitude() != 30.42 || l.GetName() != "BAOM; Agadir" || l.GetAddress() != "Commune" {
		t.Errorf("the place: %v", place)
	}
	if c := contact.GetContactMessage(); c.GetDisplayName() != "BAOM; Agadir" || !strings.Contains(c.GetVcard(), `FN:BAOM\; Agadir`) || !strings.Contains(c.GetVcard(), ":+212537263663") {
		t.Errorf("the contact: %v", contact)
	}
	if words.GetConversation() != "Voici le bureau." {
		t.Errorf("the words: %v", words)
	}
}

// TestReceipts: what the person's telephone tells of a message is told on: that it is there, and that it was read.
func TestReceipts(t *testing.T) {
	s := whatsapptest.New(t)
	office := s.Account("212528000001", "90000000000001", "BAOM")
	c := config(s)
	told := make(chan bot.Receipt, 100)
	c.Reached = func(r bot.Receipt) { told <- r }
	a := open(t, s, office, c, &record{})
	awa := s.Person("33600000002", "90000000000002", "Awa")
	awa.Say(a.office, "bonjour")
	a.record.wait(a.s, 1)
	if _, err := a.Send(t.Context(), bot.Message{ID: 7, Peer: awaPeer, Text: "oui ?"}); err != nil {
		t.Fatal(err)
	}
	m := awa.Read()
	if err := awa.Client.MarkRead(t.Context(), []types.MessageID{m.Info.ID}, time.Now(), m.Info.Chat, m.Info.Sender); err != nil {
		t.Fatal(err)
	}
	for read := false; !read; {
		select {
		case r := <-told:
			if r.Peer != awaPeer || !r.Is(7) || r.Is(8) {
				t.Fatalf("told of %+v", r)
			}
			read = r.Read
		case <-time.After(s.Patience):
			t.Fatal("nothing is told")
		}
	}
}
