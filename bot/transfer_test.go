package bot_test

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"baom/bot"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// A talk is one person with the bot's own dialogue, at an office whose clock can be set.
type talk struct {
	*office
	bot  *bot.Bot
	peer bot.Peer
	id   int64
	at   time.Time
	n    int
}

// newTalk lets somebody ask for an officer of Agadir by the whole dialogue, and Amina take the case.
func newTalk(t *testing.T) *talk {
	o := newOffice(t)
	k := &talk{office: o, peer: bot.Peer{Channel: bot.Web, ID: "moussa"}, at: time.Now()}
	lib, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	book, err := flows.New(lib)
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return k.at }
	o.store = storagetest.Open(t, storage.Options{DatabaseURL: o.db, Now: now})
	o.desk.Cases, o.desk.Now = o.store, now
	k.bot = &bot.Bot{Book: func() *flows.Book { return book }, Now: now, Seed: func() uint64 { k.n++; return uint64(k.n) }, Log: slog.New(slog.DiscardHandler)}
	for _, words := range []string{"|lang.fr", "|consent.yes", "|menu.officer", "|commune.agadir", "Mon patron est à Tiznit"} {
		k.says(words)
	}
	list, err := o.desk.Queue(t.Context(), o.amina, bot.Query{})
	if err != nil || len(list) != 1 {
		t.Fatalf("no case was opened: %v, %v", list, err)
	}
	k.id = list[0].ID
	k.must(o.desk.Claim(t.Context(), o.amina, k.id))
	k.turns()
	return k
}

func (k *talk) must(c *bot.Case, err error) *bot.Case {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
	return c
}

// says lets the person write, or press a button where the words begin with a line.
func (k *talk) says(words string) {
	k.t.Helper()
	k.n++
	in := flows.Input{Text: words, At: k.at}
	if strings.HasPrefix(words, "|") {
		in = flows.Input{Choice: words[1:], At: k.at}
	}
	if _, err := k.store.Receive(k.t.Context(), bot.Entry{Peer: k.peer, Key: "web:" + time.Duration(k.n).String(), Input: in}); err != nil {
		k.t.Fatal(err)
	}
	k.turns()
}

// turns takes the turns that are due, with the bot's own dialogue.
func (k *talk) turns() {
	k.t.Helper()
	for {
		err := k.store.Turn(k.t.Context(), k.bot.Take)
		if errors.Is(err, bot.ErrIdle) {
			return
		}
		if err != nil {
			k.t.Fatal(err)
		}
	}
}

// hears is all that the person has been told since, as one text.
func (k *talk) hears() string {
	k.t.Helper()
	return strings.Join(k.sent(), "\n")
}

func (k *talk) read(who *bot.Officer) *bot.Case {
	k.t.Helper()
	c, _, err := k.desk.Open(k.t.Context(), who, k.id)
	return k.must(c, err)
}

// events are the names of what happened to the case.
func (k *talk) events(who *bot.Officer) (names []string) {
	k.t.Helper()
	_, lines, err := k.desk.Open(k.t.Context(), who, k.id)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, l := range lines {
		if l.Author == bot.ByEvent {
			names = append(names, l.Event)
		}
	}
	return names
}

func (k *talk) proposes() {
	k.t.Helper()
	k.hears()
	k.must(k.desk.Propose(k.t.Context(), k.amina, k.id, "tiznit", "Votre patron\n est à Tiznit."))
	k.turns()
	if said := k.hears(); !strings.Contains(said, "Votre patron est à Tiznit.") || !strings.Contains(said, "Êtes-vous d'accord") {
		k.t.Fatalf("the person is asked: %q", said)
	}
}

