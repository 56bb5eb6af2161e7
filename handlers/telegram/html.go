package telegram

import (
	"html"
	"strconv"
	"strings"
	"unicode"

	"baom/content"
)

// render reads Markdown into one line of spans, with bullets and numbers written out. A telephone number or an address
// of mail behind other words is written after them: Telegram links only to the web, and finds numbers by itself. It
// refuses bytes that are no UTF-8: they are replaced.
func render(text string) []content.Span {
	var out []content.Span
	for i, b := range content.Markdown(strings.ToValidUTF8(text, "\ufffd")) {
		if i > 0 {
			out = append(out, content.Span{Text: "\n\n"})
		}
		for j, item := range b.Items {
			lead := ""
			if j > 0 {
				lead = "\n"
			}
			switch b.Kind {
			case content.Bullets:
				lead += "• "
			case content.Numbers:
				lead += strconv.Itoa(max(1, b.First)+j) + ". "
			}
			if lead != "" {
				out = append(out, content.Span{Text: lead})
			}
			for k, s := range item {
				out = append(out, s)
				if hidden := behind(item, k); hidden != "" {
					out = append(out, content.Span{Text: " (" + hidden + ")"})
				}
			}
		}
	}
	return out
}

// behind is the number or mail address behind a link that ends with span k and does not show it, or nothing.
func behind(item []content.Span, k int) string {
	url := item[k].URL
	scheme, target, ok := strings.Cut(url, ":")
	if !ok || scheme != "tel" && scheme != "mailto" || k+1 < len(item) && item[k+1].URL == url {
		return ""
	}
	shown := ""
	for ; k >= 0 && item[k].URL == url; k-- {
		shown = item[k].Text + shown
	}
	if shown == target || scheme == "tel" && digits(shown) == digits(target) {
		return ""
	}
	return target
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// plain is the text of spans.
func plain(spans []content.Span) string {
	var out strings.Builder
	for _, s := range spans {
		out.WriteString(s.Text)
	}
	return out.String()
}

// markup writes spans as the HTML that Telegram takes: b, i and a; everything else is escaped.
func markup(spans []content.Span) string {
	var out strings.Builder
	for _, s := range spans {
		body := html.EscapeString(s.Text)
		if strings.HasPrefix(s.URL, "http") && s.URL != s.Text { // Telegram finds bare addresses by itself
			body = `<a href="` + html.EscapeString(s.URL) + `">` + body + `</a>`
		}
		if s.Italic {
			body = "<i>" + body + "</i>"
		}
		if s.Bold {
			body = "<b>" + body + "</b>"
		}
		out.WriteString(body)
	}
	return out.String()
}

// split cuts spans into parts of a limit in UTF-16 units, between paragraphs where it can, else between lines or words.
// Parts have no space at their edges, and there is none without words.
func split(spans []content.Span, limit int) [][]content.Span {
	var parts [][]content.Span
	for spans = trim(spans); len(spans) > 0; {
		text := plain(spans)
		at := content.Cut(text, limit)
		head, tail := cut(spans, at)
		if head = trim(head); len(head) > 0 {
			parts = append(parts, head)
		}
		spans = trim(tail)
	}
	return parts
}

// cut parts spans at a byte of their text.
func cut(spans []content.Span, at int) (head, tail []content.Span) {
	for i, s := range spans {
		if at < len(s.Text) {
			left, right := s, s
			left.Text, right.Text = s.Text[:at], s.Text[at:]
			head = append(head, left)
			return head, append([]content.Span{right}, spans[i+1:]...)
		}
		head = append(head, s)
		at -= len(s.Text)
	}
	return head, nil
}

// trim takes the space off both edges. It changes a copy.
func trim(spans []content.Span) []content.Span {
	spans = append([]content.Span{}, spans...)
	for len(spans) > 0 {
		if spans[0].Text = strings.TrimLeftFunc(spans[0].Text, unicode.IsSpace); spans[0].Text != "" {
			break
		}
		spans = spans[1:]
	}
	for n := len(spans) - 1; n >= 0; n-- {
		if spans[n].Text = strings.TrimRightFunc(spans[n].Text, unicode.IsSpace); spans[n].Text != "" {
			break
		}
		spans = spans[:n]
	}
	return spans
}
