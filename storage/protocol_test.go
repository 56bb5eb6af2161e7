package storage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestProtocol goes through every interleaving of two processes that receive, take turns and deliver, with one crash or
// one that hangs until its lease is over, and holds each state to the invariants. It follows the boundaries of the package
// comment: what is one step here is one transaction, or one call of a network, there. Each mutation is a mistake that the
// protocol could have been made with, and must be caught by the invariant that it breaks.
func TestProtocol(t *testing.T) {
	if broken, path, states := explore(mistakes{}); broken != "" {
		t.Errorf("%s, after\n%s", broken, path)
	} else {
		t.Logf("%d states", states)
	}
	for _, m := range []struct {
		mistakes
		breaks string
	}{
		{mistakes{acksFirst: true}, "handled once and in order"},
		{mistakes{marksFirst: true}, "told in order"},
		{mistakes{choosesUnlocked: true}, "handled once and in order"},
		{mistakes{overlooksInbox: true}, "handled once and in order"},
		{mistakes{overlooksRev: true}, "handled once and in order"},
		{mistakes{noKey: true}, "handled once and in order"},
		{mistakes{claimsAny: true}, "told in order"},
		{mistakes{overlooksOutbox: true}, "told in order"},
		{mistakes{noLease: true}, "told again only after a crash"},
		{mistakes{noRelease: true}, "lost"},
	} {
		if broken, path, _ := explore(m.mistakes); broken != m.breaks {
			t.Errorf("%+v breaks %q, and should break %q:\n%s", m.mistakes, broken, m.breaks, path)
		}
	}
}

// The mistakes that the protocol avoids.
type mistakes struct {
	acksFirst       bool // the network hears that a message arrived before that is committed
	marksFirst      bool // a reply is marked before it is sent
	choosesUnlocked bool // a turn works on the entry that it chose before it had the lock
	overlooksInbox  bool // a turn on arrival does not look whether something waits
	overlooksRev    bool // a turn on arrival counts although the session has changed since
	noKey           bool // a message that comes again is filed again
	claimsAny       bool // a reply may be claimed before the one before it is gone
	overlooksOutbox bool // replies are born claimed although others wait
	noLease         bool // a claim keeps nobody out
	noRelease       bool // what a process that ended had claimed stays claimed
}

const (
	entries  = 3 // of one person, sent one after the other
	recorded = 1 // a voice note, which is filed and takes no turn on arrival
	nobody   = -1
)

// A world is the record, the network and the two processes. It is comparable: a state of the search. Sets and lists are
// strings of digits, one for each entry or its reply.
type world struct {
	acked             int    // entries that the network needs not send again
	filed             string // as they came
	inbox             string // filed and not handled
	handled           string // by the dialogue, in this order; its length is the session's revision
	outbox            string // replies not marked
	owner             [entries]int
	sent              string // what the person was told
	lock              int    // who holds the conversation
	process           [2]process
	crashes, expiries int
}

// A process is what one holds in its memory; all of it is lost in a crash.
type process struct {
	doing string // "" nothing; found, filed (received); chosen, locked (turn); claimed, told (delivery)
	entry int
	rev   int    // of the session that was found
	hand  string // replies born claimed, in the order in which they are to go out
	told  bool   // the first of them is out and not marked
}

func digit(n int) string { return string(rune('0' + n)) }

func without(list string, n int) string { return strings.Replace(list, digit(n), "", 1) }

func first(list string) int { return int(list[0] - '0') }

// A successor is a state that can follow, and what happens on the way.
type successor struct {
	what string
	world
}

// next are all states that can follow.
func (w world) next(m mistakes) (list []successor) {
	for i := range w.process {
		add := func(what string, change func(n *world, p *process)) {
			n := w
			change(&n, &n.process[i])
			list = append(list, successor{fmt.Sprintf("process %d %s", i+1, what), n})
		}
		w.receiving(m, i, add)
		w.turning(m, i, add)
		w.delivering(m, i, add)
		if w.crashes+w.expiries == 0 && (w.process[i] != process{}) {
			add("crashes", func(n *world, p *process) {
				*p = process{}
				n.crashes++
				if n.lock == i {
					n.lock = nobody
				}
				for r, owner := range n.owner {
					if owner == i && !m.noRelease { // the others see it
						n.owner[r] = nobody
					}
				}
			})
		}
	}
	for r, owner := range w.owner {
		if owner != nobody && w.crashes+w.expiries == 0 && strings.Contains(w.outbox, digit(r)) && !m.noRelease {
			n := w
			n.owner[r], n.expiries = nobody, 1
			list = append(list, successor{fmt.Sprintf("the lease of %d ends", r), n})
		}
	}
	return list
}

// receiving is boundary A with the turn on arrival: the session is found; the entry is filed or handled; it is acknowledged.
func (w world) receiving(m mistakes, i int, add func(string, func(*world, *process))) {
	switch p := w.process[i]; {
	case p.doing == "" && w.acked < entries:
		add(fmt.Sprintf("gets %d", w.acked), func(n *world, p *process) {
			p.doing, p.entry, p.rev = "found", n.acked, len(n.handled)
			if m.acksFirst {
				n.acked++
			}
		})
	case p.doing == "found" && w.lock == nobody:
		add(fmt.Sprintf("commits %d", p.entry), func(n *world, p *process) { n.arrive(m, i, p) })
	case p.doing == "filed":
		add(fmt.Sprintf("acknowledges %d", p.entry), func(n *world, p *process) {
			n.acked = max(n.acked, p.entry+1)
			p.doing = ""
		})
	}
}

