package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/tink-crypto/tink-go/v2/tink"

	"baom/bot"
)

// caseColumns are what scanCase reads.
const caseColumns = `k.id, k.reference, k.office, k.state, k.channel, k.lang, k.profile, k.need, k.urgent, coalesce(k.officer, 0), coalesce(o.name, ''),
	k.outcome, k.opened_at, coalesce(k.claimed_at, '0001-01-01'), coalesce(k.closed_at, '0001-01-01'), coalesce(k.waiting_at, '0001-01-01'),
	k.unread, k.score, k.erased, k.answers, k.last, k.comment, k.person, p.wrapped, coalesce(c.reachable, k.conversation is not null), coalesce(k.conversation, 0), k.structure, k.labels, k.stage,
	k.proposal, coalesce(k.bot_at, '0001-01-01'), coalesce(k.remind_at, '0001-01-01'), coalesce(c.channel, '')`

const caseTables = ` from cases k left join officers o on o.id = k.officer join people p on p.id = k.person left join conversations c on c.id = k.conversation `

// A caseRow is a case as read, with what is needed to change it.
type caseRow struct {
	bot.Case
	person       int64
	conversation int64
	aead         tink.AEAD // nil if the person is erased
}

func (s *Store) scanCase(row pgx.Row) (*caseRow, error) {
	var k caseRow
	var profile, need string
	var answers, last, comment, wrapped, proposal []byte
	err := row.Scan(&k.ID, &k.Reference, &k.Office, &k.State, &k.Channel, &k.Lang, &profile, &need, &k.Urgent, &k.Officer, &k.Holder,
		&k.Outcome, &k.Opened, &k.Claimed, &k.Closed, &k.Waiting, &k.Unread, &k.Score, &k.Erased, &answers, &last, &comment,
		&k.person, &wrapped, &k.Reachable, &k.conversation, &k.Structure, &k.Labels, &k.Stage, &proposal, &k.Bot, &k.Remind, &k.Via)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, bot.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	if k.State == bot.StateClosed {
		k.Stage = bot.StageClosed
	}
	for _, t := range []*time.Time{&k.Claimed, &k.Closed, &k.Waiting, &k.Bot, &k.Remind} {
		if t.Year() <= 1 {
			*t = time.Time{}
		}
	}
	if wrapped != nil {
		if k.aead, err = s.vault.open(k.person, wrapped); err != nil {
			return nil, err
		}
		var words []byte
		if err := errors.Join(unseal(k.aead, "answers", k.person, answers, &k.Answers), unseal(k.aead, "last", k.person, last, &k.Last),
			unseal(k.aead, "comment", k.person, comment, &words), unseal(k.aead, "proposal", k.person, proposal, &k.Proposal)); err != nil {
			return nil, err
		}
		k.Comment = string(words)
	}
	if k.Answers == nil {
		k.Answers = map[string]string{}
	}
	k.Answers["profile"], k.Answers["need"] = profile, need
	return &k, nil
}

// Queue implements bot.Cases.
func (s *Store) Queue(ctx context.Context, q bot.Query) ([]bot.Case, error) {
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	where, none := s.conditions(q, arg)
	if none {
		return nil, nil
	}
	// The list's order is that of a tuple, so that a page goes on where the last one ended. What is closed grows for ever,
	// and has an index in this order: of one office, or of all together.
	tuple, after := "(?urgent = ''), coalesce(?waiting_at, 'infinity'), ?id", ">"
	switch {
	case slices.Equal(q.States, []string{bot.StateClosed}) && len(q.Offices) == 0:
		tuple, after = "?closed_at, ?id", "<"
	case slices.Contains(q.States, bot.StateClosed):
		tuple, after = "coalesce(?closed_at, '-infinity'), ?id", "<"
	}
	key := func(k string) string { return strings.ReplaceAll(tuple, "?", k) }
	order := key("k.")
	if after == "<" {
		order = strings.ReplaceAll(order, ", k.id", " desc, k.id desc")
	}
	if q.Before != 0 {
		where = append(where, "("+key("k.")+") "+after+" (select "+key("")+" from cases where id = "+arg(q.Before)+")")
	}
	rows, err := s.pool.Query(ctx, page(where, order, q.Limit), args...)
	if err != nil {
		return nil, fmt.Errorf("read the queue: %w", err)
	}
	defer rows.Close()
	var list []bot.Case
	for rows.Next() {
		k, err := s.scanCase(rows)
		if err != nil {
			return nil, fmt.Errorf("read the queue: %w", err)
		}
		list = append(list, k.Case)
	}
	return list, rows.Err()
}

