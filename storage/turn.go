package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
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
	done     outcome
}

// errMissed is met where the chosen conversations had nothing left once they were locked: another worker was faster.
var errMissed = errors.New("another worker was faster")

const (
	maxTurns = 32 // bounds the turns that share a transaction
	turners  = 2  // bounds those transactions at the same moment: more would but look for what the others have locked
)

// Turn implements bot.Journal: boundary B, for several conversations at once. If the transaction fails, each of them gets
// one of its own, so that nobody suffers for a neighbour.
func (s *Store) Turn(ctx context.Context, step func(flows.Session, bot.Entry) bot.Turn) error {
	select {
	case s.turning <- struct{}{}:
		defer func() { <-s.turning }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var group []*hand
	err := errMissed
	for tries := 0; tries < 4 && errors.Is(err, errMissed); tries++ {
		group, err = s.turns(ctx, 0, step)
	}
	switch {
	case err == nil:
		s.settleTurns(ctx, group)
		return nil
	case errors.Is(err, errMissed):
		return nil // the caller looks again
	case errors.Is(err, bot.ErrIdle):
		return err
	case len(group) == 0:
		return fmt.Errorf("turn: %w", err)
	case len(group) == 1:
		return s.badTurn(ctx, group[0], err)
	}
	s.log.Debug("turns are taken one by one", "size", len(group), "error", err)
	var faults []error
	for _, h := range group {
		one, err := s.turns(ctx, h.id, step)
		switch {
		case err == nil:
			s.settleTurns(ctx, one)
		case errors.Is(err, errMissed), errors.Is(err, bot.ErrIdle): // somebody else has it
		case len(one) == 0:
			faults = append(faults, fmt.Errorf("turn: %w", err))
		default:
			faults = append(faults, s.badTurn(ctx, one[0], err))
		}
	}
	return errors.Join(faults...)
}

// badTurn is what a turn is whose transaction failed.
func (s *Store) badTurn(ctx context.Context, h *hand, err error) error {
	aside := s.failedTurn(context.WithoutCancel(ctx), h, err)
	if errors.Is(err, bot.ErrConflict) && aside == nil { // a reference that is taken: the same entry again, with new randomness
		s.hub.poke(bot.TopicInbox)
		return nil
	}
	return fmt.Errorf("turn of entry %d: %w", h.message, errors.Join(err, aside))
}

// settleTurns does what follows from turns that are committed.
func (s *Store) settleTurns(ctx context.Context, group []*hand) {
	var puts []*livePut
	var told news
	for _, h := range group {
		if h.done.session != nil {
			puts = append(puts, &livePut{conversation: h.id, rev: h.rev + 1, sealed: h.done.session})
		} else {
			s.live.drop(ctx, h.id)
			s.vault.forget(h.person)
			s.dropPeer(h.entry.Peer)
		}
		told = append(told, h.done.told...)
	}
	if len(puts) > 0 && !s.live.absent() {
		s.live.putAll(puts)
	}
	s.hub.poke(told...)
}

// An outcome is what follows from a committed turn: the new session as it is sealed, nil if the person was forgotten, and
// the news.
type outcome struct {
	session []byte
	told    news
}

// turns is one transaction in two round trips: begin, the locks and the entries; then everything the turns change, and
// the commit. (A turn that changes a case needs some more.) It is for one conversation, or for as many as wait if that is
// 0. What it had in hand is returned with its error too.
func (s *Store) turns(ctx context.Context, conversation int64, step func(flows.Session, bot.Entry) bot.Turn) (group []*hand, err error) {
	conn, err := s.linePool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	// A connection that is given back within a transaction, as after a panic of the step, is closed by the pool.
	defer conn.Release()
	if group, err = s.take(ctx, conn, conversation); err == nil {
		b := &pgx.Batch{}
		messages := make([]int64, len(group))
		for i, h := range group {
			messages[i] = h.message
		}
		b.Queue(`delete from inbox where message = any($1)`, messages)
		for _, h := range group {
			if h.done, err = s.commit(ctx, conn, b, h, step(h.session, h.entry), &birth{due: s.now()}); err != nil {
				break
			}
		}
		if err == nil {
			b.Queue("commit")
			err = conn.SendBatch(ctx, b).Close()
		}
	}
	if err != nil {
		err = cut(conn, err)
		s.rollback(ctx, conn)
	}
	return group, err
}

// The two statements of the turns' beginning travel together: the first leaves the conversations that it locked in a
// setting of the transaction. The second asks for the entries again under the locks, because the snapshot that chose the
// conversations may be older than the locks: without it a second worker could handle an entry twice. An entry that failed
// and waits to be tried again holds back what came after it; so does one that is due later only because the clock went back.
const (
	due = `i.due <= $1 and not exists (select 1 from inbox p
				where p.conversation = i.conversation and p.message < i.message and p.due > $1 and (p.attempts > 0 or not starts_with(p.key, '` + bot.Timer + `')))`
	lockOldest = `
		with l as materialized (
			select c.id from inbox i join conversations c on c.id = i.conversation
			where ` + due + `
			order by i.due, i.message limit $2
			for no key update of c skip locked)
		select set_config('baom.turns', string_agg(distinct id::text, ','), true) from l having count(*) > 0`
	lockOne = `
		with l as materialized (
			select c.id from inbox i join conversations c on c.id = i.conversation
			where i.conversation = $2 and ` + due + ` limit 1
			for no key update of c)
		select set_config('baom.turns', id::text, true) from l`
	readHeads = `
		select i.message, i.attempts, i.due, m.key, m.body, c.id, c.rev, c.person, p.wrapped, c.peer, c.channel, c.kept, c.open_case,
		       case when $2 then c.session end, f.name, f.mime, f.size, f.seconds, f.state
		from unnest(string_to_array(nullif(current_setting('baom.turns', true), ''), ',')::bigint[]) locked
		cross join lateral (select * from inbox i where i.conversation = locked and ` + due + ` order by i.message limit 1) i
		join messages m on m.id = i.message join conversations c on c.id = i.conversation join people p on p.id = c.person
		left join media f on f.message = m.id`
)

// take begins the transaction, locks the oldest waiting conversations that nobody works on, or the one given, and reads
// the oldest entry of each. An entry that has failed before is taken alone: it may fail again.
func (s *Store) take(ctx context.Context, conn *pgxpool.Conn, conversation int64) (group []*hand, err error) {
	now, bare := s.now(), s.live.absent()
	lock, which := lockOldest, int64(maxTurns)
	if conversation != 0 {
		lock, which = lockOne, conversation
	}
	found := false
	var rows []*headRow
	b := &pgx.Batch{}
	b.Queue("begin")
	b.Queue(lock, now, which).QueryRow(func(row pgx.Row) error {
		var setting string
		err := row.Scan(&setting)
		found = err == nil
		return unless(err, pgx.ErrNoRows)
	})
	b.Queue(readHeads, now, bare).Query(func(heads pgx.Rows) error {
		rows, err = pgx.CollectRows(heads, func(row pgx.CollectableRow) (*headRow, error) {
			r := &headRow{hand: &hand{}}
			h := r.hand
			return r, row.Scan(&h.message, &h.attempts, &r.due, &h.entry.Key, &r.words, &h.id, &h.rev, &h.person, &r.wrapped, &r.peer, &h.entry.Peer.Channel,
				&h.kept, &r.openCase, &r.session, &r.name, &r.mime, &r.size, &r.seconds, &r.state)
		})
		return err
	})
	switch err := conn.SendBatch(ctx, b).Close(); {
	case err != nil:
		return nil, err
	case !found:
		return nil, bot.ErrIdle
	case len(rows) == 0:
		return nil, errMissed
	}
	rows = willing(rows)
	for _, r := range rows {
		group = append(group, r.hand)
	}
	return group, s.openHeads(ctx, conn, rows, bare)
}

// willing are those of some heads that are taken together: the oldest alone if it has failed before, else all that have
// not, the oldest first.
func willing(rows []*headRow) []*headRow {
	slices.SortFunc(rows, func(a, b *headRow) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.hand.message, b.hand.message))
	})
	if rows[0].hand.attempts > 0 {
		return rows[:1]
	}
	return slices.DeleteFunc(rows, func(r *headRow) bool { return r.hand.attempts > 0 })
}

