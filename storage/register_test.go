package storage_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"baom/bot"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// earlier is a case of an earlier list.
func earlier(day time.Time, answers map[string]string) bot.Earlier {
	return bot.Earlier{Opened: day, Closed: day, State: bot.StateClosed, Outcome: "informed", Answers: answers}
}

// takeOver makes cases of a list, with references of their own.
func takeOver(t *testing.T, s *storage.Store, office string, list ...bot.Earlier) {
	t.Helper()
	who, err := s.OfficerByLogin(t.Context(), "amina")
	if errors.Is(err, bot.ErrNotFound) {
		who = &bot.Officer{Login: "amina", Name: "Amina Test", Hash: "h", Role: bot.RoleOfficer, Office: office}
		err = s.SaveOfficer(t.Context(), who)
	}
	if err != nil {
		t.Fatal(err)
	}
	i := &bot.Import{Office: office, Officer: who.ID, Sheet: bot.Sheet{Headings: []string{"Nom"}, Rows: []bot.SheetRow{{Number: 2, Cells: []string{"Mariam Traoré"}}}}}
	if err := s.SaveImport(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	n := uint64(i.ID) * 1000
	// Every reference is tried twice, so that those that are taken are met.
	if err := s.TakeOver(t.Context(), i.ID, list, func() string { n++; return flows.Reference("AG", n/2*7919) }); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, s *storage.Store, q bot.Selection) (all []*bot.Case) {
	t.Helper()
	for k, err := range s.List(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, k)
	}
	return all
}

// TestImportedAreSealed: what is taken over is sealed like everything else, the file and the words of the plan too; the
// retention rules erase it, its person with it, and leave counts that nothing links.
func TestImportedAreSealed(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	db, redis := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis, Now: func() time.Time { return at }})
	receive(t, s, entry("somebody", 1, "bonjour")) // so that Redis holds something too
	drain(t, s, echo)
	day := time.Date(2026, 3, 12, 0, 0, 0, 0, time.UTC)
	takeOver(t, s, "agadir",
		earlier(day, map[string]string{"last-name": "Traoré", "first-name": "Mariam", "phone": "+212612345678", "nationality": "ML", "gender": "f", "need": "A1", "structure": "chez Traoré"}),
		earlier(day.AddDate(0, 0, 3), map[string]string{"last-name": "Diallo", "nationality": "ML", "need": "A1"}),
		earlier(at, map[string]string{"last-name": "Sow", "nationality": "SN", "need": "A1"}))
	if err := s.SavePlan(t.Context(), "agadir", bot.Plan{Values: map[string]map[string]string{"need": {"demande de traoré": "A1"}}}); err != nil {
		t.Fatal(err)
	}
	draft := &bot.Import{Office: "agadir", Officer: 1, Sheet: bot.Sheet{Headings: []string{"Nom"}, Rows: []bot.SheetRow{{Number: 2, Cells: []string{"Mariam Traoré"}}}}}
	if err := s.SaveImport(t.Context(), draft); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"Traor", "traor", "Mariam", "61234567", "Diallo"} {
		if strings.Contains(dump(t, db, redis), word) {
			t.Errorf("the dump holds %q", word)
		}
	}
	if p, err := s.Plan(t.Context(), "agadir"); err != nil || p.Values["need"]["demande de traoré"] != "A1" {
		t.Errorf("the plan is %+v, %v", p, err)
	}

	at = day.AddDate(1, 0, 10)
	if _, err := s.Purge(t.Context(), storage.DefaultRetention()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Import(t.Context(), draft.ID); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("a file that was only looked at is still there: %v", err)
	}
	erased := 0
	for _, k := range list(t, s, bot.Selection{}) {
		if k.Erased {
			erased++
			if k.Answers["last-name"] != "" || k.Answers["nationality"] != "" || k.Answers["need"] != "A1" {
				t.Errorf("an erased case has %v", k.Answers)
			}
		}
	}
	if erased != 2 {
		t.Errorf("%d cases are erased, want 2", erased)
	}
	tallies, err := s.Tallies(t.Context(), []string{"agadir"}, day.AddDate(0, -3, 0), day.AddDate(0, 9, 0))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, c := range tallies {
		got[c.Field+" "+c.Code+" "+c.Month.Format("2006-01")] = c.Count
	}
	if len(got) != 2 || got["nationality ML 2026-03"] != 2 || got["gender f 2026-03"] != 1 {
		t.Errorf("what is left to be counted: %v", got)
	}
	if _, err := s.Purge(t.Context(), storage.DefaultRetention()); err != nil {
		t.Fatal(err)
	}
	if again, err := s.Tallies(t.Context(), []string{"agadir"}, day.AddDate(0, -3, 0), day.AddDate(0, 9, 0)); err != nil || len(again) != 2 || again[0].Count+again[1].Count != 3 {
		t.Errorf("counted twice: %v %v", again, err)
	}
}

