package whatsapptest

import (
	"maps"

	"go.mau.fi/whatsmeow/types"
)

// handleMessage takes a message and hands each device its part of it. What it tells the sender is that WhatsApp has it.
func (s *Server) handleMessage(c *conn, n *Node) {
	to, id := jidAttr(n, "to"), str(n.Attrs["id"])
	ack := Node{Tag: "ack", Attrs: Attrs{"class": "message", "id": id, "from": to, "t": now()}}
	s.mu.Lock()
	recipient := s.account(to)
	if code := s.refusal(c.dev, recipient, n); code != 0 {
		ack.Attrs["error"] = code
	} else {
		s.sentTo[id] = to.Server
		if s.fanOut(c.dev, recipient, n, ack.Attrs["t"]) {
			ack.Attrs["phash"] = "2:stale000" // is not the client's own: it asks for the list of devices again
		}
	}
	s.mu.Unlock()
	if s.passes(&s.onAck, c.jid(), &ack) {
		c.send(ack)
	}
}

// refusal is the error code with which a message is refused, or 0. s.mu is held.
func (s *Server) refusal(sender *device, recipient *Account, n *Node) int {
	if recipient == nil {
		return 404
	}
	if sender.id > 0 && recipient != sender.acc && len(s.failing) > 0 {
		code := s.failing[0]
		s.failing = s.failing[1:]
		return code
	}
	if sender.acc.restricted && recipient != sender.acc {
		tok := n.GetChildByTag("tctoken")
		if b, _ := tok.Content.([]byte); len(b) == 0 || string(b) != recipient.tokens[sender.acc] {
			return 463
		}
	}
	return 0
}

// fanOut hands each device its part, and reports whether one was forgotten. s.mu is held.
func (s *Server) fanOut(sender *device, recipient *Account, n *Node, at any) (stale bool) {
	to := jidAttr(n, "to")
	mode := to.Server
	switch s.addressing {
	case ByPN:
		mode = types.DefaultUserServer
	case ByLID, OnlyLID:
		mode = types.HiddenUserServer
	}
	envelope := s.envelope(sender, n, mode, at)
	var extra []Node
	for _, ch := range n.GetChildren() {
		switch ch.Tag {
		case "device-identity", "meta", "biz", "reporting", "bot":
			extra = append(extra, ch)
		}
	}
	deliver := func(target *device, enc []Node) {
		out := Node{Tag: "message", Attrs: maps.Clone(envelope), Content: append(append([]Node{}, enc...), extra...)}
		if target.acc == sender.acc {
			out.Attrs["recipient"] = recipient.PN
			if mode == types.HiddenUserServer {
				out.Attrs["recipient"], out.Attrs["peer_recipient_pn"] = recipient.LID, recipient.PN
			}
		}
		s.mu.Unlock() // a hook may ask about anything
		ok := s.passes(&s.onDeliver, target.jid(mode), &out)
		s.mu.Lock()
		if ok {
			target.push(out)
		}
	}
	if enc := n.GetChildrenByTag("enc"); len(enc) > 0 { // for one device: its own account's, or one that asked again
		if d := recipient.devices[to.Device]; d != nil {
			deliver(d, enc)
		}
	}
	missing := map[*device]bool{}
	for _, acc := range []*Account{recipient, sender.acc} {
		for _, d := range acc.devices {
			missing[d] = d != sender
		}
	}
	parts, many := n.GetOptionalChildByTag("participants")
	for _, p := range parts.GetChildren() {
		if d := s.device(jidAttr(&p, "jid")); d != nil {
			missing[d] = false
			deliver(d, p.GetChildren())
		}
	}
	for _, m := range missing {
		stale = stale || m && many
	}
	return stale
}

