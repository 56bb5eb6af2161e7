package whatsapptest

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"time"

	"go.mau.fi/whatsmeow/types"
)

// device is the device of that name, or nil. s.mu is held.
func (s *Server) device(j types.JID) *device {
	if acc := s.account(j); acc != nil {
		return acc.devices[j.Device]
	}
	return nil
}

// connOf is the connection of a device, or nil.
func (s *Server) connOf(j types.JID) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.device(j); d != nil {
		return d.conn
	}
	return nil
}

// Online reports whether a device is connected and receives.
func (s *Server) Online(j types.JID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(j)
	return d != nil && d.conn != nil && d.active
}

// Drop cuts a device's connection without a word.
func (s *Server) Drop(j types.JID) {
	if c := s.connOf(j); c != nil {
		c.ws.CloseNow()
	}
}

// StreamError sends a stream error and closes: 503 (a server restarts), 515 (log in again).
func (s *Server) StreamError(j types.JID, code string) {
	if c := s.connOf(j); c != nil {
		c.hangUp(Node{Tag: "stream:error", Attrs: Attrs{"code": code}})
	}
}

// Replace tells a device that another client has connected with its keys, and closes.
func (s *Server) Replace(j types.JID) {
	if c := s.connOf(j); c != nil {
		c.hangUp(replaced)
	}
}

// Unlink removes a device, as its owner does on the telephone under "Linked devices".
func (s *Server) Unlink(j types.JID) {
	c := s.connOf(j)
	s.mu.Lock()
	if d := s.device(j); d != nil {
		delete(d.acc.devices, d.id)
	}
	s.mu.Unlock()
	if c != nil {
		c.hangUp(Node{Tag: "stream:error", Attrs: Attrs{"code": "401"}, Content: []Node{{Tag: "conflict", Attrs: Attrs{"type": "device_removed"}}}})
	}
}

// Refuse makes the next log-ins of a device fail, once for each reason: 401 (removed), 402 (banned for a time), 403
// (locked), 405 (client outdated), 503.
func (s *Server) Refuse(j types.JID, reasons ...int) {
	for _, reason := range reasons {
		s.refuse(j, Attrs{"reason": strconv.Itoa(reason)})
	}
}

// Ban makes the next log-in of a device fail with a ban for a time; code is 101 to 106.
func (s *Server) Ban(j types.JID, code int, expire time.Duration) {
	s.refuse(j, Attrs{"reason": "402", "code": strconv.Itoa(code), "expire": strconv.Itoa(int(expire / time.Second))})
}

func (s *Server) refuse(j types.JID, why Attrs) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.device(j)
	s.refused[d] = append(s.refused[d], why)
}

// FailSends answers the next messages of companion devices, the program's, with these error codes: 463 (may not write
// first), 479 (not a valid stanza), 405, 429. 0 lets one through.
func (s *Server) FailSends(codes ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = append(s.failing, codes...)
}

// Pending is how many stanzas wait for a device, or for its acknowledgement.
func (s *Server) Pending(j types.JID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.device(j); d != nil {
		return len(d.queue)
	}
	return 0
}

// Copies is how many messages went to telephones that nobody reads, such as that of the office.
func (s *Server) Copies() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.copies
}

// Call is a person's telephone calling the number of another account.
func (a *Account) Call(to *Account) {
	a.srv.mu.Lock()
	defer a.srv.mu.Unlock()
	for _, d := range to.devices {
		if !d.phantom {
			id := randHex(16)
			d.push(Node{Tag: "call", Attrs: Attrs{"from": a.PN, "id": id, "t": now()}, Content: []Node{
				{Tag: "offer", Attrs: Attrs{"call-id": id, "call-creator": a.PN}, Content: []Node{{Tag: "audio", Attrs: Attrs{"enc": "opus", "rate": "16000"}}}}}})
		}
	}
}

// handleCall takes what a client says about a call, such as that it rejects it.
func (s *Server) handleCall(c *conn, n *Node) {
	c.send(Node{Tag: "ack", Attrs: Attrs{"class": "call", "id": n.Attrs["id"], "from": n.Attrs["to"]}})
}

// ViewOnce is a person's telephone sending a photo to be seen once: devices that are linked get only a note of it.
func (a *Account) ViewOnce(to *Account, id string) {
	a.srv.mu.Lock()
	defer a.srv.mu.Unlock()
	for _, d := range to.devices {
		if !d.phantom {
			d.push(Node{Tag: "message", Attrs: Attrs{"from": a.PN, "id": id, "t": now(), "type": "media", "addressing_mode": "pn", "sender_lid": a.LID},
				Content: []Node{{Tag: "unavailable", Attrs: Attrs{"type": "view_once"}}}})
		}
	}
}

func randHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// Corrupt spoils what is encrypted in a message.
func Corrupt(n *Node) {
	parts := n.GetChildren()
	for i := range parts {
		if b, ok := parts[i].Content.([]byte); ok && parts[i].Tag == "enc" {
			b = bytes.Clone(b)
			b[len(b)-1] ^= 0xff
			parts[i].Content = b
		}
	}
}

// Confused reports whether a client has sent a stanza that is not known here.
func (s *Server) Confused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.unknown) > 0
}

// Later delivers a stanza that was held back, after what is being delivered now.
func (s *Server) Later(to types.JID, n *Node) {
	time.AfterFunc(10*time.Millisecond, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d := s.device(to); d != nil {
			d.push(*n)
		}
	})
}
