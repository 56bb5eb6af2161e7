package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"baom/content"
	"baom/flows"
)

// A shelf holds the content in force, with the dialogues bound to it. It takes in what an office changes in its own folder
// while the program runs; a fault there leaves the last good content in force, and is told to the operator.
type shelf struct {
	dir   string // the office's own folder, empty for none
	cache string // where what the search learns is kept; empty: it does not learn
	log   *slog.Logger
	book  atomic.Pointer[flows.Book]

	mu     sync.Mutex
	loaded time.Time
	fault  error              // why what is in the folder is not in force
	stop   context.CancelFunc // of the training under way
}

// newShelf reads the content for the first time: a fault is an error.
func newShelf(c *config, log *slog.Logger) (*shelf, error) {
	s := &shelf{dir: c.ContentDir, log: log}
	if c.SearchLearns == "on" {
		s.cache = c.learnt()
	}
	return s, s.load()
}

// Book is the dialogues in force.
func (s *shelf) Book() *flows.Book { return s.book.Load() }

// Library is the content in force.
func (s *shelf) Library() *content.Library { return s.Book().Library() }

// State is since when the content is in force, and why a later change is not.
func (s *shelf) State() (loaded time.Time, fault error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loaded, s.fault
}

// load reads the content and puts it in force, or says every fault and changes nothing.
func (s *shelf) load() error {
	lib, err := library(s.dir)
	var book *flows.Book
	if err == nil {
		book, err = flows.New(lib)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault = err; err != nil {
		return err
	}
	s.loaded = time.Now()
	s.book.Store(book)
	return nil
}

// train lets the search learn from the content in force. It answers meanwhile; what it learns joins when it is ready, and
// is kept for the next start.
func (s *shelf) train(ctx context.Context) {
	if s.cache == "" {
		s.Library().Forgo()
		go debug.FreeOSMemory() // as below
		return
	}
	ctx, stop := context.WithCancel(ctx)
	s.mu.Lock()
	if s.stop != nil {
		s.stop()
	}
	s.stop = stop
	s.mu.Unlock()
	lib := s.Library()
	go func() {
		defer stop()
		if err := lib.Train(ctx, s.cache); err != nil && ctx.Err() == nil {
			s.log.Warn("what the search has learnt could not be kept", "error", err)
		}
		debug.FreeOSMemory() // learning takes several times what is kept of it, and then there may be nothing to do for hours
	}()
}

// Reload takes in the folder as it is now.
func (s *shelf) Reload(ctx context.Context) error {
	if err := s.load(); err != nil {
		s.log.Warn("the content has faults: what was in force stays", "faults", err.Error())
		return err
	}
	s.log.Info("the content was read again", "answers", len(s.Library().Answers()))
	s.train(ctx)
	return nil
}

// lookEvery is how often the folder is looked at.
const lookEvery = 2 * time.Second

// run takes in changes until ctx ends: at once on SIGHUP, else once the folder has looked the same twice in a row, so that
// a file that is still being written is left alone.
func (s *shelf) run(ctx context.Context) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	taken := s.look()
	before := taken
	s.train(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hup:
			before = s.look()
			taken = before
			_ = s.Reload(ctx) // told in the log and in the console
		case <-tick.C:
			now := s.look()
			if now != taken && now == before {
				taken = now
				_ = s.Reload(ctx)
			}
			before = now
		}
	}
}

// look is a fingerprint of the folder: names, sizes and times of its files.
func (s *shelf) look() uint64 {
	if s.dir == "" {
		return 0
	}
	h := fnv.New64a()
	err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			fmt.Fprintf(h, "%s\x00%d\x00%d\x00", path, info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil { // gone or unreadable: the load says why
		fmt.Fprint(h, err)
	}
	return h.Sum64()
}
