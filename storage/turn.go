package storage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/tink-crypto/tink-go/v2/tink"

	"baom/bot"
	"baom/flows"
)

// maxAttempts is after how many failed transactions an entry is set aside, so that the conversation moves on.
const maxAttempts = 5

// A hand is the entry in hand, with the locked conversation it belongs to.
type hand struct {
	entry    bot.Entry
	message  int64
	person   int64
	id       int64 // of the conversation
	rev      int64
	kept     bool
	aead     tink.AEAD
	attempts int
	session  flows.Session
}

// Turn implements bot.Journal: boundary B.
func (s *Store) Turn(ctx context.Context, step func(flows.Session, bot.Entry) bot.Turn) error {
	var h hand
	var sealed []byte
	var told news
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if err := s.take(ctx, tx, &h); err != nil {
			return err
		}
		turn := step(h.session, h.entry)
		var err error
		sealed, told, err = s.commit(ctx, tx, &h, turn)
		return err
	})
	switch {
	case err == nil:
		if sealed != nil {
			s.live.put(ctx, h.id, h.rev+1, sealed)
		} else {
			s.live.drop(ctx, h.id)
			s.vault.forget(h.person)
			s.dropPeer(h.entry.Peer)
		}
		s.hub.poke(told...)
		return nil
	case errors.Is(err, bot.ErrIdle):
		return err
	case h.message == 0:
		return fmt.Errorf("turn: %w", err)
	case errors.Is(err, bot.ErrConflict): // a reference that is taken: the same entry again, with new randomness
		s.hub.poke(bot.TopicInbox)
		return nil
	}
	if aside := s.failedTurn(context.WithoutCancel(ctx), &h, err); aside != nil {
		err = errors.Join(err, aside)
	}
	return fmt.Errorf("turn of entry %d: %w", h.message, err)
}

// take locks the oldest waiting conversation that nobody works on and reads its oldest entry. That is asked for again
// under the lock, because the snapshot that chose the conversation may be older than the lock: without it a second
// worker could handle an entry twice. An entry that failed and waits to be tried again holds back what came after it.
func (s *Store) take(ctx context.Context, tx pgx.Tx, h *hand) error {
	now := s.now()
	for range 4 {
		err := tx.QueryRow(ctx, `
			select c.id, c.rev from inbox i join conversations c on c.id = i.conversation
			where i.due <= $1 and not exists (select 1 from inbox p
				where p.conversation = i.conversation and p.message < i.message and p.attempts > 0 and p.due > $1)
			order by i.due, i.message limit 1
			for no key update of c skip locked`, now).Scan(&h.id, &h.rev)
		if errors.Is(err, pgx.ErrNoRows) {
			return bot.ErrIdle
		}
		if err != nil {
			return err
		}
		live := s.live.get(ctx, h.id, h.rev)
		var wrapped, peer, words, session []byte
		var openCase *int64
		var attempts int
		var name, ref []byte
		var mime, state *string
		var size *int64
		var length *int
		err = tx.QueryRow(ctx, `
			select i.message, i.attempts, m.key, m.body, c.rev, c.person, p.wrapped, c.peer, c.channel, c.kept, c.open_case,
			       case when $2 then null else c.session end, f.name, f.mime, f.size, f.seconds, f.state, w.ref
			from inbox i join messages m on m.id = i.message join conversations c on c.id = i.conversation join people p on p.id = c.person
			left join media f on f.message = m.id left join media_wanted w on w.message = m.id
			where i.conversation = $1 and i.due <= $3 and not exists (select 1 from inbox p
				where p.conversation = i.conversation and p.message < i.message and p.attempts > 0 and p.due > $3)
			order by i.message limit 1`, h.id, live != nil, now).
			Scan(&h.message, &attempts, &h.entry.Key, &words, &h.rev, &h.person, &wrapped, &peer, &h.entry.Peer.Channel, &h.kept, &openCase,
				&session, &name, &mime, &size, &length, &state, &ref)
		if errors.Is(err, pgx.ErrNoRows) {
			continue // handled meanwhile by the worker that had the lock
		}
		if err != nil {
			return err
		}
		h.attempts = attempts
		if h.aead, err = s.vault.open(h.person, wrapped); err != nil {
			return err
		}
		if live != nil && unseal(h.aead, "session", h.person, live, &h.session) != nil {
			// Not ours, or broken: the row has the session.
			if err := tx.QueryRow(ctx, `select session from conversations where id = $1`, h.id).Scan(&session); err != nil {
				return err
			}
			h.session = flows.Session{}
		}
		h.entry.ID = h.message
		if openCase != nil {
			h.entry.Case = *openCase
		}
		var id []byte
		var b body
		if err := errors.Join(unseal(h.aead, "peer", h.person, peer, &id), unseal(h.aead, "line", h.person, words, &b),
			unseal(h.aead, "session", h.person, session, &h.session)); err != nil {
			return err
		}
		h.entry.Peer.ID = string(id)
		if b.Input != nil {
			h.entry.Input = *b.Input
		}
		if state != nil {
			h.entry.Media = &bot.Media{Kind: h.entry.Input.Kind, Mime: *mime, Size: *size, Seconds: *length, State: bot.MediaState(*state)}
		}
		return nil
	}
	return bot.ErrIdle
}

