package telegramtest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tags are the tags of HTML that Telegram takes.
var tags = map[string]bool{"b": true, "strong": true, "i": true, "em": true, "u": true, "ins": true, "s": true, "strike": true, "del": true, "a": true,
	"code": true, "pre": true, "blockquote": true, "span": true, "tg-spoiler": true, "tg-emoji": true}

// Text reads HTML as Telegram does and returns its text as a person sees it. Telegram is no browser: it knows few tags,
// wants each closed in its order, knows the entities lt, gt, amp and quot and those by number, and an ampersand or a
// closing angle by itself is text. The error is worded like Telegram's.
func Text(src string) (string, error) {
	p := htmlParser{src: src}
	for p.at < len(p.src) {
		var err error
		switch c := p.src[p.at]; {
		case c == '&':
			p.out.WriteString(p.entity())
			continue
		case c != '<':
			p.out.WriteByte(c)
			p.at++
			continue
		case strings.HasPrefix(p.src[p.at:], "</"):
			err = p.end()
		default:
			err = p.start()
		}
		if err != nil {
			return "", err
		}
	}
	if n := len(p.open); n > 0 {
		return "", fmt.Errorf("can't find end tag corresponding to start tag %q", p.open[n-1])
	}
	return p.out.String(), nil
}

type htmlParser struct {
	src  string
	at   int
	open []string
	out  strings.Builder
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0 || c == '\v'
}

func (p *htmlParser) space() {
	for p.at < len(p.src) && isSpace(p.src[p.at]) {
		p.at++
	}
}

// until reads up to a byte that stop reports.
func (p *htmlParser) until(stop func(byte) bool) string {
	from := p.at
	for p.at < len(p.src) && !stop(p.src[p.at]) {
		p.at++
	}
	return p.src[from:p.at]
}

func (p *htmlParser) is(c byte) bool { return p.at < len(p.src) && p.src[p.at] == c }

// entity reads what begins with an ampersand.
func (p *htmlParser) entity() string {
	from := p.at
	name, _, closed := strings.Cut(p.src[from+1:min(len(p.src), from+12)], ";")
	if closed {
		r := rune(0)
		if digits, numeric := strings.CutPrefix(name, "#"); numeric {
			base := 10
			if hex, is := strings.CutPrefix(digits, "x"); is {
				digits, base = hex, 16
			}
			if n, err := strconv.ParseUint(digits, base, 32); err == nil && n > 0 && n <= utf8.MaxRune {
				r = rune(n)
			}
		} else {
			r = map[string]rune{"lt": '<', "gt": '>', "amp": '&', "quot": '"'}[name]
		}
		if r != 0 {
			p.at = from + len(name) + 2
			return string(r)
		}
	}
	p.at++
	return "&"
}

func (p *htmlParser) start() error {
	from := p.at
	p.at++
	name := strings.ToLower(p.until(func(c byte) bool { return isSpace(c) || c == '>' }))
	if p.at >= len(p.src) {
		return fmt.Errorf("unclosed start tag at byte offset %d", from)
	}
	if !tags[name] {
		return fmt.Errorf("unsupported start tag %q at byte offset %d", name, from)
	}
	class := ""
	for p.space(); !p.is('>'); p.space() {
		if p.at >= len(p.src) {
			return fmt.Errorf("unclosed start tag %q at byte offset %d", name, from)
		}
		key, value, err := p.attribute(name, from)
		if err != nil {
			return err
		}
		if key == "class" {
			class = value
		}
	}
	p.at++
	if name == "span" && class != "tg-spoiler" {
		return fmt.Errorf("tag \"span\" must have class \"tg-spoiler\" at byte offset %d", from)
	}
	p.open = append(p.open, name)
	return nil
}

func (p *htmlParser) attribute(tag string, from int) (key, value string, err error) {
	key = strings.ToLower(p.until(func(c byte) bool { return isSpace(c) || c == '=' || c == '>' }))
	if key == "" {
		return "", "", fmt.Errorf("empty attribute name in the tag %q at byte offset %d", tag, from)
	}
	p.space()
	if !p.is('=') {
		if key == "expandable" {
			return key, "", nil
		}
		return "", "", fmt.Errorf("expected equal sign in declaration of an attribute of the tag %q at byte offset %d", tag, from)
	}
	p.at++
	p.space()
	if !p.is('"') && !p.is('\'') {
		return key, p.until(func(c byte) bool { return isSpace(c) || c == '>' }), nil
	}
	quote := p.src[p.at]
	p.at++
	var out strings.Builder
	for p.at < len(p.src) && p.src[p.at] != quote {
		if p.src[p.at] == '&' {
			out.WriteString(p.entity())
		} else {
			out.WriteByte(p.src[p.at])
			p.at++
		}
	}
	if p.at >= len(p.src) {
		return "", "", fmt.Errorf("unclosed start tag %q at byte offset %d", tag, from)
	}
	p.at++
	return key, out.String(), nil
}

func (p *htmlParser) end() error {
	from := p.at
	p.at += 2
	name := strings.ToLower(p.until(func(c byte) bool { return isSpace(c) || c == '>' }))
	p.space()
	n := len(p.open)
	switch {
	case n == 0:
		return fmt.Errorf("unexpected end tag at byte offset %d", from)
	case !p.is('>'):
		return fmt.Errorf("unclosed end tag at byte offset %d", from)
	case name != "" && name != p.open[n-1]:
		return fmt.Errorf("unmatched end tag at byte offset %d, expected %q, found %q", from, "</"+p.open[n-1]+">", "</"+name+">")
	}
	p.at++
	p.open = p.open[:n-1]
	return nil
}
