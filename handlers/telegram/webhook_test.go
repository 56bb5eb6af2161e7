package telegram_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"baom/bot"
	"baom/handlers/telegram"
)

// TestWebhookAnswersPress shows what our answer to a post says: of a press that was filed, that the button may stop turning; of
// what could not be filed, that it is to be sent again, and nothing else.
func TestWebhookAnswersPress(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "answerCallbackQuery") {
			t.Error("a press is answered by a call too")
		}
		w.Write([]byte(`{"ok":true,"result":true}`))
	}))
	defer api.Close()
	ch, err := telegram.New(telegram.Config{Token: "1:abc", APIURL: api.URL, Mode: "webhook", Secret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	var broken atomic.Bool
	started := make(chan bool)
	running.Go(func() {
		close(started)
		ch.Run(ctx, func(context.Context, bot.Entry) error {
			if broken.Load() {
				return errors.New("the database is away")
			}
			return nil
		})
	})
	<-started
	post := func(update string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/telegram/webhook", strings.NewReader(update))
		r.Header.Set("X-Telegram-Bot-Api-Secret-Token", "s")
		w := httptest.NewRecorder()
		ch.Webhook().ServeHTTP(w, r)
		return w
	}
	const press = `{"update_id":7,"callback_query":{"id":"q9","from":{"id":42},"data":"1|lang.fr","message":{"message_id":3,"date":1,"chat":{"id":42,"type":"private"}}}}`
	const words = `{"update_id":8,"message":{"message_id":4,"date":1,"chat":{"id":42,"type":"private"},"text":"bonjour"}}`
	for range 100 { // until it runs
		if post(words).Code == http.StatusOK {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	var said map[string]string
	if w := post(press); w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &said) != nil || said["method"] != "answerCallbackQuery" || said["callback_query_id"] != "q9" || len(said) != 2 {
		t.Errorf("a press: %d %s", w.Code, w.Body)
	}
	if w := post(words); w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("words: %d %s", w.Code, w.Body)
	}
	broken.Store(true)
	if w := post(press); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "method") {
		t.Errorf("what cannot be filed: %d %s", w.Code, w.Body)
	}
}

// TestWebhookIsBounded shows that what is posted beyond a bound is to be sent again later, and nothing already in hand
// suffers from it.
func TestWebhookIsBounded(t *testing.T) {
	ch, err := telegram.New(telegram.Config{Token: "1:abc", APIURL: "http://127.0.0.1:1", Mode: "webhook", Secret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running, posts sync.WaitGroup
	defer running.Wait()
	defer stop()
	gate, begun := make(chan struct{}), make(chan struct{}, 2000)
	running.Go(func() {
		ch.Run(ctx, func(context.Context, bot.Entry) error { begun <- struct{}{}; <-gate; return nil })
	})
	post := func(n int) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, "/telegram/webhook",
			strings.NewReader(fmt.Sprintf(`{"update_id":%d,"message":{"message_id":4,"date":1,"chat":{"id":%d,"type":"private"},"text":"bonjour"}}`, n+1, n+1)))
		r.Header.Set("X-Telegram-Bot-Api-Secret-Token", "s")
		w := httptest.NewRecorder()
		ch.Webhook().ServeHTTP(w, r)
		return w
	}
	var taken atomic.Int64
	for n := range 1024 {
		posts.Go(func() {
			for post(n).Code != http.StatusOK { // until it runs
				time.Sleep(time.Millisecond)
			}
			taken.Add(1)
		})
	}
	for range 1024 {
		<-begun
	}
	if w := post(5000); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("beyond the bound: %d", w.Code)
	}
	close(gate)
	posts.Wait()
	if w := post(5001); w.Code != http.StatusOK || taken.Load() != 1024 {
		t.Errorf("afterwards: %d; %d were taken", w.Code, taken.Load())
	}
}

// TestConnectionsAreKept shows that messages go out on a connection that is kept, and on another one where the server has
// closed it or says that it will.
func TestConnectionsAreKept(t *testing.T) {
	var connections, ends atomic.Int64
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ends.Load() > 0 {
			w.Header().Set("Connection", "close")
		}
		w.Write([]byte(`{"ok":true,"result":{"message_id":5}}`))
	}))
	api.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	api.Start()
	defer api.Close()
	ch, err := telegram.New(telegram.Config{Token: "1:abc", APIURL: api.URL})
	if err != nil {
		t.Fatal(err)
	}
	send := func(what string, want int64) {
		t.Helper()
		id, err := ch.Send(t.Context(), bot.Message{ID: 1, Peer: bot.Peer{Channel: bot.Telegram, ID: "42"}, Text: "bonjour"})
		if err != nil || id != "5" || connections.Load() != want {
			t.Errorf("%s: id %q, %v, %d connections", what, id, err, connections.Load())
		}
	}
	send("the first", 1)
	send("the second", 1)
	api.CloseClientConnections()
	time.Sleep(100 * time.Millisecond) // the client hears of it
	send("after the server closed it", 2)
	ends.Store(1)
	send("the last on it", 2)
	send("after the server said so", 3)
}
