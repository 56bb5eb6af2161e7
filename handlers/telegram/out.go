package telegram

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	tg "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// The Bot API's limits: a message and a caption in UTF-16 units after entities, a button's data and a photo in bytes.
const (
	maxMessage = 4096
	maxCaption = 1024
	maxData    = 64
	maxPhoto   = 10 << 20
)

// wideLabel is how many characters a button may have beside another one; a longer one stands alone in its row.
const wideLabel = 18

// Send implements bot.Messenger. A message that is too long goes out in several, the choices under the last; the id is
// that of the last. The words of an officer begin with their first name.
func (t *Telegram) Send(ctx context.Context, m bot.Message) (id string, err error) {
	chat, err := strconv.ParseInt(m.Peer.ID, 10, 64)
	if err != nil {
		return "", &bot.SendError{Permanent: true, Why: "adresse illisible", Err: errors.New("the peer is no chat id")}
	}
	t.typing.End(chat)
	steps := plan(m)
	if len(steps) == 0 {
		return "", &bot.SendError{Permanent: true, Why: "message vide", Err: errors.New("the message has neither words nor a file")}
	}
	steps[len(steps)-1].choices = t.keyboard(m)
	var sent int
	for i := min(t.parts.Take(m.ID), len(steps)-1); i < len(steps); i++ {
		if sent, err = t.deliver(ctx, chat, steps[i]); err != nil {
			t.parts.Put(m.ID, i)
			return "", err
		}
	}
	if old, _ := strconv.Atoi(m.Keyboard); old != 0 {
		t.bareKeyboard(ctx, chat, old)
	}
	return strconv.Itoa(sent), nil
}

// A step is one message of Telegram's: words, a file with its caption, or a card's place or contact.
type step struct {
	words   []content.Span
	file    *bot.Media
	venue   *flows.Card
	contact *flows.Card
	choices *keyboard
}

// plan is what a message takes: its words in as many parts as they need; with a file they are its caption, or follow it
// where they are too long for one. A card's place and contact come before the words, which have the choices.
func plan(m bot.Message) []step {
	var steps []step
	if c := m.Card; c != nil && c.HasPoint() {
		steps = append(steps, step{venue: c})
	}
	if c := m.Card; c != nil && c.Phone != "" {
		steps = append(steps, step{contact: c})
	}
	return append(steps, planWords(m)...)
}

func planWords(m bot.Message) []step {
	text := m.Text
	if first, _, _ := strings.Cut(m.Officer, " "); first != "" && (text != "" || m.Media != nil) {
		text = "**" + content.Escape(first) + " :**\n" + text
	}
	words := trim(render(text))
	var steps []step
	if m.Media != nil {
		steps = []step{{file: m.Media}}
		if content.Units(plain(words)) <= maxCaption {
			steps[0].words = words
			return steps
		}
	}
	for _, part := range split(words, maxMessage) {
		steps = append(steps, step{words: part})
	}
	return steps
}

// deliver makes one message, at Telegram's pace. Where Telegram cannot read the markup the words go out without it, and
// where it cannot take a file for what it is, as a document: what is said matters more than how it looks.
func (t *Telegram) deliver(ctx context.Context, chat int64, s step) (id int, err error) {
	for html, method := true, s.method(); ; {
		wait := t.pace.reserve(chat, t.Now())
		if wait > shortWait {
			return 0, &bot.SendError{After: wait, Why: "Telegram demande d'attendre", Err: errors.New("it asked so a moment ago")}
		}
		if !sleep(ctx, wait) {
			return 0, ctx.Err()
		}
		id, err := t.call(ctx, chat, s, method, html)
		if err == nil {
			return id, nil
		}
		failed := t.sendError(method, err)
		refusal := (*bot.SendError)(nil)
		switch refused := errors.Is(err, tg.ErrorBadRequest); {
		case refused && html && strings.Contains(err.Error(), "parse entities"):
			t.Log.Error("telegram: markup was refused; sent without", "error", t.hide(err))
			html = false
		case refused && s.file != nil && method != "sendDocument" && !strings.Contains(err.Error(), "chat not found"):
			method = "sendDocument"
		case errors.As(failed, &refusal) && refusal.After > 0:
			t.pace.flooded(chat, refusal.After, t.Now())
			return 0, failed
		default:
			return 0, failed
		}
	}
}

// method is how a step is sent: a file as what it is, where Telegram can show that, else as a document.
func (s step) method() string {
	switch {
	case s.venue != nil:
		return "sendVenue"
	case s.contact != nil:
		return "sendContact"
	case s.file == nil:
		return "sendMessage"
	}
	file := s.file
	is := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(file.Mime, p) {
				return true
			}
		}
		return false
	}
	switch {
	case file.Kind == flows.Voice && is("ogg", "opus") && !is("webm"):
		return "sendVoice"
	case file.Kind == flows.Voice && is("mpeg", "mp3", "mp4", "m4a"):
		return "sendAudio"
	case file.Kind == flows.Image && is("jpeg", "png", "webp") && len(file.Data) <= maxPhoto:
		return "sendPhoto"
	case file.Kind == flows.Video && is("mp4"):
		return "sendVideo"
	}
	return "sendDocument"
}

