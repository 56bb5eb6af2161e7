package main

import (
	"net"
	"sync"
	"testing"
	"time"
)

// A proxy is a network that can fail: it passes on what comes to its port, unless it is cut, stalled or slow.
type proxy struct {
	ln            net.Listener
	network, dest string

	mu    sync.Mutex
	open  map[net.Conn]bool
	state proxyState
	news  chan struct{} // closed when the state changes
}

// A proxyState is how the network is.
type proxyState struct {
	cut, stalled bool
	delay        time.Duration // of each piece
}

func newProxy(t testing.TB, network, dest string) *proxy {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{ln: ln, network: network, dest: dest, open: map[net.Conn]bool{}, news: make(chan struct{})}
	go p.accept()
	t.Cleanup(func() {
		ln.Close()
		p.set(proxyState{cut: true})
	})
	return p
}

func (p *proxy) addr() string { return p.ln.Addr().String() }

func (p *proxy) accept() {
	for {
		conn, err := p.ln.Accept()
		if err != nil {
			return
		}
		go p.carry(conn)
	}
}

func (p *proxy) carry(conn net.Conn) {
	there, err := net.Dial(p.network, p.dest)
	if err != nil {
		conn.Close()
		return
	}
	if !p.enter(conn, there) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(there, conn) })
	both.Go(func() { p.copy(conn, there) })
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, conn)
	delete(p.open, there)
}

// enter notes a connection, or closes it while the network is cut.
func (p *proxy) enter(ends ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range ends {
		if p.state.cut {
			c.Close()
			continue
		}
		p.open[c] = true
	}
	return !p.state.cut
}

func (p *proxy) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.wait()
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait waits as long as the network makes a piece wait.
func (p *proxy) wait() {
	for {
		p.mu.Lock()
		state, news := p.state, p.news
		p.mu.Unlock()
		if !state.stalled {
			time.Sleep(state.delay)
			return
		}
		<-news
	}
}

func (p *proxy) set(s proxyState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = s
	close(p.news)
	p.news = make(chan struct{})
	if s.cut {
		for c := range p.open {
			c.Close()
		}
	}
}

// cut breaks every connection, and lets none in for a time.
func (p *proxy) cut(d time.Duration) { p.during(d, proxyState{cut: true}) }

// stall lets nothing through for a time, and breaks nothing.
func (p *proxy) stall(d time.Duration) { p.during(d, proxyState{stalled: true}) }

// slow makes each piece wait, for a time.
func (p *proxy) slow(d, delay time.Duration) { p.during(d, proxyState{delay: delay}) }

func (p *proxy) during(d time.Duration, s proxyState) {
	p.set(s)
	time.Sleep(d)
	p.set(proxyState{})
}

// freePort is a port that nobody listens on.
func freePort(t testing.TB) string {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
