// Package telegram carries messages over Telegram's Bot API.
//
// It takes types and methods from go-telegram/bot, but not its loops: those acknowledge an update before it is handled.
// Ours, polling or webhook, tell Telegram that an update has arrived only after it is filed durably, so that a crash or a
// database that is down loses nothing: Telegram sends again. Telegram has no key against sending twice: a crash between
// its answer to a message and our mark repeats that one message, and we choose a repeat over a loss.
package telegram

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	tg "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"baom/bot"
)

// Config says how to reach the Bot API.
type Config struct {
	Token     string
	APIURL    string // empty: https://api.telegram.org
	Mode      string // poll or webhook
	Secret    string // the webhook's secret token
	PublicURL string // in webhook mode: where Telegram posts, told to it at the start; empty: told by somebody else
	HTTP      *http.Client
	Log       *slog.Logger
	Now       func() time.Time

	// Hold lets one process poll, for as long as the context it returns lives; nil means that there is only one.
	Hold func(ctx context.Context) (held context.Context, release func(), ok bool, err error)
}

// Telegram is the channel. It implements bot.Messenger.
type Telegram struct {
	Config
	api     *tg.Bot
	typing  typing
	receive atomic.Pointer[receiver] // the one given to Run, while it runs
	room    chan struct{}            // bounds the small calls beside the line: answered presses, removed keyboards
}

var _ bot.Messenger = (*Telegram)(nil)

// A receiver files an entry durably.
type receiver func(context.Context, bot.Entry) error

// allowed are the kinds of updates that we ask for.
var allowed = []string{"message", "edited_message", "callback_query"}

// New makes the channel. It does not call Telegram.
func New(c Config) (*Telegram, error) {
	id, rest, ok := strings.Cut(c.Token, ":")
	if _, err := strconv.ParseInt(id, 10, 64); err != nil || !ok || len(rest) < 3 || strings.ContainsAny(c.Token, "/ \n?#") {
		return nil, errors.New("BAOM_TELEGRAM_TOKEN is not a token of a Telegram bot: it is written 123456789:ABC-def…, as @BotFather gave it")
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
		c.HTTP = &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 256, MaxIdleConnsPerHost: 128,
			IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true}}
	}
	api, err := tg.New(c.Token, tg.WithSkipGetMe(), tg.WithServerURL(strings.TrimSuffix(c.APIURL, "/")), tg.WithHTTPClient(time.Minute, c.HTTP))
	if err != nil {
		return nil, fmt.Errorf("telegram: %w", err)
	}
	t := &Telegram{Config: c, api: api, room: make(chan struct{}, 64)}
	t.typing = typing{after: 400 * time.Millisecond, show: t.showTyping, timers: map[int64]*time.Timer{}}
	return t, nil
}

// Channel implements bot.Messenger.
func (t *Telegram) Channel() bot.Channel { return bot.Telegram }

// Run implements bot.Messenger: it polls, or lets the webhook in, until ctx ends.
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
		held, release, ok, err := t.hold(ctx)
		if !ok {
			if err != nil && ctx.Err() == nil {
				t.Log.Warn("telegram: the lock for polling cannot be asked for", "error", err)
			}
			sleep(ctx, 2*time.Second) // another process polls
			continue
		}
		err = t.poll(held, receive)
		release()
		if err != nil {
			return err
		}
	}
	return nil
}

// settle waits for the small calls beside the line, and lets no more begin.
func (t *Telegram) settle() {
	for range cap(t.room) {
		t.room <- struct{}{}
	}
}

func (t *Telegram) hold(ctx context.Context) (context.Context, func(), bool, error) {
	if t.Hold == nil {
		return ctx, func() {}, true, nil
	}
	return t.Hold(ctx)
}

// poll asks for updates and moves the offset past one only after it has been received. It returns an error where
// polling can never work: a token that Telegram does not know.
func (t *Telegram) poll(ctx context.Context, receive func(context.Context, bot.Entry) error) error {
	if err := t.untilDone(ctx, t.deleteWebhook); err != nil {
		return err
	}
	var offset int64
	for failures := 0; ctx.Err() == nil; {
		updates, err := t.getUpdates(ctx, offset)
		if err == nil {
			offset, err = t.receiveAll(ctx, updates, offset, receive)
		}
		if err == nil {
			failures = 0
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, errToken) {
			return err
		}
		failures++
		t.Log.Warn("telegram: polling failed and goes on", "failures", failures, "error", err)
		sleep(ctx, backoff(failures))
	}
	return nil
}

