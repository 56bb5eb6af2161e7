package flows

import (
	"strconv"
	"strings"
	"time"

	"baom/content"
)

// handoff brings a person to an officer: what is needed to route them, an honest word about waiting, the officer's
// presence, and the way out. While an officer is there, everything goes to the officer.
func handoff(form *content.Form) Flow {
	f := Flow{
		Name: "handoff",
		States: map[string]State{
			"start":     {Pass: Pass{[]string{"unagreed", "case", "live", "commune", "words"}, startHandoff}},
			"unagreed":  {Do: func(t *step) { t.set("goal", "menu.officer") }, Pass: Pass{[]string{"ask"}, func(*step) string { return "ask" }}},
			"words":     {Say: "handoff.words", Read: []Read{Words{}}},
			"send":      {Do: func(t *step) { openCase(t); t.relay() }, Pass: Pass{[]string{"sent"}, func(*step) string { return "sent" }}},
			"waiting":   {Tell: tellWaiting, Read: []Read{Options{"handoff.cancel", "menu.menu"}, Relayed{}}},
			"live":      {Tell: func(t *step) { t.say("handoff.claimed", t.caseSlots(), nil) }, Read: []Read{Relayed{}}},
			"confirm":   {Tell: tellConfirm, Read: []Read{Options{"withdraw.yes", "withdraw.no"}}},
			"withdrawn": {Do: withdraw, Pass: Pass{[]string{"menu.menu"}, func(*step) string { return "menu.menu" }}},
			"kept":      {Do: func(t *step) { t.say("handoff.kept", nil, nil) }, Pass: Pass{[]string{"waiting", "live"}, waitingOrLive}},
		},
		Moves: Moves{
			move("unagreed", "unagreed", "start"),
			move("ask", "welcome/needed", "unagreed"),
			move("case", "waiting", "start"),
			move("live", "live", "start", "kept"),
			move("words", "words", "start"),
			move("said", "send", "words"),
			move("sent", "waiting", "send"),
			move("relayed", "waiting", "waiting"),
			move("relayed", "live", "live"),
			move("withdraw.yes", "withdrawn", "confirm"),
			move("withdraw.no", "kept", "confirm"),
			move("waiting", "waiting", "kept"),
		},
	}
	for _, field := range form.Fields {
		if field.Kind == "commune" {
			f.States["commune"] = State{Say: "handoff.commune", Read: []Read{Field{field}}}
			f.Moves = append(f.Moves, move("commune", "commune", "start"), move("answered", "words", "commune"), move("more", "commune", "commune"))
		}
	}
	return f
}

func startHandoff(t *step) string {
	switch {
	case t.s.Consent != "yes":
		return "unagreed"
	case t.open() && (t.s.Slots["commune"] != "" || t.s.Slots["case.state"] == "claimed"):
		return strings.Replace(waitingOrLive(t), "waiting", "case", 1)
	case t.s.Slots["commune"] == "":
		return "commune"
	}
	return "words"
}

func waitingOrLive(t *step) string {
	if t.s.Slots["case.state"] == "claimed" {
		return "live"
	}
	return "waiting"
}

// Words reads anything a person says or sends for the officer.
type Words struct{}

func (Words) yields() []string      { return []string{"said"} }
func (Words) offers(*step) []string { return []string{"skip"} }
func (Words) press(_ *step, id string) string {
	if id == "skip" {
		return "said"
	}
	return ""
}

func (Words) hear(t *step) string {
	if t.in.Kind == Text && t.in.Text == "" || t.in.Kind != Text && !t.in.Kind.Kept() {
		return ""
	}
	if t.in.Text != "" && t.s.Slots["words"] == "" {
		t.set("words", t.in.Text)
	}
	return "said"
}

// Relayed reads everything as words for the officer.
type Relayed struct{}

func (Relayed) yields() []string           { return []string{"relayed"} }
func (Relayed) offers(*step) []string      { return nil }
func (Relayed) press(*step, string) string { return "" }

