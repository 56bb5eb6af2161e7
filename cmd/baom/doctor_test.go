package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"baom/bot"
	"baom/flows"
	"baom/handlers/telegram/telegramtest"
	"baom/storage"
	"baom/storage/storagetest"
)

// TestDoctor provokes each fault once, on real parts; the script says which.
func TestDoctor(t *testing.T) {
	db, redis := storagetest.Env(t)
	empty, _ := storagetest.Empty(t)
	ahead, _ := storagetest.Env(t)
	execute(t, ahead, `insert into goose_db_version (version_id, is_applied) values (99, true)`)
	api, hooked := telegramtest.New(t), telegramtest.New(t)
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	resp, err := http.PostForm(hooked.URL+"/bot"+hooked.Token+"/setWebhook", url.Values{"url": {other.URL + "/elsewhere"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	late := lateRecord(t)
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "doctor"), Setup: func(e *testscript.Env) error {
		for _, v := range [][2]string{{"HOME", e.WorkDir}, {"BAOM_DATABASE_URL", db}, {"BAOM_REDIS_URL", redis}, {"BAOM_SECRET_KEY", fmt.Sprintf("%x", storagetest.Secret())},
			{"BAOM_TELEGRAM_TOKEN", api.Token}, {"BAOM_TELEGRAM_API_URL", api.URL}, {"BAOM_HTTP_ADDR", "127.0.0.1:1"},
			{"TOKEN", api.Token}, {"HOOKED", hooked.URL}, {"OTHER", strings.TrimPrefix(other.URL, "http://")}, {"EMPTY", empty}, {"AHEAD", ahead}, {"LATE", late}} {
			e.Setenv(v[0], v[1])
		}
		return errors.Join(oldBackup(e.WorkDir, "new", time.Minute), oldBackup(e.WorkDir, "two-days", 48*time.Hour), oldBackup(e.WorkDir, "nine-days", 9*24*time.Hour))
	}})
}

func execute(t *testing.T, db string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// lateRecord is a record in which everything waits that can.
func lateRecord(t *testing.T) string {
	t.Helper()
	db, _ := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db})
	step := func(s flows.Session, e bot.Entry) bot.Turn {
		return bot.Turn{Session: s, Send: []bot.Message{{Text: "bonjour"}}}
	}
	for n, take := range []bool{true, false} {
		if _, err := s.Receive(t.Context(), bot.Entry{Peer: bot.Peer{Channel: bot.Web, ID: "p"}, Key: fmt.Sprint("web:", n), Input: flows.Input{Text: "salut"}}); err != nil {
			t.Fatal(err)
		}
		if take {
			if err := s.Turn(t.Context(), step); err != nil {
				t.Fatal(err)
			}
		}
	}
	execute(t, db, `update inbox set due = now() - interval '3 hours 5 minutes'`, `update outbox set due = now() - interval '2 hours 5 minutes'`,
		`insert into set_aside select min(id), now(), 'a trace' from messages`,
		`insert into cases (person, reference, office, state, channel, opened_at) select min(id), 'AG-1', 'tiznit', 'open', 'web', now() - interval '9 days 1 hour' from people`,
		`insert into cases (person, reference, office, state, channel, urgent, opened_at) select min(id), 'AG-2', 'tiznit', 'open', 'web', 'violence', now() - interval '50 minutes' from people`)
	return db
}

// oldBackup makes a folder with the beginning of a backup that old.
func oldBackup(dir, name string, age time.Duration) error {
	head, err := json.Marshal(storage.Saved{Format: 1, At: time.Now().Add(-age)})
	if err != nil {
		return err
	}
	var file bytes.Buffer
	out := tar.NewWriter(&file)
	err = out.WriteHeader(&tar.Header{Name: "baom.json", Mode: 0o600, Size: int64(len(head))})
	_, err2 := out.Write(head)
	return errors.Join(err, err2, out.Close(), os.Mkdir(filepath.Join(dir, name), 0o700), os.WriteFile(filepath.Join(dir, name, "b.tar"), file.Bytes(), 0o600))
}

// TestDoctorClock: a clock that differs from the database's is a fault in the language of the reader.
func TestDoctorClock(t *testing.T) {
	db, _ := storagetest.Env(t)
	for _, tt := range []struct {
		off  time.Duration
		want string
	}{{0, isOK}, {5 * time.Second, isWarning}, {-5 * time.Minute, isFault}} {
		h, err := storage.Examine(t.Context(), db, func() time.Time { return time.Now().Add(tt.off) })
		if err != nil {
			t.Fatal(err)
		}
		x := &examination{}
		x.postgres(h)
		for _, n := range x.found {
			if n.Check == "clock" && n.State != tt.want {
				t.Errorf("off by %v: %+v, not %s", tt.off, n, tt.want)
			}
		}
	}
}

// TestDoctorHealthy: where everything runs, nothing is at fault, the webhook included.
func TestDoctorHealthy(t *testing.T) {
	api := telegramtest.New(t)
	db, redis := storagetest.Env(t)
	addr := freeAddress(t)
	dir := t.TempDir()
	env := []string{"BAOM_DATABASE_URL=" + db, "BAOM_REDIS_URL=" + redis, "BAOM_SECRET_KEY=" + fmt.Sprintf("%x", storagetest.Secret()), "BAOM_HTTP_ADDR=" + addr,
		"BAOM_PUBLIC_URL=http://" + addr, "BAOM_TELEGRAM_TOKEN=" + api.Token, "BAOM_TELEGRAM_API_URL=" + api.URL, "BAOM_TELEGRAM_MODE=webhook",
		"BAOM_TELEGRAM_SECRET=s3cret-of-the-hook", "BAOM_BACKUP_DIR=" + dir, "HOME=" + dir}
	serve(t, env...)
	for api.Calls("setWebhook") == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	call := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := run(t.Context(), args, env, strings.NewReader(""), &out, &out)
		return code, out.String()
	}
	for range 3 { // the third is one too many to keep
		if code, out := call("backup", "-keep", "2", filepath.Join(dir, fmt.Sprint(time.Now().UnixNano(), ".tar"))); code != 0 {
			t.Fatal(out)
		}
	}
	if list, err := backups(dir); err != nil || len(list) != 2 {
		t.Errorf("%d backups are kept of 2: %v", len(list), err)
	}
	code, out := call("doctor")
	if code != 0 || strings.Contains(out, "DÉFAUT") || !strings.Contains(out, "sauvegardes : 2") {
		t.Errorf("the doctor ends with %d:\n%s", code, out)
	}
	for _, want := range []string{"le programme est prêt", "http://" + addr + " répond", "@baom_test_bot est joint", "la clé secrète ouvre la base"} {
		if !strings.Contains(out, want) {
			t.Errorf("the doctor does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "s3cret") || strings.Contains(out, api.Token) {
		t.Errorf("the doctor shows a secret:\n%s", out)
	}
}

// freeAddress is an address on which nobody listens now.
func freeAddress(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	return strings.TrimPrefix(s.URL, "http://")
}
