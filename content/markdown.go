package content

import (
	"html/template"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Block is a paragraph or a list of what a page or an answer says.
type Block struct {
	Kind  BlockKind
	First int      // number of the first item of a numbered list
	Items [][]Span // one for a paragraph; its lines are parted by spans "\n"
}

// A BlockKind is what a block is.
type BlockKind int

// The kinds of blocks.
const (
	Paragraph BlockKind = iota
	Bullets
	Numbers
)

// A Span is some text in one style. A link has a URL, which is http, https, mailto or tel.
type Span struct {
	Text         string
	Bold, Italic bool
	URL          string
}

// listItem is a line of a list: a bullet or a number, and the text.
var listItem = regexp.MustCompile(`^ {0,3}(?:[-*+•]|(\d{1,3})[.)])[ \t]+(.*)$`)

// Markdown reads the subset of Markdown that every channel can show: paragraphs, lists with bullets or numbers,
// **bold**, *italic*, [links](https://…); telephone numbers and addresses stand out by themselves. It never fails: what
// is not of the subset is text. A backslash takes the meaning from the sign after it.
func Markdown(text string) []Block {
	var blocks []Block
	open := false // the last block is a paragraph that the next line continues
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		if strings.TrimSpace(line) == "" {
			open = false
			continue
		}
		kind, number := Paragraph, 0
		if m := listItem.FindStringSubmatch(line); m != nil {
			kind, line = Bullets, m[2]
			if m[1] != "" {
				kind = Numbers
				number, _ = strconv.Atoi(m[1])
			}
		}
		spans := parseInline(strings.TrimSpace(line), Span{})
		last := len(blocks) - 1
		switch {
		case open && kind == Paragraph:
			blocks[last].Items[0] = append(append(blocks[last].Items[0], Span{Text: "\n"}), spans...)
		case last >= 0 && kind != Paragraph && blocks[last].Kind == kind:
			blocks[last].Items = append(blocks[last].Items, spans)
		default:
			blocks = append(blocks, Block{Kind: kind, First: number, Items: [][]Span{spans}})
		}
		open = kind == Paragraph
	}
	return blocks
}

// escapable are the signs before which a backslash takes the meaning away.
const escapable = "\\*_[]()`#+.!<>-:•|"

// parseInline parts a line into spans, each in the style of the surroundings.
func parseInline(s string, style Span) []Span {
	var spans []Span
	add := func(more ...Span) {
		for _, m := range more {
			last := len(spans) - 1
			switch {
			case m.Text == "":
			case last >= 0 && m.URL == "" && spans[last].URL == "" && m.Bold == spans[last].Bold && m.Italic == spans[last].Italic:
				spans[last].Text += m.Text
			default:
				spans = append(spans, m)
			}
		}
	}
	plain := func(text string) Span {
		sp := style
		sp.Text = text
		return sp
	}
	from, i := 0, 0
	for i < len(s) {
		inner, n := inlineAt(s, i, style)
		if n == 0 {
			i++
			continue
		}
		add(plain(s[from:i]))
		add(inner...)
		i += n
		from = i
	}
	add(plain(s[from:]))
	return spans
}

// inlineAt reads what begins at a byte of a line, if it is more than text, and how many bytes it takes; 0 if it is text.
func inlineAt(s string, i int, style Span) ([]Span, int) {
	sp := style
	switch c := s[i]; {
	case c == '\\':
		r, n := utf8.DecodeRuneInString(s[i+1:])
		if n > 0 && strings.ContainsRune(escapable, r) {
			sp.Text = s[i+1 : i+1+n]
			return []Span{sp}, 1 + n
		}
	case strings.HasPrefix(s[i:], "**"):
		if end := closing(s, i+2, "**"); end > 0 && !style.Bold {
			sp.Bold = true
			return parseInline(s[i+2:end], sp), end + 2 - i
		}
		sp.Text = "**"
		return []Span{sp}, 2
	case c == '*':
		if end := closing(s, i+1, "*"); end > 0 && !style.Italic && (i == 0 || s[i-1] < '0' || s[i-1] > '9') {
			sp.Italic = true
			return parseInline(s[i+1:end], sp), end + 1 - i
		}
	case c == '[':
		if label, url, n := link(s[i:]); n > 0 && style.URL == "" {
			sp.URL = url
			return parseInline(label, sp), n
		}
	case style.URL != "" || insideWord(s, i):
	case c == 'h':
		if n := bareURL(s[i:]); n > 0 {
			sp.Text, sp.URL = s[i:i+n], s[i:i+n]
			return []Span{sp}, n
		}
	case c == '+' || c >= '0' && c <= '9':
		number, n := phoneAt(s[i:])
		sp.Text = s[i : i+n]
		if (c == '+' || c == '0') && len(number) >= 9 && len(number) <= maxPhone {
			sp.URL = "tel:" + number
		}
		return []Span{sp}, n
	}
	return nil, 0
}

