// Command bench measures how fast baom answers, against two loops that stand for what is usually written: a durable one,
// statement by statement (naive), and one that keeps nothing (echo). It starts a private Postgres and Redis with the
// settings of an installation, then each program in turn, and plays people who write to it as Telegram would and wait for
// each answer:
//
//	go run ./cmd/baom/bench                          64 people without a pause
//	go run ./cmd/baom/bench -people 1                one alone
//	go run ./cmd/baom/bench -people 1000 -think 3.3s about 300 messages a second from 1,000 people
//
// Growth: a data folder is filled with invented people once (serve shows it too, with BAOM_DATA_DIR=DIR), then the turn on
// it is measured beside the turn on an empty record, and the console's pages one by one:
//
//	go run ./cmd/baom/bench fill -conversations 1000000 DIR
//	go run ./cmd/baom/bench -data DIR -programs baom,filled
//	go run ./cmd/baom/bench read DIR
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
	err := error(nil)
	switch name := append(os.Args, "")[1]; name {
	case "fill":
		err = runFill(ctx, os.Args[2:])
	case "read":
		err = (&bench{}).runRead(ctx, os.Args[2:])
	default:
		err = run(ctx)
	}
	if err != nil {
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
	data                 string // the data folder of a filled record; empty: none
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
	flag.StringVar(&b.data, "data", "", "the folder of a filled record, for the program called filled: baom on that record")
	flag.Parse()
	data, err := os.ReadFile(*script)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &b.steps); err != nil {
		return fmt.Errorf("read %s: %w", *script, err)
	}
	return b.with(ctx, func() error {
		fmt.Printf("%-6s %9s %9s %9s %9s   %s\n", "", "msgs/s", "p50 ms", "p99 ms", "lost", "processor µs a message: program · postgres · redis · people · all (resident MB)")
		for range *runs {
			for _, name := range strings.Split(*programs, ",") {
				if err := b.measure(ctx, name); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
		return nil
	})
}

// with does something while the servers run.
func (b *bench) with(ctx context.Context, do func() error) (err error) {
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
	return do()
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
	if b.data != "" {
		o.Dir = b.data
	}
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
	api, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer api.Close()
	p, err := b.serve(ctx, name, api.Addr().String())
	if err != nil {
		return err
	}
	defer p.stop()
	l := &load{steps: b.steps, people: b.people, think: b.think, hook: p.addr, typed: name == "naive" || name == "echo"}
	go l.serve(api)
	result := l.run(ctx, b.warm, b.lasts, p.pid)
	fmt.Printf("%-6s %9.0f %9.2f %9.2f %9d   %s\n", name, result.rate, result.p50, result.p99, result.lost, result.processors)
	return nil
}

// A running program is one under measure.
type running struct {
	addr string // where it listens
	pid  int
	stop func()
}

// serve starts a program: a loop, baom on a database of its own, or filled, which is baom on the filled record.
func (b *bench) serve(ctx context.Context, name, api string) (*running, error) {
	key, database, drop := make([]byte, 32), b.postgres, func() {}
	rand.Read(key)
	var err error
	if name == "filled" {
		key, err = keyOf(b.data)
	} else {
		database, drop, err = b.database(ctx)
	}
	if err != nil {
		return nil, err
	}
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := port.Addr().String()
	port.Close()
	cmd := exec.CommandContext(ctx, b.program, "serve")
	if name == "naive" || name == "echo" {
		if cmd.Path, err = os.Executable(); err != nil {
			return nil, err
		}
		cmd.Env = append(cmd.Env, "BENCH_LOOP="+name)
	}
	cmd.Env = append(cmd.Env, "BAOM_DATABASE_URL="+database, "BAOM_REDIS_URL="+b.redis, "BAOM_HTTP_ADDR="+addr, "BAOM_SECRET_KEY="+hex.EncodeToString(key),
		"BAOM_SEARCH_LEARNS=off", "BAOM_TELEGRAM_TOKEN="+token, "BAOM_TELEGRAM_API_URL=http://"+api, "BAOM_TELEGRAM_MODE=webhook", "BAOM_TELEGRAM_SECRET="+secret, "HOME="+b.dir)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		drop()
	}
	if err := ready(ctx, addr, name == "baom" || name == "filled"); err != nil {
		stop()
		return nil, err
	}
	return &running{addr, cmd.Process.Pid, stop}, nil
}

// database makes one for a run, which drop removes.
func (b *bench) database(ctx context.Context) (url string, drop func(), err error) {
	name := fmt.Sprintf("bench_%d", time.Now().UnixNano())
	admin := func(ctx context.Context, sql string) error {
		conn, err := pgx.Connect(ctx, b.postgres)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, sql)
		return err
	}
	if err := admin(ctx, "create database "+name); err != nil {
		return "", nil, err
	}
	base, query, _ := strings.Cut(b.postgres, "?")
	return base[:strings.LastIndexByte(base, '/')+1] + name + "?" + query, func() {
		admin(context.WithoutCancel(ctx), "drop database "+name+" with (force)") // or it goes with the folder
	}, nil
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
