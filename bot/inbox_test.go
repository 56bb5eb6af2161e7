package bot_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/storage"
	"baom/storage/storagetest"
)

// arriveAs opens a case of somebody with these answers, and returns its id.
func (o *office) arriveAs(office string, answers map[string]string) int64 {
	o.t.Helper()
	o.arrivals++
	peer := bot.Peer{Channel: bot.Web, ID: fmt.Sprintf("person-%d", o.arrivals)}
	reference := flows.Reference("AG", uint64(o.arrivals))
	o.write(peer, bot.Turn{Session: flows.Session{Lang: content.French, Consent: "yes"},
		Case: &bot.CaseChange{Open: true, Relay: true, Reference: reference, Office: office, Answers: answers}})
	list, err := o.store.Queue(o.t.Context(), bot.Query{Reference: reference})
	if err != nil || len(list) != 1 {
		o.t.Fatalf("the new case is not in the queue: %v %v", list, err)
	}
	return list[0].ID
}

// write lets a person write, and takes their turn.
func (o *office) write(peer bot.Peer, turn bot.Turn) {
	o.t.Helper()
	o.arrivals++
	key := fmt.Sprint("web:", o.arrivals)
	_, err := o.store.Receive(o.t.Context(), bot.Entry{Peer: peer, Key: key, Input: flows.Input{Text: "bonjour", At: time.Now()}})
	for mine := false; err == nil && !mine; {
		err = o.store.Turn(o.t.Context(), func(s flows.Session, e bot.Entry) bot.Turn {
			if mine = e.Key == key; mine {
				return turn
			}
			return bot.Turn{Session: s}
		})
	}
	if err != nil {
		o.t.Fatal(err)
	}
}

// TestSearch finds cases by what is known of them, in any spelling and script, and in no other office.
func TestSearch(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	names := map[int64]string{}
	for _, p := range []struct{ name, last, office, phone, need string }{
		{"Mohammed", "El Idrissi", "agadir", "+212612345678", "A1"}, {"خديجة", "بنعلي", "agadir", "", "C1"},
		{"Aïssatou", "Diallo", "agadir", "+221771112233", "A1"}, {"Mohamed", "Amrani", "tiznit", "", "G2"},
	} {
		id := o.arriveAs(p.office, map[string]string{"first-name": p.name, "last-name": p.last, "phone": p.phone, "need": p.need, "profile": "rpt"})
		names[id] = p.name
		if p.name == "خديجة" {
			if _, err := o.desk.Tag(ctx, o.amina, id, nil, "Suivi hôpital"); err != nil {
				t.Fatal(err)
			}
		}
	}
	found := func(who *bot.Officer, typed string) string {
		t.Helper()
		q, _, err := o.desk.Search(ctx, who, bot.Query{}, typed, content.French)
		if err != nil {
			t.Fatal(err)
		}
		list, err := o.desk.Queue(ctx, who, q)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range list {
			got = append(got, names[c.ID])
		}
		slices.Sort(got)
		return strings.Join(got, " ")
	}
	for typed, want := range map[string]string{
		"mohamed": "Mohammed", "محمد": "Mohammed", "MUHAMAD idrisi": "Mohammed", "Mohammed Diallo": "", "الإدريسي": "Mohammed",
		"Khadija": "خديجة", "khadidja Benali": "خديجة", "aissatou": "Aïssatou", "Diallo Aisatou": "Aïssatou", "Dialo": "Aïssatou",
		"5678": "Mohammed", "06 12 34 56 78": "Mohammed", "112233": "Aïssatou", "9999": "",
		"hopital": "خديجة", "suivi khadija": "خديجة", "école": "خديجة", "Amrani": "", "zzz": "", "…": "",
	} {
		if got := found(o.amina, typed); got != want {
			t.Errorf("%q finds %q, want %q", typed, got, want)
		}
	}
	if got := found(o.far, "mohamed"); got != "Mohamed" {
		t.Errorf("another office finds %q", got)
	}
	if got := found(o.admin, "mohamed"); got != "Mohamed Mohammed" {
		t.Errorf("an administrator finds %q", got)
	}
	for want, q := range map[int]bot.Query{3: {}, 2: {Need: "A1"}, 0: {Urgent: true}} {
		if n, err := o.desk.Count(ctx, o.amina, []bot.Query{q}); err != nil || n[0] != want {
			t.Errorf("%+v counts %v, want %d (%v)", q, n, want, err)
		}
	}
	if _, err := o.desk.Count(ctx, o.amina, []bot.Query{{Offices: []string{"tiznit"}}}); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("another office's cases are not counted: %v", err)
	}
	if _, doubtful, _ := o.desk.Search(ctx, o.amina, bot.Query{}, "AG-7F3K-00", content.French); !doubtful {
		t.Error("a reference with a slip is not told from a name")
	}
}