// closing is where a mark of bold or italic ends, or 0: what is between is not empty and has no space at its edges.
func closing(s string, from int, mark string) int {
	for i := from; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case mark == "*" && strings.HasPrefix(s[i:], "**"):
			i++
		case strings.HasPrefix(s[i:], mark):
			if i == from || s[from] == ' ' || s[i-1] == ' ' {
				return 0
			}
			if mark == "**" && strings.HasPrefix(s[i:], "***") && strings.Count(s[from:i], "*")%2 == 1 {
				i++ // the first of three closes an italic within
			}
			return i
		}
	}
	return 0
}

// maxLink is how long the words of a link may be, in bytes.
const maxLink = 400

// link reads [label](url) and how many bytes it takes; 0 if it is none.
func link(s string) (label, url string, n int) {
	end := 1
	for end < min(len(s), maxLink) && s[end] != ']' {
		if s[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(s) || end == 1 || !strings.HasPrefix(s[end:], "](") {
		return "", "", 0
	}
	url, _, ok := strings.Cut(s[end+2:], ")")
	if !ok || !isURL(url) && !strings.HasPrefix(url, "mailto:") && !strings.HasPrefix(url, "tel:") || strings.ContainsFunc(url, notInURL) {
		return "", "", 0
	}
	return s[1:end], url, end + 3 + len(url)
}

// maxURL is one more than the length of the longest address, in bytes.
const maxURL = 1000

// isURL reports whether s is an address of the web.
func isURL(s string) bool {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		rest, ok = strings.CutPrefix(s, "http://")
	}
	return ok && len(rest) > 2 && len(s) < maxURL && !strings.ContainsFunc(rest, notInURL)
}

// notInURL reports the signs that end an address.
func notInURL(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`<>"»\*،؛`, r)
}

// bareURL is the length of the address that a text begins with, or 0.
func bareURL(s string) int {
	if !strings.HasPrefix(s, "http://") && !strings.HasPrefix(s, "https://") {
		return 0
	}
	s = s[:min(len(s), maxURL)] // what is longer is no address
	if end := strings.IndexFunc(s, notInURL); end >= 0 {
		s = s[:end]
	}
	s = strings.TrimRight(s, ".,;:!?'")
	if strings.HasSuffix(s, ")") && !strings.Contains(s, "(") {
		s = strings.TrimRight(s, ").,;:!?")
	}
	if !isURL(s) {
		return 0
	}
	return len(s)
}

