package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/tink"

	"baom/bot"
	"baom/flows"
)

// lease is how long a claimed message or file belongs to whoever claimed it. Claiming moves its due time ahead by that
// much, so that what a crash leaves falls due again by itself; where the crash is seen, at once (holders.go).
const lease = 60 * time.Second

// maxSends is after how many failed tries a message is given up.
const maxSends = 12

// A claim is a message in hand.
type claim struct {
	message      bot.Message
	id           int64
	conversation int64
	person       int64
	caseID       *int64
	office       string
	until        time.Time // the end of the lease

	// Of a message that was born claimed.
	before *claim        // what goes out before it
	gone   chan struct{} // closed when its send is over
	sent   bool          // it went out; set before gone is closed, as is
	after  string        // the network's id of the message whose choices are shown after it
}

// Deliver implements bot.Journal: boundary C, claim · send · mark.
func (s *Store) Deliver(ctx context.Context, c bot.Channel, send func(context.Context, bot.Message) (string, error)) error {
	cl, err := s.claim(c)
	if err != nil || cl == nil {
		return err
	}
	sending, cancel := context.WithTimeout(ctx, lease*3/4)
	external, sendErr := send(sending, cl.message)
	cancel()
	return s.insist(func() error {
		if sendErr == nil {
			return s.markSent(ctx, cl, external, true)
		}
		if err := s.mark(context.WithoutCancel(ctx), cl, external, sendErr); err != nil {
			return fmt.Errorf("mark message %d: %w", cl.id, err)
		}
		return nil
	})
}

// insist makes a mark until the database takes it, for half a lease: who lives and knows that a message went out lets it
// not go out again because the database was away for a moment.
func (s *Store) insist(mark func() error) error {
	began := time.Now()
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := mark()
		if err == nil || time.Since(began) > lease/2 {
			return err
		}
		select {
		case <-s.ended:
			return err
		case <-time.After(pause):
		}
	}
}

// A wish is for a message to send; several that are made at the same moment are granted by one query.
type wish struct {
	claim *claim
	err   error
	done  sync.WaitGroup
}

// maxClaims bounds how many messages are claimed at once.
const maxClaims = 32

// claim takes the oldest due message that is the head of its conversation's outbox. It is nil, without an error, where
// the message cannot be read any more and has been dropped.
func (s *Store) claim(c bot.Channel) (*claim, error) {
	s.mu.Lock()
	g := s.wishes[c]
	if g == nil {
		g = newGatherer(maxClaims, 0, func(wishes []*wish) { s.grant(c, wishes) })
		s.wishes[c] = g
	}
	s.mu.Unlock()
	w := &wish{}
	w.done.Add(1)
	g.add(w, true)
	w.done.Wait()
	return w.claim, w.err
}

// grant claims as many messages as are wished for, or as there are.
func (s *Store) grant(c bot.Channel, wishes []*wish) {
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	rows, err := s.claimHeads(ctx, c, len(wishes))
	for i, w := range wishes {
		switch {
		case err != nil:
			w.err = fmt.Errorf("claim a message: %w", err)
		case i >= len(rows):
			w.err = bot.ErrIdle
		default:
			w.claim, w.err = s.openClaim(ctx, rows[i])
		}
		w.done.Done()
	}
}

// A claimRow is a message just claimed and still sealed.
type claimRow struct {
	claim                                      *claim
	wrapped, peer, words, farewell, name, data []byte
	kind, officer, mime                        *string
	length                                     *int
}

// claimHeads claims the oldest due messages, at most n, each the head of its conversation's outbox.
func (s *Store) claimHeads(ctx context.Context, c bot.Channel, n int) ([]*claimRow, error) {
	now := s.now()
	rows, err := s.pool.Query(ctx, `
		with h as (
			select o.message from outbox o
			where o.channel = $1 and o.due <= $2
			  and not exists (select 1 from outbox p where p.conversation = o.conversation and p.message < o.message)
			order by o.due, o.message limit $4 for update of o skip locked),
		u as (
			update outbox o set due = $3, attempts = attempts + 1, holder = $5 from h where o.message = h.message
			returning o.message, o.conversation, o.attempts, o.farewell)
		select u.message, u.conversation, u.attempts, u.farewell, c.person, p.wrapped, c.peer, c.keyboard, m.body, m.kind, m.case_id,
		       f.name, f.data, f.mime, f.seconds, of.name, coalesce(k.office, '')
		from u join messages m on m.id = u.message join conversations c on c.id = u.conversation join people p on p.id = c.person
		left join media f on f.message = m.id and f.state = 'ready' left join officers of on of.id = m.officer left join cases k on k.id = m.case_id
		order by u.message`, c, now, now.Add(lease), n, s.hub.holder())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*claimRow, error) {
		cl := &claim{message: bot.Message{Peer: bot.Peer{Channel: c}}, until: now.Add(lease)}
		r := &claimRow{claim: cl}
		return r, row.Scan(&cl.id, &cl.conversation, &cl.message.Attempt, &r.farewell, &cl.person, &r.wrapped, &r.peer, &cl.message.Keyboard, &r.words, &r.kind, &cl.caseID,
			&r.name, &r.data, &r.mime, &r.length, &r.officer, &cl.office)
	})
}

