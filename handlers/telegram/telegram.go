// Package telegram carries messages over Telegram's Bot API.
//
// It takes types and methods from go-telegram/bot, but not its loops: those acknowledge an update before it is handled.
// Ours, polling or webhook, tell Telegram that an update has arrived only after it is filed durably, so that a crash or a
// database that is down loses nothing: Telegram sends again. Telegram has no key against sending twice: a crash between
// its answer to a message and our mark repeats that one message, and we choose a repeat over a loss.
//
// What a person writes, who they are and where they are never appears in a log or in an error; nor does the bot's token.
package telegram

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	tg "github.com/go-telegram/bot"

	"baom/bot"
)

// Config says how to reach the Bot API.
type Config struct {
	Token     string
	APIURL    string // empty: https://api.telegram.org
	Mode      string // poll or webhook; empty: poll
	Secret    string // the webhook's secret token, 1 to 256 of A-Z a-z 0-9 _ -; webhook mode needs one
	PublicURL string // in webhook mode: where Telegram posts, told to it at the start; empty: told by somebody else

	// HTTP makes the calls; nil is a client with time limits and room for many connections to one host. The time
	// limit of another one must be longer than a long poll, 25 seconds.
	HTTP *http.Client
	Log  *slog.Logger     // nil: nothing is logged
	Now  func() time.Time // nil: time.Now

	// Hold lets one process poll, for as long as the context it returns lives; nil means that there is only one.
	Hold func(ctx context.Context) (held context.Context, release func(), ok bool, err error)
}

// Telegram is the channel. It implements bot.Messenger.
type Telegram struct {
	Config
	api     *tg.Bot
	base    string   // the API's address, without a slash at its end
	bot     *url.URL // where its methods are called, with a slash at its end
	bare    cleared
	typing  bot.Typing[int64]
	pace    pace
	parts   bot.Parts
	receive atomic.Pointer[receiver] // the one given to Run, while it runs
	crew    bot.Crew
	room    chan struct{} // bounds the small calls beside the line: answered presses, removed keyboards
	posts   atomic.Int64  // a webhook's posts in hand
	blocked atomic.Int64  // how many people have blocked the bot since the start

	groupsMu sync.Mutex
	groups   map[int64]bool // groups that we have left
}

var _ bot.Messenger = (*Telegram)(nil)

// A receiver files an entry durably.
type receiver func(context.Context, bot.Entry) error

// allowed are the kinds of updates that we ask for.
var allowed = []string{"message", "edited_message", "callback_query", "my_chat_member"}

// The letters of a secret token and of a deep link's payload.
const linkLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// New makes the channel. It does not call Telegram.
func New(c Config) (*Telegram, error) {
	id, rest, ok := strings.Cut(c.Token, ":")
	if _, err := strconv.ParseInt(id, 10, 64); err != nil || !ok || len(rest) < 3 || strings.Trim(rest, linkLetters) != "" {
		return nil, errors.New("BAOM_TELEGRAM_TOKEN is not a token of a Telegram bot: it is written 123456789:ABC-def…, as @BotFather gave it")
	}
	if c.Mode != "" && c.Mode != "poll" && c.Mode != "webhook" {
		return nil, fmt.Errorf("BAOM_TELEGRAM_MODE %q is neither poll nor webhook", c.Mode)
	}
	if c.Mode == "webhook" && (c.Secret == "" || len(c.Secret) > 256 || strings.Trim(c.Secret, linkLetters) != "") {
		return nil, errors.New("BAOM_TELEGRAM_SECRET: webhook mode needs a secret token, 1 to 256 of A-Z a-z 0-9 _ -")
	}
	if c.APIURL == "" {
		c.APIURL = "https://api.telegram.org"
	}
	if u, err := url.Parse(c.APIURL); err != nil || u.Host == "" {
		return nil, fmt.Errorf("BAOM_TELEGRAM_API_URL %q is not an address", c.APIURL)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.HTTP == nil {
		// The library's two idle connections halve what can be sent at once.
		c.HTTP = &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 256, MaxIdleConnsPerHost: 128, MaxConnsPerHost: 128,
			IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true}}
	}
	base := strings.TrimSuffix(c.APIURL, "/")
	api, err := tg.New(c.Token, tg.WithSkipGetMe(), tg.WithServerURL(base), tg.WithHTTPClient(time.Minute, c.HTTP),
		tg.WithErrorsHandler(func(error) {})) // its own handler writes to the standard log; every error is returned as well
	if err != nil {
		return nil, fmt.Errorf("telegram: %w", err)
	}
	address, err := botAddress(base, c.Token)
	if err != nil {
		return nil, fmt.Errorf("telegram: %w", err)
	}
	t := &Telegram{Config: c, api: api, base: base, bot: address, room: make(chan struct{}, 64), groups: map[int64]bool{}}
	t.typing.After, t.typing.Show = 400*time.Millisecond, t.showTyping
	return t, nil
}

