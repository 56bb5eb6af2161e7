package content_test

import (
	"math/rand/v2"
	"slices"
	"testing"
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
	groups := lib.Cluster(shuffled)
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
	for _, g := range lib.Cluster(texts) {
		if slices.Contains(g, 6) {
			if !slices.Contains(g, 7) || len(g) != 2 {
				t.Errorf("school is with %v", g)
			}
		}
	}
	if g := lib.Cluster(texts)[0]; len(g) < 5 {
		t.Errorf("of six ways to ask for one thing, only %d were put together: %v", len(g), lib.Cluster(texts))
	}
	if got := lib.Cluster(nil); len(got) != 0 {
		t.Errorf("nothing became %v", got)
	}
	if got := lib.Cluster([]string{"", "🙂", ""}); len(got) == 0 {
		t.Error("what has no words was lost")
	}
}