// TestTransferAgreed: the case moves when its person says yes, and no moment before; then only the other office reads it.
func TestTransferAgreed(t *testing.T) {
	k := newTalk(t)
	ctx := t.Context()
	if _, err := k.desk.Tag(ctx, k.amina, k.id, nil, "urgence"); err != nil {
		t.Fatal(err)
	}
	k.proposes()
	if c := k.read(k.amina); c.Office != "agadir" || c.Proposal == nil || c.Proposal.Office != "tiznit" || c.Proposal.By != "Amina El Idrissi" || c.State != bot.StateClaimed {
		t.Errorf("proposed, it stays: %+v", c)
	}
	if _, _, err := k.desk.Open(ctx, k.far, k.id); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("the other office reads nothing before: %v", err)
	}
	if err := second(k.desk.Propose(ctx, k.head, k.id, "taroudant", "autre idée")); !errors.Is(err, bot.ErrConflict) {
		t.Errorf("one proposal at a time: %v", err)
	}

	// A question goes to the officer; a colleague takes the case over; the proposal stands.
	k.says("Et si je dis oui, qui lit mes messages ?")
	if c := k.read(k.amina); c.Proposal == nil || c.Unread != 2 || !strings.HasPrefix(c.Last, "Et si je dis oui") {
		t.Errorf("a question is for the officer: %+v", c)
	}
	k.must(k.desk.Take(ctx, k.head, k.id))
	k.turns()
	k.must(k.desk.Reply(ctx, k.head, k.id, "Seulement Tiznit.", nil))
	k.turns()
	if k.read(k.head).Proposal == nil {
		t.Error("who takes a case over takes over its proposal")
	}
	k.hears()
	k.says("oui d'accord")
	if said := k.hears(); !strings.Contains(said, "BAOM **Tiznit** suit maintenant") {
		t.Errorf("the person is told: %q", said)
	}
	if _, _, err := k.desk.Open(ctx, k.head, k.id); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("the old office reads it no more: %v", err)
	}
	c := k.read(k.far)
	if c.Office != "tiznit" || c.State != bot.StateOpen || c.Officer != 0 || c.Proposal != nil || len(c.Labels) != 0 || c.Waiting.IsZero() {
		t.Errorf("in the other office's queue: %+v", c)
	}
	equal(t, "the case", k.events(k.far), "opened", "claimed", "proposed", "released", "claimed", "agreed")
	k.must(k.desk.Claim(ctx, k.far, k.id))
	k.turns()
	if said := k.hears(); !strings.Contains(said, "**Omar** vous répond") {
		t.Errorf("the other office's officer is there: %q", said)
	}
	k.says("bonjour Omar")
	if c := k.read(k.far); c.Last != "bonjour Omar" {
		t.Errorf("the words go to the other office: %+v", c)
	}
}

// TestTransferRefused: no leaves the case where it is, and silence is no; the officer has it before them again.
func TestTransferRefused(t *testing.T) {
	for name, answer := range map[string]func(*talk){
		"kept":   func(k *talk) { k.says("|transfer.no.tiznit") },
		"lapsed": func(k *talk) { k.at = k.at.Add(flows.ConsentWithin + time.Minute); k.turns() },
	} {
		k := newTalk(t)
		k.must(k.desk.Reply(t.Context(), k.amina, k.id, "Un instant.", nil))
		k.proposes()
		answer(k)
		if c := k.read(k.amina); c.Office != "agadir" || c.Proposal != nil || c.State != bot.StateClaimed || c.Unread == 0 || c.Waiting.IsZero() {
			t.Errorf("%s: it stays, and is brought before the officer: %+v", name, c)
		}
		if said := k.hears(); !strings.Contains(said, "reste au BAOM **Agadir**") {
			t.Errorf("%s: the person is told: %q", name, said)
		}
		if events := k.events(k.amina); events[len(events)-1] != name {
			t.Errorf("%s: the officer is told: %q", name, events)
		}
		k.says("|transfer.yes.tiznit") // an old button
		if c := k.read(k.amina); c.Office != "agadir" {
			t.Errorf("%s: a late yes moves nothing: %+v", name, c)
		}
	}
}

// TestTransferOvertaken: what ends a case, or the proposal, ends the question; a yes on its way to a proposal that does not
// stand any more moves nothing.
func TestTransferOvertaken(t *testing.T) {
	for name, do := range map[string]func(*talk){
		"recalled": func(k *talk) { k.must(k.desk.Recall(k.t.Context(), k.amina, k.id)) },
		"closed": func(k *talk) {
			k.must(k.desk.Close(k.t.Context(), k.amina, k.id, bot.Closing{Outcome: "informed"}))
		},
		"withdrawn": func(k *talk) { k.says("annuler ma demande"); k.says("|withdraw.yes") },
		"erased": func(k *talk) {
			if err := k.store.Forget(k.t.Context(), k.peer); err != nil {
				k.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTalk(t)
			k.proposes()
			if name == "recalled" { // the yes is filed before, and handled after
				k.n++
				if _, err := k.store.Receive(t.Context(), bot.Entry{Peer: k.peer, Key: "web:early", Input: flows.Input{Choice: "transfer.yes.tiznit", At: k.at}}); err != nil {
					t.Fatal(err)
				}
			}
			do(k)
			k.says("|transfer.yes.tiznit")
			c := k.read(k.amina)
			if c.Office != "agadir" || c.Proposal != nil {
				t.Errorf("it does not move: %+v", c)
			}
			if slices.Contains(k.events(k.amina), "agreed") {
				t.Error("it is said to have been agreed to")
			}
			if said := k.hears(); name == "recalled" && !strings.Contains(said[strings.LastIndex(said, "BAOM **"):], "Agadir") {
				t.Errorf("the last word is that it stays: %q", said)
			}
			k.at = k.at.Add(flows.ConsentWithin + time.Minute)
			k.turns()
			if said := k.hears(); strings.Contains(said, "Vous n'avez pas répondu") {
				t.Errorf("silence is told of what is not asked any more: %q", said)
			}
		})
	}
}

