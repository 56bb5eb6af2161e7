package whatsapp

import (
	"context"
	"strings"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// The bounds of what waits for the database: then the message is given back, and WhatsApp delivers it again. whatsmeow goes
// on to the next message after five minutes, out of order.
const filingTime = 4 * time.Minute

// message files a message, and reports whether it may be acknowledged. It does not return before the message is filed, so
// that those behind it keep their order.
func (w *WhatsApp) message(l *line, m *events.Message) (ok bool) {
	if !ours(&m.Info) {
		return true
	}
	w.missing.came(m.Info.ID)
	var e bot.Entry
	says := false
	if w.safely("reading a message", func() { e, says = w.entry(l, m) }) {
		// The same message would fail again: the person is told, so that it does not vanish.
		e, says = w.envelope(l, &m.Info), true
		e.Input.Kind = flows.Unread
	}
	if !says {
		return true
	}
	if !w.file(l, e, &m.Info) {
		return false
	}
	if c := contextOf(m.Message); c != nil { // who lets messages disappear has a reason: ours do too
		w.chats.fade(e.Peer.ID, c.GetExpiration())
	}
	return true
}

// file files an entry, with patience, and does what follows from its arrival.
func (w *WhatsApp) file(l *line, e bot.Entry, info *types.MessageInfo) (ok bool) {
	ctx, cancel := context.WithTimeout(l.ctx, filingTime)
	defer cancel()
	if to, err := address(e.Peer.ID); err == nil && info != nil { // whatever becomes of the session: they have written, and may be answered
		w.chats.hear(l.own, to)
	}
	for wait := 200 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		var err error
		panicked := w.safely("filing", func() { err = l.receive(ctx, e) })
		if err == nil && !panicked {
			break
		}
		if err != nil {
			w.Log.Warn("whatsapp: a message cannot be filed; it waits", "error", err)
		}
		if !sleep(ctx, wait) {
			if l.ctx.Err() == nil {
				go l.ResetConnection() // what was not acknowledged comes again
			}
			return false
		}
	}
	if info != nil && e.Deletes == "" {
		w.arrived(e.Peer.ID, info)
	}
	return true
}

// ours reports whether a message is from one person to us: not of a group, a list, a channel, the status, a bot, nor of
// the office's own telephone.
func ours(info *types.MessageInfo) bool {
	switch info.Chat.Server {
	case types.DefaultUserServer, types.HiddenUserServer:
	default:
		return false
	}
	return !info.IsGroup && !info.IsFromMe && !info.Sender.IsBot() && info.Sender.User != types.PSAJID.User && info.Category != "peer"
}

// names are the peer's phone number and LID, each empty where it is not known.
func (l *line) names(sender, alt types.JID) (pn, lid types.JID) {
	for _, j := range []types.JID{sender, alt} {
		switch j.Server {
		case types.DefaultUserServer:
			pn = j.ToNonAD()
		case types.HiddenUserServer:
			lid = j.ToNonAD()
		}
	}
	if pn.IsEmpty() && !lid.IsEmpty() {
		pn, _ = l.Store.LIDs.GetPNForLID(l.ctx, lid) // not known is as good as an error
		pn = pn.ToNonAD()
	}
	return pn, lid
}

// lidMark ends the id of a peer whose phone number is not known.
const lidMark = "@" + types.HiddenUserServer

// peer is who writes, and the other name under which they may have written before.
func (l *line) peer(sender, alt types.JID) (p bot.Peer, alias string) {
	pn, lid := l.names(sender, alt)
	p = bot.Peer{Channel: bot.WhatsApp, ID: pn.User}
	if !lid.IsEmpty() {
		alias = lid.User + lidMark
	}
	if pn.IsEmpty() {
		p.ID, alias = alias, ""
	}
	return p, alias
}

// envelope is an entry without content.
func (w *WhatsApp) envelope(l *line, info *types.MessageInfo) (e bot.Entry) {
	e.Peer, e.Alias = l.peer(info.Sender, info.SenderAlt)
	e.Key = key(info.ID)
	e.Input.At = info.Timestamp
	return e
}

// key is the key of an entry. An id that no client of WhatsApp's makes is cut: a key has its bounds.
func key(id types.MessageID) string { return "wa:" + clip(id, 150) }

// clip cuts a text to some bytes, between runes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// entry is what a message says, as an entry of the log; ok is false for what says nothing to us.
func (w *WhatsApp) entry(l *line, m *events.Message) (e bot.Entry, ok bool) {
	e = w.envelope(l, &m.Info)
	msg := m.Message
	if p := msg.GetProtocolMessage(); p != nil {
		switch p.GetType() {
		case waE2E.ProtocolMessage_REVOKE:
			e.Deletes = key(p.GetKey().GetID())
			return e, p.GetKey().GetID() != ""
		case waE2E.ProtocolMessage_MESSAGE_EDIT:
			msg, e.Input.Edited = p.GetEditedMessage(), true
			e.Key = key(p.GetKey().GetID()) + bot.Correction + clip(m.Info.ID, 40)
		default:
			return e, false // settings of the chat, keys, history
		}
	}
	if msg.GetReactionMessage() != nil {
		e.Input.Kind, e.Input.Text = flows.Reaction, msg.GetReactionMessage().GetText()
		return e, e.Input.Text != "" // an empty one takes a reaction back
	}
	if msg.GetPollUpdateMessage() != nil {
		return e, w.vote(l, m, &e)
	}
	if m.IsViewOnce || msg.GetImageMessage().GetViewOnce() || msg.GetVideoMessage().GetViewOnce() || msg.GetAudioMessage().GetViewOnce() {
		e.Input.Kind = flows.Once // to be seen once: it is not kept, and the person is told
		return e, true
	}
	w.fill(&e, msg, &m.Info)
	if msg.GetLiveLocationMessage() != nil && !l.firstFix(e.Peer.ID, w.Now()) {
		return e, false
	}
	if e.Input.Kind == flows.Text && e.Input.Text == "" {
		if silent(msg) {
			return e, false
		}
		e.Input.Kind = flows.Other
	}
	l.quote(&e, contextOf(msg))
	return e, true
}