// openClaim opens what was claimed.
func (s *Store) openClaim(ctx context.Context, r *claimRow) (*claim, error) {
	cl := r.claim
	cl.message.ID = cl.id
	cl.message.Attempt--
	var err error
	if r.farewell != nil {
		err = s.openFarewell(cl, r.farewell)
	} else {
		err = s.openMessage(cl, r.wrapped, r.peer, r.words, r.kind, r.name, r.data, r.mime, r.length)
	}
	if r.officer != nil {
		cl.message.Officer = *r.officer
	}
	if errors.Is(err, errErased) {
		_, err = s.pool.Exec(ctx, `delete from outbox where message = $1`, cl.id)
		return nil, err
	}
	return cl, err
}

func (s *Store) openMessage(cl *claim, wrapped, peer, words []byte, kind *string, name, data []byte, mime *string, length *int) error {
	if wrapped == nil || words == nil {
		return errErased
	}
	aead, err := s.vault.open(cl.person, wrapped)
	if err != nil {
		return err
	}
	var b body
	var id []byte
	if err := errors.Join(unseal(aead, "peer", cl.person, peer, &id), unseal(aead, "line", cl.person, words, &b)); err != nil {
		return err
	}
	cl.message.Peer.ID, cl.message.Text, cl.message.Lang, cl.message.Choices, cl.message.Card = string(id), b.Text, b.Lang, b.Choices, b.Card
	if data != nil {
		m := &bot.Media{Kind: flows.Kind(*kind), Mime: *mime, Seconds: *length, State: bot.MediaReady}
		var plain []byte
		if err := errors.Join(unseal(aead, "media", cl.person, data, &m.Data), unseal(aead, "file name", cl.person, name, &plain)); err != nil {
			return err
		}
		m.Name, m.Size = string(plain), int64(len(m.Data))
		cl.message.Media = m
	}
	return nil
}

// mark writes the outcome of a try.
func (s *Store) mark(ctx context.Context, cl *claim, external string, sendErr error) error {
	var told news
	told.add(bot.TopicOutbox(cl.message.Peer.Channel))
	if cl.message.Peer.Channel == bot.Web {
		told.add(bot.TopicPeer(cl.message.Peer))
	}
	if cl.caseID != nil {
		told.add(bot.TopicCase(*cl.caseID))
	}
	b := &pgx.Batch{}
	var send *bot.SendError
	errors.As(sendErr, &send)
	switch {
	case sendErr == nil:
		// The conversation comes first, as everywhere: see the package comment.
		if len(cl.message.Choices) > 0 {
			b.Queue(`update conversations set keyboard = $2 where id = $1`, cl.conversation, external)
		} else if cl.message.Keyboard != "" {
			b.Queue(`update conversations set keyboard = '' where id = $1`, cl.conversation)
		}
		b.Queue(`delete from outbox where message = $1`, cl.id)
	case send != nil && send.Permanent, cl.message.Attempt+1 >= maxSends && (send == nil || send.After <= 0):
		why := "n'a pas pu être envoyé"
		if send != nil && send.Why != "" {
			why = send.Why
		}
		b.Queue(`update conversations set reachable = false where id = $1`, cl.conversation)
		b.Queue(`delete from outbox where message = $1`, cl.id)
		b.Queue(`update messages set status = 'failed', why = $2 where id = $1`, cl.id, why)
		if cl.caseID != nil {
			told.add(bot.TopicOffice(cl.office))
		}
	default:
		due, counted := later(s.now(), cl.message.Attempt, cl.id), true
		if send != nil && send.After > 0 { // asked to wait: that is no failed try
			due, counted = s.now().Add(send.After), false
		}
		// Only while the lease is still this one's: a later claim has its own.
		b.Queue(`update outbox set due = $2, attempts = case when $4 then attempts else attempts - 1 end, holder = null where message = $1 and due = $3`,
			cl.id, due, cl.until, counted)
		s.log.Debug("a message will be tried again", "message", cl.id, "attempt", cl.message.Attempt, "error", sendErr)
	}
	told.queue(b)
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	s.hub.poke(told...)
	return nil
}

