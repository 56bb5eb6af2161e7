package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/proto"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/handlers/whatsapp"
	"baom/handlers/whatsapp/whatsapptest"
	"baom/storage"
	"baom/storage/storagetest"
)

// A rig is the bot with WhatsApp alone, on a real record, its office linked by QR.
type rig struct {
	s      *whatsapptest.Server
	office *whatsapptest.Account
	store  *storage.Store
	phone  *whatsapp.WhatsApp
	book   *flows.Book
	now    func() time.Time
	stop   func()

	playing map[*whatsapptest.Person]*playing
}

// dial makes a rig that runs until the test ends, or stop is called.
func dial(t testing.TB, s *whatsapptest.Server, office *whatsapptest.Account, databaseURL, redisURL string, edit func(*whatsapp.Config)) *rig {
	t.Helper()
	lib, err := content.Load(content.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	book, err := flows.New(lib)
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{s: s, office: office, book: book, playing: map[*whatsapptest.Person]*playing{}, now: func() time.Time { return time.Now().In(zone()) }}
	g.store = storagetest.Open(t, storage.Options{DatabaseURL: databaseURL, RedisURL: redisURL, Log: slog.New(slog.DiscardHandler)})
	db, err := storage.Schema(t.Context(), databaseURL, "whatsapp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	c := whatsapp.Config{DB: db, Secret: storagetest.Secret(), HTTP: s.HTTPClient(), Hint: func(l content.Lang) string { return lib.Page("choices.hint", l, nil) },
		Hold: func(ctx context.Context) (context.Context, func(), bool, error) { return g.store.Hold(ctx, "whatsapp") }}
	if edit != nil {
		edit(&c)
	}
	if g.phone, err = whatsapp.New(c); err != nil {
		t.Fatal(err)
	}
	err = g.phone.Pair(t.Context(), "", func(link bot.Link) {
		if link.QR != "" {
			if err := office.Scan(link.QR); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil && err != whatsapp.ErrPaired {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	b := &bot.Bot{Book: func() *flows.Book { return book }, Journal: g.store, Messengers: []bot.Messenger{g.phone}, Now: g.now, Seed: seed, Log: slog.New(slog.DiscardHandler)}
	go func() { done <- b.Run(ctx) }()
	var ended atomic.Bool
	g.stop = func() {
		if !ended.Swap(true) {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(g.stop)
	s.Until("the office is online", func() bool { return g.phone.Link(t.Context()).State == bot.LinkConnected })
	return g
}

// TestDialoguesWhatsApp plays the dialogues of flows through real encryption, by number and by LID: what the person reads
// on the telephone is what the dialogue says. Left out are those in which something happens at the desk, or a button is
// pressed that is not shown.
func TestDialoguesWhatsApp(t *testing.T) {
	for _, mode := range []struct {
		name   string
		as     whatsapptest.Addressing
		answer func(n int, label string) string // how the person chooses
	}{
		{"number", whatsapptest.ByPN, func(n int, _ string) string { return fmt.Sprint(n) }},
		{"lid", whatsapptest.ByLID, func(n int, label string) string {
			if n%2 == 0 {
				return label
			}
			return arabic(n)
		}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			s := whatsapptest.New(t)
			s.SetAddressing(mode.as)
			db, redis := storagetest.Env(t)
			g := dial(t, s, s.Account("212528000001", "90000000000001", "BAOM"), db, redis, nil)
			files, err := filepath.Glob("../../flows/testdata/*.txtar")
			if err != nil || len(files) == 0 {
				t.Fatalf("no dialogues: %v", err)
			}
			played := 0
			for _, file := range files {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, section := range txtar.Parse(data).Files {
					if script := script(string(section.Data)); playable(g, script) {
						played++
						phone := fmt.Sprintf("336%08d", played)
						p := s.Person(phone, "9100000"+phone[3:], "Quelqu'un")
						for i, line := range script {
							if !g.play(t, p, i, line, mode.answer) {
								t.Fatalf("%s, %s: stopped at %q", filepath.Base(file), section.Name, line)
							}
						}
						p.Client.Disconnect()
					}
				}
			}
			t.Logf("%d dialogues", played)
			if played < 20 {
				t.Errorf("only %d dialogues could be played", played)
			}
		})
	}
}

// arabic writes a number in Arabic digits.
func arabic(n int) string {
	return strings.Map(func(r rune) rune { return r - '0' + '٠' }, fmt.Sprint(n))
}

// script is what the person does in a section; nil where something else happens.
func script(section string) (lines []string) {
	for line := range strings.Lines(section) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "* "):
			return nil
		case line == "> (bouton start)":
			lines = append(lines, "👋") // WhatsApp has no such button: somebody waves
		case strings.HasPrefix(line, "> "):
			lines = append(lines, line[2:])
		}
	}
	return lines
}

// playable reports whether every button that is pressed is shown then.
func playable(g *rig, lines []string) bool {
	player := &flows.Player{Book: g.book, Now: g.now(), Seed: 1}
	var offered []content.Option
	for _, line := range lines {
		if id, ok := pressed(line); ok && !slices.ContainsFunc(offered, func(o content.Option) bool { return o.ID == id }) {
			return false
		}
		effects, err := player.Play(line)
		if err != nil {
			return false
		}
		offered = choices(offered, effects)
	}
	return len(lines) > 0
}

func pressed(line string) (id string, ok bool) {
	id, ok = strings.CutPrefix(line, "(bouton ")
	return strings.TrimSuffix(id, ")"), ok
}

// choices are those that stand after some effects.
func choices(before []content.Option, effects []flows.Effect) []content.Option {
	for _, e := range effects {
		if say, ok := e.(flows.Say); ok && say.Choices != nil {
			before = say.Choices
		}
	}
	return before
}

// reference is what is drawn by lot.
var reference = regexp.MustCompile(`[A-Z]{2}-[0-9A-Z]{4}-[0-9]{2}`)

// play does one line on a telephone and in the dialogue itself, and compares what is said.
func (g *rig) play(t *testing.T, p *whatsapptest.Person, i int, line string, answer func(int, string) string) bool {
	t.Helper()
	x := g.playing[p]
	if x == nil {
		x = &playing{player: &flows.Player{Book: g.book, Now: g.now(), Seed: 1}}
		g.playing[p] = x
	}
	g.do(t, p, x, line, answer)
	effects, err := x.player.Play(line)
	if err != nil {
		t.Fatal(err)
	}
	x.offered = choices(x.offered, effects)
	want := ""
	for _, e := range effects {
		if say, ok := e.(flows.Say); ok {
			want += say.Text + "\n"
			for _, c := range say.Choices {
				want += c.Label + "\n"
			}
		}
	}
	want = letters(want)
	got := ""
	for deadline := time.Now().Add(g.s.Patience); letters(got) != want && time.Now().Before(deadline) && len(letters(got)) <= len(want); {
		if m := p.Next(); m != nil {
			got += whatsapptest.Text(m) + "\n"
		} else {
			time.Sleep(time.Millisecond)
		}
	}
	if letters(got) != want {
		t.Errorf("line %d, %q: the telephone shows\n%s\nthe dialogue says\n%s", i+1, line, letters(got), want)
		return false
	}
	return true
}

// A playing is a dialogue beside the one on a telephone.
type playing struct {
	player  *flows.Player
	offered []content.Option
	last    string // id of the words that were sent last
}

func ids(options []content.Option) (ids []string) {
	for _, o := range options {
		ids = append(ids, o.ID)
	}
	return ids
}

// do does a line on a telephone: a choice by number or words, words, or something that is sent.
func (g *rig) do(t *testing.T, p *whatsapptest.Person, x *playing, line string, answer func(int, string) string) {
	t.Helper()
	id, button := pressed(line)
	for n, o := range x.offered {
		if button && o.ID == id || line == "["+o.Label+"]" {
			label := o.Label
			if meant, _ := g.book.Library().Match(label, ids(x.offered)); meant != o.ID { // two choices with the same words
				label = fmt.Sprint(n + 1)
			}
			x.last = p.Say(g.office, answer(n+1, label))
			return
		}
	}
	what, caption, _ := strings.Cut(strings.TrimPrefix(line, "("), ")")
	var lat, lon float64
	switch word, rest, _ := strings.Cut(what, " "); {
	case !strings.HasPrefix(line, "("):
		x.last = p.Say(g.office, line)
	case word == "vocal":
		p.Voice(g.office, []byte("OggS un message"))
	case word == "photo":
		p.Image(g.office, []byte("\xff\xd8\xff une photo"), strings.TrimSpace(caption))
	case word == "contact":
		p.Send(g.office, &waE2E.Message{ContactMessage: &waE2E.ContactMessage{DisplayName: proto.String("X"), Vcard: proto.String("BEGIN:VCARD\nFN:X\nEND:VCARD")}})
	case word == "autocollant":
		p.Send(g.office, &waE2E.Message{StickerMessage: &waE2E.StickerMessage{}})
	case word == "position":
		fmt.Sscan(rest, &lat, &lon)
		p.Send(g.office, &waE2E.Message{LocationMessage: &waE2E.LocationMessage{DegreesLatitude: &lat, DegreesLongitude: &lon}})
	case word == "modifié":
		p.Edit(g.office, x.last, strings.TrimSpace(caption))
	default:
		t.Fatalf("nobody knows how to do %q", line)
	}
}

var (
	numbering = regexp.MustCompile(`(?m)^\s*\d+[.)] `)
	hints     = regexp.MustCompile(`(?m)^_.*_$`)
	addresses = regexp.MustCompile(`\((https?|tel|mailto):?[^)]*\)|\(\+?[0-9 ]+\)`)
)

// letters are what is said without how it looks, and without what is drawn by lot.
func letters(s string) string {
	s = reference.ReplaceAllString(addresses.ReplaceAllString(numbering.ReplaceAllString(hintless(s), ""), ""), "")
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

// hintless is a text without the line under a menu.
func hintless(s string) string {
	return hints.ReplaceAllString(s, "")
}
