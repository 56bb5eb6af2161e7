package main

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"baom/bot"
	"baom/handlers/console"
	"baom/handlers/telegram"
	"baom/handlers/webchat"
	"baom/handlers/whatsapp"
	"baom/storage"
	"baom/storage/local"
)

// serve runs everything until it is told to stop. Then it stops receiving, finishes what it has in hand, and stops
// the servers it started.
func (p *program) serve(ctx context.Context, args []string) (err error) {
	f := p.flags("serve")
	verbose := f.Bool("debug", false, "log each turn")
	demo := f.Bool("demo", false, "a demonstration office with invented cases, made anew at each start, on a database of its own")
	if err := parse(f, args); err != nil {
		return err
	}
	c, err := readConfig(p.env)
	if err != nil {
		return err
	}
	if *demo {
		if err := c.demonstrate(); err != nil {
			return err
		}
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewJSONHandler(p.stderr, &slog.HandlerOptions{Level: level}))

	if os.Getenv("GOGC") == "" { // what is kept is large and quickly looked through: content without pointers
		debug.SetGCPercent(40)
	}

	// What can fail for a reason the operator can mend comes first.
	shelf, err := newShelf(c, log)
	if err != nil {
		return err
	}
	key, err := c.secretKey()
	if err != nil {
		return err
	}
	listener, err := listen(c.HTTPAddr)
	if err != nil {
		return err
	}
	defer listener.Close()

	services, err := openServices(ctx, c, log)
	if err != nil {
		return err
	}
	// Stopping is not hurried by the signal that caused it.
	defer func() { err = errors.Join(err, services.stop(context.WithoutCancel(ctx))) }()
	if *demo {
		if err := storage.Demonstrate(ctx, services.databaseURL); err != nil {
			return fmt.Errorf("a demonstration takes a database of its own: %w", err)
		}
	}
	if err := storage.Migrate(ctx, services.databaseURL); err != nil {
		return err
	}
	if *demo {
		if err := p.demonstrate(ctx, services.databaseURL, key, shelf, log); err != nil {
			return err
		}
	}
	store, err := storage.Open(ctx, storage.Options{DatabaseURL: services.databaseURL, RedisURL: services.redisURL,
		Secret: key, Now: p.now, Log: log})
	if err != nil {
		return err
	}
	defer store.Close()
	if marked, err := store.Demonstration(ctx); err != nil {
		return err
	} else if marked && !*demo {
		return errors.New("the database holds a demonstration: nobody real is received in it; use another, or serve -demo")
	}

	var journal bot.Journal = store
	if c.TracesURL != "" {
		traces, err := newTracer(ctx, c.TracesURL, c.share, log)
		if err != nil {
			return err
		}
		defer traces.stop(context.WithoutCancel(ctx))
		journal = &traced{store, traces}
	}
	server, err := newServer(ctx, c, key, shelf, store, journal, p.now, log)
	if err != nil {
		return err
	}
	if c.WhatsApp == "on" {
		phone, db, err := newWhatsApp(ctx, c, key, services.databaseURL, store, shelf.Library, log, p.wire)
		if err != nil {
			return err
		}
		defer db.Close()
		server.carryWhatsApp(ctx, phone)
	}
	server.address(listener)
	if err := server.firstAdministrator(ctx, p); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "web chat  %s/\nconsole   %s/console/\n", server.url, server.url)
	return server.run(ctx, listener)
}

// services are the Postgres and Redis in use, ours or the operator's.
type services struct {
	databaseURL, redisURL string
	stops                 []func(context.Context) error
}