// call makes the call of a step, and returns the message's id.
func (t *Telegram) call(ctx context.Context, chat int64, s step, method string, html bool) (id int, err error) {
	shown, mode := markup(s.words), models.ParseModeHTML
	if !html {
		shown, mode = plain(s.words), ""
	}
	var k models.ReplyMarkup // an interface: stays nil without choices
	if s.choices != nil {
		k = s.choices
	}
	switch {
	case s.venue != nil:
		return idOf(t.api.SendVenue(ctx, &tg.SendVenueParams{ChatID: chat, Latitude: s.venue.Lat, Longitude: s.venue.Lon, Title: s.venue.Name,
			Address: or(s.venue.Address, s.venue.Name), ReplyMarkup: k}))
	case s.contact != nil:
		return idOf(t.api.SendContact(ctx, &tg.SendContactParams{ChatID: chat, PhoneNumber: s.contact.Phone, FirstName: s.contact.Name, ReplyMarkup: k}))
	case s.file == nil:
		var sent struct {
			ID int `json:"message_id"`
		}
		err := t.post(ctx, "sendMessage", said{chat, shown, mode, preview{true}, s.choices}, &sent)
		return sent.ID, err
	}
	file := &models.InputFileUpload{Filename: fileName(s.file), Data: bytes.NewReader(s.file.Data)}
	switch method {
	case "sendVoice":
		return idOf(t.api.SendVoice(ctx, &tg.SendVoiceParams{ChatID: chat, Voice: file, Caption: shown, ParseMode: mode, Duration: s.file.Seconds, ReplyMarkup: k}))
	case "sendAudio":
		return idOf(t.api.SendAudio(ctx, &tg.SendAudioParams{ChatID: chat, Audio: file, Caption: shown, ParseMode: mode, Duration: s.file.Seconds, ReplyMarkup: k}))
	case "sendPhoto":
		return idOf(t.api.SendPhoto(ctx, &tg.SendPhotoParams{ChatID: chat, Photo: file, Caption: shown, ParseMode: mode, ReplyMarkup: k}))
	case "sendVideo":
		return idOf(t.api.SendVideo(ctx, &tg.SendVideoParams{ChatID: chat, Video: file, Caption: shown, ParseMode: mode, Duration: s.file.Seconds, ReplyMarkup: k}))
	}
	return idOf(t.api.SendDocument(ctx, &tg.SendDocumentParams{ChatID: chat, Document: file, Caption: shown, ParseMode: mode, ReplyMarkup: k}))
}

func idOf(m *models.Message, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return m.ID, nil
}

// fileName is the name a file is sent with; a telephone opens a file by the end of its name.
func fileName(m *bot.Media) string {
	if name := strings.ToValidUTF8(m.Name, "_"); name != "" {
		return name
	}
	base := map[flows.Kind]string{flows.Voice: "message", flows.Image: "photo", flows.Video: "video"}[m.Kind]
	for _, end := range [][2]string{{"webm", "webm"}, {"ogg", "ogg"}, {"audio/mpeg", "mp3"}, {"audio/mp4", "m4a"}, {"m4a", "m4a"}, {"wav", "wav"}, {"mp4", "mp4"}, {"jpeg", "jpg"},
		{"png", "png"}, {"webp", "webp"}, {"pdf", "pdf"}, {"wordprocessing", "docx"}, {"spreadsheet", "xlsx"}, {"msword", "doc"}, {"text/plain", "txt"}} {
		if strings.Contains(m.Mime, end[0]) {
			return or(base, "document") + "." + end[1]
		}
	}
	return or(base, "document")
}

// A keyboard is the buttons under a message, row by row. The library's own type writes an empty part beside each
// button's data, where the Bot API wants exactly one.
type keyboard struct {
	Rows [][]button `json:"inline_keyboard"`
}

type button struct {
	Text string `json:"text"`
	Data string `json:"callback_data"`
}

// keyboard lays the choices out two to a row; a long label stands alone. A button's data is the message's id, a bar, and
// the option's id.
func (t *Telegram) keyboard(m bot.Message) *keyboard {
	k := &keyboard{}
	beside := false // the last row has room for one more
	for _, c := range m.Choices {
		b := button{or(strings.TrimSpace(c.Label), c.ID), strconv.FormatInt(m.ID, 10) + "|" + c.ID}
		if len(b.Data) > maxData || c.ID == "" { // content.Load lets no such id in
			t.Log.Error("telegram: a choice has an id that no button can hold, and was left out", "id", c.ID)
			continue
		}
		wide := utf8.RuneCountInString(b.Text) > wideLabel
		if n := len(k.Rows); beside && !wide {
			k.Rows[n-1] = append(k.Rows[n-1], b)
			beside = false
			continue
		}
		k.Rows = append(k.Rows, []button{b})
		beside = !wide
	}
	if len(k.Rows) == 0 {
		return nil
	}
	return k
}
