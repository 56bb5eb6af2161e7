package whatsapptest

import (
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
