package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	tg "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"
)

// errToken is the answer to a token that Telegram does not know.
var errToken = errors.New("Telegram does not know this token: check BAOM_TELEGRAM_TOKEN with @BotFather")

// pollHeld polls while this process holds the right to; where another one does it waits a little.
func (t *Telegram) pollHeld(ctx context.Context, receive receiver) error {
	if t.Hold != nil {
		held, release, ok, err := t.Hold(ctx)
		if err != nil && ctx.Err() == nil {
			t.Log.Warn("telegram: the lock for polling cannot be asked for", "error", err)
		}
		if err != nil || !ok {
			sleep(ctx, 400*time.Millisecond)
			return nil
		}
		defer release()
		ctx = held // ends when the lock is lost
	}
	return t.poll(ctx, receive)
}

// poll asks for updates and moves the offset past one only after it, and all before it, have been received.
func (t *Telegram) poll(ctx context.Context, receive receiver) error {
	err := t.untilDone(ctx, func(ctx context.Context) error {
		_, err := t.api.DeleteWebhook(ctx, &tg.DeleteWebhookParams{})
		return err
	})
	if err != nil {
		return err
	}
	in := intake{take: func(ctx context.Context, u *models.Update) error { return t.take(ctx, u, receive, false) }, filed: map[int64]bool{}}
	for failures := 0; ctx.Err() == nil; {
		updates, err := t.getUpdates(ctx, in.offset)
		longest := 7 // steps of the back-off: half a minute where Telegram is away
		if err == nil {
			longest = 3 // two seconds where we are: somebody waits for an answer
			var n int
			if n, err = in.all(ctx, updates); n > 0 {
				failures = 0
			}
		}
		switch {
		case err == nil:
			failures = 0
		case errors.Is(err, errToken):
			return err
		case ctx.Err() == nil:
			failures++
			t.Log.Warn("telegram: polling failed and goes on", "failures", failures, "error", err)
			sleep(ctx, backoff(min(failures, longest)))
		}
	}
	return nil
}

// An intake files what a poll brings: the updates of a chat in order, those of different chats beside one another. An
// update that cannot be filed holds up its own chat alone; it holds back the offset, and so Telegram sends it again.
type intake struct {
	take   func(context.Context, *models.Update) error
	offset int64          // of the next poll: everything before it is filed
	filed  map[int64]bool // updates from the offset on that are filed already, behind one that is not
}

// beside is how many chats are received at the same time.
const beside = 16

// all files updates, and returns how many, and an error if one or more could not be.
func (in *intake) all(ctx context.Context, updates []*models.Update) (n int, failed error) {
	var order []int64
	lines := map[int64][]*models.Update{}
	for _, u := range updates {
		if u.ID < in.offset || in.filed[u.ID] {
			continue
		}
		chat := chatOf(u)
		if lines[chat] == nil {
			order = append(order, chat)
		}
		lines[chat] = append(lines[chat], u)
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	room := make(chan struct{}, beside)
	for _, chat := range order {
		room <- struct{}{}
		group.Go(func() {
			defer func() { <-room }()
			for _, u := range lines[chat] {
				err := in.take(ctx, u)
				mu.Lock()
				if err == nil {
					in.filed[u.ID] = true
					n++
				} else if failed == nil {
					failed = fmt.Errorf("receive an update: %w", err)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	group.Wait()
	for _, u := range updates {
		if u.ID >= in.offset && !in.filed[u.ID] {
			break
		}
		in.offset = max(in.offset, u.ID+1)
		delete(in.filed, u.ID)
	}
	return n, failed
}

// take files one update and does what follows from its arrival. A pressed button is answered by a call, unless the answer
// to the webhook's post does that.
func (t *Telegram) take(ctx context.Context, u *models.Update, receive receiver, answered bool) error {
	e, ok := t.entry(u)
	if ok {
		chat := chatOf(u)
		if u.EditedMessage == nil {
			t.typing.Begin(chat) // before the answer can leave
		}
		if err := receive(ctx, e); err != nil {
			t.typing.End(chat)
			return err
		}
	}
	t.arrived(ctx, u, ok, answered)
	return nil
}

// getUpdates is one long poll.
func (t *Telegram) getUpdates(ctx context.Context, offset int64) ([]*models.Update, error) {
	ctx, cancel := context.WithTimeout(ctx, 50*time.Second)
	defer cancel()
	kinds := `["` + strings.Join(allowed, `","`) + `"]`
	form := url.Values{"offset": {strconv.FormatInt(offset, 10)}, "timeout": {"25"}, "limit": {"100"}, "allowed_updates": {kinds}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.base+"/bot"+t.Token+"/getUpdates", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, t.hide(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := t.HTTP.Do(req)
	if err != nil {
		return nil, t.hide(err)
	}
	defer resp.Body.Close()
	var answer struct {
		OK          bool              `json:"ok"`
		Result      []json.RawMessage `json:"result"`
		Code        int               `json:"error_code"`
		Description string            `json:"description"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 32<<20)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("getUpdates: status %d: the answer cannot be read", resp.StatusCode)
	}
	switch {
	case answer.OK:
		return t.decodeAll(answer.Result), nil
	case answer.Code == 401 || answer.Code == 404:
		return nil, errToken
	case answer.Code == 409:
		return nil, fmt.Errorf("getUpdates: another program polls with this token, or a webhook was set for it: %s", answer.Description)
	}
	return nil, fmt.Errorf("getUpdates: %d %s", answer.Code, answer.Description)
}

func (t *Telegram) decodeAll(raw []json.RawMessage) []*models.Update {
	updates := make([]*models.Update, 0, len(raw))
	for _, r := range raw {
		if u, ok := decode(r); ok {
			updates = append(updates, u)
		} else {
			t.Log.Error("telegram: an update without an id was left out")
		}
	}
	return updates
}
