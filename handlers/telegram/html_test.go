package telegram

import (
	"strings"
	"testing"
	"time"

	"baom/bot"
	"baom/content"
	"baom/handlers/telegram/telegramtest"
)

// FuzzHTML: whatever the Markdown, Telegram reads our HTML as the text it stands for; and parts keep the limit, their
// markup, and every word.
func FuzzHTML(f *testing.F) {
	for _, s := range []string{"**a *b* c**", "[x](https://a.b/?q=\"<)", "1. a\n2. b\n\n- c", "05 37 54 54 00", "<script>&amp;", "**\\*", "[a **b** c](tel:+212600000000)",
		"&#x41;&lt;", "*" + strings.Repeat("é🙂", 40) + "*", strings.Repeat("mot ", 40), strings.Repeat("à\u0301", 80), "\xe2*\x80*\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 2000 {
			return
		}
		spans := render(s)
		check := func(spans []content.Span) {
			if got, err := telegramtest.Text(markup(spans)); err != nil || got != plain(spans) {
				t.Fatalf("%q is read as %q: %v", markup(spans), got, err)
			}
		}
		check(spans)
		var words []string
		for _, part := range split(spans, 50) {
			check(part)
			text := plain(part)
			if n := content.Units(text); n > 50 || n == 0 || strings.TrimSpace(text) != text {
				t.Fatalf("a part of %d units: %q", n, text)
			}
			words = append(words, strings.Fields(text)...)
		}
		if strings.Join(words, "") != strings.Join(strings.Fields(plain(spans)), "") {
			t.Fatalf("%q in parts is %q", plain(spans), words)
		}
	})
}

// TestPace: nobody waits before Telegram has complained; then 30 a second in all and one a second to each, for a minute
// beyond what it asked.
func TestPace(t *testing.T) {
	var p pace
	now := time.Unix(1700000000, 0)
	for range 100 {
		if d := p.reserve(1, now); d != 0 {
			t.Fatalf("waits %v without a reason", d)
		}
	}
	p.flooded(1, 5*time.Second, now)
	if d := p.reserve(1, now); d != 5*time.Second {
		t.Errorf("the chat that was named waits %v", d)
	}
	if a, b := p.reserve(2, now), p.reserve(3, now); a != 0 || b != everyAll {
		t.Errorf("others wait %v, %v", a, b)
	}
	if d := p.reserve(2, now); d != everyChat {
		t.Errorf("a second message to one chat waits %v", d)
	}
	now = now.Add(5 * time.Second)
	if d := p.reserve(1, now); d != 0 {
		t.Errorf("after its time the chat still waits %v", d)
	}
	now = now.Add(time.Minute)
	if a, b := p.reserve(1, now), p.reserve(1, now); a != 0 || b != 0 {
		t.Errorf("a minute later they wait %v, %v", a, b)
	}
}

// TestTypingEnds: once an answer has left, none is waited for.
func TestTypingEnds(t *testing.T) {
	api := telegramtest.New(t)
	api.Person(42, "fr")
	ch, err := New(Config{Token: api.Token, APIURL: api.URL})
	if err != nil {
		t.Fatal(err)
	}
	ch.typing.After = time.Hour
	ch.typing.Begin(42)
	if _, err := ch.Send(t.Context(), bot.Message{Peer: peer(42), Text: "x"}); err != nil || ch.typing.Waits(42) {
		t.Errorf("after an answer one is still waited for: %v; %v", ch.typing.Waits(42), err)
	}
}

func BenchmarkRender(b *testing.B) {
	text := strings.Repeat("Un paragraphe avec **du gras**, un [lien](https://example.org/x) et le 05 37 54 54 00.\n\n- un\n- deux\n\n", 5)
	b.ReportAllocs()
	for b.Loop() {
		for _, part := range split(render(text), maxMessage) {
			if markup(part) == "" {
				b.Fatal("empty")
			}
		}
	}
}
