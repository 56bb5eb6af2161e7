package local

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// serveIn names the variable under which the test binary becomes a program that has the two servers in a data folder,
// says where, and is killed.
const serveIn = "LOCAL_TEST_SERVE"

func TestMain(m *testing.M) {
	dir, serve := os.LookupEnv(serveIn)
	if !serve {
		os.Exit(m.Run())
	}
	pg, err := StartPostgres(context.Background(), Options{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	rd, err := StartRedis(context.Background(), Options{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(pg.URL, rd.URL)
	select {}
}

// journal is a log that a test can read and wait on.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// patiently gives up long after anything but a hang would have ended.
func patiently(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until holds is true.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for ctx := patiently(t); !holds(); time.Sleep(5 * time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("it never happened: %s", what)
		}
	}
}

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// startPostgres starts Postgres for the length of the test.
func startPostgres(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := StartPostgres(patiently(t), o)
	must(t, err)
	t.Cleanup(func() { must(t, s.Stop(context.Background())) })
	return s
}

// query runs statements on the server and returns the text of the last one's first value.
func query(t testing.TB, url string, statements ...string) string {
	t.Helper()
	ctx := patiently(t)
	conn, err := pgx.Connect(ctx, url)
	must(t, err)
	defer conn.Close(ctx)
	var value []byte
	for _, sql := range statements {
		results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		if rows := results[len(results)-1].Rows; len(rows) > 0 {
			value = rows[0][0]
		}
	}
	return string(value)
}

// postmaster is the process id of the Postgres on a data folder.
func postmaster(t testing.TB, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "postgres", "data", "postmaster.pid"))
	must(t, err)
	pid, _, err := parsePID(b)
	must(t, err)
	return pid
}

// open makes a folder that every account can reach.
func open(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "baom-test-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

func TestPostgresStartsStopsAndStartsAgain(t *testing.T) {
	for name, value := range map[string]string{"PGPORT": "1", "PGHOST": "nowhere", "PGUSER": "somebody", "PGDATA": "/nowhere", "PGSSLMODE": "require"} {
		t.Setenv(name, value) // what an administrator's shell may hold
	}
	o := Options{Dir: filepath.Join(t.TempDir(), "data")}
	s, err := StartPostgres(patiently(t), o)
	must(t, err)
	if group, err := syscall.Getpgid(postmaster(t, o.Dir)); err != nil || group == syscall.Getpgrp() {
		t.Errorf("an interrupt from the terminal reaches the server before the program has let go of it: group %d, %v", group, err)
	}
	query(t, s.URL, `create table people (name text)`, `insert into people values ('kept')`, `create extension pg_trgm`)
	for setting, want := range map[string]string{
		"listen_addresses": "", "fsync": "on", "synchronous_commit": "on", "server_encoding": "UTF8", "TimeZone": "UTC",
		"unix_socket_permissions": "0700",
	} {
		if got := query(t, s.URL, "show "+setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if _, err := StartPostgres(patiently(t), o); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("in use by another baom (process %d)", os.Getpid())) {
		t.Errorf("a second one on the same data folder: %v", err)
	}
	must(t, s.Stop(patiently(t)))
	must(t, s.Stop(patiently(t)))
	if _, err := pgx.Connect(patiently(t), s.URL); err == nil {
		t.Error("it still answers after Stop")
	}
	if _, err := os.Stat(filepath.Join(o.Dir, "postgres", "data", "postmaster.pid")); err == nil {
		t.Error("Stop left a pid file: the cluster was not shut down in order")
	}
	again := startPostgres(t, o)
	if again.URL != s.URL || again.Kind != "postgres" {
		t.Errorf("started again as %s at %s, was at %s", again.Kind, again.URL, s.URL)
	}
	if got := query(t, again.URL, `select name from people`); got != "kept" {
		t.Errorf("after a new start the row is %q", got)
	}
}

func TestKilledPostgresComesBackWithItsData(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	s := startPostgres(t, o)
	query(t, s.URL, `create table people (name text)`, `insert into people values ('kept')`)
	killed := postmaster(t, o.Dir)
	must(t, syscall.Kill(killed, syscall.SIGKILL))
	eventually(t, "the same address answers again", func() bool {
		conn, err := pgx.Connect(patiently(t), s.URL)
		if err == nil {
			conn.Close(context.Background())
		}
		return err == nil && postmaster(t, o.Dir) != killed
	})
	if got := query(t, s.URL, `select name from people`); got != "kept" {
		t.Errorf("after the kill the row is %q", got)
	}
}

// copyOfTests puts the test binary where every account can run it.
func copyOfTests(t *testing.T) string {
	t.Helper()
	file, err := os.Executable()
	must(t, err)
	self, err := os.ReadFile(file)
	must(t, err)
	binary := filepath.Join(open(t), "tests")
	must(t, os.WriteFile(binary, self, 0o755))
	return binary
}

// serve runs the two servers in a process of its own and returns it with their addresses.
func serve(t *testing.T, dir string, as *syscall.Credential) (program *exec.Cmd, postgresURL, redisURL string) {
	t.Helper()
	program = exec.Command(copyOfTests(t))
	program.Env = append(os.Environ(), serveIn+"="+dir)
	program.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	program.Dir = dir
	var complaint bytes.Buffer
	program.Stderr = &complaint
	out, err := program.StdoutPipe()
	must(t, err)
	must(t, program.Start())
	t.Cleanup(func() { program.Process.Kill(); program.Wait() })
	if _, err := fmt.Fscanln(out, &postgresURL, &redisURL); err != nil {
		t.Fatalf("the program: %v %s", err, complaint.String())
	}
	return program, postgresURL, redisURL
}

func TestKilledProgramLeavesNothingInTheWay(t *testing.T) {
	accounts := map[string]*syscall.Credential{"same account": nil}
	if os.Geteuid() == 0 {
		// Root then takes over a cluster of an ordinary account, and runs it as that.
		accounts["ordinary account"] = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	for name, as := range accounts {
		t.Run(name, func(t *testing.T) {
			dir := open(t)
			if as != nil {
				must(t, os.Chown(dir, int(as.Uid), int(as.Gid)))
			}
			program, postgresURL, _ := serve(t, dir, as)
			query(t, postgresURL, `create table people (name text)`, `insert into people values ('kept')`)
			orphan := postmaster(t, dir)
			// A stopped process cannot act on the signal it gets: it is a server that takes its time to end.
			must(t, syscall.Kill(orphan, syscall.SIGSTOP))
			t.Cleanup(func() { syscall.Kill(orphan, syscall.SIGCONT) })
			must(t, program.Process.Kill())
			program.Wait()
			var log journal
			type started struct {
				s   *Server
				err error
			}
			result := make(chan started)
			go func() {
				s, err := StartPostgres(patiently(t), Options{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))})
				result <- started{s, err}
			}()
			eventually(t, "the new start notices the server left behind", func() bool {
				return strings.Contains(log.String(), "an earlier run left behind")
			})
			must(t, syscall.Kill(orphan, syscall.SIGCONT))
			r := <-result
			must(t, r.err)
			t.Cleanup(func() { must(t, r.s.Stop(context.Background())) })
			if got := query(t, r.s.URL, `select name from people`); got != "kept" {
				t.Errorf("the row is %q", got)
			}
			if postmaster(t, dir) == orphan {
				t.Error("the server left behind was taken over")
			}
			must(t, startRedis(t, Options{Dir: dir}).Ping(patiently(t)).Err())
		})
	}
}

func TestPIDOfAnotherProgramIsNoServer(t *testing.T) {
	o := Options{Dir: t.TempDir(), Fast: true}
	s, err := StartPostgres(patiently(t), o)
	must(t, err)
	must(t, s.Stop(patiently(t)))
	other := exec.Command("sleep", "600")
	must(t, other.Start())
	t.Cleanup(func() { other.Process.Kill(); other.Wait() })
	stale := fmt.Sprintf("%d\n%s\n1700000000\n5432\n/nowhere\n\n", other.Process.Pid, filepath.Join(o.Dir, "postgres", "data"))
	must(t, os.WriteFile(filepath.Join(o.Dir, "postgres", "data", "postmaster.pid"), []byte(stale), 0o600))
	startPostgres(t, o)
	if err := other.Process.Signal(syscall.Signal(0)); err != nil {
		t.Error("a program that only bears the process id was killed")
	}
}

func TestPostgresOfSomebodyElseIsNotStopped(t *testing.T) {
	dir := open(t)
	o := Options{Dir: dir, Fast: true}
	s := startPostgres(t, o)
	b, err := os.ReadFile(filepath.Join(dir, "postgres", "data", "postmaster.pid"))
	must(t, err)
	c := &cluster{Options: Options{Log: slog.New(slog.DiscardHandler)}, data: filepath.Join(dir, "postgres", "data"), run: "/another/socket/folder"}
	if err := c.settle(patiently(t)); err == nil || !strings.Contains(err.Error(), "another Postgres") {
		t.Errorf("a server with other sockets: %v (pid file %q)", err, b)
	}
	query(t, s.URL, `select 1`)
}

func TestAnotherVersionIsRefusedAndKept(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "postgres", "data")
	must(t, os.MkdirAll(data, 0o700))
	must(t, os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("13\n"), 0o600))
	_, err := StartPostgres(patiently(t), Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "made by Postgres 13") || !strings.Contains(err.Error(), "Install Postgres 13") {
		t.Errorf("data of version 13: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(data, "PG_VERSION")); err != nil || string(b) != "13\n" {
		t.Errorf("the data was touched: %q %v", b, err)
	}
	must(t, os.Remove(filepath.Join(data, "PG_VERSION")))
	if _, err := StartPostgres(patiently(t), Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "is no cluster") {
		t.Errorf("a folder that is no cluster: %v", err)
	}
}

func TestNoPostgres(t *testing.T) {
	empty := t.TempDir()
	_, err := StartPostgres(patiently(t), Options{Dir: t.TempDir(), Places: []Place{
		OnPath(empty), InFolders("Debian's folders", filepath.Join(empty, "*", "bin")), FromNPM(empty)}})
	if err == nil {
		t.Fatal("it started")
	}
	for _, want := range []string{"PATH: not there", "Debian's folders", "npm is not in PATH",
		"apt-get install postgresql", "dnf install postgresql-server", "brew install postgresql", "BAOM_DATABASE_URL"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

func TestLogShowsNobody(t *testing.T) {
	dir := t.TempDir()
	s := startPostgres(t, Options{Dir: dir, Fast: true})
	query(t, s.URL, `create table people (name text primary key, age int)`, `insert into people values ('Zzyzx')`)
	conn, err := pgx.Connect(patiently(t), s.URL)
	must(t, err)
	defer conn.Close(context.Background())
	for _, sql := range []string{`insert into people values ('Zzyzx')`, `select 'Zzyzx' from nowhere`} {
		if _, err := conn.Exec(patiently(t), sql); err == nil {
			t.Fatalf("%s did not fail", sql)
		}
	}
	if _, err := conn.Exec(patiently(t), `insert into people (name) values ($1)`, "Zzyzx"); err == nil {
		t.Fatal("the duplicate was taken")
	}
	log, err := os.ReadFile(filepath.Join(dir, "postgres", "log"))
	must(t, err)
	if bytes.Contains(log, []byte("Zzyzx")) || !bytes.Contains(log, []byte("duplicate key")) {
		t.Errorf("the log should tell of the fault and of nobody:\n%s", log)
	}
}

func TestLongDataFolder(t *testing.T) {
	t.Setenv("TMPDIR", open(t))
	o := Options{Dir: filepath.Join(t.TempDir(), strings.Repeat("a-long-name-", 10)), Fast: true}
	pg, err := StartPostgres(patiently(t), o)
	must(t, err)
	query(t, pg.URL, `select 1`)
	rd, err := StartRedis(patiently(t), o)
	must(t, err)
	must(t, redisClient(t, rd.URL).Ping(patiently(t)).Err())
	must(t, pg.Stop(patiently(t)))
	must(t, rd.Stop(patiently(t)))
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "baom-????????????????")); err != nil || len(left) != 0 {
		t.Errorf("socket folders left behind: %v %v", left, err)
	}
}

func TestSocketFolderOfSomebodyElseIsRefused(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "theirs")
	must(t, os.Mkdir(target, 0o700))
	link := filepath.Join(dir, "link")
	must(t, os.Symlink(target, link))
	if err := ownFolder(link, os.Geteuid(), os.Getegid()); err == nil {
		t.Error("a symbolic link was taken for a folder")
	}
	if os.Geteuid() == 0 {
		must(t, os.Chown(target, 12345, 12345))
		if err := ownFolder(target, 0, 0); err == nil {
			t.Error("a folder of another account was accepted")
		}
	}
	open := filepath.Join(dir, "open")
	must(t, os.Mkdir(open, 0o755))
	must(t, ownFolder(open, os.Geteuid(), os.Getegid()))
	if info, err := os.Stat(open); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder stays open to others: %v %v", info.Mode(), err)
	}
}

