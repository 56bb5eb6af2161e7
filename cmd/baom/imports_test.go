package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports holds the packages to the table of the architecture: arrows only go down, handlers never meet one
// another nor the storage, and looplab/fsm is known to flows alone.
func TestImports(t *testing.T) {
	ours := map[string][]string{
		"baom/content":           {},
		"baom/flows":             {"baom/content"},
		"baom/bot":               {"baom/flows", "baom/content"},
		"baom/storage":           {"baom/bot", "baom/flows", "baom/content"},
		"baom/storage/local":     {},
		"baom/handlers/telegram": {"baom/bot", "baom/content", "baom/flows"},
		"baom/handlers/whatsapp": {"baom/bot", "baom/content", "baom/flows"},
		"baom/handlers/client":   {},
		"baom/handlers/webchat":  {"baom/bot", "baom/content", "baom/flows", "baom/handlers/client"},
		"baom/handlers/console":  {"baom/bot", "baom/content", "baom/flows", "baom/handlers/client"},
		"baom/handlers/notice":   {"baom/bot", "baom/content", "baom/flows"},
	}
	only := map[string]string{ // module prefix → the packages that may import it
		"github.com/looplab/fsm":      "baom/flows",
		"github.com/jackc/pgx":        "baom/storage baom/storage/local",
		"github.com/redis/go-redis":   "baom/storage baom/storage/local",
		"github.com/go-telegram/bot":  "baom/handlers/telegram",
		"go.mau.fi/":                  "baom/handlers/whatsapp",
		"github.com/xuri/excelize":    "baom/handlers/console",
		"github.com/wneessen/go-mail": "baom/handlers/notice",
		"github.com/SherClockHolmes/": "baom/handlers/notice",
	}
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "baom/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.ImportPath, "baom/cmd/baom") || strings.HasSuffix(p.ImportPath, "test") { // cmd wires; …test packages serve tests
			continue
		}
		allowed, known := ours[p.ImportPath]
		if !known {
			t.Errorf("%s is not in the table", p.ImportPath)
			continue
		}
		seen++
		for _, imp := range p.Imports {
			if strings.HasPrefix(imp, "baom/") && !slices.Contains(allowed, imp) {
				t.Errorf("%s must not import %s", p.ImportPath, imp)
			}
			for prefix, who := range only {
				if strings.HasPrefix(imp, prefix) && !slices.Contains(strings.Fields(who), p.ImportPath) {
					t.Errorf("%s must not import %s", p.ImportPath, imp)
				}
			}
		}
	}
	if seen != len(ours) {
		t.Errorf("go list named %d of the %d packages of the table", seen, len(ours))
	}
}
