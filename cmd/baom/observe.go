package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"baom/bot"
	"baom/flows"
)

// A meter counts and times what passes the boundaries of the record, and nothing of who passes. Storage and channels know
// nothing of it: they are wrapped.
type meter struct {
	now func() time.Time
	log *slog.Logger

	received, turns, sends, retries, fetches, failures, questions, cases *prometheus.CounterVec
	boundaries, sending                                                  *prometheus.HistogramVec
	stepping, group                                                      prometheus.Histogram
}

// The bounds of the histograms, in seconds: a turn takes a millisecond, a network's answer some hundreds of them.
var bounds = []float64{.00025, .0005, .001, .002, .004, .008, .016, .032, .064, .125, .25, .5, 1, 2.5, 5, 10, 30}

func newMeter(registry *prometheus.Registry, now func() time.Time, log *slog.Logger) *meter {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		registry.MustRegister(c)
		return c
	}
	times := func(name, help string, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: bounds}, labels)
		registry.MustRegister(h)
		return h
	}
	m := &meter{now: now, log: log,
		received:   counter("baom_received_total", "Entries filed (boundary A). result: fresh, or again for one that was filed before.", "channel", "result"),
		turns:      counter("baom_turns_total", "Entries handled (boundary B). result: done, or aside for one that made the dialogue fail.", "channel", "result"),
		sends:      counter("baom_sends_total", "Tries to send a message (boundary C). result: sent, later, or refused for good.", "channel", "result"),
		retries:    counter("baom_send_retries_total", "Tries to send a message that had been tried before.", "channel"),
		fetches:    counter("baom_fetches_total", "Files asked for (boundary D). result: fetched, or failed.", "channel", "result"),
		failures:   counter("baom_failures_total", "Transactions that failed, by boundary: receive, turn, deliver, fetch.", "boundary"),
		questions:  counter("baom_questions_total", "What came of questions: answered, offered, chosen, declined, useful …", "lang", "outcome"),
		cases:      counter("baom_cases_opened_total", "Cases opened or completed by the dialogue.", "channel", "urgent"),
		boundaries: times("baom_boundary_seconds", "How long each boundary takes, answer being receive and turn in one; deliver without the network's part.", "boundary"),
		sending:    times("baom_send_seconds", "How long a network takes to take a message.", "channel"),
	}
	m.stepping = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "baom_step_seconds", Help: "How long the dialogue's step takes, within the turn.",
		Buckets: []float64{1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, .001, .002, .005, .01, .1}})
	m.group = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "baom_turn_group_size", Help: "How many turns shared a transaction.", Buckets: []float64{1, 2, 4, 8, 16, 32, 64}})
	registry.MustRegister(m.stepping, m.group)
	// From zero on: a rise is seen from the first one only where there was a zero before it.
	for _, boundary := range []string{"receive", "turn", "deliver", "fetch"} {
		m.failures.WithLabelValues(boundary)
	}
	for _, c := range []bot.Channel{bot.Telegram, bot.WhatsApp, bot.Web} {
		for _, urgent := range []string{"no", "yes"} {
			m.cases.WithLabelValues(string(c), urgent)
		}
		m.turns.WithLabelValues(string(c), "aside")
		m.sends.WithLabelValues(string(c), "refused")
		m.retries.WithLabelValues(string(c))
	}
	return m
}

// journal is the record, measured.
func (m *meter) journal(j bot.Journal) bot.Journal { return &measured{j, m} }

// A measured journal passes everything on, and counts.
type measured struct {
	bot.Journal
	m *meter
}

// failed counts a transaction that failed; nothing to do is no failure.
func (m *meter) failed(boundary string, err error) bool {
	if err != nil && !errors.Is(err, bot.ErrIdle) {
		m.failures.WithLabelValues(boundary).Inc()
	}
	return err != nil
}

// Receive implements bot.Journal.
func (j *measured) Receive(ctx context.Context, e bot.Entry) (fresh bool, err error) {
	began := j.m.now()
	fresh, err = j.Journal.Receive(ctx, e)
	if j.m.failed("receive", err) {
		return fresh, err
	}
	j.m.boundaries.WithLabelValues("receive").Observe(j.m.now().Sub(began).Seconds())
	result := "again"
	if fresh {
		result = "fresh"
	}
	j.m.received.WithLabelValues(string(e.Peer.Channel), result).Inc()
	return fresh, nil
}

// Answer implements bot.Journal. A step is counted where it was committed with its entry; else Turn takes it again.
func (j *measured) Answer(ctx context.Context, e bot.Entry, step func(flows.Session, bot.Entry) bot.Turn) (fresh bool, deliver bot.Deliver, err error) {
	began := j.m.now()
	var k taken
	fresh, deliver, err = j.Journal.Answer(ctx, e, func(s flows.Session, e bot.Entry) bot.Turn {
		at := j.m.now()
		t := step(s, e)
		k = taken{e.ID, e.Peer.Channel, [2]string{s.Flow, s.State}, [2]string{t.Session.Flow, t.Session.State}, t, j.m.now().Sub(at)}
		return t
	})
	if j.m.failed("receive", err) {
		return fresh, deliver, err
	}
	whole := j.m.now().Sub(began)
	result := "again"
	if fresh {
		result = "fresh"
	}
	j.m.received.WithLabelValues(string(e.Peer.Channel), result).Inc()
	if deliver == nil {
		j.m.boundaries.WithLabelValues("receive").Observe(whole.Seconds())
		return fresh, nil, nil
	}
	j.m.boundaries.WithLabelValues("answer").Observe(whole.Seconds())
	j.m.count(k, whole)
	do := deliver // which the result is about to replace
	return fresh, func(ctx context.Context, send func(context.Context, bot.Message) (string, error)) error {
		return j.m.deliver(ctx, e.Peer.Channel, send, do)
	}, nil
}

