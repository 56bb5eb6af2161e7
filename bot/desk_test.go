package bot_test

import (
	"context"
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
	"baom/storage/storagetest"
)

// builtin is the program's own content, read once for all tests of the package: it does not change.
var builtin = sync.OnceValues(func() (*content.Library, error) { return content.Load(content.Builtin()) })

// An office is a desk on a real record, with two officers and a head at Agadir, one officer at Tiznit and an
// administrator.
type office struct {
	t                              *testing.T
	store                          *storage.Store
	desk                           *bot.Desk
	amina, karim, head, far, admin *bot.Officer
	arrivals                       int
	db                             string
}

func newOffice(t *testing.T) *office {
	lib, err := builtin()
	if err != nil {
		t.Fatal(err)
	}
	db, _ := storagetest.Env(t)
	store := storagetest.Open(t, storage.Options{DatabaseURL: db})
	o := &office{t: t, db: db, store: store, desk: &bot.Desk{Cases: store, Questions: store, Register: store, Imports: store, Meetings: store, Now: time.Now, Lib: func() *content.Library { return lib }}}
	officer := func(login, name, role, office string) *bot.Officer {
		who := &bot.Officer{Login: login, Name: name, Hash: "x", Role: role, Office: office}
		if err := store.SaveOfficer(t.Context(), who); err != nil {
			t.Fatal(err)
		}
		return who
	}
	o.amina = officer("amina", "Amina El Idrissi", bot.RoleOfficer, "agadir")
	o.karim = officer("karim", "Karim Ouhaddou", bot.RoleOfficer, "agadir")
	o.head = officer("head", "Latifa Bennani", bot.RoleHead, "agadir")
	o.far = officer("far", "Omar Tiznit", bot.RoleOfficer, "tiznit")
	o.admin = officer("root", "Administration", bot.RoleAdmin, "")
	return o
}

// arrive opens a case at Agadir by way of the dialogue's own turn, and returns its id and whose it is.
func (o *office) arrive() (int64, bot.Peer) {
	o.t.Helper()
	ctx := o.t.Context()
	o.arrivals++
	peer := bot.Peer{Channel: bot.Web, ID: fmt.Sprintf("person-%d", o.arrivals)}
	reference := flows.Reference("AG", uint64(o.arrivals))
	_, err := o.store.Receive(ctx, bot.Entry{Peer: peer, Key: "web:1", Input: flows.Input{Text: "j'ai besoin d'aide", At: time.Now()}})
	for mine := false; err == nil && !mine; { // others' turns may be due before
		err = o.store.Turn(ctx, func(s flows.Session, e bot.Entry) bot.Turn {
			if mine = e.Peer == peer; !mine {
				return bot.Turn{Session: s}
			}
			return bot.Turn{Session: flows.Session{Lang: content.French, Consent: "yes"}, Case: &bot.CaseChange{Open: true, Relay: true,
				Reference: reference, Office: "agadir", Answers: map[string]string{"need": "A1", "profile": "rpt"}}}
		})
	}
	if err != nil {
		o.t.Fatal(err)
	}
	list, err := o.desk.Queue(ctx, o.admin, bot.Query{Reference: reference})
	if err != nil || len(list) != 1 {
		o.t.Fatalf("the new case is not in the queue: %v %v", list, err)
	}
	return list[0].ID, peer
}

// told takes the turns that are due and returns the events that reached the dialogue, as "name slot=value …".
func (o *office) told() []string {
	o.t.Helper()
	var events []string
	for {
		err := o.store.Turn(o.t.Context(), func(s flows.Session, e bot.Entry) bot.Turn {
			event := e.Input.Event
			for _, slot := range []string{"officer", "to", "office", "outcome"} {
				if v := e.Input.Slots[slot]; v != "" {
					event += " " + slot + "=" + v
				}
			}
			events = append(events, event)
			return bot.Turn{Session: s}
		})
		if errors.Is(err, bot.ErrIdle) {
			return events
		}
		if err != nil {
			o.t.Fatal(err)
		}
	}
}