// commit writes everything a turn changes, in one batch. sealed is the new session, nil if the person was forgotten.
func (s *Store) commit(ctx context.Context, tx pgx.Tx, h *hand, t bot.Turn) (sealed []byte, told news, err error) {
	now := s.now()
	told.add(bot.TopicInbox, bot.TopicOutbox(h.entry.Peer.Channel))
	if h.entry.Peer.Channel == bot.Web {
		told.add(bot.TopicPeer(h.entry.Peer))
	}
	b := &pgx.Batch{}
	b.Queue(`delete from inbox where message = $1`, h.message)
	if t.Failed != "" {
		b.Queue(`insert into set_aside (message, at, trace) values ($1, $2, $3) on conflict do nothing`, h.message, now, t.Failed)
	}
	if t.Forget {
		s.queueFarewell(b, h, t, now)
		s.queueForget(b, h.id, h.person, now)
		return nil, told, tx.SendBatch(ctx, b).Close()
	}
	if sealed, err = seal(h.aead, "session", h.person, t.Session); err != nil {
		return nil, nil, err
	}
	caseID := h.entry.Case
	h.session.Lang = t.Session.Lang
	if t.Case != nil {
		if caseID, err = s.changeCase(ctx, tx, h, t.Case, &told); err != nil {
			return nil, nil, err
		}
	} else if caseID != 0 {
		told.add(bot.TopicCase(caseID))
	}
	var openCase *int64
	if caseID != 0 {
		openCase = &caseID
	}
	b.Queue(`update conversations set session = $2, rev = rev + 1, lang = $3, kept = $4, reachable = true where id = $1`, h.id, sealed, t.Session.Lang, !t.Discard)
	if t.Discard {
		b.Queue(`update messages set body = null where id = $1`, h.message)
		b.Queue(`with w as (delete from media_wanted where message = $1)
			update media set state = 'erased', data = null, name = null where message = $1`, h.message)
		if h.kept { // what was kept until the person said no
			b.Queue(`update messages set body = null where conversation = $1 and id < $2 and author = 'person'
				and not exists (select 1 from inbox i where i.message = messages.id)`, h.id, h.message)
			b.Queue(`update messages set fleeting = true where conversation = $1 and body is not null`, h.id)
		}
	}
	for _, m := range t.Send {
		if err := s.queueMessage(b, h.aead, h.person, h.id, h.entry.Peer.Channel, openCase, nil, t.Discard, m, now); err != nil {
			return nil, nil, err
		}
	}
	for _, prefix := range t.Cancel {
		b.Queue(`delete from inbox where conversation = $1 and key like $2 and due > $3`, h.id, likePrefix(prefix), now)
	}
	for _, e := range t.Later {
		if err := s.queueLater(b, h, e, openCase); err != nil {
			return nil, nil, err
		}
	}
	for _, q := range t.Asked {
		words, err := seal(s.vault.office, "question", 0, []byte(q.Question))
		if err != nil {
			return nil, nil, err
		}
		b.Queue(`insert into questions (day, lang, outcome, answer, question) values ($1, $2, $3, $4, $5)`, now, q.Lang, q.Outcome, q.Answer, words)
	}
	told.queue(b)
	return sealed, told, tx.SendBatch(ctx, b).Close()
}

func likePrefix(prefix string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(prefix) + "%"
}

