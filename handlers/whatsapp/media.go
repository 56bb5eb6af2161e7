package whatsapp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/proto/waMmsRetry"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"baom/bot"
	"baom/flows"
)

// captioned reports whether a file is sent as something under which words can stand.
func captioned(m *bot.Media) bool { return sort(m) != whatsmeow.MediaAudio }

// sort is as what a file is sent: as what it is, where WhatsApp shows that, else as a document.
func sort(m *bot.Media) whatsmeow.MediaType {
	is := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(m.Mime, p) {
				return true
			}
		}
		return false
	}
	switch {
	case m.Kind == flows.Voice && is("ogg", "mpeg", "mp3", "mp4", "m4a", "aac") && !is("webm"):
		return whatsmeow.MediaAudio
	case m.Kind == flows.Image && is("jpeg", "png"):
		return whatsmeow.MediaImage
	case m.Kind == flows.Video && is("mp4"):
		return whatsmeow.MediaVideo
	}
	return whatsmeow.MediaDocument
}

// upload puts a file up, encrypted, and makes the message for it. A voice note is one that plays in the chat.
func (l *line) upload(ctx context.Context, s step) (*waE2E.Message, error) {
	f, as := s.file, sort(s.file)
	up, err := l.Upload(ctx, f.Data, as)
	if err != nil {
		return nil, fmt.Errorf("upload: %w", err)
	}
	var caption *string
	if s.text != "" {
		caption = &s.text
	}
	switch as {
	case whatsmeow.MediaAudio:
		note, mime := strings.Contains(f.Mime, "ogg"), f.Mime
		if note {
			mime = "audio/ogg; codecs=opus" // without the codec telephones do not play it
		}
		return &waE2E.Message{AudioMessage: &waE2E.AudioMessage{URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256,
			FileSHA256: up.FileSHA256, FileLength: &up.FileLength, Mimetype: &mime, PTT: &note, Seconds: proto.Uint32(uint32(f.Seconds))}}, nil
	case whatsmeow.MediaImage:
		return &waE2E.Message{ImageMessage: &waE2E.ImageMessage{URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256,
			FileSHA256: up.FileSHA256, FileLength: &up.FileLength, Mimetype: &f.Mime, Caption: caption}}, nil
	case whatsmeow.MediaVideo:
		return &waE2E.Message{VideoMessage: &waE2E.VideoMessage{URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256,
			FileSHA256: up.FileSHA256, FileLength: &up.FileLength, Mimetype: &f.Mime, Caption: caption, Seconds: proto.Uint32(uint32(f.Seconds))}}, nil
	}
	name := fileName(f)
	return &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{URL: &up.URL, DirectPath: &up.DirectPath, MediaKey: up.MediaKey, FileEncSHA256: up.FileEncSHA256,
		FileSHA256: up.FileSHA256, FileLength: &up.FileLength, Mimetype: &f.Mime, FileName: &name, Title: &name, Caption: caption}}, nil
}

// fileName is the name a document is sent with; a telephone opens a file by the end of its name.
func fileName(m *bot.Media) string {
	if name := strings.ToValidUTF8(m.Name, "_"); name != "" {
		return name
	}
	base := map[flows.Kind]string{flows.Voice: "message", flows.Image: "photo", flows.Video: "video"}[m.Kind]
	if base == "" {
		base = "document"
	}
	for _, end := range [][2]string{{"webm", "webm"}, {"ogg", "ogg"}, {"audio/mpeg", "mp3"}, {"audio/mp4", "m4a"}, {"m4a", "m4a"}, {"wav", "wav"}, {"mp4", "mp4"},
		{"jpeg", "jpg"}, {"png", "png"}, {"webp", "webp"}, {"pdf", "pdf"}, {"wordprocessing", "docx"}, {"spreadsheet", "xlsx"}, {"msword", "doc"}, {"text/plain", "txt"}} {
		if strings.Contains(m.Mime, end[0]) {
			return base + "." + end[1]
		}
	}
	return base
}

// putUpTime is how long a telephone has to put a file up again.
const putUpTime = 30 * time.Second

