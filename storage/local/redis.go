package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// redisSocket is the name of Redis' socket in its folder.
const redisSocket = "redis.sock"

// StartRedis starts a private Redis that keeps nothing on disk: redis-server where it is in Path and starts, else one
// in this process, which is slower and says so in the log. Server.Kind tells which. The context bounds the start, not
// the server's life. It fails where another process has a Redis on the same data folder.
func StartRedis(ctx context.Context, o Options) (*Server, error) {
	o, err := o.prepared()
	if err != nil {
		return nil, fmt.Errorf("start redis: %w", err)
	}
	home := filepath.Join(o.Dir, "redis")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, fmt.Errorf("start redis: %w", err)
	}
	held, err := lock(filepath.Join(home, "lock"))
	if err != nil {
		return nil, fmt.Errorf("start redis: %w", err)
	}
	s, err := startRedisServer(ctx, o, home)
	if err != nil && ctx.Err() == nil {
		o.Log.Warn("no private redis-server: the live sessions are kept in this process, which is slower", "reason", err)
		s, err = startMiniredis()
	}
	if err != nil {
		held.Close()
		return nil, fmt.Errorf("start redis: %w", err)
	}
	stop := s.stop
	s.stop = once(func(ctx context.Context) error { return errors.Join(stop(ctx), held.Close()) })
	return s, nil
}

// startRedisServer runs the redis-server in the options' Path on a socket of its own.
func startRedisServer(ctx context.Context, o Options, home string) (*Server, error) {
	program, err := lookIn(o.Path, "redis-server")
	if err != nil {
		return nil, err
	}
	run, err := socketFolder(filepath.Join(home, "run"), redisSocket, os.TempDir(), os.Geteuid(), os.Getegid())
	if err != nil {
		return nil, err
	}
	sock, logFile := filepath.Join(run, redisSocket), filepath.Join(home, "log")
	// Outside Linux a killed program leaves its Redis behind. Nothing in it is worth keeping. An error means that there
	// is none, or none any more.
	_ = ask(ctx, sock, func(c *redis.Client) error { return c.ShutdownNoSave(ctx).Err() })

	command := func(context.Context) (*exec.Cmd, error) {
		out, err := openLog(logFile)
		if err != nil {
			return nil, err
		}
		// The sessions of an office take a few megabytes; past the limit the least used copy goes, and is made again.
		cmd := self().command(context.Background(), program, "--port", "0", "--unixsocket", sock, "--unixsocketperm", "700",
			"--save", "", "--appendonly", "no", "--dir", home, "--daemonize", "no", "--loglevel", "warning", "--logfile", "",
			"--maxmemory", "128mb", "--maxmemory-policy", "allkeys-lru")
		cmd.Stdout, cmd.Stderr = out, out
		dieWithParent(cmd.SysProcAttr, syscall.SIGKILL)
		return cmd, nil
	}
	offset := logEnd(logFile)
	p := &process{name: "redis-server", command: command, gentle: syscall.SIGTERM, hard: syscall.SIGKILL, log: o.Log}
	p.begin()
	ping := func(ctx context.Context) error {
		return ask(ctx, sock, func(c *redis.Client) error { return c.Ping(ctx).Err() })
	}
	if err := p.until(ctx, ping); err != nil {
		hurry, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		return nil, fmt.Errorf("%w %s", errors.Join(err, p.stop(hurry)), logTail(logFile, offset))
	}
	o.Log.Info("private redis started", "program", program)
	return &Server{URL: (&url.URL{Scheme: "unix", Path: sock}).String(), Kind: "redis-server", stop: func(ctx context.Context) error {
		err := p.stop(ctx)
		leave(run, home)
		return err
	}}, nil
}

// ask connects to the socket once and puts a question. go-redis by itself dials five times and logs each failure.
func ask(ctx context.Context, sock string, question func(*redis.Client) error) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", sock)
	if err != nil {
		return err
	}
	conn.Close()
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: sock, MaxRetries: -1, DialerRetries: 1, PoolSize: 1})
	defer client.Close()
	return question(client)
}

// clockStep is how often the in-process Redis is told the time. Its keys expire that late at most.
const clockStep = 100 * time.Millisecond

// startMiniredis runs a Redis in this process, on a port of this machine that only who knows the password can use.
func startMiniredis() (*Server, error) {
	m := miniredis.NewMiniRedis()
	password := rand.Text()
	m.RequireAuth(password)
	if err := m.Start(); err != nil {
		return nil, fmt.Errorf("in-process redis: %w", err)
	}
	ended, gone := make(chan struct{}), make(chan struct{})
	go func() { // its keys do not expire by themselves
		defer close(gone)
		tick := time.NewTicker(clockStep)
		defer tick.Stop()
		last := time.Now()
		for {
			select {
			case <-ended:
				return
			case now := <-tick.C:
				m.FastForward(now.Sub(last))
				last = now
			}
		}
	}()
	stop := func(context.Context) error {
		close(ended)
		<-gone
		m.Close()
		return nil
	}
	u := url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: m.Addr(), Path: "/0"}
	return &Server{URL: u.String(), Kind: "miniredis", stop: stop}, nil
}
