package flows_test

import (
	"encoding/json"
	"testing"
	"time"

	"baom/content"
	"baom/flows"
)

// FuzzStep throws strings of inputs at the dialogue: nobody is met with silence, nothing panics, nothing grows without
// bound, a step is the same each time, and the session survives being written and read.
func FuzzStep(f *testing.F) {
	b := book(f)
	for _, seed := range []string{
		"bonjour\noui\nje veux ouvrir un dossier\n1\n2\n3\nMoussa\n", "\x01lang.ar\n\x01consent.yes\n\x01menu.officer\nأكادير\nسلام\n\x02claimed\nشكرا\n\x02closed\n\x015\n",
		"\x01start\n\x01lang.fr\n\x01consent.no\nagent\n\x01consent.yes\n", "\x03voice\n\x03sticker\n\x03location\nretour\nmenu\nstop\nsupprimer\n\x01erase.yes\nsalut\n",
		"\x01need.A1\n\x01lang.en\nyes\n\x01profile.rpt\n\x01summary.send\nhe beats me\n\x02reopened\n\x02handed\n\x02reminder\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, script string) {
		var s flows.Session
		at := monday()
		start := 0
		for i := 0; i <= len(script) && start <= len(script); i++ {
			if i < len(script) && script[i] != '\n' {
				continue
			}
			in := input(script[start:i])
			start = i + 1
			at = at.Add(time.Duration(len(in.Text)) * time.Hour)
			in.At, in.Seed = at, uint64(i)
			again, effects := b.Step(s, in)
			check(t, b, s, in, again, effects)
			data, err := json.Marshal(again)
			if err != nil {
				t.Fatal(err)
			}
			if len(data) > 64<<10 {
				t.Fatalf("the session has grown to %d bytes", len(data))
			}
			s = flows.Session{}
			if err := json.Unmarshal(data, &s); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// input reads one line of a fuzzed script: a first byte of 1 is a button, 2 an event, 3 a kind of thing sent.
func input(line string) flows.Input {
	if line == "" {
		return flows.Input{}
	}
	switch rest := line[1:]; line[0] {
	case 1:
		return flows.Input{Choice: rest}
	case 2:
		return flows.Input{Event: rest, Slots: map[string]string{"officer": "Amina", "what": "survey"}}
	case 3:
		return flows.Input{Kind: flows.Kind(rest), Lat: 30.1, Lon: -9.5}
	}
	return flows.Input{Text: line}
}

func check(t *testing.T, b *flows.Book, before flows.Session, in flows.Input, after flows.Session, effects []flows.Effect) {
	t.Helper()
	heard, choices := false, 0
	for _, e := range effects {
		switch e := e.(type) {
		case flows.Say:
			heard = true
			if e.Text == "" {
				t.Fatalf("%+v: page %s says nothing", in, e.Page)
			}
			if len(e.Choices) > 0 {
				choices++
			}
			for _, c := range e.Choices {
				if c.ID == "" || c.Label == "" {
					t.Fatalf("%+v: page %s offers %+v", in, e.Page, c)
				}
			}
		case flows.Relay:
			heard = true
		}
	}
	if in.Event == "" && in.Kind != flows.Reaction && !heard { // a reaction is a nod
		t.Fatalf("%+v in %s/%s meets silence", in, before.Flow, before.State)
	}
	if choices > 1 {
		t.Fatalf("%+v: %d messages with choices", in, choices)
	}
	if after.Flow == "" && before.Flow != "" {
		t.Fatalf("%+v leads nowhere", in)
	}
	again, twice := b.Step(before, in)
	if x, y := flows.Transcript(effects), flows.Transcript(twice); x != y || again.State != after.State {
		t.Fatalf("%+v: not the same twice:\n%s\n%s", in, x, y)
	}
}

// TestStoredStateIsGone shows that a session whose state a deployment removed comes to the menu.
func TestStoredStateIsGone(t *testing.T) {
	s, effects := book(t).Step(flows.Session{Lang: content.French, Flow: "intake", State: "shoe-size"}, flows.Input{Text: "42", At: monday()})
	if s.Flow != "menu" || s.State != "menu" || len(effects) != 1 {
		t.Errorf("got %s/%s, %v", s.Flow, s.State, effects)
	}
}

// TestStepLeavesSessionAlone shows that Step does not change the session it is given.
func TestStepLeavesSessionAlone(t *testing.T) {
	before := flows.Session{Lang: content.French, Flow: "intake", State: "profile", Consent: "yes", Slots: map[string]string{"x": "y"}}
	book(t).Step(before, flows.Input{Choice: "profile.rpt", At: monday()})
	if len(before.Slots) != 1 || before.State != "profile" {
		t.Errorf("the session was changed: %+v", before)
	}
}

func TestReference(t *testing.T) {
	for seed := range uint64(5000) {
		ref := flows.Reference("AG", seed*2654435761)
		if got, ok := flows.ParseReference(" " + ref[:4] + " " + ref[4:]); !ok || got != ref {
			t.Fatalf("%s is read as %q, %v", ref, got, ok)
		}
		for i := 3; i < 7; i++ { // a slip of the pen in one place is noticed
			for _, r := range "2K9Z" {
				slip := ref[:i] + string(r) + ref[i+1:]
				if _, ok := flows.ParseReference(slip); ok && slip != ref {
					t.Fatalf("%s passes for %s", slip, ref)
				}
			}
		}
	}
}

func BenchmarkStepButton(b *testing.B) {
	bk := book(b)
	s := flows.Session{Lang: content.French, Flow: "intake", State: "work", Consent: "yes", Seen: monday(), Slots: map[string]string{
		"profile": "rpt", "need": "A1", "first-name": "Moussa", "last-name": "-", "nationality": "ML", "commune": "agadir", "age": "35-49", "gender": "m"}}
	b.ReportAllocs()
	for b.Loop() {
		bk.Step(s, flows.Input{Choice: "work.farm", At: monday()})
	}
}

func BenchmarkStepQuestion(b *testing.B) {
	bk := book(b)
	s := flows.Session{Lang: content.French, Flow: "menu", State: "menu", Consent: "yes", Seen: monday()}
	b.ReportAllocs()
	for b.Loop() {
		bk.Step(s, flows.Input{Text: "comment renouveler ma carte de séjour", At: monday()})
	}
}
