package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"baom/content"
	"baom/flows"
)

// A Bot runs conversations: it receives, takes turns, delivers and fetches until it is told to stop.
type Bot struct {
	Book       func() *flows.Book // the dialogues; asked for at every turn, so that content can be reloaded
	Journal    Journal
	Messengers []Messenger
	Now        func() time.Time // in the offices' time zone
	Seed       func() uint64    // fresh randomness, for references
	Log        *slog.Logger
	Link       func(context.Context, Entry) (answer Message, ok bool, err error) // takes what is no person's message, see Notifier; nil: everything is
	Turners    int                                                               // turns at the same time; 0: 8
	Senders    int                                                               // messages under way at the same time on each channel, beside those that answer what has just arrived; 0: 16

	// Expect is how soon each office usually answers, as Expectations knows it; nil: nothing is known.
	Expect func() map[string]string

	leaving Crew // the answers under way to what has just arrived
}

// handInTime is how long a turn, a send or a fetch in hand may take to end once Run has been told to stop.
const handInTime = 20 * time.Second

// Run works until ctx ends; then it stops receiving, ends what it has in hand, and returns. It returns early only if
// a messenger cannot go on.
func (b *Bot) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, m := range b.Messengers {
		group.Go(func() error {
			if err := m.Run(ctx, b.receiver(m)); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", m.Channel(), err)
			}
			return nil
		})
		b.work(ctx, group, cmpOr(b.Senders, 16), TopicOutbox(m.Channel()), func(ctx context.Context) error {
			return b.Journal.Deliver(ctx, m.Channel(), m.Send)
		})
		b.work(ctx, group, 2, TopicMedia, func(ctx context.Context) error {
			return b.Journal.Fetch(ctx, m.Channel(), func(ctx context.Context, media Media) (io.ReadCloser, error) {
				return m.Open(ctx, media)
			})
		})
	}
	for _, m := range b.Messengers {
		if f, ok := m.(Forgetter); ok {
			b.work(ctx, group, 1, TopicErase, func(ctx context.Context) error { return b.Journal.Erase(ctx, m.Channel(), f.Forget) })
		}
	}
	b.work(ctx, group, 1, TopicTimed, b.Journal.Post)
	b.work(ctx, group, cmpOr(b.Turners, 8), TopicInbox, func(ctx context.Context) error {
		return b.Journal.Turn(ctx, b.Take)
	})
	err := group.Wait()
	b.leaving.Wait()
	return err
}

func cmpOr(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// receiver files what arrives by a messenger, with the time it is to be handled with, and takes its turn at once where
// that can be. What the turn says leaves beside the line, so that the network's acknowledgement does not wait for it.
func (b *Bot) receiver(m Messenger) func(context.Context, Entry) error {
	return func(ctx context.Context, e Entry) error {
		if e.Input.At.IsZero() {
			e.Input.At = b.Now()
		}
		if b.Link != nil {
			answer, ok, err := b.Link(ctx, e)
			if ok && err == nil {
				b.leaving.Go(func() {
					sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), handInTime)
					defer cancel()
					if _, err := m.Send(sending, answer); err != nil {
						b.Log.Warn("an officer got no answer to their code", "error", err)
					}
				})
			}
			if ok || err != nil {
				return err
			}
		}
		_, deliver, err := b.Journal.Answer(ctx, e, b.Take)
		if deliver != nil {
			b.leaving.Go(func() {
				if err := deliver(context.WithoutCancel(ctx), m.Send); err != nil {
					b.Log.Error("work failed", "topic", string(TopicOutbox(m.Channel())), "error", err)
				}
			})
		}
		return err
	}
}

// work keeps n workers at do. A worker goes on until there is nothing to do, and wakes another each time it found
// something, so that as many work as there is work for. News of the topic wakes the first.
func (b *Bot) work(ctx context.Context, group *errgroup.Group, n int, topic Topic, do func(context.Context) error) {
	wake := make(chan struct{}, n)
	poke := func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	news := b.Journal.Watch(ctx, topic)
	group.Go(func() error {
		poke()
		for {
			select {
			case <-ctx.Done():
				return nil
			case _, ok := <-news:
				if !ok {
					return nil
				}
				poke()
			}
		}
	})
	for range n {
		group.Go(func() error {
			for failures := 0; ; {
				if ctx.Err() != nil {
					return nil
				}
				hand, cancel := context.WithTimeout(context.WithoutCancel(ctx), handInTime+time.Minute)
				err := do(hand)
				cancel()
				switch {
				case err == nil:
					failures = 0
					poke()
				case errors.Is(err, ErrIdle):
					failures = 0
					select {
					case <-ctx.Done():
						return nil
					case <-wake:
					}
				default:
					failures++
					if failures == 1 || failures%60 == 0 {
						b.Log.Error("work failed", "topic", string(topic), "failures", failures, "error", err)
					}
					select {
					case <-ctx.Done():
						return nil
					case <-time.After(min(time.Duration(failures)*100*time.Millisecond, 2*time.Second)):
					}
				}
			}
		})
	}
}