// page is the statement that reads a page of cases k in an order: first which they are, by an index alone, then what is
// told of them. The number is written out, so that the planner knows how little it is.
func page(where []string, order string, limit int) string {
	if limit <= 0 || limit > 500 {
		limit = 100
	}
	return `with chosen as materialized (select k.id from cases k where ` + strings.Join(where, " and ") + ` order by ` + order + fmt.Sprintf(` limit %d)
		select `, limit) + caseColumns + ` from chosen join cases k on k.id = chosen.id` + strings.TrimPrefix(caseTables, ` from cases k`) + `order by ` + order
}

// ofOffices is the condition that a case k is of one of some offices. Of one alone, an index of its cases has their order.
func ofOffices(offices []string, arg func(any) string) string {
	if len(offices) == 1 {
		return "k.office = " + arg(offices[0])
	}
	return "k.office = any(" + arg(offices) + ")"
}

// Case implements bot.Cases.
func (s *Store) Case(ctx context.Context, id int64) (*bot.Case, []bot.Line, error) {
	return s.read(ctx, id, nil)
}

// Read implements bot.Audit.
func (s *Store) Read(ctx context.Context, id int64, look func(*bot.Case) (bot.Act, error)) (*bot.Case, []bot.Line, error) {
	return s.read(ctx, id, look)
}

func (s *Store) read(ctx context.Context, id int64, look func(*bot.Case) (bot.Act, error)) (*bot.Case, []bot.Line, error) {
	k, err := s.scanCase(s.pool.QueryRow(ctx, `select `+caseColumns+caseTables+` where k.id = $1`, id))
	if err != nil {
		return nil, nil, fmt.Errorf("read case %d: %w", id, err)
	}
	b := &pgx.Batch{}
	if look != nil {
		act, err := look(&k.Case)
		if err != nil {
			return nil, nil, err
		}
		b.Queue(fileAct, s.actArgs(act)...)
	}
	lines, err := s.lines(ctx, b, k.aead, k.person, ofCase, id)
	if err == nil {
		k.Meeting, err = scanMeeting(s.pool.QueryRow(ctx, latestMeeting, id))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read case %d: %w", id, err)
	}
	for i := range lines {
		lines[i].Case = id
	}
	if k.Steps, err = s.steps(ctx, k, id); err != nil {
		return nil, nil, fmt.Errorf("read case %d: %w", id, err)
	}
	return &k.Case, lines, nil
}

// ofCase selects the lines m of case $1: its own, and what was said before it was opened.
const ofCase = `(m.conversation = (select conversation from cases where id = $1) and (m.case_id = $1
	or m.case_id is null and m.id > (select lines_after from cases where id = $1) and m.id <= (select lines_upto from cases where id = $1))
	or m.conversation is null and m.case_id = $1)`

// maxLines bounds a transcript as it is read at once: the newest lines.
const maxLines = 1000

// lines reads a transcript, after what the batch holds and in the same round trip: oldest first, its newest lines if it is
// very long. What was told to the dialogue is left out:
// the transcript has its own line of it.
func (s *Store) lines(ctx context.Context, b *pgx.Batch, aead tink.AEAD, person int64, where string, args ...any) (list []bot.Line, err error) {
	b.Queue(`
		select * from (
			select m.id, m.at, m.author, coalesce(o.name, ''), m.kind, m.body,
			       case when m.status is null then '' when m.status = 'failed' or m.status = 'waiting' and exists (select 1 from outbox w where w.message = m.id) then m.status
			         when m.id <= r.read then 'read' when m.id <= r.delivered then 'delivered' else 'sent' end, m.why, coalesce(m.case_id, 0), m.deleted,
			       f.mime, f.size, f.seconds, f.name, f.state
			from messages m left join officers o on o.id = m.officer left join media f on f.message = m.id
			left join receipts r on r.conversation = m.conversation
			where `+where+fmt.Sprintf(` and (m.author <> 'event' or m.key is null) order by m.id desc limit %d) l order by 1`, maxLines), args...).Query(func(rows pgx.Rows) error {
		list, err = openLines(rows, aead, person)
		return err
	})
	return list, s.pool.SendBatch(ctx, b).Close()
}

