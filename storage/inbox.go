package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// body is what a line says, as it is sealed.
type body struct {
	Input   *flows.Input      `json:"in,omitempty"`
	Text    string            `json:"t,omitempty"`
	Name    string            `json:"n,omitempty"` // the officer's, of a note or an event
	Lang    content.Lang      `json:"l,omitempty"`
	Choices []content.Option  `json:"c,omitempty"`
	Card    *flows.Card       `json:"k,omitempty"`
	Event   string            `json:"e,omitempty"`
	Slots   map[string]string `json:"s,omitempty"`
}

// rememberedPeers bounds the memory of conversations.
const rememberedPeers = 20000

// conversation finds a peer's conversation, or makes it with a person and a key of their own. What is known under the
// alias, if one is given, becomes the peer's.
func (s *Store) conversation(ctx context.Context, p bot.Peer, alias string) (known, error) {
	if p.ID == "" || p.Channel == "" {
		return known{}, fmt.Errorf("%w: a peer has a channel and an id", bot.ErrInvalid)
	}
	hash := s.vault.hash("peer", string(p.Channel)+":"+p.ID)
	var other []byte
	if alias != "" && alias != p.ID {
		other = s.vault.hash("peer", string(p.Channel)+":"+alias)
	}
	s.mu.Lock()
	k, ok := s.peers[string(hash)]
	s.mu.Unlock()
	if ok && k.same(other) {
		return k, nil
	}
	if other != nil {
		if err := s.adopt(ctx, p, hash, other); err != nil {
			return known{}, err
		}
	}
	k, err := s.lookup(ctx, p.Channel, hash)
	if errors.Is(err, pgx.ErrNoRows) {
		if k, err = s.makeConversation(ctx, p, hash); err == nil && other != nil {
			if err = s.adopt(ctx, p, hash, other); err == nil {
				k, err = s.lookup(ctx, p.Channel, hash)
			}
		}
	}
	if err != nil {
		return known{}, fmt.Errorf("find a conversation: %w", err)
	}
	if other != nil {
		k.aliases = [][]byte{other}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.peers) >= rememberedPeers {
		clear(s.peers)
	}
	s.peers[string(hash)] = k
	return k, nil
}

// lookup finds a conversation by the name it bears, or by another one under which it is known.
func (s *Store) lookup(ctx context.Context, c bot.Channel, hash []byte) (k known, err error) {
	var wrapped []byte
	err = s.pool.QueryRow(ctx, `select c.id, c.person, c.peer_hash, p.wrapped from conversations c join people p on p.id = c.person
		where c.id = coalesce((select id from conversations where channel = $1 and peer_hash = $2), (select conversation from aliases where channel = $1 and alias_hash = $2))`,
		c, hash).Scan(&k.id, &k.person, &k.hash, &wrapped)
	if err != nil {
		return k, err
	}
	k.aead, err = s.vault.open(k.person, wrapped)
	return k, err
}

// makeConversation makes a peer's conversation, unless another process is faster: then its person counts, and ours is
// taken back.
func (s *Store) makeConversation(ctx context.Context, p bot.Peer, hash []byte) (k known, err error) {
	if k.person, err = s.nextPerson(ctx); err != nil {
		return k, err
	}
	var wrapped []byte
	if k.aead, wrapped, err = s.vault.newKey(); err != nil {
		return k, err
	}
	sealed, err := seal(k.aead, "peer", k.person, []byte(p.ID))
	if err != nil {
		return k, err
	}
	err = s.pool.QueryRow(ctx, `with p as (insert into people (id, wrapped) overriding system value values ($1, $2) returning id)
		insert into conversations (person, channel, peer_hash, peer, seen_at) select p.id, $3, $4, $5, $6 from p
		on conflict (channel, peer_hash) do nothing returning id`, k.person, wrapped, p.Channel, hash, sealed, s.now()).Scan(&k.id)
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err := s.pool.Exec(ctx, `delete from people where id = $1`, k.person); err != nil {
			return k, err
		}
		return s.lookup(ctx, p.Channel, hash)
	}
	if err == nil {
		k.hash = hash
		s.vault.remember(k.person, k.aead)
	}
	return k, err
}

// peopleAtOnce is how many ids of people are drawn at once: what is sealed names its person, and so is made knowing the id.
const peopleAtOnce = 32

// nextPerson is an id for a new person.
func (s *Store) nextPerson(ctx context.Context) (int64, error) {
	s.drawing.Lock()
	defer s.drawing.Unlock()
	if len(s.people) == 0 {
		rows, err := s.pool.Query(ctx, `select nextval(pg_get_serial_sequence('people', 'id')) from generate_series(1, $1)`, peopleAtOnce)
		if err != nil {
			return 0, err
		}
		if s.people, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
			return 0, err
		}
	}
	id := s.people[0]
	s.people = s.people[1:]
	return id, nil
}

