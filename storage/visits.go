package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/flows"
)

// File implements bot.Visits: one transaction, in which the key makes the visit one.
func (s *Store) File(ctx context.Context, v bot.Visit, refer func() string) (id int64, fresh bool, err error) {
	filed := s.vault.hash("visit", strconv.FormatInt(v.Officer, 10)+":"+v.Key)
	for range 5 {
		id, fresh, err = s.fileVisit(ctx, v, filed, refer())
		if !unique(err, "cases_reference_key") {
			break
		}
	}
	if err != nil {
		return 0, false, fmt.Errorf("file a visit: %w", err)
	}
	if fresh {
		s.hub.poke(bot.TopicOffice(v.Office))
	}
	return id, fresh, nil
}

func (s *Store) fileVisit(ctx context.Context, v bot.Visit, filed []byte, reference string) (id int64, fresh bool, err error) {
	person, err := s.nextPerson(ctx)
	if err != nil {
		return 0, false, err
	}
	aead, wrapped, err := s.vault.newKey()
	if err != nil {
		return 0, false, err
	}
	answers, err := seal(aead, "answers", person, v.Answers)
	if err != nil {
		return 0, false, err
	}
	how := "visit"
	if v.ByPhone {
		how = "phone"
	}
	received, err := seal(aead, "line", person, body{Event: "received", Name: v.OfficerName, Slots: map[string]string{"how": how}})
	if err != nil {
		return 0, false, err
	}
	var last []byte
	if words := v.Answers["words"]; words != "" {
		if last, err = seal(aead, "last", person, shorten(words)); err != nil {
			return 0, false, err
		}
	}
	now := s.now()
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `insert into people (id, wrapped) overriding system value values ($1, $2)`, person, wrapped); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `
			with k as (
				insert into cases (person, reference, office, state, channel, lang, profile, need, urgent, officer, opened_at, claimed_at, answers, last, names, phones, filed)
				values ($1, $2, $3, 'claimed', $4, $5, $6, $7, $8, $9, $10::timestamptz, $10, $11, $12, $13, $14, $15)
				on conflict (filed) do nothing returning id),
			e as (insert into messages (case_id, author, body, at) select k.id, 'event', $16, $10 from k)
			select id from k`,
			person, reference, v.Office, bot.AtDesk, v.Lang, v.Answers["profile"], v.Answers["need"], v.Urgent, v.Officer, now, answers, last,
			s.vault.nameHashes(v.Answers["first-name"], v.Answers["last-name"]), s.vault.phoneHashes(v.Answers["phone"]), filed, received).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return errFiled
		}
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		if err := s.queueCode(b, id, v.Until); err != nil {
			return err
		}
		var told news
		told.add(bot.TopicOffice(v.Office))
		told.queue(b)
		return tx.SendBatch(ctx, b).Close()
	})
	if errors.Is(err, errFiled) {
		err = s.pool.QueryRow(ctx, `select id from cases where filed = $1`, filed).Scan(&id)
		return id, false, err
	}
	return id, err == nil, err
}

// errFiled is met where a visit was filed before.
var errFiled = errors.New("the visit was filed before")

// queueCode gives a case a code: what is stored says neither the code nor, without the secret key, how to make it.
func (s *Store) queueCode(b *pgx.Batch, caseID int64, until time.Time) error {
	nonce := make([]byte, 12)
	if _, err := rand.Read(nonce); err != nil {
		return err
	}
	b.Queue(`insert into link_codes (case_id, nonce, hash, until) values ($1, $2, $3, $4)
		on conflict (case_id) do update set nonce = excluded.nonce, hash = excluded.hash, until = excluded.until`,
		caseID, nonce, s.codeHash(s.code(caseID, nonce)), until)
	return nil
}

// code is the code that a case has with a nonce.
func (s *Store) code(caseID int64, nonce []byte) string {
	return flows.LinkCode(s.vault.hash("code", strconv.FormatInt(caseID, 10)+":"+string(nonce)))
}

func (s *Store) codeHash(code string) []byte {
	return s.vault.hash("code hash", strings.ReplaceAll(code, "-", ""))
}

// Code implements bot.Visits.
func (s *Store) Code(ctx context.Context, caseID int64) (code string, until time.Time, err error) {
	var nonce []byte
	err = s.pool.QueryRow(ctx, `select l.nonce, l.until from link_codes l join cases k on k.id = l.case_id
		where l.case_id = $1 and l.until > $2 and k.conversation is null and not k.erased`, caseID, s.now()).Scan(&nonce, &until)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", time.Time{}, nil
	}
	if err != nil {
		return "", time.Time{}, fmt.Errorf("read a code: %w", err)
	}
	return s.code(caseID, nonce), until, nil
}

// NewCode implements bot.Visits.
func (s *Store) NewCode(ctx context.Context, caseID int64, until time.Time) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := lockCase(ctx, tx, caseID); err != nil {
			return err
		}
		var free bool
		if err := tx.QueryRow(ctx, `select conversation is null and not erased from cases where id = $1`, caseID).Scan(&free); err != nil {
			return err
		}
		if !free {
			return bot.ErrConflict
		}
		b := &pgx.Batch{}
		if err := s.queueCode(b, caseID, until); err != nil {
			return err
		}
		var told news
		told.add(bot.TopicCase(caseID))
		told.queue(b)
		return tx.SendBatch(ctx, b).Close()
	})
	if err != nil {
		return fmt.Errorf("make a code: %w", err)
	}
	s.hub.poke(bot.TopicCase(caseID))
	return nil
}

