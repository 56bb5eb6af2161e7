package storage

import (
	"sync"
	"time"
)

// A gatherer does together what several goroutines ask for at the same moment: while do is at work, what comes in
// meanwhile waits and makes up the next group. So a group is as large as the work is slow, and who comes alone does not
// wait.
type gatherer[T any] struct {
	do     func(group []T) // never called twice at the same time
	most   int             // the size of the largest group
	linger time.Duration   // how long what is not urgent waits for company

	mu      sync.Mutex
	waiting []T
	urgent  int // how many of those waiting are urgent
	working bool
	timer   *time.Timer
	closed  bool
	idle    sync.Cond
}

func newGatherer[T any](most int, linger time.Duration, do func([]T)) *gatherer[T] {
	g := &gatherer[T]{do: do, most: most, linger: linger}
	g.idle.L = &g.mu
	return g
}

// add asks for x to be done, soon if it is urgent, and does not wait for it.
func (g *gatherer[T]) add(x T, urgent bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, x)
	if urgent {
		g.urgent++
	}
	switch {
	case g.working:
	case g.urgent > 0 || g.closed || g.linger == 0 || len(g.waiting) >= g.most:
		g.begin()
	case g.timer == nil:
		g.timer = time.AfterFunc(g.linger, g.due)
	}
}

// due is called when what is not urgent has waited long enough.
func (g *gatherer[T]) due() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.timer = nil
	if !g.working && len(g.waiting) > 0 {
		g.begin()
	}
}

func (g *gatherer[T]) begin() {
	g.working = true
	go g.work()
}

// work does groups until nobody waits who is in a hurry.
func (g *gatherer[T]) work() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.waiting) > 0 {
		n := min(len(g.waiting), g.most)
		group := g.waiting[:n:n]
		g.waiting = append([]T(nil), g.waiting[n:]...)
		if len(g.waiting) == 0 {
			g.urgent = 0
		}
		g.mu.Unlock()
		g.do(group)
		g.mu.Lock()
		if g.urgent == 0 && !g.closed && g.linger > 0 && len(g.waiting) < g.most {
			break
		}
	}
	g.working = false
	if len(g.waiting) > 0 && g.timer == nil {
		g.timer = time.AfterFunc(g.linger, g.due)
	}
	g.idle.Broadcast()
}

// close does what waits, and from then on everything at once.
func (g *gatherer[T]) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if !g.working && len(g.waiting) > 0 {
		g.begin()
	}
	for g.working {
		g.idle.Wait()
	}
}
