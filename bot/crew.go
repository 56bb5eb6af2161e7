package bot

import "sync"

// A Crew runs functions beside one another, as go does, but lets a goroutine that has ended one do another: its stack has
// grown to what such work needs, which for a call over the network costs more than the goroutine.
type Crew struct {
	mu   sync.Mutex
	idle []chan func()
	work sync.WaitGroup
}

// maxIdle bounds the goroutines that wait for something to do.
const maxIdle = 64

// Go runs f.
func (c *Crew) Go(f func()) {
	c.work.Add(1)
	c.mu.Lock()
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
		c.mu.Lock()
		full := len(c.idle) >= maxIdle
		if !full {
			c.idle = append(c.idle, next)
		}
		c.mu.Unlock()
		c.work.Done()
		if full {
			return
		}
		f = <-next
	}
}

// Wait waits until everything has ended, and lets go of the goroutines. Nothing may be begun meanwhile.
func (c *Crew) Wait() {
	c.work.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, next := range c.idle {
		next <- nil
	}
	c.idle = nil
}