// TestTransferAtOnce: without the bot's question a case moves on a ground alone, which the transcript keeps.
func TestTransferAtOnce(t *testing.T) {
	k := newTalk(t)
	k.proposes()
	k.says("mon patron me frappe, au secours")
	k.must(k.desk.Hand(t.Context(), k.amina, k.id, bot.To{Office: "tiznit", Ground: bot.GroundDanger}, "Danger à Tiznit."))
	k.turns()
	c, lines, err := k.desk.Open(t.Context(), k.far, k.id)
	if err != nil || c.Office != "tiznit" || c.Proposal != nil {
		t.Fatalf("it moves: %+v, %v", c, err)
	}
	i := slices.IndexFunc(lines, func(l bot.Line) bool { return l.Event == "handed" })
	if i < 0 || lines[i].Slots["ground"] != bot.GroundDanger {
		t.Errorf("the ground is kept: %+v", lines)
	}
	if err := second(k.desk.Recall(t.Context(), k.far, k.id)); !errors.Is(err, bot.ErrConflict) {
		t.Errorf("no proposal stands: %v", err)
	}
}

// TestReturn: the bot speaks again at the point that the officer chose, says so, and brings the answer to the case without
// taking anything away; the next reply ends it.
func TestReturn(t *testing.T) {
	k := newTalk(t)
	ctx := t.Context()
	before := k.read(k.amina).Answers
	if before["commune"] != "agadir" {
		t.Fatalf("the case holds nothing: %v", before)
	}
	k.must(k.desk.Return(ctx, k.amina, k.id, "field.nationality"))
	k.turns()
	if said := k.hears(); !strings.Contains(said, "de nouveau l'assistant automatique") || !strings.Contains(said, "Quelle est votre nationalité") {
		t.Errorf("the bot says that it is the bot, and asks: %q", said)
	}
	if c := k.read(k.amina); c.Bot.IsZero() || c.State != bot.StateClaimed || c.Officer != k.amina.ID || !c.Waiting.IsZero() {
		t.Errorf("the case stays with its officer: %+v", c)
	}
	k.says("Mali")
	c := k.read(k.amina)
	if c.Answers["nationality"] != "ML" || c.Answers["words"] != before["words"] || !c.Bot.IsZero() || c.Waiting.IsZero() {
		t.Errorf("the answer is brought, and the officer is there again: %+v", c)
	}

	// In the survey the form is not forgotten; a reply takes the conversation back.
	k.must(k.desk.Return(ctx, k.amina, k.id, "survey"))
	k.turns()
	k.says("|survey.4")
	if c := k.read(k.amina); c.Score != 4 || c.Bot.IsZero() || c.State != bot.StateClaimed {
		t.Errorf("the score is the case's, which goes on: %+v", c)
	}
	k.hears()
	k.must(k.desk.Reply(ctx, k.amina, k.id, "Merci Moussa.", nil))
	k.turns()
	if said := k.hears(); !strings.Contains(said, "**Amina** vous répond maintenant") {
		t.Errorf("the officer is there again: %q", said)
	}
	k.says("merci à vous")
	if c := k.read(k.amina); !c.Bot.IsZero() || c.Last != "merci à vous" || c.Answers["nationality"] != "ML" {
		t.Errorf("the words go to the officer: %+v", c)
	}
	k.must(k.desk.Return(ctx, k.amina, k.id, "menu"))
	k.must(k.desk.Release(ctx, k.amina, k.id))
	if c := k.read(k.amina); !c.Bot.IsZero() {
		t.Errorf("what is put back is not the bot's: %+v", c)
	}
}
