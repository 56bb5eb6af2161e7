package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestRunning: the address of a private server is found by another process while the server runs, and only then.
func TestRunning(t *testing.T) {
	dir := open(t)
	if postgres, redis := Running(dir); postgres != "" || redis != "" {
		t.Errorf("before the start: %q, %q", postgres, redis)
	}
	server, err := StartPostgres(patiently(t), Options{Dir: dir, Fast: true})
	if err != nil {
		t.Fatal(err)
	}
	if postgres, _ := Running(dir); postgres != server.URL {
		t.Errorf("while it runs at %s: %q", server.URL, postgres)
	}
	if err := server.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if postgres, _ := Running(dir); postgres != "" {
		t.Errorf("after its end: %q", postgres)
	}
}

// TestPostgresTool: of several, the tool of the server's own version is taken, else the newest that is newer, never an
// older one, which could not read what the server says.
func TestPostgresTool(t *testing.T) {
	dir := t.TempDir()
	path := ""
	for _, version := range []string{"93", "91", "92"} {
		folder := filepath.Join(dir, version)
		script := "#!/bin/sh\necho 'pg_try (PostgreSQL) " + version + ".1'\n"
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"pg_try", "postgres"} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		path += folder + string(os.PathListSeparator)
	}
	for major, want := range map[int]string{91: "91", 92: "92", 90: "93", 94: ""} {
		if want != "" {
			want = filepath.Join(dir, want, "pg_try")
		}
		if got := PostgresTool(t.Context(), path, "pg_try", major); got != want {
			t.Errorf("for %d: %q, not %q", major, got, want)
		}
	}
	if _, err := exec.LookPath("pg_dump"); err == nil && PostgresTool(t.Context(), "", "pg_dump", 1) == "" {
		t.Error("the pg_dump of this machine is not found")
	}
}
