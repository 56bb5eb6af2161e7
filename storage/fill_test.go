package storage_test

import (
	"fmt"
	"iter"
	"testing"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// pasts are conversations of some lines, one in so many with a case: by turns closed, open, and held by the officer.
func pasts(n, lines, one int, officer int64, now time.Time) iter.Seq[*storage.Past] {
	return func(yield func(*storage.Past) bool) {
		for i := range n {
			p := &storage.Past{Peer: bot.Peer{Channel: bot.Telegram, ID: fmt.Sprint("past-", i)}, Seen: now.Add(-time.Duration(i%28) * 24 * time.Hour),
				Session: flows.Session{Lang: content.French, Flow: "menu", State: "menu", Consent: "yes", Misses: i % 3}}
			for j := range lines {
				l := bot.Line{Author: bot.ByPerson, Text: fmt.Sprintf("mot %d de %d", j, i), At: p.Seen.Add(time.Duration(j-lines) * time.Minute)}
				if j%2 == 1 {
					l.Author = bot.ByBot
				}
				p.Lines = append(p.Lines, l)
			}
			if i%one == 0 {
				addCase(p, i/one, officer)
			}
			if !yield(p) {
				return
			}
		}
	}
}

// surname is an invented one: they do not sound like one another.
func surname(n int) string {
	parts := []string{"ba", "kil", "mor", "tas", "zun", "ford", "hel", "gim", "lour", "pat", "nev", "sak"}
	return "Inv" + parts[n%12] + parts[n/12%12] + parts[n/144%12]
}

func addCase(p *storage.Past, n int, officer int64) {
	p.Opening = len(p.Lines) / 2
	p.Lines[p.Opening] = bot.Line{Author: bot.ByEvent, Event: "opened", At: p.Seen}
	k := &bot.Case{Reference: flows.Reference("AG", uint64(n)*7919), Office: []string{"agadir", "tiznit"}[n/6%2], State: bot.StateClosed, Opened: p.Seen.Add(-time.Duration(n%300) * 24 * time.Hour), Last: "mot",
		Answers: map[string]string{"profile": "rpt", "need": []string{"A1", "E2", "H1"}[n%3], "first-name": fmt.Sprintf("Aya%c%c", 'a'+n%23, 'a'+n/23%23), "last-name": surname(n), "phone": fmt.Sprintf("+2120000%05d", n)}}
	switch n % 6 {
	case 0:
		k.State, k.Waiting, k.Unread = bot.StateOpen, k.Opened, 1
	case 1:
		k.State, k.Officer, k.Claimed = bot.StateClaimed, officer, k.Opened
	default:
		k.Closed, k.Outcome = k.Opened.Add(time.Hour), "informed"
	}
	p.Case = k
}

// TestFill fills a record, and finds in it what the program would have written: whoever was filled in writes on, is read,
// found and forgotten as anybody else.
func TestFill(t *testing.T) {
	s := storagetest.New(t)
	amina := officer(t, s)
	const n = 2300 // more than two transactions
	if err := s.Fill(t.Context(), pasts(n, 6, 5, amina.ID, time.Now())); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 5, n - 1} {
		peer := bot.Peer{Channel: bot.Telegram, ID: fmt.Sprint("past-", i)}
		receive(t, s, bot.Entry{Peer: peer, Key: "tg:new", Input: flows.Input{Text: "encore moi"}})
		var session flows.Session
		var open int64
		drain(t, s, func(was flows.Session, e bot.Entry) bot.Turn {
			session, open = was, e.Case
			return echo(was, e)
		})
		if session.Misses != i%3 || session.State != "menu" || (open != 0) != (i != n-1) {
			t.Errorf("conversation %d goes on from %+v in case %d", i, session, open)
		}
		lines, err := s.Transcript(t.Context(), peer, 0)
		want := 9
		if i%5 == 0 { // the event of a case is not the person's to read
			want = 8
		}
		if err != nil || len(lines) != want || lines[0].Text != fmt.Sprintf("mot 0 de %d", i) || lines[0].Status != "" || lines[1].Status != bot.Sent {
			t.Errorf("transcript of %d: %d lines %+v, %v", i, len(lines), lines[:2], err)
		}
	}
	found, err := s.Queue(t.Context(), bot.Query{Reference: flows.Reference("AG", 3*7919)})
	if err != nil || len(found) != 1 || found[0].Answers["last-name"] != surname(3) {
		t.Fatalf("found %+v, %v", found, err)
	}
	k, lines, err := s.Case(t.Context(), found[0].ID)
	if err != nil || k.State != bot.StateClosed || len(lines) != 6 || lines[0].Text != "mot 0 de 15" || lines[3].Event != "opened" {
		t.Errorf("case %+v %+v, %v", k, lines, err)
	}
	peer := bot.Peer{Channel: bot.Telegram, ID: "past-15"}
	if err := s.Forget(t.Context(), peer); err != nil {
		t.Fatal(err)
	}
	if k, lines, err := s.Case(t.Context(), k.ID); err != nil || !k.Erased || lines[0].Text != "" || !lines[0].Erased {
		t.Errorf("the case of somebody forgotten: %+v %+v, %v", k, lines, err)
	}
}
