package bot_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// A crier is a notifier on a real record whose notices the test takes in.
type crier struct {
	*appointed
	n     *bot.Notifier
	told  []string // kind: words
	fails map[string]error
	count map[string]int
}

func newCrier(t *testing.T, at time.Time) *crier {
	c := &crier{appointed: appoint(t, at), fails: map[string]error{}, count: map[string]int{}}
	send := func(kind string) func(context.Context, bot.Way, bot.Notice) error {
		return func(_ context.Context, w bot.Way, n bot.Notice) error {
			if err := c.fails[kind]; err != nil {
				return err
			}
			c.told = append(c.told, kind+": "+n.Text)
			return nil
		}
	}
	c.n = &bot.Notifier{Notices: c.store, Cases: c.store, Lib: c.desk.Lib, Now: func() time.Time { return c.now }, Log: slog.New(slog.DiscardHandler), URL: "https://baom.example/console/",
		Send:  map[string]func(context.Context, bot.Way, bot.Notice) error{bot.ByPush: send(bot.ByPush), bot.ByTelegram: send(bot.ByTelegram), bot.ByMail: send(bot.ByMail)},
		Count: func(kind, outcome string) { c.count[kind+" "+outcome]++ }}
	return c
}

func (c *crier) choose(o *bot.Officer, kind, address string) {
	c.t.Helper()
	if err := c.store.AddWay(c.t.Context(), &bot.Way{Officer: o.ID, Kind: kind, Address: address, Lang: content.French}); err != nil {
		c.t.Fatal(err)
	}
}

