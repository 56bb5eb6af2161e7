package whatsapptest

import (
	"context"
	"net"
	"sync"
)

// A Pipe is a network in memory: a listener to which one dials with Dial. With it a server and its clients run in a
// bubble of testing/synctest.
type Pipe struct {
	calls chan net.Conn
	done  chan struct{}
	end   sync.Once
}

// NewPipe makes a network of its own.
func NewPipe() *Pipe { return &Pipe{calls: make(chan net.Conn), done: make(chan struct{})} }

// Dial connects to whoever accepts.
func (p *Pipe) Dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.calls <- there:
		return here, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (p *Pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.calls:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *Pipe) Close() error {
	p.end.Do(func() { close(p.done) })
	return nil
}

// Addr implements net.Listener.
func (p *Pipe) Addr() net.Addr { return pipeAddr{} }

// A pipeAddr is the address of every pipe.
type pipeAddr struct{}

// Network implements net.Addr.
func (pipeAddr) Network() string { return "pipe" }

// String implements net.Addr.
func (pipeAddr) String() string { return "pipe" }