// Fetch implements bot.Journal: boundary D, claim · fetch · store.
func (s *Store) Fetch(ctx context.Context, c bot.Channel, open func(context.Context, bot.Media) (io.ReadCloser, error)) error {
	now := s.now()
	var id, person int64
	var attempts int
	var caseID *int64
	var wrapped, ref []byte
	m := bot.Media{State: bot.MediaWanted}
	err := s.pool.QueryRow(ctx, `
		with h as (select message from media_wanted where channel = $1 and due <= $2 order by due limit 1 for update skip locked),
		u as (update media_wanted w set due = $3, attempts = attempts + 1, holder = $4 from h where w.message = h.message returning w.message, w.ref, w.attempts)
		select u.message, u.ref, u.attempts, f.mime, f.size, f.seconds, l.kind,
		       coalesce(l.case_id, (select k.id from cases k where k.conversation = l.conversation and l.id > k.lines_after and l.id <= k.lines_upto)), c.person, p.wrapped
		from u join media f on f.message = u.message join messages l on l.id = u.message join conversations c on c.id = l.conversation join people p on p.id = c.person`,
		c, now, now.Add(2*lease), s.hub.holder()).Scan(&id, &ref, &attempts, &m.Mime, &m.Size, &m.Seconds, &m.Kind, &caseID, &person, &wrapped)
	if errors.Is(err, pgx.ErrNoRows) {
		return bot.ErrIdle
	}
	if err != nil {
		return fmt.Errorf("claim a file: %w", err)
	}
	aead, err := s.vault.open(person, wrapped)
	if err == nil {
		err = unseal(aead, "media ref", person, ref, &m.Ref)
	}
	if err != nil {
		return s.settleFile(ctx, id, person, caseID, nil, 0, bot.MediaLost)
	}
	fetching, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	data, err := fetch(fetching, m, open)
	var gone *bot.SendError
	switch {
	case errors.As(err, &gone) && gone.Permanent || err != nil && attempts >= maxSends && (gone == nil || gone.After <= 0):
		return s.settleFile(ctx, id, person, caseID, nil, 0, bot.MediaLost)
	case err != nil:
		due, counted := later(s.now(), attempts, id), true
		if gone != nil && gone.After > 0 { // asked to wait: that is no failed try
			due, counted = s.now().Add(gone.After), false
		}
		_, dbErr := s.pool.Exec(ctx, `update media_wanted set due = $2, attempts = case when $4 then attempts else attempts - 1 end, holder = null where message = $1 and due = $3`,
			id, due, now.Add(2*lease), counted)
		s.log.Debug("a file will be fetched again", "message", id, "attempt", attempts, "error", err)
		return dbErr
	}
	return s.storeFile(ctx, aead, person, id, caseID, data)
}

// fetch reads a file, but not beyond the limit.
func fetch(ctx context.Context, m bot.Media, open func(context.Context, bot.Media) (io.ReadCloser, error)) ([]byte, error) {
	r, err := open(ctx, m)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, bot.MaxMedia+1))
	if err == nil && len(data) > bot.MaxMedia {
		err = &bot.SendError{Permanent: true, Why: "trop grand", Err: errors.New("the file is over the limit")}
	}
	return data, err
}

func (s *Store) storeFile(ctx context.Context, aead tink.AEAD, person, id int64, caseID *int64, data []byte) error {
	sealed, err := seal(aead, "media", person, data)
	if err != nil {
		return err
	}
	return s.settleFile(ctx, id, person, caseID, sealed, len(data), bot.MediaReady)
}

// settleFile writes how a fetch ended. A file that has become another person's meanwhile, who is the same by another name,
// was sealed with a key that is gone: it stays wanted.
func (s *Store) settleFile(ctx context.Context, id, person int64, caseID *int64, sealed []byte, size int, state bot.MediaState) error {
	ctx = context.WithoutCancel(ctx)
	var told news
	if caseID != nil {
		told.add(bot.TopicCase(*caseID))
	}
	b := &pgx.Batch{}
	const mine = `exists (select 1 from messages m join conversations c on c.id = m.conversation where m.id = $1 and c.person = $2)`
	b.Queue(`select 1 from conversations where id = (select conversation from messages where id = $1) for no key update`, id)
	b.Queue(`delete from media_wanted where message = $1 and `+mine, id, person)
	b.Queue(`update media set state = $3, data = $4, size = case when $5 > 0 then $5 else size end where message = $1 and state = 'wanted' and `+mine, id, person, state, sealed, size)
	told.queue(b)
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("store a file: %w", err)
	}
	s.hub.poke(told...)
	return nil
}