// dropPeer forgets what is remembered of a peer.
func (s *Store) dropPeer(p bot.Peer) {
	hash := s.vault.hash("peer", string(p.Channel)+":"+p.ID)
	s.mu.Lock()
	delete(s.peers, string(hash))
	s.mu.Unlock()
}

// Receive implements bot.Journal: boundary A.
func (s *Store) Receive(ctx context.Context, e bot.Entry) (fresh bool, err error) {
	if err := s.check(&e); err != nil {
		return false, err
	}
	for range 3 {
		k, err := s.conversation(ctx, e.Peer, e.Alias)
		if err != nil {
			return false, err
		}
		if e.Deletes != "" {
			fresh, err = s.takeBack(ctx, k, e.Deletes)
		} else {
			fresh, err = s.fileInGroup(ctx, k, e)
		}
		if errors.Is(err, errErased) { // forgotten since: who writes now is somebody new
			s.dropPeer(e.Peer)
			continue
		}
		if err != nil {
			return false, fmt.Errorf("receive: %w", err)
		}
		if fresh {
			s.hub.poke(bot.TopicInbox, bot.TopicPeer(e.Peer))
			if e.Media != nil {
				s.hub.poke(bot.TopicMedia)
			}
		}
		return fresh, nil
	}
	return false, errors.New("receive: the conversation is being erased")
}

// fileInGroup files an entry with those that arrive at the same moment, or alone where it is more than words for now.
func (s *Store) fileInGroup(ctx context.Context, k known, e bot.Entry) (fresh bool, err error) {
	if e.Media != nil || !e.Due.IsZero() || e.Input.Event != "" {
		return s.file(ctx, k, e)
	}
	release, err := s.slots.take(ctx, k.id)
	if err != nil {
		return false, err
	}
	defer release()
	a := newArrival(k, e)
	if a.words, err = seal(k.aead, "line", k.person, body{Input: &e.Input}); err != nil {
		return false, err
	}
	s.line.add(&work{arrival: a}, true)
	a.done.Wait()
	if a.passed {
		return s.file(ctx, k, e)
	}
	return a.fresh, a.err
}

// seenEvery is how exactly it is known when a person last wrote: a row that is not written does not grow old.
const seenEvery = 10 * time.Minute

// The statements that file an entry. The parameters are those of fileArgs; with a file, those of fileMedia follow. An
// entry that comes again does nothing, its file included.
const (
	fileEntry = `with m as (
			insert into messages (conversation, case_id, key, author, kind, body, at)
			select c.id, c.open_case, $3, $4, $5, $6, $7 from conversations c where c.id = $1 and c.peer_hash = $2
			on conflict (conversation, key) do nothing returning id),
		i as (insert into inbox (message, conversation, key, due) select m.id, $1, $3, $8 from m)`
	fileMedia = `,
		f as (insert into media (message, mime, size, seconds, name, data, state) select m.id, $9, $10, $11, $12, $13, $14 from m),
		w as (insert into media_wanted (message, channel, ref, due) select m.id, $15, $16, $8 from m where $14 = 'wanted')`
)

