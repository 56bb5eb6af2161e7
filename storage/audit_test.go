package storage_test

import (
	"testing"
	"time"

	"baom/bot"
	"baom/storage"
	"baom/storage/storagetest"
)

// TestAuditKept: looking again within a sitting is one act, later it is another; what changes something is one each time;
// after thirteen months an act is gone.
func TestAuditKept(t *testing.T) {
	db, _ := storagetest.Env(t)
	clock := time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, Now: func() time.Time { return clock }})
	count := func(want int, when string) {
		t.Helper()
		if list, err := s.Acts(t.Context(), bot.ActQuery{}); err != nil || len(list) != want {
			t.Errorf("%s: %d acts, want %d: %v", when, len(list), want, err)
		}
	}
	who := &bot.Officer{Login: "amina", Name: "Amina", Hash: "h", Role: bot.RoleOfficer, Office: "agadir"}
	if err := s.SaveOfficer(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	note := func(what string) {
		t.Helper()
		if err := s.Note(t.Context(), bot.Act{Officer: who.ID, What: what, Office: "agadir"}); err != nil {
			t.Fatal(err)
		}
	}
	note(bot.ActRegister)
	note(bot.ActRegister)
	note(bot.ActExport)
	note(bot.ActExport)
	count(3, "in one sitting")
	clock = clock.Add(bot.SameSitting + time.Second)
	note(bot.ActRegister)
	count(4, "in another")
	if err := s.Note(t.Context(), bot.Act{Officer: who.ID, What: "anything"}); err == nil {
		t.Error("an act without a name is filed")
	}
	purge := func() {
		t.Helper()
		if _, err := s.Purge(t.Context(), storage.DefaultRetention()); err != nil {
			t.Fatal(err)
		}
	}
	clock = clock.AddDate(0, 12, 27)
	purge()
	count(4, "after twelve months")
	clock = clock.AddDate(0, 0, 10)
	purge()
	count(0, "after thirteen")
}
