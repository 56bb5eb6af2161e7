package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// atClock opens a store whose clock the test moves.
func atClock(t testing.TB) (*storage.Store, *clock) {
	t.Helper()
	db, redisURL := storagetest.Env(t)
	c := &clock{time.Now()}
	return storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redisURL, Now: c.now}), c
}

// TestDeliverRetries shows what becomes of a message that does not go out: what follows it in its conversation waits,
// other conversations do not; at last it is given up, the officer sees why, and the line moves on.
func TestDeliverRetries(t *testing.T) {
	busy := &bot.SendError{After: time.Minute, Why: "débordé", Err: errors.New("429")}
	for _, test := range []struct {
		name   string
		err    error
		tries  int           // of the first message, until it is given up; 0: it never is
		within time.Duration // in which those tries are made
	}{
		{"blocked", &bot.SendError{Permanent: true, Why: "a bloqué le bot", Err: errors.New("403")}, 1, time.Second},
		{"broken", errors.New("connection refused"), 12, 40 * time.Minute},
		{"asked to wait", busy, 0, time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, at := atClock(t)
			c := aCase(t, s, "7", 1)
			receive(t, s, entry("7", 2, "encore"))
			receive(t, s, entry("8", 1, "autre"))
			drain(t, s, echo)
			began, tries, last := at.Time, 0, time.Duration(0)
			var others []string
			for at.Sub(began) < time.Hour {
				err := s.Deliver(t.Context(), bot.Telegram, func(_ context.Context, m bot.Message) (string, error) {
					if m.Text != "ouvert" {
						others = append(others, m.Peer.ID+": "+m.Text)
						return "x", nil
					}
					if len(others) > 2 {
						t.Errorf("tried after %v", others)
					}
					tries, last = tries+1, at.Sub(began)
					return "", test.err
				})
				if errors.Is(err, bot.ErrIdle) {
					at.Time = at.Add(time.Second)
				} else if err != nil {
					t.Fatal(err)
				}
			}
			k, lines, err := s.Case(t.Context(), c.ID)
			if err != nil {
				t.Fatal(err)
			}
			status := map[string]bot.Line{}
			for _, l := range lines {
				status[l.Text] = l
			}
			if test.tries == 0 {
				if tries < 55 || status["ouvert"].Status != bot.Waiting || !k.Reachable || len(others) != 2 {
					t.Errorf("%d tries; %+v; then %v", tries, status["ouvert"], others)
				}
				return
			}
			if tries != test.tries || last > test.within || test.tries > 1 && last < test.within/2 {
				t.Errorf("%d tries within %v", tries, last)
			}
			if l := status["ouvert"]; l.Status != bot.Failed || l.Why == "" || k.Reachable {
				t.Errorf("given up, it is %+v, reachable %v", l, k.Reachable)
			}
			if got := strings.Join(others, ", "); got != "8: 1 autre, 8: 2 autre, 7: 1 encore, 7: 2 encore" && test.tries > 1 {
				t.Errorf("the others went out as %s", got)
			}
			receive(t, s, entry("7", 3, "me revoilà"))
			drain(t, s, echo)
			if k, _, err := s.Case(t.Context(), c.ID); err != nil || !k.Reachable {
				t.Errorf("who writes can be reached: %+v, %v", k, err)
			}
		})
	}
}

// TestLateSender shows that a sender who comes back after its lease does not disturb the one who has the message now.
func TestLateSender(t *testing.T) {
	s, at := atClock(t)
	receive(t, s, entry("7", 1, "un"))
	drain(t, s, echo)
	busy := func(after time.Duration) error {
		return &bot.SendError{After: after, Why: "débordé", Err: errors.New("429")}
	}
	sends := 0
	if err := s.Deliver(t.Context(), bot.Telegram, func(context.Context, bot.Message) (string, error) {
		at.Time = at.Add(61 * time.Second)
		if err := s.Deliver(t.Context(), bot.Telegram, func(context.Context, bot.Message) (string, error) {
			sends++
			return "", busy(10 * time.Minute)
		}); err != nil {
			t.Error(err)
		}
		return "", busy(time.Second)
	}); err != nil || sends != 1 {
		t.Fatal(sends, err)
	}
	at.Time = at.Add(5 * time.Minute)
	if sent := sendAll(t, s, bot.Telegram); len(sent) != 0 {
		t.Errorf("%+v went out before its time", sent)
	}
	at.Time = at.Add(6 * time.Minute)
	if sent := sendAll(t, s, bot.Telegram); len(sent) != 2 {
		t.Errorf("%+v went out at its time", sent)
	}
}

