package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"baom/bot"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// wa is an entry of a person on WhatsApp, under one or two names.
func wa(id, alias string, n int, text string) bot.Entry {
	return bot.Entry{Peer: bot.Peer{Channel: bot.WhatsApp, ID: id}, Alias: alias, Key: fmt.Sprintf("wa:%d", n), Input: flows.Input{Text: text}}
}

const (
	number = "33600000002"
	hidden = "90000000000002@lid"
)

// said is a person's transcript under a name, one line a word.
func said(t testing.TB, s *storage.Store, id string) string {
	t.Helper()
	lines, err := s.Transcript(t.Context(), bot.Peer{Channel: bot.WhatsApp, ID: id}, 0)
	if err != nil {
		t.Fatalf("the transcript of %s: %v", id, err)
	}
	var words []string
	for _, l := range lines {
		if l.Author == bot.ByPerson {
			words = append(words, l.Text)
		}
	}
	return strings.Join(words, " ")
}

// TestOtherName: a person who shows another name goes on in the same conversation, whichever came first, in this process
// and in another; and is forgotten under either.
func TestOtherName(t *testing.T) {
	db, redis := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis})
	other := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis})
	receive(t, s, wa(hidden, "", 1, "un"))
	drain(t, s, open("AG-7F3K-92"))
	receive(t, other, wa(hidden, "", 2, "deux"))
	receive(t, s, wa(number, hidden, 3, "trois"))  // the number shows
	receive(t, other, wa(hidden, "", 4, "quatre")) // and not in another process, which knew the old name
	receive(t, s, wa(number, hidden, 5, "cinq"))
	if receive(t, s, wa(hidden, "", 5, "cinq")) {
		t.Error("an entry is fresh under each name")
	}
	count := 0
	drain(t, s, func(f flows.Session, e bot.Entry) bot.Turn {
		count++
		if e.Peer.ID != number || e.Case == 0 {
			t.Errorf("an entry of %+v, case %d", e.Peer, e.Case)
		}
		return echo(f, e)
	})
	for _, id := range []string{number, hidden} {
		if got := said(t, s, id); got != "un deux trois quatre cinq" || count != 4 {
			t.Errorf("as %s they said %q; %d turns", id, got, count)
		}
	}
	for _, m := range sendAll(t, s, bot.WhatsApp) {
		if m.Peer.ID != number && m.Text != "" && m.ID == 0 {
			t.Errorf("a message goes to %s", m.Peer.ID)
		}
	}
	cases, err := s.Queue(t.Context(), bot.Query{})
	if err != nil || len(cases) != 1 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	if err := s.Forget(t.Context(), bot.Peer{Channel: bot.WhatsApp, ID: hidden}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Transcript(t.Context(), bot.Peer{Channel: bot.WhatsApp, ID: number}, 0); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("after they were forgotten: %v", err)
	}
	receive(t, s, wa(number, hidden, 6, "nouveau"))
	if got := said(t, s, hidden); got != "nouveau" {
		t.Errorf("somebody new said %q", got)
	}
}