// A taken is a step of the dialogue on the way to its commit.
type taken struct {
	entry    int64
	channel  bot.Channel
	from, to [2]string // flow and state
	turn     bot.Turn
	took     time.Duration
}

// Turn implements bot.Journal. What was stepped is counted once it is committed; the closure may be called for several
// entries, and again for one whose transaction was rolled back.
func (j *measured) Turn(ctx context.Context, step func(flows.Session, bot.Entry) bot.Turn) error {
	began := j.m.now()
	var mu sync.Mutex
	all := map[int64]taken{}
	err := j.Journal.Turn(ctx, func(s flows.Session, e bot.Entry) bot.Turn {
		at := j.m.now()
		t := step(s, e)
		k := taken{e.ID, e.Peer.Channel, [2]string{s.Flow, s.State}, [2]string{t.Session.Flow, t.Session.State}, t, j.m.now().Sub(at)}
		mu.Lock()
		all[e.ID] = k
		mu.Unlock()
		return t
	})
	if j.m.failed("turn", err) || len(all) == 0 {
		return err
	}
	whole := j.m.now().Sub(began)
	j.m.boundaries.WithLabelValues("turn").Observe(whole.Seconds())
	j.m.group.Observe(float64(len(all)))
	for _, k := range all {
		j.m.count(k, whole)
	}
	return nil
}

// count counts a committed turn, with one line at debug: numbers and codes, nobody's words.
func (m *meter) count(k taken, whole time.Duration) {
	result := "done"
	if k.turn.Failed != "" {
		result = "aside"
	}
	m.turns.WithLabelValues(string(k.channel), result).Inc()
	m.stepping.Observe(k.took.Seconds())
	for _, a := range k.turn.Asked {
		m.questions.WithLabelValues(string(a.Lang), a.Outcome).Inc()
	}
	if c := k.turn.Case; c != nil && c.Open {
		urgent := "no"
		if c.Urgent != "" {
			urgent = "yes"
		}
		m.cases.WithLabelValues(string(k.channel), urgent).Inc()
	}
	m.log.Debug("turn", "entry", k.entry, "channel", string(k.channel), "flow", k.from[0], "state", k.from[1], "to_flow", k.to[0], "to_state", k.to[1],
		"replies", len(k.turn.Send), "result", result, "step_us", k.took.Microseconds(), "turn_us", whole.Microseconds())
}

// Deliver implements bot.Journal.
func (j *measured) Deliver(ctx context.Context, c bot.Channel, send func(context.Context, bot.Message) (string, error)) error {
	return j.m.deliver(ctx, c, send, func(ctx context.Context, send func(context.Context, bot.Message) (string, error)) error {
		return j.Journal.Deliver(ctx, c, send)
	})
}

// deliver counts what is sent by do, and times it without the network's part.
func (m *meter) deliver(ctx context.Context, c bot.Channel, send func(context.Context, bot.Message) (string, error), do bot.Deliver) error {
	began := m.now()
	var mu sync.Mutex // several messages may be sent for one call
	var network time.Duration
	sent := 0
	err := do(ctx, func(ctx context.Context, msg bot.Message) (string, error) {
		at := m.now()
		id, err := send(ctx, msg)
		took := m.now().Sub(at)
		mu.Lock()
		network, sent = network+took, sent+1
		mu.Unlock()
		m.sent(c, msg, took, err)
		return id, err
	})
	if m.failed("deliver", err) || sent == 0 {
		return err
	}
	m.boundaries.WithLabelValues("deliver").Observe(max(0, m.now().Sub(began)-network).Seconds())
	return nil
}

// sent counts one try to send.
func (m *meter) sent(c bot.Channel, msg bot.Message, took time.Duration, err error) {
	result := "sent"
	var refused *bot.SendError
	switch {
	case errors.As(err, &refused) && refused.Permanent:
		result = "refused"
	case err != nil:
		result = "later"
	}
	m.sends.WithLabelValues(string(c), result).Inc()
	m.sending.WithLabelValues(string(c)).Observe(took.Seconds())
	if msg.Attempt > 0 {
		m.retries.WithLabelValues(string(c)).Inc()
	}
}

// Fetch implements bot.Journal.
func (j *measured) Fetch(ctx context.Context, c bot.Channel, open func(context.Context, bot.Media) (io.ReadCloser, error)) error {
	err := j.Journal.Fetch(ctx, c, func(ctx context.Context, media bot.Media) (io.ReadCloser, error) {
		r, err := open(ctx, media)
		result := "fetched"
		if err != nil {
			result = "failed"
		}
		j.m.fetches.WithLabelValues(string(c), result).Inc()
		return r, err
	})
	j.m.failed("fetch", err)
	return err
}
