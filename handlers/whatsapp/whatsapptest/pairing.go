package whatsapptest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"
)

// offerPairing gives a new client the references for its QRs. Only the first of them can be scanned here.
func (s *Server) offerPairing(c *conn) {
	s.mu.Lock()
	c.ref = "2@" + randHex(16)
	s.pending[c.ref] = c
	s.mu.Unlock()
	refs := []Node{{Tag: "ref", Content: []byte(c.ref)}}
	for range 5 {
		refs = append(refs, Node{Tag: "ref", Content: []byte("2@" + randHex(16))})
	}
	c.send(Node{Tag: "iq", Attrs: Attrs{"from": types.ServerJID, "type": "set", "id": randHex(4), "xmlns": "md"},
		Content: []Node{{Tag: "pair-device", Content: refs}}})
}

// Scan is the owner of the telephone holding it before the QR that a client shows.
func (a *Account) Scan(code string) error {
	_, data, _ := strings.Cut(code, "#") // https://wa.me/settings/linked_devices#ref,noise,identity,adv,client
	parts := strings.Split(data, ",")
	if len(parts) != 5 {
		return fmt.Errorf("unexpected QR payload with %d parts", len(parts))
	}
	var bin [3][]byte
	for i := range bin {
		var err error
		if bin[i], err = base64.StdEncoding.DecodeString(parts[i+1]); err != nil {
			return err
		}
	}
	a.srv.mu.Lock()
	c := a.srv.pending[parts[0]]
	a.srv.mu.Unlock()
	if c == nil {
		return errors.New("unknown or expired QR ref (only the first of the six is live)")
	}
	return a.link(c, bin[1], bin[2])
}

// link makes a connection one of the account's devices, and lets it know.
func (a *Account) link(c *conn, devIdentity, advSecret []byte) error {
	signed := a.sign(devIdentity)
	details, err := proto.Marshal(signed)
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, advSecret)
	mac.Write(details)
	container, err := proto.Marshal(&waAdv.ADVSignedDeviceIdentityHMAC{Details: details, HMAC: mac.Sum(nil)})
	if err != nil {
		return err
	}
	a.srv.mu.Lock()
	id := uint16(1)
	for a.devices[id] != nil {
		id++
	}
	d := &device{acc: a, id: id, noisePub: c.noise, subs: map[string]bool{}}
	// The registration payload carries the signed prekey: enough for a first bundle.
	reg := c.reg.DevicePairingData
	d.regID, d.identity = reg.ERegid, reg.EIdent
	d.skey = Node{Tag: "skey", Content: []Node{{Tag: "id", Content: reg.ESkeyID}, {Tag: "value", Content: reg.ESkeyVal}, {Tag: "signature", Content: reg.ESkeySig}}}
	a.devices[id] = d
	pn, lid := d.jid(types.DefaultUserServer), d.jid(types.HiddenUserServer)
	a.srv.mu.Unlock()
	c.send(Node{Tag: "iq", Attrs: Attrs{"from": types.ServerJID, "type": "set", "id": "pair-" + randHex(4), "t": now()}, Content: []Node{{Tag: "pair-success", Content: []Node{
		{Tag: "device-identity", Content: container}, {Tag: "device", Attrs: Attrs{"jid": pn, "lid": lid}}, {Tag: "platform", Attrs: Attrs{"name": "android"}}}}}})
	return nil
}

// pairingReply handles the client's answers to pair-device (ignored) and pair-success (log in again).
func (s *Server) pairingReply(c *conn, n *Node) {
	if _, ok := n.GetOptionalChildByTag("pair-device-sign"); ok {
		c.hangUp(Node{Tag: "stream:error", Attrs: Attrs{"code": "515"}})
	}
}

// A linkState is a pairing by code on its way: the exchange that the two sides prove to each other that they know the code with.
type linkState struct {
	acc        *Account
	wrappedEph []byte
	eph        *keys.KeyPair
	sharedEph  []byte
	ref        string
}