// headRow is what is read with an entry and still sealed.
type headRow struct {
	hand                                *hand
	due                                 time.Time
	words, wrapped, peer, session, name []byte
	openCase                            *int64
	mime, state                         *string
	size                                *int64
	seconds                             *int
}

// openHeads opens what take has read. A session is Redis's, if that has this very revision and it can be opened; else the
// row's, which is read only now unless Redis was known to be absent.
func (s *Store) openHeads(ctx context.Context, conn *pgxpool.Conn, rows []*headRow, read bool) error {
	var err error
	copies := make([]*liveGet, len(rows))
	for i, r := range rows {
		copies[i] = &liveGet{conversation: r.hand.id}
		copies[i].done.Add(1)
		if r.hand.aead, err = s.vault.open(r.hand.person, r.wrapped); err != nil {
			return err
		}
	}
	if !s.live.absent() {
		s.live.getAll(copies)
	}
	for i, r := range rows {
		h := r.hand
		live := copies[i].sealed
		if live == nil || copies[i].rev != h.rev || unseal(h.aead, "session", h.person, live, &h.session) != nil {
			h.session = flows.Session{}
			if !read {
				if err := conn.QueryRow(ctx, `select session from conversations where id = $1`, h.id).Scan(&r.session); err != nil {
					return err
				}
			}
			if err := unseal(h.aead, "session", h.person, r.session, &h.session); err != nil {
				return err
			}
		}
		if err := r.open(); err != nil {
			return err
		}
	}
	return nil
}