// Open implements bot.Messenger: it downloads a file, opens it, and checks that it is the one that was sent. A file that
// WhatsApp has dropped is asked of the office's telephone, which may still have it.
func (w *WhatsApp) Open(ctx context.Context, m bot.Media) (io.ReadCloser, error) {
	gone := func(why, what string) error { return &bot.SendError{Permanent: true, Why: why, Err: errors.New(what)} }
	var ref fileRef
	part := &waE2E.Message{}
	if json.Unmarshal(m.Ref, &ref) != nil || proto.Unmarshal(ref.Part, part) != nil || downloadable(part) == nil {
		return nil, gone("référence illisible", "the reference names no file")
	}
	l := w.line.Load()
	if l == nil || !l.IsLoggedIn() {
		return nil, w.away(ctx)
	}
	data, err := l.Download(ctx, downloadable(part))
	if dropped(err) {
		if err = l.askAgain(ctx, ref, part); err != nil {
			return nil, err
		}
		data, err = l.Download(ctx, downloadable(part))
	}
	switch {
	case err == nil:
		return io.NopCloser(bytes.NewReader(data)), nil
	case errors.Is(err, errTooLarge):
		return nil, gone("fichier trop grand", "the file is over the limit")
	case dropped(err):
		return nil, gone("fichier introuvable", "the file is gone")
	case errors.Is(err, whatsmeow.ErrInvalidMediaEncSHA256), errors.Is(err, whatsmeow.ErrInvalidMediaSHA256), errors.Is(err, whatsmeow.ErrInvalidMediaHMAC),
		errors.Is(err, whatsmeow.ErrTooShortFile):
		return nil, &bot.SendError{Why: "fichier abîmé", Err: errors.New("the file is not the one that was sent")}
	}
	return nil, &bot.SendError{Why: "fichier indisponible", Err: fmt.Errorf("download: %T", err)}
}

// dropped reports whether WhatsApp does not have a file any more.
func dropped(err error) bool {
	return errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith403) || errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith404) ||
		errors.Is(err, whatsmeow.ErrMediaDownloadFailedWith410)
}

// askAgain asks the telephone to put a file up again, and notes in part where it is then.
func (l *line) askAgain(ctx context.Context, ref fileRef, part *waE2E.Message) error {
	answer := make(chan *events.MediaRetry, 1)
	l.mu.Lock()
	l.retries[ref.ID] = answer
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.retries, ref.ID)
		l.mu.Unlock()
	}()
	chat, err := types.ParseJID(ref.Chat)
	key := downloadable(part).GetMediaKey()
	if err == nil {
		err = l.SendMediaRetryReceipt(ctx, &types.MessageInfo{ID: ref.ID, MessageSource: types.MessageSource{Chat: chat, Sender: chat}}, key)
	}
	if err != nil {
		return &bot.SendError{Why: "fichier indisponible", Err: errors.New("the telephone cannot be asked for the file")}
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(putUpTime):
		return &bot.SendError{Why: "fichier indisponible", Err: errors.New("the telephone does not answer about the file")}
	case e := <-answer:
		n, err := whatsmeow.DecryptMediaRetryNotification(e, key)
		if err != nil || n.GetResult() != waMmsRetry.MediaRetryNotification_SUCCESS || n.GetDirectPath() == "" {
			return &bot.SendError{Permanent: true, Why: "fichier introuvable", Err: errors.New("the telephone does not have the file")}
		}
		move(part, n.GetDirectPath())
		return nil
	}
}

// move notes where the file of a message is now.
func move(part *waE2E.Message, path string) {
	switch {
	case part.ImageMessage != nil:
		part.ImageMessage.DirectPath = &path
	case part.VideoMessage != nil:
		part.VideoMessage.DirectPath = &path
	case part.AudioMessage != nil:
		part.AudioMessage.DirectPath = &path
	case part.DocumentMessage != nil:
		part.DocumentMessage.DirectPath = &path
	}
}

// errTooLarge ends the download of a file that is larger than its sender said, or than is taken.
var errTooLarge = errors.New("the file is over the limit")

// limited is a client of HTTP that reads no answer beyond the limit of a file.
func limited(c *http.Client) *http.Client {
	out := &http.Client{Timeout: 2 * time.Minute}
	if c != nil {
		*out = *c
	}
	out.Transport = limit{out.Transport}
	return out
}

// A limit bounds the answers of a transport: a file, its padding and its mark of authenticity.
type limit struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t limit) RoundTrip(r *http.Request) (*http.Response, error) {
	under := t.RoundTripper
	if under == nil {
		under = http.DefaultTransport
	}
	resp, err := under.RoundTrip(r)
	if err == nil {
		resp.Body = &limitedBody{resp.Body, bot.MaxMedia + 1024}
	}
	return resp, err
}

type limitedBody struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}
