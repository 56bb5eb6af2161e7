package whatsapptest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waCommon"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
	_ "modernc.org/sqlite" // what a telephone keeps
)

// A Person is an account with a telephone that somebody reads: a client of whatsmeow on device 0.
type Person struct {
	*Account
	Client *whatsmeow.Client

	mu   sync.Mutex
	seen []*events.Message // all that came, oldest first
	read int               // how many of them were read
	evts []any             // everything else that came
}

// NewDB is an empty database in memory, of SQLite, in which a telephone or a program keeps its keys. It ends with the test.
func (s *Server) NewDB() *sql.DB {
	s.t.Helper()
	db, err := sql.Open("sqlite", "file:"+randHex(8)+"?mode=memory&cache=shared&_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)")
	if err != nil {
		s.t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	s.t.Cleanup(func() { db.Close() })
	return db
}

// NewStore is an empty store of whatsmeow's.
func (s *Server) NewStore() *sqlstore.Container {
	s.t.Helper()
	c := sqlstore.NewWithDB(s.NewDB(), "sqlite3", nil)
	if err := c.Upgrade(context.Background()); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// Person is somebody new with a telephone that is online.
func (s *Server) Person(phone, lid, name string) *Person {
	s.t.Helper()
	return s.PersonOf(s.Account(phone, lid, name))
}

// PersonOf gives an account a telephone that somebody reads, and puts it online.
func (s *Server) PersonOf(a *Account) *Person {
	s.t.Helper()
	dev, err := a.provision(context.Background(), s.NewStore())
	if err != nil {
		s.t.Fatal(err)
	}
	p := &Person{Account: a, Client: s.Attach(whatsmeow.NewClient(dev, nil))}
	p.Client.AddEventHandler(p.take)
	s.t.Cleanup(p.Client.Disconnect)
	if err := p.Client.Connect(); err != nil {
		s.t.Fatal(err)
	}
	s.Until("a telephone is online", func() bool { return s.Online(a.Device(0)) })
	return p
}

func (p *Person) take(e any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m, ok := e.(*events.Message); ok {
		p.seen = append(p.seen, m)
		return
	}
	p.evts = append(p.evts, e)
}

// Send sends a message of any kind to an account's phone number, and returns its id.
func (p *Person) Send(to *Account, m *waE2E.Message) string {
	p.srv.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), p.srv.Patience)
	defer cancel()
	r, err := p.Client.SendMessage(ctx, to.PN, m)
	if err != nil {
		p.srv.t.Fatalf("somebody cannot send: %v", err)
	}
	return r.ID
}

// Say sends words.
func (p *Person) Say(to *Account, text string) string {
	p.srv.t.Helper()
	return p.Send(to, &waE2E.Message{Conversation: &text})
}

// File sends a file of a kind, with the message that make builds around what WhatsApp says of it, and returns its id.
func (p *Person) File(to *Account, data []byte, kind whatsmeow.MediaType, build func(whatsmeow.UploadResponse) *waE2E.Message) string {
	p.srv.t.Helper()
	up, err := p.Client.Upload(context.Background(), data, kind)
	if err != nil {
		p.srv.t.Fatalf("somebody cannot upload: %v", err)
	}
	id := p.Client.GenerateMessageID()
	token, _, _ := strings.Cut(strings.TrimPrefix(up.DirectPath, "/v/"), "?")
	p.srv.mu.Lock()
	p.srv.files[id] = file{key: up.MediaKey, token: token}
	p.srv.mu.Unlock()
	if _, err := p.Client.SendMessage(context.Background(), to.PN, build(up), whatsmeow.SendRequestExtra{ID: id}); err != nil {
		p.srv.t.Fatalf("somebody cannot send a file: %v", err)
	}
	return id
}

// Voice sends a voice note.
func (p *Person) Voice(to *Account, ogg []byte) string {
	p.srv.t.Helper()
	return p.File(to, ogg, whatsmeow.MediaAudio, func(up whatsmeow.UploadResponse) *waE2E.Message {
		return &waE2E.Message{AudioMessage: &waE2E.AudioMessage{URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256,
			FileSHA256: up.FileSHA256, FileLength: &up.FileLength, Mimetype: proto.String("audio/ogg; codecs=opus"), PTT: proto.Bool(true), Seconds: proto.Uint32(3)}}
	})
}

// Image sends a photo with a caption.
func (p *Person) Image(to *Account, jpeg []byte, caption string) string {
	p.srv.t.Helper()
	return p.File(to, jpeg, whatsmeow.MediaImage, func(up whatsmeow.UploadResponse) *waE2E.Message {
		return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256,
			FileSHA256: up.FileSHA256, FileLength: &up.FileLength, Mimetype: proto.String("image/jpeg"), Caption: &caption}}
	})
}

