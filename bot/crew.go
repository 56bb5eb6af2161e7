package bot

import "sync"

// A Crew runs functions beside one another, as go does, but lets a goroutine that has ended one do another: its stack has
// grown to what such work needs, which for a call over the network costs more than the goroutine. The zero Crew is ready.
type Crew struct {
	mu      sync.Mutex
	idle    []chan func()
	running int
	closed  bool
	quiet   chan struct{} // closed when nothing runs any more, if somebody waits for that
}

// maxIdle bounds the goroutines that wait for something to do.
const maxIdle = 64

// Go runs f beside the caller, or after Wait has been called in its place.
func (c *Crew) Go(f func()) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		f()
		return
	}
	c.running++
	if n := len(c.idle); n > 0 {
		next := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.mu.Unlock()
		next <- f
		return
	}
	c.mu.Unlock()
	go c.run(f)
}

func (c *Crew) run(f func()) {
	next := make(chan func(), 1)
	for f != nil {
		f()
		if !c.rest(next) {
			return
		}
		f = <-next
	}
}

// rest notes that a goroutine has ended what it did, and reports whether it is to wait for more.
func (c *Crew) rest(next chan func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running--; c.running == 0 && c.quiet != nil {
		close(c.quiet)
		c.quiet = nil
	}
	if c.closed || len(c.idle) >= maxIdle {
		return false
	}
	c.idle = append(c.idle, next)
	return true
}

// Wait waits until everything that was begun has ended, and lets go of the goroutines.
func (c *Crew) Wait() {
	c.mu.Lock()
	c.closed = true
	for _, next := range c.idle {
		next <- nil
	}
	c.idle = nil
	if c.running == 0 {
		c.mu.Unlock()
		return
	}
	if c.quiet == nil {
		c.quiet = make(chan struct{})
	}
	quiet := c.quiet
	c.mu.Unlock()
	<-quiet
}