// insideWord reports whether a letter or digit stands before a byte.
func insideWord(s string, i int) bool {
	r, _ := utf8.DecodeLastRuneInString(s[:i])
	return i > 0 && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// maxPhone is how many digits a telephone number has at most, with its international prefix.
const maxPhone = 17

// phoneAt reads a number with its separators (one space, dot or hyphen between digits) from the beginning of a text: its
// digits, with the + if there is one, and how many bytes it takes, one at least. A national number ends with its tenth
// digit where a separator follows.
func phoneAt(s string) (number string, n int) {
	var d strings.Builder
	separated := false
	for i, r := range s {
		switch {
		case r == '+' && i == 0, r >= '0' && r <= '9':
			d.WriteRune(r)
			n, separated = i+1, false
		case strings.ContainsRune(" .-\u00a0\u202f", r) && !separated && i > 0:
			if separated = true; d.Len() == 10 && s[0] == '0' && s[1] != '0' {
				return d.String(), n
			}
		default:
			return d.String(), max(n, 1)
		}
	}
	return d.String(), max(n, 1)
}

// Escape takes the meaning of markup from a text, so that it is shown as it is: no list, no bold, no link. Telephone
// numbers stay telephone numbers.
func Escape(s string) string {
	if !strings.ContainsAny(s, "\\*_[]`#+<>-.):|•") {
		return s
	}
	var out strings.Builder
	out.Grow(len(s) + 8)
	lead, digits := true, true // nothing but spaces, or but spaces and digits, since the line began
	for i, r := range s {
		escape := false
		switch r {
		case '\\', '*', '_', '[', ']', '`', '<', '>', '|':
			escape = true
		case '#', '-', '•':
			escape = lead
		case '+':
			escape = lead && !startsWithDigit(s[i+1:])
		case '.', ')':
			escape = digits && !lead && (i+1 == len(s) || s[i+1] <= ' ')
		case ':':
			escape = strings.HasPrefix(s[i:], "://")
		}
		if escape {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
		switch {
		case r == '\n':
			lead, digits = true, true
		case r >= '0' && r <= '9':
			lead = false
		case !unicode.IsSpace(r):
			lead, digits = false, false
		}
	}
	return out.String()
}

func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// Plain is the text without its markup: bullets and numbers as they are written, links as their words.
func Plain(text string) string {
	var out strings.Builder
	for i, b := range Markdown(text) {
		if i > 0 {
			out.WriteString("\n\n")
		}
		for j, item := range b.Items {
			if j > 0 {
				out.WriteByte('\n')
			}
			switch b.Kind {
			case Bullets:
				out.WriteString("• ")
			case Numbers:
				out.WriteString(strconv.Itoa(b.First+j) + ". ")
			}
			for _, s := range item {
				out.WriteString(s.Text)
			}
		}
	}
	return out.String()
}

// HTML renders the subset for a page. Everything that is text is escaped; a telephone number is a link and keeps its
// direction.
func HTML(text string) template.HTML {
	var out strings.Builder
	for _, b := range Markdown(text) {
		tag, start := "p", ""
		switch b.Kind {
		case Bullets:
			tag = "ul"
		case Numbers:
			tag = "ol"
			if b.First != 1 {
				start = ` start="` + strconv.Itoa(b.First) + `"`
			}
		}
		dir := ` dir="` + direction(b.Items) + `">`
		out.WriteString("<" + tag + start + dir)
		for _, item := range b.Items {
			if b.Kind != Paragraph {
				out.WriteString("<li" + dir)
			}
			for _, s := range item {
				writeSpan(&out, s)
			}
			if b.Kind != Paragraph {
				out.WriteString("</li>")
			}
		}
		out.WriteString("</" + tag + ">")
	}
	return template.HTML(out.String())
}

// direction is that of most of the letters: an Arabic sentence that begins with a name in Latin letters is still read
// from right to left, which "auto" would not see.
func direction(items [][]Span) string {
	arabic, other := 0, 0
	for _, item := range items {
		for _, s := range item {
			for _, r := range s.Text {
				if unicode.Is(unicode.Arabic, r) {
					arabic++
				} else if unicode.IsLetter(r) {
					other++
				}
			}
		}
	}
	switch {
	case arabic > other:
		return "rtl"
	case arabic > 0:
		return "ltr"
	}
	return "auto"
}

func writeSpan(out *strings.Builder, s Span) {
	body := strings.ReplaceAll(template.HTMLEscapeString(s.Text), "\n", "<br>")
	if s.Italic {
		body = "<em>" + body + "</em>"
	}
	if s.Bold {
		body = "<strong>" + body + "</strong>"
	}
	switch {
	case strings.HasPrefix(s.URL, "tel:"):
		body = `<a href="` + template.HTMLEscapeString(s.URL) + `"><bdi dir="ltr">` + body + "</bdi></a>"
	case s.URL != "":
		body = `<a href="` + template.HTMLEscapeString(s.URL) + `" rel="noopener noreferrer nofollow" target="_blank">` + body + "</a>"
	}
	out.WriteString(body)
}

// An oddity is Markdown that the channels cannot show, by line from 0.
type oddity struct {
	line int
	msg  string
}

// oddities are the signs of Markdown that is not of the subset.
var oddities = []struct {
	sign *regexp.Regexp
	msg  string
}{
	{regexp.MustCompile(`^\s*#{1,6}\s`), "a heading; write it in **bold**"},
	{regexp.MustCompile(`^\s*>`), "a quotation"},
	{regexp.MustCompile(`^\s*\|`), "a table"},
	{regexp.MustCompile(`^\s*(---+|===+|\*\*\*+|___+)\s*$`), "a rule"},
	{regexp.MustCompile("`"), "code"},
	{regexp.MustCompile(`!\[`), "an image"},
	{regexp.MustCompile(`^(\t| {2,})\s*([-*+•]|\d+[.)])\s`), "a list in a list"},
	{regexp.MustCompile(`</?[a-zA-Z!][^>]*>`), "a tag of HTML"},
	{regexp.MustCompile(`(^|\W)__\S`), "bold by __; write **bold**"},
}

// unsupported lists the Markdown in a text that no channel would show as meant.
func unsupported(text string) []oddity {
	var found []oddity
	for i, line := range strings.Split(text, "\n") {
		for _, o := range oddities {
			if o.sign.MatchString(line) {
				found = append(found, oddity{i, "has " + o.msg + ", which the channels cannot show"})
			}
		}
		if strings.Contains(line, `\`) {
			continue
		}
		if m := listItem.FindStringSubmatch(line); m != nil {
			line = m[2]
		}
		rest := parseInline(line, Span{})
		if slices.ContainsFunc(rest, func(s Span) bool { return strings.Contains(s.Text, "**") }) {
			found = append(found, oddity{i, "has ** that does not close on its line, or spaces within it"})
		}
		if slices.ContainsFunc(rest, func(s Span) bool { return strings.Contains(s.Text, "](") }) {
			found = append(found, oddity{i, "has a link that is not [words](https://…), mailto: or tel:"})
		}
	}
	return found
}
