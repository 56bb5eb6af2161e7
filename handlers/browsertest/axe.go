package browsertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// The axe-core that looks at pages (MPL-2.0), pinned by version and by the checksum that npm verifies. It is fetched when a
// test asks for it, and is part of nothing that is delivered.
const (
	axeVersion   = "4.10.3"
	axeIntegrity = "sha512-Xm7bpRXnDSX2YE2YFfBk2FnF0ep6tmG7xPh8iHee8MIcrgq762Nkce856dYtJYLkuIoYZvGfTs/PbZhideTcEg=="
)

var axe = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "axe-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	needs := map[string]string{"axe-core": axeVersion}
	for file, v := range map[string]any{
		"package.json": map[string]any{"private": true, "dependencies": needs},
		"package-lock.json": map[string]any{"lockfileVersion": 3, "requires": true, "packages": map[string]any{
			"": map[string]any{"dependencies": needs}, "node_modules/axe-core": map[string]string{"version": axeVersion, "integrity": axeIntegrity}}},
	} {
		data, err := json.Marshal(v)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file), data, 0o600)
		}
		if err != nil {
			return "", err
		}
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--prefer-offline")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch axe-core: %w: %s", err, bytes.TrimSpace(out))
	}
	data, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	return string(data), err
})

// A Fault is what axe-core holds against a part of a page.
type Fault struct {
	Rule, Impact, Help string
	Where, Why         string
}

// String is the fault as a test tells it.
func (f Fault) String() string {
	return fmt.Sprintf("%s (%s): %s\n\t%s\n\t%s", f.Rule, f.Impact, f.Help, f.Where, f.Why)
}

// NeedAxe skips the test where no npm is installed to fetch axe-core with; .ci/run installs it and lets nothing skip.
func NeedAxe(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not installed")
	}
	if _, err := axe(); err != nil {
		t.Fatal(err)
	}
}

// Axe returns the serious and critical faults of the page as it is shown, folded parts unfolded but for what then lies over
// others (.menu, #menu): of all rules, or of those
// alone that are named.
func (tab *Tab) Axe(rules ...string) []Fault {
	tab.t.Helper()
	source, err := axe()
	if err != nil {
		tab.t.Fatal(err)
	}
	if !Ask(tab, "is axe there", chromedp.Evaluate[bool](`typeof axe === "object"`)) {
		Ask(tab, "axe", chromedp.Evaluate[chromedp.Void](source+"\n;void 0"))
	}
	options := `{resultTypes: ["violations"], elementRef: false}`
	if len(rules) > 0 {
		options = fmt.Sprintf(`{resultTypes: ["violations"], runOnly: {type: "rule", values: ["%s"]}}`, strings.Join(rules, `","`))
	}
	return Ask(tab, "faults", chromedp.Evaluate[[]Fault](`document.querySelectorAll("details:not(.menu,#menu)").forEach(d => { d.open = true }), axe.run(document, `+options+`).then(r =>
		r.violations.filter(v => v.impact === "serious" || v.impact === "critical").flatMap(v => v.nodes.map(n =>
			({Rule: v.id, Impact: v.impact, Help: v.help, Where: n.html.slice(0, 300), Why: (n.failureSummary || "").replace(/\s+/g, " ").slice(0, 300)}))))`, chromedp.EvalAwaitPromise))
}

// Scheme shows the page in light or in dark.
func (tab *Tab) Scheme(scheme string) {
	tab.t.Helper()
	Ask(tab, scheme, func(ctx context.Context, target *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	})
}
