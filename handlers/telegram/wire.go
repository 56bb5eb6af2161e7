package telegram

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"
)

// A wire makes the many small calls to one server: each is one write and one read by who makes it, on a connection that is
// kept, where net/http hands it to two goroutines of the connection's and back, which costs twice what the call does.
// HTTP/1.1, without proxies and redirects.
type wire struct {
	address, server string // host:port, and the host as it is asked for
	head            string // of every request, up to the method's name
	tls             *tls.Config
	room            chan struct{} // bounds the connections

	mu   sync.Mutex
	idle []*line // the last one used is the last
}

// A line is one connection.
type line struct {
	net.Conn
	in    *bufio.Reader
	out   bytes.Buffer
	since time.Time // when it was last used
}

const (
	maxLines = 128
	// An idle line is looked at before it is used again once it has been idle for a moment, and given up after a while,
	// before the server does so: a call that was written to a connection being closed may or may not have been taken.
	lookAfter   = 500 * time.Millisecond
	giveUpAfter = 50 * time.Second
	// callTime bounds a call where the caller does not.
	callTime = time.Minute
)

// newWire is a wire to where a bot's methods are called, or nil where one must go through a proxy.
func newWire(bot *url.URL) *wire {
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: bot})
	if err != nil || proxy != nil {
		return nil
	}
	w := &wire{server: bot.Host, head: "POST " + bot.EscapedPath(), room: make(chan struct{}, maxLines)}
	port := "80"
	if bot.Scheme == "https" {
		port, w.tls = "443", &tls.Config{ServerName: bot.Hostname(), MinVersion: tls.VersionTLS12}
	}
	if p := bot.Port(); p != "" {
		port = p
	}
	w.address = net.JoinHostPort(bot.Hostname(), port)
	return w
}

// call posts a body as JSON to a method and reads the answer's body into a buffer.
func (w *wire) call(ctx context.Context, method string, body []byte, answer *bytes.Buffer) (status int, err error) {
	select {
	case w.room <- struct{}{}:
		defer func() { <-w.room }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(callTime)
	}
	l, err := w.take(ctx, deadline)
	if err != nil {
		return 0, err
	}
	status, again, err := l.call(w, method, body, answer)
	if err != nil || !again {
		l.Close()
	} else {
		w.put(l)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%s: %w", method, context.DeadlineExceeded)
	}
	return status, err
}

// call makes one call; again tells whether the connection may be used again.
func (l *line) call(w *wire, method string, body []byte, answer *bytes.Buffer) (status int, again bool, err error) {
	l.out.Reset()
	l.out.WriteString(w.head)
	l.out.WriteString(method)
	l.out.WriteString(" HTTP/1.1\r\nHost: ")
	l.out.WriteString(w.server)
	l.out.WriteString("\r\nContent-Type: application/json\r\nContent-Length: ")
	l.out.Write(strconv.AppendInt(l.out.AvailableBuffer(), int64(len(body)), 10))
	l.out.WriteString("\r\n\r\n")
	l.out.Write(body)
	if _, err := l.Write(l.out.Bytes()); err != nil {
		return 0, false, fmt.Errorf("%s: %w", method, err)
	}
	resp, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return 0, false, fmt.Errorf("%s: read the answer: %w", method, err)
	}
	defer resp.Body.Close()
	n, err := answer.ReadFrom(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, false, fmt.Errorf("%s: read the answer: %w", method, err)
	}
	return resp.StatusCode, !resp.Close && n < maxAnswer, nil
}

// take is a connection that works, as far as can be seen.
func (w *wire) take(ctx context.Context, deadline time.Time) (*line, error) {
	for {
		l := w.pop()
		if l == nil {
			return w.dial(ctx, deadline)
		}
		if l.works() && l.SetDeadline(deadline) == nil {
			return l, nil
		}
		l.Close()
	}
}

// works reports whether the server has kept the connection open and said nothing unasked.
func (l *line) works() bool {
	switch idle := time.Since(l.since); {
	case idle < lookAfter:
		return true
	case idle > giveUpAfter:
		return false
	}
	if l.SetDeadline(time.Now().Add(time.Millisecond)) != nil {
		return false
	}
	_, err := l.in.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

func (w *wire) dial(ctx context.Context, deadline time.Time) (*line, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", w.address)
	if err != nil {
		return nil, err
	}
	if w.tls != nil {
		secure := tls.Client(conn, w.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		conn = secure
	}
	l := &line{Conn: conn, in: bufio.NewReader(conn)}
	return l, l.SetDeadline(deadline)
}

func (w *wire) pop() *line {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.idle)
	if n == 0 {
		return nil
	}
	l := w.idle[n-1]
	w.idle = w.idle[:n-1]
	return l
}

// put keeps a connection, and lets go of those that nobody has needed for a while.
func (w *wire) put(l *line) {
	l.since = time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.idle) > 0 && l.since.Sub(w.idle[0].since) > giveUpAfter {
		w.idle[0].Close()
		w.idle = w.idle[1:]
	}
	w.idle = append(w.idle, l)
}

// close closes what is idle.
func (w *wire) close() {
	for l := w.pop(); l != nil; l = w.pop() {
		l.Close()
	}
}
