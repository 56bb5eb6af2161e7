package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process keeps one server running until it is told to stop.
type process struct {
	name string
	// command makes the command for the next start. It may wait for what an earlier one left behind.
	command func(context.Context) (*exec.Cmd, error)
	// gentle and hard are the signals that end it in order, and at once without loss of what is committed.
	gentle, hard syscall.Signal
	log          *slog.Logger

	exits chan error         // an exit nobody has read yet; the last one wins
	done  chan struct{}      // closed when keep has returned
	end   context.CancelFunc // tells keep not to start again

	mu      sync.Mutex
	running *exec.Cmd // nil between two starts
	ended   bool
}

// begin starts keeping the server. The first start may not have happened when it returns; exits tells if it fails.
func (p *process) begin() {
	ctx, cancel := context.WithCancel(context.Background())
	p.exits, p.done, p.end = make(chan error, 1), make(chan struct{}), cancel
	go p.keep(ctx)
}

// The pause before a server that died is started again doubles from the first to the last.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 10 * time.Second
)

// keep starts the server, waits for its end, and starts it again until ctx is cancelled. It stays on one thread of the
// operating system all the time: on Linux the server is signalled when the thread that started it dies, and Go ends
// idle threads as it likes.
func (p *process) keep(ctx context.Context) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	pause := firstPause
	for {
		began := time.Now()
		err := p.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > lastPause {
			pause = firstPause
		}
		p.log.Error("private server ended, starting it again", "server", p.name, "error", err, "pause", pause)
		select {
		case <-p.exits:
		default:
		}
		p.exits <- err
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, lastPause)
	}
}

// once runs the server to its end, which is always reported as an error.
func (p *process) once(ctx context.Context) error {
	cmd, err := p.command(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	if p.ended {
		p.mu.Unlock()
		return ctx.Err()
	}
	err = cmd.Start()
	if err == nil {
		p.running = cmd
	}
	p.mu.Unlock()
	if f, ok := cmd.Stderr.(*os.File); ok {
		f.Close()
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	err = cmd.Wait()
	p.mu.Lock()
	p.running = nil
	p.mu.Unlock()
	if err == nil {
		err = errors.New("it ended by itself")
	}
	return err
}

// signal sends sig to the server if it runs.
func (p *process) signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running != nil {
		// An error means that it has ended meanwhile, which is what is waited for.
		_ = p.running.Process.Signal(sig)
	}
}

// stop ends the server and the keeping of it. It returns when the server is gone.
func (p *process) stop(ctx context.Context) error {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.end()
	p.signal(p.gentle)
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
	}
	p.signal(p.hard)
	select {
	case <-p.done:
		return fmt.Errorf("stop %s: ended the hard way: %w", p.name, ctx.Err())
	case <-time.After(10 * time.Second):
		return fmt.Errorf("stop %s: it does not end: %w", p.name, ctx.Err())
	}
}

// until asks ready every few milliseconds until it succeeds, the server ends, or ctx does.
func (p *process) until(ctx context.Context, ready func(context.Context) error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case exit := <-p.exits:
			return fmt.Errorf("%s ended at once: %w", p.name, exit)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w (last: %w)", p.name, ctx.Err(), err)
		case <-tick.C:
		}
	}
}