// sent delivers what waits and returns it as "officer: words".
func (o *office) sent() []string {
	o.t.Helper()
	var words []string
	for {
		err := o.store.Deliver(o.t.Context(), bot.Web, func(_ context.Context, m bot.Message) (string, error) {
			words = append(words, m.Officer+": "+m.Text)
			return "1", nil
		})
		if errors.Is(err, bot.ErrIdle) {
			return words
		}
		if err != nil {
			o.t.Fatal(err)
		}
	}
}

func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// TestDeskDay follows a case through a day of handing about, and checks what the person's dialogue is told, what is
// sent, and what the transcript keeps.
func TestDeskDay(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	id, _ := o.arrive()
	must := func(c *bot.Case, err error) *bot.Case {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}

	c := must(o.desk.Reply(ctx, o.amina, id, "  Bonjour, je vous écoute.\r\n", nil))
	if c.State != bot.StateClaimed || c.Officer != o.amina.ID || !c.Waiting.IsZero() || c.Unread != 0 {
		t.Errorf("a reply to an open case claims it and ends the waiting, got %+v", c)
	}
	equal(t, "the dialogue", o.told(), "claimed officer=Amina")
	equal(t, "sent", o.sent(), "Amina El Idrissi: Bonjour, je vous écoute.")

	must(o.desk.Claim(ctx, o.amina, id))
	must(o.desk.Note(ctx, o.head, id, "Le récépissé expire vendredi."))
	equal(t, "a second claim and a note are nobody's news", o.told())
	equal(t, "a note is never sent", o.sent())

	c = must(o.desk.Hand(ctx, o.amina, id, bot.To{Officer: o.karim.ID}, "Il parle tachelhit."))
	if c.State != bot.StateClaimed || c.Officer != o.karim.ID || c.Waiting.IsZero() {
		t.Errorf("handed to a colleague the case is theirs and the person waits, got %+v", c)
	}
	equal(t, "the dialogue", o.told(), "handed officer=Karim Ouhaddou to=Karim")
	if _, err := o.desk.Reply(ctx, o.amina, id, "encore moi", nil); !errors.Is(err, bot.ErrConflict) {
		t.Errorf("who handed the case over may not answer any more: %v", err)
	}
	must(o.desk.Reply(ctx, o.karim, id, "Azul.", nil))
	equal(t, "the receiver's first words are when the person is told", o.told(), "claimed officer=Karim")
	equal(t, "sent", o.sent(), "Karim Ouhaddou: Azul.")

	must(o.desk.Take(ctx, o.head, id))
	equal(t, "a head takes over", o.told(), "claimed officer=Latifa")
	must(o.desk.Release(ctx, o.head, id))
	c = must(o.desk.Hand(ctx, o.head, id, bot.To{Office: "tiznit", Ground: bot.GroundLaw}, "La tutelle est à Tiznit."))
	if c.Office != "tiznit" || c.State != bot.StateOpen || c.Officer != 0 {
		t.Errorf("handed to another office the case is in its queue, got %+v", c)
	}
	if _, _, err := o.desk.Open(ctx, o.karim, id); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("the old office may not read it any more: %v", err)
	}
	equal(t, "the dialogue", o.told(), "released", "handed office=tiznit")

	must(o.desk.Claim(ctx, o.far, id))
	c = must(o.desk.Close(ctx, o.far, id, bot.Closing{Outcome: "informed", Words: "Bon courage."}))
	if c.State != bot.StateClosed || c.Outcome != "informed" || c.Closed.IsZero() {
		t.Errorf("closed, got %+v", c)
	}
	equal(t, "the dialogue", o.told(), "claimed officer=Omar", "closed outcome=informed")
	equal(t, "the last words come before the survey", o.sent(), "Omar Tiznit: Bon courage.")
	c = must(o.desk.Reopen(ctx, o.far, id))
	if c.State != bot.StateOpen || c.Outcome != "" || !c.Closed.IsZero() || c.Waiting.IsZero() {
		t.Errorf("reopened, got %+v", c)
	}
	equal(t, "the dialogue", o.told(), "reopened", "progress")

	_, lines, err := o.desk.Open(ctx, o.far, id)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, l := range lines {
		switch l.Author {
		case bot.ByNote:
			kept = append(kept, "note by "+l.Name+": "+l.Text)
		case bot.ByEvent:
			if l.Name != "" {
				kept = append(kept, l.Event+" by "+l.Name)
			}
		}
	}
	equal(t, "the transcript", kept, "claimed by Amina El Idrissi", "note by Latifa Bennani: Le récépissé expire vendredi.",
		"note by Amina El Idrissi: Il parle tachelhit.", "handed by Amina El Idrissi", "claimed by Karim Ouhaddou",
		"released by Latifa Bennani", "claimed by Latifa Bennani", "released by Latifa Bennani", "note by Latifa Bennani: La tutelle est à Tiznit.", "handed by Latifa Bennani",
		"claimed by Omar Tiznit", "closed by Omar Tiznit", "reopened by Omar Tiznit")
}

