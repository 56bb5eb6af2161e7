package bot_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/storage"
)

func visit(key string) bot.Visit {
	return bot.Visit{Key: "form-of-the-walk-in-" + key, Office: "agadir", Lang: content.French, Answers: map[string]string{"profile": "rpt", "need": "A1", "first-name": "mariam",
		"last-name": "Traoré", "commune": "agadir", "nationality": "ML", "residence": "FR", "phone": "06 12 34 56 78", "words": "Je cherche du travail."}}
}

// TestReceive: who comes to the desk has a case of the officer's, once, from the form as it is.
func TestReceive(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	if _, _, err := o.desk.Receive(ctx, o.far, visit("1")); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("another office: %v", err)
	}
	v := visit("1")
	v.Key = "short"
	if _, _, err := o.desk.Receive(ctx, o.amina, v); !errors.Is(err, bot.ErrInvalid) {
		t.Errorf("no key: %v", err)
	}
	v = visit("1")
	v.Lang, v.Answers = "xx", map[string]string{"profile": "boss", "need": "Q7", "first-name": "4x4", "nationality": "ZZZ", "commune": "paris", "age": "old", "phone": "12", "gender": ""}
	wrong := (*bot.Wrong)(nil)
	if _, _, err := o.desk.Receive(ctx, o.amina, v); !errors.As(err, &wrong) || !slices.Equal(wrong.Fields, []string{"lang", "profile", "need", "first-name", "nationality", "commune", "age", "phone"}) {
		t.Errorf("what is wrong: %v", err)
	}
	// The same form sent many times at once, as after a connection that was lost.
	ids, fresh := map[int64]bool{}, 0
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			id, first, err := o.desk.Receive(ctx, o.amina, visit("1"))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			ids[id] = true
			if first {
				fresh++
			}
		})
	}
	all.Wait()
	if len(ids) != 1 || fresh != 1 {
		t.Fatalf("one form is %d cases, %d times fresh", len(ids), fresh)
	}
	var id int64
	for id = range ids {
	}
	c, lines, err := o.desk.Open(ctx, o.amina, id)
	if err != nil || c.Channel != bot.AtDesk || c.Via != "" || c.State != bot.StateClaimed || c.Officer != o.amina.ID || c.Reachable || c.Answers["first-name"] != "Mariam" ||
		c.Answers["phone"] != "+212612345678" || c.Answers["residence"] != "" || c.Answers["contact"] != "phone" || c.Claimed.IsZero() || !c.Waiting.IsZero() {
		t.Fatalf("the case: %+v %v", c, err)
	}
	if len(lines) != 1 || lines[0].Event != "received" || lines[0].Name != "Amina El Idrissi" || lines[0].Slots["how"] != "visit" {
		t.Errorf("the transcript: %+v", lines)
	}
	if _, err := o.desk.Reply(ctx, o.amina, id, "bonjour", nil); !errors.Is(err, bot.ErrInvalid) {
		t.Errorf("a reply to nobody: %v", err)
	}
	if other, first, err := o.desk.Receive(ctx, o.karim, visit("1")); err != nil || !first || other == id {
		t.Errorf("a colleague's form of the same key: %d %v %v", other, first, err)
	}
	v = visit("2")
	v.Answers["need"], v.ByPhone = "I1", true
	if id, _, err := o.desk.Receive(ctx, o.amina, v); err != nil {
		t.Error(err)
	} else if c, lines, _ := o.desk.Open(ctx, o.amina, id); c.Urgent == "" || lines[0].Slots["how"] != "phone" {
		t.Errorf("somebody in danger: %+v", c)
	}
}

// type writes a message by a peer and takes the turns of it as the dialogue would.
func (o *office) writes(b *bot.Bot, peer bot.Peer, n int, input flows.Input) {
	o.t.Helper()
	ctx := o.t.Context()
	input.At = time.Now()
	if _, err := o.store.Receive(ctx, bot.Entry{Peer: peer, Key: fmt.Sprint("web:", n), Input: input}); err != nil {
		o.t.Fatal(err)
	}
	for {
		err := o.store.Turn(ctx, b.Take)
		if errors.Is(err, bot.ErrIdle) {
			return
		}
		if err != nil {
			o.t.Fatal(err)
		}
	}
}

