package storage

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3/lock"

	"baom/bot"
)

// notifyChannel carries topics from process to process.
const notifyChannel = "baom"

// A hub wakes those who watch. News of this process comes straight; news of others by LISTEN, for what people look at,
// and by a tick, for the to-do lists: a notification a message would queue every commit behind one lock.
type hub struct {
	pool   *pgxpool.Pool
	log    *slog.Logger
	ctx    context.Context // ends with the hub
	cancel context.CancelFunc
	done   sync.WaitGroup

	number int32       // of this process among the holders
	shown  atomic.Bool // its lock is held

	mu       sync.Mutex
	watchers map[bot.Topic]map[chan struct{}]bool
}

// tick is how often the to-do lists are looked at without news.
const tick = time.Second

func newHub(pool *pgxpool.Pool, number int32, log *slog.Logger) *hub {
	ctx, cancel := context.WithCancel(context.Background())
	h := &hub{pool: pool, number: number, log: log, ctx: ctx, cancel: cancel, watchers: map[bot.Topic]map[chan struct{}]bool{}}
	h.done.Go(func() { h.listen(ctx) })
	h.done.Go(func() { h.tick(ctx) })
	return h
}

func (h *hub) close() {
	h.cancel()
	h.done.Wait()
}

// Watch implements bot.Journal.
func (s *Store) Watch(ctx context.Context, topics ...bot.Topic) <-chan struct{} {
	return s.hub.watch(ctx, topics)
}

func (h *hub) watch(ctx context.Context, topics []bot.Topic) <-chan struct{} {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	for _, t := range topics {
		if h.watchers[t] == nil {
			h.watchers[t] = map[chan struct{}]bool{}
		}
		h.watchers[t][c] = true
	}
	h.mu.Unlock()
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, t := range topics {
			delete(h.watchers[t], c)
			if len(h.watchers[t]) == 0 {
				delete(h.watchers, t)
			}
		}
		close(c)
	})
	return c
}

// poke wakes those who watch any of the topics.
func (h *hub) poke(topics ...bot.Topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range topics {
		for c := range h.watchers[t] {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
}

// pokeAll wakes everybody whose topic passes.
func (h *hub) pokeAll(pass func(bot.Topic) bool) {
	h.mu.Lock()
	var topics []bot.Topic
	for t := range h.watchers {
		if pass(t) {
			topics = append(topics, t)
		}
	}
	h.mu.Unlock()
	h.poke(topics...)
}

// todo reports whether a topic is a to-do list.
func todo(t bot.Topic) bool {
	return t == bot.TopicInbox || t == bot.TopicMedia || t == bot.TopicTimed || t == bot.TopicErase || len(t) > 7 && t[:7] == "outbox:"
}

func (h *hub) tick(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(tick):
			h.pokeAll(todo)
		}
	}
}

// listen passes on what other processes tell, and shows them that this one lives. While its connection is away, everybody is woken every few seconds.
func (h *hub) listen(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		began := time.Now()
		if err := h.listenOnce(ctx); err != nil && ctx.Err() == nil {
			h.log.Warn("notifications are away; looking every two seconds", "error", err)
		}
		h.pokeAll(func(bot.Topic) bool { return true })
		if failures++; time.Since(began) > time.Minute {
			failures = 1
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(time.Duration(failures)*100*time.Millisecond, 2*time.Second)): // who has no lock is soon taken for dead
		}
	}
}

// proof is how long the notifications' connection may be silent before it is asked whether it still works, and timeout
// how long it may take to answer: a peer that vanished says nothing.
const (
	proof   = 20 * time.Second
	timeout = 5 * time.Second
)

func (h *hub) listenOnce(ctx context.Context) error {
	starting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(starting, h.pool.Config().ConnConfig.Copy())
	if err != nil {
		return err
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		conn.Close(ending)
	}()
	if _, err := conn.Exec(starting, `select pg_advisory_lock_shared($1, $2)`, holderLocks, h.number); err != nil {
		return err
	}
	// The others may have taken this process for dead while it could not be seen.
	if _, err := conn.Exec(starting, `insert into holders (id) values ($1) on conflict do nothing`, h.number); err != nil {
		return err
	}
	if _, err := conn.Exec(starting, "listen "+notifyChannel); err != nil {
		return err
	}
	h.shown.Store(true)
	defer h.shown.Store(false)
	h.pokeAll(func(bot.Topic) bool { return true })
	return attend(ctx, conn, func(payload string) { h.poke(bot.Topic(payload)) })
}

// attend passes on a connection's notifications until ctx ends or the connection is lost, which is an error.
func attend(ctx context.Context, conn *pgx.Conn, hear func(payload string)) error {
	for {
		waiting, cancel := context.WithTimeout(ctx, proof)
		n, err := conn.WaitForNotification(waiting)
		silent := waiting.Err() != nil
		cancel()
		switch {
		case err == nil:
			hear(n.Payload)
		case ctx.Err() != nil:
			return ctx.Err()
		case !silent || conn.IsClosed():
			return err
		default:
			asking, cancel := context.WithTimeout(ctx, timeout)
			err := conn.Ping(asking)
			cancel()
			if err != nil {
				return err
			}
		}
	}
}

// news gathers the topics that a transaction touches: told after its commit here, and to other processes with it where
// people look at them.
type news []bot.Topic

func (n *news) add(topics ...bot.Topic) { *n = append(*n, topics...) }

// queue adds the notifications to a batch.
func (n news) queue(b *pgx.Batch) {
	var topics []string
	for _, t := range n {
		if !todo(t) && !slices.Contains(topics, string(t)) {
			topics = append(topics, string(t))
		}
	}
	if len(topics) > 0 {
		b.Queue(groupNotify, topics)
	}
}

func newLocker() (lock.SessionLocker, error) { return lock.NewPostgresSessionLocker() }