// TestDeskClaimRace lets officers click at the same time: one wins, the others are told who.
func TestDeskClaimRace(t *testing.T) {
	o := newOffice(t)
	id, _ := o.arrive()
	officers := []*bot.Officer{o.amina, o.karim, o.head, o.admin}
	failures := make([]error, 4*len(officers))
	var wg sync.WaitGroup
	for i := range failures {
		wg.Go(func() { _, failures[i] = o.desk.Claim(context.Background(), officers[i%len(officers)], id) })
	}
	wg.Wait()
	c, _, err := o.desk.Open(t.Context(), o.head, id)
	if err != nil {
		t.Fatal(err)
	}
	for i, err := range failures {
		var overtaken *bot.Overtaken
		switch who := officers[i%len(officers)]; {
		case who.ID == c.Officer && err != nil:
			t.Errorf("the winner %s was refused: %v", who.Name, err)
		case who.ID != c.Officer && (!errors.As(err, &overtaken) || !errors.Is(err, bot.ErrConflict) || overtaken.Holder != c.Holder):
			t.Errorf("%s came too late and should learn that %s has it, got %v", who.Name, c.Holder, err)
		}
	}
	if told := o.told(); len(told) != 1 || !strings.HasPrefix(told[0], "claimed") {
		t.Errorf("the person is told once, got %q", told)
	}
}