// TestKeyboard shows that a message knows which one before it still shows its choices.
func TestKeyboard(t *testing.T) {
	s := storagetest.New(t)
	receive(t, s, entry("7", 1, "un"))
	menu := []content.Option{{ID: "menu.menu", Label: "Menu"}}
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		return bot.Turn{Session: sess, Send: []bot.Message{{Text: "a", Choices: menu}, {Text: "b", Choices: menu}, {Text: "c"}, {Text: "d"}}}
	})
	var got string
	for _, m := range sendAll(t, s, bot.Telegram) {
		got += fmt.Sprintf("%s after %q, ", m.Text, m.Keyboard)
	}
	lines, err := s.Transcript(t.Context(), bot.Peer{Channel: bot.Telegram, ID: "7"}, 0)
	if err != nil || len(lines) != 5 {
		t.Fatal(lines, err)
	}
	a, b := fmt.Sprint("x", lines[1].ID), fmt.Sprint("x", lines[2].ID)
	if want := fmt.Sprintf(`a after "", b after %q, c after %q, d after "", `, a, b); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(lines[1].Choices) != 1 || lines[1].Choices[0].Label != "Menu" {
		t.Errorf("the transcript's choices are %+v", lines[1].Choices)
	}
}

// TestFiles shows a file's ways: at hand on arrival, fetched, retried, too large, gone; who may read it; and a file of an
// officer's going out.
func TestFiles(t *testing.T) {
	s, at := atClock(t)
	ctx := t.Context()
	c := aCase(t, s, "7", 1)
	files := map[string]*bot.Media{
		"hand":  {Kind: flows.Image, Name: "carte.jpg", Mime: "image/jpeg", Data: []byte("jpeg")},
		"voice": {Kind: flows.Voice, Seconds: 14, Ref: []byte("ok")},
		"again": {Kind: flows.Voice, Ref: []byte("again")},
		"large": {Kind: flows.Video, Ref: []byte("large")},
		"gone":  {Kind: flows.Document, Ref: []byte("gone")},
		"lost":  {Kind: flows.Document},
	}
	n := 1
	for text, m := range files {
		n++
		e := entry("7", n, text)
		e.Input.Kind, e.Media = m.Kind, m
		receive(t, s, e)
	}
	drain(t, s, func(sess flows.Session, e bot.Entry) bot.Turn {
		if e.Media == nil || e.Media.Name != files[e.Input.Text].Name || e.Media.Seconds != files[e.Input.Text].Seconds {
			t.Errorf("the dialogue sees %+v", e.Media)
		}
		return bot.Turn{Session: sess, Case: &bot.CaseChange{Relay: true}}
	})
	tried := map[string]int{}
	fetchAll := func() {
		for {
			err := s.Fetch(ctx, bot.Telegram, func(_ context.Context, m bot.Media) (io.ReadCloser, error) {
				ref := string(m.Ref)
				tried[ref]++
				switch {
				case ref == "gone":
					return nil, &bot.SendError{Permanent: true, Err: errors.New("404")}
				case ref == "again" && tried[ref] == 1:
					return nil, errors.New("reset")
				case ref == "large":
					return io.NopCloser(io.LimitReader(endless{}, bot.MaxMedia+1)), nil
				}
				return io.NopCloser(bytes.NewReader([]byte("ogg " + ref))), nil
			})
			if errors.Is(err, bot.ErrIdle) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	fetchAll()
	at.Time = at.Add(time.Minute)
	fetchAll()
	want := map[string]string{"hand": "ready jpeg", "voice": "ready ogg ok", "again": "ready ogg again", "large": "lost ", "gone": "lost ", "lost": "lost "}
	_, lines, err := s.Case(ctx, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, l := range lines {
		if l.Media == nil {
			continue
		}
		seen++
		m, err := s.Media(ctx, c.ID, l.ID)
		if err != nil || fmt.Sprintf("%s %s", m.State, m.Data) != want[l.Text] || m.Name != files[l.Text].Name {
			t.Errorf("%s is %.60v, %v", l.Text, m, err)
		}
		if _, err := s.Attachment(ctx, bot.Peer{Channel: bot.Telegram, ID: "7"}, l.ID); err != nil {
			t.Errorf("its owner cannot read %s: %v", l.Text, err)
		}
		receive(t, s, entry("8", 1, "autre"))
		if _, err := s.Attachment(ctx, bot.Peer{Channel: bot.Telegram, ID: "8"}, l.ID); !errors.Is(err, bot.ErrNotFound) {
			t.Errorf("a stranger reads %s: %v", l.Text, err)
		}
		if _, err := s.Media(ctx, c.ID+1, l.ID); !errors.Is(err, bot.ErrNotFound) {
			t.Errorf("%s is read through another case: %v", l.Text, err)
		}
	}
	if seen != len(want) || tried["again"] != 2 || tried["gone"] != 1 {
		t.Errorf("%d files, tried %v", seen, tried)
	}
	sendAll(t, s, bot.Telegram)
	if _, err := s.Change(ctx, c.ID, func(*bot.Case) (bot.CaseWork, error) {
		return bot.CaseWork{Messages: []bot.Message{{Text: "voici", Media: &bot.Media{Kind: flows.Document, Name: "liste.pdf", Mime: "application/pdf", Data: []byte("pdf")}}}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	sent := sendAll(t, s, bot.Telegram)
	if len(sent) != 1 || sent[0].Media == nil || string(sent[0].Media.Data) != "pdf" || sent[0].Media.Name != "liste.pdf" {
		t.Errorf("went out: %+v", sent)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
