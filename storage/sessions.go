package storage

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// live is the copy of the sessions in Redis: a sealed session after its revision, eight bytes. It may be nil inside:
// everything works without.
type live struct {
	client *redis.Client
	prefix string // of every key: two installations may share a Redis
	log    *slog.Logger
	told   atomic.Int64 // unix second of the last complaint
	away   atomic.Int64 // unix nanosecond until which Redis is not asked, after it did not answer
}

// liveFor is how long a session stays in Redis after its last turn.
const liveFor = 48 * time.Hour

// newer stores a session only over an older one.
var newer = redis.NewScript(`
local had = redis.call('GETRANGE', KEYS[1], 0, 7)
if #had < 8 or had < string.sub(ARGV[1], 1, 8) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 0`)

func newLive(url, installation string, log *slog.Logger) (*live, error) {
	if url == "" {
		return &live{log: log}, nil
	}
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("BAOM_REDIS_URL cannot be read: it is written redis://host:6379/0")
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.MaxRetries, o.DialerRetries = time.Second, 500*time.Millisecond, 500*time.Millisecond, -1, 1
	return &live{client: redis.NewClient(o), prefix: "baom:" + installation + ":session:", log: log}, nil
}

func (l *live) close() {
	if l.client != nil {
		l.client.Close()
	}
}

// absent reports whether Redis is not to be asked: there is none, or it did not answer a moment ago. A person must not
// wait for what nothing depends on.
func (l *live) absent() bool {
	return l.client == nil || time.Now().UnixNano() < l.away.Load()
}

func (l *live) key(conversation int64) string { return l.prefix + strconv.FormatInt(conversation, 10) }

// get is the sealed session at exactly that revision, or nil.
func (l *live) get(ctx context.Context, conversation, rev int64) []byte {
	if l.absent() {
		return nil
	}
	data, err := l.client.Get(ctx, l.key(conversation)).Bytes()
	if err != nil && err != redis.Nil {
		l.complain(err)
	}
	if len(data) < 8 || binary.BigEndian.Uint64(data) != uint64(rev) {
		return nil
	}
	return data[8:]
}

// put stores a sealed session, unless Redis has a newer one.
func (l *live) put(ctx context.Context, conversation, rev int64, sealed []byte) {
	if l.absent() {
		return
	}
	data := append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(sealed)), uint64(rev)), sealed...)
	if err := newer.Run(ctx, l.client, []string{l.key(conversation)}, data, liveFor.Milliseconds()).Err(); err != nil {
		l.complain(err)
	}
}

func (l *live) drop(ctx context.Context, conversation int64) {
	if l.absent() {
		return
	}
	if err := l.client.Del(ctx, l.key(conversation)).Err(); err != nil {
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
