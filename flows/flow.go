package flows

import (
	"maps"
	"slices"

	"baom/content"
)

// A Flow is one dialogue as a finite-state machine, as data.
type Flow struct {
	Name   string
	States map[string]State
	Moves  Moves // a destination with a slash, such as menu/menu, is a state of another flow
}

// A State is one place of a flow: what is said there, how an answer is read, what happens on entry.
type State struct {
	// Say is the page spoken when the state is entered and whenever its question is asked again. Tell speaks instead
	// where the words depend on more than a page.
	Say  string
	Tell func(*step)

	// Read says how what the person writes or presses is understood, tried in order.
	Read []Read

	// Do is what entering the state does; Pass, if it yields an event, leaves the state again at once, unspoken.
	Do   func(*step)
	Pass Pass
}

// A Pass lets a state decide by what is known where to go: a choice, in the words of state charts. Of returns one of
// Yields, or "" to stay.
type Pass struct {
	Yields []string
	Of     func(*step) string
}

// A Read is a way of understanding a person. It is a sealed sum: Options, Field, Fields, Words, Find, Place, Relayed,
// Proposed.
type Read interface {
	// yields are the events the read can cause; each must be a move of the state.
	yields() []string
	// offers are the choices to show with the question, by id.
	offers(*step) []string
	// press reads a pressed choice, hear reads words or an attachment; both return "" if it means nothing here.
	press(t *step, id string) string
	hear(t *step) string
}

// Options offers choices; pressing one is the event of the same name.
type Options []string

func (o Options) yields() []string      { return o }
func (o Options) offers(*step) []string { return o }
func (o Options) hear(*step) string     { return "" }
func (o Options) press(_ *step, id string) string {
	if slices.Contains(o, id) {
		return id
	}
	return ""
}

// everywhere are the moves that every state of every flow has, unless it has its own for the event: the menu, an
// officer, the ways out, and what happens at the desk.
func everywhere() map[string]string {
	return map[string]string{
		"menu.menu": "menu/menu", "menu.ask": "ask/asking", "menu.intake": "intake/start", "menu.case": "case/status",
		"menu.office": "office/where", "menu.orient": "orient/start", "menu.officer": "handoff/start", "menu.data": "data/shown", "menu.link": "link/start",
		"back.continue": "intake/continue", "back": "menu/menu",
		"stop": "menu/stopped", "forget": "data/confirm", "handoff.cancel": "handoff/confirm",
		"answer": "ask/answered", "language": "welcome/language", "away": "welcome/back",
		EventClaimed: "handoff/live", EventReleased: "handoff/waiting", EventHanded: "handoff/waiting",
		EventReopened: "handoff/waiting", EventClosed: "survey/score",
		EventProposed: "transfer/asked", EventRecalled: "transfer/recalled", EventReturned: "intake/returned",
		"transfer.yes": "transfer/agreed", "transfer.no": "transfer/kept", "transfer.lapsed": "transfer/lapsed",
	}
}

// Flows are the dialogues: welcome, menu, ask, intake (generated from the form), handoff, transfer (may another office have
// the case?), survey, and what is one's own (case, data), office (find a bureau), orient (who else can help), link (a case
// of the desk).
func Flows(form *content.Form) []Flow {
	return []Flow{welcome(), menu(), ask(), intake(form), handoff(form), transfer(), survey(), ownCase(), ownData(), office(), orient(), link()}
}

// full is a flow's move table with the moves it shares with all others.
func (f Flow) full() Moves {
	own := map[[2]string]bool{}
	for _, m := range f.Moves {
		for _, src := range m.Src {
			own[[2]string{m.Name, src}] = true
		}
	}
	moves := slices.Clone(f.Moves)
	shared := everywhere()
	for _, event := range slices.Sorted(maps.Keys(shared)) {
		var from []string
		for _, state := range slices.Sorted(maps.Keys(f.States)) {
			if !own[[2]string{event, state}] {
				from = append(from, state)
			}
		}
		dst := shared[event]
		if flow, state := split(dst); flow == f.Name {
			dst = state
		}
		if len(from) > 0 {
			moves = append(moves, move(event, dst, from...))
		}
	}
	return moves
}
