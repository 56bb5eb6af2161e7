package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.yaml.in/yaml/v3"

	"baom/handlers/telegram/telegramtest"
	"baom/storage/storagetest"
)

// figure reads one line of /metrics: a metric with its labels, as it is written there.
func figure(t *testing.T, page, metric string) float64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(metric) + ` (\S+)$`).FindStringSubmatch(page)
	if m == nil {
		return 0
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestMetrics: what people go through is counted at each boundary, failures and tries again included; neither the figures
// nor the log at debug say who it was or what they wrote.
func TestMetrics(t *testing.T) {
	api := telegramtest.New(t)
	db, redis := storagetest.Env(t)
	out, said := newOutput(), newOutput()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int, 1)
	env := []string{"BAOM_DATABASE_URL=" + db, "BAOM_REDIS_URL=" + redis, "BAOM_SECRET_KEY=" + fmt.Sprintf("%x", storagetest.Secret()), "BAOM_HTTP_ADDR=127.0.0.1:0",
		"BAOM_ADMIN_PASSWORD=" + adminPass, "BAOM_SEARCH_LEARNS=off", "HOME=" + t.TempDir(), "BAOM_TELEGRAM_TOKEN=" + api.Token, "BAOM_TELEGRAM_API_URL=" + api.URL, "BAOM_BACKUP_DIR=" + t.TempDir()}
	go func() { done <- run(ctx, []string{"serve", "-debug"}, env, strings.NewReader(""), out, said) }()
	url := out.find(t, `web chat  (http://[^/]+)/`)

	p := api.Person(771199, "fr")
	api.Fail("sendMessage", telegramtest.Fault{Status: 500})
	p.Send("/start")
	p.Expect("Choisissez votre langue")
	p.Press("Français")
	p.Expect("Êtes-vous d'accord")
	p.Press("Oui, d'accord")
	p.Expect("Que voulez-vous faire")
	p.Send("xylophone zanzibar quetzal")
	p.Read()
	p.Send("je veux ouvrir un dossier, je suis Fatoumata")
	p.Read()
	api.Fail("sendMessage", telegramtest.Fault{Status: 403, Text: "Forbidden: bot was blocked by the user"})
	p.Send("menu")
	page := ""
	for range 400 {
		if page = get(t, url+"/metrics"); figure(t, page, `baom_sends_total{channel="telegram",result="refused"}`) > 0 {
			break
		}
		time.Sleep(25 * time.Millisecond)
	}
	for metric, least := range map[string]float64{
		`baom_received_total{channel="telegram",result="fresh"}`: 6, `baom_turns_total{channel="telegram",result="done"}`: 6,
		`baom_sends_total{channel="telegram",result="sent"}`: 5, `baom_sends_total{channel="telegram",result="later"}`: 1,
		`baom_sends_total{channel="telegram",result="refused"}`: 1, `baom_send_retries_total{channel="telegram"}`: 1,
		`baom_questions_total{lang="fr",outcome="declined"}`: 1, `baom_boundary_seconds_count{boundary="answer"}`: 6,
		`baom_boundary_seconds_count{boundary="deliver"}`: 6, `baom_step_seconds_count`: 6,
		`baom_send_seconds_count{channel="telegram"}`: 7, `baom_record_up`: 1, `baom_content_answers`: 100, `baom_content_loaded_seconds`: 1.7e9,
	} {
		if v := figure(t, page, metric); v < least {
			t.Errorf("%s is %v, not %v at least", metric, v, least)
		}
	}
	// What the alerts and the dashboard look at is there.
	for _, name := range []string{"alerts.yaml", "grafana.json"} {
		data, err := os.ReadFile(filepath.Join("deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		used := regexp.MustCompile(`baom_[a-z_]+[a-z]`).FindAllString(string(data), -1)
		if len(used) < 10 {
			t.Errorf("%s looks at %d figures", name, len(used))
		}
		for _, metric := range used {
			if strings.HasPrefix(metric, "baom_whatsapp_") {
				continue // only where WhatsApp is carried: see TestWholeLineWhatsApp
			}
			base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(metric, "")
			if !strings.Contains(page, "# TYPE "+metric+" ") && !strings.Contains(page, "# TYPE "+base+" histogram") {
				t.Errorf("%s looks at %s, which is not there", name, metric)
			}
		}
	}
	stop()
	if code := <-done; code != 0 {
		t.Errorf("serve ended with %d", code)
	}
	lines := said.String()
	if n := strings.Count(lines, `"msg":"turn"`); n < 6 {
		t.Errorf("%d turns are in the log:\n%s", n, lines)
	}
	for _, word := range []string{"771199", "Fatoumata", "xylophone", api.Token, "Que voulez-vous"} {
		if strings.Contains(page, word) || strings.Contains(lines, word) {
			t.Errorf("the figures or the log hold %q:\n%s", word, lines)
		}
	}
}

// String is what was written so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// TestReadiness: /healthz says that the process lives, whatever is away; /readyz says whether messages can be taken: not
// while the record cannot be reached, and not while the program stops, which it does only after what it has in hand.
func TestReadiness(t *testing.T) {
	api := telegramtest.New(t)
	target, err := url.Parse(api.URL)
	if err != nil {
		t.Fatal(err)
	}
	held, release := make(chan struct{}, 16), make(chan struct{})
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorLog = log.New(io.Discard, "", 0) // a poll that is given up is no error
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/sendMessage") {
			held <- struct{}{}
			<-release
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	db, redis := storagetest.Env(t)
	out, said := newOutput(), newOutput()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int, 1)
	env := []string{"BAOM_DATABASE_URL=" + db, "BAOM_REDIS_URL=" + redis, "BAOM_SECRET_KEY=" + fmt.Sprintf("%x", storagetest.Secret()), "BAOM_HTTP_ADDR=127.0.0.1:0",
		"BAOM_ADMIN_PASSWORD=" + adminPass, "BAOM_SEARCH_LEARNS=off", "HOME=" + t.TempDir(), "BAOM_TELEGRAM_TOKEN=" + api.Token, "BAOM_TELEGRAM_API_URL=" + front.URL}
	go func() { done <- run(ctx, []string{"serve"}, env, strings.NewReader(""), out, said) }()
	base := out.find(t, `web chat  (http://[^/]+)/`)
	ready := func(want int, why string) {
		t.Helper()
		last := 0
		for range 800 {
			resp, err := http.Get(base + "/readyz")
			if err == nil {
				resp.Body.Close()
				if last = resp.StatusCode; last == want {
					break
				}
			}
			time.Sleep(25 * time.Millisecond)
		}
		if last != want {
			t.Fatalf("%s: /readyz answers %d, not %d", why, last, want)
		}
		if body := get(t, base+"/healthz"); body != "ok\n" {
			t.Errorf("%s: /healthz answers %q", why, body)
		}
	}
	ready(200, "started")

	config, err := pgx.ParseConfig(db)
	if err != nil {
		t.Fatal(err)
	}
	name := config.Database
	config.Database = "postgres"
	admin, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	door := func(open bool) {
		t.Helper()
		_, err := admin.Exec(t.Context(), fmt.Sprintf(`alter database %s allow_connections %v`, name, open))
		if err == nil && !open {
			_, err = admin.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where datname = $1`, name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	door(false)
	ready(503, "without the record")
	if page := get(t, base+"/metrics"); figure(t, page, "baom_record_up") != 0 || !strings.Contains(page, "baom_record_up 0") {
		t.Error("the figures do not say that the record is away")
	}
	door(true)
	ready(200, "with the record again")

	api.Person(42, "fr").Send("/start")
	<-held
	stop()
	ready(503, "stopping")
	select {
	case code := <-done:
		t.Errorf("the program ended with %d while a message was on its way", code)
	default:
	}
	close(release)
	if code := <-done; code != 0 {
		t.Errorf("serve ended with %d:\n%s", code, said.String())
	}
}

// TestDeploy: the settings that the files of an installation name are settings, and compose.yaml is YAML.
func TestDeploy(t *testing.T) {
	known := settings()
	for _, name := range []string{"deploy/baom.env", "deploy/baom.service", "deploy/baom-backup.service", "deploy/install.md", "../../compose.yaml", "../../Dockerfile"} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range regexp.MustCompile(`BAOM_[A-Z_]+[A-Z]`).FindAllString(string(data), -1) {
			plain := strings.TrimSuffix(word, "_FILE")
			if !slices.Contains(known, plain) && word != "BAOM_DOMAIN" && word != "BAOM_BEHIND" { // these two are compose's and Caddy's
				t.Errorf("%s names %s, which is no setting", name, word)
			}
		}
		var into map[string]any
		if strings.HasSuffix(name, ".yaml") && (yaml.Unmarshal(data, &into) != nil || into["services"] == nil) {
			t.Errorf("%s cannot be read", name)
		}
	}
}
