package whatsapptest

import (
	"maps"

	"go.mau.fi/whatsmeow/types"
)

// handle answers one stanza of a client.
func (s *Server) handle(c *conn, n *Node) {
	if c.dev == nil && n.Tag != "iq" {
		return
	}
	switch n.Tag {
	case "iq":
		s.handleIQ(c, n)
	case "message":
		s.handleMessage(c, n)
	case "receipt":
		s.handleReceipt(c, n)
	case "ack":
		s.mu.Lock()
		c.dev.dequeue(str(n.Attrs["class"]), str(n.Attrs["id"]))
		s.mu.Unlock()
	case "presence":
		s.handlePresence(c, n)
	case "chatstate":
		s.handleChatState(c, n)
	case "call":
		s.handleCall(c, n)
	case "ib": // telemetry
	default:
		s.unhandled(n)
	}
}

func (s *Server) unhandled(n *Node) {
	s.mu.Lock()
	s.unknown = append(s.unknown, n.String())
	s.mu.Unlock()
}

func result(n *Node, content ...Node) Node {
	out := Node{Tag: "iq", Attrs: Attrs{"from": types.ServerJID, "type": "result", "id": n.Attrs["id"]}}
	if len(content) > 0 {
		out.Content = content
	}
	return out
}

func iqError(n *Node, code int, text string) Node {
	return Node{Tag: "iq", Attrs: Attrs{"from": types.ServerJID, "type": "error", "id": n.Attrs["id"]},
		Content: []Node{{Tag: "error", Attrs: Attrs{"code": code, "text": text}}}}
}

func str(v any) string {
	s, _ := v.(string)
	return s
}

func jidAttr(n *Node, k string) types.JID {
	j, _ := n.Attrs[k].(types.JID)
	return j
}

// handleIQ answers a question, or takes the answer to one of ours.
func (s *Server) handleIQ(c *conn, n *Node) {
	if t := str(n.Attrs["type"]); t == "result" || t == "error" {
		s.pairingReply(c, n)
		return
	}
	var first Node
	if ch := n.GetChildren(); len(ch) > 0 {
		first = ch[0]
	}
	switch ns := str(n.Attrs["xmlns"]); {
	case ns == "w:p":
		c.send(result(n))
	case ns == "md" && first.Tag == "link_code_companion_reg":
		s.linkCode(c, n, &first)
	case c.dev == nil:
		c.send(iqError(n, 401, "not-authorized"))
	case ns == "passive":
		c.send(result(n))
		if first.Tag == "active" {
			s.flush(c)
		}
	case ns == "encrypt":
		s.handleKeys(c, n, &first)
	case ns == "usync":
		c.send(result(n, s.usync(&first)))
	case ns == "w:m":
		c.send(result(n, Node{Tag: "media_conn", Attrs: Attrs{"auth": "test", "ttl": 3600, "auth_ttl": 21600, "max_buckets": 12},
			Content: []Node{{Tag: "host", Attrs: Attrs{"hostname": "mmg.whatsapp.net"}}}}))
	case ns == "privacy":
		s.handlePrivacy(c, n, &first)
	case ns == "md" && first.Tag == "remove-companion-device":
		s.mu.Lock()
		delete(c.dev.acc.devices, c.dev.id)
		s.mu.Unlock()
		c.hangUp(result(n))
	case ns == "blocklist":
		c.send(result(n, Node{Tag: "list", Attrs: Attrs{"dhash": "0"}}))
	case ns == "status", ns == "urn:xmpp:whatsapp:dirty", ns == "w:push":
		c.send(result(n))
	default:
		s.unhandled(n)
		c.send(iqError(n, 501, "feature-not-implemented"))
	}
}

// handlePrivacy keeps an account's privacy settings, and the trusted-contact tokens that it gives to those it wrote to.
func (s *Server) handlePrivacy(c *conn, n, first *Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first.Tag == "tokens" {
		c.send(result(n))
		for _, tok := range first.GetChildren() {
			if acc := s.account(jidAttr(&tok, "jid")); acc != nil {
				s.issueToken(c.dev.acc, acc, str(tok.Attrs["t"]))
			}
		}
		return
	}
	var categories []Node
	for _, set := range first.GetChildren() {
		c.dev.acc.privacy[str(set.Attrs["name"])] = str(set.Attrs["value"])
	}
	for k, v := range c.dev.acc.privacy {
		categories = append(categories, Node{Tag: "category", Attrs: Attrs{"name": k, "value": v}})
	}
	c.send(result(n, Node{Tag: "privacy", Content: categories}))
}

// flush delivers what waited while a device was away, as WhatsApp does: a preview, the stanzas, a marker of the end.
func (s *Server) flush(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := c.dev
	if d.active {
		return
	}
	if len(d.queue) > 0 {
		c.send(Node{Tag: "ib", Content: []Node{{Tag: "offline_preview", Attrs: Attrs{
			"count": len(d.queue), "appdata": 0, "message": len(d.queue), "notification": 0, "receipt": 0}}}})
		for _, q := range d.queue {
			q.Attrs = maps.Clone(q.Attrs)
			q.Attrs["offline"] = 1
			c.send(q)
		}
	}
	d.active = true
	c.send(Node{Tag: "ib", Content: []Node{{Tag: "offline", Attrs: Attrs{"count": len(d.queue)}}}})
}

// push sends a stanza, which stays queued until the device acknowledges it. s.mu is held.
func (d *device) push(n Node) {
	if d.phantom {
		d.acc.srv.copies++
		return
	}
	d.queue = append(d.queue, n)
	if d.conn != nil && d.active {
		d.conn.send(n)
	}
}

func (d *device) dequeue(class, id string) {
	for i, q := range d.queue {
		if q.Attrs["id"] == id && q.Tag == class {
			d.queue = append(d.queue[:i:i], d.queue[i+1:]...)
			return
		}
	}
}