// TestLink: the code of a receipt joins the case to the person's own conversation, once; a wrong one says nothing of
// anybody, and guessing ends.
func TestLink(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	lib, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	book, err := flows.New(lib)
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(0)
	b := &bot.Bot{Book: func() *flows.Book { return book }, Now: time.Now, Seed: func() uint64 { seed++; return seed }}
	receive := func(key string) (int64, string) {
		t.Helper()
		id, _, err := o.desk.Receive(ctx, o.amina, visit(key))
		if err != nil {
			t.Fatal(err)
		}
		code, until, err := o.desk.Code(ctx, o.amina, id)
		if _, ok := flows.ParseLinkCode(code); err != nil || !ok || until.Before(time.Now().Add(bot.CodeLasts-time.Hour)) {
			t.Fatalf("the code %q until %v: %v", code, until, err)
		}
		return id, code
	}
	n := 0
	tell := func(peer bot.Peer, inputs ...flows.Input) string {
		t.Helper()
		for _, in := range inputs {
			n++
			o.writes(b, peer, n, in)
		}
		said := o.sent()
		if len(said) == 0 {
			return ""
		}
		return said[len(said)-1]
	}
	press := func(id string) flows.Input { return flows.Input{Choice: id} }
	write := func(text string) flows.Input { return flows.Input{Text: text} }

	id, first := receive("1")
	if _, err := o.desk.AddSteps(ctx, o.amina, id, []bot.Step{{Text: content.Text{content.French: "Apporter le récépissé"}, Doer: bot.DoerPerson}}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.desk.Note(ctx, o.amina, id, "Elle revient lundi."); err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.desk.Code(ctx, o.far, id); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("another office's code: %v", err)
	}
	if err := o.desk.NewCode(ctx, o.amina, id); err != nil {
		t.Fatal(err)
	}
	code, _, _ := o.desk.Code(ctx, o.amina, id)
	if code == first {
		t.Fatal("the new code is the former one")
	}
	mariam, thief := bot.Peer{Channel: bot.Web, ID: "mariam"}, bot.Peer{Channel: bot.Web, ID: "thief"}
	asked := tell(mariam, write(first), press("lang.fr"), press("consent.yes"))
	if strings.Contains(asked, "AG-") || strings.Contains(asked, "Mariam") {
		t.Errorf("before the code is proved: %q", asked)
	}
	if said := tell(mariam, press("link.yes")); !strings.Contains(said, "ne marche pas") {
		t.Errorf("a code that was replaced: %q", said)
	}
	if said := tell(mariam, write(strings.ToLower(code)), press("link.yes")); !strings.Contains(said, "C'est fait") {
		t.Errorf("the code: %q", said)
	}
	if said := tell(thief, press("start"), press("lang.fr"), press("consent.yes"), write(code), press("link.yes")); !strings.Contains(said, "ne marche pas") {
		t.Errorf("the same code again: %q", said)
	}
	if said := tell(mariam, write("mon dossier")); !strings.Contains(said, "Apporter le récépissé") {
		t.Errorf("my case: %q", said)
	}
	c, lines, err := o.desk.Open(ctx, o.amina, id)
	if err != nil || c.Channel != bot.AtDesk || c.Via != bot.Web || !c.Reachable || c.Answers["last-name"] != "Traoré" || len(c.Steps) != 1 {
		t.Fatalf("joined: %+v %v", c, err)
	}
	var events []string
	for _, l := range lines {
		if l.Event != "" {
			events = append(events, l.Event)
		}
	}
	if !slices.Equal(events, []string{"received", "promised", "linked"}) {
		t.Errorf("the transcript: %q", events)
	}
	if err := o.desk.NewCode(ctx, o.amina, id); !errors.Is(err, bot.ErrInvalid) {
		t.Errorf("a code for who is joined: %v", err)
	}
	if _, err := o.desk.Reply(ctx, o.amina, id, "Bonjour Mariam.", nil); err != nil {
		t.Fatal(err)
	}
	if said := o.sent(); !slices.Contains(said, "Amina El Idrissi: Bonjour Mariam.") {
		t.Errorf("the officer's words went to %q", said)
	}

	// Guessing ends, also with a true code.
	_, true2 := receive("2")
	for i := range 5 {
		random := []byte(fmt.Sprintf("%016d", i*7919))
		tell(thief, write(flows.LinkCode(random)), press("link.yes"))
	}
	if said := tell(thief, write(true2), press("link.yes")); !strings.Contains(said, "trop d'essais") {
		t.Errorf("after guessing: %q", said)
	}
	if said := tell(bot.Peer{Channel: bot.Web, ID: "honest"}, press("start"), press("lang.fr"), press("consent.yes"), write(true2), press("link.yes")); !strings.Contains(said, "C'est fait") {
		t.Errorf("somebody else: %q", said)
	}

	// Who is forgotten takes the joined case along; who never joined is erased by their reference.
	if err := o.store.Forget(ctx, mariam); err != nil {
		t.Fatal(err)
	}
	if c, _, _ := o.desk.Open(ctx, o.amina, id); !c.Erased || c.Answers["last-name"] != "" || len(c.Steps) != 0 {
		t.Errorf("after Forget: %+v", c)
	}
	third, _ := receive("3")
	c, _, _ = o.desk.Open(ctx, o.amina, third)
	if err := o.store.Forget(ctx, bot.Peer{Channel: bot.AtDesk, ID: c.Reference}); err != nil {
		t.Fatal(err)
	}
	if c, _, _ := o.desk.Open(ctx, o.amina, third); !c.Erased {
		t.Errorf("who never joined: %+v", c)
	}
	if code, _, err := o.desk.Code(ctx, o.amina, third); code != "" || err != nil {
		t.Errorf("the code of who is erased: %q %v", code, err)
	}
	fourth, open4 := receive("4")
	var saved bytes.Buffer // every table, as it is stored
	if _, err := storage.Backup(ctx, storage.BackupOptions{DatabaseURL: o.db, Now: time.Now}, &saved); err != nil || fourth == 0 {
		t.Fatal(err)
	}
	for _, word := range []string{"Traoré", "récépissé", "612345678", open4, strings.ReplaceAll(open4, "-", "")} {
		if bytes.Contains(saved.Bytes(), []byte(word)) {
			t.Errorf("%q is stored in the clear", word)
		}
	}
}
