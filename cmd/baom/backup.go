package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"baom/storage"
	"baom/storage/local"
)

// backup saves the record into a file that did not exist before and that only its owner can read. It appears whole or not
// at all. It can be made while serve runs.
func (p *program) backup(ctx context.Context, args []string) error {
	f := p.flags("backup")
	plain := f.Bool("copy", false, "make the program's own copy even where pg_dump is installed")
	keep := f.Int("keep", 0, "then remove the oldest backups in the same folder, so that this many are left; 0 keeps all")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() > 1 || *keep < 0 {
		return fmt.Errorf("%w: it takes the file to make, or - for the standard output", errUsage)
	}
	return p.withServices(ctx, func(c *config, s *services) error {
		path := f.Arg(0)
		if path == "" && c.BackupDir == "" {
			return fmt.Errorf("%w: it takes the file to make, or %sBACKUP_DIR, where it then makes one named by the time", errUsage, prefix)
		} else if path == "" {
			path = filepath.Join(c.BackupDir, "baom-"+time.Now().UTC().Format("20060102-150405")+".tar")
		}
		o := storage.BackupOptions{DatabaseURL: s.databaseURL, Now: time.Now, Tool: postgresTool}
		if *plain {
			o.Tool = nil
		}
		if path == "-" {
			saved, err := storage.Backup(ctx, o, p.stdout)
			if err == nil {
				fmt.Fprintf(p.stderr, "saved: %d rows of %d tables\n%s\n", saved.Rows(), len(saved.Tables), whereTheKeyIs(c))
			}
			return err
		}
		var saved *storage.Saved
		err := writeWhole(path, func(w io.Writer) (err error) {
			saved, err = storage.Backup(ctx, o, w)
			return err
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "saved in %s: %d rows of %d tables, by %s\n%s\n", path, saved.Rows(), len(saved.Tables), saved.Form, whereTheKeyIs(c))
		if *keep > 0 {
			return thinOut(path, *keep)
		}
		return nil
	})
}

// postgresTool finds a client program of Postgres.
func postgresTool(ctx context.Context, name string, major int) string {
	return local.PostgresTool(ctx, "", name, major)
}

// whereTheKeyIs says that the backup alone opens nothing.
func whereTheKeyIs(c *config) string {
	where := "in BAOM_SECRET_KEY"
	if c.SecretKey == "" {
		where = "in " + filepath.Join(c.DataDir, "secret.key")
	}
	return "The secret key is not in it: it is " + where + ". Keep a copy of the key elsewhere, apart from the backups; without it nobody can read them."
}

// writeWhole makes a file of mode 0600 with what write writes: whole and on the disk, or not at all.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s is there already: a backup never replaces another", path)
	}
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return fmt.Errorf("make the file: %w", err)
	}
	defer os.Remove(file.Name()) // nothing is there any more if all went well
	buffered := bufio.NewWriterSize(file, 1<<20)
	if err = write(buffered); err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	// A link, unlike a rename, fails where somebody was faster.
	if err := os.Link(file.Name(), path); errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already: a backup never replaces another", path)
	} else if err != nil { // a file system without links
		if err := os.Rename(file.Name(), path); err != nil {
			return fmt.Errorf("name the file: %w", err)
		}
	}
	folder, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil {
		return fmt.Errorf("write the folder: %w", err)
	}
	return nil
}

// thinOut removes the oldest backups beside path until keep are left. Other files stay.
func thinOut(path string, keep int) error {
	list, err := backups(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, old := range list[:max(0, len(list)-keep)] {
		if err := os.Remove(old.path); err != nil {
			return fmt.Errorf("remove an old backup: %w", err)
		}
	}
	return nil
}

// restore reads a backup into an empty database, and proves that what is there is what was saved.
func (p *program) restore(ctx context.Context, args []string) error {
	f := p.flags("restore")
	if err := parse(f, args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return fmt.Errorf("%w: it takes the file to read, or - for the standard input", errUsage)
	}
	in := p.stdin
	if f.Arg(0) != "-" {
		file, err := os.Open(f.Arg(0))
		if err != nil {
			return fmt.Errorf("open the backup: %w", err)
		}
		defer file.Close()
		in = bufio.NewReaderSize(file, 1<<20)
	}
	return p.withServices(ctx, func(c *config, s *services) error {
		saved, err := storage.Restore(ctx, storage.BackupOptions{DatabaseURL: s.databaseURL, Now: time.Now, Tool: postgresTool}, in)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "restored as of %s: %d rows of %d tables, compared by count and hash\n", saved.At.Format(time.RFC3339), saved.Rows(), len(saved.Tables))
		if err := storage.ForgetLive(ctx, s.databaseURL, s.redisURL); err != nil {
			return fmt.Errorf("the record is restored, but Redis still has sessions of a later time: empty it (redis-cli flushdb) before you start: %w", err)
		}
		key, err := c.keptKey()
		if err == nil {
			err = storage.CheckKey(ctx, s.databaseURL, key)
		}
		if err != nil {
			return fmt.Errorf("the record is restored, but it cannot be read yet: %w", err)
		}
		fmt.Fprintln(p.stdout, "The secret key opens it. People erased since then are in it again: erase them once more (baom forget).")
		return nil
	})
}

// keptKey is the secret key where there is one; unlike secretKey it makes none.
func (c *config) keptKey() ([]byte, error) {
	if c.secret != nil {
		return c.secret, nil
	}
	if c.DatabaseURL != "" {
		return nil, fmt.Errorf("there is no secret key: put the one that belongs to the record into %sSECRET_KEY_FILE", prefix)
	}
	path := filepath.Join(c.DataDir, "secret.key")
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no secret key: put the one that belongs to the record into %s", path)
	}
	if err != nil {
		return nil, fmt.Errorf("the secret key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s does not hold 64 hexadecimal digits", path)
	}
	return key, nil
}

// A kept is a backup in a folder.
type kept struct {
	path string
	at   time.Time
}

// backups lists the backups in a folder, oldest first. Other files are left out, whatever they are called.
func backups(dir string) ([]kept, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for backups: %w", err)
	}
	var list []kept
	for _, d := range names {
		if !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
			continue
		}
		path := filepath.Join(dir, d.Name())
		file, err := os.Open(path)
		if err != nil {
			continue // not ours to read
		}
		saved, err := storage.DescribeBackup(file)
		file.Close()
		if err == nil {
			list = append(list, kept{path, saved.At})
		}
	}
	slices.SortStableFunc(list, func(a, b kept) int { return a.at.Compare(b.at) })
	return list, nil
}
