package storage

import (
	"archive/tar"
	"bytes"
	"io"
	"testing"
	"time"
)

// FuzzReadBackup: whatever a file holds, reading it as a backup ends, without a panic, and never gives more than is there.
func FuzzReadBackup(f *testing.F) {
	var whole bytes.Buffer
	saved := &Saved{Format: backupFormat, Schema: 1, At: time.Unix(0, 0), Form: "copy", Tables: []SavedTable{{Name: "people", Columns: []string{"id"}}}}
	out := tar.NewWriter(&whole)
	rows := &parts{tar: out, name: "tables/people"}
	saved.file(out, headName)
	rows.Write(bytes.Repeat([]byte("rows"), partSize/3))
	rows.flush()
	saved.file(out, sumsName)
	out.Close()
	f.Add(whole.Bytes())
	f.Add(whole.Bytes()[:3000])
	f.Add([]byte("baom.json"))
	f.Fuzz(func(t *testing.T, data []byte) {
		in, saved, err := readBackup(bytes.NewReader(data))
		if err != nil {
			return
		}
		got := 0
		for _, table := range saved.Tables {
			b, err := io.ReadAll(in.stream("tables/" + table.Name))
			if got += len(b); err != nil {
				return
			}
		}
		if got > len(data) {
			t.Errorf("%d bytes were read from %d", got, len(data))
		}
		in.sums()
	})
}

// TestWithoutPassword: the tools of Postgres get the address without the password, which other accounts would see among
// their arguments, and without what they do not know.
func TestWithoutPassword(t *testing.T) {
	for _, tt := range []struct{ url, target, password string }{
		{"postgres://baom:s3cret@db:5432/baom?sslmode=require", "postgres://baom@db:5432/baom?sslmode=require", "s3cret"},
		{"postgresql://baom:p%40ss@a:5432,b:5433/baom?target_session_attrs=read-write&pool_max_conns=4", "postgresql://baom@a:5432,b:5433/baom?target_session_attrs=read-write", "p@ss"},
		{"postgres:///baom?host=/run/postgresql", "postgres:///baom?host=%2Frun%2Fpostgresql", ""},
		{"postgres://db/baom?user=u&password=s3cret", "postgres://db/baom?user=u", "s3cret"},
		{"host=db user=baom password='a b\\'c' dbname=baom pool_max_conns=4", "host=db user=baom  dbname=baom", "a b'c"},
	} {
		if target, password := withoutPassword(tt.url); target != tt.target || password != tt.password {
			t.Errorf("%s: %q, %q", tt.url, target, password)
		}
	}
}
