package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"

	tg "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"
)

// The calls that are made for every message go out as JSON in one write: the library's way, a form in parts through a pipe
// with a goroutine of its own, costs several times as much. What carries a file goes the library's way.

// A said is the parameters of sendMessage.
type said struct {
	Chat    int64            `json:"chat_id"`
	Text    string           `json:"text"`
	Mode    models.ParseMode `json:"parse_mode,omitempty"`
	Preview preview          `json:"link_preview_options"`
	Markup  *keyboard        `json:"reply_markup,omitempty"`
}

type preview struct {
	Disabled bool `json:"is_disabled"`
}

// A bare is the parameters of editMessageReplyMarkup that leave a message without buttons.
type bare struct {
	Chat    int64    `json:"chat_id"`
	Message int      `json:"message_id"`
	Markup  keyboard `json:"reply_markup"`
}

// A pressed is the parameters of answerCallbackQuery. With the method's name it may be the answer to a webhook's post.
type pressed struct {
	Method string `json:"method,omitempty"`
	Query  string `json:"callback_query_id"`
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// exchange makes a call by the client of the configuration.
func (t *Telegram) exchange(ctx context.Context, method string, body, answer *bytes.Buffer) (status int, err error) {
	address := *t.bot // the transport may read the body after the call has ended: that is not used again
	address.Path += method
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.HTTP.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := answer.ReadFrom(io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return 0, fmt.Errorf("%s: read the answer: %w", method, err)
	}
	return resp.StatusCode, nil
}

// A reply is what a method answers.
type reply struct {
	OK          bool   `json:"ok"`
	Result      any    `json:"result"` // a pointer to what it is read into
	Code        int    `json:"error_code"`
	Description string `json:"description"`
	Parameters  struct {
		After int `json:"retry_after"`
		Moved int `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// post calls a method of the Bot API and reads its result into a value, unless that is nil. Its errors are those of the
// library.
func (t *Telegram) post(ctx context.Context, method string, params, result any) error {
	body, answer := buffers.Get().(*bytes.Buffer), buffers.Get().(*bytes.Buffer)
	defer buffers.Put(answer)
	body.Reset()
	answer.Reset()
	enc := json.NewEncoder(body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(params); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	status, err := t.exchange(ctx, method, body, answer)
	if err != nil || status == http.StatusOK && result == nil {
		return err
	}
	got := reply{Result: result}
	if err := json.Unmarshal(answer.Bytes(), &got); err != nil {
		return fmt.Errorf("%s: status %d: the answer cannot be read", method, status)
	}
	switch {
	case got.OK:
		return nil
	case got.Code == http.StatusTooManyRequests:
		return &tg.TooManyRequestsError{Message: got.Description, RetryAfter: got.Parameters.After}
	case got.Code == http.StatusBadRequest && got.Parameters.Moved != 0:
		return &tg.MigrateError{Message: got.Description, MigrateToChatID: got.Parameters.Moved}
	}
	if kind := kinds[got.Code]; kind != nil {
		return fmt.Errorf("%w, %s", kind, got.Description)
	}
	return fmt.Errorf("%s: %d %s", method, got.Code, got.Description)
}

// kinds are the library's errors, by the code of an answer.
var kinds = map[int]error{http.StatusForbidden: tg.ErrorForbidden, http.StatusBadRequest: tg.ErrorBadRequest,
	http.StatusUnauthorized: tg.ErrorUnauthorized, http.StatusNotFound: tg.ErrorNotFound, http.StatusConflict: tg.ErrorConflict}

// botAddress is where the methods of a bot are called.
func botAddress(base, token string) (*url.URL, error) {
	u, err := url.Parse(base + "/bot" + token + "/")
	if err != nil || u.Host == "" {
		return nil, errors.New("the Bot API's address cannot be read")
	}
	return u, nil
}