// queueMessage writes one outgoing line and its place in the outbox.
func (s *Store) queueMessage(b *pgx.Batch, aead tink.AEAD, person, conversation int64, c bot.Channel, caseID, officer *int64, fleeting bool, m bot.Message, now time.Time) error {
	sealed, err := seal(aead, "line", person, body{Text: m.Text, Lang: m.Lang, Choices: m.Choices})
	if err != nil {
		return err
	}
	author, kind := bot.ByBot, flows.Text
	if officer != nil {
		author = bot.ByOfficer
	}
	var mime string
	var name, data []byte
	var length int
	if m.Media != nil {
		kind, mime, length = m.Media.Kind, m.Media.Mime, m.Media.Seconds
		if name, err = seal(aead, "file name", person, []byte(m.Media.Name)); err != nil {
			return err
		}
		if data, err = seal(aead, "media", person, m.Media.Data); err != nil {
			return err
		}
	}
	b.Queue(`with m as (
			insert into messages (conversation, case_id, author, officer, kind, body, fleeting, status, at)
			values ($1, $2, $3, $4, $5, $6, $7, 'waiting', $8) returning id),
		o as (insert into outbox (message, conversation, channel, due) select id, $1, $9, $8 from m)
		insert into media (message, mime, size, seconds, name, data, state)
		select id, $10, $11, $12, $13, $14, 'ready' from m where $14::bytea is not null`,
		conversation, caseID, author, officer, kind, sealed, fleeting, now, c, mime, len(data), length, name, data)
	return nil
}

// queueLater writes a timer.
func (s *Store) queueLater(b *pgx.Batch, h *hand, e bot.Entry, caseID *int64) error {
	sealed, err := seal(h.aead, "line", h.person, body{Input: &e.Input})
	if err != nil {
		return err
	}
	b.Queue(`with m as (
			insert into messages (conversation, case_id, key, author, body, at) values ($1, $2, $3, 'event', $4, $5)
			on conflict (conversation, key) do nothing returning id)
		insert into inbox (message, conversation, key, due) select id, $1, $3, $6 from m`, h.id, caseID, e.Key, sealed, s.now(), e.Due)
	return nil
}

// changeCase opens, completes or changes the conversation's case, within the turn, and returns the case that is open
// after it, or 0.
func (s *Store) changeCase(ctx context.Context, tx pgx.Tx, h *hand, c *bot.CaseChange, told *news) (int64, error) {
	now, id := s.now(), h.entry.Case
	if id == 0 && (c.Score > 0 || c.Comment != "") && !c.Open {
		if err := tx.QueryRow(ctx, `select coalesce(max(id), 0) from cases where conversation = $1`, h.id).Scan(&id); err != nil {
			return 0, err
		}
		if id == 0 {
			return 0, nil
		}
		return 0, s.rate(ctx, tx, h, id, c, told)
	}
	if id == 0 && !c.Open {
		return 0, nil
	}
	answers, err := seal(h.aead, "answers", h.person, c.Answers)
	if err != nil {
		return 0, err
	}
	names := s.vault.nameHashes(c.Answers["first-name"], c.Answers["last-name"])
	phones := s.vault.phoneHashes(c.Answers["phone"], phoneOf(h.entry.Peer))
	var office string
	switch {
	case id == 0:
		err = tx.QueryRow(ctx, `
			insert into cases (person, conversation, reference, office, state, channel, lang, profile, need, urgent, opened_at, waiting_at, answers, names, phones)
			values ($1, $2, $3, $4, 'open', $5, $6, $7, $8, $9, $10, $10, $11, $12, $13) returning id, office`,
			h.person, h.id, c.Reference, c.Office, h.entry.Peer.Channel, h.session.Lang, c.Answers["profile"], c.Answers["need"], c.Urgent, now, answers, names, phones).Scan(&id, &office)
		if unique(err, "cases_reference_key") {
			return 0, bot.ErrConflict
		}
		if err != nil {
			return 0, err
		}
		b := &pgx.Batch{}
		b.Queue(`update conversations set open_case = $2 where id = $1`, h.id, id)
		b.Queue(`update messages set case_id = $2 where conversation = $1 and case_id is null`, h.id, id)
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return 0, err
		}
		if err := s.event(ctx, tx, h.aead, h.person, h.id, id, nil, "opened", nil); err != nil {
			return 0, err
		}
	case c.Open:
		err = tx.QueryRow(ctx, `update cases set answers = $2, names = $3, phones = $4, profile = $5, need = $6,
			office = case when state = 'open' then $7 else office end where id = $1 returning office`,
			id, answers, names, phones, c.Answers["profile"], c.Answers["need"], c.Office).Scan(&office)
		if err != nil {
			return 0, err
		}
	}
	return s.settleCase(ctx, tx, h, id, c, told)
}