func TestLogIsRotatedBySize(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	must(t, os.WriteFile(file, bytes.Repeat([]byte("line\n"), maxLog/5+1), 0o600))
	for i := range 2 {
		f, err := openLog(file)
		must(t, err)
		fmt.Fprintln(f, "start", i)
		must(t, f.Close())
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "start 0\nstart 1\n" {
		t.Errorf("the new log: %q %v", b, err)
	}
	if info, err := os.Stat(file + ".1"); err != nil || info.Size() <= maxLog {
		t.Errorf("the old log: %v %v", info, err)
	}
}

func BenchmarkColdStart(b *testing.B) {
	for name, fast := range map[string]bool{"durable": false, "fast": true} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				dir, err := os.MkdirTemp("", "cold-")
				must(b, err)
				s, err := StartPostgres(context.Background(), Options{Dir: dir, Fast: fast})
				must(b, err)
				b.StopTimer()
				must(b, s.Stop(context.Background()))
				must(b, os.RemoveAll(dir))
				b.StartTimer()
			}
		})
	}
}

func BenchmarkWarmStart(b *testing.B) {
	o := Options{Dir: b.TempDir()}
	s, err := StartPostgres(context.Background(), o)
	must(b, err)
	must(b, s.Stop(context.Background()))
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			s, err := StartPostgres(context.Background(), o)
			must(b, err)
			b.StopTimer()
			must(b, s.Stop(context.Background()))
			b.StartTimer()
		}
	})
	b.Run("stop", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			s, err := StartPostgres(context.Background(), o)
			must(b, err)
			b.StartTimer()
			must(b, s.Stop(context.Background()))
		}
	})
}