// linkCode is the client's side of a pairing by code: it asks, and at last sends its keys.
func (s *Server) linkCode(c *conn, n, reg *Node) {
	switch str(reg.Attrs["stage"]) {
	case "companion_hello":
		s.mu.Lock()
		acc := s.account(jidAttr(reg, "jid"))
		s.mu.Unlock()
		if acc == nil {
			c.send(iqError(n, 400, "bad-request"))
			return
		}
		eph := reg.GetChildByTag("link_code_pairing_wrapped_companion_ephemeral_pub")
		wrapped, _ := eph.Content.([]byte)
		c.link = &linkState{acc: acc, wrappedEph: wrapped, ref: randHex(8)}
		s.mu.Lock()
		s.pending["code:"+acc.PN.User] = c
		s.mu.Unlock()
		c.send(result(n, Node{Tag: "link_code_companion_reg", Content: []Node{{Tag: "link_code_pairing_ref", Content: []byte(c.link.ref)}}}))
	case "companion_finish":
		c.send(result(n))
		if err := c.link.finish(c, reg); err != nil {
			s.t.Errorf("pairing by code: %v", err)
		}
	}
}

// codeCipher encrypts or decrypts with a key that is made of the code.
func codeCipher(code string, salt, iv, data []byte) []byte {
	key, err := pbkdf2.Key(sha256.New, code, salt, 2<<16, 32)
	if err != nil {
		panic(err)
	}
	block, _ := aes.NewCipher(key)
	out := make([]byte, len(data))
	cipher.NewCTR(block, iv).XORKeyStream(out, data)
	return out
}

// dh is the secret that two keys share.
func dh(priv, pub []byte) ([]byte, error) {
	sk, err := ecdh.X25519().NewPrivateKey(priv)
	if err != nil {
		return nil, err
	}
	pk, err := ecdh.X25519().NewPublicKey(pub)
	if err != nil {
		return nil, err
	}
	return sk.ECDH(pk)
}

// Enter is the owner typing the code on the telephone.
func (a *Account) Enter(code string) error {
	code = strings.ReplaceAll(code, "-", "")
	a.srv.mu.Lock()
	c := a.srv.pending["code:"+a.PN.User]
	a.srv.mu.Unlock()
	if c == nil {
		return errors.New("no client asked for a code for this number")
	}
	w := c.link.wrappedEph
	if len(w) != 80 {
		return errors.New("bad wrapped ephemeral key")
	}
	companionEph := codeCipher(code, w[:32], w[32:48], w[48:])
	c.link.eph = keys.NewKeyPair()
	var err error
	if c.link.sharedEph, err = dh(c.link.eph.Priv[:], companionEph); err != nil {
		return err
	}
	salt, iv := make([]byte, 32), make([]byte, 16)
	rand.Read(salt)
	rand.Read(iv)
	wrapped := slices.Concat(salt, iv, codeCipher(code, salt, iv, c.link.eph.Pub[:]))
	c.send(Node{Tag: "notification", Attrs: Attrs{"id": randHex(4), "type": "link_code_companion_reg", "from": types.ServerJID, "t": now()},
		Content: []Node{{Tag: "link_code_companion_reg", Attrs: Attrs{"stage": "primary_hello"}, Content: []Node{
			{Tag: "link_code_pairing_ref", Content: []byte(c.link.ref)},
			{Tag: "link_code_pairing_wrapped_primary_ephemeral_pub", Content: wrapped},
			{Tag: "primary_identity_pub", Content: a.identity.Pub[:]}}}}})
	return nil
}

// finish opens the keys that the client sent, which only who knows the code can have made, and links it.
func (l *linkState) finish(c *conn, reg *Node) error {
	bn := reg.GetChildByTag("link_code_pairing_wrapped_key_bundle")
	b, _ := bn.Content.([]byte)
	in := reg.GetChildByTag("companion_identity_public")
	ident, _ := in.Content.([]byte)
	if len(b) < 44 || len(ident) != 32 {
		return errors.New("bad companion_finish")
	}
	key, err := hkdf.Key(sha256.New, l.sharedEph, b[:32], "link_code_pairing_key_bundle_encryption_key", 32)
	if err != nil {
		return err
	}
	pt, err := gcm(key).Open(nil, b[32:44], b[44:], nil)
	if err != nil {
		return fmt.Errorf("key bundle (wrong code?): %w", err)
	}
	if string(pt[:32]) != string(ident) || string(pt[32:64]) != string(l.acc.identity.Pub[:]) {
		return errors.New("key bundle identities don't match")
	}
	shared, err := dh(l.acc.identity.Priv[:], ident)
	if err != nil {
		return err
	}
	adv, err := hkdf.Key(sha256.New, slices.Concat(l.sharedEph, shared, pt[64:]), nil, "adv_secret", 32)
	if err != nil {
		return err
	}
	return l.acc.link(c, ident, adv)
}
