package whatsapptest

import (
	"context"
	"slices"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"
)

// An Account is a phone number with WhatsApp. Its telephone has keys, so that senders encrypt for it, but nobody reads
// what it gets, unless it is a Person's.
type Account struct {
	PN, LID types.JID // the number, and the name that hides it

	srv      *Server
	name     string        // shown to others
	identity *keys.KeyPair // the telephone's: it signs the devices that are linked to it
	devices  map[uint16]*device
	keyIndex uint32
	privacy  map[string]string
	tokens   map[*Account]string // given by this account, by who holds it

	restricted bool // see Restrict
}

// A device is the telephone of an account, number 0, or a client that is linked to it.
type device struct {
	acc       *Account
	id        uint16
	noisePub  []byte
	regID     []byte
	identity  []byte
	skey      Node
	prekeys   []Node
	phantom   bool // a telephone that nobody reads
	conn      *conn
	active    bool   // takes stanzas
	queue     []Node // not delivered, or not acknowledged
	available bool
	subs      map[string]bool // users whose presence it follows
}

// Account registers a phone number.
func (s *Server) Account(phone, lid, name string) *Account {
	a := &Account{
		srv: s, PN: types.NewJID(phone, types.DefaultUserServer), LID: types.NewJID(lid, types.HiddenUserServer),
		name: name, identity: keys.NewKeyPair(), devices: map[uint16]*device{}, tokens: map[*Account]string{},
		privacy: map[string]string{"readreceipts": "all", "last": "all", "online": "all", "profile": "all", "status": "all", "groupadd": "all", "calladd": "all"},
	}
	skey := a.identity.CreateSignedPreKey(1)
	a.devices[0] = &device{acc: a, phantom: true, regID: []byte{0, 0, 0, 1}, identity: a.identity.Pub[:], subs: map[string]bool{},
		skey: Node{Tag: "skey", Content: []Node{
			{Tag: "id", Content: []byte{0, 0, 1}}, {Tag: "value", Content: skey.Pub[:]}, {Tag: "signature", Content: skey.Signature[:]}}}}
	s.mu.Lock()
	s.accounts[phone], s.accounts[lid] = a, a
	s.mu.Unlock()
	return a
}

// Device is the name of a device of the account, by phone number: 0 is the telephone, 1 the first one linked to it.
func (a *Account) Device(id uint16) types.JID {
	j := a.PN
	j.Device = id
	return j
}

// Restrict makes WhatsApp refuse messages of this account to people who never wrote to it, with error 463.
func (a *Account) Restrict() {
	a.srv.mu.Lock()
	a.restricted = true
	a.srv.mu.Unlock()
}

// jid is the device's name on one of the two servers.
func (d *device) jid(server string) types.JID {
	j := d.acc.PN
	if server == types.HiddenUserServer {
		j = d.acc.LID
	}
	j.Device = d.id
	return j
}

// account is that of a user, or nil. s.mu is held.
func (s *Server) account(j types.JID) *Account {
	if j.Server != types.DefaultUserServer && j.Server != types.HiddenUserServer && j.Server != types.LegacyUserServer {
		return nil
	}
	return s.accounts[j.User]
}

// sign is what a telephone does when it links a device: it signs the device's identity.
func (a *Account) sign(identity []byte) *waAdv.ADVSignedDeviceIdentity {
	a.srv.mu.Lock()
	a.keyIndex++
	index := a.keyIndex
	a.srv.mu.Unlock()
	details, err := proto.Marshal(&waAdv.ADVDeviceIdentity{
		RawID: proto.Uint32(1), Timestamp: proto.Uint64(uint64(time.Now().Unix())), KeyIndex: proto.Uint32(index)})
	if err != nil {
		panic(err)
	}
	sig := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*a.identity.Priv), slices.Concat(whatsmeow.AdvAccountSignaturePrefix, details, identity))
	return &waAdv.ADVSignedDeviceIdentity{Details: details, AccountSignatureKey: a.identity.Pub[:], AccountSignature: sig[:]}
}

// provision makes the telephone one that a client of whatsmeow can be: an ordinary user, with a store of its own.
func (a *Account) provision(ctx context.Context, c *sqlstore.Container) (*store.Device, error) {
	dev := c.NewDevice()
	dev.IdentityKey = a.identity
	dev.SignedPreKey = a.identity.CreateSignedPreKey(1)
	pn := a.PN
	dev.ID, dev.LID, dev.PushName, dev.Platform = &pn, a.LID, a.name, "android"
	dev.Account = a.sign(dev.IdentityKey.Pub[:])
	sig := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*dev.IdentityKey.Priv),
		slices.Concat(whatsmeow.AdvDeviceSignaturePrefix, dev.Account.Details, dev.IdentityKey.Pub[:], dev.Account.AccountSignatureKey))
	dev.Account.DeviceSignature = sig[:]
	if err := dev.Save(ctx); err != nil {
		return nil, err
	}
	a.srv.mu.Lock()
	a.devices[0] = &device{acc: a, noisePub: dev.NoiseKey.Pub[:], subs: map[string]bool{}}
	a.srv.mu.Unlock()
	return dev, nil
}
