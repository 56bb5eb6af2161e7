// Package flows decides what to say next. A dialogue is a finite-state machine kept as data; a conversation is a
// Session, a value; and everything that happens is an Input. Book.Step takes a session and an input and returns the
// next session and the effects that must follow: no clock, no I/O, no error. What the outside must do (send, open a
// case, remember to ask again) is an Effect, a value that package bot carries out in one transaction.
//
// looplab/fsm runs in one function, Moves.Next, and nowhere else. The move tables also describe a case's life
// (package bot) and draw the diagrams in README.md.
package flows
