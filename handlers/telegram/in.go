package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	tg "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// entry is what an update says, as an entry of the log; ok is false for what says nothing to us: groups, bots, notices
// of the network's own.
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
		e.Input.At = t.Now() // a press does not say when
		hint(&e, &q.From)
		return e, e.Input.Choice != ""
	case u.Message != nil:
		return t.message(e, u.Message)
	case u.EditedMessage != nil:
		if u.EditedMessage.Location != nil {
			return e, false // a live location's later fixes: the first one counts
		}
		e.Input.Edited = true
		return t.message(e, u.EditedMessage)
	}
	return e, false
}

func (t *Telegram) message(e bot.Entry, m *models.Message) (bot.Entry, bool) {
	if m.Chat.Type != models.ChatTypePrivate || m.From != nil && m.From.IsBot || notice(m) {
		return e, false
	}
	e.Peer = peer(m.Chat.ID)
	e.Input.At = t.Now()
	if at := max(m.Date, m.EditDate); at > 0 {
		e.Input.At = time.Unix(int64(at), 0)
	}
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
	case m.Venue != nil:
		e.Input.Lat, e.Input.Lon = m.Venue.Location.Latitude, m.Venue.Location.Longitude
		e.Input.Text = words(m.Venue.Title, m.Venue.Address)
	case m.Location != nil:
		e.Input.Lat, e.Input.Lon = m.Location.Latitude, m.Location.Longitude
	case m.Contact != nil:
		e.Input.Text = words(m.Contact.FirstName, m.Contact.LastName, phone(m.Contact.PhoneNumber))
	}
	return e, e.Input.Text != "" || e.Input.Choice != "" || e.Input.Kind != flows.Text
}

