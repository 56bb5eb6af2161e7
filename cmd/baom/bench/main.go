// Command bench measures how fast baom answers, against two loops that stand for what is usually written: a durable one,
// statement by statement (naive), and one that keeps nothing (echo). It starts a private Postgres and Redis with the
// settings of an installation, then each program in turn, and plays people who write to it as Telegram would and wait for
// each answer:
//
//	go run ./cmd/baom/bench                          64 people without a pause
//	go run ./cmd/baom/bench -people 1                one alone
//	go run ./cmd/baom/bench -people 1000 -think 3.3s about 300 messages a second from 1,000 people
//
// Processor time is that of everything that works on a message, in microseconds a message: the program, Postgres, Redis,
// and the people played by bench itself. It is far steadier than messages a second on a machine that others use, and so
// are ratios within one run. For the loops, which know no buttons, people type what they would press.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/storage/local"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if name := os.Getenv("BENCH_LOOP"); name != "" { // a process of its own, started below
		t := target{os.Getenv("BAOM_TELEGRAM_TOKEN"), os.Getenv("BAOM_TELEGRAM_API_URL"), os.Getenv("BAOM_DATABASE_URL"), os.Getenv("BAOM_REDIS_URL"), os.Getenv("BAOM_HTTP_ADDR")}
		if err := serveNaive(ctx, t, name == "echo"); err != nil && !errors.Is(err, http.ErrServerClosed) {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A target is what a program under measure is told.
type target struct{ token, api, database, redis, addr string }

// A bench is the servers and what is asked of each program.
type bench struct {
	steps                []step
	people               int
	think                time.Duration
	dir, postgres, redis string
	program              string // of baom
	warm, lasts          time.Duration
}

func run(ctx context.Context) error {
	b := &bench{}
	script := flag.String("script", "cmd/baom/testdata/intake.json", "what each person says, step by step")
	programs := flag.String("programs", "naive,echo,baom", "which to measure, in turn")
	runs := flag.Int("runs", 3, "how often each")
	flag.IntVar(&b.people, "people", 64, "people at once")
	flag.DurationVar(&b.think, "think", 0, "mean pause before each message")
	flag.DurationVar(&b.warm, "warm", 2*time.Second, "not counted at the beginning")
	flag.DurationVar(&b.lasts, "for", 5*time.Second, "counted")
	flag.StringVar(&b.program, "baom", "", "the program; empty: built from this tree")
	flag.Parse()
	data, err := os.ReadFile(*script)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &b.steps); err != nil {
		return fmt.Errorf("read %s: %w", *script, err)
	}
	if b.dir, err = os.MkdirTemp("", "baom-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := os.Chmod(b.dir, 0o711); err != nil { // the account that runs Postgres passes through
		return err
	}
	stop, err := b.start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	fmt.Printf("%-6s %9s %9s %9s %9s   %s\n", "", "msgs/s", "p50 ms", "p99 ms", "lost", "processor µs a message: program · postgres · redis · people · all (resident MB)")
	for range *runs {
		for _, name := range strings.Split(*programs, ",") {
			if err := b.measure(ctx, name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

// start starts the servers and builds the program.
func (b *bench) start(ctx context.Context) (stop func(), err error) {
	if b.program == "" {
		b.program = filepath.Join(b.dir, "baom")
		build := exec.CommandContext(ctx, "go", "build", "-o", b.program, "./cmd/baom")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return nil, fmt.Errorf("build the program: %w", err)
		}
	}
	o := local.Options{Dir: filepath.Join(b.dir, "data")}
	postgres, err := local.StartPostgres(ctx, o)
	if err != nil {
		return nil, err
	}
	redis, err := local.StartRedis(ctx, o)
	if err != nil {
		return nil, errors.Join(err, postgres.Stop(context.WithoutCancel(ctx)))
	}
	b.postgres, b.redis = postgres.URL, redis.URL
	return func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		redis.Stop(ending)
		postgres.Stop(ending)
	}, nil
}

// measure runs one program once, on a database of its own, and prints a line.
func (b *bench) measure(ctx context.Context, name string) error {
	database, err := b.database(ctx)
	if err != nil {
		return err
	}
	api, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer api.Close()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := port.Addr().String()
	port.Close()
	l := &load{steps: b.steps, people: b.people, think: b.think, hook: addr, typed: name != "baom"}
	go l.serve(api)
	cmd := exec.CommandContext(ctx, b.program, "serve")
	if name != "baom" {
		if cmd.Path, err = os.Executable(); err != nil {
			return err
		}
		cmd.Env = append(cmd.Env, "BENCH_LOOP="+name)
	}
	key := make([]byte, 32)
	rand.Read(key)
	cmd.Env = append(cmd.Env, "BAOM_DATABASE_URL="+database, "BAOM_REDIS_URL="+b.redis, "BAOM_HTTP_ADDR="+addr, "BAOM_SECRET_KEY="+hex.EncodeToString(key),
		"BAOM_SEARCH_LEARNS=off", "BAOM_TELEGRAM_TOKEN="+token, "BAOM_TELEGRAM_API_URL=http://"+api.Addr().String(), "BAOM_TELEGRAM_MODE=webhook", "BAOM_TELEGRAM_SECRET="+secret, "HOME="+b.dir)
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	}()
	if err := ready(ctx, addr, name == "baom"); err != nil {
		return err
	}
	result := l.run(ctx, b.warm, b.lasts, cmd.Process.Pid)
	fmt.Printf("%-6s %9.0f %9.2f %9.2f %9d   %s\n", name, result.rate, result.p50, result.p99, result.lost, result.processors)
	return nil
}

// database makes one for a run.
func (b *bench) database(ctx context.Context) (url string, err error) {
	conn, err := pgx.Connect(ctx, b.postgres)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	name := fmt.Sprintf("bench_%d", time.Now().UnixNano())
	if _, err := conn.Exec(ctx, "create database "+name); err != nil {
		return "", err
	}
	base, query, _ := strings.Cut(b.postgres, "?")
	return base[:strings.LastIndexByte(base, '/')+1] + name + "?" + query, nil
}

// ready waits until the program listens, and until what it does once at its start has passed.
func ready(ctx context.Context, addr string, settles bool) error {
	for range 600 {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			if settles {
				time.Sleep(4 * time.Second)
			}
			return ctx.Err()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("it does not listen")
}
