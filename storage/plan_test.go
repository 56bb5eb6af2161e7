package storage_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
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

// most is how many rows one step of a statement may look at, on a record with tens of thousands of them: no more than what
// the offices have in hand, which is bounded by what their officers can do.
const most = 1100

// small are the tables that stay small however long an office works, with the reason: to read one from end to end is the
// best plan there is.
var small = map[string]string{
	"officers":         "a few an office",
	"office_keys":      "one row",
	"labels":           "bounded by MaxLabels an office",
	"canned":           "bounded by MaxCanned an office",
	"views":            "bounded by MaxViews an officer",
	"absences":         "one an officer",
	"imports":          "a file is taken over once, and one that is only looked at goes after two days",
	"import_plans":     "one an office",
	"written":          "what officers write in answer, a few a week; the newest 500 are listed",
	"pending":          "replies that wait for their time",
	"drafts":           "what officers have begun to write",
	"set_aside":        "entries that failed: hardly ever any",
	"sessions":         "log-ins of a working day",
	"aliases":          "in the test: one; asked for by its keys",
	"erasures":         "who was forgotten and whom the channel has yet to forget",
	"media_wanted":     "files that are still to be fetched",
	"tallies":          "counts of what was erased: bounded by months and codes",
	"logins":           "browsers that are logged in",
	"goose_db_version": "one a version of the tables",
}

// many are the calls that look at many rows because that is what they are for, with the reason.
var many = map[string]string{
	"List":   "the register as a workbook is all its cases",
	"Facts":  "figures count every case of a year",
	"Asking": "counts of questions by month are of every question",
	"Twins":  "every row of an office's earlier list is held against the office's cases",
	"Purge":  "what is to be erased is every row that is due",
	"Stats":  "the backlog is counted",
}

// seldom are the beginnings of statements that no method leads to, with the reason why they may read whole tables.
var seldom = map[string]string{
	"update inbox set due = $1 where due >":  "once at a start, and when a clock went back",
	"update outbox set due = $1 where due >": "once at a start, and when a clock went back",
}

// A call is a method of the store as the program calls it.
type call struct {
	method string
	do     func(ctx context.Context) error
}

// TestPlans calls every method of the store on a record with tens of thousands of rows, and reads in the server's log by
// what plan each statement went (auto_explain). As the planner likes it, no step looks at many rows; and where it must not
// read a table from end to end if there is any other way, there is one, for every table that grows, filled here or not.
// What may do otherwise is named above. A method that calls does not know is called with plain arguments.
func TestPlans(t *testing.T) {
	log := storagetest.Log(t)
	db, redis := storagetest.Env(t)
	filled := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis})
	amina := officer(t, filled)
	if err := filled.Fill(t.Context(), pasts(9000, 4, 3, amina.ID, time.Now())); err != nil {
		t.Fatal(err)
	}
	op := operate(t, db)
	op.exec(`with m as (insert into messages (conversation, key, author, at) select id, 'timer:x', 'event', now() from conversations where id % 3 = 0 returning id, conversation)
		insert into inbox (message, conversation, key, due) select id, conversation, 'timer:x', now() + interval '1 day' from m`)
	op.exec(`with m as (insert into messages (conversation, author, status, at) select id, 'bot', 'waiting', now() from conversations where id % 3 = 1 returning id, conversation)
		insert into outbox (message, conversation, channel, due) select id, conversation, 'whatsapp', now() + interval '1 day' from m`)
	op.exec(`insert into questions (day, lang, outcome, need) select current_date - (n % 300), 'fr', 'answered', 'A1' from generate_series(1, 9000) n`)
	op.exec(`insert into media (message, state) select id, 'lost' from messages where id % 10 = 0`)
	op.exec(`vacuum analyze`)
	set := func(setting string) {
		op.exec(`do $$ begin execute format('alter database %I set ` + strings.ReplaceAll(setting, "'", "''") + `', current_database()); end $$`)
	}
	for _, setting := range []string{`session_preload_libraries = 'auto_explain'`, `auto_explain.log_min_duration = 0`, `auto_explain.log_analyze = on`,
		`auto_explain.log_timing = off`, `auto_explain.log_format = 'json'`, `auto_explain.log_parameter_max_length = 0`} {
		set(setting)
	}
	reader := &planReader{path: log}
	for _, any := range []bool{false, true} {
		if any {
			set(`enable_seqscan = off`)
		}
		reader.read(t)
		s := storagetest.Open(t, storage.Options{DatabaseURL: db, RedisURL: redis})
		list := calls(t, s, amina)
		list = append(list, plain(s, list)...)
		for _, c := range list {
			if err := c.do(t.Context()); err != nil && !errors.Is(err, bot.ErrIdle) && !errors.Is(err, bot.ErrNotFound) && !errors.Is(err, bot.ErrConflict) {
				t.Errorf("%s: %v", c.method, err)
			}
			for _, p := range reader.read(t) {
				p.check(t, c.method, any)
			}
		}
		if reader.plans < len(list) {
			t.Errorf("the server told %d plans of %d calls", reader.plans, len(list))
		}
		reader.plans = 0
		s.Close()
	}
}