// Channel implements bot.Messenger.
func (t *Telegram) Channel() bot.Channel { return bot.Telegram }

// Run implements bot.Messenger: it polls, or lets the webhook in, until ctx ends. It returns an error where Telegram can
// never work: for a token that it does not know.
func (t *Telegram) Run(ctx context.Context, receive func(context.Context, bot.Entry) error) error {
	defer t.settle()
	if t.Mode == "webhook" {
		t.receive.Store((*receiver)(&receive))
		defer t.receive.Store(nil)
		if t.PublicURL != "" {
			if err := t.untilDone(ctx, t.setWebhook); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		if err := t.pollHeld(ctx, receive); err != nil {
			return err
		}
	}
	return nil
}

func (t *Telegram) setWebhook(ctx context.Context) error {
	_, err := t.api.SetWebhook(ctx, &tg.SetWebhookParams{URL: strings.TrimSuffix(t.PublicURL, "/") + "/telegram/webhook", SecretToken: t.Secret,
		AllowedUpdates: allowed, MaxConnections: 100})
	return err
}

// untilDone calls f until it works, with back-off; only an unknown token ends it with an error.
func (t *Telegram) untilDone(ctx context.Context, f func(context.Context) error) error {
	for failures := 1; ctx.Err() == nil; failures++ {
		err := f(ctx)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, tg.ErrorUnauthorized) || errors.Is(err, tg.ErrorNotFound):
			return errToken
		case ctx.Err() == nil:
			t.Log.Warn("telegram cannot be reached; trying again", "failures", failures, "error", t.hide(err))
			sleep(ctx, backoff(failures))
		}
	}
	return nil
}

// backoff is how long to wait after some failures in a row: half a second to half a minute, with jitter.
func backoff(failures int) time.Duration {
	d := min(500*time.Millisecond<<min(failures-1, 6), 30*time.Second)
	return d/2 + rand.N(d/2)
}

// sleep waits, and reports whether ctx still goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

const (
	maxUpdate = 1 << 20 // bounds a webhook's body, in bytes
	maxPosts  = 1024    // bounds the posts in hand; Telegram makes 100 at once
)

// Webhook takes updates that Telegram posts: 200 only after the update is filed, 401 for a wrong secret, 400 and 413 for
// what is no update, 503 where it cannot be filed now or too much is in hand, so that Telegram sends it again.
func (t *Telegram) Webhook() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t.Secret == "" || subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Telegram-Bot-Api-Secret-Token")), []byte(t.Secret)) != 1 {
			http.Error(w, "not for you", http.StatusUnauthorized)
			return
		}
		if t.posts.Add(1) > maxPosts {
			t.posts.Add(-1)
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too much at once", http.StatusServiceUnavailable)
			return
		}
		defer t.posts.Add(-1)
		read := buffers.Get().(*bytes.Buffer)
		defer buffers.Put(read)
		read.Reset()
		_, err := read.ReadFrom(http.MaxBytesReader(w, r.Body, maxUpdate))
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			http.Error(w, "too large for an update", http.StatusRequestEntityTooLarge)
			return
		}
		u, ok := decode(read.Bytes())
		if err != nil || !ok {
			http.Error(w, "not an update", http.StatusBadRequest)
			return
		}
		receive := t.receive.Load()
		if receive == nil {
			err = errors.New("not running")
		} else {
			err = t.take(r.Context(), u, *receive, true)
		}
		if err != nil {
			t.Log.Warn("telegram: an update could not be filed; Telegram sends it again", "error", err)
			w.Header().Set("Retry-After", "2")
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		if u.CallbackQuery == nil {
			w.WriteHeader(http.StatusOK)
			return
		}
		// Our answer carries Telegram's: the button stops turning without a call.
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(pressed{Method: "answerCallbackQuery", Query: u.CallbackQuery.ID})
	})
}
