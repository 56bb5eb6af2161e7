package content

import (
	"html/template"
	"regexp"
	"strings"
)

// A Block is a paragraph or a list of what a page or an answer says.
type Block struct {
	Kind  BlockKind
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

var (
	listItem = regexp.MustCompile(`^\s{0,3}(?:[-*•]|(\d{1,3})[.)])\s+(.*)$`)
	inline   = regexp.MustCompile(`\\[\\*_\[\]()` + "`" + `#+.!<>-]|\*\*[^*\n]+\*\*|\*[^*\s\n](?:[^*\n]*[^*\s\n])?\*|\[[^\]\n]{1,200}\]\((?:https?://|mailto:|tel:)[^)\s]{1,500}\)|https?://[^\s<>"»)]+|\+?\d[\d  ]{5,17}\d`)
)

// Markdown reads the subset of Markdown that every channel can show: paragraphs, lists with bullets or numbers, bold,
// italic, links; telephone numbers and addresses stand out by themselves. It never fails: what is not of the subset is
// text. A backslash takes the meaning from the sign after it.
func Markdown(text string) []Block {
	var blocks []Block
	for _, para := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		for _, line := range strings.Split(strings.Trim(para, "\n"), "\n") {
			if strings.TrimSpace(line) == "" {
				continue
			}
			kind := Paragraph
			if m := listItem.FindStringSubmatch(line); m != nil {
				kind, line = Bullets, m[2]
				if m[1] != "" {
					kind = Numbers
				}
			}
			spans := parseSpansOf(strings.TrimRight(line, " "))
			last := len(blocks) - 1
			switch {
			case last >= 0 && blocks[last].Kind == kind && kind != Paragraph:
				blocks[last].Items = append(blocks[last].Items, spans)
			case last >= 0 && kind == Paragraph && blocks[last].Kind == Paragraph && len(blocks[last].Items) == 1 && !ended(blocks[last]):
				blocks[last].Items[0] = append(append(blocks[last].Items[0], Span{Text: "\n"}), spans...)
			default:
				blocks = append(blocks, Block{Kind: kind, Items: [][]Span{spans}})
			}
		}
		if last := len(blocks) - 1; last >= 0 && blocks[last].Kind == Paragraph {
			blocks[last].Items[0] = append(blocks[last].Items[0], Span{})
		}
	}
	for i, b := range blocks { // take the marks of ended paragraphs out again
		if b.Kind == Paragraph && ended(b) {
			blocks[i].Items[0] = b.Items[0][:len(b.Items[0])-1]
		}
	}
	return blocks
}

// ended reports whether a paragraph has been closed by an empty line; an empty span marks it while parsing.
func ended(b Block) bool {
	spans := b.Items[0]
	return len(spans) > 0 && spans[len(spans)-1] == Span{}
}

func parseSpansOf(line string) []Span {
	var spans []Span
	add := func(s Span) {
		last := len(spans) - 1
		if s.Text == "" {
			return
		}
		if last >= 0 && s.URL == "" && spans[last].URL == "" && s.Bold == spans[last].Bold && s.Italic == spans[last].Italic {
			spans[last].Text += s.Text
			return
		}
		spans = append(spans, s)
	}
	for line != "" {
		at := inline.FindStringIndex(line)
		if at == nil {
			add(Span{Text: line})
			break
		}
		add(Span{Text: line[:at[0]]})
		m := line[at[0]:at[1]]
		line = line[at[1]:]
		switch {
		case m[0] == '\\':
			add(Span{Text: m[1:]})
		case strings.HasPrefix(m, "**"):
			for _, s := range parseSpansOf(strings.Trim(m, "*")) {
				s.Bold = true
				add(s)
			}
		case m[0] == '*':
			for _, s := range parseSpansOf(m[1 : len(m)-1]) {
				s.Italic = true
				add(s)
			}
		case m[0] == '[':
			label, url, _ := strings.Cut(m[1:len(m)-1], "](")
			add(Span{Text: Plain(label), URL: url})
		case strings.HasPrefix(m, "http"):
			end := strings.TrimRight(m, ".,;:!?")
			line = m[len(end):] + line
			add(Span{Text: end, URL: end})
		default:
			number := strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' || r == '+' {
					return r
				}
				return -1
			}, m)
			if len(number) < 9 || strings.HasPrefix(number, "20") || number[0] != '+' && number[0] != '0' {
				add(Span{Text: m})
			} else {
				add(Span{Text: m, URL: "tel:" + number})
			}
		}
	}
	return spans
}

// Escape takes the meaning of markup from a text, so that it is shown as it is.
func Escape(s string) string {
	if !strings.ContainsAny(s, "\\*_[]()`#+<>-.!\n") {
		return s
	}
	var out strings.Builder
	start := true
	for i, r := range s {
		switch r {
		case '\\', '*', '_', '[', ']', '`', '<', '>':
			out.WriteByte('\\')
		case '-', '+', '#':
			if start {
				out.WriteByte('\\')
			}
		case '.', ')':
			if lead := strings.TrimSpace(s[strings.LastIndexByte(s[:i], '\n')+1 : i]); lead != "" && strings.Trim(lead, "0123456789") == "" {
				out.WriteByte('\\')
			}
		}
		out.WriteRune(r)
		start = r == '\n'
	}
	return out.String()
}

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
				out.WriteString(itoa(j+1) + ". ")
			}
			for _, s := range item {
				out.WriteString(s.Text)
			}
		}
	}
	return out.String()
}

// HTML renders the subset for a page. Everything that is text is escaped; telephone numbers keep their direction.
func HTML(text string) template.HTML {
	var out strings.Builder
	for _, b := range Markdown(text) {
		open, close := "<p dir=\"auto\">", "</p>"
		switch b.Kind {
		case Bullets:
			open, close = "<ul dir=\"auto\">", "</ul>"
		case Numbers:
			open, close = "<ol dir=\"auto\">", "</ol>"
		}
		out.WriteString(open)
		for _, item := range b.Items {
			if b.Kind != Paragraph {
				out.WriteString("<li dir=\"auto\">")
			}
			for _, s := range item {
				writeSpan(&out, s)
			}
			if b.Kind != Paragraph {
				out.WriteString("</li>")
			}
		}
		out.WriteString(close)
	}
	return template.HTML(out.String())
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
