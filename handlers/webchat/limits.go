package webchat

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits bound what one conversation and one address can do. A whole neighbourhood can share an address with its
// telephone network: the limits by address are wide on purpose.
type Limits struct {
	PerMinute     int // messages a minute of one conversation
	PerAddressMin int // messages a minute from one address
	NewPerHour    int // new conversations an hour from one address
	Pages         int // pages that listen to one conversation: a newer one takes the place of the oldest
	PagesInAll    int // pages that listen
	Uploads       int // files that arrive at the same time
}

// DefaultLimits suit an office.
func DefaultLimits() Limits {
	return Limits{PerMinute: 40, PerAddressMin: 1200, NewPerHour: 300, Pages: 3, PagesInAll: 5000, Uploads: 12}
}

// A limiter holds what is counted of the limits.
type limiter struct {
	Limits
	now     func() time.Time
	uploads chan struct{}

	mu        sync.Mutex
	talk      buckets // by conversation
	addresses buckets
	fresh     buckets            // new conversations, by address
	pages     map[string][]*page // by conversation, oldest first
	all       int
}

// page is one that listens.
type page struct{ evicted chan struct{} }

func newLimiter(l Limits, now func() time.Time) *limiter {
	return &limiter{Limits: l, now: now, uploads: make(chan struct{}, l.Uploads), pages: map[string][]*page{},
		talk: newBuckets(l.PerMinute, time.Minute), addresses: newBuckets(l.PerAddressMin, time.Minute), fresh: newBuckets(l.NewPerHour, time.Hour)}
}

// allow counts a message of a conversation, or the first of a new one, and reports whether it is within the limits.
func (l *limiter) allow(peer, address string, first bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if !l.addresses.take(now, address) {
		return false
	}
	if first {
		return l.fresh.take(now, address)
	}
	return l.talk.take(now, peer)
}

// upload waits a little for a place among the files that arrive.
func (l *limiter) upload(ctx context.Context) (done func(), ok bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	select {
	case l.uploads <- struct{}{}:
		return func() { <-l.uploads }, true
	case <-ctx.Done():
		return nil, false
	}
}

// listen counts a page that listens, until done is called. Where a conversation has too many, the oldest is told to go
// by evicted: it is most likely that of a connection which is dead without our knowing. ok is false where there are too
// many in all.
func (l *limiter) listen(peer string) (done func(), evicted <-chan struct{}, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= l.PagesInAll {
		return nil, nil, false
	}
	if list := l.pages[peer]; len(list) >= l.Pages {
		close(list[0].evicted)
		l.pages[peer] = slices.Delete(list, 0, 1)
	}
	p := &page{make(chan struct{})}
	l.pages[peer] = append(l.pages[peer], p)
	l.all++
	return func() { l.leave(peer, p) }, p.evicted, true
}

func (l *limiter) leave(peer string, p *page) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	l.pages[peer] = slices.DeleteFunc(l.pages[peer], func(other *page) bool { return other == p })
	if len(l.pages[peer]) == 0 {
		delete(l.pages, peer)
	}
}

// buckets are token buckets by name, in bounded memory: when a generation is full, the one before it is forgotten.
type buckets struct {
	every    rate.Limit
	burst    int
	new, old map[string]*rate.Limiter
}

// generation is how many names a generation holds.
const generation = 8192

func newBuckets(n int, per time.Duration) buckets {
	return buckets{every: rate.Limit(float64(n) / per.Seconds()), burst: n, new: map[string]*rate.Limiter{}}
}

func (b *buckets) take(now time.Time, name string) bool {
	k := b.new[name]
	if k == nil {
		if k = b.old[name]; k == nil {
			k = rate.NewLimiter(b.every, b.burst)
		}
		if len(b.new) >= generation {
			b.old, b.new = b.new, map[string]*rate.Limiter{}
		}
		b.new[name] = k
	}
	return k.AllowN(now, 1)
}
