// Package browsertest drives a real Chromium in tests: a profile of its own for each test, steps that say what the page
// showed when they fail, and pictures where BAOM_SCREENSHOTS names a folder.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// A Tab is a page of a browser.
type Tab struct {
	t   testing.TB
	ctx context.Context
}

// Open starts a browser with a screen of that size. It skips the test where Chromium is not installed; .ci/run installs
// it and lets nothing skip.
func Open(t testing.TB, lang string, width, height int64) *Tab {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("chromium is not installed")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", lang), chromedp.Flag("accept-lang", lang),
		chromedp.Flag("use-fake-ui-for-media-stream", true), chromedp.Flag("use-fake-device-for-media-stream", true))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	tab := &Tab{t, ctx}
	tab.Run(chromedp.EmulateViewport(width, height))
	return tab
}

// Run does steps, each within half a minute.
func (tab *Tab) Run(steps ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	for i, step := range steps {
		Ask(tab, fmt.Sprintf("step %d", i+1), step)
	}
}

// Ask does one step and returns what it finds.
func Ask[T any](tab *Tab, what string, a chromedp.Action[T]) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, 60*time.Second)
	defer cancel()
	if chromedp.FromContext(tab.ctx).Target == nil {
		ctx = tab.ctx // the first starts the browser, which would end with its time
	}
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		ctx, cancel := context.WithTimeout(tab.ctx, 5*time.Second)
		defer cancel()
		seen, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`location + "\n" + document.body.innerText`))
		tab.t.Fatalf("%s: %v\nat %s", what, err, seen)
	}
	return v
}

// Until waits for an expression to be true, over reloads of the page.
func Until(expression string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		for {
			yes, err := chromedp.Evaluate[bool](expression)(ctx, tab)
			if err == nil && yes {
				return chromedp.Void{}, nil
			}
			select {
			case <-ctx.Done():
				return chromedp.Void{}, ctx.Err()
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

// Sees waits for words on the page.
func (tab *Tab) Sees(words string) {
	tab.t.Helper()
	Ask(tab, "see "+words, Until(fmt.Sprintf(`document.body.innerText.includes(%q)`, words)))
}

// Press presses the last button with that label in sight.
func (tab *Tab) Press(label string) {
	tab.t.Helper()
	find := fmt.Sprintf(`[...document.querySelectorAll("button,summary,a")].filter(b => b.textContent.trim().startsWith(%q) && b.offsetParent !== null).pop()`, label)
	// Found and pressed in one go: the page may be replaced at any moment.
	Ask(tab, "press "+label, Until("(b => b ? (b.click(), true) : false)("+find+")"))
}

// Click presses what a selector finds, once it is in sight.
func (tab *Tab) Click(selector string) {
	tab.t.Helper()
	Ask(tab, "click "+selector, Until(fmt.Sprintf(`(e => e && e.offsetParent !== null ? (e.click(), true) : false)(document.querySelector(%q))`, selector)))
}

// Type fills a field with words, as if they had been typed.
func (tab *Tab) Type(selector, words string) {
	tab.t.Helper()
	Ask(tab, "type into "+selector, Until(fmt.Sprintf(`(e => e && e.offsetParent !== null ? (e.value = %q, e.dispatchEvent(new Event("input", {bubbles: true})), true) : false)(document.querySelector(%q))`, words, selector)))
}

// Shoot keeps a picture of what is seen, in light and in dark.
func (tab *Tab) Shoot(name string) {
	tab.t.Helper()
	dir := os.Getenv("BAOM_SCREENSHOTS")
	if dir == "" {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		tab.Scheme(scheme)
		picture := Ask(tab, "screenshot", chromedp.CaptureScreenshot())
		if err := os.WriteFile(filepath.Join(dir, name+"-"+scheme+".png"), picture, 0o644); err != nil {
			tab.t.Fatal(err)
		}
	}
}

// Fits fails if the page is wider than the screen.
func (tab *Tab) Fits(where string) {
	tab.t.Helper()
	if Ask(tab, "width", chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`)) {
		tab.t.Errorf("%s is wider than the screen", where)
	}
}
