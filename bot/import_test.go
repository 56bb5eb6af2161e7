package bot_test

import (
	"slices"
	"testing"
	"time"

	"baom/bot"
	"baom/content"
	"baom/storage/storagetest"
)

// FuzzDryRun: whatever stands in a row, it has one fate, with a reason if it is faulty; and a good one is a visit of the past
// with codes that are codes.
func FuzzDryRun(f *testing.F) {
	lib, err := builtin()
	if err != nil {
		f.Fatal(err)
	}
	store := storagetest.New(f)
	zone, err := time.LoadLocation("Africa/Casablanca")
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, zone)
	desk := &bot.Desk{Cases: store, Register: store, Imports: store, Meetings: store, Now: func() time.Time { return now }, Lib: func() *content.Library { return lib }}
	headings := []string{"Date", "Âge", "Besoin", "Nationalité", "Téléphone", "Nom", "Clos le", "Commune"}
	f.Add("12/03/2026", "1985", "A1", "Mali", "0612345678", "Traoré", "", "Agadir")
	f.Add("46093", "31048", "carte de séjour", "SN", "612345678", "=1+1", "46094", "ailleurs")
	f.Add("٣/٤/٢٠٢٦", "٣٧", "Z9", "مالي", "+33 6", "فاطمة", "1e9", "تيزنيت")
	f.Add("NaN", "-1", "\x00", "\xff", "Inf", "\u202e", "0x10", "")
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g, h, i string) {
		cells := []string{a, b, c, d, e, g, h, i}
		run, err := desk.DryRun(t.Context(), &bot.Import{ID: 1, Office: "agadir"}, bot.Sheet{Headings: headings, Rows: []bot.SheetRow{{Number: 2, Cells: cells}, {Number: 3, Cells: cells}}})
		if err != nil {
			t.Fatal(err)
		}
		for n, row := range run.Rows {
			k := row.Case
			switch row.Fate {
			case bot.FateFaulty:
				if row.Why == "" {
					t.Fatalf("%q is faulty for no reason", cells)
				}
				continue
			case bot.FateDuplicate:
				if n == 0 {
					t.Fatalf("%q is there already: %+v", cells, row.Twin)
				}
			case bot.FateNew:
				if n == 1 {
					t.Fatalf("the same row twice is new: %q", cells)
				}
			}
			if k.Opened.IsZero() || k.Opened.After(now) || k.Closed.Before(k.Opened) || k.Closed.After(now) {
				t.Fatalf("%q is a visit from %v to %v", cells, k.Opened, k.Closed)
			}
			for _, field := range []string{"age", "need", "commune"} {
				if code := k.Answers[field]; code != "" && !slices.Contains(bot.Codes(lib, field), code) {
					t.Fatalf("%q has the %s %q", cells, field, code)
				}
			}
			if code := k.Answers["nationality"]; code != "" && content.CountryName(code, content.French) == "" {
				t.Fatalf("%q has the nationality %q", cells, code)
			}
		}
	})
}
