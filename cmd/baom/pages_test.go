package main

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"baom/handlers/browsertest"
)

// everyPage are the addresses of a page of each kind that officers of the demonstration can come to, by who comes to them. An
// administrator is asked only for what a head of office does not see.
func everyPage(t *testing.T, r *running) map[string][]string {
	t.Helper()
	pages, seen := map[string][]string{}, map[string]bool{}
	for _, login := range []string{"", "latifa", "admin"} {
		from := []string{"/console/", "/console/cases/999999"}
		if login == "" {
			from = []string{"/console/login", "/"}
		}
		r.reader(t, login).walk(from, func(path string, _ *html.Node, _ string) {
			kind, _, _ := strings.Cut(digits.ReplaceAllString(path, "N"), "?")
			if strings.Contains(path, "edit=") || strings.Contains(path, "filter=") {
				kind += "?"
			}
			if !seen[kind] {
				seen[kind] = true
				pages[login] = append(pages[login], path)
			}
		})
	}
	return pages
}

var named = regexp.MustCompile(`[^a-z0-9]+`)

// TestAccessible: axe-core finds no serious fault on any page, in French and in Arabic, on a telephone and on a wide screen, in
// light and in dark.
func TestAccessible(t *testing.T) {
	browsertest.NeedAxe(t)
	r := serveAs(t, nil, []string{"serve", "-demo"})
	pages := everyPage(t, r)
	for _, lang := range []string{"fr", "ar"} {
		t.Run(lang, func(t *testing.T) {
			for _, login := range []string{"", "latifa", "admin"} {
				tab := browsertest.Open(t, lang, 1280, 900)
				tab.Run(chromedp.Navigate(r.url + "/console/login"))
				tab.Run(chromedp.Evaluate[chromedp.Void](`window.left = true, void 0`)) // until the page is another one
				tab.Click(fmt.Sprintf(".tongues [lang=%s]", lang))
				tab.Run(browsertest.Until(fmt.Sprintf(`document.readyState === "complete" && document.documentElement.lang === %q && !window.left`, lang)))
				if login != "" {
					tab.Run(chromedp.SendKeys(`[name=login]`, login), chromedp.SendKeys(`[name=passphrase]`, r.out.find(t, `with the passphrase (\S+) as`)),
						chromedp.Click(`button.main`), browsertest.Until(`document.querySelector("[name=passphrase]") === null && document.readyState === "complete"`))
				}
				for i, path := range pages[login] {
					if path == "/" {
						path = "/?lang=" + lang
					}
					tab.Run(chromedp.Navigate(r.url + path))
					faults := func(how string, rules ...string) {
						for _, f := range tab.Axe(rules...) {
							t.Errorf("%s, %s: %s", path, how, f)
						}
					}
					tab.Scheme("light")
					faults("wide")
					tab.Scheme("dark")
					faults("wide, dark", "color-contrast")
					tab.Run(chromedp.EmulateViewport(360, 740))
					faults("360, dark", "color-contrast", "target-size", "scrollable-region-focusable")
					tab.Scheme("light")
					faults("360")
					tab.Fits(path)
					tab.Shoot("page-" + lang + "-360-" + strings.Trim(named.ReplaceAllString(path, "-"), "-"))
					tab.Scheme("light")
					if strings.HasPrefix(path, "/?lang=") { // and once somebody has begun
						tab.Click(".choices button")
						tab.Run(browsertest.Until(`document.querySelectorAll("#lines > li").length > 1`))
						faults("chat")
						tab.Scheme("dark")
						faults("chat, dark", "color-contrast")
					}
					if i == 0 && login != "" {
						tab.Click(".menu summary")
						faults("360, menu")
					}
					tab.Run(chromedp.EmulateViewport(1280, 900))
				}
			}
		})
	}
}

// TestValid: the pages are the HTML that they were meant to be: every element is closed where it was opened, nothing has to be
// moved or implied by the reader, ids are unique, and what points to an id finds it.
func TestValid(t *testing.T) {
	r := serveAs(t, nil, []string{"serve", "-demo"})
	for _, login := range []string{"", "latifa", "admin", "elue", "reseau"} {
		for _, lang := range []string{"fr", "ar", "en"} {
			read, from := r.reader(t, login), []string{"/console/", "/console/cases/999999"}
			read.lang(lang)
			if login == "" {
				from = []string{"/?lang=" + lang, "/console/login"}
			}
			pages := 0
			read.walk(from, func(path string, doc *html.Node, source string) {
				pages++
				for _, fault := range invalid(doc, source) {
					t.Errorf("%s sees %s in %s: %s", login, path, lang, fault)
				}
			})
			if pages < 2 {
				t.Errorf("%s sees %d pages", login, pages)
			}
		}
	}
}