// TestHeldBack: who has not seen the newest words does not answer them, and nothing is done.
func TestHeldBack(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	id, peer := o.arrive()
	_, lines, err := o.desk.Open(ctx, o.amina, id)
	if err != nil {
		t.Fatal(err)
	}
	seen := lines[len(lines)-1].ID
	o.write(peer, bot.Turn{Session: flows.Session{Lang: content.French, Consent: "yes"}, Case: &bot.CaseChange{Relay: true}})
	var passed *bot.Passed
	if _, err := o.desk.Send(ctx, o.amina, id, bot.Reply{Text: "Oui.", Seen: seen}); !errors.As(err, &passed) || !errors.Is(err, bot.ErrConflict) {
		t.Fatalf("sent without knowing the newest words: %v", err)
	}
	if c, _, _ := o.desk.Open(ctx, o.amina, id); c.State != bot.StateOpen {
		t.Errorf("it was claimed all the same: %+v", c)
	}
	if _, err := o.desk.Send(ctx, o.amina, id, bot.Reply{Text: "Oui.", Seen: passed.Newest}); err != nil {
		t.Errorf("and now that they are seen: %v", err)
	}
	if _, err := o.desk.Send(ctx, o.amina, id, bot.Reply{Text: "Et aussi.", Seen: passed.Newest}); err != nil {
		t.Errorf("one's own words are known: %v", err)
	}
}