func (Relayed) hear(t *step) string {
	if t.at("handoff", "waiting") {
		switch {
		case t.in.Kind == Text && t.shut():
		case t.in.Kind == Text:
			t.say("handoff.noted", nil, nil)
		case t.in.Kind.Kept():
			t.say("kept."+string(t.in.Kind), nil, nil)
		default:
			return ""
		}
	}
	t.relay()
	return "relayed"
}

// openCase opens the case with what is known, or completes the open one, and says its reference.
func openCase(t *step) {
	t.openWith("")
	t.s.Pending = ""
	t.say("intake.opened", t.caseSlots(), nil)
}

// openWith causes an OpenCase with the form's answers.
func (t *step) openWith(urgent string) {
	office := t.b.lib.Office(t.s.Slots["commune"])
	if office == nil {
		all := t.b.lib.Offices()
		office = &all[0]
	}
	if !t.open() {
		t.dropProgress()
		t.set("case", Reference(office.Letters, t.in.Seed))
		t.set("case.state", "open")
		t.set("case.officer", "")
		t.set("case.urgent", "")
	}
	if t.s.Slots["case.state"] == "open" {
		t.set("case.office", office.ID)
	}
	answers := map[string]string{}
	for id := range t.b.fields {
		if v := t.s.Slots[id]; v != "" && v != Declined {
			answers[id] = v
		}
	}
	if p := t.s.Slots["phone"]; p != "" {
		answers["phone"] = p
	}
	t.out = append(t.out, OpenCase{Reference: t.s.Slots["case"], Office: office.ID, Answers: answers, Urgent: urgent})
}

// caseSlots are the facts of the open case, for its pages.
func (t *step) caseSlots() map[string]string {
	slots := map[string]string{"reference": t.s.Slots["case"], "officer": t.s.Slots["case.officer"], "to": t.s.Slots["to"]}
	if o := t.b.lib.Office(t.s.Slots["case.office"]); o != nil {
		slots["office"] = o.Name.In(t.s.Lang)
		if slots["to"] == "" {
			slots["to"] = slots["office"]
		}
	}
	return slots
}

// tellWaiting says what to expect: whether the office is open, and when it will be.
func tellWaiting(t *step) {
	switch t.in.Event {
	case EventReleased, EventHanded, EventReopened:
		t.tell("handoff."+t.in.Event, strings.TrimSpace(t.page("handoff."+t.in.Event, t.caseSlots())+"\n\n"+t.expected()), t.choices())
		return
	}
	o := t.b.lib.Office(t.s.Slots["case.office"])
	if o == nil {
		t.say("handoff.noted", nil, t.choices())
		return
	}
	page, slots := "handoff.waiting.open", map[string]string{}
	if !o.Open(t.in.At) {
		page = "handoff.waiting.closed"
		if next, ok := o.Next(t.in.At); ok {
			t.until(next)
			slots["next"] = content.When(next, t.in.At, t.s.Lang)
		}
	}
	text := strings.TrimSpace(t.page(page, slots) + "\n\n" + t.expected())
	if hours := o.HoursOn(t.in.At, t.s.Lang); hours != "" {
		note := "handoff.hours"
		if !o.HoursConfirmed {
			note = "handoff.hours.unconfirmed"
		}
		text += "\n\n" + t.page(note, map[string]string{"hours": hours})
	}
	t.tell(page, text, t.choices())
}

// expected says how soon the case's office usually answers, or nothing where that is not known. It is no promise.
func (t *step) expected() string {
	code := t.in.Expect[t.s.Slots["case.office"]]
	if code == "" {
		return ""
	}
	return t.page("handoff.expect."+code, nil)
}