// TestDeskRights tries every verb as every officer on a case that Amina holds.
func TestDeskRights(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	fired := *o.karim
	fired.Disabled = true
	who := []*bot.Officer{o.amina, o.karim, o.head, o.admin, o.far, &fired}
	yes, late, never, bad := error(nil), bot.ErrConflict, bot.ErrForbidden, bot.ErrInvalid
	for _, verb := range []struct {
		name string
		do   func(*bot.Officer, int64) error
		want []error // by holder, colleague, head, administrator, another office's officer, a disabled one
	}{
		{"open", func(w *bot.Officer, id int64) error { _, _, err := o.desk.Open(ctx, w, id); return err }, []error{yes, yes, yes, yes, never, never}},
		{"claim", func(w *bot.Officer, id int64) error { _, err := o.desk.Claim(ctx, w, id); return err }, []error{yes, late, late, late, never, never}},
		{"take", func(w *bot.Officer, id int64) error { _, err := o.desk.Take(ctx, w, id); return err }, []error{yes, late, yes, yes, never, never}},
		{"reply", func(w *bot.Officer, id int64) error { _, err := o.desk.Reply(ctx, w, id, "oui", nil); return err }, []error{yes, late, late, late, never, never}},
		{"note", func(w *bot.Officer, id int64) error { _, err := o.desk.Note(ctx, w, id, "vu"); return err }, []error{yes, yes, yes, yes, never, never}},
		{"release", func(w *bot.Officer, id int64) error { _, err := o.desk.Release(ctx, w, id); return err }, []error{yes, late, yes, yes, never, never}},
		{"propose", func(w *bot.Officer, id int64) error {
			_, err := o.desk.Propose(ctx, w, id, "tiznit", "votre travail est là-bas")
			return err
		}, []error{yes, late, yes, yes, never, never}},
		{"recall", func(w *bot.Officer, id int64) error {
			if _, err := o.desk.Propose(ctx, o.amina, id, "tiznit", "votre travail est là-bas"); err != nil {
				return err
			}
			_, err := o.desk.Recall(ctx, w, id)
			return err
		}, []error{yes, late, yes, yes, never, never}},
		{"return", func(w *bot.Officer, id int64) error { _, err := o.desk.Return(ctx, w, id, "menu"); return err }, []error{yes, late, yes, yes, never, never}},
		{"hand by law", func(w *bot.Officer, id int64) error {
			_, err := o.desk.Hand(ctx, w, id, bot.To{Office: "tiznit", Ground: bot.GroundLaw}, "la tutelle est là-bas")
			return err
		}, []error{never, late, yes, yes, never, never}},
		{"hand to Karim", func(w *bot.Officer, id int64) error {
			_, err := o.desk.Hand(ctx, w, id, bot.To{Officer: o.karim.ID}, "")
			return err
		}, []error{yes, late, yes, yes, never, never}},
		{"hand to another office's officer", func(w *bot.Officer, id int64) error {
			_, err := o.desk.Hand(ctx, w, id, bot.To{Officer: o.far.ID}, "")
			return err
		}, []error{bad, late, bad, bad, never, never}},
		{"close", func(w *bot.Officer, id int64) error {
			_, err := o.desk.Close(ctx, w, id, bot.Closing{Outcome: "other"})
			return err
		}, []error{yes, late, yes, yes, never, never}},
		{"reopen", func(w *bot.Officer, id int64) error { _, err := o.desk.Reopen(ctx, w, id); return err }, []error{late, late, late, late, never, never}},
	} {
		for i, w := range who {
			id, _ := o.arrive()
			if _, err := o.desk.Claim(ctx, o.amina, id); err != nil {
				t.Fatal(err)
			}
			if err := verb.do(w, id); !errors.Is(err, verb.want[i]) {
				t.Errorf("%s by %s (%s): got %v, want %v", verb.name, w.Login, w.Role, err, verb.want[i])
			}
		}
	}
	for _, w := range who[4:] {
		if list, err := o.desk.Queue(ctx, w, bot.Query{Offices: []string{"agadir"}}); !errors.Is(err, bot.ErrForbidden) {
			t.Errorf("the queue of another office is not for %s: %d cases, %v", w.Login, len(list), err)
		}
	}
	if list, err := o.desk.Queue(ctx, o.far, bot.Query{}); err != nil || slices.ContainsFunc(list, func(c bot.Case) bool { return c.Office != "tiznit" }) {
		t.Errorf("an officer's queue is the own office's, got %d cases, %v", len(list), err)
	}
}