// silent reports whether a message only carries keys or settings.
func silent(m *waE2E.Message) bool {
	return m == nil || m.GetSenderKeyDistributionMessage() != nil || m.GetFastRatchetKeySenderKeyDistributionMessage() != nil ||
		m.GetKeepInChatMessage() != nil || m.GetPinInChatMessage() != nil || m.GetEncReactionMessage() != nil || m.GetCall() != nil
}

// firstFix reports whether a live location is a new one: its later fixes are not kept.
func (l *line) firstFix(peer string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, known := l.live[peer]
	if len(l.live) > 10000 {
		clear(l.live)
	}
	l.live[peer] = now
	return !known || now.Sub(before) > 30*time.Minute // between two fixes there are seconds, or a few minutes
}

// forget forgets a peer.
func (l *line) forget(peer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.live, peer)
}

// contextOf is what a message says of the one that it answers.
func contextOf(m *waE2E.Message) *waE2E.ContextInfo {
	for _, part := range []interface{ GetContextInfo() *waE2E.ContextInfo }{m.GetExtendedTextMessage(), m.GetImageMessage(), m.GetVideoMessage(),
		m.GetAudioMessage(), m.GetDocumentMessage(), m.GetLocationMessage(), m.GetContactMessage(), m.GetStickerMessage()} {
		if c := part.GetContextInfo(); c != nil {
			return c
		}
	}
	return nil
}

// quote adds what the message answers to. Where that is a numbered menu of ours and the answer is a number, it means the
// choice of that menu, whatever has been asked since.
func (l *line) quote(e *bot.Entry, c *waE2E.ContextInfo) {
	if c.GetQuotedMessage() == nil {
		return
	}
	words := textOf(c.GetQuotedMessage())
	e.Input.Quote = clip(words, 600)
	if words == "" {
		e.Input.Quote = "[" + string(kindOf(c.GetQuotedMessage())) + "]"
	}
	who, _ := types.ParseJID(c.GetParticipant())
	if who.User != l.own.User && who.User != l.lid.User {
		return
	}
	if n, ok := content.ReadNumber(e.Input.Text); ok {
		if label := labelled(words, n); label != "" {
			e.Input.Text = label
		}
	}
}

// undecryptable waits for a message that could not be read: whatsmeow has asked for it again. A photo to be seen once comes
// to the telephone alone.
func (w *WhatsApp) undecryptable(l *line, u *events.UndecryptableMessage) {
	if !ours(&u.Info) || u.DecryptFailMode == events.DecryptFailHide {
		return
	}
	e := w.envelope(l, &u.Info)
	if u.UnavailableType == events.UnavailableTypeViewOnce {
		e.Input.Kind = flows.Once
		w.safely("filing", func() { w.file(l, e, &u.Info) })
		return
	}
	e.Input.Kind = flows.Unread
	e.Key += ":unread"
	w.missing.await(u.Info.ID, func() {
		w.safely("filing", func() { w.file(l, e, &u.Info) })
	})
}

// called rejects a call, which nobody would hear, and says so to who called.
func (w *WhatsApp) called(l *line, c *events.CallOffer) bool {
	if c.From.Server != types.DefaultUserServer && c.From.Server != types.HiddenUserServer {
		return true
	}
	w.aside(func(ctx context.Context) { l.RejectCall(ctx, c.From, c.CallID) })
	e := bot.Entry{Key: key("call:" + c.CallID)}
	e.Peer, e.Alias = l.peer(c.CallCreator, c.CallCreatorAlt)
	if e.Peer.ID == "" {
		e.Peer, e.Alias = l.peer(c.From, types.EmptyJID)
	}
	e.Input.Kind, e.Input.At = flows.Call, c.Timestamp
	return w.file(l, e, nil)
}

// patience is how long a message that could not be read is waited for.
const patience = time.Minute

// missing are messages that could not be read and were asked for again.
type missing struct {
	mu     sync.Mutex
	timers map[types.MessageID]*time.Timer
}

// await calls gone where the message does not come in time.
func (m *missing) await(id types.MessageID, gone func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.timers == nil {
		m.timers = map[types.MessageID]*time.Timer{}
	}
	if m.timers[id] != nil || len(m.timers) > 10000 {
		return
	}
	m.timers[id] = time.AfterFunc(patience, func() {
		m.mu.Lock()
		_, still := m.timers[id]
		delete(m.timers, id)
		m.mu.Unlock()
		if still {
			gone()
		}
	})
}

// came notes that a message has come after all.
func (m *missing) came(id types.MessageID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.timers[id]; t != nil {
		t.Stop()
		delete(m.timers, id)
	}
}

// stop waits for nothing any more.
func (m *missing) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.timers {
		t.Stop()
	}
	clear(m.timers)
}
