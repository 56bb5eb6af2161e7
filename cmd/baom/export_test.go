package main

import (
	"bytes"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"baom/bot"
	"baom/storage"
	"baom/storage/storagetest"
)

// TestExport writes a register from the command line and opens it again.
func TestExport(t *testing.T) {
	db, _ := storagetest.Env(t)
	store := storagetest.Open(t, storage.Options{DatabaseURL: db})
	who := &bot.Officer{Login: "amina", Name: "Amina", Hash: "x", Role: bot.RoleOfficer, Office: "agadir"}
	if err := store.SaveOfficer(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	i := &bot.Import{Office: "agadir", Officer: who.ID, Sheet: bot.Sheet{Headings: []string{"x"}}}
	if err := store.SaveImport(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 3, 12, 0, 0, 0, 0, zone())
	err := store.TakeOver(t.Context(), i.ID, []bot.Earlier{{Opened: day, Closed: day, State: bot.StateClosed, Outcome: "informed", Answers: map[string]string{"last-name": "Traoré", "need": "A1"}}},
		func() string { return "AG-7F3K-92" })
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"BAOM_DATABASE_URL=" + db, "BAOM_REDIS_URL=none", "BAOM_SECRET_KEY=" + hex.EncodeToString(storagetest.Secret())}
	file := filepath.Join(t.TempDir(), "registre.xlsx")
	for _, tt := range []struct {
		args []string
		code int
		rows int
	}{
		{[]string{"-o", file, "-office", "agadir", "-from", "2026-03-12", "-to", "2026-03-12", "-lang", "ar"}, 0, 2},
		{[]string{"-o", file, "-from", "2026-03-13"}, 0, 1},
		{[]string{"-o", file, "-office", "nowhere"}, 2, 0},
		{[]string{"-o", file, "-to", "12/03/2026"}, 2, 0},
		{nil, 2, 0},
	} {
		var out, faults bytes.Buffer
		if code := run(t.Context(), append([]string{"export"}, tt.args...), env, strings.NewReader(""), &out, &faults); code != tt.code {
			t.Fatalf("export %q: %d %s", tt.args, code, faults.String())
		}
		if tt.code != 0 {
			continue
		}
		f, err := excelize.OpenFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := f.GetRows(f.GetSheetList()[0])
		if err != nil || len(rows) != tt.rows {
			t.Errorf("export %q has %d rows, %v", tt.args, len(rows), err)
		}
		if tt.rows == 2 && !strings.Contains(strings.Join(rows[1], " "), "Traoré") {
			t.Errorf("export %q: %q", tt.args, rows)
		}
		f.Close()
	}
}