// invalid lists what is wrong with a page.
func invalid(doc *html.Node, source string) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	void := strings.Fields("area base br col embed hr img input link meta source track wbr")

	// As it is written: what is open when an element begins.
	var open, written []string
	tokens := html.NewTokenizer(strings.NewReader(source))
	for foreign := 0; ; {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			break
		}
		token := tokens.Token()
		switch kind {
		case html.StartTagToken, html.SelfClosingTagToken:
			within := "#document"
			if len(open) > 0 {
				within = open[len(open)-1]
			}
			written = append(written, within+" > "+token.Data)
			if token.Data == "svg" {
				foreign++
			}
			if kind == html.StartTagToken && !slices.Contains(void, token.Data) {
				open = append(open, token.Data)
			} else if kind == html.SelfClosingTagToken && foreign == 0 && !slices.Contains(void, token.Data) {
				fault("<%s/> closes itself, which HTML does not know", token.Data)
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != token.Data {
				fault("</%s> where %v are open", token.Data, open)
				return faults
			}
			if token.Data == "svg" {
				foreign--
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		fault("%v are never closed", open)
	}

	// As it is read.
	var read []string
	ids := map[string]bool{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		within := "#document"
		if n.Parent.Type == html.ElementNode {
			within = n.Parent.Data
		}
		read = append(read, strings.ToLower(within+" > "+n.Data))
		if id := attr(n, "id"); id != "" {
			if ids[id] || strings.ContainsAny(id, " \t\n") {
				fault("id %q twice or with spaces", id)
			}
			ids[id] = true
		}
		for p := range n.Ancestors() {
			if interactive(n) && interactive(p) && p.Data != "label" {
				fault("<%s> within <%s>", n.Data, p.Data)
			}
		}
		seen := map[string]bool{}
		for _, a := range n.Attr {
			if seen[a.Key] {
				fault("<%s> has %s twice", n.Data, a.Key)
			}
			seen[a.Key] = true
		}
		if n.Data == "img" && !seen["alt"] {
			fault("<img> without words in its place")
		}
		if (n.Data == "ul" || n.Data == "ol") && slices.ContainsFunc(slices.Collect(n.ChildNodes()), func(c *html.Node) bool {
			return c.Type == html.ElementNode && c.Data != "li" || c.Type == html.TextNode && strings.TrimSpace(c.Data) != ""
		}) {
			fault("<%s> holds something that is no <li>", n.Data)
		}
	}
	for i := range max(len(read), len(written)) {
		if i >= len(read) || i >= len(written) || read[i] != strings.ToLower(written[i]) {
			fault("element %d is written %q and read %q", i, slices.Concat(written, []string{"nothing"})[min(i, len(written))], slices.Concat(read, []string{"nothing"})[min(i, len(read))])
			break
		}
	}
	for n := range doc.Descendants() {
		for _, key := range []string{"for", "aria-labelledby", "aria-describedby", "aria-controls", "list", "form"} {
			for _, id := range strings.Fields(attr(n, key)) {
				if !ids[id] {
					fault("<%s %s=%q> points to nothing", n.Data, key, id)
				}
			}
		}
		if to := attr(n, "href"); n.Data == "a" && strings.HasPrefix(to, "#") && !ids[to[1:]] {
			fault("<a href=%q> leads to nothing", to)
		}
	}
	return faults
}

// interactive reports whether an element is there to be pressed or filled in.
func interactive(n *html.Node) bool {
	return n.Type == html.ElementNode && slices.Contains([]string{"a", "button", "input", "select", "textarea", "summary", "label", "iframe"}, n.Data) && attr(n, "type") != "hidden"
}

// TestInvalid: what is wrong with a page is found.
func TestInvalid(t *testing.T) {
	page := func(body string) string {
		return `<!doctype html><html lang="fr"><head><title>x</title></head><body>` + body + `</body></html>`
	}
	for body, wrong := range map[string]bool{
		`<p>a</p><ul><li>b</li></ul>`:                          false,
		`<table><tbody><tr><td>a</td></tr></tbody></table>`:    false,
		`<label>a<input name="b"></label>`:                     false,
		`<svg viewBox="0 0 1 1"><linearGradient/></svg>`:       false,
		`<p>a<ul><li>b</li></ul></p>`:                          true,
		`<div><p>a</div>`:                                      true,
		`<table><tr><td>a</td></tr></table>`:                   true,
		`<a href="/"><button>a</button></a>`:                   true,
		`<form><form></form></form>`:                           true,
		`<p id="a"></p><p id="a"></p>`:                         true,
		`<label for="a">b</label>`:                             true,
		`<div/>`:                                               true,
		`<ul><div>a</div></ul>`:                                true,
		`<p aria-describedby="no">a</p>`:                       true,
		`<details><p>a</p><summary><a href="/"></a></summary>`: true,
	} {
		doc, err := html.Parse(strings.NewReader(page(body)))
		if err != nil {
			t.Fatal(err)
		}
		if faults := invalid(doc, page(body)); len(faults) > 0 != wrong {
			t.Errorf("%s: %q", body, faults)
		}
	}
}

// TestLight: the first page with all that it loads weighs less than 100 kB, for who works there and for who writes.
func TestLight(t *testing.T) {
	r := serveAs(t, nil, []string{"serve", "-demo"})
	for _, tt := range []struct{ login, path string }{{"", "/"}, {"", "/console/login"}, {"latifa", "/console/"}} {
		read := r.reader(t, tt.login)
		_, _, source := read.get(tt.path)
		doc, err := html.Parse(strings.NewReader(source))
		if err != nil {
			t.Fatal(err)
		}
		weight := len(source)
		for n := range doc.Descendants() {
			to := attr(n, "src")
			if n.Data == "link" {
				to = attr(n, "href")
			}
			if u, err := url.Parse(to); err == nil && strings.HasPrefix(u.Path, "/") {
				status, _, body := read.get(to)
				if status != http.StatusOK {
					t.Errorf("%s loads %s: %d", tt.path, to, status)
				}
				weight += len(body)
			}
		}
		t.Logf("%s of %q: %d bytes", tt.path, tt.login, weight)
		if weight < 10_000 || weight > 100_000 {
			t.Errorf("%s of %q weighs %d bytes", tt.path, tt.login, weight)
		}
	}
}
