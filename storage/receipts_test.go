package storage_test

import (
	"testing"
	"time"

	"baom/bot"
	"baom/flows"
)

// TestReceipts: what is told to have come to a person shows in the transcript, together, and never goes back; what is of
// nobody's, or of who was erased, leaves nothing.
func TestReceipts(t *testing.T) {
	db, s, _ := pair(t)
	o := operate(t, db)
	receive(t, s, wa(number, "", 1, "bonjour"))
	drain(t, s, func(f flows.Session, e bot.Entry) bot.Turn {
		return bot.Turn{Session: f, Case: &bot.CaseChange{Open: true, Relay: true, Reference: "AG-7F3K-92", Office: "agadir"}, Send: []bot.Message{{Text: "un"}, {Text: "deux"}, {Text: "trois"}}}
	})
	peer := wa(number, "", 1, "").Peer
	states := func() (ids []int64, states string) {
		lines, err := s.Transcript(t.Context(), peer, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if l.Author == bot.ByBot {
				ids, states = append(ids, l.ID), states+string(l.Status)+" "
			}
		}
		return ids, states
	}
	shows := func(want string) {
		t.Helper()
		_, got := states()
		for end := time.Now().Add(20 * time.Second); got != want && time.Now().Before(end); _, got = states() {
			time.Sleep(20 * time.Millisecond)
		}
		if got != want {
			t.Fatalf("it shows %q, want %q", got, want)
		}
	}
	shows("waiting waiting waiting ")
	ids, _ := states()
	s.Reached(bot.Receipt{Peer: peer, UpTo: ids[0]})
	sendAll(t, s, bot.WhatsApp)
	shows("delivered sent sent ")
	cases, err := s.Queue(t.Context(), bot.Query{})
	if err != nil || len(cases) != 1 {
		t.Fatal(cases, err)
	}
	news := s.Watch(t.Context(), bot.TopicCase(cases[0].ID))
	s.Reached(bot.Receipt{Peer: peer, Read: true, Is: func(id int64) bool { return id == ids[1] }})
	s.Reached(bot.Receipt{Peer: peer, Is: func(id int64) bool { return id == ids[2] }})
	s.Reached(bot.Receipt{Peer: peer, Is: func(id int64) bool { return id == 1<<40 }})
	s.Reached(bot.Receipt{Peer: bot.Peer{Channel: bot.WhatsApp, ID: "33699999999"}, UpTo: 1})
	shows("read read delivered ")
	<-news // the page of the case is told
	s.Reached(bot.Receipt{Peer: peer, UpTo: ids[0]})
	s.Reached(bot.Receipt{Peer: peer, UpTo: ids[2], Read: true}) // comes after the one before
	shows("read read read ")

	if err := s.Forget(t.Context(), peer); err != nil {
		t.Fatal(err)
	}
	s.Reached(bot.Receipt{Peer: peer, UpTo: ids[2]})
	s.Close() // what waits is done
	if n := o.count(`select count(*)::int from receipts`); n != 0 {
		t.Errorf("%d receipts are left", n)
	}
}
