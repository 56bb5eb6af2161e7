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
