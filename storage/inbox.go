package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/tink"

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
	Event   string            `json:"e,omitempty"`
	Slots   map[string]string `json:"s,omitempty"`
}

// rememberedPeers bounds the memory of conversations.
const rememberedPeers = 20000

// conversation finds a peer's conversation, or makes it with a person and a key of their own.
func (s *Store) conversation(ctx context.Context, p bot.Peer) (known, error) {
	if p.ID == "" || p.Channel == "" {
		return known{}, fmt.Errorf("%w: a peer has a channel and an id", bot.ErrInvalid)
	}
	hash := s.vault.hash("peer", string(p.Channel)+":"+p.ID)
	s.mu.Lock()
	k, ok := s.peers[string(hash)]
	s.mu.Unlock()
	if ok {
		return k, nil
	}
	k, err := s.lookup(ctx, p.Channel, hash)
	if errors.Is(err, pgx.ErrNoRows) {
		if err = s.makeConversation(ctx, p, hash); err == nil {
			k, err = s.lookup(ctx, p.Channel, hash)
		}
	}
	if err != nil {
		return known{}, fmt.Errorf("find a conversation: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.peers) >= rememberedPeers {
		clear(s.peers)
	}
	s.peers[string(hash)] = k
	return k, nil
}

func (s *Store) lookup(ctx context.Context, c bot.Channel, hash []byte) (k known, err error) {
	var wrapped []byte
	err = s.pool.QueryRow(ctx, `select c.id, c.person, p.wrapped from conversations c join people p on p.id = c.person
		where c.channel = $1 and c.peer_hash = $2`, c, hash).Scan(&k.id, &k.person, &wrapped)
	if err != nil {
		return k, err
	}
	k.aead, err = s.vault.open(k.person, wrapped)
	return k, err
}

func (s *Store) makeConversation(ctx context.Context, p bot.Peer, hash []byte) error {
	aead, wrapped, err := s.vault.newKey()
	if err != nil {
		return err
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		var person int64
		if err := tx.QueryRow(ctx, `insert into people (wrapped) values ($1) returning id`, wrapped).Scan(&person); err != nil {
			return err
		}
		sealed, err := seal(aead, "peer", person, []byte(p.ID))
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `insert into conversations (person, channel, peer_hash, peer, seen_at) values ($1, $2, $3, $4, $5)
			on conflict (channel, peer_hash) do nothing`, person, p.Channel, hash, sealed, s.now())
		if err == nil && tag.RowsAffected() == 0 {
			return errTaken // another process was faster: its person counts, ours never was
		}
		return err
	})
	if errors.Is(err, errTaken) {
		return nil
	}
	return err
}

var errTaken = errors.New("taken")

// dropPeer forgets what is remembered of a peer.
func (s *Store) dropPeer(p bot.Peer) {
	hash := s.vault.hash("peer", string(p.Channel)+":"+p.ID)
	s.mu.Lock()
	delete(s.peers, string(hash))
	s.mu.Unlock()
}

// Receive implements bot.Journal: boundary A.
func (s *Store) Receive(ctx context.Context, e bot.Entry) (fresh bool, err error) {
	if e.Key == "" || len(e.Key) > 200 {
		return false, fmt.Errorf("%w: an entry has a key of at most 200 bytes", bot.ErrInvalid)
	}
	if e.Input.At.IsZero() {
		e.Input.At = s.now()
	}
	for range 3 {
		k, err := s.conversation(ctx, e.Peer)
		if err != nil {
			return false, err
		}
		fresh, err = s.file(ctx, k, e)
		if errors.Is(err, errErased) { // forgotten since by another process: it is a new conversation
			s.dropPeer(e.Peer)
			continue
		}
		if err != nil {
			return false, fmt.Errorf("receive: %w", err)
		}
		if fresh {
			s.hub.poke(bot.TopicInbox, bot.TopicPeer(e.Peer))
			if e.Media != nil && e.Media.State == bot.MediaWanted {
				s.hub.poke(bot.TopicMedia)
			}
		}
		return fresh, nil
	}
	return false, errors.New("receive: the conversation is being erased")
}

// file writes an entry in one transaction and one round trip: the conversation's lock, the message, its place in the
// inbox.
func (s *Store) file(ctx context.Context, k known, e bot.Entry) (fresh bool, err error) {
	sealed, err := seal(k.aead, "line", k.person, body{Input: &e.Input})
	if err != nil {
		return false, err
	}
	due := e.Due
	if due.IsZero() {
		due = s.now()
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		var message int64
		var wrapped []byte
		b := &pgx.Batch{}
		b.Queue(`update conversations c set seen_at = case when $3 then $2 else c.seen_at end from people p
			where c.id = $1 and p.id = c.person and p.wrapped is not null returning p.wrapped`, k.id, s.now(), e.Input.Event == "").QueryRow(func(row pgx.Row) error {
			err := row.Scan(&wrapped)
			if errors.Is(err, pgx.ErrNoRows) {
				return errErased
			}
			return err
		})
		b.Queue(`with m as (
				insert into messages (conversation, case_id, key, author, kind, body, at)
				select c.id, c.open_case, $2, 'person', $3, $4, $5 from conversations c where c.id = $1
				on conflict (conversation, key) do nothing returning id),
			i as (insert into inbox (message, conversation, key, due) select m.id, $1, $2, $6 from m)
			select id from m`, k.id, e.Key, e.Input.Kind, sealed, e.Input.At, due).QueryRow(func(row pgx.Row) error {
			err := row.Scan(&message)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			return err
		})
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		fresh = message != 0
		if fresh && e.Media != nil {
			return s.fileMedia(ctx, tx, k.aead, k.person, e.Peer.Channel, message, e.Media)
		}
		return nil
	})
	return fresh && err == nil, err
}

// fileMedia writes a file that came with a message: its bytes if they are at hand, or the wish to fetch them.
func (s *Store) fileMedia(ctx context.Context, tx pgx.Tx, aead tink.AEAD, person int64, c bot.Channel, message int64, m *bot.Media) error {
	state := m.State
	var data, name []byte
	var err error
	if len(m.Data) > 0 {
		state, m.Size = bot.MediaReady, int64(len(m.Data))
		if data, err = seal(aead, "media", person, m.Data); err != nil {
			return err
		}
	} else if state == "" {
		state = bot.MediaWanted
	}
	if state == bot.MediaWanted && len(m.Ref) == 0 {
		state = bot.MediaLost
	}
	m.State = state
	if name, err = seal(aead, "file name", person, []byte(m.Name)); err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue(`insert into media (message, mime, size, seconds, name, data, state) values ($1, $2, $3, $4, $5, $6, $7)`,
		message, m.Mime, m.Size, m.Seconds, name, data, state)
	if state == bot.MediaWanted {
		ref, err := seal(aead, "media ref", person, m.Ref)
		if err != nil {
			return err
		}
		b.Queue(`insert into media_wanted (message, channel, ref, due) values ($1, $2, $3, $4)`, message, c, ref, s.now())
	}
	return tx.SendBatch(ctx, b).Close()
}

// later is when a thing that failed a number of times is tried again: from one second to ten minutes, with jitter drawn
// from the id so that what failed together does not come back together.
func later(now time.Time, attempts int, id int64) time.Time {
	wait := time.Second << min(attempts, 10)
	wait = min(wait, 10*time.Minute)
	return now.Add(wait + wait/4*time.Duration(id%4)/4)
}
