package storage

import (
	"context"
	"log/slog"
	"sync"
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
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu       sync.Mutex
	watchers map[bot.Topic]map[chan struct{}]bool
}

// tick is how often the to-do lists are looked at without news.
const tick = time.Second

func newHub(pool *pgxpool.Pool, log *slog.Logger) *hub {
	ctx, cancel := context.WithCancel(context.Background())
	h := &hub{pool: pool, log: log, cancel: cancel, watchers: map[bot.Topic]map[chan struct{}]bool{}}
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
	return t == bot.TopicInbox || t == bot.TopicMedia || len(t) > 7 && t[:7] == "outbox:"
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

// listen passes on what other processes tell. While its connection is away, everybody is woken every few seconds.
func (h *hub) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := h.listenOnce(ctx); err != nil && ctx.Err() == nil {
			h.log.Warn("notifications are away; looking every two seconds", "error", err)
		}
		h.pokeAll(func(bot.Topic) bool { return true })
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
	}
}

func (h *hub) listenOnce(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, h.pool.Config().ConnConfig.Copy())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "listen "+notifyChannel); err != nil {
		return err
	}
	h.pokeAll(func(bot.Topic) bool { return true })
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		h.poke(bot.Topic(n.Payload))
	}
}

// news gathers the topics that a transaction touches: told after its commit here, and to other processes with it where
// people look at them.
type news []bot.Topic

func (n *news) add(topics ...bot.Topic) { *n = append(*n, topics...) }

// queue adds the notifications to a batch.
func (n news) queue(b *pgx.Batch) {
	for _, t := range n {
		if !todo(t) {
			b.Queue(`select pg_notify($1, $2)`, notifyChannel, string(t))
		}
	}
}

func newLocker() (lock.SessionLocker, error) { return lock.NewPostgresSessionLocker() }
