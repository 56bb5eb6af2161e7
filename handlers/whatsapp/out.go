package whatsapp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// sendTime bounds the wait for WhatsApp's answer to one message.
const sendTime = 20 * time.Second

// Send implements bot.Messenger. A message that is too long goes out in several, the numbered choices under the last; the
// id is that of the last. The words of an officer begin with their first name. A message to somebody who has not written
// to this number since it was paired is refused for good.
func (w *WhatsApp) Send(ctx context.Context, m bot.Message) (id string, err error) {
	w.typing.End(m.Peer.ID)
	l := w.line.Load()
	if l == nil || !l.IsLoggedIn() {
		return "", w.away(ctx)
	}
	to, err := address(m.Peer.ID)
	if err != nil {
		return "", &bot.SendError{Permanent: true, Why: "adresse illisible", Err: err}
	}
	if err := w.may(ctx, l, to); err != nil {
		return "", err
	}
	steps := w.plan(m)
	if len(steps) == 0 {
		return "", &bot.SendError{Permanent: true, Why: "message vide", Err: errors.New("the message has neither words nor a file")}
	}
	w.markRead(ctx, l, m.Peer.ID)
	for i := min(w.parts.Take(m.ID), len(steps)-1); i < len(steps); i++ {
		id = l.messageID(m.ID, i)
		if err := w.deliver(ctx, l, to, m.Peer.ID, id, steps[i]); err != nil {
			w.parts.Put(m.ID, i)
			return "", err
		}
	}
	if w.Polls && len(m.Choices) > 1 && len(m.Choices) <= maxPoll {
		w.poll(ctx, l, to, m, len(steps))
	}
	return id, nil
}

// away is the error of a message while there is no line. It waits: nothing is given up because a telephone is off.
func (w *WhatsApp) away(ctx context.Context) error {
	link := w.Link(ctx)
	after, why := 2*time.Second, "WhatsApp n'est pas connecté"
	switch link.State {
	case bot.LinkBanned:
		after, why = time.Minute, "WhatsApp a suspendu ce numéro"
	case bot.LinkUnpaired, bot.LinkLoggedOut, bot.LinkOutdated, bot.LinkRefused, bot.LinkPairing:
		after = 30 * time.Second
	}
	return &bot.SendError{After: after, Why: why, Err: errors.New("there is no line: " + string(link.State))}
}

// address is where a peer is written to.
func address(peer string) (types.JID, error) {
	user, lid := strings.CutSuffix(peer, lidMark)
	if user == "" || strings.Trim(user, "0123456789") != "" {
		return types.EmptyJID, errors.New("the peer is neither a phone number nor a LID")
	}
	if lid {
		return types.NewJID(user, types.HiddenUserServer), nil
	}
	return types.NewJID(user, types.DefaultUserServer), nil
}

// may is an error where the peer has never written to this number since it was paired.
func (w *WhatsApp) may(ctx context.Context, l *line, to types.JID) error {
	if w.chats.heard(l.own, to) {
		return nil
	}
	names := []types.JID{to}
	var err error
	if to.Server == types.DefaultUserServer {
		var lid types.JID
		lid, err = l.Store.LIDs.GetLIDForPN(ctx, to)
		names = append(names, lid)
	}
	var wrote bool
	if err == nil {
		wrote, err = w.wrote(ctx, l.own, names...)
	}
	switch {
	case err != nil:
		return &bot.SendError{Why: "base de données", Err: err}
	case !wrote:
		return &bot.SendError{Permanent: true, Why: "la personne n'a pas encore écrit à ce numéro WhatsApp", Err: errors.New("we never write first")}
	}
	w.chats.hear(l.own, to)
	return nil
}

// messageID is the id of a part of a message: the same at each try, and of nobody else's, even if another database begins
// to count its rows anew.
func (l *line) messageID(row int64, part int) types.MessageID {
	h := sha256.New()
	h.Write(l.identity[:])
	h.Write([]byte(" " + strconv.FormatInt(row, 10) + " " + strconv.Itoa(part)))
	return whatsmeow.WebMessageIDPrefix + strings.ToUpper(hex.EncodeToString(h.Sum(nil)[:9]))
}

// A step is one message of WhatsApp's: words, a file with its caption, or a card's place or contact.
type step struct {
	text    string
	file    *bot.Media
	place   *flows.Card
	contact *flows.Card
}

// maxCaption is how long a caption may be, in UTF-16 units; longer words follow the file.
const maxCaption = 1024

