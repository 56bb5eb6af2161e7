package whatsapptest

import (
	"strconv"
	"strings"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/types"
)

// handleKeys answers questions about one-time keys: how many are left, a device's bundle, an upload.
func (s *Server) handleKeys(c *conn, n, first *Node) {
	switch {
	case first.Tag == "count":
		s.mu.Lock()
		left := len(c.dev.prekeys)
		s.mu.Unlock()
		if left == 0 && !s.FullPrekeyUpload {
			left = 1 // none makes a new client make and upload 812; one, 50
		}
		c.send(result(n, Node{Tag: "count", Attrs: Attrs{"value": left}}))
	case first.Tag == "key":
		c.send(result(n, s.bundles(first)))
	case str(n.Attrs["type"]) == "set":
		s.mu.Lock()
		for _, ch := range n.GetChildren() {
			switch ch.Tag {
			case "registration":
				c.dev.regID, _ = ch.Content.([]byte)
			case "identity":
				c.dev.identity, _ = ch.Content.([]byte)
			case "skey":
				c.dev.skey = ch
			case "list":
				c.dev.prekeys = append(c.dev.prekeys, ch.GetChildren()...)
			}
		}
		s.mu.Unlock()
		c.send(result(n))
	default:
		s.unhandled(n)
	}
}

// usync answers what is asked about users: whether they have WhatsApp, their devices, their LID.
func (s *Server) usync(req *Node) Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	query := req.GetChildByTag("query")
	list := req.GetChildByTag("list")
	var users []Node
	for _, u := range list.GetChildren() {
		jid := jidAttr(&u, "jid")
		contact := u.GetChildByTag("contact")
		asked, _ := contact.Content.([]byte)
		if jid.IsEmpty() {
			num := strings.TrimPrefix(strings.TrimSuffix(string(asked), "@c.us"), "+")
			jid = types.NewJID(num, types.DefaultUserServer)
		}
		acc := s.account(jid)
		out := Node{Tag: "user", Attrs: Attrs{"jid": jid}}
		var content []Node
		for _, q := range query.GetChildren() {
			switch q.Tag {
			case "contact":
				typ := "out"
				if acc != nil {
					typ = "in"
				}
				content = append(content, Node{Tag: "contact", Attrs: Attrs{"type": typ}, Content: asked})
			case "devices":
				if acc == nil {
					continue
				}
				var devs []Node
				for id := range acc.devices {
					devs = append(devs, Node{Tag: "device", Attrs: Attrs{"id": strconv.Itoa(int(id))}})
				}
				content = append(content, Node{Tag: "devices", Content: []Node{{Tag: "device-list", Content: devs}}})
			case "lid":
				if acc != nil {
					content = append(content, Node{Tag: "lid", Attrs: Attrs{"val": acc.LID}})
				}
			}
		}
		out.Content = content
		users = append(users, out)
	}
	return Node{Tag: "usync", Attrs: Attrs{"sid": req.Attrs["sid"], "index": "0", "last": "true", "mode": req.Attrs["mode"], "context": req.Attrs["context"]},
		Content: []Node{{Tag: "result"}, {Tag: "list", Content: users}}}
}

// bundles are the keys with which a session to a device begins; each takes a one-time key.
func (s *Server) bundles(req *Node) Node {
	s.mu.Lock()
	defer s.mu.Unlock()
	var users []Node
	for _, u := range req.GetChildren() {
		jid := jidAttr(&u, "jid")
		out := Node{Tag: "user", Attrs: Attrs{"jid": jid}}
		var d *device
		if acc := s.account(jid); acc != nil {
			d = acc.devices[jid.Device]
		}
		if d == nil || d.identity == nil {
			out.Content = []Node{{Tag: "error", Attrs: Attrs{"code": 404, "text": "item-not-found"}}}
		} else {
			content := []Node{
				{Tag: "registration", Content: d.regID}, {Tag: "type", Content: []byte{5}},
				{Tag: "identity", Content: d.identity}, d.skey,
			}
			if len(d.prekeys) > 0 { // one-time: each bundle consumes one
				content = append(content, d.prekeys[0])
				d.prekeys = d.prekeys[1:]
				if left := len(d.prekeys); left < whatsmeow.MinPreKeyCount && d.conn != nil {
					s.notify(d, "encrypt", types.ServerJID, Node{Tag: "count", Attrs: Attrs{"value": left}})
				}
			}
			out.Content = content
		}
		users = append(users, out)
	}
	return Node{Tag: "list", Content: users}
}

// issueToken gives "to" the token it must attach when it writes to "from" (s.mu held).
func (s *Server) issueToken(from, to *Account, ts string) {
	tok := []byte(randHex(16))
	from.tokens[to] = string(tok)
	for _, d := range to.devices {
		if !d.phantom {
			s.notify(d, "privacy_token", from.LID, Node{Tag: "tokens", Content: []Node{
				{Tag: "token", Attrs: Attrs{"jid": to.LID, "type": "trusted_contact", "t": ts}, Content: tok}}})
		}
	}
}

// notify sends a notification. s.mu is held.
func (s *Server) notify(d *device, typ string, from types.JID, content ...Node) {
	s.seq++
	d.push(Node{Tag: "notification", Attrs: Attrs{"id": strconv.Itoa(s.seq), "type": typ, "from": from, "t": now()}, Content: content})
}
