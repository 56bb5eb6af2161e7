package telegram

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	tg "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// The Bot API's limits: a message and a caption in UTF-16 units after entities, a button's data in bytes.
const (
	maxMessage = 4096
	maxCaption = 1024
	maxData    = 64
)

// wideLabel is from how many characters a button stands alone in its row.
const wideLabel = 18

// Send implements bot.Messenger.
func (t *Telegram) Send(ctx context.Context, m bot.Message) (id string, err error) {
	chat, err := strconv.ParseInt(m.Peer.ID, 10, 64)
	if err != nil {
		return "", &bot.SendError{Permanent: true, Why: "adresse illisible", Err: errors.New("the peer is no chat id")}
	}
	t.typing.end(chat)
	text := m.Text
	if m.Officer != "" && text != "" {
		first, _, _ := strings.Cut(m.Officer, " ")
		text = "**" + content.Escape(first) + " :** " + text
	}
	var sent *models.Message
	if m.Media != nil {
		sent, err = t.sendMedia(ctx, chat, m, text)
	} else {
		sent, err = t.sendText(ctx, chat, m, text)
	}
	if err != nil {
		return "", t.sendError("send", err)
	}
	if old, _ := strconv.Atoi(m.Keyboard); old != 0 {
		t.aside(ctx, func(ctx context.Context) { t.removeKeyboard(ctx, chat, old) })
	}
	return strconv.Itoa(sent.ID), nil
}

// sendText sends words, in as many messages as they need; the choices stand under the last.
func (t *Telegram) sendText(ctx context.Context, chat int64, m bot.Message, text string) (*models.Message, error) {
	parts := split(text, maxMessage)
	var sent *models.Message
	for i, part := range parts {
		p := &tg.SendMessageParams{ChatID: chat, Text: HTML(part), ParseMode: models.ParseModeHTML, LinkPreviewOptions: &models.LinkPreviewOptions{IsDisabled: tg.True()}}
		if i == len(parts)-1 {
			if k := keyboard(m); k != nil {
				p.ReplyMarkup = k
			}
		}
		var err error
		if sent, err = t.api.SendMessage(ctx, p); errors.Is(err, tg.ErrorBadRequest) && strings.Contains(err.Error(), "parse entities") {
			p.Text, p.ParseMode = content.Plain(part), ""
			sent, err = t.api.SendMessage(ctx, p)
		}
		if err != nil {
			return nil, err
		}
	}
	return sent, nil
}

// sendMedia sends a file with its words as the caption, or after it where they are too long for one.
func (t *Telegram) sendMedia(ctx context.Context, chat int64, m bot.Message, text string) (sent *models.Message, err error) {
	caption, rest := HTML(text), ""
	if units(content.Plain(text)) > maxCaption {
		caption, rest = "", text
	}
	name := m.Media.Name
	if name == "" {
		name = map[flows.Kind]string{flows.Voice: "message.ogg", flows.Image: "photo.jpg", flows.Video: "video.mp4"}[m.Media.Kind]
	}
	if name == "" {
		name = "document"
	}
	file := &models.InputFileUpload{Filename: name, Data: bytes.NewReader(m.Media.Data)}
	var markup models.ReplyMarkup
	if k := keyboard(m); k != nil && rest == "" {
		markup = k
	}
	switch {
	case m.Media.Kind == flows.Voice && strings.Contains(m.Media.Mime, "ogg"):
		sent, err = t.api.SendVoice(ctx, &tg.SendVoiceParams{ChatID: chat, Voice: file, Caption: caption, ParseMode: models.ParseModeHTML, Duration: m.Media.Seconds, ReplyMarkup: markup})
	case m.Media.Kind == flows.Voice:
		sent, err = t.api.SendAudio(ctx, &tg.SendAudioParams{ChatID: chat, Audio: file, Caption: caption, ParseMode: models.ParseModeHTML, Duration: m.Media.Seconds, ReplyMarkup: markup})
	case m.Media.Kind == flows.Image:
		sent, err = t.api.SendPhoto(ctx, &tg.SendPhotoParams{ChatID: chat, Photo: file, Caption: caption, ParseMode: models.ParseModeHTML, ReplyMarkup: markup})
	case m.Media.Kind == flows.Video:
		sent, err = t.api.SendVideo(ctx, &tg.SendVideoParams{ChatID: chat, Video: file, Caption: caption, ParseMode: models.ParseModeHTML, ReplyMarkup: markup})
	default:
		sent, err = t.api.SendDocument(ctx, &tg.SendDocumentParams{ChatID: chat, Document: file, Caption: caption, ParseMode: models.ParseModeHTML, ReplyMarkup: markup})
	}
	if err == nil && rest != "" {
		return t.sendText(ctx, chat, m, rest)
	}
	return sent, err
}

