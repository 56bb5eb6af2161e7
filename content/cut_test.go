package content_test

import (
	"testing"

	"baom/content"
)

// TestCut cuts between what belongs least together, and never within a letter.
func TestCut(t *testing.T) {
	for _, c := range []struct {
		name, text string
		limit      int
		want       string // the first part
	}{
		{"short enough", "un deux", 7, "un deux"},
		{"between paragraphs", "un deux\n\ntrois quatre", 16, "un deux"},
		{"not for a tiny first paragraph", "a\n\ndeux trois quatre", 16, "a\n\ndeux trois"},
		{"between lines", "un deux\ntrois", 10, "un deux"},
		{"between words", "un deux trois", 9, "un deux"},
		{"within a word", "abcdefghij", 4, "abcd"},
		{"not within a sign of two units", "abc🙂def", 4, "abc"},
		{"not between a letter and its mark", "abce\u0301def", 4, "abc"},
	} {
		if got := c.text[:content.Cut(c.text, c.limit)]; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