// plan is what a message takes: its words in as many parts as they need; with a file they are its caption, or follow it.
func (w *WhatsApp) plan(m bot.Message) []step {
	text := m.Text
	if first, _, _ := strings.Cut(m.Officer, " "); first != "" && (text != "" || m.Media != nil) {
		text = "**" + content.Escape(first) + " :**\n" + text
	}
	parts := split(render(text), maxText)
	if len(m.Choices) > 0 {
		choices := menu(m.Choices)
		if w.Hint != nil && w.Hint(m.Lang) != "" {
			choices += "\n\n" + mark(w.Hint(m.Lang), "_")
		}
		last := len(parts) - 1
		if last >= 0 && content.Units(parts[last])+content.Units(choices)+2 <= maxText {
			parts[last] += "\n\n" + choices
		} else {
			parts = append(parts, split(choices, maxText)...)
		}
	}
	var steps []step
	if m.Card != nil && m.Card.HasPoint() {
		steps = append(steps, step{place: m.Card})
	}
	if m.Card != nil && m.Card.Phone != "" {
		steps = append(steps, step{contact: m.Card})
	}
	if m.Media != nil {
		s := step{file: m.Media}
		if len(parts) == 1 && content.Units(parts[0]) <= maxCaption && captioned(m.Media) {
			s.text, parts = parts[0], nil
		}
		steps = append(steps, s)
	}
	for _, p := range parts {
		steps = append(steps, step{text: p})
	}
	return steps
}

// message is a step that needs no upload.
func (s step) message() *waE2E.Message {
	switch {
	case s.place != nil:
		return &waE2E.Message{LocationMessage: &waE2E.LocationMessage{DegreesLatitude: &s.place.Lat, DegreesLongitude: &s.place.Lon,
			Name: &s.place.Name, Address: &s.place.Address}}
	case s.contact != nil:
		return &waE2E.Message{ContactMessage: &waE2E.ContactMessage{DisplayName: &s.contact.Name, Vcard: proto.String(vcard(s.contact))}}
	}
	return &waE2E.Message{Conversation: proto.String(s.text)}
}

// vcard is a card as a contact of the telephone (RFC 2426).
func vcard(c *flows.Card) string {
	name := strings.NewReplacer(`\`, `\\`, ",", `\,`, ";", `\;`, "\r", "", "\n", " ").Replace(c.Name)
	return "BEGIN:VCARD\nVERSION:3.0\nN:;" + name + ";;;\nFN:" + name + "\nTEL;type=WORK;type=VOICE:" + c.Phone + "\nEND:VCARD"
}

// deliver makes one message, at a person's pace.
func (w *WhatsApp) deliver(ctx context.Context, l *line, to types.JID, peer, id string, s step) error {
	wait := w.pace.reserve(peer, w.Now(), w.Pause)
	if wait > shortWait {
		return &bot.SendError{After: wait, Why: "trop de messages à la fois", Err: errors.New("at a person's pace it is not its turn")}
	}
	if wait > time.Second/2 {
		w.aside(func(ctx context.Context) {
			l.SendChatPresence(ctx, to, types.ChatPresenceComposing, types.ChatPresenceMediaText)
		})
	}
	if !sleep(ctx, wait) {
		return ctx.Err()
	}
	msg := s.message()
	if s.file != nil {
		var err error
		if msg, err = l.upload(ctx, s); err != nil {
			return w.sendError(err, false)
		}
	}
	if seconds := w.chats.fades(peer); seconds > 0 {
		fade(msg, seconds)
	}
	_, err := l.SendMessage(ctx, to, msg, whatsmeow.SendRequestExtra{ID: id, Timeout: sendTime})
	if err != nil {
		return w.sendError(err, w.chats.recent(peer, w.Now()))
	}
	return nil
}

// fade lets a message disappear after some seconds.
func fade(m *waE2E.Message, seconds uint32) {
	c := &waE2E.ContextInfo{Expiration: &seconds}
	switch {
	case m.Conversation != nil:
		m.ExtendedTextMessage, m.Conversation = &waE2E.ExtendedTextMessage{Text: m.Conversation, ContextInfo: c}, nil
	case m.ImageMessage != nil:
		m.ImageMessage.ContextInfo = c
	case m.VideoMessage != nil:
		m.VideoMessage.ContextInfo = c
	case m.AudioMessage != nil:
		m.AudioMessage.ContextInfo = c
	case m.DocumentMessage != nil:
		m.DocumentMessage.ContextInfo = c
	}
}
