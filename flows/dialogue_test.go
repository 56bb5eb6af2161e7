package flows_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"baom/content"
	"baom/flows"
)

// builtin is the program's own content, read once for all tests of the package: it does not change.
var builtin = sync.OnceValues(func() (*content.Library, error) { return content.Load(content.Builtin()) })

var update = flag.Bool("update", false, "write what the bot says now into the dialogues")

// book is the real content and the real flows.
func book(t testing.TB) *flows.Book {
	t.Helper()
	lib, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	b, err := flows.New(lib)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// monday is when the dialogues begin: a Monday at ten in the morning, when the offices are open.
func monday() time.Time {
	return time.Date(2026, 11, 23, 10, 0, 0, 0, time.FixedZone("+01", 3600))
}

// TestDialogues plays each dialogue under testdata. A line that begins with "> " is what the person does (see
// flows.Player), one that begins with "* " is what happens elsewhere; the rest is what the bot says and does.
func TestDialogues(t *testing.T) {
	b := book(t)
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no dialogues: %v", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, section := range archive.Files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+section.Name, func(t *testing.T) {
				want := string(section.Data)
				got := play(t, b, want)
				archive.Files[i].Data = []byte(got)
				if diff := cmp.Diff(want, got); diff != "" && !*update {
					t.Errorf("the dialogue differs (-want +got); -update accepts it:\n%s", diff)
				}
			})
		}
		if *update {
			if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// play plays the lines of a script and writes it anew with what the bot says.
func play(t *testing.T, b *flows.Book, script string) string {
	player := &flows.Player{Book: b, Now: monday(), Seed: 1}
	var out strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		said, person := strings.CutPrefix(line, "> ")
		if !person && !strings.HasPrefix(line, "* ") {
			continue
		}
		effects, err := player.Play(said)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out.WriteString(line + "\n")
		out.WriteString(flows.Transcript(effects))
	}
	return out.String()
}