// plain are calls of every other method with arguments that say little; what comes of them does not matter.
func plain(s *storage.Store, known []call) (list []call) {
	v := reflect.ValueOf(s)
	for i := range v.NumMethod() {
		m, name := v.Method(i), v.Type().Method(i).Name
		if m.Type().NumIn() == 0 || m.Type().In(0) != reflect.TypeFor[context.Context]() || slices.Contains([]string{"Fill", "Watch", "Lock", "Hold"}, name) ||
			slices.ContainsFunc(known, func(c call) bool { return c.method == name }) {
			continue
		}
		list = append(list, call{name, func(ctx context.Context) error {
			defer func() { recover() }() // of what is not there, and would be in a real call
			in := []reflect.Value{reflect.ValueOf(ctx)}
			for n := 1; n < m.Type().NumIn(); n++ {
				in = append(in, plainArgument(m.Type().In(n)))
			}
			m.Call(in)
			return nil
		}})
	}
	return list
}

func plainArgument(t reflect.Type) reflect.Value {
	switch t {
	case reflect.TypeFor[time.Time]():
		return reflect.ValueOf(time.Now())
	case reflect.TypeFor[[]string]():
		return reflect.ValueOf([]string{"agadir"})
	case reflect.TypeFor[bot.Peer]():
		return reflect.ValueOf(bot.Peer{Channel: bot.Telegram, ID: "past-60"})
	}
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Int64:
		v.SetInt(30)
	case reflect.Int:
		v.SetInt(10)
	case reflect.String:
		v.SetString("agadir")
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
	}
	return v
}

