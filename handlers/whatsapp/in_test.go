package whatsapp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/handlers/whatsapp/whatsapptest"
)

// TestEverythingPeopleSend sends each sort of thing from a telephone and looks at the entry it becomes.
func TestEverythingPeopleSend(t *testing.T) {
	a, awa := town(t)
	awa.Say(a.office, "bonjour")
	first := a.record.wait(a.s, 1)
	if _, err := a.Send(t.Context(), bot.Message{ID: 7, Peer: awaPeer, Text: "Que voulez-vous ?", Choices: []content.Option{{ID: "a", Label: "Une question"}, {ID: "b", Label: "Un dossier"}}}); err != nil {
		t.Fatal(err)
	}
	menu := awa.Read()
	file := func(up whatsmeow.UploadResponse) (*string, *string, []byte, []byte, []byte, *uint64) {
		return &up.URL, &up.DirectPath, up.MediaKey, up.FileEncSHA256, up.FileSHA256, &up.FileLength
	}
	vcard := "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Diop;Awa;;;\r\nFN:Awa Diop\r\nitem1.TEL;waid=33600000002:+33 6 00 00 00 02\r\nTEL;type=CELL:0600000000\r\nEND:VCARD"
	for _, c := range []struct {
		name  string
		send  func() string
		kind  flows.Kind
		text  string
		media *bot.Media // its Kind is kind
		check func(e bot.Entry) bool
	}{
		{name: "an answer to a menu of before", send: func() string { return awa.Reply(a.office, "2", menu) }, text: "Un dossier",
			check: func(e bot.Entry) bool { return strings.HasPrefix(e.Input.Quote, "Que voulez-vous ?") }},
		{name: "words that answer", send: func() string { return awa.Reply(a.office, "les deux", menu) }, text: "les deux",
			check: func(e bot.Entry) bool { return strings.HasPrefix(e.Input.Quote, "Que voulez-vous ?") }},
		{name: "voice note", send: func() string { return awa.Voice(a.office, []byte("OggS")) }, kind: flows.Voice, media: &bot.Media{Mime: "audio/ogg", Size: 4, Seconds: 3, State: bot.MediaWanted}},
		{name: "photo", send: func() string { return awa.Image(a.office, []byte("\xff\xd8\xff"), "ma carte") }, kind: flows.Image, text: "ma carte",
			media: &bot.Media{Mime: "image/jpeg", Size: 3, State: bot.MediaWanted}},
		{name: "document", send: func() string { return awa.Document(a.office, []byte("%PDF"), "application/pdf", "bail.pdf") }, kind: flows.Document,
			media: &bot.Media{Mime: "application/pdf", Size: 4, Name: "bail.pdf", State: bot.MediaWanted}},
		{name: "a program", send: func() string {
			return awa.Document(a.office, []byte("PK"), "application/vnd.android.package-archive", "jeu.apk")
		}, kind: flows.Document, media: &bot.Media{Mime: "application/vnd.android.package-archive", Size: 2, Name: "jeu.apk", State: bot.MediaLost}},
		{name: "a document of no kind", send: func() string { return awa.Document(a.office, []byte("PK"), "application/octet-stream", "x.exe") }, kind: flows.Document,
			media: &bot.Media{Mime: "application/octet-stream", Size: 2, Name: "x.exe", State: bot.MediaLost}},
		{name: "video", send: func() string {
			return awa.File(a.office, []byte("mp4"), whatsmeow.MediaVideo, func(up whatsmeow.UploadResponse) *waE2E.Message {
				m := &waE2E.VideoMessage{Mimetype: proto.String("video/mp4"), Seconds: proto.Uint32(9), JPEGThumbnail: []byte("x")}
				m.URL, m.DirectPath, m.MediaKey, m.FileEncSHA256, m.FileSHA256, m.FileLength = file(up)
				return &waE2E.Message{VideoMessage: m}
			})
		}, kind: flows.Video, media: &bot.Media{Mime: "video/mp4", Size: 3, Seconds: 9, State: bot.MediaWanted}},
		{name: "too large a video", send: func() string {
			return awa.Send(a.office, &waE2E.Message{VideoMessage: &waE2E.VideoMessage{Mimetype: proto.String("video/mp4"), FileLength: proto.Uint64(bot.MaxMedia + 1)}})
		}, kind: flows.Video, media: &bot.Media{Mime: "video/mp4", Size: bot.MaxMedia + 1, State: bot.MediaLost}},
		{name: "a photo in a disappearing chat", send: func() string {
			return awa.File(a.office, []byte("x"), whatsmeow.MediaImage, func(up whatsmeow.UploadResponse) *waE2E.Message {
				m := &waE2E.ImageMessage{Mimetype: proto.String("image/jpeg")}
				m.URL, m.DirectPath, m.MediaKey, m.FileEncSHA256, m.FileSHA256, m.FileLength = file(up)
				return &waE2E.Message{EphemeralMessage: &waE2E.FutureProofMessage{Message: &waE2E.Message{ImageMessage: m}}}
			})
		}, kind: flows.Image, media: &bot.Media{Mime: "image/jpeg", Size: 1, State: bot.MediaWanted}},
		{name: "to be seen once, as it comes from some clients", send: func() string {
			return awa.Send(a.office, &waE2E.Message{ViewOnceMessageV2: &waE2E.FutureProofMessage{Message: &waE2E.Message{ImageMessage: &waE2E.ImageMessage{ViewOnce: proto.Bool(true)}}}})
		}, kind: flows.Once},
		{name: "to be seen once", send: func() string { awa.ViewOnce(a.office, "3EB0ONCE"); return "3EB0ONCE" }, kind: flows.Once},
		{name: "location", send: func() string {
			return awa.Send(a.office, &waE2E.Message{LocationMessage: &waE2E.LocationMessage{DegreesLatitude: proto.Float64(30.42), DegreesLongitude: proto.Float64(-9.59), Name: proto.String("Gare"), Address: proto.String("Agadir")}})
		}, kind: flows.Location, text: "Gare Agadir", check: func(e bot.Entry) bool { return e.Input.Lat == 30.42 && e.Input.Lon == -9.59 }},
		{name: "live location", send: func() string {
			id := awa.Send(a.office, &waE2E.Message{LiveLocationMessage: &waE2E.LiveLocationMessage{DegreesLatitude: proto.Float64(30.4), DegreesLongitude: proto.Float64(-9.5)}})
			awa.Send(a.office, &waE2E.Message{LiveLocationMessage: &waE2E.LiveLocationMessage{DegreesLatitude: proto.Float64(30.5), DegreesLongitude: proto.Float64(-9.5)}})
			return id
		}, kind: flows.Location, check: func(e bot.Entry) bool { return e.Input.Lat == 30.4 }},
		{name: "contact", send: func() string {
			return awa.Send(a.office, &waE2E.Message{ContactMessage: &waE2E.ContactMessage{DisplayName: proto.String("Awa Diop"), Vcard: &vcard}})
		}, kind: flows.Contact, text: "Awa Diop +33 6 00 00 00 02 0600000000"},
		{name: "sticker", send: func() string { return awa.Send(a.office, &waE2E.Message{StickerMessage: &waE2E.StickerMessage{}}) }, kind: flows.Sticker},
		{name: "reaction", send: func() string { return awa.React(a.office, menu, "👍") }, kind: flows.Reaction, text: "👍"},
		{name: "something of the future", send: func() string { return awa.Send(a.office, &waE2E.Message{OrderMessage: &waE2E.OrderMessage{}}) }, kind: flows.Other},
		{name: "correction", send: func() string { return awa.Edit(a.office, strings.TrimPrefix(first.Key, "wa:"), "bonsoir") }, text: "bonsoir",
			check: func(e bot.Entry) bool { return e.Input.Edited && strings.HasPrefix(e.Key, first.Key+bot.Correction) }},
		{name: "taken back", send: func() string { return awa.Delete(a.office, strings.TrimPrefix(first.Key, "wa:")) },
			check: func(e bot.Entry) bool { return e.Deletes == first.Key }},
		{name: "call", send: func() string { awa.Call(a.office); return "" }, kind: flows.Call},
	} {
		n := len(a.record.all())
		id := c.send()
		e := a.record.wait(a.s, n+1)
		if e.Peer != awaPeer || e.Input.Kind != c.kind || e.Input.Text != c.text || id != "" && !e.Input.Edited && e.Key != "wa:"+id || c.check != nil && !c.check(e) {
			t.Errorf("%s: %+v", c.name, e)
		}
		switch m := e.Media; {
		case (m == nil) != (c.media == nil):
			t.Errorf("%s: its file is %+v", c.name, m)
		case m != nil && (m.Kind != c.kind || m.Mime != c.media.Mime || m.Size != c.media.Size || m.Seconds != c.media.Seconds || m.Name != c.media.Name || m.State != c.media.State ||
			(m.State == bot.MediaWanted) != (len(m.Ref) > 0)):
			t.Errorf("%s: its file is %+v", c.name, m)
		}
	}
	n := len(a.record.all())
	awa.React(a.office, menu, "") // takes the reaction back: nothing
	awa.Say(a.office, "fin")
	if e := a.record.wait(a.s, n+1); e.Input.Text != "fin" {
		t.Errorf("a reaction that was taken back is %+v", e)
	}
}