// envelope is what a recipient sees of a message beside its content. s.mu is held.
func (s *Server) envelope(sender *device, n *Node, mode string, at any) Attrs {
	e := Attrs{"id": n.Attrs["id"], "t": at, "type": n.Attrs["type"], "from": sender.jid(mode)}
	if sender.acc.name != "" {
		e["notify"] = sender.acc.name
	}
	if edit, ok := n.Attrs["edit"]; ok {
		e["edit"] = edit
	}
	switch {
	case s.addressing == OnlyLID:
		e["addressing_mode"] = "lid"
	case mode == types.HiddenUserServer:
		e["addressing_mode"], e["sender_pn"] = "lid", sender.acc.PN
	default:
		e["addressing_mode"], e["sender_lid"] = "pn", sender.acc.LID
	}
	return e
}

// handleReceipt takes a receipt, which also acknowledges the message, and passes it on to its sender.
func (s *Server) handleReceipt(c *conn, n *Node) {
	ack := Node{Tag: "ack", Attrs: Attrs{"class": "receipt", "id": n.Attrs["id"], "from": n.Attrs["to"]}}
	if t, ok := n.Attrs["type"]; ok {
		ack.Attrs["type"] = t
	}
	c.send(ack)
	to := jidAttr(n, "to")
	s.mu.Lock()
	defer s.mu.Unlock()
	typ := str(n.Attrs["type"])
	if typ != "read" && typ != "played" && typ != "server-error" {
		c.dev.dequeue("message", str(n.Attrs["id"]))
	}
	if typ == "server-error" {
		s.putUpAgain(c.dev, n)
		return
	}
	acc := s.account(to)
	if acc == nil || typ == "sender" || typ == "peer_msg" || typ == "hist_sync" || typ == "read-self" {
		return
	}
	// The sender sees the receipt under the identity that it wrote to, whatever the recipient saw.
	mode := to.Server
	if m, ok := s.sentTo[str(n.Attrs["id"])]; ok {
		mode = m
	}
	out := Node{Tag: "receipt", Attrs: Attrs{"id": n.Attrs["id"], "from": c.dev.jid(mode), "t": now()}, Content: n.Content}
	if typ != "" {
		out.Attrs["type"] = typ
	}
	for _, d := range acc.devices {
		if typ == "retry" && d.id != to.Device {
			continue
		}
		if !d.phantom {
			d.push(out)
		}
	}
}

// setAvailable tells those who follow a device that it is online, or not any more. s.mu is held.
func (s *Server) setAvailable(d *device, on bool) {
	if d.available == on {
		return
	}
	d.available = on
	for _, acc := range s.accounts {
		for _, o := range acc.devices {
			if o.conn == nil || !(o.subs[d.acc.PN.User] || o.subs[d.acc.LID.User]) {
				continue
			}
			p := Node{Tag: "presence", Attrs: Attrs{"from": d.acc.PN}}
			if o.subs[d.acc.LID.User] {
				p.Attrs["from"] = d.acc.LID
			}
			if !on {
				p.Attrs["type"], p.Attrs["last"] = "unavailable", now()
			}
			o.conn.send(p)
		}
	}
}

// handlePresence notes whether a device is online, and whose presence it follows.
func (s *Server) handlePresence(c *conn, n *Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch str(n.Attrs["type"]) {
	case "available", "unavailable":
		if name := str(n.Attrs["name"]); name != "" {
			c.dev.acc.name = name
		}
		s.setAvailable(c.dev, str(n.Attrs["type"]) == "available")
	case "subscribe":
		c.dev.subs[jidAttr(n, "to").User] = true
	}
}

// handleChatState shows that somebody types, to those who are online.
func (s *Server) handleChatState(c *conn, n *Node) {
	to := jidAttr(n, "to")
	s.mu.Lock()
	defer s.mu.Unlock()
	acc := s.account(to)
	if acc == nil {
		return
	}
	for _, d := range acc.devices {
		if d.conn != nil && d.active && d.available {
			d.conn.send(Node{Tag: "chatstate", Attrs: Attrs{"from": c.dev.jid(to.Server).ToNonAD()}, Content: n.Content})
		}
	}
}
