package flows_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"baom/flows"
)

var keep = flag.String("keep", "", "write the sessions of the dialogues to this file of testdata/sessions")

// movedPlaces are places of earlier versions that are no more. Who stood there is led to the menu.
var movedPlaces = map[string]bool{}

// TestGoldenSessions opens the sessions that earlier versions have left in the record, one for each place and language that
// their dialogues came by, and plays on: nobody who was in the middle of something when the program was renewed is thrown
// back, refused a button that was just offered, or asked again what they have said.
//
// A version that is to be released keeps its own: go test ./flows -run GoldenSessions -keep <version>.jsonl.
func TestGoldenSessions(t *testing.T) {
	b := book(t)
	if *keep != "" {
		keepSessions(t, b, filepath.Join("testdata", "sessions", *keep))
	}
	lib := b.Library()
	known := map[string]bool{}
	for _, f := range flows.Flows(lib.Form()) {
		for state := range f.States {
			known[f.Name+"/"+state] = true
		}
	}
	files, err := filepath.Glob("testdata/sessions/*.jsonl")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files of sessions: %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := bufio.NewScanner(bytes.NewReader(data)); line.Scan(); {
			var s flows.Session
			in := json.NewDecoder(bytes.NewReader(line.Bytes()))
			in.DisallowUnknownFields()
			if err := in.Decode(&s); err != nil {
				t.Errorf("%s: %v: %s", file, err, line.Text())
				continue
			}
			place := s.Flow + "/" + s.State
			if s.Flow != "" && !known[place] && !movedPlaces[place] {
				t.Errorf("%s: the place %s is no more: keep it, or tell here that it has moved", file, place)
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".jsonl")+"/"+place+"/"+string(s.Lang), func(t *testing.T) { playOn(t, b, s) })
		}
	}
}

// playOn goes on from a session: each choice that was offered is understood, words are answered, the session survives being
// stored again, and an intake that was begun comes to its end with what was said in it.
func playOn(t *testing.T, b *flows.Book, s flows.Session) {
	at := s.Seen
	if at.IsZero() {
		at = monday()
	}
	step := func(s flows.Session, in flows.Input) (flows.Session, []flows.Effect) {
		in.At, in.Seed = at, 7
		return b.Step(s, in)
	}
	answered := func(effects []flows.Effect) (page string, ok bool) {
		for _, e := range effects {
			switch e := e.(type) {
			case flows.Say:
				page, ok = page+" "+e.Page, true
			case flows.Relay:
				ok = true
			}
		}
		return page, ok
	}
	for _, option := range s.Options {
		if page, ok := answered(second(step(s, flows.Input{Choice: option}))); !ok || strings.Contains(page, "miss.stale") {
			t.Errorf("%s, which was offered, is answered with %q", option, page)
		}
	}
	for _, in := range []flows.Input{{Text: "bonjour"}, {Text: "menu"}, {Kind: flows.Voice}, {Choice: "menu.officer"}} {
		if _, ok := answered(second(step(s, in))); !ok {
			t.Errorf("%+v is not answered", in)
		}
	}
	var again flows.Session
	data, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(data, &again)
	}
	if err != nil || again.Flow != s.Flow || again.State != s.State || !maps.Equal(again.Slots, s.Slots) || !slices.Equal(again.Options, s.Options) {
		t.Errorf("stored again it is %+v, %v", again, err)
	}
	if s.Flow == "intake" {
		finish(t, b, s, step)
	}
}

func second[A, B any](_ A, b B) B { return b }

// finish answers what an intake still asks, until the case is opened.
func finish(t *testing.T, b *flows.Book, s flows.Session, step func(flows.Session, flows.Input) (flows.Session, []flows.Effect)) {
	said := maps.Clone(s.Slots)
	for range 40 {
		in := flows.Input{Text: "Awa"}
		for _, option := range s.Options {
			if option != "skip" && option != "back" && option != "stop" && !strings.HasPrefix(option, "menu.") && !strings.HasPrefix(option, "lang.") {
				in = flows.Input{Choice: option}
				break
			}
		}
		if slices.Contains(s.Options, "summary.send") {
			in = flows.Input{Choice: "summary.send"}
		}
		if slices.Contains(s.Options, "skip") && in.Text != "" {
			in = flows.Input{Choice: "skip"}
		}
		var effects []flows.Effect
		s, effects = step(s, in)
		for _, e := range effects {
			if opened, ok := e.(flows.OpenCase); ok {
				for _, field := range b.Library().Form().Fields {
					if was := said[field.ID]; was != "" && was != flows.Declined && opened.Answers[field.ID] != was {
						t.Errorf("%s was %q, and the case has %q", field.ID, was, opened.Answers[field.ID])
					}
				}
				return
			}
		}
	}
	t.Errorf("the intake does not end; it stands at %s/%s with %v", s.Flow, s.State, s.Options)
}

// keepSessions writes a session for each place and language that the dialogues come by.
func keepSessions(t *testing.T, b *flows.Book, file string) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	seen := map[string]bool{}
	for _, script := range scripts {
		archive, err := txtar.ParseFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range archive.Files {
			player := &flows.Player{Book: b, Now: monday(), Seed: 1}
			for line := range strings.Lines(string(section.Data)) {
				said, person := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "> ")
				if !person && !strings.HasPrefix(said, "* ") {
					continue
				}
				if _, err := player.Play(said); err != nil {
					t.Fatal(err)
				}
				s := player.Session
				if key := s.Flow + "/" + s.State + "/" + string(s.Lang); !seen[key] {
					seen[key] = true
					data, err := json.Marshal(s)
					if err != nil {
						t.Fatal(err)
					}
					out.Write(append(data, '\n'))
				}
			}
		}
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
