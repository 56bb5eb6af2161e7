package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	tg "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// entry is what an update says, as an entry of the log; ok is false for what says nothing to us: groups, bots, kinds we
// did not ask for.
func (t *Telegram) entry(u *models.Update) (e bot.Entry, ok bool) {
	e.Key = "tg:" + strconv.FormatInt(u.ID, 10)
	switch {
	case u.CallbackQuery != nil:
		q := u.CallbackQuery
		chat, private := pressedIn(q)
		if !private {
			return e, false
		}
		e.Peer = peer(chat)
		e.Input.Choice = q.Data[strings.LastIndexByte(q.Data, '|')+1:]
		e.Input.At = t.Now()
		hint(&e, &q.From)
	case u.Message != nil:
		return t.message(e, u.Message)
	case u.EditedMessage != nil:
		if u.EditedMessage.Location != nil && u.EditedMessage.Location.LivePeriod > 0 {
			return e, false // a live location's later fixes: the first one counts
		}
		e.Input.Edited = true
		return t.message(e, u.EditedMessage)
	default:
		return e, false
	}
	return e, e.Input.Choice != ""
}

func (t *Telegram) message(e bot.Entry, m *models.Message) (bot.Entry, bool) {
	if m.Chat.Type != models.ChatTypePrivate || m.From != nil && m.From.IsBot {
		return e, false
	}
	e.Peer = peer(m.Chat.ID)
	e.Input.At = time.Unix(int64(m.Date), 0)
	e.Input.Text = m.Text
	if m.Caption != "" {
		e.Input.Text = m.Caption
	}
	hint(&e, m.From)
	if payload, start := strings.CutPrefix(m.Text, "/start"); start && (payload == "" || payload[0] == ' ') {
		e.Input.Text, e.Input.Choice = "", startChoice(strings.TrimSpace(payload))
	}
	e.Input.Kind, e.Media = attachment(m)
	switch {
	case m.Location != nil:
		e.Input.Lat, e.Input.Lon = m.Location.Latitude, m.Location.Longitude
	case m.Venue != nil:
		e.Input.Lat, e.Input.Lon = m.Venue.Location.Latitude, m.Venue.Location.Longitude
	}
	return e, e.Input.Text != "" || e.Input.Choice != "" || e.Input.Kind != flows.Text
}

