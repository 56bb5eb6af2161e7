package content_test

import (
	"slices"
	"testing"

	"baom/content"
)

func TestChecklist(t *testing.T) {
	for name, tt := range map[string]struct {
		text          string
		steps, papers []string
	}{
		"steps and papers in a line": {"**Les étapes :**\n1. Allez au **tribunal**.\n2. Demandez l'aide.\n\n**Papiers utiles :** acte de mariage (copie, ou original), livret. D'autres plus tard.\n\n**Coût :** rien, dit-on.",
			[]string{"Allez au tribunal", "Demandez l'aide"}, []string{"acte de mariage (copie, ou original)", "livret"}},
		"papers as a list":  {"**Papers:**\n- your passport\n- a photo", nil, []string{"your passport", "a photo"}},
		"Arabic":            {"**الخطوات :**\n1. اذهبوا إلى المحكمة.\n\n**الوثائق :** البطاقة الوطنية، الدفتر العائلي.", []string{"اذهبوا إلى المحكمة"}, []string{"البطاقة الوطنية", "الدفتر العائلي"}},
		"words and no list": {"Oui. Le **papier** suffit.", nil, nil},
		"too long to tick":  {"1. " + string(slices.Repeat([]byte("a"), 300)) + "\n2. b", []string{"b"}, nil},
	} {
		steps, papers := content.Checklist(tt.text)
		if !slices.Equal(steps, tt.steps) || !slices.Equal(papers, tt.papers) {
			t.Errorf("%s: %q %q", name, steps, papers)
		}
	}
}

// TestChecklistsOfTheBase: the program's own answers give checklists, and a translation mostly the same ones.
func TestChecklistsOfTheBase(t *testing.T) {
	lib := builtin(t)
	lists, papered, same := 0, 0, 0
	for _, a := range lib.Answers() {
		steps, papers := content.Checklist(a.Body[content.French])
		ar, arPapers := content.Checklist(a.Body[content.Arabic])
		if len(steps)+len(papers) > 0 {
			lists++
		}
		if len(papers) > 0 {
			papered++
		}
		if len(steps) == len(ar) && len(papers) == len(arPapers) {
			same++
		}
	}
	t.Logf("of %d answers %d give a list, %d with papers; %d are as long in Arabic", len(lib.Answers()), lists, papered, same)
	if lists < 100 || papered < 50 || same < 120 {
		t.Error("the answers are not read as they are written")
	}
}