// words joins what there is with spaces.
func words(parts ...string) string {
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// phone is a contact's number as people write it: Telegram may leave out the + of an international one.
func phone(number string) string {
	if number == "" || strings.HasPrefix(number, "+") || strings.HasPrefix(number, "0") {
		return number
	}
	return "+" + number
}

// startChoice is the option that a deep link names. A link may hold letters, digits, - and _ alone, so that _ stands for
// the dot of an option's id.
func startChoice(payload string) string {
	if payload == "" || len(payload) > 64 || strings.Trim(payload, linkLetters+".") != "" {
		return "start"
	}
	return strings.ReplaceAll(payload, "_", ".")
}

// hint passes on the language of the person's telephone, for a first contact that does not show one.
func hint(e *bot.Entry, from *models.User) {
	if from == nil {
		return
	}
	code, _, _ := strings.Cut(strings.ToLower(from.LanguageCode), "-")
	switch content.Lang(code) {
	case content.French, content.Arabic, content.English, content.Spanish:
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

// notice reports what Telegram itself says in a chat, such as a message that was pinned: nobody expects an answer. What
// is not listed, and what Telegram may bring one day, is somebody's message and gets an answer.
func notice(m *models.Message) bool {
	return m.PinnedMessage != nil || m.MessageAutoDeleteTimerChanged != nil || m.WriteAccessAllowed != nil || m.ChatBackgroundSet != nil ||
		m.ConnectedWebsite != "" || m.BoostAdded != nil || m.ProximityAlertTriggered != nil || m.ForumTopicCreated != nil ||
		m.ForumTopicEdited != nil || m.ForumTopicClosed != nil || m.ForumTopicReopened != nil || m.ChecklistTasksDone != nil ||
		m.ChecklistTasksAdded != nil || m.GiftUpgradeSent != nil || m.RefundedPayment != nil || m.PaidMessagePriceChanged != nil
}

// A fileRef is how a file is fetched later. Unique stays the same over time and between bots; ID is the one to ask with.
type fileRef struct {
	ID     string `json:"id"`
	Unique string `json:"unique,omitempty"`
}

// attachment is what a message carries beside words.
func attachment(m *models.Message) (flows.Kind, *bot.Media) {
	file := func(kind flows.Kind, ref fileRef, mime, name string, size int64, seconds int) (flows.Kind, *bot.Media) {
		media := &bot.Media{Kind: kind, Mime: mime, Name: name, Size: size, Seconds: seconds, State: bot.MediaWanted}
		if size > bot.MaxMedia {
			media.State = bot.MediaLost
		}
		media.Ref, _ = json.Marshal(ref) // two strings always marshal
		return kind, media
	}
	switch {
	case m.Voice != nil:
		return file(flows.Voice, fileRef{m.Voice.FileID, m.Voice.FileUniqueID}, or(m.Voice.MimeType, "audio/ogg"), "", m.Voice.FileSize, m.Voice.Duration)
	case m.Audio != nil:
		return file(flows.Voice, fileRef{m.Audio.FileID, m.Audio.FileUniqueID}, or(m.Audio.MimeType, "audio/mpeg"), m.Audio.FileName, m.Audio.FileSize, m.Audio.Duration)
	case len(m.Photo) > 0:
		best := m.Photo[0]
		for _, p := range m.Photo {
			if p.Width*p.Height > best.Width*best.Height {
				best = p
			}
		}
		return file(flows.Image, fileRef{best.FileID, best.FileUniqueID}, "image/jpeg", "", int64(best.FileSize), 0)
	case m.Video != nil:
		return file(flows.Video, fileRef{m.Video.FileID, m.Video.FileUniqueID}, or(m.Video.MimeType, "video/mp4"), m.Video.FileName, m.Video.FileSize, m.Video.Duration)
	case m.VideoNote != nil:
		return file(flows.Video, fileRef{m.VideoNote.FileID, m.VideoNote.FileUniqueID}, "video/mp4", "", int64(m.VideoNote.FileSize), m.VideoNote.Duration)
	case m.Sticker != nil, m.Dice != nil, m.Animation != nil: // an animation comes with a document as well
		return flows.Sticker, nil
	case m.Document != nil:
		return file(flows.Document, fileRef{m.Document.FileID, m.Document.FileUniqueID}, or(m.Document.MimeType, "application/octet-stream"), m.Document.FileName, m.Document.FileSize, 0)
	case m.Location != nil, m.Venue != nil:
		return flows.Location, nil
	case m.Contact != nil:
		return flows.Contact, nil
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

// Open implements bot.Messenger: it downloads a file.
func (t *Telegram) Open(ctx context.Context, m bot.Media) (io.ReadCloser, error) {
	gone := func(why, what string) error {
		return &bot.SendError{Permanent: true, Why: why, Err: errors.New(what)}
	}
	var ref fileRef
	if err := json.Unmarshal(m.Ref, &ref); err != nil || ref.ID == "" {
		return nil, gone("référence illisible", "the reference names no file")
	}
	f, err := t.api.GetFile(ctx, &tg.GetFileParams{FileID: ref.ID})
	if err != nil {
		return nil, t.sendError("getFile", err)
	}
	if f.FileSize > bot.MaxMedia {
		return nil, gone("fichier trop grand", "the file is over the limit")
	}
	if f.FilePath == "" {
		return nil, &bot.SendError{Why: "fichier pas encore disponible", Err: errors.New("getFile gave no path")}
	}
	address := t.base + "/file/bot" + t.Token + "/" + (&url.URL{Path: f.FilePath}).EscapedPath()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, gone("chemin illisible", "the file's path makes no address")
	}
	resp, err := t.HTTP.Do(req)
	if err != nil {
		return nil, t.hide(err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, &bot.SendError{Permanent: resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone,
			Why: "fichier introuvable", Err: fmt.Errorf("download: status %d", resp.StatusCode)}
	}
	if resp.ContentLength > bot.MaxMedia {
		resp.Body.Close()
		return nil, gone("fichier trop grand", "the file is over the limit")
	}
	return resp.Body, nil
}
