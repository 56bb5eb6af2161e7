package content

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// small is a base small enough to train in a test.
func small() []Unit {
	return []Unit{
		{ID: "renew", Lang: "fr", Title: "Renouveler sa carte de séjour", Asks: []string{"comment renouveler ma carte", "ma carte de séjour expire bientôt", "prolonger mon titre de séjour"}, Profiles: []string{"rpt"}},
		{ID: "pension", Lang: "fr", Title: "Pension de réversion", Asks: []string{"mon mari est mort ai-je droit à sa retraite", "pension de veuve", "retraite du conjoint décédé"}, Profiles: []string{"ad"}},
		{ID: "unpaid", Lang: "fr", Title: "Salaire impayé", Asks: []string{"mon patron ne me paie pas", "je n'ai pas reçu mon salaire", "travail sans paie"}},
		{ID: "school", Lang: "fr", Title: "Inscrire un enfant à l'école", Asks: []string{"inscription scolaire de ma fille", "l'école refuse mon fils", "école sans papiers"}},
		{ID: "birth", Lang: "fr", Title: "Déclarer une naissance", Asks: []string{"déclarer mon bébé", "acte de naissance à l'état civil", "mon enfant est né ici"}},
		{ID: "renew", Lang: "ary", Title: "تجديد الكارط", Asks: []string{"كيفاش نجدد لاكارط ديالي", "kifach njedded lakart dyali"}},
		{ID: "unpaid", Lang: "ary", Asks: []string{"الباطرون ما خلصنيش", "lpatron ma khelesnich"}},
	}
}

func trained(t testing.TB, dir string) *Index {
	t.Helper()
	ix := NewIndex(small())
	if err := ix.Train(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	return ix
}

var smallQuestions = map[string]string{
	"renouvelement crate sejour": "renew", "veuve retraite": "pension", "patron paye pas": "unpaid", "ecole fille": "school", "declaration naissance": "birth",
	"njdd lcarta": "renew", "لباطرون مخلصنيش": "unpaid", "my boss does not pay my wages": "unpaid", "inscribir a mi hija en la escuela": "school",
}

func TestSearch(t *testing.T) {
	for name, ix := range map[string]*Index{"untrained": NewIndex(small()), "trained": trained(t, "")} {
		for text, want := range smallQuestions {
			found := ix.Search(Query{Text: text})
			if len(found.Hits) == 0 || found.Hits[0].ID != want {
				t.Errorf("%s: %q finds %v, want %s", name, text, found.Hits, want)
			}
		}
		for _, text := range []string{"", "?!", "oui", "je ne sais pas", "quelle est la capitale du japon", "ma carte bancaire a été refusée au distributeur"} {
			if found := ix.Search(Query{Text: text}); found.Verdict == Sure {
				t.Errorf("%s: %q is answered with %v", name, text, found.Hits[0])
			}
		}
		if hits := ix.Search(Query{Text: "carte", Limit: 2}).Hits; len(hits) != 2 || hits[0].Score < hits[1].Score {
			t.Errorf("%s: two hits were asked for, best first: %v", name, hits)
		}
	}
}

// TestTrainIsTheSame trains twice, and reads what was kept: all three answer alike. A damaged file is not believed.
func TestTrainIsTheSame(t *testing.T) {
	dir := t.TempDir()
	first := trained(t, dir)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("kept %v, %v", files, err)
	}
	kept, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	same := func(name string, ix *Index) {
		t.Helper()
		for text := range smallQuestions {
			if diff := cmp.Diff(first.Search(Query{Text: text}), ix.Search(Query{Text: text})); diff != "" {
				t.Errorf("%s: %q:\n%s", name, text, diff)
			}
		}
	}
	same("trained again", trained(t, ""))
	same("read", trained(t, dir))
	kept[len(kept)/2] ^= 1
	if err := os.WriteFile(files[0], kept, 0o600); err != nil {
		t.Fatal(err)
	}
	same("after damage", trained(t, dir))
}

func TestTrainStops(t *testing.T) {
	ix := NewIndex(small())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := ix.Train(ctx, ""); !errors.Is(err, context.Canceled) {
		t.Fatalf("training after its time: %v", err)
	}
	if diff := cmp.Diff(NewIndex(small()).Search(Query{Text: "veuve"}), ix.Search(Query{Text: "veuve"})); diff != "" {
		t.Errorf("a training that was stopped left a trace:\n%s", diff)
	}
}

// TestSearchWhileTraining is for the race detector.
func TestSearchWhileTraining(t *testing.T) {
	ix := NewIndex(small())
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if err := ix.Train(context.Background(), ""); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for range 50 {
				if ix.Search(Query{Text: "pension de veuve"}).Hits[0].ID != "pension" {
					t.Error("the wrong hit")
				}
			}
		})
	}
	wg.Wait()
}

// TestSkeleton writes the same word in both scripts.
func TestSkeleton(t *testing.T) {
	for latin, arabic := range map[string]string{"wach": "واش", "5edma": "خدمة", "lkhedma": "الخدمة", "ch7al": "شحال", "lwra9": "الوراق", "3afak": "عافاك", "7anout": "حانوت", "ghadi": "غادي"} {
		if a, b := skeleton(Fold(latin)), skeleton(Fold(arabic)); a != b {
			t.Errorf("%s is %q, %s is %q", latin, a, arabic, b)
		}
	}
}

// TestRadicals finds the same consonants in the forms of a word.
func TestRadicals(t *testing.T) {
	for words, want := range map[string]string{"خدمة الخدمات وخدمتهم": "xdm", "طلب الطلبات بطلبي": "tlb", "السفارة والسفارات سفارتكم": "fr", "تجديد نجدد أجدد تجديدها": "jd"} {
		for _, w := range strings.Fields(words) {
			if got := radicals(Fold(w)); got != want {
				t.Errorf("%s: %s, want %s", w, got, want)
			}
		}
	}
}

func TestRepair(t *testing.T) {
	s := newSpeller()
	s.add([]string{"licenciement", "preavis", "conge", "carte"})
	s.done()
	for said, want := range map[string]string{"licenciemnet": "licenciement", "lisenciment": "licenciement", "preavi": "preavis", "cogne": "conge", "carte": "carte", "arc": "arc", "bonjour": "bonjour", "2024": "2024"} {
		if got := s.repair([]string{said})[0]; got != want {
			t.Errorf("%s is repaired to %s, want %s", said, got, want)
		}
	}
}

func FuzzSearch(f *testing.F) {
	for text := range smallQuestions {
		f.Add(text)
	}
	f.Add("\xff\x00 ١٢ ⴰⵣⵓⵍ")
	plain, full := NewIndex(small()), trained(f, "")
	f.Fuzz(func(t *testing.T, text string) {
		for _, ix := range []*Index{plain, full} {
			found := ix.Search(Query{Text: text, Profile: "ad"})
			last := 1.0
			for _, h := range found.Hits {
				if !(h.Score >= 0 && h.Score <= last) || h.ID == "" {
					t.Fatalf("%q: %v", text, found)
				}
				last = h.Score
			}
			if found.Verdict != None && len(found.Hits) == 0 {
				t.Fatalf("%q: %v", text, found)
			}
		}
	})
}

func BenchmarkSearch(b *testing.B) {
	ix := trained(b, "")
	for b.Loop() {
		ix.Search(Query{Text: "comment renouveler ma carte de séjour expirée"})
	}
}
