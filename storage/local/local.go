// Package local starts the private Postgres and Redis of an installation that was given neither.
//
// StartPostgres runs the Postgres it finds on the machine (see Places for where it looks) on a cluster of its own under
// the data folder, reachable only through a unix socket in a folder that only its owner can enter. StartRedis runs
// redis-server likewise, with nothing kept on disk, or an in-process Redis where there is none.
//
// Both servers are kept: one that dies is started again on the same data under the same URL. Both end with the program:
// by Stop, and on Linux also when the program is killed. What a killed program or a killed server left behind is waited
// for or stopped at the next start. A data folder has one owner at a time, enforced by a lock that the kernel drops with
// its holder. No data is ever deleted, and a cluster of another major version is refused.
//
// The data folder holds:
//
//	lock             held while Postgres is in use; it names the holder's process
//	postgres/data    the cluster
//	postgres/run     its socket, unless the path is too long for one (then a folder under the system's temporary one)
//	postgres/log     what the server says; log.1 is the one before
//	redis/           the same for Redis, with a lock of its own
//	npm/<version>    Postgres as fetched by npm, where that was the only way
package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Options say where the servers live and how they are found.
type Options struct {
	// Dir is the data folder. It is made where it is absent, and made absolute.
	Dir string
	// Fast gives up durability for speed: a crash of the machine may lose the cluster. It is for tests only.
	Fast bool
	// Log receives what is chosen and what goes wrong. Nil discards it.
	Log *slog.Logger
	// Path is the list of folders in which programs are looked up. Empty stands for the environment's PATH.
	Path string
	// Places is where Postgres is looked for, in order. Nil stands for Places(Path).
	Places []Place
}

// Server is a running private server.
type Server struct {
	// URL is what clients connect to: for Postgres as pgx and libpq read it, for Redis as go-redis reads it. It stays
	// the same for the server's life, restarts included.
	URL string
	// Kind is "postgres", "redis-server" or "miniredis".
	Kind string

	stop func(context.Context) error
}

// Stop ends the server in order and releases its data folder. Clients still connected are cut off. Where ctx ends
// before the server does, the server is stopped the hard way (which loses nothing committed) and the error says so.
// A second Stop does nothing and returns what the first one did.
func (s *Server) Stop(ctx context.Context) error { return s.stop(ctx) }

// prepared returns the options with every default filled in and the data folder made.
func (o Options) prepared() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("no data folder given")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, fmt.Errorf("data folder: %w", err)
	}
	o.Dir = dir
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Path == "" {
		o.Path = os.Getenv("PATH")
	}
	if o.Places == nil {
		o.Places = Places(o.Path)
	}
	if err := os.MkdirAll(dir, folderMode()); err != nil {
		return o, fmt.Errorf("data folder: %w", err)
	}
	return o, nil
}

// folderMode is the mode of the folders that lead to a server's own. Root's can be passed through, not listed: the
// server runs under another account there.
func folderMode() fs.FileMode {
	if os.Geteuid() == 0 {
		return 0o711
	}
	return 0o700
}

// lock takes the lock file for this process, or says which process has it. Closing the file releases it; so does the
// end of the process, however it comes. The file itself stays.
func lock(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder, _ := io.ReadAll(io.LimitReader(f, 20))
		f.Close()
		return nil, fmt.Errorf("the data folder %s is in use by another baom (process %s): stop it first, or give this one a data folder of its own",
			filepath.Dir(file), strings.TrimSpace(string(holder)))
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", file, err)
	}
	return f, nil
}

// maxSocket is the longest path of a unix socket that every supported system takes (macOS: 104 with the final zero).
const maxSocket = 103

// socketFolder makes the 0700 folder, owned by uid and gid, for a socket called name: near, or where the socket's path
// would be too long, a folder under temp named after near.
func socketFolder(near, name, temp string, uid, gid int) (string, error) {
	dir := near
	if len(filepath.Join(dir, name)) > maxSocket {
		sum := sha256.Sum256([]byte(near))
		dir = filepath.Join(temp, "baom-"+hex.EncodeToString(sum[:8]))
		if len(filepath.Join(dir, name)) > maxSocket {
			dir = filepath.Join("/tmp", filepath.Base(dir))
		}
	}
	if err := ownFolder(dir, uid, gid); err != nil {
		return "", fmt.Errorf("socket folder: %w", err)
	}
	return dir, nil
}

// leave removes a socket folder that is not under home. One that is not empty stays: a server may be in it still.
func leave(dir, home string) {
	if filepath.Dir(dir) != home {
		_ = os.Remove(dir)
	}
}

// ownFolder makes dir a 0700 folder of uid and gid. A folder that is there already is accepted only if it is theirs or
// this process's own: under a shared temporary folder anybody may have put it there first.
func ownFolder(dir string, uid, gid int) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, _, err := ownerOf(info)
	if err != nil {
		return err
	}
	if !info.IsDir() || owner != uid && owner != os.Geteuid() {
		return fmt.Errorf("%s is not a folder of this account (owner %d)", dir, owner)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	if owner != uid {
		return os.Lchown(dir, uid, gid)
	}
	return nil
}

// ownerOf returns the user and group that own a file.
func ownerOf(info fs.FileInfo) (uid, gid int, err error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, fmt.Errorf("%s: the system does not tell its owner", info.Name())
	}
	return int(stat.Uid), int(stat.Gid), nil
}

// sweep removes the work folders that a killed program left half made. No server has ever run on them.
func sweep(pattern string) error {
	left, err := filepath.Glob(pattern)
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

// maxLog is the size in bytes past which a server's log is set aside when the server starts.
const maxLog = 4 << 20

// openLog opens a server's log for appending. A log past maxLog becomes file.1, replacing the one before it.
func openLog(file string) (*os.File, error) {
	if info, err := os.Stat(file); err == nil && info.Size() > maxLog {
		if err := os.Rename(file, file+".1"); err != nil {
			return nil, fmt.Errorf("rotate log: %w", err)
		}
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return f, nil
}

// logEnd is where the next lines of a log will be once openLog has opened it.
func logEnd(file string) int64 {
	info, err := os.Stat(file)
	if err != nil || info.Size() > maxLog {
		return 0
	}
	return info.Size()
}

// logTail returns the last lines (at most about 2 kB) that were written to a log after the offset.
func logTail(file string, offset int64) string {
	b, err := os.ReadFile(file)
	if err != nil || int64(len(b)) < offset {
		return ""
	}
	return tail(b[offset:])
}

// tail returns the end of a program's output, at most about 2 kB, without surrounding space.
func tail(b []byte) string {
	const most = 2048
	if len(b) > most {
		b = b[len(b)-most:]
	}
	return strings.TrimSpace(string(b))
}

// childEnv is the environment a server is given: what it needs to run, and nothing that would change its settings
// (PGPORT, PGDATA …) or that it has no business knowing (BAOM_…).
func childEnv() []string {
	env := []string{"LC_ALL=C", "TZ=UTC"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
