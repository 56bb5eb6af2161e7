package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldestMajor is the oldest major version of Postgres that a new cluster is made with.
const oldestMajor = 14

// Place is one place to look for Postgres.
type Place struct {
	// Name says where it is, for messages.
	Name string
	// Look returns the folders there that may hold Postgres' programs, the preferred one first. The data folder is
	// where it may keep what it fetches. Major is the version that is wanted, 0 for any; a place that knows that it has
	// another returns an error rather than fetch it.
	Look func(ctx context.Context, dir string, major int) ([]string, error)
}

// Places is where Postgres is looked for: the folders of path, where Debian, Fedora and Homebrew put it, and last npm,
// found in path, which fetches it into the data folder.
func Places(path string) []Place {
	return []Place{
		OnPath(path),
		InFolders("Debian's folders", "/usr/lib/postgresql/*/bin"),
		InFolders("Fedora's folders", "/usr/pgsql-*/bin", "/usr/lib64/pgsql/postgresql-*/bin"),
		InFolders("Homebrew's folders and Postgres.app", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
			"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin", "/Applications/Postgres.app/Contents/Versions/*/bin"),
		FromNPM(path),
	}
}

// OnPath looks in a list of folders separated as in PATH.
func OnPath(path string) Place {
	return Place{Name: "PATH", Look: func(context.Context, string, int) ([]string, error) {
		var folders []string
		for _, dir := range filepath.SplitList(path) {
			if isProgram(filepath.Join(dir, "postgres")) {
				folders = append(folders, dir)
			}
		}
		return folders, nil
	}}
}

// InFolders looks in the folders that match the patterns of filepath.Match, the newest version first.
func InFolders(name string, patterns ...string) Place {
	return Place{Name: name + " (" + strings.Join(patterns, ", ") + ")", Look: func(context.Context, string, int) ([]string, error) {
		var folders []string
		for _, pattern := range patterns {
			found, err := filepath.Glob(pattern)
			if err != nil {
				return nil, fmt.Errorf("pattern %q: %w", pattern, err)
			}
			folders = append(folders, found...)
		}
		slices.SortStableFunc(folders, func(a, b string) int { return slices.Compare(numbers(b), numbers(a)) })
		return folders, nil
	}}
}

var digits = regexp.MustCompile(`[0-9]+`)

// numbers returns the numbers in a folder's name, by which versions are compared: 9.6 before 15, 15 before 18.
func numbers(folder string) []int {
	var list []int
	for _, d := range digits.FindAllString(folder, -1) {
		n, err := strconv.Atoi(d)
		if err != nil {
			continue // too long for a version
		}
		list = append(list, n)
	}
	return list
}

// isProgram tells whether a file is there and can be run.
func isProgram(file string) bool {
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// lookIn is exec.LookPath in a given list of folders.
func lookIn(path, name string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if file := filepath.Join(dir, name); isProgram(file) {
			return filepath.Abs(file)
		}
	}
	return "", &exec.Error{Name: name, Err: exec.ErrNotFound}
}

// programs are the programs of one installation of Postgres.
type programs struct {
	postgres, initdb string
	// version is what postgres --version prints, without its name.
	version string
	major   int
}

// install tells how Postgres is had on the systems that are supported.
const install = `install Postgres and start again, or set BAOM_DATABASE_URL:
  Debian, Ubuntu:  sudo apt-get install postgresql
  Fedora:          sudo dnf install postgresql-server
  macOS:           brew install postgresql@18
or install npm (Node.js), with which Postgres is fetched into the data folder`

// find returns the first Postgres in the places that is of the wanted major version, or if major is 0, of one that a
// new cluster can be made with. Its error names all that was tried and how to install Postgres.
func find(ctx context.Context, places []Place, dir string, major int) (programs, error) {
	var tried strings.Builder
	for _, place := range places {
		folders, err := place.Look(ctx, dir, major)
		if err != nil {
			fmt.Fprintf(&tried, "\n  %s: %v", place.Name, err)
			continue
		}
		if len(folders) == 0 {
			fmt.Fprintf(&tried, "\n  %s: not there", place.Name)
		}
		for _, folder := range folders {
			p, err := examine(ctx, folder)
			switch {
			case err != nil:
				fmt.Fprintf(&tried, "\n  %s: %s: %v", place.Name, folder, err)
			case major != 0 && p.major != major:
				fmt.Fprintf(&tried, "\n  %s: %s: Postgres %d", place.Name, folder, p.major)
			case major == 0 && p.major < oldestMajor:
				fmt.Fprintf(&tried, "\n  %s: %s: Postgres %d is too old, %d is the oldest", place.Name, folder, p.major, oldestMajor)
			default:
				return p, nil
			}
		}
		if ctx.Err() != nil {
			return programs{}, fmt.Errorf("find Postgres: %w", ctx.Err())
		}
	}
	if major != 0 {
		return programs{}, fmt.Errorf("the data in %s was made by Postgres %d, which is not on this machine; another version cannot read it, "+
			"and it is left as it is. Looked in:%s\nInstall Postgres %d (Debian: postgresql-%d, Fedora: postgresql%d-server, macOS: postgresql@%d), "+
			"or move the data to a newer one with pg_upgrade", dir, major, tried.String(), major, major, major, major)
	}
	return programs{}, fmt.Errorf("no Postgres found. Looked in:%s\n%s", tried.String(), install)
}

// examine asks the Postgres in a folder for its version, and checks that it is whole.
func examine(ctx context.Context, folder string) (programs, error) {
	file, err := filepath.EvalSymlinks(filepath.Join(folder, "postgres"))
	if err != nil {
		return programs{}, errors.New("no postgres")
	}
	p := programs{postgres: file, initdb: filepath.Join(filepath.Dir(file), "initdb")}
	if !isProgram(p.initdb) {
		return programs{}, errors.New("no initdb")
	}
	cmd := exec.CommandContext(ctx, file, "--version")
	cmd.Env = childEnv()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return programs{}, fmt.Errorf("it does not run: %w %s", err, tail(out))
	}
	p.version, p.major, err = parseVersion(string(out))
	return p, err
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (([0-9]{1,4})[^\s]*)`)

// parseVersion reads what postgres --version prints, such as "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)".
func parseVersion(line string) (version string, major int, err error) {
	m := versionLine.FindStringSubmatch(line)
	if m == nil {
		return "", 0, fmt.Errorf("%q is no version of Postgres", tail([]byte(line)))
	}
	major, err = strconv.Atoi(m[2])
	return m[1], major, err
}
