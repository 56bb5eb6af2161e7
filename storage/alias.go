package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/tink-crypto/tink-go/v2/tink"

	"baom/bot"
)

// adopt makes what is known under an entry's alias the peer's: nothing where the alias is known already; the name, where
// only the alias has a conversation; one conversation of two, where both have one. Everything happens under the locks of
// the conversations, so that no entry is handled meanwhile.
func (s *Store) adopt(ctx context.Context, p bot.Peer, hash, alias []byte) error {
	var gone []int64
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		gone = nil
		// What is locked is read by a second statement, whose snapshot is younger than the locks: who was forgotten while
		// they were waited for is not among them any more.
		const named = `(select id from conversations where channel = $1 and peer_hash in ($2, $3) union select conversation from aliases where channel = $1 and alias_hash in ($2, $3))`
		if _, err := tx.Exec(ctx, `select id from conversations where id in `+named+` order by id for no key update`, p.Channel, hash, alias); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			select c.id, c.person, p.wrapped, c.peer_hash = $2, c.open_case, c.seen_at from conversations c join people p on p.id = c.person
			where c.id in `+named+` and p.wrapped is not null order by c.id for no key update of c`, p.Channel, hash, alias)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[namesake])
		if err != nil || len(found) == 0 {
			return err
		}
		keep := found[0]
		for _, other := range found[1:] {
			winner, loser := keep, other
			if other.before(keep) {
				winner, loser = other, keep
			}
			if err := s.merge(ctx, tx, p, winner, loser); err != nil {
				return err
			}
			keep = winner
			gone = append(gone, loser.Person)
		}
		return s.rename(ctx, tx, p, keep, hash, alias)
	})
	if err != nil {
		return fmt.Errorf("join what is known of a person: %w", err)
	}
	for _, person := range gone {
		s.vault.forget(person)
	}
	if len(gone) > 0 {
		s.mu.Lock()
		clear(s.peers)
		s.mu.Unlock()
		s.hub.poke(bot.TopicInbox)
	}
	return nil
}

// A namesake is a conversation under one of a peer's names.
type namesake struct {
	ID, Person int64
	Wrapped    []byte
	Named      bool // it bears the peer's own name, not the alias
	OpenCase   *int64
	Seen       time.Time
}

// before reports whether n goes on rather than o: the one with a case, else the one last used.
func (n namesake) before(o namesake) bool {
	if (n.OpenCase != nil) != (o.OpenCase != nil) {
		return n.OpenCase != nil
	}
	return n.Seen.After(o.Seen)
}

// rename gives a conversation the peer's name, and notes the alias.
func (s *Store) rename(ctx context.Context, tx pgx.Tx, p bot.Peer, n namesake, hash, alias []byte) error {
	aead, err := s.vault.open(n.Person, n.Wrapped)
	if err != nil {
		return err
	}
	sealed, err := seal(aead, "peer", n.Person, []byte(p.ID))
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	b.Queue(`delete from aliases where channel = $1 and alias_hash = $2`, p.Channel, hash)
	b.Queue(`update conversations set peer_hash = $2, peer = $3 where id = $1 and peer_hash <> $2`, n.ID, hash, sealed)
	b.Queue(`insert into aliases (channel, alias_hash, conversation) values ($1, $2, $3) on conflict (channel, alias_hash) do update set conversation = $3`, p.Channel, alias, n.ID)
	for _, phone := range s.vault.phoneHashes(phoneOf(p)) {
		b.Queue(`update cases set phones = array_append(phones, $2) where person = $1 and not erased and not phones @> array[$2::bytea]`, n.Person, phone)
	}
	return tx.SendBatch(ctx, b).Close()
}

// merge moves everything of one conversation into another, sealed anew with the key of the person that stays. The loser is
// left as one that was forgotten.
func (s *Store) merge(ctx context.Context, tx pgx.Tx, p bot.Peer, winner, loser namesake) error {
	to, err := s.vault.open(winner.Person, winner.Wrapped)
	if err != nil {
		return err
	}
	from, err := s.vault.open(loser.Person, loser.Wrapped)
	if err != nil {
		return err
	}
	again := resealer{tx: tx, from: from, to: to, loser: loser.Person, winner: winner.Person}
	for _, r := range []struct{ table, key, column, kind, where string }{
		{"messages", "id", "body", "line", "conversation = $1"},
		{"media", "message", "name", "file name", "message in (select id from messages where conversation = $1)"},
		{"media", "message", "data", "media", "message in (select id from messages where conversation = $1)"},
		{"media_wanted", "message", "ref", "media ref", "message in (select id from messages where conversation = $1)"},
		{"pending", "id", "body", "line", "conversation = $1"},
		{"pending", "id", "name", "file name", "conversation = $1"},
		{"pending", "id", "data", "media", "conversation = $1"},
	} {
		if err := again.do(ctx, r.table, r.key, r.column, r.kind, r.where, loser.ID); err != nil {
			return err
		}
	}
	if err := again.do(ctx, "steps", "id", "body", "step", "case_id in (select id from cases where person = $1)", loser.Person); err != nil {
		return err
	}
	for _, column := range []string{"answers", "last", "comment", "proposal"} {
		if err := again.do(ctx, "cases", "id", column, column, "person = $1", loser.Person); err != nil {
			return err
		}
	}
	b := &pgx.Batch{}
	if err := again.drafts(ctx, b); err != nil {
		return err
	}
	if err := s.queueRepoint(b, loser.ID, winner.ID); err != nil {
		return err
	}
	for _, n := range []namesake{winner, loser} { // which lines are a case's is said by ids of one conversation: from now on by the lines
		b.Queue(`update messages m set case_id = k.id from cases k where m.conversation = $1 and k.conversation = $1 and m.case_id is null
			and m.id > k.lines_after and m.id <= k.lines_upto`, n.ID)
		b.Queue(`update cases set lines_after = 0, lines_upto = 0 where conversation = $1 and lines_upto > 0`, n.ID)
	}
	b.Queue(`insert into receipts as r select $1, delivered, read from receipts where conversation = $2
		on conflict (conversation) do update set delivered = greatest(r.delivered, excluded.delivered), read = greatest(r.read, excluded.read)`, winner.ID, loser.ID)
	b.Queue(`delete from receipts where conversation = $1`, loser.ID)
	b.Queue(`delete from inbox where conversation = $2 and key in (select key from messages where conversation = $1 and key is not null)`, winner.ID, loser.ID)
	b.Queue(`update messages set key = null where conversation = $2 and key in (select key from messages where conversation = $1 and key is not null)`, winner.ID, loser.ID)
	for _, table := range []string{"messages", "inbox", "outbox", "pending", "aliases"} {
		b.Queue(`update `+table+` set conversation = $1 where conversation = $2`, winner.ID, loser.ID)
	}
	b.Queue(`update cases set conversation = $1, person = $3 where conversation = $2 or person = $4`, winner.ID, loser.ID, winner.Person, loser.Person)
	b.Queue(`update conversations set peer_hash = uuid_send(gen_random_uuid()), peer = '', session = null, open_case = null, rev = rev + 1, keyboard = '' where id = $1`, loser.ID)
	b.Queue(`update conversations set open_case = coalesce(open_case, `+newestOpen+`), seen_at = greatest(seen_at, $2), reachable = true where id = $1`, winner.ID, loser.Seen)
	b.Queue(`update people set wrapped = null, erased_at = $2 where id = $1 and wrapped is not null`, loser.Person, s.now())
	return tx.SendBatch(ctx, b).Close()
}

// A resealer seals with another person's key what was sealed with one's.
type resealer struct {
	tx            querier
	from, to      tink.AEAD
	loser, winner int64
}

// do seals a column anew, some rows at a time, files one by one.
func (r resealer) do(ctx context.Context, table, key, column, kind, where string, arg int64) error {
	some := 100
	if column == "data" { // a file, up to 20 MB
		some = 1
	}
	for last := int64(0); ; {
		rows, err := r.tx.Query(ctx, `select `+key+`, `+column+` from `+table+` where `+where+` and `+column+` is not null and `+key+` > $2 order by `+key+fmt.Sprintf(` limit %d`, some), arg, last)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
			ID     int64
			Sealed []byte
		}])
		if err != nil {
			return err
		}
		b := &pgx.Batch{}
		for _, l := range list {
			last = l.ID
			plain, err := r.from.Decrypt(l.Sealed, bound(kind, r.loser))
			if err != nil {
				return errors.New("what is sealed cannot be opened: " + table + "." + column)
			}
			sealed, err := r.to.Encrypt(plain, bound(kind, r.winner))
			if err != nil {
				return err
			}
			b.Queue(`update `+table+` set `+column+` = $2 where `+key+` = $1`, l.ID, sealed)
		}
		if err := r.tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		if len(list) < some {
			return nil
		}
	}
}

// drafts seals officers' half-typed words anew.
func (r resealer) drafts(ctx context.Context, b *pgx.Batch) error {
	rows, err := r.tx.Query(ctx, `select d.case_id, d.officer, d.body from drafts d join cases k on k.id = d.case_id where k.person = $1 for update of d`, r.loser)
	if err != nil {
		return err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		Case, Officer int64
		Sealed        []byte
	}])
	if err != nil {
		return err
	}
	for _, d := range list {
		plain, err := r.from.Decrypt(d.Sealed, bound("draft", r.loser))
		if err != nil {
			return errors.New("what is sealed cannot be opened: drafts.body")
		}
		sealed, err := r.to.Encrypt(plain, bound("draft", r.winner))
		if err != nil {
			return err
		}
		b.Queue(`update drafts set body = $3 where case_id = $1 and officer = $2`, d.Case, d.Officer, sealed)
	}
	return nil
}

// same reports whether a conversation is known under an alias.
func (k known) same(alias []byte) bool {
	return alias == nil || slices.ContainsFunc(k.aliases, func(a []byte) bool { return bytes.Equal(a, alias) })
}