// settleCase does what a change does to a case that exists: urgency, words of the person, a score, withdrawal.
func (s *Store) settleCase(ctx context.Context, tx pgx.Tx, h *hand, id int64, c *bot.CaseChange, told *news) (int64, error) {
	now := s.now()
	var last []byte
	words := c.Answers["words"] // of a case that is newly opened: what the person asks for
	if strings.HasPrefix(words, "kind.") {
		words = ""
	}
	if c.Relay {
		if words = h.entry.Input.Text; words == "" {
			words = "[" + string(h.entry.Input.Kind) + "]"
		}
	}
	if words != "" {
		var err error
		if last, err = seal(h.aead, "last", h.person, shorten(words)); err != nil {
			return 0, err
		}
	}
	var office, state string
	err := tx.QueryRow(ctx, `
		update cases set urgent = case when $2 <> '' then $2 else urgent end,
			unread = unread + case when $3 then 1 else 0 end,
			waiting_at = case when $3 then coalesce(waiting_at, $4) else waiting_at end,
			last = coalesce($5, last),
			state = case when $6 then 'closed' else state end, closed_at = case when $6 then $4 else closed_at end,
			outcome = case when $6 then 'withdrawn' else outcome end
		where id = $1 returning office, state`, id, c.Urgent, c.Relay, now, last, c.Withdraw).Scan(&office, &state)
	if err != nil {
		return 0, err
	}
	told.add(bot.TopicCase(id), bot.TopicOffice(office))
	if c.Urgent != "" {
		if err := s.event(ctx, tx, h.aead, h.person, h.id, id, nil, "urgent", map[string]string{"kind": c.Urgent}); err != nil {
			return 0, err
		}
	}
	if c.Score > 0 || c.Comment != "" {
		if err := s.rate(ctx, tx, h, id, c, told); err != nil {
			return 0, err
		}
	}
	if !c.Withdraw {
		return id, nil
	}
	if _, err := tx.Exec(ctx, `update conversations set open_case = null where id = $1`, h.id); err != nil {
		return 0, err
	}
	return 0, s.event(ctx, tx, h.aead, h.person, h.id, id, nil, "withdrawn", nil)
}

func (s *Store) rate(ctx context.Context, tx pgx.Tx, h *hand, id int64, c *bot.CaseChange, told *news) error {
	var comment []byte
	if c.Comment != "" {
		var err error
		if comment, err = seal(h.aead, "comment", h.person, []byte(c.Comment)); err != nil {
			return err
		}
	}
	var office string
	if err := tx.QueryRow(ctx, `update cases set score = case when $2 > 0 then $2 else score end, comment = coalesce($3, comment)
		where id = $1 returning office`, id, c.Score, comment).Scan(&office); err != nil {
		return err
	}
	told.add(bot.TopicCase(id), bot.TopicOffice(office))
	return s.event(ctx, tx, h.aead, h.person, h.id, id, nil, "rated", map[string]string{"score": strconv.Itoa(c.Score)})
}

// event writes a line of a case's transcript that tells what happened to it.
func (s *Store) event(ctx context.Context, tx pgx.Tx, aead tink.AEAD, person, conversation, caseID int64, officer *int64, name string, slots map[string]string) error {
	sealed, err := seal(aead, "line", person, body{Event: name, Slots: slots})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into messages (conversation, case_id, author, officer, body, at) values ($1, $2, 'event', $3, $4, $5)`,
		conversation, caseID, officer, sealed, s.now())
	return err
}

// failedTurn counts a failed transaction of an entry and waits a little longer each time; at last it sets the entry
// aside, so that the person's later words are heard.
func (s *Store) failedTurn(ctx context.Context, h *hand, cause error) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		if h.attempts+1 < maxAttempts {
			_, err := tx.Exec(ctx, `update inbox set attempts = attempts + 1, due = $2 where message = $1`, h.message, later(s.now(), h.attempts, h.message))
			return err
		}
		b := &pgx.Batch{}
		b.Queue(`insert into set_aside (message, at, trace) values ($1, $2, $3) on conflict do nothing`, h.message, s.now(), cause.Error())
		b.Queue(`delete from inbox where message = $1`, h.message)
		return tx.SendBatch(ctx, b).Close()
	})
}

// unique reports whether an error is the breach of that unique constraint.
func unique(err error, constraint string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "23505" && e.ConstraintName == constraint
}

// shorten cuts the newest words of a person for the queue.
func shorten(s string) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) > 120 {
		return string(r[:119]) + "…"
	}
	return string(r)
}

// phoneOf is the phone number that a peer is, or "".
func phoneOf(p bot.Peer) string {
	if p.Channel == bot.WhatsApp {
		return p.ID
	}
	return ""
}
