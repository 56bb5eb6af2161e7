package flows

import (
	"context"
	"errors"

	"github.com/looplab/fsm"
)

// Moves are the legal transitions of a machine: event, sources, destination.
type Moves []fsm.EventDesc

// Next is where event leads from state, or an error if it leads nowhere. looplab/fsm runs here and nowhere else; the
// machine lives for this one call, because a shared one gives wrong answers to concurrent callers.
func (m Moves) Next(state, event string) (string, error) {
	return next(fsm.NewFSM(state, fsm.Events(m), nil), event)
}

func next(machine *fsm.FSM, event string) (string, error) {
	err := machine.Event(context.Background(), event)
	if loop := (fsm.NoTransitionError{}); errors.As(err, &loop) {
		err = nil // a loop: legal, and the state stays
	}
	return machine.Current(), err
}

// move is one row of a move table: event leads from any of the states from to the state to.
func move(event, to string, from ...string) fsm.EventDesc {
	return fsm.EventDesc{Name: event, Src: from, Dst: to}
}
