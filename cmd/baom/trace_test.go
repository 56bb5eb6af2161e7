package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"baom/handlers/telegram/telegramtest"
	"baom/storage/storagetest"
)

// TestTraces: a collector is told what an entry goes through, in one trace, and nothing of who wrote or what; a collector
// that is away holds nobody up.
func TestTraces(t *testing.T) {
	var mu sync.Mutex
	traces, raw := map[string]map[string]int{}, bytes.Buffer{} // names of spans by trace
	there := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		data, _ := io.ReadAll(body)
		var export collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(data, &export); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL, err)
		}
		mu.Lock()
		defer mu.Unlock()
		raw.Write(data)
		for _, rs := range export.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				for _, s := range ss.Spans {
					id := fmt.Sprintf("%x", s.TraceId)
					if traces[id] == nil {
						traces[id] = map[string]int{}
					}
					traces[id][s.Name]++
				}
			}
		}
	}))
	defer there.Close()
	away := httptest.NewServer(http.NotFoundHandler())
	away.Close()
	for _, url := range []string{there.URL, away.URL} {
		api := telegramtest.New(t)
		db, redis := storagetest.Env(t)
		out, said := newOutput(), newOutput()
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan int, 1)
		env := []string{"BAOM_DATABASE_URL=" + db, "BAOM_REDIS_URL=" + redis, "BAOM_SECRET_KEY=" + fmt.Sprintf("%x", storagetest.Secret()), "BAOM_HTTP_ADDR=127.0.0.1:0",
			"BAOM_ADMIN_PASSWORD=" + adminPass, "BAOM_SEARCH_LEARNS=off", "HOME=" + t.TempDir(), "BAOM_TELEGRAM_TOKEN=" + api.Token, "BAOM_TELEGRAM_API_URL=" + api.URL, "BAOM_TRACES_URL=" + url + "/"}
		go func() { done <- run(ctx, []string{"serve"}, env, strings.NewReader(""), out, said) }()
		out.find(t, `web chat  (http://[^/]+)/`)
		p := api.Person(771199, "fr")
		p.Send("bonjour, je suis Fatoumata")
		p.Expect("Êtes-vous d'accord")
		p.Press("Oui, d'accord")
		p.Expect("Que voulez-vous faire")
		p.Send("xylophone zanzibar quetzal")
		p.Read()
		stop()
		if code := <-done; code != 0 {
			t.Errorf("serve ended with %d", code)
		}
		if warned := strings.Contains(said.String(), "traces could not be sent"); warned != (url == away.URL) {
			t.Errorf("with the collector at %s the log says:\n%s", url, said.String())
		}
	}
	mu.Lock()
	defer mu.Unlock()
	whole := 0
	for _, spans := range traces {
		if spans["answer"] == 1 && spans["step"] >= 1 && spans["deliver"] >= 1 && spans["send"] >= 1 {
			whole++
		}
	}
	if whole < 3 {
		t.Errorf("%d messages are told of from their arrival to their reply: %v", whole, traces)
	}
	for _, word := range []string{"771199", "Fatoumata", "xylophone", "Que voulez-vous"} {
		if bytes.Contains(raw.Bytes(), []byte(word)) {
			t.Errorf("the traces hold %q", word)
		}
	}
}
