package storage

import (
	"context"
	"encoding/binary"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// live is the copy of the sessions in Redis: a sealed session after its revision, eight bytes. It may be nil inside:
// everything works without.
type live struct {
	client redis.UniversalClient // nil: there is none
	prefix string                // of every key: two installations may share a Redis, and a Cluster keeps each in one slot
	log    *slog.Logger
	gets   *gatherer[*liveGet]
	puts   *gatherer[*livePut]
	told   atomic.Int64 // unix second of the last complaint
	away   atomic.Int64 // unix nanosecond until which Redis is not asked, after it did not answer
}

// liveFor is how long a session stays in Redis after its last turn.
const liveFor = 48 * time.Hour

// newer stores sessions, each only over an older one.
var newer = redis.NewScript(`
for i, key in ipairs(KEYS) do
  local had = redis.call('GETRANGE', key, 0, 7)
  if #had < 8 or had < string.sub(ARGV[i + 1], 1, 8) then
    redis.call('SET', key, ARGV[i + 1], 'PX', ARGV[1])
  end
end
return 0`)

// A liveGet asks for the copy of a session, a livePut stores one. What comes at the same moment travels together.
type liveGet struct {
	conversation, rev int64
	sealed            []byte // nil: there is none
	done              sync.WaitGroup
}

type livePut struct {
	conversation, rev int64
	sealed            []byte
	done              func() // may be nil
}

// maxLiveGroup bounds how many sessions travel at once.
const maxLiveGroup = 64

func newLive(url, installation string, log *slog.Logger) (*live, error) {
	if url == "" {
		return &live{log: log}, nil
	}
	client, err := openRedis(url)
	if err != nil {
		return nil, err
	}
	l := &live{client: client, prefix: "baom:{" + installation + "}:session:", log: log}
	l.gets = newGatherer(maxLiveGroup, 0, l.getAll)
	l.puts = newGatherer(maxLiveGroup, 0, l.putAll)
	return l, nil
}

func (l *live) close() {
	if l.client != nil {
		l.puts.close()
		l.client.Close()
	}
}

// absent reports whether Redis is not to be asked: there is none, or it did not answer a moment ago. A person must not
// wait for what nothing depends on.
func (l *live) absent() bool {
	return l.client == nil || time.Now().UnixNano() < l.away.Load()
}

func (l *live) key(conversation int64) string { return l.prefix + strconv.FormatInt(conversation, 10) }

// fetch is the copy of a sealed session and its revision; nil if there is none.
func (l *live) fetch(conversation int64) (rev int64, sealed []byte) {
	if l.absent() {
		return 0, nil
	}
	g := &liveGet{conversation: conversation}
	g.done.Add(1)
	l.gets.add(g, true)
	g.done.Wait()
	return g.rev, g.sealed
}

func (l *live) getAll(group []*liveGet) {
	keys := make([]string, len(group))
	for i, g := range group {
		keys[i] = l.key(g.conversation)
	}
	values, err := l.client.MGet(context.Background(), keys...).Result()
	if err != nil {
		l.complain(err)
	}
	for i, g := range group {
		if i < len(values) {
			if data, _ := values[i].(string); len(data) > 8 {
				g.rev, g.sealed = int64(binary.BigEndian.Uint64([]byte(data[:8]))), []byte(data[8:])
			}
		}
		g.done.Done()
	}
}

func (l *live) putAll(group []*livePut) {
	keys, args := make([]string, len(group)), make([]any, 1, 1+len(group))
	args[0] = liveFor.Milliseconds()
	for i, p := range group {
		keys[i] = l.key(p.conversation)
		args = append(args, append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(p.sealed)), uint64(p.rev)), p.sealed...))
	}
	if err := newer.Run(context.Background(), l.client, keys, args...).Err(); err != nil {
		l.complain(err)
	}
	for _, p := range group {
		if p.done != nil {
			p.done()
		}
	}
}

// drop forgets the copy of a session that is not to come back. For a moment its place is held by a revision that nothing is
// newer than: a copy that is under way, from whichever process, finds it taken.
func (l *live) drop(ctx context.Context, conversation int64) {
	if l.absent() {
		return
	}
	if err := l.client.Set(ctx, l.key(conversation), "\xff\xff\xff\xff\xff\xff\xff\xff", time.Minute).Err(); err != nil {
		l.complain(err)
	}
}

// complain logs that Redis is away, once a minute: nothing depends on it.
func (l *live) complain(err error) {
	l.away.Store(time.Now().Add(time.Second).UnixNano())
	now := time.Now().Unix()
	if last := l.told.Load(); now-last >= 60 && l.told.CompareAndSwap(last, now) {
		l.log.Warn("redis does not answer; sessions are read from the record", "error", err)
	}
}
