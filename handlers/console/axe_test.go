package console_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"context"
	"baom/bot"
)

func TestAxe(t *testing.T) {
	src, err := os.ReadFile("/tmp/console/axe/package/axe.min.js")
	if err != nil { t.Skip() }
	w := newWorld(t)
	id := w.arrive(arrival{words: "bonjour", urgent: "violence"})
	w.desk.Claim(t.Context(), w.officers["latifa"], id)
	w.desk.Reply(t.Context(), w.officers["latifa"], id, "oui", nil)
	w.desk.Note(t.Context(), w.officers["latifa"], id, "note")
	tab := openBrowser(t, 1280, 800)
	check := func(what string) {
		for _, scheme := range []string{"light", "dark"} {
		ask(t, tab, scheme, func(ctx context.Context, tab *chromedp.Target) (cdp.Empty, error) {
			return cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		})
		ask(t, tab, "axe", chromedp.Evaluate[chromedp.Void](string(src)+";void 0"))
		got := ask(t, tab, "axe", chromedp.Evaluate[string](`axe.run({runOnly:["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]}).then(r => [r.passes.length+" rules passed"].concat(r.violations.map(v => v.impact+" "+v.id+": "+v.nodes.map(n=>n.target.join(" ")+" "+(n.any[0]?.message||"")).slice(0,3).join(" ; "))).join("\n"))`, chromedp.EvalAwaitPromise))
		fmt.Printf("== %s %s\n%s\n", what, scheme, got)
		}
	}
	run(t, tab, chromedp.Navigate(w.url+"/console/login"), chromedp.WaitVisible(`[name=login]`))
	check("login")
	run(t, tab, chromedp.SendKeys(`[name=login]`, "latifa"), chromedp.SendKeys(`[name=passphrase]`, passphrase), chromedp.Click(`button.main`), chromedp.WaitVisible(`.tabs`))
	check("empty")
	for _, p := range []string{"/console/?tab=mine", fmt.Sprint("/console/cases/", id), "/console/officers", "/console/account", "/console/x"} {
		run(t, tab, chromedp.Navigate(w.url+p), chromedp.WaitVisible(`main`))
		check(p)
	}
	_ = bot.Web
}
