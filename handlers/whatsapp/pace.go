package whatsapp

import (
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"go.mau.fi/whatsmeow/types"
	"golang.org/x/time/rate"
)

// pace spreads messages as a person would send them: a pause before each to the same person, and no more than some in a
// minute to everybody.
type pace struct {
	all  *rate.Limiter
	mu   sync.Mutex
	next map[string]time.Time // by peer: when the next message may leave
}

// shortWait is how long a message is waited with at most; a longer one is put back into the outbox.
const shortWait = 15 * time.Second

// reserve is how long a message to a peer has to wait. Its turn is taken, unless the wait is not a short one.
func (p *pace) reserve(peer string, now time.Time, pause time.Duration) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	turn := p.all.ReserveN(now, 1)
	wait := max(turn.DelayFrom(now), p.next[peer].Sub(now), 0)
	if wait > shortWait {
		turn.CancelAt(now)
		return wait
	}
	p.set(peer, now.Add(wait), pause)
	return wait
}

// heard lets the answer to a message that has just come wait for a moment.
func (p *pace) heard(peer string, now time.Time, pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next[peer].Before(now) {
		p.set(peer, now, pause)
	}
}

// set lets the next message leave a pause after at, more or less: people are not clocks.
func (p *pace) set(peer string, at time.Time, pause time.Duration) {
	if pause <= 0 {
		return
	}
	if p.next == nil || len(p.next) > 10000 {
		p.next = map[string]time.Time{}
	}
	p.next[peer] = at.Add(pause*3/4 + rand.N(pause/2+1))
}

// forget forgets a peer.
func (p *pace) forget(peer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.next, peer)
}

// chats remembers, within one process, whom a number has heard of and what they have written that was not answered.
type chats struct {
	mu   sync.Mutex
	who  map[string]bool // own device and peer's name
	chat map[string]*chat
}

// A chat is what is remembered of one peer.
type chat struct {
	jid, sender types.JID // as WhatsApp names them
	unread      []types.MessageID
	last        time.Time // when the peer last wrote
	fades       uint32    // seconds after which messages disappear, as the peer has set it; 0: they stay
}

// remembered bounds both memories.
const remembered = 20000

func (c *chats) heard(own, peer types.JID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who[own.String()+" "+peer.String()]
}

func (c *chats) hear(own, peer types.JID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.who == nil || len(c.who) >= remembered {
		c.who = map[string]bool{}
	}
	c.who[own.String()+" "+peer.String()] = true
}

// forget forgets a peer, by the id of one of their names.
func (c *chats) forget(peer string, name types.JID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.chat, peer)
	for who := range c.who { // there is one device of ours, or there were a few
		if strings.HasSuffix(who, " "+name.String()) {
			delete(c.who, who)
		}
	}
}

// wrote notes a message that came.
func (c *chats) wrote(peer string, info *types.MessageInfo, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chat == nil || len(c.chat) >= remembered {
		c.chat = map[string]*chat{}
	}
	x := c.chat[peer]
	if x == nil {
		x = &chat{}
		c.chat[peer] = x
	}
	x.jid, x.sender, x.last = info.Chat, info.Sender, now
	if len(x.unread) < 100 {
		x.unread = append(x.unread, info.ID)
	}
}

// unread takes what a peer has written that was not marked as read.
func (c *chats) unread(peer string) (jid, sender types.JID, ids []types.MessageID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.chat[peer]
	if x == nil {
		return jid, sender, nil
	}
	ids, x.unread = x.unread, nil
	return x.jid, x.sender, ids
}

// fade notes after how many seconds the peer lets messages disappear.
func (c *chats) fade(peer string, seconds uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.chat[peer]; x != nil {
		x.fades = seconds
	}
}

// fades is after how many seconds messages to a peer disappear; 0: they stay.
func (c *chats) fades(peer string) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.chat[peer]; x != nil {
		return x.fades
	}
	return 0
}

// name is how WhatsApp names a peer's chat; empty where nothing came in this process.
func (c *chats) name(peer string) types.JID {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.chat[peer]; x != nil {
		return x.jid
	}
	return types.EmptyJID
}

// recent reports whether a peer wrote a short while ago.
func (c *chats) recent(peer string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.chat[peer]
	return x != nil && now.Sub(x.last) < 15*time.Minute
}