// calls are those of the program, on the record as pasts fills it.
func calls(t *testing.T, s *storage.Store, amina *bot.Officer) []call {
	peer := bot.Peer{Channel: bot.Telegram, ID: "past-30"}
	found, err := s.Queue(t.Context(), bot.Query{States: []string{bot.StateOpen}, Offices: []string{"agadir"}, Limit: 30})
	if err != nil || len(found) < 30 {
		t.Fatal(len(found), err)
	}
	open, claimed := found[20].ID, found[21].ID
	before := found[10].ID
	var list []call
	add := func(method string, do func(ctx context.Context) error) { list = append(list, call{method, do}) }
	query := func(q bot.Query) {
		q.Limit = 50
		add("Queue", func(ctx context.Context) error { _, err := s.Queue(ctx, q); return err })
		add("Count", func(ctx context.Context) error { _, err := s.Count(ctx, []bot.Query{q}); return err })
	}
	any, agadir := []string{bot.StateOpen, bot.StateClaimed, bot.StateClosed}, []string{"agadir"}
	query(bot.Query{Offices: agadir, States: []string{bot.StateOpen}})
	query(bot.Query{Offices: agadir, States: []string{bot.StateOpen}, Before: before})
	query(bot.Query{Offices: agadir, Officer: amina.ID})
	query(bot.Query{Offices: agadir})
	query(bot.Query{States: []string{bot.StateOpen}})
	query(bot.Query{States: []string{bot.StateClosed}, Before: before})
	query(bot.Query{Offices: agadir, States: []string{bot.StateClosed}})
	query(bot.Query{Offices: agadir, States: any, Words: []bot.Word{{Text: surname(41)}}})
	query(bot.Query{Offices: agadir, States: any, Words: []bot.Word{{Text: "0042"}}})
	query(bot.Query{Offices: agadir, States: any, Words: []bot.Word{{Text: surname(40)}, {Text: "travail", Needs: []string{"E2"}}}})
	query(bot.Query{Reference: flows.Reference("AG", 7919), States: any})
	query(bot.Query{ID: open})
	query(bot.Query{Offices: agadir, Urgent: true})
	query(bot.Query{Offices: agadir, Urgent: true, States: []string{bot.StateClosed}})
	query(bot.Query{Offices: agadir, Label: 1})
	query(bot.Query{Offices: agadir, Need: "E2", Waits: bot.WaitsForUs, Lang: content.French})

	words := func(s flows.Session, e bot.Entry) bot.Turn { return echo(s, e) }
	opens := func(s flows.Session, e bot.Entry) bot.Turn {
		t := echo(s, e)
		t.Case = &bot.CaseChange{Open: true, Relay: true, Urgent: "medical", Score: 4, Comment: "bien", Reference: flows.Reference("TZ", uint64(len(e.Input.Text))), Office: "agadir", Answers: map[string]string{"need": "A1", "first-name": "Aya"}}
		t.Later = []bot.Entry{{Key: "timer:survey:1", Due: time.Now().Add(time.Hour), Input: flows.Input{Event: flows.EventReminder}}}
		t.Cancel = []string{"timer:"}
		t.Asked = []flows.Asked{{Question: "où", Lang: "fr", Outcome: flows.AskWished}}
		return t
	}
	answer := func(e bot.Entry, step func(flows.Session, bot.Entry) bot.Turn) {
		add("Answer", func(ctx context.Context) error {
			_, deliver, err := s.Answer(ctx, e, step)
			if deliver != nil {
				err = errors.Join(err, deliver(ctx, func(context.Context, bot.Message) (string, error) { return "x", nil }))
			}
			return err
		})
	}
	answer(entry("past-31", 1, "bonjour"), words)
	answer(entry("past-32", 1, "un dossier"), opens)
	answer(entry("new", 1, "bonjour"), words)
	discard := func(s flows.Session, e bot.Entry) bot.Turn { t := echo(s, e); t.Discard = true; return t }
	answer(entry("past-33", 1, "non"), discard)
	add("Receive", func(ctx context.Context) error { _, err := s.Receive(ctx, entry("past-34", 1, "salut")); return err })
	add("Receive", func(ctx context.Context) error {
		e := entry("past-34", 2, "photo")
		e.Media = &bot.Media{Kind: flows.Image, Ref: []byte("r")}
		_, err := s.Receive(ctx, e)
		return err
	})
	add("Receive", func(ctx context.Context) error {
		e := entry("past-34", 3, "")
		e.Deletes = "tg:2"
		_, err := s.Receive(ctx, e)
		return err
	})
	add("Receive", func(ctx context.Context) error {
		e := entry("past-35", 1, "deux noms")
		e.Alias = "past-37"
		_, err := s.Receive(ctx, e)
		return err
	})
	for _, step := range []func(flows.Session, bot.Entry) bot.Turn{words, opens, discard} {
		add("Turn", func(ctx context.Context) error { return s.Turn(ctx, step) })
	}
	send := func(err error) {
		add("Deliver", func(ctx context.Context) error {
			return s.Deliver(ctx, bot.Telegram, func(context.Context, bot.Message) (string, error) { return "y", err })
		})
	}
	send(nil)
	send(errors.New("away"))
	send(&bot.SendError{Permanent: true})
	add("Fetch", func(ctx context.Context) error {
		return s.Fetch(ctx, bot.Telegram, func(context.Context, bot.Media) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("bytes")), nil
		})
	})
	var last int64
	add("Transcript", func(ctx context.Context) error {
		lines, err := s.Transcript(ctx, peer, 0)
		if err == nil {
			last = lines[len(lines)-1].ID
		}
		return err
	})
	add("Attachment", func(ctx context.Context) error { _, err := s.Attachment(ctx, peer, last); return err })
	add("Case", func(ctx context.Context) error { _, _, err := s.Case(ctx, open); return err })
	add("Media", func(ctx context.Context) error { _, err := s.Media(ctx, open, last); return err })
	add("OfficeOf", func(ctx context.Context) error { _, err := s.OfficeOf(ctx, open); return err })
	change := func(id int64, f func(*bot.Case) (bot.CaseWork, error)) {
		add("Change", func(ctx context.Context) error { _, err := s.Change(ctx, id, f); return err })
	}
	change(claimed, func(c *bot.Case) (bot.CaseWork, error) {
		c.State, c.Officer, c.Claimed = bot.StateClaimed, amina.ID, time.Now()
		return bot.CaseWork{Flush: true, Spent: amina.ID, Lines: []bot.Line{{Author: bot.ByNote, Text: "note"}}, Messages: []bot.Message{{Text: "bonjour"}},
			Entries: []bot.Entry{{Key: "case:1", Input: flows.Input{Event: flows.EventClaimed}}},
			Pending: []bot.Pending{{Officer: amina.ID, At: time.Now(), Due: time.Now().Add(-time.Second), Message: bot.Message{Text: "plus tard"}}}}, nil
	})
	add("Pending", func(ctx context.Context) error { _, err := s.Pending(ctx, claimed); return err })
	add("KeepDraft", func(ctx context.Context) error { return s.KeepDraft(ctx, claimed, amina.ID, "brouillon") })
	add("Draft", func(ctx context.Context) error { _, err := s.Draft(ctx, claimed, amina.ID); return err })
	add("Cancel", func(ctx context.Context) error { _, err := s.Cancel(ctx, claimed, 77); return err })
	add("Post", s.Post)
	add("Retry", func(ctx context.Context) error { return s.Retry(ctx, claimed, last) })
	add("Officer", func(ctx context.Context) error { _, err := s.Officer(ctx, amina.ID); return err })
	add("OfficerByLogin", func(ctx context.Context) error { _, err := s.OfficerByLogin(ctx, "amina"); return err })
	add("Officers", func(ctx context.Context) error { _, err := s.Officers(ctx, "agadir"); return err })
	add("SaveOfficer", func(ctx context.Context) error { return s.SaveOfficer(ctx, amina) })
	var label bot.Label
	add("AddLabel", func(ctx context.Context) (err error) { label, err = s.AddLabel(ctx, "agadir", "à suivre"); return err })
	add("Labels", func(ctx context.Context) error { _, err := s.Labels(ctx, "agadir"); return err })
	add("DropLabel", func(ctx context.Context) error { return s.DropLabel(ctx, "agadir", label.ID) })
	canned := &bot.Canned{Office: "agadir", Officer: amina.ID, Name: "bonjour", Texts: content.Text{content.French: "Bonjour."}, At: time.Now()}
	add("SaveCanned", func(ctx context.Context) error { return s.SaveCanned(ctx, canned) })
	add("Canned", func(ctx context.Context) error { _, err := s.Canned(ctx, "agadir"); return err })
	add("DropCanned", func(ctx context.Context) error { return s.DropCanned(ctx, "agadir", canned.ID) })
	add("SaveView", func(ctx context.Context) error {
		return s.SaveView(ctx, amina.ID, bot.View{Name: "v", Query: "waits=us"})
	})
	add("Views", func(ctx context.Context) error { _, err := s.Views(ctx, amina.ID); return err })
	add("DropView", func(ctx context.Context) error { return s.DropView(ctx, amina.ID, 1) })
	add("SetAbsence", func(ctx context.Context) error {
		return s.SetAbsence(ctx, bot.Absence{Officer: amina.ID, Since: time.Now(), Until: time.Now()})
	})
	add("Absences", func(ctx context.Context) error { _, err := s.Absences(ctx, "agadir", time.Now()); return err })

	register := bot.Selection{Offices: agadir, From: time.Now().AddDate(-1, 0, 0), To: time.Now(), Limit: 50, Before: before}
	add("List", func(ctx context.Context) (err error) {
		for _, e := range s.List(ctx, register) {
			err = errors.Join(err, e)
		}
		return err
	})
	add("Facts", func(ctx context.Context) (err error) {
		for _, e := range s.Facts(ctx, agadir, time.Now().AddDate(-1, 0, 0), time.Now()) {
			err = errors.Join(err, e)
		}
		return err
	})
	add("Tallies", func(ctx context.Context) error {
		_, err := s.Tallies(ctx, agadir, time.Now().AddDate(-1, 0, 0), time.Now())
		return err
	})
	i := &bot.Import{Office: "agadir", Officer: amina.ID}
	earlier := []bot.Earlier{{Opened: time.Now().AddDate(0, -3, 0), State: bot.StateOpen, Lang: "fr", Answers: map[string]string{"first-name": "Aya", "last-name": surname(40), "need": "A1"}}}
	add("SaveImport", func(ctx context.Context) error { return s.SaveImport(ctx, i) })
	add("Import", func(ctx context.Context) error { _, err := s.Import(ctx, i.ID); return err })
	add("ListImports", func(ctx context.Context) error { _, err := s.ListImports(ctx, agadir); return err })
	add("Plan", func(ctx context.Context) error { _, err := s.Plan(ctx, "agadir"); return err })
	add("SavePlan", func(ctx context.Context) error { return s.SavePlan(ctx, "agadir", bot.Plan{}) })
	add("Twins", func(ctx context.Context) error { _, err := s.Twins(ctx, "agadir", earlier); return err })
	add("TakeOver", func(ctx context.Context) error {
		return s.TakeOver(ctx, i.ID, earlier, func() string { return flows.Reference("TR", rand.Uint64()) })
	})
	add("DropImport", func(ctx context.Context) error { return s.DropImport(ctx, i.ID) })

	add("Questions", func(ctx context.Context) error { _, err := s.Questions(ctx, 100); return err })
	add("Write", func(ctx context.Context) error {
		return s.Write(ctx, &bot.Written{Officer: amina.ID, Title: "t", Text: "x", Lang: "fr"}, []int64{100, 200}, func(content.Lang) string { return "voici" })
	})
	add("Written", func(ctx context.Context) error { _, err := s.Written(ctx); return err })
	add("Asking", func(ctx context.Context) error { _, err := s.Asking(ctx, time.Now().AddDate(-1, 0, 0)); return err })
	add("Stats", func(ctx context.Context) error { _, err := s.Stats(ctx); return err })
	add("CheckSchema", s.CheckSchema)
	add("Forget", func(ctx context.Context) error { return s.Forget(ctx, bot.Peer{Channel: bot.Telegram, ID: "past-32"}) })
	add("Purge", func(ctx context.Context) error { _, err := s.Purge(ctx, storage.DefaultRetention()); return err })
	return list
}

