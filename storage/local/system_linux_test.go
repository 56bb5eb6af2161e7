package local

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestKilledProgramTakesItsServersAlong(t *testing.T) {
	dir := open(t)
	program, _, redisURL := serve(t, dir, nil)
	pid := postmaster(t, dir)
	must(t, program.Process.Kill())
	program.Wait()
	eventually(t, "postgres ends in order", func() bool {
		_, err := os.Stat(filepath.Join(dir, "postgres", "data", "postmaster.pid"))
		return os.IsNotExist(err) && !alive(pid)
	})
	client := redisClient(t, redisURL)
	eventually(t, "redis ends", func() bool { return client.Ping(patiently(t)).Err() != nil })
}

// alive tells whether a process runs; a dead one that nobody has waited for does not.
func alive(pid int) bool {
	_, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	return err == nil
}

// TestAccounts starts Postgres as root on folders that the account postgres can and cannot reach, and everything once
// more as an ordinary user. Where the tests are run by an ordinary user, all the others are that already.
func TestAccounts(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	t.Run("postgres", func(t *testing.T) {
		id, err := named("postgres")
		if err != nil {
			t.Skip("there is no account postgres")
		}
		runsAs(t, filepath.Join(open(t), "data"), id.uid)
	})
	t.Run("namespace", func(t *testing.T) {
		dir := open(t)
		must(t, os.Chmod(dir, 0o700))
		runsAs(t, filepath.Join(dir, "data"), 0)
	})
	t.Run("ordinary user", func(t *testing.T) {
		dir := open(t)
		must(t, os.Mkdir(filepath.Join(dir, "tmp"), 0o700))
		must(t, os.Chown(filepath.Join(dir, "tmp"), 65534, 65534))
		cmd := exec.Command(copyOfTests(t), "-test.v", "-test.run=^Test[^F]")
		cmd.Dir = filepath.Join(dir, "tmp")
		cmd.Env = append(os.Environ(), "TMPDIR="+cmd.Dir, "HOME="+cmd.Dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: TestPostgresStartsStopsAndStartsAgain")) {
			t.Errorf("as an ordinary user: %v\n%s", err, out)
		}
	})
}

// runsAs checks, over two starts, that the cluster and the server are the account's and that the server is not root to
// itself: Postgres refuses to be.
func runsAs(t *testing.T, dir string, uid int) {
	for range 2 {
		s, err := StartPostgres(patiently(t), Options{Dir: dir, Fast: true})
		must(t, err)
		info, err := os.Stat(fmt.Sprintf("/proc/%d", postmaster(t, dir)))
		must(t, err)
		if got, _, _ := ownerOf(info); got != uid {
			t.Errorf("the server runs as %d, want %d", got, uid)
		}
		info, err = os.Stat(filepath.Join(dir, "postgres", "data"))
		must(t, err)
		if got, _, _ := ownerOf(info); got != uid || info.Mode().Perm() != 0o700 {
			t.Errorf("the cluster is %v of %d, want 0700 of %d", info.Mode(), got, uid)
		}
		query(t, s.URL, `create table if not exists t (n int)`)
		must(t, s.Stop(patiently(t)))
	}
}

func TestServerIsToldNoSecret(t *testing.T) {
	t.Setenv("BAOM_SECRET_KEY", "Zzyzx")
	dir := t.TempDir()
	startPostgres(t, Options{Dir: dir, Fast: true})
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", postmaster(t, dir)))
	must(t, err)
	if !bytes.Contains(env, []byte("LC_ALL=C")) || bytes.Contains(env, []byte("Zzyzx")) {
		t.Errorf("the server's environment: %q", env)
	}
}
