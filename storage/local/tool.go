package local

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// PostgresTool finds a client program of Postgres, such as pg_dump, that can work with a server of the major version: of
// that very version if there is one, else the newest that is newer. It looks in the folders of path and where the systems
// put theirs; path empty stands for the environment's PATH. It is empty where there is none.
func PostgresTool(ctx context.Context, path, name string, major int) string {
	if path == "" {
		path = os.Getenv("PATH")
	}
	var files []string
	for _, place := range Places(path) {
		if strings.HasPrefix(place.Name, "npm") {
			continue // it fetches what it looks for, and has no client programs
		}
		folders, err := place.Look(ctx, "", 0)
		if err != nil {
			continue
		}
		for _, folder := range folders {
			files = append(files, filepath.Join(folder, name))
		}
	}
	if file, err := lookIn(path, name); err == nil { // without a server beside it
		files = append(files, file)
	}
	best, newest := "", 0
	for _, file := range files {
		switch have := toolMajor(ctx, file); {
		case have == major:
			return file
		case have > major && have > newest:
			best, newest = file, have
		}
	}
	return best
}

var toolLine = regexp.MustCompile(`^\S+ \(PostgreSQL\) ([0-9]{1,4})`)

// toolMajor is the major version of a client program, 0 if it does not run.
func toolMajor(ctx context.Context, file string) int {
	if !isProgram(file) {
		return 0
	}
	cmd := exec.CommandContext(ctx, file, "--version")
	cmd.Env = childEnv()
	out, err := cmd.Output()
	m := toolLine.FindSubmatch(out)
	if err != nil || m == nil {
		return 0
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return 0
	}
	return n
}

// Running is the address of the private Postgres and Redis that another process has started on the data folder, as the
// program itself does while it serves; empty for what does not run. Whether they answer is for the caller to see.
func Running(dir string) (postgresURL, redisURL string) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", ""
	}
	c := &cluster{home: filepath.Join(dir, "postgres")}
	pid, err := os.ReadFile(filepath.Join(c.home, "data", "postmaster.pid"))
	if err == nil && held(filepath.Join(dir, "lock")) {
		if _, sockets, err := parsePID(pid); err == nil && sockets != "" {
			c.run = sockets
			postgresURL = c.url(database)
		}
	}
	if sock := filepath.Join(dir, "redis", "run", redisSocket); held(filepath.Join(dir, "redis", "lock")) {
		if _, err := os.Stat(sock); err == nil {
			redisURL = "unix://" + sock
		}
	}
	return postgresURL, redisURL
}

// held tells whether a process has the lock.
func held(file string) bool {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}
