package flows_test

import (
	"testing"

	"baom/flows"
)

// TestNods: a reaction answers where its sign names a choice, is the officer's to see where one is there, and else meets
// nothing; a call or a photo to be seen once is always answered.
func TestNods(t *testing.T) {
	b := book(t)
	menu := flows.Session{Lang: "fr", Flow: "menu", State: "menu", Consent: "yes"}
	live := flows.Session{Lang: "fr", Flow: "handoff", State: "live", Consent: "yes", Slots: map[string]string{"case": "AG-7F3K-92", "case.state": "claimed"}}
	for _, c := range []struct {
		name string
		s    flows.Session
		in   flows.Input
		want string // kinds of effects: s say, r relay
	}{
		{"a thumb at the menu", menu, flows.Input{Kind: flows.Reaction, Text: "👍"}, ""},
		{"a thumb for an officer", live, flows.Input{Kind: flows.Reaction, Text: "👍"}, "r"},
		{"a thumb from nobody", flows.Session{}, flows.Input{Kind: flows.Reaction, Text: "👍"}, ""},
		{"a call at the menu", menu, flows.Input{Kind: flows.Call}, "s"},
		{"a call while an officer is there", live, flows.Input{Kind: flows.Call}, "rs"},
		{"to be seen once, while an officer is there", live, flows.Input{Kind: flows.Once}, "rs"},
		{"not readable", menu, flows.Input{Kind: flows.Unread}, "s"},
	} {
		c.in.At = monday()
		got := ""
		_, effects := b.Step(c.s, c.in)
		for _, e := range effects {
			switch e.(type) {
			case flows.Say:
				got += "s"
			case flows.Relay:
				got += "r"
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
