package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	tg "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

// naive is the loop that one writes first, as the reference that ratios are taken against: it keeps what people write
// and what it answers as durably, but statement by statement: begin, two inserts, an update, commit, five round trips,
// with the session read from Redis before and written after. It seals nothing, knows no case and no timer, sends each
// answer with the library's defaults, and its dialogue is a count.
type naive struct {
	pool  *pgxpool.Pool
	redis *redis.Client
	api   *tg.Bot
}

// naiveTables are made anew at each start.
const naiveTables = `
	drop table if exists naive_messages, naive_conversations;
	create table naive_conversations (chat bigint primary key, step int not null, seen_at timestamptz not null);
	create table naive_messages (id bigint generated always as identity primary key, chat bigint not null, key text, author text not null,
		body text not null, at timestamptz not null default now(), unique (chat, key));`

// serveNaive runs the reference until ctx ends. echo leaves out everything but the answer: go-telegram/bot, stateless.
func serveNaive(ctx context.Context, c target, echo bool) error {
	api, err := tg.New(c.token, tg.WithSkipGetMe(), tg.WithServerURL(c.api))
	if err != nil {
		return err
	}
	n := &naive{api: api}
	if !echo {
		if n.pool, err = pgxpool.New(ctx, c.database); err != nil {
			return err
		}
		defer n.pool.Close()
		if _, err := n.pool.Exec(ctx, naiveTables); err != nil {
			return err
		}
		o, err := redis.ParseURL(c.redis)
		if err != nil {
			return err
		}
		n.redis = redis.NewClient(o)
		defer n.redis.Close()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /telegram/webhook", func(w http.ResponseWriter, r *http.Request) {
		var u models.Update
		if err := json.NewDecoder(r.Body).Decode(&u); err != nil || u.Message == nil {
			http.Error(w, "not an update", http.StatusBadRequest)
			return
		}
		if err := n.take(r.Context(), &u); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	l, err := net.Listen("tcp", c.addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { server.Close() })
	return server.Serve(l)
}

// take keeps a message and its answer, sends that, and returns.
func (n *naive) take(ctx context.Context, u *models.Update) error {
	chat, text := u.Message.Chat.ID, "answer"
	if n.pool != nil {
		key := "naive:" + strconv.FormatInt(chat, 10)
		step, err := n.redis.Get(ctx, key).Int()
		if err != nil && err != redis.Nil {
			return err
		}
		text = fmt.Sprintf("answer %d", step+1)
		if fresh, err := n.keep(ctx, u, step+1, text); err != nil || !fresh {
			return err
		}
		if err := n.redis.Set(ctx, key, step+1, 48*time.Hour).Err(); err != nil {
			return err
		}
	}
	_, err := n.api.SendMessage(ctx, &tg.SendMessageParams{ChatID: chat, Text: text})
	return err
}

func (n *naive) keep(ctx context.Context, u *models.Update, step int, text string) (fresh bool, err error) {
	chat := u.Message.Chat.ID
	err = pgx.BeginFunc(ctx, n.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `insert into naive_messages (chat, key, author, body) values ($1, $2, 'person', $3) on conflict do nothing`,
			chat, "tg:"+strconv.FormatInt(u.ID, 10), u.Message.Text)
		if fresh = tag.RowsAffected() == 1; err != nil || !fresh {
			return err
		}
		if _, err := tx.Exec(ctx, `insert into naive_messages (chat, author, body) values ($1, 'bot', $2)`, chat, text); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into naive_conversations (chat, step, seen_at) values ($1, $2, now())
			on conflict (chat) do update set step = $2, seen_at = now()`, chat, step)
		return err
	})
	return fresh, err
}