// A planReader reads the plans that the server has told since it last looked.
type planReader struct {
	path  string
	from  int64
	plans int
}

// A plan is one of a statement that ran.
type plan struct {
	Query string `json:"Query Text"`
	Plan  step   `json:"Plan"`
}

// A step is a node of a plan.
type step struct {
	Kind     string  `json:"Node Type"`
	Table    string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Rows     float64 `json:"Actual Rows"`
	Loops    float64 `json:"Actual Loops"`
	Filtered float64 `json:"Rows Removed by Filter"`
	Steps    []step  `json:"Plans"`
}

func (r *planReader) read(t *testing.T) (plans []plan) {
	t.Helper()
	f, err := os.Open(r.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Seek(r.from, io.SeekStart)
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	r.from += int64(len(data))
	var text strings.Builder
	for line := range strings.Lines(string(data) + "end\n") {
		if strings.HasPrefix(line, "\t") {
			text.WriteString(line)
			continue
		}
		var p plan
		if told := text.String(); strings.Contains(told, `"Plan"`) {
			if err := json.Unmarshal([]byte(told), &p); err != nil {
				t.Fatalf("a plan cannot be read: %v\n%s", err, told)
			}
			plans = append(plans, p)
		}
		text.Reset()
	}
	r.plans += len(plans)
	return plans
}

// check tells what is wrong with a plan: of those made as the planner likes it, or to find any other way than to read a
// table from end to end.
func (p plan) check(t *testing.T, method string, any bool) {
	t.Helper()
	for statement := range seldom {
		if strings.HasPrefix(strings.TrimSpace(p.Query), statement) {
			return
		}
	}
	var walk func(step)
	walk = func(s step) {
		looked := (s.Rows + s.Filtered) * s.Loops
		switch {
		case s.Table == "" && s.Index == "" || small[s.Table] != "" || many[method] != "":
		case any && s.Kind == "Seq Scan":
			t.Errorf("%s has no index of %s:\n%s", method, s.Table, p.Query)
		case looked > most:
			t.Errorf("%s looks at %.0f rows of %s (%s %s):\n%s", method, looked, s.Table, s.Kind, s.Index, p.Query)
		}
		for _, below := range s.Steps {
			walk(below)
		}
	}
	walk(p.Plan)
}
