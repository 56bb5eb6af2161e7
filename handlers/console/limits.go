package console

import (
	"sync"
	"time"
)

// limits bound how fast passphrases can be guessed. A try takes a token of each bucket it belongs to: that of the
// address, that of the login at this address, and that of the login anywhere. A device on which the login has been
// used before has a bucket of its own instead of the last, so that whoever guesses from elsewhere cannot keep the
// honest out.
type limits struct{ address, pair, login, device *buckets }

func newLimits() limits {
	return limits{
		address: newBuckets(20, 10*time.Second),
		pair:    newBuckets(6, 30*time.Second),
		login:   newBuckets(30, 20*time.Second),
		device:  newBuckets(10, 20*time.Second),
	}
}

// newCodeLimits bound how fast codes of the second factor can be guessed, by somebody who has the passphrase: 720 a day from
// devices that are not known, of a million.
func newCodeLimits() limits {
	return limits{
		address: newBuckets(20, 10*time.Second),
		pair:    newBuckets(6, time.Minute),
		login:   newBuckets(10, 2*time.Minute),
		device:  newBuckets(10, 20*time.Second),
	}
}

// allow takes the tokens of a try, and reports whether there were any. device is empty for an unknown device.
func (l limits) allow(now time.Time, address, login, device string) bool {
	if !l.address.take(now, address) || !l.pair.take(now, address+" "+login) {
		return false
	}
	if device != "" {
		return l.device.take(now, device)
	}
	return l.login.take(now, login)
}

// succeeded gives back the tokens of a try that was right.
func (l limits) succeeded(address, login, device string) {
	l.address.give(address)
	l.pair.give(address + " " + login)
	if device != "" {
		l.device.give(device)
		return
	}
	l.login.give(login)
}

// buckets are token buckets by name, in bounded memory: when a generation is full, the one before it is forgotten.
type buckets struct {
	burst float64
	every time.Duration // in which a token comes back
	mu    sync.Mutex
	now   map[string]*bucket
	old   map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// generation is how many names a generation holds.
const generation = 8192

func newBuckets(burst float64, every time.Duration) *buckets {
	return &buckets{burst: burst, every: every, now: map[string]*bucket{}}
}

func (b *buckets) take(now time.Time, name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.find(name)
	if k == nil {
		k = &bucket{tokens: b.burst, at: now}
		b.keep(name, k)
	}
	k.tokens = min(b.burst, k.tokens+now.Sub(k.at).Seconds()/b.every.Seconds())
	k.at = now
	if k.tokens < 1 {
		return false
	}
	k.tokens--
	return true
}

func (b *buckets) give(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k := b.find(name); k != nil {
		k.tokens = min(b.burst, k.tokens+1)
	}
}

func (b *buckets) find(name string) *bucket {
	if k := b.now[name]; k != nil {
		return k
	}
	k := b.old[name]
	if k != nil {
		b.keep(name, k)
	}
	return k
}

func (b *buckets) keep(name string, k *bucket) {
	if len(b.now) >= generation {
		b.old, b.now = b.now, map[string]*bucket{}
	}
	b.now[name] = k
}
