package content

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

//go:embed pages words forms answers *.yaml
var builtin embed.FS

// Builtin is the content that the program carries.
func Builtin() fs.FS { return builtin }

// A Library is all content, read and proven sound. It is immutable and safe for concurrent use.
type Library struct {
	pages    map[string]map[Lang]page
	labels   map[string]Text
	commands map[string]string   // folded words → command
	choices  map[string][]string // option id → words beyond its labels
	dangers  dangers
	form     *Form
	register columns
	needs    []Need
	offices  []Office
	communes []Commune
	regions  []string
	structs  []Structure
	answers  []*Answer
	byID     map[string]*Answer
	index    *Index
	phrases  map[string]string // folded phrasing → answer, where it is of one alone
	names    choiceNames
	places   places
	warnings []Fault
}

// A Fault is something wrong in a file of content. A warning does not keep the program from starting.
type Fault struct {
	File    string
	Line    int // 0 if it concerns the file as a whole
	Msg     string
	Warning bool
}

// Error is the fault with its place.
func (f Fault) Error() string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Msg)
	}
	return f.File + ": " + f.Msg
}

// Load reads the layers, lowest first: a file replaces its namesake below it, but pages, labels and words are merged,
// key by key and language by language. It returns every fault at once, joined, each a Fault; warnings are kept in the
// library.
func Load(layers ...fs.FS) (*Library, error) {
	go languages() // they are needed for the index, and learnt meanwhile
	r := newReader(layers)
	r.readPages()
	r.readWords()
	r.readPlain()
	r.readAnswers()
	r.check()
	slices.SortStableFunc(r.faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	var errs []error
	for _, f := range slices.Compact(r.faults) {
		if f.Warning {
			r.lib.warnings = append(r.lib.warnings, f)
		} else {
			errs = append(errs, f)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	r.lib.names = r.lib.nameTable()
	r.lib.places = r.lib.gazetteer()
	r.lib.index = NewIndex(r.lib.units())
	r.lib.phrases = r.lib.phrasings()
	return r.lib, nil
}

// Warnings are the faults that did not keep the library from loading, by file and line. What is past its date is told
// by Overdue, which takes the time.
func (lib *Library) Warnings() []Fault { return lib.warnings }

// Answers lists the entries of the content base by id.
func (lib *Library) Answers() []*Answer { return lib.answers }

// Answer finds an entry; nil if there is none.
func (lib *Library) Answer(id string) *Answer { return lib.byID[id] }

// phrasings are the titles and phrasings of answers, folded; one that two answers have, in different languages, is of none.
func (lib *Library) phrasings() map[string]string {
	of := map[string]string{}
	add := func(text, id string) {
		key := Fold(text)
		if other, ok := of[key]; ok && other != id {
			id = ""
		}
		of[key] = id
	}
	for _, a := range lib.answers {
		for _, title := range a.Title {
			add(title, a.ID)
		}
		for _, asks := range a.Ask {
			for _, ask := range asks {
				add(ask, a.ID)
			}
		}
	}
	return of
}

// Find searches the answers. The ids found are those of answers. The language of a hit is the asker's where it is
// known, for that is the one in which the answer is told; else the one in which it was found. A question in the very words
// of a phrasing is that phrasing's.
func (lib *Library) Find(q Query) Found {
	found := lib.index.Search(q)
	if id := lib.phrases[Fold(q.Text[:min(len(q.Text), maxText)])]; id != "" {
		found.Hits = slices.DeleteFunc(found.Hits, func(h Hit) bool { return h.ID == id })
		found.Hits = slices.Insert(found.Hits, 0, Hit{ID: id, Lang: string(French), Score: 1})
		if q.Limit > 0 {
			found.Hits = found.Hits[:min(len(found.Hits), q.Limit)]
		}
		found.Verdict = Sure
	}
	if q.Lang.Known() {
		for i := range found.Hits {
			found.Hits[i].Lang = string(q.Lang)
		}
	}
	return found
}
