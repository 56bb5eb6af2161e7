package whatsapptest

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"sync"

	"go.mau.fi/whatsmeow"
)

// trust makes clients of this test program trust an authority of its own. whatsmeow reads its root without a lock: it is
// set before the first client connects, and never again.
var trust = sync.OnceValue(func() *authority {
	a := newAuthority()
	whatsmeow.WACertPubKey = *a.root.Pub
	return a
})

// Trust makes clients trust this package's servers. New does so; a test that runs in a bubble of testing/synctest calls
// it before, outside.
func Trust() { trust() }

// Root and Addr are what another process needs to reach the server: see Remote.
func (s *Server) Root() string { return hex.EncodeToString(s.root.root.Pub[:]) }

// Addr is where the server listens.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Remote makes this process's clients trust the server of another process, and is a client that reaches it. It is for a
// test program that runs the program as a process of its own.
func Remote(addr, root string) (*http.Client, error) {
	key, err := hex.DecodeString(root)
	if err != nil || len(key) != len(whatsmeow.WACertPubKey) {
		return nil, errors.New("this is not a root")
	}
	copy(whatsmeow.WACertPubKey[:], key)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
	return &http.Client{Transport: &http.Transport{DialContext: dial, DialTLSContext: dial, DisableKeepAlives: true}}, nil
}
