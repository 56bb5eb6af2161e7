package storage_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// ask makes a person ask something with an outcome.
func ask(t *testing.T, s *storage.Store, peer string, n int, lang content.Lang, outcomes ...string) {
	t.Helper()
	receive(t, s, entry(peer, n, "q"))
	drain(t, s, func(v flows.Session, e bot.Entry) bot.Turn {
		v.Lang, v.Consent = lang, "yes"
		turn := bot.Turn{Session: v}
		for _, o := range outcomes {
			q := flows.Asked{Question: "question de " + peer, Lang: lang, Outcome: o, Need: "A1"}
			if o == flows.AskAnswered {
				q.Question = ""
			}
			turn.Asked = append(turn.Asked, q)
		}
		return turn
	})
}

func officer(t *testing.T, s *storage.Store) *bot.Officer {
	t.Helper()
	o := &bot.Officer{Login: "amina", Name: "Amina Test", Hash: "x", Role: bot.RoleOfficer, Office: "agadir"}
	if err := s.SaveOfficer(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestQuestions: what was asked is kept apart from who asked; an answer goes once to each who wanted to be told, in their
// language, and to nobody who was forgotten since or refuses that anything be kept.
func TestQuestions(t *testing.T) {
	s := storagetest.New(t)
	who := officer(t, s)
	ask(t, s, "1", 1, content.French, flows.AskDeclined, flows.AskWished)
	ask(t, s, "1", 2, content.French, flows.AskUseless, flows.AskWished) // asks twice, is told once
	ask(t, s, "2", 1, content.Arabic, flows.AskDeclined, flows.AskWished)
	ask(t, s, "3", 1, content.French, flows.AskDeclined)
	ask(t, s, "4", 1, content.French, flows.AskDeclined, flows.AskWished)
	ask(t, s, "5", 1, content.French, flows.AskDeclined, flows.AskWished)
	ask(t, s, "6", 1, content.French, flows.AskAnswered)
	if err := s.Forget(t.Context(), bot.Peer{Channel: bot.Telegram, ID: "4"}); err != nil {
		t.Fatal(err)
	}
	receive(t, s, entry("5", 2, "non")) // changes their mind
	drain(t, s, func(v flows.Session, e bot.Entry) bot.Turn {
		v.Consent = "no"
		return bot.Turn{Session: v, Discard: true}
	})

	asked, err := s.Questions(t.Context(), 100)
	if err != nil || len(asked) != 11 {
		t.Fatalf("%d questions, %v", len(asked), err)
	}
	var ids []int64
	waits := 0
	for _, q := range asked {
		ids = append(ids, q.ID)
		if q.Waits {
			waits++
		}
		if !strings.HasPrefix(q.Text, "question de ") || q.Need != "A1" {
			t.Errorf("a question is %+v", q)
		}
	}
	if waits != 4 { // of 1 both, of 2 and of 5; who was forgotten does not
		t.Errorf("%d wait", waits)
	}
	w := bot.Written{Officer: who.ID, Lang: content.French, Title: "titre", Text: "réponse"}
	if err := s.Write(t.Context(), &w, ids, func(l content.Lang) string { return "dit en " + string(l) }); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range sendAll(t, s, bot.Telegram) {
		got = append(got, m.Peer.ID+" "+m.Text)
	}
	slices.Sort(got)
	if want := []string{"1 dit en fr", "2 dit en ar"}; !slices.Equal(got, want) || w.Told != 2 || w.Questions != 11 {
		t.Errorf("told %q, want %q; %+v", got, want, w)
	}
	if left, err := s.Questions(t.Context(), 100); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	again := w
	if err := s.Write(t.Context(), &again, ids, func(content.Lang) string { return "encore" }); !errors.Is(err, bot.ErrConflict) {
		t.Errorf("answered twice: %v", err)
	}
	list, err := s.Written(t.Context())
	if err != nil || len(list) != 1 || list[0].Name != "Amina Test" || len(list[0].Asks) != 11 || list[0].Told != 2 {
		t.Errorf("written: %+v, %v", list, err)
	}
	counts, err := s.Asking(t.Context(), time.Now().AddDate(0, -2, 0))
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, c := range counts {
		n[string(c.Lang)+" "+c.Outcome] += c.Count
	}
	if n["fr declined"] != 4 || n["ar declined"] != 1 || n["fr answered"] != 1 || n["fr useless"] != 1 {
		t.Errorf("counts: %v", n)
	}
}

// TestWriteRace: of several officers who answer the same questions at once, one does.
func TestWriteRace(t *testing.T) {
	s := storagetest.New(t)
	who := officer(t, s)
	for _, peer := range []string{"1", "2", "3"} {
		ask(t, s, peer, 1, content.French, flows.AskDeclined, flows.AskWished)
	}
	asked, err := s.Questions(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	var ids []int64
	for _, q := range asked {
		ids = append(ids, q.ID)
	}
	errs := make([]error, 6)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			w := bot.Written{Officer: who.ID, Lang: content.French, Title: "t", Text: "r"}
			errs[i] = s.Write(t.Context(), &w, ids, func(content.Lang) string { return "r" })
		})
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, bot.ErrConflict) {
			t.Error(err)
		}
	}
	if sent := sendAll(t, s, bot.Telegram); won != 1 || len(sent) != 3 {
		t.Errorf("%d won, %d messages", won, len(sent))
	}
}