func openServices(ctx context.Context, c *config, log *slog.Logger) (*services, error) {
	s := &services{databaseURL: c.DatabaseURL, redisURL: c.RedisURL}
	group, ctx := errgroup.WithContext(ctx)
	var postgres, redis *local.Server
	if s.databaseURL == "" {
		group.Go(func() (err error) {
			postgres, err = local.StartPostgres(ctx, local.Options{Dir: c.DataDir, Log: log})
			return err
		})
	}
	if s.redisURL == "" {
		group.Go(func() (err error) {
			redis, err = local.StartRedis(ctx, local.Options{Dir: c.DataDir, Log: log})
			return err
		})
	}
	err := group.Wait()
	if redis != nil {
		s.redisURL = redis.URL
		s.stops = append(s.stops, redis.Stop)
	}
	if postgres != nil {
		s.databaseURL = postgres.URL
		s.stops = append(s.stops, postgres.Stop)
	}
	if s.redisURL == "none" {
		s.redisURL = ""
	}
	if err != nil {
		return nil, errors.Join(err, s.stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (s *services) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var faults []error
	for _, stop := range s.stops {
		faults = append(faults, stop(ctx))
	}
	return errors.Join(faults...)
}

// listen opens the port, with an error that says what to do when it is taken.
func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is taken by another program: stop it, or set %sHTTP_ADDR to another port (127.0.0.1:0 takes a free one)", addr, prefix)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %sHTTP_ADDR %q: %w", prefix, addr, err)
	}
	return l, nil
}

// A server is the running program: the bot, its channels, and the pages.
type server struct {
	log      *slog.Logger
	shelf    *shelf
	expect   *bot.Expectations
	store    *storage.Store
	bot      *bot.Bot
	telegram *telegram.Telegram // nil without a token
	whatsapp *whatsapp.WhatsApp // nil where it is off
	chat     *webchat.Chat
	console  *console.Console
	registry *prometheus.Registry
	notifier *bot.Notifier
	url      string
	ready    atomic.Bool
}

func newServer(ctx context.Context, c *config, key []byte, shelf *shelf, store *storage.Store, journal bot.Journal, clock func() time.Time, log *slog.Logger) (*server, error) {
	s := &server{log: log, shelf: shelf, store: store, url: strings.TrimSuffix(c.PublicURL, "/")}
	local := zone()
	now := func() time.Time { return clock().In(local) }
	var err error
	s.registry = newRegistry(store, shelf, c.BackupDir, log)
	journal = newMeter(s.registry, time.Now, log).journal(journal)
	s.chat, err = webchat.New(webchat.Config{Journal: journal, Lib: shelf.Library, Secret: key, PublicURL: c.PublicURL, Log: log, Now: now, Demo: c.demo, Reached: store.Reached})
	if err != nil {
		return nil, err
	}
	messengers := []bot.Messenger{s.chat}
	if c.demo {
		messengers = append(messengers, nowhere{bot.Telegram}, nowhere{bot.WhatsApp})
	}
	if c.TelegramToken != "" {
		s.telegram, err = telegram.New(telegram.Config{Token: c.TelegramToken, APIURL: c.TelegramAPIURL, Secret: c.TelegramSecret,
			Mode: c.TelegramMode, PublicURL: c.PublicURL, Log: log, Now: now,
			Hold: func(ctx context.Context) (context.Context, func(), bool, error) { return store.Hold(ctx, "telegram") }})
		if err != nil {
			return nil, err
		}
		messengers = append(messengers, s.telegram)
	}
	desk := &bot.Desk{Cases: store, Questions: store, Register: store, Imports: store, Meetings: store, Lib: shelf.Library, Now: now, Undo: undo}
	var notices *console.Notices
	if s.notifier, notices, err = newNotifier(ctx, c, store, shelf, s.telegram, s.registry, now, log); err != nil {
		return nil, err
	}
	s.console, err = console.New(console.Config{Desk: desk, Cases: store, Journal: store, Lib: shelf.Library, Sessions: store.Sessions(), Content: shelf,
		PublicURL: c.PublicURL, Second: c.second, Log: log, Now: now, Location: local, Demo: c.demo, Notices: notices})
	if err != nil {
		return nil, err
	}
	s.expect = &bot.Expectations{Cases: store, Lib: shelf.Library, Now: now, Log: log}
	s.bot = &bot.Bot{Book: shelf.Book, Journal: journal, Messengers: messengers, Now: now, Seed: seed, Log: log, Expect: s.expect.Known, Link: s.notifier.Link}
	return s, nil
}

