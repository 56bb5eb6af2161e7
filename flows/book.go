package flows

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/looplab/fsm"

	"baom/content"
)

// A Book is every flow together with the library it speaks from, proven sound. It is immutable and safe for
// concurrent use.
type Book struct {
	lib    *content.Library
	flows  map[string]*machine
	fields map[string]content.Field
}

// A machine is a flow ready to run: its states, and state machines to take turns with. A looplab machine must never
// serve two goroutines at once, and making one costs more than a step: hence the pool.
type machine struct {
	Flow
	pool sync.Pool
}

// New binds the flows to a library. It returns every fault at once: an unknown state, two moves for one event, a
// state nobody can reach, an event that no move takes, a page or label that is missing.
func New(lib *content.Library) (*Book, error) {
	form := lib.Form()
	if form == nil {
		return nil, errors.New("flows: the library has no intake form")
	}
	b := &Book{lib: lib, flows: map[string]*machine{}, fields: map[string]content.Field{}}
	for _, f := range form.Fields {
		b.fields[f.ID] = f
	}
	for _, f := range Flows(form) {
		m := &machine{Flow: f}
		events := fsm.Events(f.full())
		m.pool.New = func() any { return fsm.NewFSM("", events, nil) }
		b.flows[f.Name] = m
	}
	if err := b.sound(); err != nil {
		return nil, err
	}
	return b, nil
}

// Library is what the book speaks from.
func (b *Book) Library() *content.Library { return b.lib }

// next is where event leads from a state of flow m.
func (m *machine) next(state, event string) (string, error) {
	f := m.pool.Get().(*fsm.FSM)
	f.SetState(state)
	to, err := next(f, event)
	m.pool.Put(f)
	return to, err
}

// state finds a place; ok is false if there is none such, as after a deployment that removed it.
func (b *Book) state(flow, state string) (State, bool) {
	m, ok := b.flows[flow]
	if !ok {
		return State{}, false
	}
	s, ok := m.States[state]
	return s, ok
}

// split takes a place such as menu/menu apart.
func split(place string) (flow, state string) {
	flow, state, _ = strings.Cut(place, "/")
	return flow, state
}

// sound proves the flows: see New.
func (b *Book) sound() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("flows: "+format, args...)) }
	reached := map[string]bool{"welcome/language": true, "welcome/consent": true}
	for _, name := range slices.Sorted(maps.Keys(b.flows)) {
		m := b.flows[name]
		takes := map[[2]string]bool{}
		for _, mv := range m.full() {
			dst := mv.Dst
			if !strings.Contains(dst, "/") {
				dst = name + "/" + dst
			}
			if flow, state := split(dst); !b.has(flow, state) {
				fault("%s: %s leads to unknown state %s", name, mv.Name, dst)
			}
			reached[dst] = true
			for _, src := range mv.Src {
				if !b.has(name, src) {
					fault("%s: %s leaves unknown state %s", name, mv.Name, src)
				}
				if takes[[2]string{mv.Name, src}] {
					fault("%s: two moves for %s in %s", name, mv.Name, src)
				}
				takes[[2]string{mv.Name, src}] = true
			}
		}
		for _, state := range slices.Sorted(maps.Keys(m.States)) {
			st := m.States[state]
			place := name + "/" + state
			yields := slices.Clone(st.Pass.Yields)
			for _, r := range st.Read {
				yields = append(yields, r.yields()...)
			}
			for _, ev := range yields {
				if !takes[[2]string{ev, state}] {
					fault("%s: nothing takes %s", place, ev)
				}
			}
			b.spoken(place, st, fault)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.flows)) {
		for state := range b.flows[name].States {
			if !reached[name+"/"+state] {
				fault("nobody reaches %s/%s", name, state)
			}
		}
	}
	return errors.Join(faults...)
}

func (b *Book) has(flow, state string) bool {
	_, ok := b.state(flow, state)
	return ok
}

// spoken checks that a state has words and that its fixed choices have labels.
func (b *Book) spoken(place string, st State, fault func(string, ...any)) {
	if st.Say != "" && !b.lib.HasPage(st.Say) {
		fault("%s: there is no page %q", place, st.Say)
	}
	if st.Say == "" && st.Tell == nil && st.Pass.Of == nil {
		fault("%s: says nothing and passes nowhere", place)
	}
	for _, r := range st.Read {
		if o, ok := r.(Options); ok {
			for _, id := range o {
				if b.lib.Label(id, content.French) == "" {
					fault("%s: the choice %q has no label", place, id)
				}
			}
		}
	}
}
