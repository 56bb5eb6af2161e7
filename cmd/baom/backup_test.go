package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"baom/bot"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// TestBackupCommands: a backup is a file that only its owner reads, whole or not there, never in another's place; it says
// where the key is. Restored, the record is read with that key, and the program says so where it is another.
func TestBackupCommands(t *testing.T) {
	db, redis := storagetest.Env(t)
	s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis})
	peer := bot.Peer{Channel: bot.Web, ID: "p"}
	if _, err := s.Receive(t.Context(), bot.Entry{Peer: peer, Key: "web:1", Input: flows.Input{Text: "salut"}}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	secret := fmt.Sprintf("%x", storagetest.Secret())
	call := func(db, key string, in []byte, args ...string) (int, []byte, string) {
		var out, errs bytes.Buffer
		env := []string{"BAOM_DATABASE_URL=" + db, "BAOM_REDIS_URL=" + redis, "BAOM_SECRET_KEY=" + key, "HOME=" + dir}
		code := run(t.Context(), args, env, bytes.NewReader(in), &out, &errs)
		return code, out.Bytes(), out.String() + errs.String()
	}
	file := filepath.Join(dir, "one.tar")
	code, _, said := call(db, secret, nil, "backup", file)
	if info, err := os.Stat(file); code != 0 || err != nil || info.Mode() != 0o600 || !strings.Contains(said, "The secret key is not in it: it is in BAOM_SECRET_KEY") {
		t.Fatalf("backup ends with %d, %v, %v: %s", code, info, err, said)
	}
	if code, _, said := call(db, secret, nil, "backup", file); code != 1 || !strings.Contains(said, "is there already") {
		t.Errorf("a backup in another's place ends with %d: %s", code, said)
	}
	code, stream, said := call(db, secret, nil, "backup", "-copy", "-")
	if code != 0 || len(stream) < 1000 {
		t.Fatalf("a backup to the standard output ends with %d: %s", code, said)
	}
	empty, _ := storagetest.Empty(t)
	if code, _, said := call(empty, secret, nil, "backup", filepath.Join(dir, "two.tar")); code != 1 || !strings.Contains(said, "nothing to save") {
		t.Errorf("a backup of nothing ends with %d: %s", code, said)
	}
	if code, _, _ := call(empty, secret, nil, "backup"); code != 2 {
		t.Errorf("a backup without a name or folder ends with %d", code)
	}
	if code, _, said := call(empty, secret, nil, "restore", file); code != 0 || !strings.Contains(said, "The secret key opens it") {
		t.Errorf("restore ends with %d: %s", code, said)
	}
	lines, err := storagetest.Open(t, storage.Options{DatabaseURL: empty, RedisURL: redis}).Transcript(t.Context(), peer, 0)
	if err != nil || len(lines) != 1 || lines[0].Text != "salut" {
		t.Errorf("the restored record holds %v, %v", lines, err)
	}
	second, _ := storagetest.Empty(t)
	if code, _, said := call(second, strings.Repeat("ab", 32), stream, "restore", "-"); code != 1 || !strings.Contains(said, "cannot be read yet") {
		t.Errorf("restore with another key ends with %d: %s", code, said)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("what is left in the folder: %v, %v", left, err)
	}
}
