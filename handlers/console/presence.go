package console

import (
	"slices"
	"strings"
	"sync"
	"time"

	"baom/bot"
)

// How long a sign of somebody lasts.
const (
	glanceLasts = time.Minute     // of a page that was opened without script
	typingLasts = 8 * time.Second // of a word that was typed
)

// A presence knows who looks at which case and who types. It is forgotten with the process, and matters to nobody then.
type presence struct {
	mu       sync.Mutex
	of       map[int64]map[int64]*sighting // by case and officer
	watchers map[int64]map[chan struct{}]bool
}

// A sighting is one officer at one case.
type sighting struct {
	name    string
	streams int       // pages that are open and seen
	until   time.Time // of a glance
	typing  time.Time // until when
}

// A neighbour is a colleague at the same case, as it is shown.
type neighbour struct {
	Name   string
	Typing bool
}

// at is the sighting of an officer at a case, made if need be. The lock is held.
func (p *presence) at(id int64, who *bot.Officer) *sighting {
	if p.of == nil {
		p.of, p.watchers = map[int64]map[int64]*sighting{}, map[int64]map[chan struct{}]bool{}
	}
	if p.of[id] == nil {
		p.of[id] = map[int64]*sighting{}
	}
	s := p.of[id][who.ID]
	if s == nil {
		s = &sighting{}
		p.of[id][who.ID] = s
	}
	s.name = who.First()
	return s
}

// tell wakes the pages of a case. The lock is held.
func (p *presence) tell(id int64) {
	for c := range p.watchers[id] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// look notes a page that is open until leave is called, and returns what tells of changes at the case.
func (p *presence) look(id int64, who *bot.Officer) (changed <-chan struct{}, leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, c := p.at(id, who), make(chan struct{}, 1)
	s.streams++
	s.until = time.Time{}
	if p.watchers[id] == nil {
		p.watchers[id] = map[chan struct{}]bool{}
	}
	p.watchers[id][c] = true
	p.tell(id)
	return c, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if s.streams--; s.streams == 0 {
			s.typing = time.Time{}
		}
		if delete(p.watchers[id], c); len(p.watchers[id]) == 0 {
			delete(p.watchers, id)
		}
		p.tell(id)
	}
}

// glance notes that a page was opened, which may have no script.
func (p *presence) glance(id int64, who *bot.Officer, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.at(id, who); s.streams == 0 {
		s.until = now.Add(glanceLasts)
		p.tell(id)
	}
}

// types notes that an officer types, or has stopped.
func (p *presence) types(id int64, who *bot.Officer, now time.Time, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.at(id, who)
	before := s.typing
	s.typing = time.Time{}
	if on {
		s.typing = now.Add(typingLasts)
		time.AfterFunc(typingLasts+100*time.Millisecond, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.tell(id)
		})
	}
	if on != before.After(now) {
		p.tell(id)
	}
}

// others are who else is at a case, by name. What is over is forgotten.
func (p *presence) others(id, self int64, now time.Time) (list []neighbour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for officer, s := range p.of[id] {
		switch {
		case s.streams == 0 && !s.until.After(now) && !s.typing.After(now):
			delete(p.of[id], officer)
		case officer != self:
			list = append(list, neighbour{s.name, s.typing.After(now)})
		}
	}
	if len(p.of[id]) == 0 {
		delete(p.of, id)
	}
	slices.SortFunc(list, func(a, b neighbour) int { return strings.Compare(a.Name, b.Name) })
	return list
}