// receiveAll files updates in order and returns the offset after the last one that is filed.
func (t *Telegram) receiveAll(ctx context.Context, updates []models.Update, offset int64, receive func(context.Context, bot.Entry) error) (int64, error) {
	for i := range updates {
		if err := t.take(ctx, &updates[i], receive); err != nil {
			return offset, fmt.Errorf("receive an update: %w", err)
		}
		offset = updates[i].ID + 1
	}
	return offset, nil
}

// take files one update and does what follows from its arrival.
func (t *Telegram) take(ctx context.Context, u *models.Update, receive func(context.Context, bot.Entry) error) error {
	e, ok := t.entry(u)
	if ok {
		if err := receive(ctx, e); err != nil {
			return err
		}
	}
	t.arrived(ctx, u, ok)
	return nil
}

// errToken is the answer to a token that Telegram does not know.
var errToken = errors.New("Telegram does not know this token: check BAOM_TELEGRAM_TOKEN with @BotFather")

// getUpdates is one long poll.
func (t *Telegram) getUpdates(ctx context.Context, offset int64) ([]models.Update, error) {
	ctx, cancel := context.WithTimeout(ctx, 50*time.Second)
	defer cancel()
	list, err := json.Marshal(allowed)
	if err != nil {
		return nil, err
	}
	form := url.Values{"offset": {strconv.FormatInt(offset, 10)}, "timeout": {"25"}, "limit": {"100"}, "allowed_updates": {string(list)}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(t.APIURL, "/")+"/bot"+t.Token+"/getUpdates", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("make the request")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := t.HTTP.Do(req)
	if err != nil {
		return nil, t.hide(err)
	}
	defer resp.Body.Close()
	var answer struct {
		OK          bool            `json:"ok"`
		Result      []models.Update `json:"result"`
		Code        int             `json:"error_code"`
		Description string          `json:"description"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 32<<20)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("getUpdates: status %d: %w", resp.StatusCode, err)
	}
	switch {
	case answer.OK:
		return answer.Result, nil
	case answer.Code == 401 || answer.Code == 404:
		return nil, errToken
	case answer.Code == 409:
		return nil, fmt.Errorf("getUpdates: another program polls with this token, or a webhook is set: %s", answer.Description)
	}
	return nil, fmt.Errorf("getUpdates: %d %s", answer.Code, answer.Description)
}

// hide takes the token out of an error, which may carry the address.
func (t *Telegram) hide(err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), t.Token, "***"))
}

func (t *Telegram) deleteWebhook(ctx context.Context) error {
	_, err := t.api.DeleteWebhook(ctx, &tg.DeleteWebhookParams{})
	return err
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

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// maxUpdate bounds a webhook's body, in bytes.
const maxUpdate = 1 << 20

// Webhook takes updates that Telegram posts: 200 only after the update is filed, 401 for a wrong secret, 400 and 413 for
// what is no update, 503 where it cannot be filed now, so that Telegram sends it again.
func (t *Telegram) Webhook() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t.Secret == "" || subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Telegram-Bot-Api-Secret-Token")), []byte(t.Secret)) != 1 {
			http.Error(w, "not for you", http.StatusUnauthorized)
			return
		}
		var u models.Update
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxUpdate)).Decode(&u); err != nil {
			status := http.StatusBadRequest
			if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
				status = http.StatusRequestEntityTooLarge
			}
			http.Error(w, "not an update", status)
			return
		}
		if err := t.takePosted(r.Context(), &u); err != nil {
			t.Log.Warn("telegram: an update could not be filed; Telegram sends it again", "error", err)
			w.Header().Set("Retry-After", "2")
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
}

func (t *Telegram) takePosted(ctx context.Context, u *models.Update) error {
	receive := t.receive.Load()
	if receive == nil {
		return errors.New("not running")
	}
	return t.take(ctx, u, *receive)
}