// Document sends a document with a name.
func (p *Person) Document(to *Account, data []byte, mime, name string) string {
	p.srv.t.Helper()
	return p.File(to, data, whatsmeow.MediaDocument, func(up whatsmeow.UploadResponse) *waE2E.Message {
		return &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256,
			FileSHA256: up.FileSHA256, FileLength: &up.FileLength, Mimetype: &mime, FileName: &name}}
	})
}

// Reply sends words that answer a message.
func (p *Person) Reply(to *Account, text string, m *events.Message) string {
	p.srv.t.Helper()
	return p.Send(to, &waE2E.Message{ExtendedTextMessage: &waE2E.ExtendedTextMessage{Text: &text, ContextInfo: &waE2E.ContextInfo{
		StanzaID: &m.Info.ID, Participant: proto.String(m.Info.Sender.ToNonAD().String()), QuotedMessage: m.Message}}})
}

// React puts an emoji under a message; an empty one takes it away.
func (p *Person) React(to *Account, m *events.Message, emoji string) string {
	p.srv.t.Helper()
	return p.Send(to, p.Client.BuildReaction(m.Info.Chat, m.Info.Sender, m.Info.ID, emoji))
}

// Edit changes the words of a message of one's own.
func (p *Person) Edit(to *Account, id, text string) string {
	p.srv.t.Helper()
	return p.Send(to, p.Client.BuildEdit(to.PN, id, &waE2E.Message{Conversation: &text}))
}

// Delete takes back a message of one's own, for everybody.
func (p *Person) Delete(to *Account, id string) string {
	p.srv.t.Helper()
	return p.Send(to, &waE2E.Message{ProtocolMessage: &waE2E.ProtocolMessage{Type: waE2E.ProtocolMessage_REVOKE.Enum(),
		Key: &waCommon.MessageKey{FromMe: proto.Bool(true), ID: &id, RemoteJID: proto.String(to.PN.String())}}})
}

// Text is what a message says: its words, or its caption.
func Text(m *events.Message) string {
	switch x := m.Message; {
	case x.GetConversation() != "":
		return x.GetConversation()
	case x.GetExtendedTextMessage() != nil:
		return x.GetExtendedTextMessage().GetText()
	case x.GetImageMessage() != nil:
		return x.GetImageMessage().GetCaption()
	case x.GetDocumentMessage() != nil:
		return x.GetDocumentMessage().GetCaption()
	case x.GetPollCreationMessage() != nil:
		return x.GetPollCreationMessage().GetName()
	case x.GetPollCreationMessageV3() != nil:
		return x.GetPollCreationMessageV3().GetName()
	}
	return ""
}

// Download fetches the file of a message.
func (p *Person) Download(m *events.Message) ([]byte, error) {
	var file whatsmeow.DownloadableMessage
	switch x := m.Message; {
	case x.GetAudioMessage() != nil:
		file = x.GetAudioMessage()
	case x.GetImageMessage() != nil:
		file = x.GetImageMessage()
	case x.GetVideoMessage() != nil:
		file = x.GetVideoMessage()
	case x.GetDocumentMessage() != nil:
		file = x.GetDocumentMessage()
	default:
		return nil, errors.New("the message has no file")
	}
	return p.Client.Download(context.Background(), file)
}

// Next reads the first message that was not read yet; nil if there is none.
func (p *Person) Next() *events.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.read == len(p.seen) {
		return nil
	}
	p.read++
	return p.seen[p.read-1]
}

// Read waits for the next message and reads it.
func (p *Person) Read() (m *events.Message) {
	p.srv.t.Helper()
	p.srv.Until("a message comes", func() bool {
		m = p.Next()
		return m != nil
	})
	return m
}

// Expect reads on until a message has the words in it.
func (p *Person) Expect(words string) *events.Message {
	p.srv.t.Helper()
	var passed []string
	for deadline := time.Now().Add(p.srv.Patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		for m := p.Next(); m != nil; m = p.Next() {
			if strings.Contains(Text(m), words) {
				return m
			}
			passed = append(passed, Text(m))
		}
	}
	p.srv.t.Fatalf("waited in vain for %q; there came:\n%s", words, strings.Join(passed, "\n--\n"))
	return nil
}

// Seen are all messages that came, oldest first.
func (p *Person) Seen() []*events.Message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*events.Message{}, p.seen...)
}

// Online makes the person look at the telephone: others' typing is shown only then.
func (p *Person) Online() {
	p.srv.t.Helper()
	if err := p.Client.SendPresence(context.Background(), types.PresenceAvailable); err != nil {
		p.srv.t.Fatal(err)
	}
}

// Event waits for an event of a type other than a message, and takes it.
func Event[E any](p *Person) (e E) {
	p.srv.t.Helper()
	p.srv.Until(fmt.Sprintf("a %T comes", e), func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, any := range p.evts {
			if found, ok := any.(E); ok {
				e, p.evts = found, append(p.evts[:i:i], p.evts[i+1:]...)
				return true
			}
		}
		return false
	})
	return e
}