// openLines reads the rows of lines.
func openLines(rows pgx.Rows, aead tink.AEAD, person int64) (list []bot.Line, err error) {
	for rows.Next() {
		var l bot.Line
		var words, name []byte
		var mime, state *string
		var size *int64
		var length *int
		if err := rows.Scan(&l.ID, &l.At, &l.Author, &l.Name, &l.Kind, &words, &l.Status, &l.Why, &l.Case, &l.Deleted, &mime, &size, &length, &name, &state); err != nil {
			return nil, err
		}
		if state != nil {
			l.Media = &bot.Media{Kind: l.Kind, Mime: *mime, Size: *size, Seconds: *length, State: bot.MediaState(*state)}
		}
		if words == nil || aead == nil {
			l.Erased = true
			list = append(list, l)
			continue
		}
		var b body
		var file []byte
		if err := errors.Join(unseal(aead, "line", person, words, &b), unseal(aead, "file name", person, name, &file)); err != nil {
			return nil, err
		}
		if l.Media != nil {
			l.Media.Name = string(file)
		}
		l.Text, l.Choices, l.Event, l.Slots = b.Text, b.Choices, b.Event, b.Slots
		if b.Name != "" {
			l.Name = b.Name
		}
		if b.Input != nil {
			l.Text, l.Choice, l.Lat, l.Lon, l.Edited, l.Quote = b.Input.Text, b.Input.Choice, b.Input.Lat, b.Input.Lon, b.Input.Edited, b.Input.Quote
		}
		if l.Deleted { // nobody reads it any more
			l = bot.Line{ID: l.ID, At: l.At, Author: l.Author, Kind: l.Kind, Case: l.Case, Deleted: true}
		}
		list = append(list, l)
	}
	return list, rows.Err()
}

// Transcript implements bot.Journal.
func (s *Store) Transcript(ctx context.Context, p bot.Peer, after int64) ([]bot.Line, error) {
	k, err := s.existing(ctx, p)
	if err != nil {
		return nil, err
	}
	lines, err := s.lines(ctx, &pgx.Batch{}, k.aead, k.person, `m.conversation = $1 and m.id > $2 and m.author in ('person', 'bot', 'officer')`, k.id, after)
	if err != nil {
		return nil, fmt.Errorf("read a transcript: %w", err)
	}
	return lines, nil
}

// existing finds a conversation without making one.
func (s *Store) existing(ctx context.Context, p bot.Peer) (known, error) {
	hash := s.vault.hash("peer", string(p.Channel)+":"+p.ID)
	k, err := s.lookup(ctx, p.Channel, hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return known{}, bot.ErrNotFound
	}
	return k, err
}

// Attachment implements bot.Journal.
func (s *Store) Attachment(ctx context.Context, p bot.Peer, line int64) (*bot.Media, error) {
	k, err := s.existing(ctx, p)
	if err != nil {
		return nil, err
	}
	return s.file1(ctx, k.aead, k.person, `m.id = $1 and m.conversation = $2 and not m.deleted and m.author in ('person', 'bot', 'officer')`, line, k.id)
}

// Media implements bot.Cases.
func (s *Store) Media(ctx context.Context, caseID, line int64) (*bot.Media, error) {
	var person int64
	var wrapped []byte
	err := s.pool.QueryRow(ctx, `select k.person, p.wrapped from cases k join people p on p.id = k.person where k.id = $1`, caseID).Scan(&person, &wrapped)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && wrapped == nil {
		return nil, bot.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read a file: %w", err)
	}
	aead, err := s.vault.open(person, wrapped)
	if err != nil {
		return nil, err
	}
	return s.file1(ctx, aead, person, `m.id = $2 and not m.deleted and `+ofCase, caseID, line)
}

