package storage

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
)

// longestWait is more than the longest back-off of what is tried again (see later).
const longestWait = 13 * time.Minute

// watchClock sees to it that nobody waits because a clock was wrong: what was due at once when the clock was ahead lies in
// the future once it is set right. That may have happened while no process ran, and so it looks at its start too.
func (s *Store) watchClock(ctx context.Context) {
	for again := true; ; {
		if again {
			if err := s.mendDue(ctx); err != nil {
				if ctx.Err() != nil {
					return
				}
				s.log.Warn("what a clock has put off cannot be looked for; trying again", "error", err)
			} else {
				again = false
			}
		}
		wall, began := s.now().Round(0), time.Now()
		select {
		case <-ctx.Done():
			return
		case <-time.After(tick):
		}
		if back := time.Since(began) - s.now().Round(0).Sub(wall); back > 50*time.Millisecond {
			again = true
			s.log.Warn("the clock went back", "by", back.Round(time.Millisecond).String())
		}
	}
}

// mendDue makes due what can be due so late only because a clock went back. Timers, and replies for a time that an officer
// chose, are left alone.
func (s *Store) mendDue(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, groupTimeout)
	defer cancel()
	now := s.now()
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