// TestDeskRefuses is what nobody may do, with nothing done.
func TestDeskRefuses(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	id, _ := o.arrive()
	big := make([]byte, bot.MaxMedia+1)
	for name, err := range map[string]error{
		"an empty reply":        second(o.desk.Reply(ctx, o.amina, id, " \n ", nil)),
		"an endless reply":      second(o.desk.Reply(ctx, o.amina, id, strings.Repeat("ع", bot.MaxReply+1), nil)),
		"a reply of no text":    second(o.desk.Reply(ctx, o.amina, id, "a\x00b", nil)),
		"an empty file":         second(o.desk.Reply(ctx, o.amina, id, "", &bot.Media{})),
		"a file too big":        second(o.desk.Reply(ctx, o.amina, id, "", &bot.Media{Data: big})),
		"an empty note":         second(o.desk.Note(ctx, o.amina, id, "")),
		"an unknown outcome":    second(o.desk.Close(ctx, o.amina, id, bot.Closing{Outcome: "solved"})),
		"an unknown structure":  second(o.desk.Close(ctx, o.amina, id, bot.Closing{Outcome: "oriented", Structure: "nowhere"})),
		"handing to nobody":     second(o.desk.Hand(ctx, o.amina, id, bot.To{}, "")),
		"handing to oneself":    second(o.desk.Hand(ctx, o.amina, id, bot.To{Officer: o.amina.ID}, "")),
		"handing to the same":   second(o.desk.Hand(ctx, o.amina, id, bot.To{Office: "agadir"}, "")),
		"handing on no ground":  second(o.desk.Hand(ctx, o.amina, id, bot.To{Office: "tiznit"}, "plus près")),
		"handing in no danger":  second(o.desk.Hand(ctx, o.amina, id, bot.To{Office: "tiznit", Ground: bot.GroundDanger}, "plus près")),
		"handing unasked":       second(o.desk.Hand(ctx, o.amina, id, bot.To{Office: "tiznit", Ground: bot.GroundSpoken}, "d'accord au guichet")),
		"handing without why":   second(o.desk.Hand(ctx, o.head, id, bot.To{Office: "tiznit", Ground: bot.GroundLaw}, "")),
		"proposing no office":   second(o.desk.Propose(ctx, o.amina, id, "paris", "plus près")),
		"proposing its own":     second(o.desk.Propose(ctx, o.amina, id, "agadir", "plus près")),
		"proposing without why": second(o.desk.Propose(ctx, o.amina, id, "tiznit", " ")),
		"an unknown point":      second(o.desk.Return(ctx, o.amina, id, "field.shoe-size")),
		"handing to both":       second(o.desk.Hand(ctx, o.amina, id, bot.To{Office: "tiznit", Officer: o.karim.ID}, "")),
	} {
		if !errors.Is(err, bot.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	if _, err := o.desk.Claim(ctx, o.amina, 1<<40); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("a case that does not exist: %v", err)
	}
	c, lines, err := o.desk.Open(ctx, o.amina, id)
	if err != nil || c.State != bot.StateOpen || slices.ContainsFunc(lines, func(l bot.Line) bool { return l.Author == bot.ByOfficer }) {
		t.Errorf("something was done all the same: %+v, %v", c, err)
	}
	if told := o.told(); len(told) > 0 {
		t.Errorf("the person was told %q", told)
	}
}

func second(_ *bot.Case, err error) error { return err }

// TestDeskErased shows that a case whose person is erased can be put away, and nothing else.
func TestDeskErased(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	id, peer := o.arrive()
	if _, err := o.desk.Claim(ctx, o.amina, id); err != nil {
		t.Fatal(err)
	}
	o.told()
	if err := o.store.Forget(ctx, peer); err != nil {
		t.Fatal(err)
	}
	c, _, err := o.desk.Open(ctx, o.amina, id)
	if err != nil || !c.Erased {
		t.Fatalf("the case stays as codes and dates: %+v, %v", c, err)
	}
	if err := second(o.desk.Reply(ctx, o.amina, id, "vous êtes là ?", nil)); err == nil {
		t.Error("a reply to an erased person was taken")
	}
	if err := second(o.desk.Note(ctx, o.amina, id, "elle s'appelait…")); err == nil {
		t.Error("a note on an erased person was taken")
	}
	if c.State != bot.StateClosed {
		if err := second(o.desk.Close(ctx, o.amina, id, bot.Closing{Outcome: "withdrawn"})); err != nil {
			t.Errorf("it can still be closed: %v", err)
		}
	}
	if err := second(o.desk.Reopen(ctx, o.amina, id)); !errors.Is(err, bot.ErrInvalid) {
		t.Errorf("it cannot be reopened: %v", err)
	}
}

// TestDeskAppoint is who may make and change whom.
func TestDeskAppoint(t *testing.T) {
	o := newOffice(t)
	person := func(login, role, office string) bot.Officer {
		return bot.Officer{Login: login, Name: "Sara", Hash: "x", Role: role, Office: office}
	}
	changed := *o.karim
	changed.Role, changed.Office = bot.RoleAdmin, ""
	for _, tt := range []struct {
		name string
		who  *bot.Officer
		o    bot.Officer
		want error
	}{
		{"an officer makes nobody", o.amina, person("s1", bot.RoleOfficer, "agadir"), bot.ErrForbidden},
		{"a head makes an officer of the office", o.head, person("s2", bot.RoleOfficer, "agadir"), nil},
		{"a head makes no officer elsewhere", o.head, person("s3", bot.RoleOfficer, "tiznit"), bot.ErrForbidden},
		{"a head makes no administrator", o.head, person("s4", bot.RoleAdmin, ""), bot.ErrForbidden},
		{"nobody is appointed again", o.admin, changed, bot.ErrInvalid},
		{"an administrator makes anybody", o.admin, person("s5", bot.RoleHead, "tiznit"), nil},
		{"logins are taken once", o.admin, person("s5", bot.RoleHead, "tiznit"), bot.ErrConflict},
		{"offices exist", o.admin, person("s6", bot.RoleHead, "paris"), bot.ErrInvalid},
		{"roles exist", o.admin, person("s7", "king", "tiznit"), bot.ErrInvalid},
	} {
		if err := o.desk.Appoint(t.Context(), tt.who, tt.o); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	for _, tt := range []struct {
		name  string
		who   *bot.Officer
		whose *bot.Officer
		want  error
	}{
		{"an officer changes nobody", o.amina, o.karim, bot.ErrForbidden},
		{"a head changes an officer of the office", o.head, o.karim, nil},
		{"a head changes no officer elsewhere", o.head, o.far, bot.ErrForbidden},
		{"a head changes no administrator", o.head, o.admin, bot.ErrForbidden},
		{"nobody disables themselves", o.head, o.head, bot.ErrInvalid},
		{"an administrator changes anybody", o.admin, o.head, nil},
		{"but not themselves either", o.admin, o.admin, bot.ErrInvalid},
	} {
		before, err := o.store.Officer(t.Context(), tt.whose.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.desk.Disable(t.Context(), tt.who, tt.whose.ID, true); !errors.Is(err, tt.want) {
			t.Errorf("%s: disable: got %v, want %v", tt.name, err, tt.want)
		}
		if want := tt.want; !errors.Is(want, bot.ErrInvalid) {
			if err := o.desk.Renew(t.Context(), tt.who, tt.whose.ID, "another"); !errors.Is(err, want) {
				t.Errorf("%s: renew: got %v, want %v", tt.name, err, want)
			}
		}
		if err := o.desk.Entrust(t.Context(), tt.who, tt.whose.ID, tt.whose.Role, tt.whose.Office); !errors.Is(err, tt.want) {
			t.Errorf("%s: entrust: got %v, want %v", tt.name, err, tt.want)
		}
		after, err := o.store.Officer(t.Context(), tt.whose.ID)
		if err != nil || (after.Disabled != before.Disabled || after.Hash != before.Hash) != (tt.want == nil) {
			t.Errorf("%s: it became %+v of %+v, %v", tt.name, after, before, err)
		}
	}
	for _, tt := range []struct {
		name, role, office string
		who                *bot.Officer
		want               error
	}{
		{"a head makes a supervisor of an officer", bot.RoleSupervisor, "agadir", o.head, nil},
		{"and an officer again", bot.RoleOfficer, "agadir", o.head, nil},
		{"a head sends nobody elsewhere", bot.RoleOfficer, "tiznit", o.head, bot.ErrForbidden},
		{"a head makes no administrator", bot.RoleAdmin, "", o.head, bot.ErrForbidden},
		{"an administrator belongs to no office", bot.RoleAdmin, "agadir", o.admin, bot.ErrInvalid},
		{"an officer to one", bot.RoleOfficer, "", o.admin, bot.ErrInvalid},
		{"that exists", bot.RoleOfficer, "paris", o.admin, bot.ErrInvalid},
		{"an administrator sends anybody anywhere", bot.RoleHead, "tiznit", o.admin, nil},
		{"from where the former head fetches nobody back", bot.RoleOfficer, "agadir", o.head, bot.ErrForbidden},
	} {
		if err := o.desk.Entrust(t.Context(), tt.who, o.karim.ID, tt.role, tt.office); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
		if now, err := o.store.Officer(t.Context(), o.karim.ID); err != nil || (now.Role == tt.role && now.Office == tt.office) != (tt.want == nil) {
			t.Errorf("%s: %+v %v", tt.name, now, err)
		}
	}
}