// file1 reads one file, with its bytes if they are at hand.
func (s *Store) file1(ctx context.Context, aead tink.AEAD, person int64, where string, args ...any) (*bot.Media, error) {
	var m bot.Media
	var name, data, plain []byte
	err := s.pool.QueryRow(ctx, `select m.kind, f.mime, f.size, f.seconds, f.name, f.data, f.state from media f join messages m on m.id = f.message where `+where, args...).
		Scan(&m.Kind, &m.Mime, &m.Size, &m.Seconds, &name, &data, &m.State)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, bot.ErrNotFound
	}
	if err == nil {
		err = errors.Join(unseal(aead, "file name", person, name, &plain), unseal(aead, "media", person, data, &m.Data))
	}
	if err != nil {
		return nil, fmt.Errorf("read a file: %w", err)
	}
	m.Name = string(plain)
	return &m, nil
}

// Change implements bot.Cases: boundary E, in two round trips: begin, the locks and the case; then everything that
// changes, and the commit.
func (s *Store) Change(ctx context.Context, id int64, f func(*bot.Case) (bot.CaseWork, error)) (*bot.Case, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("change case %d: %w", id, err)
	}
	defer conn.Release()
	k, told, err := s.change(ctx, conn, id, f)
	for range maxMoves {
		if !errors.Is(err, errMoved) {
			break
		}
		if _, err := conn.Exec(ctx, "rollback"); err != nil {
			return nil, fmt.Errorf("change case %d: %w", id, err)
		}
		k, told, err = s.change(ctx, conn, id, f)
	}
	if err != nil {
		rolling, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		conn.Exec(rolling, "rollback")
		return nil, err
	}
	s.hub.poke(told...)
	return &k.Case, nil
}

// errMoved is met where a case has moved to another conversation while the lock of its former one was waited for: two
// conversations became one. It is tried again.
var errMoved = errors.New("the case has moved to another conversation")

// maxMoves is how often that can be, for all practical purposes.
const maxMoves = 3

func (s *Store) change(ctx context.Context, conn *pgxpool.Conn, id int64, f func(*bot.Case) (bot.CaseWork, error)) (k *caseRow, told news, err error) {
	b := &pgx.Batch{}
	b.Queue("begin")
	var held int64
	b.Queue(`select coalesce((select id from conversations where id = (select conversation from cases where id = $1) for no key update), 0)`, id).QueryRow(func(row pgx.Row) error {
		return row.Scan(&held)
	})
	b.Queue(`select `+caseColumns+caseTables+` where k.id = $1 for no key update of k`, id).QueryRow(func(row pgx.Row) (err error) {
		k, err = s.scanCase(row)
		return err
	})
	var steps []stepRow
	b.Queue(readSteps, id).Query(func(rows pgx.Rows) (err error) {
		steps, err = pgx.CollectRows(rows, pgx.RowToStructByPos[stepRow])
		return err
	})
	var newest int64
	b.Queue(`select coalesce((select m.id from messages m where m.conversation = (select conversation from cases where id = $1) and m.case_id = $1 and (m.author = 'person' or m.author = 'officer' and m.officer is distinct from
		(select officer from cases where id = $1)) order by m.id desc limit 1), 0)`, id).QueryRow(func(row pgx.Row) error { return row.Scan(&newest) })
	var meeting *bot.Meeting
	b.Queue(latestMeeting, id).QueryRow(func(row pgx.Row) (err error) {
		meeting, err = scanMeeting(row)
		return err
	})
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return nil, nil, fmt.Errorf("change case %d: %w", id, err)
	}
	if held != k.conversation {
		return nil, nil, errMoved
	}
	k.Newest, k.Meeting = newest, meeting
	if k.Steps, err = k.openSteps(steps); err != nil {
		return nil, nil, fmt.Errorf("change case %d: %w", id, err)
	}
	before := k.Case
	work, err := f(&k.Case)
	if err != nil {
		return nil, nil, err
	}
	told.add(bot.TopicCase(id), bot.TopicOffice(before.Office))
	if k.Office != before.Office {
		told.add(bot.TopicOffice(k.Office))
	}
	b = &pgx.Batch{}
	if k.Office != before.Office || k.State == bot.StateClosed {
		b.Queue(loseMeetings, id, s.now())
	}
	if err := s.queueChange(b, k, work, &told); err != nil {
		return nil, nil, err
	}
	told.queue(b)
	b.Queue("commit")
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return nil, nil, fmt.Errorf("change case %d: %w", id, err)
	}
	return k, told, nil
}

