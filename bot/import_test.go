package bot_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		run, err := desk.DryRun(t.Context(), &bot.Import{ID: 1, Office: "agadir",
			Sheet: bot.Sheet{Headings: headings, Rows: []bot.SheetRow{{Number: 2, Cells: cells}, {Number: 3, Cells: cells}}}})
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

// TestPlan: a plan is of the file's own headings and words, of columns that can be taken over and of what they can mean,
// countries among them, and does not grow without bound.
func TestPlan(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	begin := func(words ...string) int64 {
		t.Helper()
		sheet := bot.Sheet{Headings: []string{"Jour", "Pays", "Demande"}}
		for i, word := range words {
			sheet.Rows = append(sheet.Rows, bot.SheetRow{Number: i + 2, Cells: []string{"12/03/2026", word, word}})
		}
		id, err := o.desk.BeginImport(ctx, o.amina, "agadir", sheet)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	long := strings.Repeat("x", 201)
	id := begin("Sénégalaise", "pays du Mali", "demande 12", long)
	values := func(column, word, code string) bot.Plan {
		return bot.Plan{Values: map[string]map[string]string{column: {word: code}}}
	}
	for _, tt := range []struct {
		what string
		plan bot.Plan
		want error
	}{
		{"a heading of the file", bot.Plan{Columns: map[string]string{"jour": "opened"}}, nil},
		{"a heading that is not taken", bot.Plan{Columns: map[string]string{"pays": ""}}, nil},
		{"another heading", bot.Plan{Columns: map[string]string{"mariam traore": ""}}, bot.ErrInvalid},
		{"a column that no file fills", bot.Plan{Columns: map[string]string{"jour": "reference"}}, bot.ErrInvalid},
		{"a country's code", values("nationality", "senegalaise", "SN"), nil},
		{"a country's name", values("residence", "pays du mali", "Mali"), nil},
		{"no country", values("nationality", "senegalaise", "ZZ"), bot.ErrInvalid},
		{"no country's name", values("nationality", "senegalaise", "awa diallo"), bot.ErrInvalid},
		{"a country left empty", values("nationality", "senegalaise", ""), nil},
		{"a need", values("need", "demande 12", "A4"), nil},
		{"no need", values("need", "demande 12", "A99"), bot.ErrInvalid},
		{"a word that is not of the file", values("need", "awa diallo 0612345678", "A4"), bot.ErrInvalid},
		{"a word too long to be one", values("need", long, "A4"), bot.ErrInvalid},
		{"no such column", values("no such column", "demande 12", ""), bot.ErrInvalid},
		{"a column without codes", values("last-name", "demande 12", ""), bot.ErrInvalid},
		{"a column that is not taken over", values("channel", "demande 12", ""), bot.ErrInvalid},
	} {
		if err := o.desk.PlanImport(ctx, o.amina, id, tt.plan); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.what, err, tt.want)
		}
	}
	p, err := o.store.Plan(ctx, "agadir")
	if err != nil {
		t.Fatal(err)
	}
	want := bot.Plan{Columns: map[string]string{"jour": "opened", "pays": ""},
		Values: map[string]map[string]string{"nationality": {"senegalaise": ""}, "residence": {"pays du mali": "ML"}, "need": {"demande 12": "A4"}}}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
	// List after list of words that mean something.
	for list := range 3 {
		var words []string
		form := map[string]string{}
		for n := range 1500 {
			words = append(words, fmt.Sprintf("demande %d de %d", n, list))
			form[words[n]] = "A4"
		}
		if err := o.desk.PlanImport(ctx, o.amina, begin(words...), bot.Plan{Values: map[string]map[string]string{"need": form}}); err != nil {
			t.Fatal(err)
		}
	}
	if p, err = o.store.Plan(ctx, "agadir"); err != nil || len(p.Values["need"]) > 2000 || p.Values["need"]["demande 7 de 2"] != "A4" {
		t.Errorf("%d words are remembered, %v", len(p.Values["need"]), err)
	}
}