// hears turns the clock by so much, and checks what is told then.
func (c *crier) hears(after time.Duration, what string, want ...string) {
	c.t.Helper()
	c.now, c.told = c.now.Add(after), nil
	if err := c.n.Look(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	slices.Sort(c.told)
	equal(c.t, what, c.told, want...)
}

// TestNotices follows an officer's day: nothing unless it was chosen, nothing of who is answered at once, one notice in a
// quarter of an hour, none twice of the same, none at night and while away; a failure is shown, and tried again.
func TestNotices(t *testing.T) {
	c := newCrier(t, time.Date(2026, 11, 25, 10, 0, 0, 0, casablanca(t)))
	ctx := t.Context()
	write := func(words string) {
		t.Helper()
		c.say(flows.Input{Text: words})
		c.sent()
	}
	write("Je m'appelle Mariam, ma carte expire demain")
	c.hears(2*time.Minute, "chosen nothing")
	c.choose(c.amina, bot.ByPush, "p1")
	c.choose(c.amina, bot.ByTelegram, "4711")
	c.hears(0, "one waits", "push: Un message attend.", "telegram: Un message attend.")
	c.hears(time.Hour, "known already")

	// Answered within a minute: nothing.
	if _, err := c.desk.Reply(ctx, c.amina, c.id, "Bonjour.", nil); err != nil {
		t.Fatal(err)
	}
	c.sent()
	write("merci")
	c.hears(30*time.Second, "too early to disturb")
	if _, err := c.desk.Reply(ctx, c.amina, c.id, "De rien.", nil); err != nil {
		t.Fatal(err)
	}
	c.sent()
	c.hears(time.Minute, "answered by now")

	// Two wait, one after the other: the second within the quarter of an hour waits for its end.
	write("une autre question")
	c.hears(time.Minute, "one again", "push: Un message attend.", "telegram: Un message attend.")
	c.peer.ID, c.bot.Seed = "quelqu'un d'autre", func() uint64 { return 99 }
	for _, in := range []flows.Input{{Choice: "start"}, {Choice: "lang.fr"}, {Choice: "consent.yes"}, {Choice: "menu.officer"}, {Text: "Agadir"}, {Text: "je veux parler de ma carte"}} {
		c.say(in)
	}
	c.sent()
	c.hears(10*time.Minute, "grouped")
	c.hears(4*time.Minute, "grouped still")
	c.fails[bot.ByPush] = &bot.SendError{Why: "unreachable", Err: errors.New("x")}
	c.fails[bot.ByTelegram] = &bot.SendError{Why: "blocked", Err: errors.New("x")}
	c.hears(time.Minute, "both fail")
	ways, err := c.store.Ways(ctx, c.amina.ID)
	if err != nil || len(ways) != 2 || ways[0].Why != "unreachable" || ways[1].Why != "blocked" || ways[0].Failed.IsZero() {
		t.Errorf("the account would show %+v (%v)", ways, err)
	}
	delete(c.fails, bot.ByTelegram)
	c.hears(14*time.Minute, "not at once")
	c.fails[bot.ByPush] = &bot.SendError{Permanent: true, Why: "gone", Err: errors.New("410")}
	c.hears(time.Minute, "tried again, the browser is gone", "telegram: 2 dossiers attendent.")
	if ways, err = c.store.Ways(ctx, c.amina.ID); err != nil || len(ways) != 1 || !ways[0].Failed.IsZero() {
		t.Errorf("the browser that is gone is still there: %+v (%v)", ways, err)
	}
	if c.count["push gone"] != 1 || c.count["push failed"] != 1 || c.count["telegram failed"] != 1 || c.count["telegram sent"] != 3 {
		t.Errorf("counted %v", c.count)
	}

	// At night nothing; in the morning, what came meanwhile. While away, and once disabled, nothing.
	c.at("2026-11-25", "22:00")
	write("vous êtes là ?")
	if _, err := c.desk.Claim(ctx, c.amina, c.id); err != nil {
		t.Fatal(err)
	}
	c.peer.ID = "quelqu'un"
	if _, err := c.desk.Reply(ctx, c.amina, c.id, "Oui.", nil); err != nil {
		t.Fatal(err)
	}
	write("encore une chose")
	c.hears(time.Hour, "at night")
	if err := c.desk.SetAbsence(ctx, c.amina, bot.Absence{Officer: c.amina.ID, Since: c.now.AddDate(0, 0, 1), Until: c.now.AddDate(0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	c.at("2026-11-26", "10:00")
	c.hears(0, "on leave")
	if err := c.desk.SetAbsence(ctx, c.amina, bot.Absence{Officer: c.amina.ID}); err != nil {
		t.Fatal(err)
	}
	c.hears(0, "back", "telegram: 2 dossiers attendent.")
	if err := c.store.SetDisabled(ctx, c.amina.ID, true); err != nil {
		t.Fatal(err)
	}
	write("allô ?")
	c.hears(time.Hour, "disabled")
}

// TestDigest: one mail a working day, once the office is open, with counts alone.
func TestDigest(t *testing.T) {
	c := newCrier(t, time.Date(2026, 11, 24, 17, 30, 0, 0, casablanca(t)))
	ctx := t.Context()
	c.choose(c.amina, bot.ByMail, "amina@agadir.example")
	c.say(flows.Input{Text: "Je m'appelle Mariam"})
	if _, err := c.meet("2026-11-25", "15:00"); err != nil {
		t.Fatal(err)
	}
	c.say(flows.Input{Choice: "meeting.other"})
	c.hears(time.Hour, "in the evening")
	c.at("2026-11-25", "08:29")
	c.hears(0, "before it opens")
	want := "mail: Bonjour. Voici la journée au bureau.\nDossiers qui attendent une réponse : 1\nDont urgents : 0\nRendez-vous au bureau aujourd'hui : 1"
	c.hears(time.Minute, "it opens", want)
	c.hears(time.Minute, "once")
	c.at("2026-11-28", "10:00")
	c.hears(0, "on Saturday")
	c.fails[bot.ByMail] = &bot.SendError{Why: "server", Err: errors.New("x")}
	c.at("2026-11-30", "09:00")
	c.hears(0, "the server is away")
	if ways, err := c.store.Ways(ctx, c.amina.ID); err != nil || len(ways) != 1 || ways[0].Why != "server" {
		t.Errorf("the account would show %+v (%v)", ways, err)
	}
}

// TestLinkCode: a code ties the account that sends it, once and in time; nothing else is taken for one. What is sealed stays
// sealed, and nobody is told who sees figures alone.
func TestLinkCode(t *testing.T) {
	c := newCrier(t, time.Date(2026, 11, 25, 10, 0, 0, 0, casablanca(t)))
	ctx := t.Context()
	link := func(peer bot.Peer, text string) (string, bool) {
		t.Helper()
		m, ok, err := c.n.Link(ctx, bot.Entry{Peer: peer, Input: flows.Input{Text: text}})
		if err != nil {
			t.Fatal(err)
		}
		return m.Text, ok
	}
	own := bot.Peer{Channel: bot.Telegram, ID: "987654321012"}
	for _, text := range []string{"", "bonjour", "AG-7F3K-92", "BAOM", "BAOM-AAAA-BBBB", "mon code est BAOM-AAAA-BBBB-CCCC"} {
		if answer, ok := link(own, text); ok {
			t.Errorf("%q is taken for a code: %q", text, answer)
		}
	}
	code, err := c.n.Code(ctx, c.amina)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := link(bot.Peer{Channel: bot.WhatsApp, ID: "x"}, code); ok {
		t.Error("a code on WhatsApp")
	}
	if answer, ok := link(own, "BAOM-AAAA-AAAA-AAAA"); !ok || !strings.Contains(answer, "plus valable") {
		t.Errorf("a guess: %v %q", ok, answer)
	}
	if answer, ok := link(own, " "+strings.ToLower(code)+"\n"); !ok || !strings.Contains(answer, "C'est fait") {
		t.Errorf("the code: %v %q", ok, answer)
	}
	if answer, _ := link(bot.Peer{Channel: bot.Telegram, ID: "2"}, code); !strings.Contains(answer, "plus valable") {
		t.Errorf("twice: %q", answer)
	}
	ways, err := c.store.Ways(ctx, c.amina.ID)
	if err != nil || len(ways) != 1 || ways[0].Address != own.ID {
		t.Fatalf("%+v %v", ways, err)
	}
	if sent, err := c.n.Try(ctx, c.amina, ways[0].ID); err != nil || !sent || len(c.told) != 1 {
		t.Errorf("tried: %v %v %v", sent, err, c.told)
	}
	late, err := c.n.Code(ctx, c.amina)
	if err != nil {
		t.Fatal(err)
	}
	c.now = c.now.Add(16 * time.Minute)
	if answer, _ := link(own, late); !strings.Contains(answer, "plus valable") {
		t.Errorf("late: %q", answer)
	}

	samir := &bot.Officer{Login: "samir", Name: "Samir", Hash: "x", Role: bot.RoleSupervisor, Office: "agadir"}
	if err := c.store.SaveOfficer(ctx, samir); err != nil {
		t.Fatal(err)
	}
	if _, err := c.n.Try(ctx, samir, ways[0].ID); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("another's way: %v", err)
	}
	if err := c.store.DropWay(ctx, samir.ID, ways[0].ID); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("another's way dropped: %v", err)
	}
	c.choose(samir, bot.ByPush, "p2")
	c.say(flows.Input{Text: "bonjour"})
	c.hears(2*time.Minute, "who sees figures alone", "telegram: Un message attend.")

	conn, err := pgx.Connect(ctx, c.databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var leaks int
	if err := conn.QueryRow(ctx, `select count(*) from ways w where w::text like '%' || $1 || '%' or encode(w.address, 'escape') like '%' || $1 || '%'`, own.ID).Scan(&leaks); err != nil || leaks != 0 {
		t.Errorf("%d addresses lie open (%v)", leaks, err)
	}
}