// startChoice is the option that a deep link names: letters, digits, - and _ are all a link may hold, so that the first
// _ stands for the dot of an option's id.
func startChoice(payload string) string {
	if payload == "" || len(payload) > 64 || strings.Trim(payload, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != "" {
		return "start"
	}
	if !strings.Contains(payload, ".") {
		payload = strings.Replace(payload, "_", ".", 1)
	}
	return payload
}

// hint passes on the language of the person's telephone, for a first contact that does not show one.
func hint(e *bot.Entry, from *models.User) {
	if from == nil {
		return
	}
	code, _, _ := strings.Cut(from.LanguageCode, "-")
	if l := content.Lang(code); l.Known() {
		e.Input.Slots = map[string]string{"hint.lang": code}
	}
}

func peer(chat int64) bot.Peer {
	return bot.Peer{Channel: bot.Telegram, ID: strconv.FormatInt(chat, 10)}
}

// pressedIn is the chat in which a button was pressed.
func pressedIn(q *models.CallbackQuery) (chat int64, private bool) {
	switch m := q.Message; {
	case m.Message != nil:
		return m.Message.Chat.ID, m.Message.Chat.Type == models.ChatTypePrivate
	case m.InaccessibleMessage != nil:
		return m.InaccessibleMessage.Chat.ID, m.InaccessibleMessage.Chat.Type == models.ChatTypePrivate
	}
	return 0, false
}

// A fileRef is how a file is fetched later.
type fileRef struct {
	ID string `json:"id"`
}

// attachment is what a message carries beside words.
func attachment(m *models.Message) (flows.Kind, *bot.Media) {
	file := func(kind flows.Kind, id, mime, name string, size int64, seconds int) (flows.Kind, *bot.Media) {
		media := &bot.Media{Kind: kind, Mime: mime, Name: name, Size: size, Seconds: seconds, State: bot.MediaWanted}
		if size > bot.MaxMedia {
			media.State = bot.MediaLost
		}
		media.Ref, _ = json.Marshal(fileRef{id}) // a string always marshals
		return kind, media
	}
	switch {
	case m.Voice != nil:
		return file(flows.Voice, m.Voice.FileID, or(m.Voice.MimeType, "audio/ogg"), "", m.Voice.FileSize, m.Voice.Duration)
	case m.Audio != nil:
		return file(flows.Voice, m.Audio.FileID, or(m.Audio.MimeType, "audio/mpeg"), m.Audio.FileName, m.Audio.FileSize, m.Audio.Duration)
	case len(m.Photo) > 0:
		best := m.Photo[0]
		for _, p := range m.Photo {
			if p.FileSize > best.FileSize || p.Width > best.Width {
				best = p
			}
		}
		return file(flows.Image, best.FileID, "image/jpeg", "", int64(best.FileSize), 0)
	case m.Video != nil:
		return file(flows.Video, m.Video.FileID, or(m.Video.MimeType, "video/mp4"), m.Video.FileName, m.Video.FileSize, m.Video.Duration)
	case m.VideoNote != nil:
		return file(flows.Video, m.VideoNote.FileID, "video/mp4", "", int64(m.VideoNote.FileSize), m.VideoNote.Duration)
	case m.Document != nil:
		return file(flows.Document, m.Document.FileID, or(m.Document.MimeType, "application/octet-stream"), m.Document.FileName, m.Document.FileSize, 0)
	case m.Location != nil, m.Venue != nil:
		return flows.Location, nil
	case m.Contact != nil:
		return flows.Contact, nil
	case m.Sticker != nil, m.Dice != nil, m.Animation != nil:
		return flows.Sticker, nil
	case m.Text == "":
		return flows.Other, nil
	}
	return flows.Text, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// arrived does the small things that follow an update's arrival, beside the line and without its guarantees: the press
// is answered so that the button stops turning, its keyboard goes, and typing shows if the answer takes a while.
func (t *Telegram) arrived(ctx context.Context, u *models.Update, filed bool) {
	switch {
	case u.CallbackQuery != nil:
		q := u.CallbackQuery
		t.aside(ctx, func(ctx context.Context) {
			t.api.AnswerCallbackQuery(ctx, &tg.AnswerCallbackQueryParams{CallbackQueryID: q.ID})
			if q.Message.Message != nil {
				t.removeKeyboard(ctx, q.Message.Message.Chat.ID, q.Message.Message.ID)
			}
		})
		if chat, private := pressedIn(q); private && filed {
			t.typing.begin(chat)
		}
	case u.Message != nil && filed:
		t.typing.begin(u.Message.Chat.ID)
	case u.Message != nil && u.Message.Chat.Type != models.ChatTypePrivate && u.Message.Chat.ID != 0:
		chat := u.Message.Chat.ID
		t.aside(ctx, func(ctx context.Context) { t.api.LeaveChat(ctx, &tg.LeaveChatParams{ChatID: chat}) }) // people's words in a group are not for us
	}
}

// aside runs a small call beside the line; where too many are under way it is left out.
func (t *Telegram) aside(ctx context.Context, f func(context.Context)) {
	select {
	case t.room <- struct{}{}:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	go func() {
		defer func() { cancel(); <-t.room }()
		f(ctx)
	}()
}

func (t *Telegram) removeKeyboard(ctx context.Context, chat int64, message int) {
	t.api.EditMessageReplyMarkup(ctx, &tg.EditMessageReplyMarkupParams{ChatID: chat, MessageID: message, ReplyMarkup: models.InlineKeyboardMarkup{InlineKeyboard: [][]models.InlineKeyboardButton{}}})
}

func (t *Telegram) showTyping(chat int64) {
	t.aside(context.Background(), func(ctx context.Context) {
		t.api.SendChatAction(ctx, &tg.SendChatActionParams{ChatID: chat, Action: models.ChatActionTyping})
	})
}

// typing shows "typing…" where no answer has left within a moment.
type typing struct {
	after  time.Duration
	show   func(chat int64)
	mu     sync.Mutex
	timers map[int64]*time.Timer
}

func (t *typing) begin(chat int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.timers[chat] != nil || len(t.timers) > 10000 {
		return
	}
	t.timers[chat] = time.AfterFunc(t.after, func() {
		t.end(chat)
		t.show(chat)
	})
}

func (t *typing) end(chat int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if timer := t.timers[chat]; timer != nil {
		timer.Stop()
		delete(t.timers, chat)
	}
}

// Open implements bot.Messenger: it downloads a file.
func (t *Telegram) Open(ctx context.Context, m bot.Media) (io.ReadCloser, error) {
	var ref fileRef
	if err := json.Unmarshal(m.Ref, &ref); err != nil || ref.ID == "" {
		return nil, &bot.SendError{Permanent: true, Why: "référence illisible", Err: errors.New("the reference names no file")}
	}
	f, err := t.api.GetFile(ctx, &tg.GetFileParams{FileID: ref.ID})
	if err != nil {
		return nil, t.sendError("getFile", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(t.APIURL, "/")+"/file/bot"+t.Token+"/"+f.FilePath, nil)
	if err != nil {
		return nil, &bot.SendError{Permanent: true, Why: "chemin illisible", Err: errors.New("the file's path makes no address")}
	}
	resp, err := t.HTTP.Do(req)
	if err != nil {
		return nil, t.hide(err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		gone := resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone
		return nil, &bot.SendError{Permanent: gone, Why: "fichier introuvable", Err: fmt.Errorf("download: status %d", resp.StatusCode)}
	}
	return resp.Body, nil
}