// open opens an entry.
func (r *headRow) open() error {
	h := r.hand
	var id, name []byte
	var b body
	if err := errors.Join(unseal(h.aead, "peer", h.person, r.peer, &id), unseal(h.aead, "line", h.person, r.words, &b),
		unseal(h.aead, "file name", h.person, r.name, &name)); err != nil {
		return err
	}
	h.entry.ID, h.entry.Peer.ID = h.message, string(id)
	if r.openCase != nil {
		h.entry.Case = *r.openCase
	}
	if b.Input != nil {
		h.entry.Input = *b.Input
	}
	if r.state != nil {
		h.entry.Media = &bot.Media{Kind: h.entry.Input.Kind, Mime: *r.mime, Name: string(name), Size: *r.size, Seconds: *r.seconds, State: bot.MediaState(*r.state)}
	}
	return nil
}

// unless is err, but for the one that is expected.
func unless(err, expected error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

// A birth is how a turn's messages come into the outbox: due at once, or claimed and due when the lease is over.
type birth struct {
	due     time.Time
	claimed bool
	holder  *int32  // who has it in hand
	ids     []int64 // of the messages, once the batch was sent
	caseID  int64   // theirs
}

// attempts is how often such a message has been claimed.
func (b *birth) attempts() int {
	if b.claimed {
		return 1
	}
	return 0
}

// is notes the id of a message.
func (b *birth) is(row pgx.Row) error {
	var id int64
	err := row.Scan(&id)
	b.ids = append(b.ids, id)
	return err
}

// commit queues everything a turn changes, but for the change of a case, which is made at once.
func (s *Store) commit(ctx context.Context, db querier, b *pgx.Batch, h *hand, t bot.Turn, born *birth) (done outcome, err error) {
	now := s.now()
	if !born.claimed {
		done.told.add(bot.TopicInbox, bot.TopicOutbox(h.entry.Peer.Channel))
	}
	if h.entry.Peer.Channel == bot.Web {
		done.told.add(bot.TopicPeer(h.entry.Peer))
	}
	if t.Failed != "" {
		b.Queue(`insert into set_aside (message, at, trace) values ($1, $2, $3) on conflict do nothing`, h.message, now, t.Failed)
	}
	if t.Forget {
		if err := s.queueFarewell(b, h, t, now, born); err != nil {
			return done, err
		}
		return done, s.queueForget(ctx, db, b, h.id, h.person, now, &done.told)
	}
	if done.session, err = seal(h.aead, "session", h.person, t.Session); err != nil {
		return done, err
	}
	caseID := h.entry.Case
	h.session.Lang = t.Session.Lang
	if t.Case != nil {
		if err := s.answerProposal(ctx, db, h, t.Case.Transfer, &done.told); err != nil {
			return done, err
		}
		if caseID, err = s.changeCase(ctx, db, h, t.Case, &done.told); err != nil {
			return done, err
		}
	} else if caseID != 0 {
		done.told.add(bot.TopicCase(caseID))
	}
	if t.Link != "" {
		if err := s.link(ctx, db, b, h, t.Link, &done.told); err != nil {
			return done, err
		}
	}
	var opened *int64
	if h.entry.Case == 0 {
		opened = null(caseID)
	}
	b.Queue(`update conversations set session = $2, rev = rev + 1, lang = $3, kept = $4, reachable = reachable or $5, open_case = coalesce($6, open_case) where id = $1`,
		h.id, done.session, t.Session.Lang, !t.Discard, h.entry.Input.Event == "", opened)
	if t.Discard {
		queueDiscard(b, h)
	}
	born.caseID = caseID
	for _, m := range t.Send {
		if err := s.queueMessage(b, h.aead, h.person, h.id, h.entry.Peer.Channel, null(caseID), nil, t.Discard, m, now, born); err != nil {
			return done, err
		}
	}
	if err := s.queueTimers(b, h, t, null(caseID), now); err != nil {
		return done, err
	}
	for _, q := range t.Asked {
		if err := s.queueAsked(b, q, h.id, now); err != nil {
			return done, err
		}
	}
	done.told.queue(b)
	return done, nil
}

// queueDiscard drops what a person wrote who does not want it kept: this entry, and if they have only now said so, what
// was kept until then. What still waits to be handled is dropped when it has been.
func queueDiscard(b *pgx.Batch, h *hand) {
	const words = `m.conversation = $1 and (m.id = $2 or $3 and m.id < $2 and m.author = 'person' and not exists (select 1 from inbox i where i.message = m.id))`
	b.Queue(`delete from media_wanted w using messages m where m.id = w.message and `+words, h.id, h.message, h.kept)
	b.Queue(`update media f set state = 'erased', data = null, name = null from messages m where m.id = f.message and f.state <> 'erased' and `+words, h.id, h.message, h.kept)
	b.Queue(`update messages m set body = null where body is not null and `+words, h.id, h.message, h.kept)
	if h.kept {
		b.Queue(`update messages set fleeting = true where conversation = $1 and body is not null`, h.id)
		b.Queue(`update cases set last = null where conversation = $1 and last is not null`, h.id)
	}
}

// queueTimers cancels and sets timers. One that is cancelled leaves nothing, so that its key may be used again.
func (s *Store) queueTimers(b *pgx.Batch, h *hand, t bot.Turn, caseID *int64, now time.Time) error {
	for _, prefix := range t.Cancel {
		b.Queue(`with i as (delete from inbox where conversation = $1 and key like $2 and due > $3 returning message)
			delete from messages m using i where m.id = i.message`, h.id, likePrefix(prefix), now)
	}
	for _, e := range t.Later {
		if err := timely(e, now); err != nil {
			return err
		}
		sealed, err := seal(h.aead, "line", h.person, body{Input: &e.Input})
		if err != nil {
			return err
		}
		queueReplace(b, h.id, e.Key, sealed, now, e.Due)
		queueEvent(b, h.id, caseID, e.Key, sealed, now, e.Due)
	}
	return nil
}

// timely refuses an entry that is due in the future and no timer: it would be held for one that a clock has put off.
func timely(e bot.Entry, now time.Time) error {
	if e.Due.After(now) && !strings.HasPrefix(e.Key, bot.Timer) {
		return fmt.Errorf("the entry %s is due later, and its key does not begin with %s", e.Key, bot.Timer)
	}
	return nil
}

// newestOpen is the case that a conversation $1 has open, now that one of its cases has changed.
const newestOpen = `(select max(id) from cases where conversation = $1 and state <> 'closed')`

func likePrefix(prefix string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(prefix) + "%"
}

// queueMessage writes one outgoing line and its place in the outbox.
func (s *Store) queueMessage(b *pgx.Batch, aead tink.AEAD, person, conversation int64, c bot.Channel, caseID, officer *int64, fleeting bool, m bot.Message, now time.Time, born *birth) error {
	sealed, err := seal(aead, "line", person, body{Text: m.Text, Lang: m.Lang, Choices: m.Choices, Card: m.Card})
	if err != nil {
		return err
	}
	author, kind := bot.ByBot, flows.Text
	if officer != nil {
		author = bot.ByOfficer
	}
	if m.Media == nil {
		b.Queue(`with m as (
				insert into messages (conversation, case_id, author, officer, body, fleeting, status, at)
				values ($1, $2, $3, $4, $5, $6, 'waiting', $7) returning id)
			insert into outbox (message, conversation, channel, due, attempts, holder) select id, $1, $8, $9, $10, $11 from m returning message`,
			conversation, caseID, author, officer, sealed, fleeting, now, c, born.due, born.attempts(), born.holder).QueryRow(born.is)
		return nil
	}
	var mime string
	var name, data []byte
	var length int
	kind, mime, length = m.Media.Kind, m.Media.Mime, m.Media.Seconds
	if name, err = seal(aead, "file name", person, []byte(m.Media.Name)); err != nil {
		return err
	}
	if data, err = seal(aead, "media", person, m.Media.Data); err != nil {
		return err
	}
	b.Queue(`with m as (
			insert into messages (conversation, case_id, author, officer, kind, body, fleeting, status, at)
			values ($1, $2, $3, $4, $5, $6, $7, 'waiting', $8) returning id),
		o as (insert into outbox (message, conversation, channel, due, attempts, holder) select id, $1, $9, $15, $16, $17 from m),
		f as (insert into media (message, mime, size, seconds, name, data, state)
			select id, $10, $11, $12, $13, $14, 'ready' from m where $14::bytea is not null)
		select id from m`,
		conversation, caseID, author, officer, kind, sealed, fleeting, now, c, mime, len(data), length, name, data, born.due, born.attempts(), born.holder).QueryRow(born.is)
	return nil
}

// changeCase opens, completes or changes the conversation's case, within the turn, and returns the case that is open
// after it, or 0.
func (s *Store) changeCase(ctx context.Context, db querier, h *hand, c *bot.CaseChange, told *news) (int64, error) {
	now, id := s.now(), h.entry.Case
	if id == 0 && (c.Score > 0 || c.Comment != "") && !c.Open {
		if err := db.QueryRow(ctx, `select coalesce((select id from cases where conversation = $1 order by closed_at desc limit 1), 0)`, h.id).Scan(&id); err != nil {
			return 0, err
		}
		if id == 0 {
			return 0, nil
		}
		return 0, s.rate(ctx, db, h, id, c, told)
	}
	if id == 0 && !c.Open {
		return 0, nil
	}
	if id != 0 && c.Open {
		if err := s.complete(ctx, db, h, id, c); err != nil {
			return 0, err
		}
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
		if id, err = s.openCase(ctx, db, h, c, answers, names, phones, now); err != nil {
			return 0, err
		}
		if c.Urgent == "" && !c.Relay && !c.Withdraw && c.Score == 0 && c.Comment == "" && c.Attend == nil {
			told.add(bot.TopicCase(id), bot.TopicOffice(c.Office))
			return id, nil
		}
	case c.Open:
		err = db.QueryRow(ctx, `update cases set answers = $2, names = $3, phones = $4, profile = $5, need = $6,
			office = case when state = 'open' then $7 else office end where id = $1 returning (select office from cases where id = $1)`,
			id, answers, names, phones, c.Answers["profile"], c.Answers["need"], c.Office).Scan(&office)
		if err != nil {
			return 0, err
		}
		told.add(bot.TopicOffice(office)) // where it was; settleCase adds where it is
	}
	return s.settleCase(ctx, db, h, id, c, told)
}

// complete adds to the answers of a turn what the case holds beyond them: a dialogue that asks for one thing does not take
// away another.
func (s *Store) complete(ctx context.Context, db querier, h *hand, id int64, c *bot.CaseChange) error {
	var sealed []byte
	var profile, need string
	if err := db.QueryRow(ctx, `select answers, profile, need from cases where id = $1`, id).Scan(&sealed, &profile, &need); err != nil {
		return err
	}
	held := map[string]string{}
	if err := unseal(h.aead, "answers", h.person, sealed, &held); err != nil {
		return err
	}
	held["profile"], held["need"] = profile, need
	maps.DeleteFunc(held, func(_, v string) bool { return v == "" })
	maps.Copy(held, c.Answers)
	c.Answers = held
	return nil
}

// answerProposal does what a person's answer to a proposal means, where it still stands: yes moves the case to the other
// office's queue, no and silence bring it before the office's officers again.
func (s *Store) answerProposal(ctx context.Context, db querier, h *hand, answer *flows.Transfer, told *news) error {
	if answer == nil {
		return nil
	}
	id, err := strconv.ParseInt(answer.Case, 10, 64)
	if err != nil {
		return nil // of no case
	}
	k, err := s.scanCase(db.QueryRow(ctx, `select `+caseColumns+caseTables+` where k.id = $1 and k.conversation = $2 and k.state <> 'closed' for no key update of k`, id, h.id))
	if errors.Is(err, bot.ErrNotFound) || err == nil && (k.Proposal == nil || k.Proposal.Office != answer.Office) {
		return nil
	}
	if err != nil {
		return err
	}
	told.add(bot.TopicCase(id), bot.TopicOffice(k.Office))
	event := "kept"
	switch answer.Answer {
	case flows.TransferYes:
		event = "agreed"
		told.add(bot.TopicOffice(answer.Office))
		if _, err := db.Exec(ctx, `update cases set office = $2, labels = '{}', state = 'open', officer = null, claimed_at = null, proposal = null, bot_at = null,
			waiting_at = coalesce(waiting_at, $3) where id = $1`, id, answer.Office, s.now()); err != nil {
			return err
		}
		if _, err := db.Exec(ctx, `delete from drafts where case_id = $1`, id); err != nil {
			return err
		}
		if _, err := db.Exec(ctx, loseMeetings, id, s.now()); err != nil {
			return err
		}
	case flows.TransferSilence:
		event = "lapsed"
		fallthrough
	default:
		if _, err := db.Exec(ctx, `update cases set proposal = null, waiting_at = coalesce(waiting_at, $2), unread = unread + 1 where id = $1`, id, s.now()); err != nil {
			return err
		}
	}
	return s.event(ctx, db, h.aead, h.person, h.id, id, nil, event, map[string]string{"office": answer.Office, "from": k.Office})
}

// openCase opens a conversation's case, to which everything that has been said so far belongs.
func (s *Store) openCase(ctx context.Context, db querier, h *hand, c *bot.CaseChange, answers []byte, names, phones [][]byte, now time.Time) (id int64, err error) {
	opened, err := seal(h.aead, "line", h.person, body{Event: "opened"})
	if err != nil {
		return 0, err
	}
	var last []byte
	if words := asked(c); words != "" {
		if last, err = seal(h.aead, "last", h.person, shorten(words)); err != nil {
			return 0, err
		}
	}
	err = db.QueryRow(ctx, `
		with k as (
			insert into cases (person, conversation, reference, office, state, channel, lang, profile, need, urgent, opened_at, waiting_at, answers, names, phones, last, lines_after, lines_upto)
			select $1, $2, $3, $4, 'open', $5, $6, $7, $8, $9, $10::timestamptz, $10, $11, $12, $13, $14,
			  coalesce((select max(lines_upto) from cases where conversation = $2), 0), (select max(id) from messages where conversation = $2) returning id),
		e as (insert into messages (conversation, case_id, author, body, at) select $2, k.id, 'event', $15, $10 from k)
		select id from k`,
		h.person, h.id, c.Reference, c.Office, h.entry.Peer.Channel, h.session.Lang, c.Answers["profile"], c.Answers["need"], c.Urgent, now,
		answers, names, phones, last, opened).Scan(&id)
	if unique(err, "cases_reference_key") {
		return 0, bot.ErrConflict
	}
	return id, err
}

// asked is what a person who newly opens a case asks for, in their words.
func asked(c *bot.CaseChange) string {
	if words := c.Answers["words"]; !strings.HasPrefix(words, "kind.") {
		return words
	}
	return ""
}

// settleCase does what a change does to a case that exists: urgency, words of the person, a score, withdrawal.
func (s *Store) settleCase(ctx context.Context, db querier, h *hand, id int64, c *bot.CaseChange, told *news) (int64, error) {
	now := s.now()
	var last []byte
	words := asked(c)
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
	err := db.QueryRow(ctx, `
		update cases set urgent = case when $2 <> '' then $2 else urgent end,
			unread = unread + case when $3 then 1 else 0 end,
			waiting_at = case when $3 then coalesce(waiting_at, $4) else waiting_at end,
			last = case when exists (select 1 from messages where id = $7 and deleted) then null else coalesce($5, last) end,
			state = case when $6 then 'closed' else state end, closed_at = case when $6 then $4 else closed_at end,
			outcome = case when $6 then 'withdrawn' else outcome end,
			proposal = case when $6 then null else proposal end, bot_at = case when $6 or $8 then null else bot_at end
		where id = $1 returning office, state`, id, c.Urgent, c.Relay, now, last, c.Withdraw, h.message, c.Live).Scan(&office, &state)
	if err != nil {
		return 0, err
	}
	told.add(bot.TopicCase(id), bot.TopicOffice(office))
	if c.Urgent != "" {
		if err := s.event(ctx, db, h.aead, h.person, h.id, id, nil, "urgent", map[string]string{"kind": c.Urgent}); err != nil {
			return 0, err
		}
	}
	if c.Score > 0 || c.Comment != "" {
		if err := s.rate(ctx, db, h, id, c, told); err != nil {
			return 0, err
		}
	}
	if c.Attend != nil {
		if err := s.attend(ctx, db, h, id, c.Attend); err != nil {
			return 0, err
		}
	}
	if !c.Withdraw {
		return id, nil
	}
	if _, err := db.Exec(ctx, loseMeetings, id, now); err != nil {
		return 0, err
	}
	var next int64
	if err := db.QueryRow(ctx, `update conversations set open_case = `+newestOpen+` where id = $1 returning coalesce(open_case, 0)`, h.id).Scan(&next); err != nil {
		return 0, err
	}
	return next, s.event(ctx, db, h.aead, h.person, h.id, id, nil, "withdrawn", nil)
}

func (s *Store) rate(ctx context.Context, db querier, h *hand, id int64, c *bot.CaseChange, told *news) error {
	var comment []byte
	if c.Comment != "" {
		var err error
		if comment, err = seal(h.aead, "comment", h.person, []byte(c.Comment)); err != nil {
			return err
		}
	}
	var office string
	if err := db.QueryRow(ctx, `update cases set score = case when $2 > 0 then $2 else score end, comment = coalesce($3, comment)
		where id = $1 returning office`, id, c.Score, comment).Scan(&office); err != nil {
		return err
	}
	told.add(bot.TopicCase(id), bot.TopicOffice(office))
	return s.event(ctx, db, h.aead, h.person, h.id, id, nil, "rated", map[string]string{"score": strconv.Itoa(c.Score)})
}

// event writes a line of a case's transcript that tells what happened to it.
func (s *Store) event(ctx context.Context, db querier, aead tink.AEAD, person, conversation, caseID int64, officer *int64, name string, slots map[string]string) error {
	sealed, err := seal(aead, "line", person, body{Event: name, Slots: slots})
	if err != nil {
		return err
	}
	_, err = db.Exec(ctx, `insert into messages (conversation, case_id, author, officer, body, at) values ($1, $2, 'event', $3, $4, $5)`,
		conversation, caseID, officer, sealed, s.now())
	return err
}

// failedTurn makes an entry whose transaction failed wait a little longer each time; at last it sets it aside, so that the
// person's later words are heard. A failure that says nothing about the entry never does: it is tried until it passes.
// So is nobody's entry set aside because the disk was full for a minute.
func (s *Store) failedTurn(ctx context.Context, h *hand, cause error) error {
	attempts, due := h.attempts+1, later(s.now(), h.attempts, h.message)
	switch {
	case errors.Is(cause, bot.ErrConflict):
		due = s.now()
	case errors.Is(cause, errCut) || passing(cause):
		attempts = max(h.attempts, 1)
	}
	if attempts < maxAttempts {
		_, err := s.pool.Exec(ctx, `update inbox set attempts = $2, due = $3 where message = $1`, h.message, attempts, due)
		return err
	}
	_, err := s.pool.Exec(ctx, `with i as (delete from inbox where message = $1 returning message)
		insert into set_aside (message, at, trace) select message, $2, $3 from i on conflict do nothing`, h.message, s.now(), cause.Error())
	return err
}

// passing reports whether a failure is of the database and will pass: the connection, its room, its administrator, a
// deadlock, a lock, a server that is read-only for now.
func passing(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
	}
	switch e.Code[:2] {
	case "08", "25", "40", "53", "55", "57", "58":
		return true
	}
	return false
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
	if p.Channel == bot.WhatsApp && !strings.Contains(p.ID, "@") { // else it hides its number
		return p.ID
	}
	return ""
}
