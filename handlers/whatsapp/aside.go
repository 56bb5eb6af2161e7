package whatsapp

import (
	"context"
	"slices"
	"time"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"baom/bot"
)

// arrived does the small things that follow a message's arrival: the answer waits for a moment, and typing shows if it
// takes longer.
func (w *WhatsApp) arrived(peer string, info *types.MessageInfo) {
	now := w.Now()
	w.chats.wrote(peer, info, now)
	w.pace.heard(peer, now, w.Pause)
	w.typing.Begin(peer)
}

// markRead shows what a person wrote as read, now that an answer leaves.
func (w *WhatsApp) markRead(ctx context.Context, l *line, peer string) {
	chat, sender, ids := w.chats.unread(peer)
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := l.MarkRead(ctx, ids, w.Now(), chat, sender.ToNonAD()); err != nil {
		w.Log.Debug("whatsapp: a read receipt could not be sent")
	}
}

// showTyping shows the peer that an answer is on its way.
func (w *WhatsApp) showTyping(peer string) {
	l, chat := w.line.Load(), w.chats.name(peer)
	if l == nil || chat.IsEmpty() {
		return
	}
	w.aside(func(ctx context.Context) {
		l.SendChatPresence(ctx, chat, types.ChatPresenceComposing, types.ChatPresenceMediaText)
	})
}

// aside runs a small call beside the line, whose failure matters to nobody; where too many are under way it is left out.
func (w *WhatsApp) aside(f func(context.Context)) {
	select {
	case w.room <- struct{}{}:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	go func() {
		defer func() { cancel(); <-w.room }()
		w.safely("a small call", func() { f(ctx) })
	}()
}

// settle waits for the small calls beside the line, which takes no longer than their time limit.
func (w *WhatsApp) settle() {
	w.typing.Stop()
	w.missing.stop()
	for range cap(w.room) {
		w.room <- struct{}{}
	}
	for range cap(w.room) {
		<-w.room
	}
}

// typingAfter is how long an answer may take before typing shows.
const typingAfter = 400 * time.Millisecond

// maxParts is in how many parts a receipt is looked for.
const maxParts = 12

// receipt tells that messages are on a person's telephone, or were read. What else is told in a receipt is no news.
func (w *WhatsApp) receipt(l *line, e *events.Receipt) {
	read := e.Type == types.ReceiptTypeRead || e.Type == types.ReceiptTypePlayed
	if w.Reached == nil || e.IsFromMe || e.IsGroup || !read && e.Type != types.ReceiptTypeDelivered {
		return
	}
	peer, _ := l.peer(e.Sender, e.SenderAlt)
	w.Reached(bot.Receipt{Peer: peer, Read: read, Is: func(row int64) bool {
		for part := range maxParts {
			if slices.Contains(e.MessageIDs, l.messageID(row, part)) {
				return true
			}
		}
		return false
	}})
}
