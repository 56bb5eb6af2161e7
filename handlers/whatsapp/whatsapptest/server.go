package whatsapptest

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// A Node is a stanza or a part of one; Attrs are its attributes.
type (
	Node  = waBinary.Node
	Attrs = waBinary.Attrs
)

// An Addressing says which identity of a sender the recipient sees.
type Addressing int

// The ways to address.
const (
	AsSent  Addressing = iota // that kind of identity to which the message was sent
	ByPN                      // the phone number, with the LID beside it
	ByLID                     // the LID, with the phone number beside it
	OnlyLID                   // the LID alone, as for people who hide their number
)

// A Server is WhatsApp. The fields are set before the first client connects, but for Addressing, which SetAddressing
// changes at any time.
type Server struct {
	Patience   time.Duration // how long a person waits for something: 20 seconds unless set
	CloseDelay time.Duration // between a last stanza and closing the socket: 50 ms unless set

	// FullPrekeyUpload lets each new client upload 812 one-time keys, as it does in life, instead of 50: 130 ms a client.
	FullPrekeyUpload bool

	t    testing.TB
	root *authority
	ln   net.Listener
	http *http.Server

	mu         sync.Mutex
	accounts   map[string]*Account // by phone number and by LID
	blobs      map[string][]byte   // encrypted files, by token
	lost       map[string][]byte   // files that only a telephone still has, by token
	files      map[string]file     // what a telephone knows of the files in its chats, by message id
	slow       time.Duration       // what each download takes
	pending    map[string]*conn    // unpaired connections, by the reference they show
	conns      map[*conn]struct{}
	seq        int
	addressing Addressing
	unknown    []string          // stanzas that are not known here
	sentTo     map[string]string // by message id: the kind of identity that its sender addressed
	refused    map[*device][]Attrs
	failing    []int // error codes for the next messages that the office sends; 0 lets one through
	copies     int   // messages that went to a phone which nobody reads

	onStanza, onDeliver, onAck atomic.Pointer[Hook]
}

// A file is what a telephone knows of one that it has sent: its key, and by what token it was put up.
type file struct {
	key   []byte
	token string
}

// A Hook looks at a stanza of the device j, or on its way to it, and may change it; returning false drops it.
type Hook func(j types.JID, n *Node) bool

// OnStanza sets the hook that sees every stanza that a client sends, before it is handled. Nil removes it.
func (s *Server) OnStanza(h Hook) { s.onStanza.Store(&h) }

// OnDeliver sets the hook that sees every message about to be delivered to a device.
func (s *Server) OnDeliver(h Hook) { s.onDeliver.Store(&h) }

// OnAck sets the hook that sees every ack of a message about to go to its sender.
func (s *Server) OnAck(h Hook) { s.onAck.Store(&h) }

func (s *Server) passes(p *atomic.Pointer[Hook], j types.JID, n *Node) bool {
	h := p.Load()
	return h == nil || *h == nil || (*h)(j, n)
}

// New starts a server on a loopback address, which ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return NewOn(t, ln)
}

// NewOn starts a server on a listener, such as a Pipe.
func NewOn(t testing.TB, ln net.Listener) *Server {
	s := &Server{Patience: 20 * time.Second, CloseDelay: 50 * time.Millisecond, t: t, root: trust(), ln: ln,
		accounts: map[string]*Account{}, blobs: map[string][]byte{}, lost: map[string][]byte{}, files: map[string]file{}, pending: map[string]*conn{},
		conns: map[*conn]struct{}{}, sentTo: map[string]string{}, refused: map[*device][]Attrs{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/ws/chat", s.serveSocket)
	mux.HandleFunc("POST /mms/{kind}/{token}", s.serveUpload)
	mux.HandleFunc("GET /v/{token}", s.serveDownload)
	s.http = &http.Server{Handler: mux}
	go s.http.Serve(ln)
	t.Cleanup(func() {
		s.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, n := range s.unknown {
			t.Errorf("a client sent a stanza that is not known: %s", n)
		}
	})
	return s
}

// Close ends the server and cuts every connection. It may be called again.
func (s *Server) Close() {
	s.mu.Lock()
	for c := range s.conns {
		c.ws.CloseNow()
	}
	s.mu.Unlock()
	s.http.Close()
}

// SetAddressing says how senders are shown from now on.
func (s *Server) SetAddressing(a Addressing) {
	s.mu.Lock()
	s.addressing = a
	s.mu.Unlock()
}

// HTTPClient is a client whose requests, wss and https included, come here whatever their host.
func (s *Server) HTTPClient() *http.Client {
	addr := s.ln.Addr()
	// The connection is plain where TLS is asked for: no certificate is needed.
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		if p, ok := s.ln.(*Pipe); ok {
			return p.Dial(ctx)
		}
		var d net.Dialer
		return d.DialContext(ctx, addr.Network(), addr.String())
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DialTLSContext: dial, DisableKeepAlives: true}}
}

// Attach points a client here: its socket, before and after the log-in, and its media.
func (s *Server) Attach(cli *whatsmeow.Client) *whatsmeow.Client {
	h := s.HTTPClient()
	cli.SetWebsocketHTTPClient(h)
	cli.SetPreLoginHTTPClient(h)
	cli.SetMediaHTTPClient(h)
	return cli
}

// Until waits until something holds.
func (s *Server) Until(what string, holds func() bool) {
	s.t.Helper()
	pause := time.Millisecond
	for deadline := time.Now().Add(s.Patience); !holds(); pause = min(pause*5/4, 20*time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(pause)
	}
}