// TestUnreadable: a message that cannot be read and does not come again is told to the person, after a minute; one that comes
// after all is not.
func TestUnreadable(t *testing.T) {
	whatsapptest.Trust()
	synctest.Test(t, func(t *testing.T) {
		s := whatsapptest.NewOn(t, whatsapptest.NewPipe())
		office := s.Account("212528000001", "90000000000001", "BAOM")
		conf := config(s)
		conf.Linger = time.Minute
		a := open(t, s, office, conf, &record{})
		awa := s.Person("33600000002", "90000000000002", "Awa")
		awa.Say(office, "un")
		a.record.wait(s, 1)
		spoil := true
		s.OnDeliver(func(to types.JID, n *whatsapptest.Node) bool {
			if to.Device == 1 && spoil {
				whatsapptest.Corrupt(n)
				spoil = false
			}
			return true
		})
		awa.Say(office, "vient plus tard")
		a.record.wait(s, 2)
		awa.Client.PreRetryCallback = func(*events.Receipt, types.MessageID, int, *waE2E.Message) bool { return false } // it was lost there
		spoil = true
		began := time.Now()
		id := awa.Say(office, "perdu")
		time.Sleep(2 * time.Minute)
		if e := a.record.wait(s, 3); e.Input.Kind != flows.Unread || e.Key != "wa:"+id+":unread" || time.Since(began) > 3*time.Minute || len(a.record.all()) != 3 {
			t.Errorf("%+v of %d", e, len(a.record.all()))
		}
		a.stop()
		awa.Client.Disconnect()
		s.Close()
		time.Sleep(10 * time.Minute)
	})
}