// TestTakeBack: a reply can be taken back for a while, and then not; one for later waits for its time, holds nothing back,
// and what is said before the end goes before the end.
func TestTakeBack(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	now := time.Now()
	o.desk.Undo = time.Hour
	id, peer := o.arrive()
	pending := func() []bot.Pending {
		t.Helper()
		list, err := o.desk.Pending(ctx, o.karim, id)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if err := o.desk.KeepDraft(ctx, o.amina, id, "Bonj"); err != nil {
		t.Fatal(err)
	}
	c, err := o.desk.Send(ctx, o.amina, id, bot.Reply{Text: "Bonjour."})
	if err != nil || !c.Waiting.IsZero() {
		t.Fatal(c, err)
	}
	if draft, err := o.desk.Draft(ctx, o.amina, id); err != nil || draft != "" {
		t.Errorf("the draft of what was sent is %q, %v", draft, err)
	}
	equal(t, "what can be taken back is not sent", o.sent())
	list := pending()
	if len(list) != 1 || list[0].Message.Text != "Bonjour." || list[0].By != o.amina.Name {
		t.Fatalf("it waits: %+v", list)
	}
	if err := o.store.Post(ctx); !errors.Is(err, bot.ErrIdle) {
		t.Errorf("it is not its time: %v", err)
	}
	if err := o.desk.TakeBack(ctx, o.karim, id, list[0].ID); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("a colleague takes it back: %v", err)
	}
	if err := o.desk.TakeBack(ctx, o.amina, id, list[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := o.desk.TakeBack(ctx, o.amina, id, list[0].ID); !errors.Is(err, bot.ErrConflict) {
		t.Errorf("twice: %v", err)
	}
	if draft, err := o.desk.Draft(ctx, o.amina, id); err != nil || draft != "Bonjour." {
		t.Errorf("what was taken back is %q, %v", draft, err)
	}
	if draft, err := o.desk.Draft(ctx, o.karim, id); err != nil || draft != "" {
		t.Errorf("a draft is its writer's: %q, %v", draft, err)
	}
	if c, _, err := o.desk.Open(ctx, o.amina, id); err != nil || c.Waiting.IsZero() || c.Unread != 1 {
		t.Errorf("the person waits again: %+v, %v", c, err)
	}

	// A reply for later: the person still waits, the conversation goes on before it.
	if _, err := o.desk.Send(ctx, o.amina, id, bot.Reply{Text: "N'oubliez pas.", At: now.Add(-time.Minute)}); !errors.Is(err, bot.ErrInvalid) {
		t.Errorf("a time that is over: %v", err)
	}
	c, err = o.desk.Send(ctx, o.amina, id, bot.Reply{Text: "N'oubliez pas.", At: now.Add(time.Minute), Media: &bot.Media{Kind: flows.Image, Mime: "image/png", Name: "plan.png", Data: []byte("png")}})
	if err != nil || c.Waiting.IsZero() {
		t.Fatalf("a reply for later: %+v, %v", c, err)
	}
	o.desk.Undo = 0
	if _, err := o.desk.Send(ctx, o.amina, id, bot.Reply{Text: "À demain."}); err != nil {
		t.Fatal(err)
	}
	equal(t, "sent before it", o.sent(), "Amina El Idrissi: À demain.")
	later := openAt(t, o, now.Add(2*time.Minute))
	if err := later.Post(ctx); err != nil {
		t.Fatal(err)
	}
	if err := later.Post(ctx); !errors.Is(err, bot.ErrIdle) {
		t.Errorf("once: %v", err)
	}
	var media *bot.Media
	if err := later.Deliver(ctx, bot.Web, func(_ ctxt, m bot.Message) (string, error) { media = m.Media; return "1", nil }); err != nil || media == nil ||
		media.Name != "plan.png" || string(media.Data) != "png" {
		t.Errorf("its file: %+v, %v", media, err)
	}

	// What could still be taken back goes before the end.
	o.desk.Undo = time.Hour
	if _, err := o.desk.Send(ctx, o.amina, id, bot.Reply{Text: "Encore ceci."}); err != nil {
		t.Fatal(err)
	}
	if _, err := o.desk.Close(ctx, o.amina, id, bot.Closing{Outcome: "informed", Words: "Bon courage."}); err != nil {
		t.Fatal(err)
	}
	equal(t, "in their order", o.sent(), "Amina El Idrissi: Encore ceci.", "Amina El Idrissi: Bon courage.")
	if _, err := o.desk.Reopen(ctx, o.amina, id); err != nil {
		t.Fatal(err)
	}
	if _, err := o.desk.Send(ctx, o.amina, id, bot.Reply{Text: "Jamais lu."}); err != nil {
		t.Fatal(err)
	}
	if err := o.store.Forget(ctx, peer); err != nil {
		t.Fatal(err)
	}
	if list := pending(); len(list) != 0 {
		t.Errorf("left of who was erased: %+v", list)
	}
}

// TestRetry sends a failed message once more.
func TestRetry(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	id, _ := o.arrive()
	if _, err := o.desk.Reply(ctx, o.amina, id, "Allô ?", nil); err != nil {
		t.Fatal(err)
	}
	if err := o.store.Deliver(ctx, bot.Web, func(ctxt, bot.Message) (string, error) {
		return "", &bot.SendError{Permanent: true, Why: "bloqué", Err: errors.New("blocked")}
	}); err != nil {
		t.Fatal(err)
	}
	_, lines, err := o.desk.Open(ctx, o.amina, id)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(lines, func(l bot.Line) bool { return l.Status == bot.Failed })
	if i < 0 {
		t.Fatalf("it has not failed: %+v", lines)
	}
	if err := o.desk.Retry(ctx, o.karim, id, lines[i].ID); !errors.Is(err, bot.ErrConflict) {
		t.Errorf("a colleague's message: %v", err)
	}
	if err := o.desk.Retry(ctx, o.far, id, lines[i].ID); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("another office's: %v", err)
	}
	if err := o.desk.Retry(ctx, o.amina, id, lines[i].ID); err != nil {
		t.Fatal(err)
	}
	equal(t, "sent again", o.sent(), "Amina El Idrissi: Allô ?")
	if c, _, err := o.desk.Open(ctx, o.amina, id); err != nil || !c.Reachable {
		t.Errorf("within reach: %+v %v", c, err)
	}
	if err := o.desk.Retry(ctx, o.amina, id, lines[i].ID); !errors.Is(err, bot.ErrConflict) {
		t.Errorf("what has been sent is not sent again: %v", err)
	}
}

// TestAway: an absent officer's cases can be taken by anybody of the office, and are spread over who is there.
func TestAway(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	day := func(n int) time.Time { return time.Now().AddDate(0, 0, n) }
	var ids []int64
	for range 4 {
		id, _ := o.arrive()
		if _, err := o.desk.Claim(ctx, o.amina, id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if _, err := o.desk.Take(ctx, o.karim, ids[0]); !errors.Is(err, bot.ErrConflict) {
		t.Errorf("taken from who is there: %v", err)
	}
	a := bot.Absence{Officer: o.amina.ID, Since: day(0), Until: day(3)}
	for who, want := range map[*bot.Officer]error{o.karim: bot.ErrForbidden, o.far: bot.ErrForbidden, o.head: nil, o.amina: nil, o.admin: nil} {
		if err := o.desk.SetAbsence(ctx, who, a); !errors.Is(err, want) {
			t.Errorf("%s says that Amina is away: %v", who.Login, err)
		}
	}
	if err := o.desk.SetAbsence(ctx, o.amina, bot.Absence{Officer: o.amina.ID, Since: day(3), Until: day(1)}); !errors.Is(err, bot.ErrInvalid) {
		t.Errorf("an absence that ends before it begins: %v", err)
	}
	if c, err := o.desk.Take(ctx, o.karim, ids[0]); err != nil || c.Officer != o.karim.ID {
		t.Errorf("taken from who is away: %+v %v", c, err)
	}
	if _, err := o.desk.Take(ctx, o.far, ids[1]); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("another office: %v", err)
	}
	if _, err := o.desk.Redistribute(ctx, o.karim, o.amina.ID, ""); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("a colleague redistributes: %v", err)
	}
	n, err := o.desk.Redistribute(ctx, o.head, o.amina.ID, "Amina est absente.")
	if err != nil || n != 3 {
		t.Fatalf("redistributed %d, %v", n, err)
	}
	held := map[string]int{}
	for _, id := range ids {
		c, _, err := o.desk.Open(ctx, o.head, id)
		if err != nil {
			t.Fatal(err)
		}
		held[c.Holder]++
	}
	if held[o.karim.Name] != 2 || held[o.head.Name] != 2 {
		t.Errorf("spread unevenly: %v", held)
	}
	if err := o.desk.SetAbsence(ctx, o.amina, bot.Absence{Officer: o.amina.ID}); err != nil {
		t.Fatal(err)
	}
	if list, err := o.desk.Absences(ctx, o.karim, "agadir"); err != nil || len(list) != 0 {
		t.Errorf("back again: %v %v", list, err)
	}
}

// TestInserts: the office's own words with what is known of the case, answers and structures in the person's language.
func TestInserts(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	id := o.arriveAs("agadir", map[string]string{"first-name": "Mariam", "need": "A1", "profile": "rpt"})
	save := func(c bot.Canned) error { return o.desk.SaveCanned(ctx, o.amina, c) }
	if err := save(bot.Canned{Office: "agadir", Name: "Rendez-vous", Texts: content.Text{content.French: "Bonjour {prenom}, venez au BAOM de {bureau} avec {reference}. {agent}"}}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]bot.Canned{"no text": {Office: "agadir", Name: "x"}, "no name": {Office: "agadir", Texts: content.Text{content.French: "x"}},
		"no language": {Office: "agadir", Name: "x", Texts: content.Text{"xx": "x"}}} {
		if err := save(c); !errors.Is(err, bot.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := save(bot.Canned{Office: "tiznit", Name: "x", Texts: content.Text{content.French: "x"}}); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("for another office: %v", err)
	}
	c, list, err := o.desk.Inserts(ctx, o.amina, id, "rendez vous", content.French)
	if err != nil || len(list) == 0 || list[0].Kind != "canned" || list[0].Text != "Bonjour Mariam, venez au BAOM de Agadir avec "+content.Escape(c.Reference)+". Amina" {
		t.Fatalf("%+v %v", list, err)
	}
	kinds := func(typed string) (n map[string]int) {
		_, list, err := o.desk.Inserts(ctx, o.amina, id, typed, content.French)
		if err != nil {
			t.Fatal(err)
		}
		n = map[string]int{}
		for _, in := range list {
			n[in.Kind]++
			got, err := o.desk.Inserted(ctx, o.amina, c, in.ID)
			if err != nil || got.Text != in.Text {
				t.Errorf("%s by itself: %+v %v", in.ID, got, err)
			}
		}
		return n
	}
	if n := kinds(""); n["canned"] != 1 || n["answer"] == 0 || n["structure"] == 0 {
		t.Errorf("without words: %v", n)
	}
	if n := kinds("le récépissé permet-il de travailler ?"); n["answer"] == 0 || n["canned"] != 0 {
		t.Errorf("a question: %v", n)
	}
	if n := kinds("CNSS"); n["structure"] == 0 {
		t.Errorf("a structure: %v", n)
	}
	if _, _, err := o.desk.Inserts(ctx, o.far, id, "", content.French); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("another office: %v", err)
	}
}

type ctxt = context.Context

// openAt is the same record at another time.
func openAt(t *testing.T, o *office, at time.Time) *storage.Store {
	t.Helper()
	return storagetest.Open(t, storage.Options{DatabaseURL: o.db, Now: func() time.Time { return at }})
}

// TestOutlived: a reply for later goes only while who wrote it has the case and works on it. Else it stays in the office,
// with its words and its file, and whoever has the case may take it back before.
func TestOutlived(t *testing.T) {
	for name, lose := range map[string]func(o *office, id int64) error{
		"handed to another office": func(o *office, id int64) error {
			_, err := o.desk.Hand(o.t.Context(), o.head, id, bot.To{Office: "tiznit", Ground: bot.GroundLaw}, "la tutelle est là-bas")
			return err
		},
		"handed to a colleague": func(o *office, id int64) error {
			_, err := o.desk.Hand(o.t.Context(), o.amina, id, bot.To{Officer: o.karim.ID}, "")
			return err
		},
		"closed": func(o *office, id int64) error {
			_, err := o.desk.Close(o.t.Context(), o.amina, id, bot.Closing{Outcome: "informed"})
			return err
		},
		"released": func(o *office, id int64) error {
			_, err := o.desk.Release(o.t.Context(), o.amina, id)
			return err
		},
		"disabled": func(o *office, _ int64) error {
			return o.desk.Disable(o.t.Context(), o.head, o.amina.ID, true)
		},
		"moved to another office": func(o *office, _ int64) error {
			return o.desk.Entrust(o.t.Context(), o.admin, o.amina.ID, bot.RoleOfficer, "tiznit")
		},
		"made a supervisor": func(o *office, _ int64) error {
			return o.desk.Entrust(o.t.Context(), o.head, o.amina.ID, bot.RoleSupervisor, "agadir")
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			ctx := t.Context()
			at := time.Now().Add(24 * time.Hour)
			id, peer := o.arrive()
			file := &bot.Media{Kind: flows.Image, Mime: "image/png", Name: "plan.png", Data: []byte("png")}
			if _, err := o.desk.Send(ctx, o.amina, id, bot.Reply{Text: "Rendez-vous demain, rue X.", Media: file, At: at}); err != nil {
				t.Fatal(err)
			}
			if err := lose(o, id); err != nil {
				t.Fatal(err)
			}
			later := openAt(t, o, at.Add(time.Minute))
			if err := later.Post(ctx); err != nil {
				t.Fatal(err)
			}
			if err := later.Post(ctx); !errors.Is(err, bot.ErrIdle) {
				t.Errorf("it is done with: %v", err)
			}
			if err := later.Deliver(ctx, bot.Web, func(_ ctxt, m bot.Message) (string, error) {
				t.Errorf("sent: %q", m.Text)
				return "1", nil
			}); !errors.Is(err, bot.ErrIdle) {
				t.Error(err)
			}
			c, lines, err := o.desk.Open(ctx, o.admin, id)
			if err != nil {
				t.Fatal(err)
			}
			last := lines[len(lines)-1]
			if last.Author != bot.ByEvent || last.Event != bot.EventUnsent || last.Text != "Rendez-vous demain, rue X." || last.Name != o.amina.Name || last.Media == nil || last.Media.Name != "plan.png" {
				t.Errorf("the transcript says %+v", last)
			}
			if m, err := o.desk.Attachment(ctx, o.admin, id, last.ID); err != nil || string(m.Data) != "png" {
				t.Errorf("its file: %v", err)
			}
			if c.State != bot.StateClosed && c.Waiting.IsZero() {
				t.Error("the person does not wait any more")
			}
			seen, err := o.store.Transcript(ctx, peer, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range seen {
				if strings.Contains(l.Text, "rue X") {
					t.Errorf("the person reads it: %+v", l)
				}
			}
			if err := o.store.Forget(ctx, peer); err != nil {
				t.Fatal(err)
			}
			if m, err := o.desk.Attachment(ctx, o.admin, id, last.ID); err == nil && len(m.Data) > 0 {
				t.Error("the file outlives its person")
			}
		})
	}
	t.Run("taken back by who has the case", func(t *testing.T) {
		o := newOffice(t)
		ctx := t.Context()
		id, _ := o.arrive()
		if _, err := o.desk.Send(ctx, o.amina, id, bot.Reply{Text: "Demain.", At: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if _, err := o.desk.Hand(ctx, o.head, id, bot.To{Office: "tiznit", Ground: bot.GroundLaw}, "la tutelle est là-bas"); err != nil {
			t.Fatal(err)
		}
		list, err := o.desk.Pending(ctx, o.far, id)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		if err := o.desk.TakeBack(ctx, o.far, id, list[0].ID); !errors.Is(err, bot.ErrForbidden) {
			t.Errorf("by a colleague who does not hold it: %v", err)
		}
		if err := o.desk.TakeBack(ctx, o.amina, id, list[0].ID); !errors.Is(err, bot.ErrForbidden) {
			t.Errorf("by its writer, of another office now: %v", err)
		}
		if _, err := o.desk.Claim(ctx, o.far, id); err != nil {
			t.Fatal(err)
		}
		if err := o.desk.TakeBack(ctx, o.far, id, list[0].ID); err != nil {
			t.Errorf("by its holder: %v", err)
		}
	})
	t.Run("taken over within the moment", func(t *testing.T) {
		o := newOffice(t)
		ctx := t.Context()
		o.desk.Undo = time.Hour
		id, _ := o.arrive()
		if _, err := o.desk.Send(ctx, o.amina, id, bot.Reply{Text: "Bonjour."}); err != nil {
			t.Fatal(err)
		}
		if _, err := o.desk.Take(ctx, o.head, id); err != nil {
			t.Fatal(err)
		}
		equal(t, "what was said goes out", o.sent(), "Amina El Idrissi: Bonjour.")
	})
}

// TestSharedOut gives cases to who works on them: a supervisor sees no people, and gets no case.
func TestSharedOut(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	supervisor := &bot.Officer{Login: "samir", Name: "Samir", Hash: "x", Role: bot.RoleSupervisor, Office: "agadir"}
	if err := o.store.SaveOfficer(ctx, supervisor); err != nil {
		t.Fatal(err)
	}
	for _, who := range []*bot.Officer{o.amina, o.karim, o.head} { // who holds the fewest is chosen first
		id, _ := o.arrive()
		if _, err := o.desk.Claim(ctx, who, id); err != nil {
			t.Fatal(err)
		}
	}
	mine, err := o.desk.Mine(ctx, o.amina)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := o.desk.Redistribute(ctx, o.amina, o.amina.ID, ""); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	c, _, err := o.desk.Open(ctx, o.admin, mine[0].ID)
	if err != nil || c.Officer != o.karim.ID && c.Officer != o.head.ID {
		t.Errorf("the case is %s's: %v", c.Holder, err)
	}
	colleagues, err := o.desk.Colleagues(ctx, o.amina, "agadir")
	if err != nil || slices.ContainsFunc(colleagues, func(p bot.Officer) bool { return p.ID == supervisor.ID }) {
		t.Errorf("a supervisor is offered as who can be handed a case: %v", err)
	}
}