// shut says, once for each time that the office is closed, that it is, and when it opens: to words that an officer will not
// read before.
func (t *step) shut() bool {
	o := t.b.lib.Office(t.s.Slots["case.office"])
	if o == nil || o.Open(t.in.At) {
		t.set("shut", "")
		return false
	}
	page, slots := "handoff.closed.long", map[string]string{}
	next, ok := o.Next(t.in.At)
	if ok {
		page, slots["next"] = "handoff.closed", content.When(next, t.in.At, t.s.Lang)
	}
	if !t.until(next) {
		return false
	}
	t.tell(page, strings.TrimSpace(t.page(page, slots)+"\n\n"+t.expected()), nil)
	return true
}

// until notes that the person knows that the office is closed until a time, and reports whether that is new.
func (t *step) until(next time.Time) bool {
	known := t.s.Slots["shut"]
	t.set("shut", next.Format(time.DateTime))
	return t.s.Slots["shut"] != known
}

func tellConfirm(t *step) {
	if !t.open() {
		t.say("handoff.nothing", nil, menuChoices(t))
		return
	}
	t.say("handoff.confirm", nil, t.choices())
}

func withdraw(t *step) {
	if t.open() {
		t.out = append(t.out, Withdraw{})
		t.set("case.state", "closed")
		t.loseMeeting()
		t.unpropose()
		t.say("handoff.withdrawn", nil, nil)
	}
	t.clearForm()
}

// danger answers words of danger with the numbers at once, and marks the case as urgent where the person lets us keep
// one. It is the first thing looked for in whatever a person writes.
func (t *step) danger() bool {
	if t.in.Text == "" {
		return false
	}
	kind := t.b.lib.Danger(t.in.Text)
	if kind == "" {
		return false
	}
	t.warn(kind)
	if t.at("handoff", "live") || t.at("handoff", "waiting") {
		t.relay()
		return true
	}
	if t.s.Consent == "no" {
		t.say("danger.offer", nil, []content.Option{t.option("menu.officer", ""), t.option("back.continue", "ask.continue")})
		return true
	}
	t.relay()
	t.say("danger.alerted", t.caseSlots(), []content.Option{t.option("menu.officer", ""), t.option("handoff.cancel", ""), t.option("back.continue", "ask.continue")})
	return true
}

// warn gives the numbers for a kind of danger and, unless the person refused that anything be kept, alerts the office.
func (t *step) warn(kind string) {
	t.say("danger."+kind, nil, nil)
	if t.s.Consent == "no" {
		return
	}
	if !t.open() {
		t.openWith(kind)
	}
	t.set("case.urgent", kind)
	t.out = append(t.out, Alert{Kind: kind})
}

// The alphabet of a reference: no 0 O 1 I L, which people mistake for one another.
const referenceLetters = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

// Reference makes a case's reference from the letters of its office and fresh randomness, such as AG-7F3K-92: four
// characters that say nothing, and two check digits that catch a slip of the pen.
func Reference(letters string, seed uint64) string {
	code := make([]byte, 4)
	for i := range code {
		code[i] = referenceLetters[seed%uint64(len(referenceLetters))]
		seed /= uint64(len(referenceLetters))
	}
	return letters + "-" + string(code) + "-" + check(letters+string(code))
}

// check is two digits, from 22 to 99 without 0 and 1: the text as a number in base 37, modulo 61, written in base 8.
func check(s string) string {
	sum := 0
	for _, r := range s {
		sum = (sum*37 + int(r)) % 61
	}
	return strconv.Itoa(sum/8+2) + strconv.Itoa(sum%8+2)
}

// ParseReference finds the reference in what somebody typed: case, spaces and dashes are ignored. ok is false if the
// check digits do not fit.
func ParseReference(typed string) (reference string, ok bool) {
	var s strings.Builder
	for _, r := range strings.ToUpper(typed) {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			s.WriteRune(r)
		}
	}
	c := s.String()
	if len(c) != 8 || check(c[:6]) != c[6:] {
		return "", false
	}
	return c[:2] + "-" + c[2:6] + "-" + c[6:], true
}

func itoa(n int) string { return strconv.Itoa(n) }
