package content_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"baom/content"
)

// TestCluster puts the phrasings of the base, in disorder, together again. What an officer answers as one must be one: of
// two questions in one group, nearly always both are of one answer.
func TestCluster(t *testing.T) {
	lib := builtin(t)
	var texts []string
	var of []string
	for _, a := range lib.Answers()[:40] {
		for _, asks := range a.Ask {
			for _, ask := range asks {
				texts, of = append(texts, ask), append(of, a.ID)
			}
		}
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(len(texts))
	shuffled := make([]string, len(texts))
	for i, j := range order {
		shuffled[i] = texts[j]
	}
	groups := clustered(t, lib, shuffled...)
	seen, pairs, right := 0, 0, 0
	for _, g := range groups {
		seen += len(g)
		for i := range g {
			for j := range i {
				pairs++
				if of[order[g[i]]] == of[order[g[j]]] {
					right++
				}
			}
		}
	}
	if seen != len(texts) {
		t.Errorf("%d texts became %d", len(texts), seen)
	}
	t.Logf("%d texts, %d groups, %d of %d pairs right", len(texts), len(groups), right, pairs)
	if right*100 < 65*pairs || len(groups) > len(texts)*2/3 {
		t.Errorf("%d texts, %d groups, %d of %d pairs right", len(texts), len(groups), right, pairs)
	}
}

// TestClusterScripts: one question in six ways of writing is one question, and another stays apart.
func TestClusterScripts(t *testing.T) {
	lib := builtin(t)
	texts := []string{
		"renouveler carte de séjour", "kifach njedded lcarte de sejour", "comment je renouvele ma carte sejour", "كيفاش نجدد كارت سيجور",
		"renew my residence card", "تجديد بطاقة الإقامة",
		"inscrire mon fils à l'école", "inscrire mon fils à l'école primaire",
	}
	for _, g := range clustered(t, lib, texts...) {
		if slices.Contains(g, 6) {
			if !slices.Contains(g, 7) || len(g) != 2 {
				t.Errorf("school is with %v", g)
			}
		}
	}
	if g := clustered(t, lib, texts...)[0]; len(g) < 5 {
		t.Errorf("of six ways to ask for one thing, only %d were put together: %v", len(g), g)
	}
	if got := clustered(t, lib); len(got) != 0 {
		t.Errorf("nothing became %v", got)
	}
	if got := clustered(t, lib, "", "🙂", ""); len(got) == 0 {
		t.Error("what has no words was lost")
	}
}

func clustered(t *testing.T, lib *content.Library, texts ...string) [][]int {
	t.Helper()
	groups, err := lib.Cluster(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// TestClusterEnds: nobody waits for the end any more, and it is not reached.
func TestClusterEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if groups, err := builtin(t).Cluster(ctx, []string{"carte de séjour"}); groups != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", groups, err)
	}
}