// The bounds of guessing: wrong codes within an hour, of one conversation and of all together. A code is one of 8·10¹¹.
const (
	maxTries    = 5
	maxTriesAll = 1000
	triesWithin = time.Hour
)

// link joins a case to the conversation in hand by its code, within the turn, and files what came of it as the
// conversation's next entry. The case's person, whom nothing else knows, becomes the conversation's: what is sealed is
// sealed anew. The conversation's lock is held.
func (s *Store) link(ctx context.Context, db querier, b *pgx.Batch, h *hand, code string, told *news) error {
	now := s.now()
	answer := func(event string, slots map[string]string, caseID *int64) error {
		sealed, err := seal(h.aead, "line", h.person, body{Input: &flows.Input{Event: event, Slots: slots, At: now}})
		if err != nil {
			return err
		}
		queueEvent(b, h.id, caseID, "link:"+strconv.FormatInt(h.message, 10), sealed, now, now)
		told.add(bot.TopicInbox)
		return nil
	}
	var tries, all int
	if err := db.QueryRow(ctx, `select count(*) filter (where conversation = $1), count(*) from link_tries where at > $2`, h.id, now.Add(-triesWithin)).Scan(&tries, &all); err != nil {
		return err
	}
	if tries >= maxTries || all >= maxTriesAll {
		return answer(flows.EventUnlinked, map[string]string{"why": "tries"}, nil)
	}
	var id int64
	err := db.QueryRow(ctx, `select k.id from link_codes l join cases k on k.id = l.case_id where l.hash = $1 and l.until > $2 for no key update of k`,
		s.codeHash(code), now).Scan(&id)
	var k *caseRow
	if err == nil { // under the lock: a code is good once
		k, err = s.scanCase(db.QueryRow(ctx, `with l as (delete from link_codes where case_id = $1 and hash = $2 returning case_id)
			select `+caseColumns+caseTables+` join l on l.case_id = k.id where k.id = $1 and k.conversation is null and not k.erased`, id, s.codeHash(code)))
		if errors.Is(err, bot.ErrNotFound) {
			err = pgx.ErrNoRows
		}
	}
	if errors.Is(err, pgx.ErrNoRows) || err == nil && k.aead == nil {
		if _, err := db.Exec(ctx, `insert into link_tries (conversation, at) values ($1, $2)`, h.id, now); err != nil {
			return err
		}
		return answer(flows.EventUnlinked, nil, nil)
	}
	if err != nil {
		return err
	}
	if err := s.joinCase(ctx, db, h, k); err != nil {
		return err
	}
	if err := s.event(ctx, db, h.aead, h.person, h.id, id, nil, "linked", nil); err != nil {
		return err
	}
	told.add(bot.TopicCase(id), bot.TopicOffice(k.Office))
	steps, err := s.stepsOf(ctx, db, h.aead, h.person, id)
	if err != nil {
		return err
	}
	slots := bot.ProgressSlots(k.Reference, k.Stage, steps, h.session.Lang)
	first, _, _ := strings.Cut(k.Holder, " ")
	slots["state"], slots["office"], slots["officer"] = k.State, k.Office, first
	return answer(flows.EventLinked, slots, &id)
}

// joinCase moves a case that has no conversation, with its person, into the one in hand.
func (s *Store) joinCase(ctx context.Context, db querier, h *hand, k *caseRow) error {
	again := resealer{tx: db, from: k.aead, to: h.aead, loser: k.person, winner: h.person}
	for _, r := range []struct{ table, key, column, kind, where string }{
		{"messages", "id", "body", "line", "case_id = $1 and conversation is null"},
		{"steps", "id", "body", "step", "case_id = $1"},
		{"cases", "id", "answers", "answers", "id = $1"},
		{"cases", "id", "last", "last", "id = $1"},
		{"cases", "id", "comment", "comment", "id = $1"},
		{"cases", "id", "proposal", "proposal", "id = $1"},
	} {
		if err := again.do(ctx, r.table, r.key, r.column, r.kind, r.where, k.ID); err != nil {
			return err
		}
	}
	b := &pgx.Batch{}
	if err := again.drafts(ctx, b); err != nil {
		return err
	}
	b.Queue(`update messages set conversation = $2 where case_id = $1 and conversation is null`, k.ID, h.id)
	b.Queue(`update cases set person = $2, conversation = $3, phones = array(select distinct unnest(phones || $4)) where id = $1`,
		k.ID, h.person, h.id, s.vault.phoneHashes(phoneOf(h.entry.Peer)))
	b.Queue(`update conversations set open_case = coalesce(open_case, $2) where id = $1 and $3`, h.id, k.ID, k.State != bot.StateClosed)
	b.Queue(`update people p set wrapped = null, erased_at = $2 where p.id = $1 and p.wrapped is not null
		and not exists (select 1 from cases c where c.person = p.id)`, k.person, s.now())
	return db.SendBatch(ctx, b).Close()
}

// purgeCodes drops codes that are over and tries that count no more.
func (s *Store) purgeCodes(ctx context.Context, now time.Time) error {
	for _, q := range []string{`delete from link_codes where until < $1`, `delete from link_tries where at < $1::timestamptz - interval '1 day'`} {
		if _, err := s.pool.Exec(ctx, q, now); err != nil {
			return fmt.Errorf("purge codes: %w", err)
		}
	}
	return nil
}