// file writes an entry in one transaction and one round trip: the conversation's lock, the message, its place in the
// inbox, its file. The peer's hash proves, under the lock, that the conversation is still theirs.
func (s *Store) file(ctx context.Context, k known, e bot.Entry) (fresh bool, err error) {
	now := s.now()
	due := e.Due
	if due.IsZero() {
		due = now
	}
	sealed, err := seal(k.aead, "line", k.person, body{Input: &e.Input})
	if err != nil {
		return false, err
	}
	kind := e.Input.Kind
	if e.Media != nil && kind == flows.Text { // a line with a file is known by its kind
		kind = cmp.Or(e.Media.Kind, flows.Other)
	}
	sql, args := fileEntry, []any{k.id, k.hash, e.Key, authorOf(e), kind, sealed, e.Input.At, due}
	if e.Media != nil {
		more, err := mediaArgs(k, e)
		if err != nil {
			return false, err
		}
		sql, args = sql+fileMedia, append(args, more...)
	}
	b := &pgx.Batch{}
	b.Queue(`select 1 from conversations where id = $1 and peer_hash = $2 for no key update`, k.id, k.hash).QueryRow(func(row pgx.Row) error {
		var n int
		err := row.Scan(&n)
		if errors.Is(err, pgx.ErrNoRows) {
			return errErased
		}
		return err
	})
	if e.Input.Event == "" {
		b.Queue(`update conversations set seen_at = $2 where id = $1 and seen_at < $3`, k.id, now, now.Add(-seenEvery))
	}
	if due.After(now) && e.Input.Event != "" {
		queueReplace(b, k.id, e.Key, sealed, e.Input.At, due)
	}
	b.Queue(sql+` select id from m`, args...).QueryRow(func(row pgx.Row) error {
		var id int64
		err := row.Scan(&id)
		fresh = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	// A batch outside a transaction is one by itself.
	err = s.pool.SendBatch(ctx, b).Close()
	return fresh && err == nil, err
}

// takeBack marks a line that the person has taken back, with its corrections, whose keys begin with its own. What it said
// stays sealed until the retention rules erase it, and is not shown. An entry that was not handled yet is handled: the
// person may take back what they do not want others to find on their telephone.
func (s *Store) takeBack(ctx context.Context, k known, key string) (done bool, err error) {
	b := &pgx.Batch{}
	b.Queue(`select 1 from conversations where id = $1 and peer_hash = $2 for no key update`, k.id, k.hash).QueryRow(func(row pgx.Row) error {
		var n int
		err := row.Scan(&n)
		if errors.Is(err, pgx.ErrNoRows) {
			return errErased
		}
		return err
	})
	var n int
	var caseID int64
	b.Queue(`with m as (
			update messages set deleted = true where conversation = $1 and author = 'person' and not deleted and (key = $2 or starts_with(key, $2 || '`+bot.Correction+`'))
			returning case_id),
		k as ( -- it may be what the queue shows of the case
			update cases set last = null where id in (select coalesce(m.case_id, c.open_case) from m, conversations c where c.id = $1) returning id)
		select (select count(*) from m), coalesce((select max(id) from k), 0)`, k.id, key).QueryRow(func(row pgx.Row) error { return row.Scan(&n, &caseID) })
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return false, err
	}
	if caseID != 0 {
		var told news
		told.add(bot.TopicCase(caseID))
		b := &pgx.Batch{}
		told.queue(b)
		if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
			return true, err
		}
		s.hub.poke(told...)
	}
	return n > 0, nil
}

// authorOf is who a filed entry is by: what was told to the dialogue is no line of the person's.
func authorOf(e bot.Entry) bot.Author {
	if e.Input.Event != "" {
		return bot.ByEvent
	}
	return bot.ByPerson
}

// mediaArgs are the parameters of fileMedia: the bytes if they are at hand, or the wish to fetch them.
func mediaArgs(k known, e bot.Entry) ([]any, error) {
	m := e.Media
	state, size := m.State, m.Size
	var data, ref []byte
	var err error
	switch {
	case len(m.Data) > bot.MaxMedia:
		state = bot.MediaLost
	case len(m.Data) > 0:
		state, size = bot.MediaReady, int64(len(m.Data))
		data, err = seal(k.aead, "media", k.person, m.Data)
	case len(m.Ref) > 0 && (state == "" || state == bot.MediaWanted):
		state = bot.MediaWanted
		ref, err = seal(k.aead, "media ref", k.person, m.Ref)
	default:
		state = bot.MediaLost
	}
	if err != nil {
		return nil, err
	}
	name, err := seal(k.aead, "file name", k.person, []byte(m.Name))
	return []any{m.Mime, size, m.Seconds, name, data, state, e.Peer.Channel, ref}, err
}

// queueReplace makes a timer that still waits under this key the new one.
func queueReplace(b *pgx.Batch, conversation int64, key string, sealed []byte, at, due time.Time) {
	b.Queue(`with i as (update inbox set due = $5, attempts = 0 where conversation = $1 and key = $2 returning message)
		update messages m set body = $3, at = $4 from i where m.id = i.message and m.author = 'event'`, conversation, key, sealed, at, due)
}

// queueEvent files an event for the dialogue of a conversation whose lock is held.
func queueEvent(b *pgx.Batch, conversation int64, caseID *int64, key string, sealed []byte, at, due time.Time) {
	b.Queue(`with m as (
			insert into messages (conversation, case_id, key, author, body, at) values ($1, $2, $3, 'event', $4, $5)
			on conflict (conversation, key) do nothing returning id)
		insert into inbox (message, conversation, key, due) select id, $1, $3, $6 from m`, conversation, caseID, key, sealed, at, due)
}

// later is when a thing that failed a number of times is tried again: from one second to ten minutes, with jitter drawn
// from the id so that what failed together does not come back together.
func later(now time.Time, attempts int, id int64) time.Time {
	wait := time.Second << min(attempts, 10)
	wait = min(wait, 10*time.Minute)
	return now.Add(wait + wait/4*time.Duration(id%4)/4)
}