// Take is a turn: it steps the dialogue and gathers what follows from it. A panic in the dialogue sets the entry aside
// and says sorry; the person is not left without an answer.
func (b *Bot) Take(s flows.Session, e Entry) (t Turn) {
	book := b.Book()
	defer func() {
		if r := recover(); r != nil {
			t = b.sorry(book, s, e, fmt.Sprintf("%T in the step\n%s", r, debug.Stack()))
		}
	}()
	in := e.Input
	now := b.Now()
	if in.At.IsZero() || in.Event != "" {
		in.At = now
	}
	in.At = in.At.In(now.Location())
	in.Seed = b.Seed()
	if b.Expect != nil {
		in.Expect = b.Expect()
	}
	if e.Media != nil && e.Media.State == MediaLost {
		in.Slots = map[string]string{"lost": "yes"}
	}
	session, effects := book.Step(s, in)
	t = gather(session, effects, now)
	if live(session) && (t.Case != nil || !live(s)) {
		if t.Case == nil {
			t.Case = &CaseChange{}
		}
		t.Case.Live = true
	}
	b.speak(book.Library(), effects, &t)
	return t
}

// live reports whether what the person writes goes to an officer.
func live(s flows.Session) bool { return s.Flow == "handoff" && s.State == "live" }

// speak adds the recordings of answers to the messages that have one. A recording that cannot be read is left out: the
// words say the same.
func (b *Bot) speak(lib *content.Library, effects []flows.Effect, t *Turn) {
	i := -1
	for _, effect := range effects {
		say, ok := effect.(flows.Say)
		if !ok {
			continue
		}
		i++
		if say.Audio == "" {
			continue
		}
		data, err := lib.Answer(say.Audio).Audio(t.Session.Lang)
		if err != nil {
			b.Log.Warn("a recording cannot be read", "answer", say.Audio, "error", err)
			continue
		}
		t.Send[i].Media = &Media{Kind: flows.Voice, Mime: "audio/ogg; codecs=opus", Size: int64(len(data)), Data: data, State: MediaReady}
	}
}

// gather turns the effects of a step into what the journal commits.
func gather(session flows.Session, effects []flows.Effect, now time.Time) Turn {
	t := Turn{Session: session, Discard: session.Consent == "no"}
	change := func() *CaseChange {
		if t.Case == nil {
			t.Case = &CaseChange{}
		}
		return t.Case
	}
	for _, effect := range effects {
		switch e := effect.(type) {
		case flows.Say:
			m := Message{Lang: session.Lang, Text: e.Text, Choices: e.Choices, Card: e.Card}
			if e.Meeting != nil {
				m.Media = calendar(e.Meeting, now)
			}
			t.Send = append(t.Send, m)
		case flows.OpenCase:
			c := change()
			c.Open, c.Reference, c.Office, c.Answers = true, e.Reference, e.Office, e.Answers
			if e.Urgent != "" {
				c.Urgent = e.Urgent
			}
		case flows.Relay:
			change().Relay = true
		case flows.Withdraw:
			change().Withdraw = true
		case flows.Transfer:
			change().Transfer = &e
		case flows.Link:
			t.Link = e.Code
		case flows.Rate:
			c := change()
			if e.Score > 0 {
				c.Score = e.Score
			}
			c.Comment = e.Comment
		case flows.Attend:
			change().Attend = &e
		case flows.Alert:
			change().Urgent = e.Kind
		case flows.Remind:
			key := Timer + e.What
			t.Cancel = append(t.Cancel, key)
			if e.After > 0 {
				t.Later = append(t.Later, Entry{Key: key + ":" + itoa(now.UnixNano()), Due: now.Add(e.After),
					Input: flows.Input{Event: flows.EventReminder, Slots: map[string]string{"what": e.What}}})
			}
		case flows.Asked:
			t.Asked = append(t.Asked, e)
		case flows.Forget:
			t.Forget = true
		}
	}
	return t
}

// sorry is the turn of an entry that could not be handled.
func (b *Bot) sorry(book *flows.Book, s flows.Session, e Entry, trace string) Turn {
	b.Log.Error("a step panicked", "entry", e.ID, "flow", s.Flow, "state", s.State, "trace", trace)
	t := Turn{Session: s, Failed: trace, Discard: s.Consent == "no"}
	if e.Input.Event == "" {
		t.Send = []Message{{Lang: s.Lang, Text: book.Library().Page("sorry", s.Lang, nil),
			Choices: []content.Option{book.Library().Option("menu.officer", s.Lang), book.Library().Option("menu.menu", s.Lang)}}}
	}
	return t
}
