package console_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"baom/content"
)

// TestBrowserAccess: a head begins a second factor, keeps the recovery codes, gets in with one, and reads the audit log.
func TestBrowserAccess(t *testing.T) {
	for lang, width := range map[content.Lang]int64{content.French: 1280, content.Arabic: 360} {
		t.Run(string(lang), func(t *testing.T) {
			w := newWorld(t)
			id := w.arrive(arrival{words: "bonjour"})
			w.browser("amina").page(fmt.Sprint("/console/cases/", id))
			tab := openBrowser(t, width, 800)
			name := fmt.Sprintf("%s-%d-access", lang, width)
			enter := func(to string) {
				run(t, tab, chromedp.Navigate(w.url+to), chromedp.WaitVisible(`[name=login]`), chromedp.SendKeys(`[name=login]`, "latifa"),
					chromedp.SendKeys(`[name=passphrase]`, passphrase), script(`document.querySelector("button.main").click()`))
			}
			run(t, tab, chromedp.Navigate(w.url+"/console/login"), chromedp.Click(fmt.Sprintf(`.tongues [lang=%s]`, lang)), chromedp.WaitVisible(fmt.Sprintf(`html[lang=%s] [name=login]`, lang)))
			enter("/console/account")
			run(t, tab, chromedp.WaitVisible(`[name=again]`))
			shoot(t, tab, name+"-1-account")
			fits(t, tab, "the account")
			run(t, tab, chromedp.Navigate(w.url+"/console/account/second"), chromedp.SendKeys(`[name=passphrase]`, passphrase),
				script(`document.querySelector("form[action$=begin] button.main").click()`), chromedp.WaitVisible(`.scan svg`))
			shoot(t, tab, name+"-2-scan")
			fits(t, tab, "the second factor")
			p := phone{t, strings.ReplaceAll(ask(t, tab, "secret", chromedp.Evaluate[string](`document.querySelector(".secret").textContent`)), " ", "")}
			run(t, tab, chromedp.SendKeys(`[name=code]`, p.at(time.Now(), 0)), script(`document.querySelector("form[action$=second] button.main").click()`), chromedp.WaitVisible(`.codes`))
			shoot(t, tab, name+"-3-codes")
			fits(t, tab, "the recovery codes")
			recovery := ask(t, tab, "recovery code", chromedp.Evaluate[string](`document.querySelector(".codes .secret").textContent`))
			run(t, tab, script(`document.querySelector("form[action$=logout] button").click()`), chromedp.WaitVisible(`[name=login]`))
			enter("/console/audit")
			run(t, tab, chromedp.WaitVisible(`[name=code]`))
			shoot(t, tab, name+"-4-code")
			fits(t, tab, "the code")
			run(t, tab, chromedp.SendKeys(`[name=code]`, recovery), script(`document.querySelector("button.main").click()`), chromedp.WaitVisible(`.acts`), chromedp.WaitVisible(`.done[data-done=recovery]`))
			shoot(t, tab, name+"-5-audit")
			fits(t, tab, "the audit log")
			run(t, tab, chromedp.Navigate(fmt.Sprintf("%s/console/officers/%d", w.url, w.officers["amina"].ID)), chromedp.WaitVisible(`form[action$=rights]`))
			shoot(t, tab, name+"-6-officer")
			fits(t, tab, "an officer's account")
		})
	}
}