// TestTwoBecomeOne: where both names have a conversation they become one, with the case, every word and every file readable,
// what waited still to be handled, once, and the session of the one that goes on.
func TestTwoBecomeOne(t *testing.T) {
	s := storagetest.New(t)
	receive(t, s, wa(hidden, "", 1, "caché"))
	drain(t, s, open("AG-7F3K-92")) // the case is the hidden one's
	photo := wa(hidden, "", 2, "photo")
	photo.Input.Kind, photo.Media = flows.Image, &bot.Media{Kind: flows.Image, Mime: "image/jpeg", Name: "carte.jpg", Data: []byte("une photo")}
	receive(t, s, photo)
	wanted := wa(hidden, "", 3, "voix")
	wanted.Input.Kind, wanted.Media = flows.Voice, &bot.Media{Kind: flows.Voice, Mime: "audio/ogg", State: bot.MediaWanted, Ref: []byte("where it is")}
	receive(t, s, wanted)
	receive(t, s, wa(number, "", 4, "numéro"))
	receive(t, s, wa(number, "", 2, "doublon")) // under the key of the photo
	receive(t, s, wa(number, hidden, 5, "les deux"))
	var order []string
	drain(t, s, func(f flows.Session, e bot.Entry) bot.Turn {
		order = append(order, e.Input.Text)
		if e.Peer.ID != number || e.Case == 0 || f.Consent != "yes" {
			t.Errorf("%q of %+v, case %d, consent %q", e.Input.Text, e.Peer, e.Case, f.Consent)
		}
		f.State = "going on"
		return bot.Turn{Session: f, Send: []bot.Message{{Text: "re " + e.Input.Text}}, Case: &bot.CaseChange{Relay: true}}
	})
	if got := strings.Join(order, " "); got != "voix numéro doublon les deux" && got != "photo voix numéro les deux" {
		t.Errorf("handled %q", got)
	}
	cases, err := s.Queue(t.Context(), bot.Query{})
	if err != nil || len(cases) != 1 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	_, lines, err := s.Case(t.Context(), cases[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	photos := 0
	for _, l := range lines {
		if l.Erased {
			t.Errorf("a line cannot be read: %+v", l)
		}
		if l.Kind == flows.Image {
			photos++
			m, err := s.Attachment(t.Context(), bot.Peer{Channel: bot.WhatsApp, ID: number}, l.ID)
			if err != nil || !bytes.Equal(m.Data, []byte("une photo")) || m.Name != "carte.jpg" {
				t.Errorf("the photo is %+v: %v", m, err)
			}
		}
	}
	if photos != 1 || said(t, s, number) == "" {
		t.Errorf("%d photos", photos)
	}
	err = s.Fetch(t.Context(), bot.WhatsApp, func(_ context.Context, m bot.Media) (io.ReadCloser, error) {
		if string(m.Ref) != "where it is" {
			t.Errorf("the reference is %q", m.Ref)
		}
		return io.NopCloser(strings.NewReader("une voix")), nil
	})
	if err != nil {
		t.Error(err)
	}
	if out := sendAll(t, s, bot.WhatsApp); len(out) < 4 || out[len(out)-1].Peer.ID != number {
		t.Errorf("%d messages go out, the last to %v", len(out), out[len(out)-1].Peer)
	}
}

// TestBecomeOneInACrowd: while entries come under both names from two processes and turns are taken, nothing is lost and
// nothing handled twice.
func TestBecomeOneInACrowd(t *testing.T) {
	db, redis := storagetest.Env(t)
	stores := []*storage.Store{storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis}), storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis})}
	const people, each = 6, 12
	var mu sync.Mutex
	handled := map[string]int{}
	step := func(f flows.Session, e bot.Entry) bot.Turn {
		f.Misses++
		return bot.Turn{Session: f}
	}
	var group sync.WaitGroup
	for i := range 2 {
		s := stores[i]
		for p := range people {
			group.Go(func() {
				for n := range each {
					e := wa(fmt.Sprintf("3360000%04d", p), fmt.Sprintf("9000000%04d@lid", p), n*2+i, fmt.Sprintf("%d/%d", p, n*2+i))
					if (n+i)%3 == 0 { // the number is hidden now and then
						e.Peer.ID, e.Alias = e.Alias, ""
					}
					if _, err := s.Receive(t.Context(), e); err != nil {
						t.Errorf("receive: %v", err)
					}
					if err := s.Turn(t.Context(), func(f flows.Session, e bot.Entry) bot.Turn {
						mu.Lock()
						handled[e.Input.Text]++
						mu.Unlock()
						return step(f, e)
					}); err != nil && !errors.Is(err, bot.ErrIdle) {
						t.Errorf("turn: %v", err)
					}
				}
			})
		}
	}
	group.Wait()
	drain(t, stores[0], func(f flows.Session, e bot.Entry) bot.Turn {
		handled[e.Input.Text]++
		return step(f, e)
	})
	if len(handled) != people*each*2 {
		t.Errorf("%d of %d entries were handled", len(handled), people*each*2)
	}
	for words, n := range handled {
		if n != 1 {
			t.Errorf("%s was handled %d times", words, n)
		}
	}
}

// TestTakenBack: a line that the person takes back is marked, and not shown; nobody else's is.
func TestTakenBack(t *testing.T) {
	s := storagetest.New(t)
	receive(t, s, wa(number, "", 1, "un secret"))
	drain(t, s, open("AG-7F3K-92"))
	back := wa(number, "", 2, "")
	back.Deletes = "wa:1"
	if !receive(t, s, back) || receive(t, s, back) {
		t.Error("it is taken back once")
	}
	stranger := wa("33600000009", "", 3, "")
	stranger.Deletes = "wa:1"
	if receive(t, s, stranger) {
		t.Error("a stranger took it back")
	}
	drain(t, s, func(f flows.Session, e bot.Entry) bot.Turn {
		t.Errorf("a turn of %+v", e.Input)
		return bot.Turn{Session: f}
	})
	cases, err := s.Queue(t.Context(), bot.Query{})
	if err != nil || len(cases) != 1 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	_, lines, err := s.Case(t.Context(), cases[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if l.Author == bot.ByPerson && (!l.Deleted || l.Text != "") {
			t.Errorf("the line is %+v", l)
		}
	}
}