// arrive is the transaction of an arrival.
func (w *world) arrive(m mistakes, i int, p *process) {
	p.doing = "filed"
	e := digit(p.entry)
	if strings.Contains(w.filed, e) && !m.noKey {
		return
	}
	w.filed += e
	if p.entry == recorded || (p.rev != len(w.handled) && !m.overlooksRev) || (w.inbox != "" && !m.overlooksInbox) {
		w.inbox += e
		return
	}
	if m.overlooksRev { // what was found is what is written
		w.handled = w.handled[:min(p.rev, len(w.handled))]
	}
	behind := strings.Trim(w.outbox, p.hand) != ""
	w.handled += e
	w.outbox += e
	if !behind || m.overlooksOutbox {
		w.owner[p.entry] = i
		p.hand += e
	}
}

// turning is boundary B: the lock, then the oldest entry under it; then the commit.
func (w world) turning(m mistakes, i int, add func(string, func(*world, *process))) {
	switch p := w.process[i]; {
	case p.doing == "" && w.inbox != "" && m.choosesUnlocked:
		add(fmt.Sprintf("chooses %d", first(w.inbox)), func(n *world, p *process) { p.doing, p.entry = "chosen", first(n.inbox) })
	case p.doing == "" && w.inbox != "" && w.lock == nobody:
		add(fmt.Sprintf("locks for %d", first(w.inbox)), func(n *world, p *process) { p.doing, p.entry, n.lock = "locked", first(n.inbox), i })
	case p.doing == "chosen" && w.lock == nobody:
		add("locks", func(n *world, p *process) { p.doing, n.lock = "locked", i })
	case p.doing == "locked":
		add(fmt.Sprintf("handles %d", p.entry), func(n *world, p *process) {
			n.handled += digit(p.entry)
			n.inbox = without(n.inbox, p.entry)
			n.outbox += digit(p.entry)
			n.lock, p.doing = nobody, ""
		})
	}
}

// delivering is boundary C, for what was born claimed and for what is claimed from the outbox: send, then mark.
func (w world) delivering(m mistakes, i int, add func(string, func(*world, *process))) {
	p := w.process[i]
	send := func(n *world, r int) { n.sent += digit(r) }
	mark := func(n *world, r int) { n.outbox = without(n.outbox, r) }
	then := [2]func(*world, int){send, mark}
	names := [2]string{"sends", "marks"}
	if m.marksFirst {
		then, names = [2]func(*world, int){mark, send}, [2]string{"marks", "sends"}
	}
	if p.hand != "" {
		r := first(p.hand)
		if !p.told {
			add(fmt.Sprintf("%s %d in hand", names[0], r), func(n *world, p *process) { then[0](n, r); p.told = true })
		} else {
			add(fmt.Sprintf("%s %d in hand", names[1], r), func(n *world, p *process) { then[1](n, r); p.hand, p.told = p.hand[1:], false })
		}
	}
	switch p.doing {
	case "":
		for k := range w.outbox {
			r := int(w.outbox[k] - '0')
			if (k == 0 || m.claimsAny) && (w.owner[r] == nobody || m.noLease) {
				add(fmt.Sprintf("claims %d", r), func(n *world, p *process) { p.doing, p.entry, n.owner[r] = "claimed", r, i })
			}
		}
	case "claimed":
		add(fmt.Sprintf("%s %d", names[0], p.entry), func(n *world, p *process) { then[0](n, p.entry); p.doing = "told" })
	case "told":
		add(fmt.Sprintf("%s %d", names[1], p.entry), func(n *world, p *process) { then[1](n, p.entry); p.doing = "" })
	}
}

// broken names the invariant that a state breaks, or is empty. A state is quiet where nothing can follow.
func (w world) broken(quiet bool) string {
	all := ""
	for e := range entries {
		all += digit(e)
	}
	var told []rune // for the first time
	again := false
	for _, r := range w.sent {
		if slices.Contains(told, r) {
			again = true
		} else {
			told = append(told, r)
		}
	}
	switch {
	case !strings.HasPrefix(all, w.handled):
		return "handled once and in order"
	case !strings.HasPrefix(all, string(told)):
		return "told in order"
	case again && w.crashes+w.expiries == 0:
		return "told again only after a crash"
	case quiet && (w.handled != all || string(told) != all):
		return "lost"
	}
	return ""
}

// explore searches breadth first, so that the way to a broken state is a shortest one.
func explore(m mistakes) (broken, path string, states int) {
	begin := world{lock: nobody}
	for r := range begin.owner {
		begin.owner[r] = nobody
	}
	type step struct {
		what string
		from world
	}
	from := map[world]step{begin: {}}
	for queue := []world{begin}; len(queue) > 0; {
		w := queue[0]
		queue = queue[1:]
		next := w.next(m)
		if broken := w.broken(len(next) == 0); broken != "" {
			var way []string
			for at := w; at != begin; at = from[at].from {
				way = append(way, from[at].what)
			}
			slices.Reverse(way)
			return broken, strings.Join(way, "\n"), len(from)
		}
		for _, s := range next {
			if _, known := from[s.world]; !known {
				from[s.world] = step{s.what, w}
				queue = append(queue, s.world)
			}
		}
	}
	return "", "", len(from)
}