// TestForgetImported: a person without a channel is erased by the reference of their case.
func TestForgetImported(t *testing.T) {
	s := storagetest.New(t)
	takeOver(t, s, "agadir", earlier(time.Now().AddDate(0, -1, 0), map[string]string{"last-name": "Traoré", "need": "A1"}))
	k := list(t, s, bot.Selection{})[0]
	for range 2 {
		err := s.Forget(t.Context(), bot.Peer{Channel: bot.Imported, ID: strings.ToLower(k.Reference)})
		if err != nil && !errors.Is(err, bot.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if k = list(t, s, bot.Selection{})[0]; !k.Erased || k.Answers["last-name"] != "" || k.Answers["need"] != "A1" {
		t.Errorf("what is left: %+v", k)
	}
	if err := s.Forget(t.Context(), bot.Peer{Channel: bot.Imported, ID: "AG-0000-00"}); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("nobody is forgotten: %v", err)
	}
}

// TestTwins says which rows are there already: by the row itself, by the whole name in any order and spelling, by the
// telephone; not by a first name alone, nor another person's.
func TestTwins(t *testing.T) {
	s := storagetest.New(t)
	day := time.Date(2026, 3, 12, 0, 0, 0, 0, time.UTC)
	known := earlier(day, map[string]string{"first-name": "Mariam", "last-name": "Traoré", "phone": "+212612345678", "need": "A1"})
	nameless := earlier(day, map[string]string{"need": "D1", "gender": "f"})
	takeOver(t, s, "agadir", known, nameless)
	for name, tt := range map[string]struct {
		row  bot.Earlier
		twin bool
	}{
		"the row itself":          {known, true},
		"a row without a name":    {nameless, true},
		"the name turned round":   {earlier(day, map[string]string{"last-name": "TRAORE  mariam"}), true},
		"within the month":        {earlier(day.AddDate(0, 0, 20), map[string]string{"last-name": "Mariam Traoré", "need": "A1"}), true},
		"another need, later":     {earlier(day.AddDate(0, 0, 20), map[string]string{"last-name": "Mariam Traoré", "need": "G2"}), false},
		"the telephone":           {earlier(day, map[string]string{"last-name": "Autre", "phone": "0612345678"}), true},
		"a first name alone":      {earlier(day, map[string]string{"first-name": "Mariam"}), false},
		"months later":            {earlier(day.AddDate(0, 3, 0), map[string]string{"last-name": "Mariam Traoré", "need": "A1"}), false},
		"another without a name":  {earlier(day, map[string]string{"need": "D1", "gender": "m"}), false},
		"a name with a part more": {earlier(day, map[string]string{"last-name": "Mariam Traoré Konaté", "need": "A1"}), false},
	} {
		twins, err := s.Twins(t.Context(), "agadir", []bot.Earlier{tt.row})
		if err != nil || (twins[0].Reference != "") != tt.twin {
			t.Errorf("%s: %+v, %v", name, twins, err)
		}
		if twins, err := s.Twins(t.Context(), "tiznit", []bot.Earlier{tt.row}); err != nil || twins[0] != (bot.Twin{}) {
			t.Errorf("%s, at another office: %+v, %v", name, twins, err)
		}
	}
}