// keyboard lays the choices out two to a row; a long label stands alone. A button's data ends in the option's id.
func keyboard(m bot.Message) *models.InlineKeyboardMarkup {
	if len(m.Choices) == 0 {
		return nil
	}
	k := &models.InlineKeyboardMarkup{}
	var row []models.InlineKeyboardButton
	flush := func() {
		if len(row) > 0 {
			k.InlineKeyboard = append(k.InlineKeyboard, row)
			row = nil
		}
	}
	for _, c := range m.Choices {
		data := strconv.FormatInt(m.ID, 36) + "|" + c.ID
		if len(data) > maxData {
			data = c.ID
		}
		if len(data) > maxData {
			continue // content.Load does not let such an id in
		}
		button := models.InlineKeyboardButton{Text: c.Label, CallbackData: data}
		if utf8.RuneCountInString(c.Label) > wideLabel {
			flush()
			row = append(row, button)
			flush()
			continue
		}
		if row = append(row, button); len(row) == 2 {
			flush()
		}
	}
	flush()
	return k
}

// HTML writes Markdown as the HTML that Telegram takes: b, i and a; everything else is escaped.
func HTML(text string) string {
	var out strings.Builder
	for i, b := range content.Markdown(text) {
		if i > 0 {
			out.WriteString("\n\n")
		}
		for j, item := range b.Items {
			if j > 0 {
				out.WriteByte('\n')
			}
			switch b.Kind {
			case content.Bullets:
				out.WriteString("• ")
			case content.Numbers:
				out.WriteString(strconv.Itoa(max(1, b.First)+j) + ". ")
			}
			for _, s := range item {
				writeSpan(&out, s)
			}
		}
	}
	return out.String()
}

func writeSpan(out *strings.Builder, s content.Span) {
	body := html.EscapeString(s.Text)
	if s.URL != "" && !strings.HasPrefix(s.URL, "tel:") && s.URL != s.Text { // Telegram finds numbers and bare addresses itself
		body = `<a href="` + html.EscapeString(s.URL) + `">` + body + `</a>`
	}
	if s.Italic {
		body = "<i>" + body + "</i>"
	}
	if s.Bold {
		body = "<b>" + body + "</b>"
	}
	out.WriteString(body)
}

// split cuts a text into parts that Telegram takes, between paragraphs where it can, else between lines or words.
func split(text string, limit int) []string {
	var parts []string
	for units(content.Plain(text)) > limit {
		cut := len(text) * limit / (units(text) + 1)
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		for _, sep := range []string{"\n\n", "\n", " "} {
			if i := strings.LastIndex(text[:cut], sep); i > cut/3 {
				cut = i
				break
			}
		}
		parts = append(parts, strings.TrimSpace(text[:cut]))
		text = strings.TrimSpace(text[cut:])
	}
	return append(parts, text)
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }

// sendError tells what to do about an answer of Telegram's.
func (t *Telegram) sendError(what string, err error) error {
	hidden := fmt.Errorf("%s: %w", what, t.hide(err))
	var flood *tg.TooManyRequestsError
	var moved *tg.MigrateError
	switch text := err.Error(); {
	case errors.As(err, &flood):
		return &bot.SendError{After: time.Duration(max(1, flood.RetryAfter)) * time.Second, Why: "Telegram demande d'attendre", Err: hidden}
	case errors.As(err, &moved):
		return &bot.SendError{Permanent: true, Why: "la conversation a changé d'adresse", Err: hidden}
	case errors.Is(err, tg.ErrorForbidden) && strings.Contains(text, "blocked"):
		return &bot.SendError{Permanent: true, Why: "la personne a bloqué le bot", Err: hidden}
	case errors.Is(err, tg.ErrorForbidden):
		return &bot.SendError{Permanent: true, Why: "le compte n'existe plus ou refuse les messages", Err: hidden}
	case errors.Is(err, tg.ErrorBadRequest) && (strings.Contains(text, "chat not found") || strings.Contains(text, "user is deactivated")):
		return &bot.SendError{Permanent: true, Why: "la conversation n'existe plus", Err: hidden}
	case errors.Is(err, tg.ErrorBadRequest) && strings.Contains(text, "file is too big"), errors.Is(err, tg.ErrorBadRequest) && strings.Contains(text, "wrong file"):
		return &bot.SendError{Permanent: true, Why: "fichier introuvable ou trop grand", Err: hidden}
	case errors.Is(err, tg.ErrorBadRequest):
		return &bot.SendError{Permanent: true, Why: "Telegram a refusé ce message", Err: hidden}
	}
	return &bot.SendError{Why: "Telegram ne répond pas", Err: hidden}
}
