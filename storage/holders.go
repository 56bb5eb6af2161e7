package storage

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// holderLocks is the first half of the advisory locks by which processes show that they live; the second is their number.
const holderLocks int32 = 0x62616f6d

// look is how often it is looked who has ended. Who is missing at two looks has.
const look = 500 * time.Millisecond

// holder is the number that what this process takes in hand bears: null while others could not see that it lives.
func (h *hub) holder() *int32 {
	if !h.shown.Load() {
		return nil
	}
	return &h.number
}

// inherit makes due what a process that has ended had in hand, a second after its end at most. One that is only cut off
// from the database cannot mark what it sends either: to take it for dead costs a repeat that was to come anyhow.
func (s *Store) inherit(ctx context.Context) {
	var missing []int32
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(look):
		}
		now, err := s.missing(ctx)
		if err != nil {
			missing = nil // the database is away: nobody's lock can be seen
			continue
		}
		gone := slices.DeleteFunc(slices.Clone(now), func(n int32) bool { return !slices.Contains(missing, n) })
		missing = now
		if len(gone) > 0 {
			if err := s.release(ctx, gone); err != nil && ctx.Err() == nil {
				s.log.Warn("what a process left cannot be taken over; trying again", "error", err)
			}
		}
	}
}

// missing are the holders that do not show that they live.
func (s *Store) missing(ctx context.Context) ([]int32, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	rows, err := s.pool.Query(ctx, `
		select id from holders where id <> $2 and id not in (
			select objid::bigint from pg_locks where locktype = 'advisory' and classid = $1 and objsubid = 2 and granted
			  and database = (select oid from pg_database where datname = current_database()))`, holderLocks, s.hub.number)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int32])
}

// release makes due what holders have in hand that are no more.
func (s *Store) release(ctx context.Context, gone []int32) error {
	ctx, cancel := context.WithTimeout(ctx, groupTimeout)
	defer cancel()
	now := s.clock.shown()
	b := &pgx.Batch{}
	for _, table := range []string{"outbox", "media_wanted"} {
		b.Queue(`update `+table+` set due = least(due, $1), holder = null where message in (select message from `+table+` where holder = any($2) for update skip locked)`, now, gone)
	}
	b.Queue(`delete from holders where id = any($1)`, gone)
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	s.log.Info("took over what a process left", "processes", len(gone))
	s.hub.pokeAll(todo)
	return nil
}

// leave takes this process from the list of those that may have something in hand, where it has nothing.
func (s *Store) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_, err := s.pool.Exec(ctx, `delete from holders where id = $1 and not exists (select 1 from outbox where holder = $1) and not exists (select 1 from media_wanted where holder = $1)`, s.hub.number)
	if err != nil {
		s.log.Debug("the list of processes keeps one that has ended, until another looks", "error", err)
	}
}