// undo is for how long an officer can take a reply back.
const undo = 5 * time.Second

// seed is fresh randomness for a reference.
func seed() uint64 {
	var b [8]byte
	crand.Read(b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// address notes where the server listens, for what it prints.
func (s *server) address(l net.Listener) {
	if s.url == "" {
		s.url = "http://" + l.Addr().String()
	}
}

// firstAdministrator makes the first account, once, and prints its login.
func (s *server) firstAdministrator(ctx context.Context, p *program) error {
	officers, err := s.store.Officers(ctx, "")
	if err != nil || len(officers) > 0 {
		return err
	}
	c, err := readConfig(p.env)
	if err != nil {
		return err
	}
	pass := c.AdminPassword
	if pass == "" {
		pass = newPassphrase()
	}
	hash, err := console.HashPassphrase(pass)
	if err != nil {
		return err
	}
	err = s.store.SaveOfficer(ctx, &bot.Officer{Login: "admin", Name: "Administration", Hash: hash, Role: bot.RoleAdmin})
	if errors.Is(err, bot.ErrConflict) {
		return nil // another process was faster
	}
	if err == nil && c.AdminPassword == "" {
		fmt.Fprintf(p.stdout, "first start: log in to the console as admin with the passphrase %s (shown this once)\n", pass)
	}
	return err
}

// newPassphrase makes a passphrase of 80 bits that can be read out on the telephone.
func newPassphrase() string {
	text := strings.ToLower(crand.Text())
	return text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:16]
}

// handler is every page and hook of the program.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.chat.Handler())
	mux.Handle("/console/", s.console.Handler())
	if s.telegram != nil {
		mux.Handle("POST /telegram/webhook", s.telegram.Webhook())
	}
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", metrics(s.registry))
	return mux
}

// healthz says that the process lives, and nothing else: who restarts what does not live must not restart it because the
// database is away.
func healthz(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }

// readyz says whether messages can be taken now: started, not stopping, and the record can be reached.
func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	why := ""
	switch {
	case !s.ready.Load():
		why = "not ready: starting or stopping"
	case s.store.Ping(ctx) != nil:
		why = "not ready: the record cannot be reached"
	}
	if why != "" {
		w.Header().Set("Retry-After", "2")
		http.Error(w, why, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// run serves until ctx ends. Pages close last, so that what arrives while stopping is still answered as it must be.
func (s *server) run(ctx context.Context, listener net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	web := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return ctx }}
	group.Go(func() error {
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	handed := make(chan struct{})
	group.Go(func() error {
		defer close(handed)
		return s.bot.Run(ctx)
	})
	group.Go(func() error { return s.purge(ctx) })
	group.Go(func() error { return s.notifier.Run(ctx) })
	group.Go(func() error { return s.shelf.run(ctx) })
	group.Go(func() error { return s.expect.Run(ctx) })
	group.Go(func() error {
		<-ctx.Done()
		s.ready.Store(false)
		select { // pages close last
		case <-handed:
		case <-time.After(25 * time.Second):
		}
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := web.Shutdown(stopping); err != nil {
			return web.Close()
		}
		return nil
	})
	s.ready.Store(true)
	s.log.Info("ready", "url", s.url)
	return group.Wait()
}

// purge applies the retention rules, at the start and then every few minutes.
func (s *server) purge(ctx context.Context) error {
	for {
		if n, err := s.store.Purge(ctx, storage.DefaultRetention()); err != nil && ctx.Err() == nil {
			s.log.Error("the retention rules could not be applied", "error", err)
		} else if n > 0 {
			s.log.Info("erased by the retention rules", "count", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(5 * time.Minute):
		}
	}
}