// TestFilesArrive: a file is fetched and checked; one that WhatsApp has dropped comes from the telephone; one that nobody
// has is gone; one that is slow is waited for as long as the caller waits.
func TestFilesArrive(t *testing.T) {
	a, awa := town(t)
	ogg := bytes.Repeat([]byte("OggS"), 10000)
	awa.Voice(a.office, ogg)
	m := *a.record.wait(a.s, 1).Media
	fetch := func() error {
		r, err := a.Open(t.Context(), m)
		if err != nil {
			return err
		}
		defer r.Close()
		if data, err := io.ReadAll(r); err != nil || !bytes.Equal(data, ogg) {
			t.Errorf("fetched %d bytes: %v", len(data), err)
		}
		return nil
	}
	if err := fetch(); err != nil {
		t.Error(err)
	}
	// A download that is slower than who waits for it is tried again later; the file is not given up.
	a.s.SlowFiles(time.Minute)
	hurried, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	_, err := a.Open(hurried, m)
	cancel()
	if slow := (*bot.SendError)(nil); err == nil || errors.As(err, &slow) && slow.Permanent {
		t.Errorf("a slow file: %v", err)
	}
	a.s.SlowFiles(0)
	if err := fetch(); err != nil {
		t.Errorf("after a slow try: %v", err)
	}
	a.s.LoseFiles(true)
	if err := fetch(); err != nil {
		t.Errorf("a file that only the telephone has: %v", err)
	}
	a.s.SpoilFiles()
	said := (*bot.SendError)(nil)
	if err := fetch(); !errors.As(err, &said) || said.Permanent {
		t.Errorf("a spoilt file: %v", err)
	}
	a.s.LoseFiles(false)
	if err := fetch(); !errors.As(err, &said) || !said.Permanent {
		t.Errorf("a file that nobody has: %v", err)
	}
	m.Ref = []byte("{}")
	if err := fetch(); !errors.As(err, &said) || !said.Permanent {
		t.Errorf("a reference to nothing: %v", err)
	}
}
