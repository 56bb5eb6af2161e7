package bot_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// asks makes somebody ask something that finds no answer, and wish to be told.
func (o *office) asks(peer string, l content.Lang, text string, wishes bool) {
	o.t.Helper()
	p := bot.Peer{Channel: bot.Web, ID: peer}
	if _, err := o.store.Receive(o.t.Context(), bot.Entry{Peer: p, Key: "web:1", Input: flows.Input{Text: text}}); err != nil {
		o.t.Fatal(err)
	}
	err := o.store.Turn(o.t.Context(), func(s flows.Session, e bot.Entry) bot.Turn {
		t := bot.Turn{Session: flows.Session{Lang: l, Consent: "yes"}, Asked: []flows.Asked{{Question: text, Lang: l, Outcome: flows.AskDeclined}}}
		if wishes {
			t.Asked = append(t.Asked, flows.Asked{Question: text, Lang: l, Outcome: flows.AskWished})
		}
		return t
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

// TestUnanswered: what people asked in vain is put together across scripts; one answer goes to all who wished it, and
// becomes a draft that the content's repository takes.
func TestUnanswered(t *testing.T) {
	o := newOffice(t)
	o.asks("a", content.French, "je veux adopter un chameau, comment faire", true)
	o.asks("b", content.Darija, "kifach nadopter chameau dyali", true)
	o.asks("c", content.French, "adopter un chameau", false)
	o.asks("d", content.French, "le prix du billet de train pour Casablanca", false)
	ctx := t.Context()
	list, err := o.desk.Unanswered(ctx, o.far)
	if err != nil || len(list) != 2 {
		t.Fatalf("clusters: %+v, %v", list, err)
	}
	camel := list[0]
	if camel.Count != 3 || camel.Waiting != 2 {
		t.Errorf("the first is asked %d times, %d wait: %+v", camel.Count, camel.Waiting, camel)
	}
	var ids []int64
	for _, q := range camel.Questions {
		ids = append(ids, q.ID)
	}
	good := bot.Written{Lang: content.French, Need: "K1", Title: "Adopter un chameau", Text: "Allez au **souk**.\n\n- un papier"}
	for name, bad := range map[string]func(*bot.Written){
		"no title":         func(w *bot.Written) { w.Title = " " },
		"no words":         func(w *bot.Written) { w.Text = "" },
		"too long":         func(w *bot.Written) { w.Text = strings.Repeat("é", 901) },
		"a need of nobody": func(w *bot.Written) { w.Need = "Q7" },
		"no language":      func(w *bot.Written) { w.Lang = "xx" },
	} {
		w := good
		bad(&w)
		if _, err := o.desk.Answer(ctx, o.amina, w, ids); !errors.Is(err, bot.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := o.desk.Answer(ctx, o.amina, good, ids); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("an officer writes to people of every office: %v", err)
	}
	equal(t, "nothing went out", o.sent())
	w, err := o.desk.Answer(ctx, o.head, good, ids)
	if err != nil || w.Told != 2 {
		t.Fatalf("answer: %+v, %v", w, err)
	}
	sent := o.sent()
	if len(sent) != 2 || !strings.Contains(sent[0], "**souk**") || strings.Contains(sent[0], "chameau") {
		t.Errorf("sent: %q", sent)
	}
	if list, err = o.desk.Unanswered(ctx, o.amina); err != nil || len(list) != 1 {
		t.Errorf("left: %+v, %v", list, err)
	}
	written, err := o.desk.Written(ctx, o.amina)
	if err != nil {
		t.Fatal(err)
	}
	w.Lang, w.Title, w.ID = content.Arabic, "تبني جمل", 99 // one in another language
	applies(t, bot.Patch(append(written, *w)))
	good.Title = "Le train"
	if train, err := o.desk.Answer(ctx, o.amina, good, []int64{list[0].Questions[0].ID}); err != nil || train.Told != 0 {
		t.Errorf("an officer writes what nobody waits for: %+v, %v", train, err)
	}
}

// applies checks that git takes a patch, and that content is sound with what it brings.
func applies(t *testing.T, patch []byte) {
	t.Helper()
	dir := t.TempDir()
	apply := exec.Command("git", "apply", "-")
	apply.Dir, apply.Stdin = dir, strings.NewReader(string(patch))
	if out, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v %s\n%s", err, out, patch)
	}
	lib, err := content.Load(content.Builtin(), os.DirFS(filepath.Join(dir, "content")))
	if err != nil {
		t.Fatalf("the drafts have faults: %v\n%s", err, patch)
	}
	var drafts []*content.Answer
	for _, a := range lib.Answers() {
		if strings.HasPrefix(a.ID, "draft.") {
			drafts = append(drafts, a)
		}
	}
	if len(drafts) != 2 || drafts[0].Status[content.French] != "draft" || len(drafts[0].Ask["fr"]) < 2 || drafts[0].Confidence != "low" {
		t.Errorf("drafts: %+v", drafts)
	}
	if found := lib.Find(content.Query{Text: "adopter un chameau", Lang: content.French}); len(found.Hits) == 0 || !strings.HasPrefix(found.Hits[0].ID, "draft.") {
		t.Errorf("the draft is not found: %+v", found)
	}
}

// TestUnansweredOnce: questions are put together once for all who look, and again when there is another or somebody has
// been answered; who has gone is not waited for.
func TestUnansweredOnce(t *testing.T) {
	o := newOffice(t)
	for i := range 40 {
		o.asks(fmt.Sprint("p", i), content.French, fmt.Sprintf("adopter un chameau de couleur %d à la campagne avec sa famille", i), false)
	}
	looks := func() (seen []*bot.Cluster) {
		t.Helper()
		lists := make([][]bot.Cluster, 8)
		var all sync.WaitGroup
		for i := range lists {
			all.Go(func() {
				var err error
				if lists[i], err = o.desk.Unanswered(t.Context(), o.amina); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, l := range lists {
			if len(l) == 0 {
				t.Fatal("nothing was put together")
			}
			if !slices.Contains(seen, &l[0]) {
				seen = append(seen, &l[0])
			}
		}
		return seen
	}
	first := looks()
	if again := looks(); len(first) != 1 || !slices.Equal(first, again) {
		t.Errorf("sixteen looks at the same questions are %d and %d computations", len(first), len(again))
	}
	o.asks("q", content.French, "le prix du billet de train pour Casablanca", true)
	second := looks()
	if len(second) != 1 || slices.Equal(first, second) {
		t.Error("another question is not seen")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := o.desk.Unanswered(ctx, o.amina); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone: %v", err)
	}
}
