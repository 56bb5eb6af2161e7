package telegram

import (
	"context"
	"errors"
	"fmt"
	"time"

	tg "github.com/go-telegram/bot"
)

// A State is what Telegram says of the bot.
type State struct {
	Known   bool   // the token is a bot's
	Name    string // of the bot, without @
	Webhook string // where Telegram posts; empty: it is polled
	Pending int    // updates that Telegram still holds
	Fault   string // why it could not post lately
	FaultAt time.Time
}

// Examine asks Telegram about the bot and changes nothing. An error says that Telegram cannot be reached; it holds no
// secret.
func (t *Telegram) Examine(ctx context.Context) (State, error) {
	me, err := t.api.GetMe(ctx)
	if errors.Is(err, tg.ErrorUnauthorized) || errors.Is(err, tg.ErrorNotFound) {
		return State{}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("telegram cannot be reached: %w", t.hide(err))
	}
	hook, err := t.api.GetWebhookInfo(ctx)
	if err != nil {
		return State{}, fmt.Errorf("telegram cannot be reached: %w", t.hide(err))
	}
	s := State{Known: true, Name: me.Username, Webhook: hook.URL, Pending: hook.PendingUpdateCount, Fault: hook.LastErrorMessage}
	if hook.LastErrorDate > 0 {
		s.FaultAt = time.Unix(int64(hook.LastErrorDate), 0)
	}
	return s, nil
}