// queueChange writes a changed case and what comes with it.
func (s *Store) queueChange(b *pgx.Batch, k *caseRow, work bot.CaseWork, told *news) error {
	now := s.now()
	proposal, err := sealProposal(k)
	if err != nil {
		return err
	}
	b.Queue(`update cases set office = $2, state = $3, urgent = $4, officer = $5, outcome = $6, claimed_at = $7, closed_at = $8, waiting_at = $9, unread = $10, structure = $11, labels = $12,
		stage = case when $13 = 'closed' then stage else $13 end, proposal = $14, bot_at = $15, remind_at = $16 where id = $1`,
		k.ID, k.Office, k.State, k.Urgent, null(k.Officer), k.Outcome, nullTime(k.Claimed), nullTime(k.Closed), nullTime(k.Waiting), k.Unread, k.Structure, append([]int64{}, k.Labels...), k.Stage, proposal, nullTime(k.Bot), nullTime(k.Remind))
	if k.aead == nil {
		if len(work.Messages)+len(work.Pending) > 0 {
			return fmt.Errorf("%w: the person had their data erased; nothing can be sent", bot.ErrInvalid)
		}
		return nil
	}
	if k.conversation == 0 && len(work.Messages)+len(work.Entries) > 0 {
		return fmt.Errorf("%w: the case has no conversation; nothing can be sent", bot.ErrInvalid)
	}
	b.Queue(`update conversations set open_case = `+newestOpen+` where id = $1 and open_case is distinct from `+newestOpen, k.conversation)
	for _, l := range work.Lines {
		sealed, err := seal(k.aead, "line", k.person, body{Text: l.Text, Name: l.Name, Event: l.Event, Slots: l.Slots})
		if err != nil {
			return err
		}
		b.Queue(`insert into messages (conversation, case_id, author, body, at) values ($1, $2, $3, $4, $5)`, null(k.conversation), k.ID, l.Author, sealed, now)
	}
	if work.Flush {
		b.Queue(moving(`case_id = $1 and not timed`), k.ID, now)
		told.add(bot.TopicOutbox(k.Via))
	}
	for _, p := range work.Pending {
		if err := s.queuePending(b, k.aead, k.person, k.conversation, k.ID, p); err != nil {
			return err
		}
	}
	if err := s.queueSteps(b, k, work.Steps); err != nil {
		return err
	}
	s.queueIndex(b, k)
	if work.Spent != 0 {
		b.Queue(`delete from drafts where case_id = $1 and officer = $2`, k.ID, work.Spent)
	}
	for _, m := range work.Messages {
		if err := s.queueMessage(b, k.aead, k.person, k.conversation, k.Via, &k.ID, null(k.Officer), false, m, now, &birth{due: now}); err != nil {
			return err
		}
		told.add(bot.TopicOutbox(k.Via))
	}
	if work.Meeting != nil {
		queueMeeting(b, k.ID, work.Meeting)
	}
	for _, prefix := range work.Cancel {
		b.Queue(`with i as (delete from inbox where conversation = $1 and key like $2 returning message)
			delete from messages m using i where m.id = i.message`, k.conversation, likePrefix(prefix))
	}
	for _, e := range work.Entries {
		if err := timely(e, now); err != nil {
			return err
		}
		if e.Input.At.IsZero() {
			e.Input.At = now
		}
		sealed, err := seal(k.aead, "line", k.person, body{Input: &e.Input})
		if err != nil {
			return err
		}
		due := e.Due
		if due.IsZero() {
			due = now
		}
		queueEvent(b, k.conversation, &k.ID, e.Key, sealed, now, due)
		told.add(bot.TopicInbox)
	}
	return nil
}

// sealProposal seals what waits for the person's consent, if anything.
func sealProposal(k *caseRow) ([]byte, error) {
	if k.Proposal == nil || k.aead == nil {
		return nil, nil
	}
	return seal(k.aead, "proposal", k.person, k.Proposal)
}

// queueIndex brings the blind indexes of a case up to what is known, so that those of older cases follow as they are
// touched. What was indexed besides, such as the number that a person writes from, stays.
func (s *Store) queueIndex(b *pgx.Batch, k *caseRow) {
	b.Queue(`update cases set names = $2, phones = array(select distinct unnest(phones || $3)) where id = $1 and (names <> $2 or not phones @> $3)`,
		k.ID, s.vault.nameHashes(k.Answers["first-name"], k.Answers["last-name"]), s.vault.phoneHashes(k.Answers["phone"]))
}

func null(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
