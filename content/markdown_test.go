package content_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"baom/content"
)

func TestMarkdown(t *testing.T) {
	type blocks = []content.Block
	span := func(text string) content.Span { return content.Span{Text: text} }
	for _, c := range []struct {
		name, text string
		want       blocks
	}{
		{"nothing", " \n\n ", nil},
		{"lines and paragraphs", "un\ndeux\n\ntrois", blocks{{Items: [][]content.Span{{span("un"), span("\n"), span("deux")}}}, {Items: [][]content.Span{{span("trois")}}}}},
		{"styles", "a **b *c*** *d*", blocks{{Items: [][]content.Span{{span("a "), {Text: "b ", Bold: true}, {Text: "c", Bold: true, Italic: true}, span(" "), {Text: "d", Italic: true}}}}}},
		{"not styles", "2*3*4 ** a ** *a", blocks{{Items: [][]content.Span{{span("2*3*4 ** a ** *a")}}}}},
		{"escapes", `\*a\* **b\*c** \q`, blocks{{Items: [][]content.Span{{span("*a* "), {Text: "b*c", Bold: true}, span(` \q`)}}}}},
		{"lists", "1. a\n\n2. b\n- c\n• d\nfin", blocks{
			{Kind: content.Numbers, First: 1, Items: [][]content.Span{{span("a")}, {span("b")}}},
			{Kind: content.Bullets, Items: [][]content.Span{{span("c")}, {span("d")}}},
			{Items: [][]content.Span{{span("fin")}}}}},
		{"a list that goes on", "3) c", blocks{{Kind: content.Numbers, First: 3, Items: [][]content.Span{{span("c")}}}}},
		{"links", "[le **site**](https://a.ma/x?y=1) https://b.ma.", blocks{{Items: [][]content.Span{{
			{Text: "le ", URL: "https://a.ma/x?y=1"}, {Text: "site", Bold: true, URL: "https://a.ma/x?y=1"}, span(" "), {Text: "https://b.ma", URL: "https://b.ma"}, span(".")}}}}},
		{"no links", "[a](javascript:x) xhttps://b.ma [a]", blocks{{Items: [][]content.Span{{span("[a](javascript:x) xhttps://b.ma [a]")}}}}},
		{"telephones", "05 37 54 54 00 24h/24, +212 6 61 57 43 54", blocks{{Items: [][]content.Span{{
			{Text: "05 37 54 54 00", URL: "tel:0537545400"}, span(" 24h/24, "), {Text: "+212 6 61 57 43 54", URL: "tel:+212661574354"}}}}}},
		{"no telephones", "2026-11-24, 10 000 DH, 72 heures, AG-7F3K-92, 02-03", blocks{{Items: [][]content.Span{{span("2026-11-24, 10 000 DH, 72 heures, AG-7F3K-92, 02-03")}}}}},
	} {
		if diff := cmp.Diff(c.want, content.Markdown(c.text)); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

func TestHTML(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"<b>a</b> & \"b\"", `<p dir="auto">&lt;b&gt;a&lt;/b&gt; &amp; &#34;b&#34;</p>`},
		{"- **a**\n- b", `<ul dir="auto"><li dir="auto"><strong>a</strong></li><li dir="auto">b</li></ul>`},
		{"2. a", `<ol start="2" dir="auto"><li dir="auto">a</li></ol>`},
		{"[x](https://a.ma/?a=1&b=\")", `<p dir="auto">[x](<a href="https://a.ma/?a=1&amp;b=" rel="noopener noreferrer nofollow" target="_blank">https://a.ma/?a=1&amp;b=</a>&#34;)</p>`},
		{"هاتف 05 37 54 54 00", `<p dir="rtl">هاتف <a href="tel:0537545400"><bdi dir="ltr">05 37 54 54 00</bdi></a></p>`},
	} {
		if got := string(content.HTML(c.text)); got != c.want {
			t.Errorf("%q:\n%s, not\n%s", c.text, got, c.want)
		}
	}
}

func TestPlain(t *testing.T) {
	if got, want := content.Plain("**Qui ?** Vous.\n1. a\n2. [b](https://b.ma)\n\n- c"), "Qui ? Vous.\n\n1. a\n2. b\n\n• c"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

// Every text of ours that is read keeps its words: nothing is lost between Markdown and the channels.
func TestOurMarkdownIsWhole(t *testing.T) {
	lib := builtin(t)
	letters := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) {
				return r
			}
			return -1
		}, s)
	}
	for _, a := range lib.Answers() {
		for l, body := range a.Body {
			if strings.Contains(body, "](") {
				continue // the address is not text
			}
			if diff := cmp.Diff(letters(body), letters(content.Plain(body))); diff != "" {
				t.Errorf("%s in %s:\n%s", a.ID, l, diff)
			}
		}
	}
}

// FuzzMarkdown: a person's words are shown as they are, and never become markup, in whatever page they stand.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{"**a** *b*", "[x](https://a.ma)", "<script>alert(1)</script>", "1. a\n2) b\n - c", "https://a.ma/<b>", `\\\*`, "+212 6 12 34 56 78", "**[*", "  - a", "•a", "a\r\n# b",
		"a\u2028b", "![a](tel:1)", "1.", "12) x", "\xff*", "`a`", "a**b**c*d*e", "http\\://x.y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkTags(t, text, string(content.HTML(text)), false)
		escaped := content.Escape(text)
		checkTags(t, text, string(content.HTML("Bonjour **"+escaped+"**, "+escaped+"\n"+escaped)), true)
		if !utf8.ValidString(text) {
			return // such bytes are shown as the sign for what cannot be read
		}
		if want, got := strings.Fields(text), strings.Fields(content.Plain(escaped)); strings.Join(want, " ") != strings.Join(got, " ") {
			t.Errorf("%q is escaped as %q and reads %q", text, escaped, got)
		}
	})
}

// checkTags reports a tag or attribute that we do not write; where a person's words were escaped, also lists, italics
// and links other than telephone numbers.
func checkTags(t *testing.T, text, out string, escaped bool) {
	t.Helper()
	nodes, err := html.ParseFragment(strings.NewReader(out), &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div})
	if err != nil {
		t.Fatal(err)
	}
	ours := map[string]bool{"p": true, "br": true, "strong": true, "a": true, "bdi": true, "em": !escaped, "ul": !escaped, "ol": !escaped, "li": !escaped}
	for _, n := range nodes {
		if n.Type != html.ElementNode {
			t.Errorf("%q: text outside of a block in %s", text, out)
		}
		for d := range n.Descendants() {
			if d.Type == html.CommentNode || d.Type == html.ElementNode && !ours[d.Data] {
				t.Errorf("%q becomes <%s> in %s", text, d.Data, out)
			}
			for _, a := range d.Attr {
				good := a.Key == "dir" || a.Key == "rel" || a.Key == "target" || a.Key == "start" || a.Key == "href" && (strings.HasPrefix(a.Val, "tel:") ||
					!escaped && (strings.HasPrefix(a.Val, "http://") || strings.HasPrefix(a.Val, "https://") || strings.HasPrefix(a.Val, "mailto:")))
				if !good {
					t.Errorf("%q becomes %s=%q in %s", text, a.Key, a.Val, out)
				}
			}
		}
		if !ours[n.Data] {
			t.Errorf("%q becomes <%s> in %s", text, n.Data, out)
		}
	}
}

func BenchmarkMarkdown(b *testing.B) {
	body := builtin(b).Answer("rpt.gbv").Body.In(content.French)
	b.ReportAllocs()
	for b.Loop() {
		content.Markdown(body)
	}
}
