package whatsapp

import (
	"context"
	"encoding/hex"
	"sync"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"baom/bot"
	"baom/flows"
)

// maxPoll is how many options WhatsApp lets a poll have.
const maxPoll = 12

// polls remembers what the options of the polls stand for, by their hash, which is all that a vote says. It is lost with
// the process: then a vote is answered by asking for the number.
type polls struct {
	mu     sync.Mutex
	labels map[string]string
}

func (p *polls) note(labels []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.labels == nil || len(p.labels) > 10000 {
		p.labels = map[string]string{}
	}
	for i, hash := range whatsmeow.HashPollOptions(labels) {
		p.labels[hex.EncodeToString(hash)] = labels[i]
	}
}

func (p *polls) label(hash []byte) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.labels[hex.EncodeToString(hash)]
}

// poll sends the choices as a poll too. The numbers have gone out: where the poll fails nothing is lost.
func (w *WhatsApp) poll(ctx context.Context, l *line, to types.JID, m bot.Message, part int) {
	var labels []string
	for _, c := range m.Choices {
		labels = append(labels, clip(label(c), 100))
	}
	w.polls.note(labels)
	title := "?"
	if w.Hint != nil && w.Hint(m.Lang) != "" {
		title = w.Hint(m.Lang)
	}
	_, err := l.SendMessage(ctx, to, l.BuildPollCreation(title, labels, 1), whatsmeow.SendRequestExtra{ID: l.messageID(m.ID, part), Timeout: sendTime})
	if err != nil {
		w.count(refusal(err))
		w.Log.Info("whatsapp: a poll could not be sent; the numbers were")
	}
}

// vote reads what somebody chose in a poll, as if they had written it. It is false for a vote that was taken back.
func (w *WhatsApp) vote(l *line, m *events.Message, e *bot.Entry) bool {
	vote, err := l.DecryptPollVote(l.ctx, m)
	if err == nil && len(vote.GetSelectedOptions()) == 0 {
		return false
	}
	if err == nil {
		e.Input.Text = w.polls.label(vote.GetSelectedOptions()[0])
	}
	if e.Input.Text == "" {
		e.Input.Kind = flows.Other
	}
	return true
}
