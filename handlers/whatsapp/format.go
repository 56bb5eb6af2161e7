package whatsapp

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"baom/content"
)

// maxText is how long one message may be, in UTF-16 units. WhatsApp takes far more, but folds it away.
const maxText = 2000

// render writes Markdown as WhatsApp's own marks: *bold*, _italic_, lists by hand, an address after the words that it
// stands behind.
func render(text string) string {
	var out strings.Builder
	for i, b := range content.Markdown(strings.ToValidUTF8(text, "\ufffd")) {
		if i > 0 {
			out.WriteString("\n\n")
		}
		for j, item := range b.Items {
			if j > 0 {
				out.WriteByte('\n')
			}
			switch b.Kind {
			case content.Bullets:
				out.WriteString("• ")
			case content.Numbers:
				out.WriteString(strconv.Itoa(max(1, b.First)+j) + ". ")
			}
			inline(&out, item)
		}
	}
	return strings.TrimSpace(out.String())
}

// inline writes spans. A mark counts for WhatsApp only between what is no letter, and within a line: where it would not, it
// is left out.
func inline(out *strings.Builder, item []content.Span) {
	for k, s := range item {
		text := s.Text
		if s.URL == "" {
			text = quiet(text)
		}
		before, _ := utf8.DecodeLastRuneInString(out.String())
		after := rune(' ')
		if k+1 < len(item) {
			after, _ = utf8.DecodeRuneInString(item[k+1].Text)
		}
		if s.Bold && !wordy(before) && !wordy(after) {
			text = mark(text, "*")
		}
		if s.Italic && !wordy(before) && !wordy(after) {
			text = mark(text, "_")
		}
		out.WriteString(text)
		if target := behind(item, k); target != "" {
			out.WriteString(" (" + target + ")")
		}
	}
}

func wordy(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// mark puts a mark around each line of a text, inside its spaces.
func mark(text, with string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		bare := strings.TrimSpace(line)
		if bare == "" {
			continue
		}
		at := strings.Index(line, bare)
		lines[i] = line[:at] + with + bare + with + line[at+len(bare):]
	}
	return strings.Join(lines, "\n")
}

// quiet changes signs that WhatsApp would take for marks into ones that look the same. One alone on its line is none.
func quiet(text string) string {
	for from, to := range map[string]string{"*": "∗", "~": "∼", "`": "ˋ"} {
		if strings.Count(text, from) > 1 {
			text = strings.ReplaceAll(text, from, to)
		}
	}
	if strings.Count(text, "_") < 2 {
		return text
	}
	parts := strings.SplitAfter(text, " ")
	for i, part := range parts {
		if (strings.HasPrefix(part, "_") || strings.HasSuffix(strings.TrimSpace(part), "_")) && !strings.ContainsAny(part, ":@/") {
			parts[i] = strings.ReplaceAll(part, "_", "ˍ")
		}
	}
	return strings.Join(parts, "")
}

// behind is where a link that ends with span k leads to, if its words do not show it.
func behind(item []content.Span, k int) string {
	url := item[k].URL
	if url == "" || k+1 < len(item) && item[k+1].URL == url {
		return ""
	}
	target := url
	if scheme, rest, _ := strings.Cut(url, ":"); scheme == "tel" || scheme == "mailto" {
		target = rest
	}
	shown := ""
	for ; k >= 0 && item[k].URL == url; k-- {
		shown = item[k].Text + shown
	}
	if bare(shown) == bare(target) || strings.HasPrefix(url, "tel:") && digits(shown) == digits(target) {
		return ""
	}
	return target
}

// bare is an address without what people leave out.
func bare(url string) string {
	url = strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://")
	return strings.TrimSuffix(url, "/")
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// sectionLines is how many choices stand together: longer menus are parted by an empty line.
const sectionLines = 9

// menu writes choices as numbered lines, in sections of under ten.
func menu(choices []content.Option) string {
	var out strings.Builder
	for i, c := range choices {
		switch {
		case i > 0 && len(choices) > sectionLines && i%sectionLines == 0:
			out.WriteString("\n\n")
		case i > 0:
			out.WriteByte('\n')
		}
		out.WriteString(strconv.Itoa(i+1) + ". " + quiet(label(c)))
	}
	return out.String()
}

// label is the words of a choice, on one line.
func label(c content.Option) string {
	if l := words(c.Label); l != "" {
		return l
	}
	return c.ID
}

// labelled is the label under a number in a menu that was sent, or nothing.
func labelled(text string, n int) string {
	lead, found := strconv.Itoa(n)+". ", ""
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, lead); ok {
			found = strings.TrimSpace(rest) // the last one: the lists of an answer come before its menu
		}
	}
	return found
}

// split cuts a text into parts of a limit in UTF-16 units: between paragraphs where it can, else between lines or words.
// Parts have no space at their edges, and there is none without words.
func split(text string, limit int) []string {
	var parts []string
	for text = strings.TrimSpace(text); text != ""; {
		at := content.Cut(text, limit)
		if part := strings.TrimSpace(text[:at]); part != "" {
			parts = append(parts, part)
		}
		text = strings.TrimSpace(text[at:])
	}
	return parts
}
