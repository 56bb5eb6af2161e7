package bot_test

import (
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// TestTakeSpeaks: an answer that somebody recorded is heard as well as read, in the language it was recorded in alone.
func TestTakeSpeaks(t *testing.T) {
	const id = "rpt.residence-card.renew"
	own := fstest.MapFS{"answers/ary/" + id + ".ogg": {Data: []byte("OggS OpusHead voice")}}
	lib, err := content.Load(content.Builtin(), own)
	if err != nil {
		t.Fatal(err)
	}
	book, err := flows.New(lib)
	if err != nil {
		t.Fatal(err)
	}
	b := &bot.Bot{Book: func() *flows.Book { return book }, Now: time.Now, Seed: func() uint64 { return 1 }, Log: slog.New(slog.DiscardHandler)}
	for lang, heard := range map[content.Lang]bool{content.Darija: true, content.French: false} {
		s := flows.Session{Lang: lang, Consent: "yes", Flow: "menu", State: "menu", Seen: time.Now()}
		turn := b.Take(s, bot.Entry{Input: flows.Input{Choice: "answer." + id}})
		if len(turn.Send) != 1 {
			t.Fatalf("%s: %d messages", lang, len(turn.Send))
		}
		m := turn.Send[0]
		if (m.Media != nil) != heard || heard && (m.Media.Kind != flows.Voice || !strings.HasSuffix(string(m.Media.Data), "voice")) {
			t.Errorf("%s: %+v", lang, m.Media)
		}
		if m.Text == "" || len(m.Choices) == 0 {
			t.Errorf("%s: the words are gone: %+v", lang, m)
		}
	}
}
