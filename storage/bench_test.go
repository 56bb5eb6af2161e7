package storage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/storage"
	"baom/storage/storagetest"
)

// cpu measures the processor time of this program and of Postgres, in microseconds, which is far steadier than elapsed
// time on a machine that others use.
type cpu struct {
	b          *testing.B
	postmaster string
	own, other float64
}

func startCPU(b *testing.B, db string) *cpu {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), db)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context())
	var backend int
	if err := conn.QueryRow(b.Context(), `select pg_backend_pid()`).Scan(&backend); err != nil {
		b.Fatal(err)
	}
	c := &cpu{b: b}
	if stat := procStat(strconv.Itoa(backend)); stat != nil {
		c.postmaster = stat[3]
	}
	c.own, c.other = c.read()
	return c
}

// procStat is /proc/<pid>/stat as fields, the second without its spaces, or nil.
func procStat(pid string) []string {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return nil
	}
	s := string(data)
	i, j := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	return strings.Fields(s[:i] + strings.ReplaceAll(s[i:j], " ", "_") + s[j:])
}

func (c *cpu) read() (own, other float64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		c.b.Fatal(err)
	}
	own = float64(u.Utime.Nano()+u.Stime.Nano()) / 1e3
	pids, err := os.ReadDir("/proc")
	if err != nil || c.postmaster == "" {
		return own, 0
	}
	for _, pid := range pids {
		stat := procStat(pid.Name())
		if len(stat) < 17 || stat[3] != c.postmaster && stat[0] != c.postmaster {
			continue
		}
		last := 15 // utime, stime
		if stat[0] == c.postmaster {
			last = 17 // and those of its children that ended
		}
		for _, ticks := range stat[13:last] {
			n, _ := strconv.ParseFloat(ticks, 64)
			other += n * 1e4 // a tick is 10 ms
		}
	}
	return own, other
}

func (c *cpu) report() {
	own, other := c.read()
	c.b.ReportMetric((own-c.own)/float64(c.b.N), "go-cpu-µs/op")
	c.b.ReportMetric((other-c.other)/float64(c.b.N), "pg-cpu-µs/op")
}

// bench runs op in 64 goroutines, with a number of its own each time.
func bench(b *testing.B, db string, op func(n int)) {
	var n atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	c := startCPU(b, db)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			op(int(n.Add(1)))
		}
	})
	c.report()
}

func benchStore(b *testing.B) (*storage.Store, string) {
	b.Helper()
	db, redisURL := storagetest.Env(b)
	return storagetest.Open(b, storage.Options{DatabaseURL: db, RedisURL: redisURL}), db
}

func BenchmarkReceive(b *testing.B) {
	s, db := benchStore(b)
	bench(b, db, func(n int) { receive(b, s, entry(fmt.Sprint(n%512), n, "bonjour, une question")) })
}

// BenchmarkAnswer is the whole way of a message to an idle conversation: filed, handled, answered and marked.
func BenchmarkAnswer(b *testing.B) {
	s, db := benchStore(b)
	bench(b, db, func(n int) {
		_, deliver, err := s.Answer(b.Context(), entry(fmt.Sprint(n%512), n, "bonjour, une question"), echo)
		if err == nil && deliver != nil {
			err = deliver(b.Context(), func(context.Context, bot.Message) (string, error) { return "17", nil })
		}
		if err != nil {
			b.Error(err)
		}
	})
}

// fill files one entry for each turn, in many conversations.
func fill(b *testing.B, s *storage.Store) {
	b.Helper()
	for i := range b.N {
		receive(b, s, entry(fmt.Sprint(i%512), i, "bonjour, une question"))
	}
}

func BenchmarkTurn(b *testing.B) {
	s, db := benchStore(b)
	fill(b, s)
	bench(b, db, func(int) {
		if err := s.Turn(b.Context(), echo); err != nil && !errors.Is(err, bot.ErrIdle) {
			b.Error(err)
		}
	})
}

func BenchmarkDeliver(b *testing.B) {
	s, db := benchStore(b)
	fill(b, s)
	drain(b, s, echo)
	bench(b, db, func(int) {
		err := s.Deliver(b.Context(), bot.Telegram, func(context.Context, bot.Message) (string, error) { return "17", nil })
		if err != nil && !errors.Is(err, bot.ErrIdle) {
			b.Error(err)
		}
	})
}
