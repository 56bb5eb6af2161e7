package telegram_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"baom/bot"
)

// TestWebhookTooMuch posts more at once than the webhook takes in hand: what is past the limit is told at once to come
// later, and when; what is in hand is filed, and afterwards there is room again.
func TestWebhookTooMuch(t *testing.T) {
	const limit, past = 1024, 50
	gate := make(chan struct{})
	var inHand, filed atomic.Int64
	h := hook(t, func(_ context.Context, _ bot.Entry) error {
		inHand.Add(1)
		<-gate
		filed.Add(1)
		return nil
	})
	var posts sync.WaitGroup
	var taken atomic.Int64
	for range limit {
		posts.Go(func() {
			if post(h, hello, "s3cret") == http.StatusOK {
				taken.Add(1)
			}
		})
	}
	for i := 0; inHand.Load() < limit; i++ {
		if i > 6000 {
			t.Fatalf("%d posts are in hand", inHand.Load())
		}
		time.Sleep(5 * time.Millisecond)
	}
	for range past {
		r := httptest.NewRequest(http.MethodPost, "/telegram/webhook", strings.NewReader(hello))
		r.Header.Set("X-Telegram-Bot-Api-Secret-Token", "s3cret")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Fatalf("past the limit the answer is %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
	}
	close(gate)
	posts.Wait()
	if taken.Load() != limit || filed.Load() != limit {
		t.Errorf("%d of %d posts were taken, %d filed", taken.Load(), limit, filed.Load())
	}
	if got := post(h, hello, "s3cret"); got != http.StatusOK {
		t.Errorf("with room again: %d", got)
	}
}
