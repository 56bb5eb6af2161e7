package whatsapptest

import (
	"context"
	"crypto/cipher"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waWa6"
	"go.mau.fi/whatsmeow/types"
)

// A conn is one connection of a client.
type conn struct {
	srv *Server
	ws  *websocket.Conn
	ctx context.Context

	buf   []byte // read, not yet taken for frames
	begun bool   // the prologue is read

	writing sync.Mutex
	key     cipher.AEAD // of what we write
	count   uint32      // of frames written

	dev   *device // nil while it is being paired
	reg   *waWa6.ClientPayload
	noise []byte // the client's key
	ref   string
	link  *linkState
}

// serveSocket is the life of a connection: handshake, log-in, stanzas.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer ws.CloseNow()
	ws.SetReadLimit(1 << 24)
	c := &conn{srv: s, ws: ws, ctx: r.Context()}
	reading, writing, noise, payload, err := s.root.handshake(c.frame, c.writeFrame)
	if err != nil {
		return // a client that does not trust us
	}
	c.key, c.noise = writing, noise
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	defer s.gone(c)
	if !s.login(c, payload) {
		return
	}
	for i := uint32(0); ; i++ {
		frame, err := c.frame()
		if err != nil {
			return
		}
		n, err := open(reading, i, frame)
		if err != nil {
			s.t.Errorf("a client sent a frame that cannot be read: %v", err)
			return
		}
		if s.passes(&s.onStanza, c.jid(), n) {
			s.handle(c, n)
		}
	}
}

func open(key cipher.AEAD, i uint32, frame []byte) (*Node, error) {
	plain, err := key.Open(nil, nonce(i), frame, nil)
	if err != nil {
		return nil, err
	}
	raw, err := waBinary.Unpack(plain)
	if err != nil {
		return nil, err
	}
	return waBinary.Unmarshal(raw)
}

// frame reads the next frame: three bytes of length, and the rest. A prologue comes before the first.
func (c *conn) frame() ([]byte, error) {
	for {
		if !c.begun && len(c.buf) >= 4 {
			if c.buf[0] != 'W' || c.buf[1] != 'A' {
				return nil, errors.New("this is not the prologue of WhatsApp")
			}
			c.buf, c.begun = c.buf[4:], true
		}
		if c.begun && len(c.buf) >= 3 {
			n := int(c.buf[0])<<16 | int(c.buf[1])<<8 | int(c.buf[2])
			if len(c.buf) >= 3+n {
				frame := c.buf[3 : 3+n]
				c.buf = c.buf[3+n:]
				return frame, nil
			}
		}
		_, data, err := c.ws.Read(c.ctx)
		if err != nil {
			return nil, err
		}
		c.buf = append(c.buf[:len(c.buf):len(c.buf)], data...)
	}
}

// jid is the device's, by phone number; empty while it is being paired.
func (c *conn) jid() types.JID {
	if c.dev == nil {
		return types.EmptyJID
	}
	return c.dev.jid(types.DefaultUserServer)
}

// writeFrame writes one frame as one websocket message.
func (c *conn) writeFrame(data []byte) error {
	out := append([]byte{byte(len(data) >> 16), byte(len(data) >> 8), byte(len(data))}, data...)
	return c.ws.Write(c.ctx, websocket.MessageBinary, out)
}

// send writes a stanza. Where the connection is gone the stanza is lost, as in life.
func (c *conn) send(n Node) {
	raw, err := waBinary.Marshal(n)
	if err != nil {
		c.srv.t.Errorf("a stanza cannot be written: %v", err)
		return
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	sealed := c.key.Seal(nil, nonce(c.count), raw, nil)
	c.count++
	c.writeFrame(sealed)
}

// hangUp sends a last stanza and closes a little later, as WhatsApp does.
func (c *conn) hangUp(n Node) {
	c.send(n)
	time.AfterFunc(c.srv.CloseDelay, func() { c.ws.CloseNow() })
}

// gone forgets a connection that has ended.
func (s *Server) gone(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	delete(s.pending, c.ref)
	if c.dev != nil && c.dev.conn == c {
		c.dev.conn, c.dev.active = nil, false
		s.setAvailable(c.dev, false)
	}
}

// login lets a device in, or a new client that is to be paired. A second connection of a device replaces the first.
func (s *Server) login(c *conn, p *waWa6.ClientPayload) bool {
	if p.DevicePairingData != nil {
		c.reg = p
		s.offerPairing(c)
		return true
	}
	s.mu.Lock()
	var d *device
	if acc := s.accounts[strconv.FormatUint(p.GetUsername(), 10)]; acc != nil {
		d = acc.devices[uint16(p.GetDevice())]
	}
	refusal := Attrs{}
	if d == nil || string(d.noisePub) != string(c.noise) {
		refusal = Attrs{"reason": "401"}
	} else if list := s.refused[d]; len(list) > 0 {
		refusal, s.refused[d] = list[0], list[1:]
	}
	if len(refusal) > 0 {
		s.mu.Unlock()
		c.hangUp(Node{Tag: "failure", Attrs: refusal})
		for { // a client that closes first is answered
			if _, err := c.frame(); err != nil {
				return false
			}
		}
	}
	old := d.conn
	c.dev, d.conn, d.active = d, c, false
	s.mu.Unlock()
	if old != nil {
		old.hangUp(replaced)
	}
	c.send(Node{Tag: "success", Attrs: Attrs{"t": now(), "lid": d.jid(types.HiddenUserServer), "location": "test"}})
	return true
}

var replaced = Node{Tag: "stream:error", Content: []Node{{Tag: "conflict", Attrs: Attrs{"type": "replaced"}}}}

func now() string { return strconv.FormatInt(time.Now().Unix(), 10) }
