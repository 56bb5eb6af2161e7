package storage

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
)

// A clock is the time that a store goes by. It notices where it goes back.
type clock struct {
	of   func() time.Time
	last atomic.Int64  // what it showed last, in nanoseconds
	back chan struct{} // gets a token when it went back
}

// wentBack is by how much a clock must go back to be noticed: who asks at the same moment may be told in any order.
const wentBack = time.Second

// now is the time.
func (s *Store) now() time.Time {
	now := s.clock.of()
	if was := s.clock.last.Swap(now.UnixNano()); was-now.UnixNano() > int64(wentBack) {
		s.clock.wake()
	}
	return now
}

func (c *clock) wake() {
	select {
	case c.back <- struct{}{}:
	default:
	}
}

// shown is what the clock showed when somebody last asked: work is looked for every second.
func (c *clock) shown() time.Time { return time.Unix(0, c.last.Load()) }

// longestWait is more than the longest back-off of what is tried again (see later).
const longestWait = 13 * time.Minute

// watchClock sees to it that nobody waits because a clock was wrong: what was due at once when the clock was ahead lies in
// the future once it is set right. That may have happened while no process ran, and so it looks at its start too.
func (s *Store) watchClock(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.clock.back:
		}
		for s.mendDue(ctx, s.clock.shown()) != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second): // the database is away
			}
		}
	}
}

// mendDue makes due what can be due so late only because a clock went back. Timers, and replies for a time that an officer
// chose, are left alone.
func (s *Store) mendDue(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, groupTimeout)
	defer cancel()
	b := &pgx.Batch{}
	b.Queue(`update pending set due = $1 where not timed and at > $1`, now)
	for _, update := range []string{
		`update inbox set due = $1 where due > case when attempts > 0 then $2 else $1::timestamptz end and not starts_with(key, '` + bot.Timer + `')`,
		`update outbox set due = $1 where due > case when attempts > 0 then $2 else $1::timestamptz end`,
		`update media_wanted set due = $1 where due > case when attempts > 0 then $2 else $1::timestamptz end`,
	} {
		b.Queue(update, now, now.Add(longestWait))
	}
	if err := s.pool.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	s.hub.pokeAll(todo)
	return nil
}
