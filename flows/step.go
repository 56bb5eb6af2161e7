package flows

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"baom/content"
)

// The bounds of a step. What a person writes beyond maxText runes is not read (it is in the transcript); an answer is
// kept up to maxAnswer runes.
const (
	maxText   = 4000
	maxAnswer = 2000
	maxPasses = 100
)

// Away is how long a person may be silent before an unfinished intake is resumed by asking, not by assuming.
const Away = 14 * 24 * time.Hour

// A step is the working memory of one call of Step.
type step struct {
	b     *Book
	s     Session
	in    Input
	out   []Effect
	back  bool         // we are walking backwards through a form
	spoke bool         // the read that yielded the event has spoken already
	said  int          // how often something was said or relayed
	maybe content.Lang // a language that the person may have changed to: offered with the next choices
}

// Step is the dialogue: what one input changes and causes. It is total and pure: every session and every input give a
// session and effects, the same ones each time; a person's input always causes a Say or a Relay. A stored state that
// no longer exists leads to the menu.
func (b *Book) Step(s Session, in Input) (Session, []Effect) {
	s.Slots = maps.Clone(s.Slots)
	if s.Slots == nil {
		s.Slots = map[string]string{}
	}
	t := &step{b: b, s: s, in: in, out: make([]Effect, 0, 4)}
	if !s.Lang.Known() {
		t.s.Lang = ""
	}
	if in.Event != "" {
		t.event()
	} else {
		t.person()
	}
	return t.s, join(t.out)
}

// maxJoined is how long a message may become, in bytes, by joining short ones into it.
const maxJoined = 700

// join makes one message of messages that follow each other, where it stays short: a telephone rings once.
func join(effects []Effect) []Effect {
	out := effects[:0]
	last := -1 // index in out of the last Say
	for _, e := range effects {
		say, ok := e.(Say)
		if !ok {
			out = append(out, e)
			continue
		}
		if last >= 0 && say.Card == nil && say.Audio == "" && say.Meeting == nil {
			if before := out[last].(Say); before.Choices == nil && before.Card == nil && before.Audio == "" && before.Meeting == nil && len(before.Text)+len(say.Text) <= maxJoined {
				say.Text, say.Page = before.Text+"\n\n"+say.Text, before.Page+" "+say.Page
				out[last] = say
				continue
			}
		}
		out = append(out, say)
		last = len(out) - 1
	}
	return out
}

// event handles what happened elsewhere. What came too late is ignored.
func (t *step) event() {
	if t.in.Event == EventLinked || t.in.Event == EventUnlinked {
		t.linked()
		return
	}
	if t.s.Slots["case"] == "" && t.in.Event != EventReminder {
		return
	}
	switch t.in.Event {
	case EventClaimed:
		t.set("case.state", "claimed")
		t.set("case.officer", t.in.Slots["officer"])
	case EventReleased, EventReopened:
		t.set("case.state", "open")
	case EventHanded:
		t.set("case.state", "open")
		if to := t.in.Slots["office"]; to != "" {
			t.set("case.office", to)
			t.loseMeeting()
			t.unpropose()
		}
		t.set("to", t.in.Slots["to"])
	case EventClosed:
		t.set("case.state", "closed")
		t.loseMeeting()
		t.unpropose()
	case EventMeeting, EventMeetingNear:
		t.meeting()
		return
	case EventProgress:
		t.keepProgress()
		return
	case EventProposed:
		if t.in.Slots["office"] == "" || !t.open() {
			return
		}
		t.propose()
	case EventRecalled:
	case EventReturned:
		t.set("return", t.in.Slots["to"])
	case EventReminder:
		t.reminder()
		return
	default:
		return
	}
	if !t.beside() {
		t.move(t.in.Event)
	}
}

// reminder handles a timer that has come.
func (t *step) reminder() {
	switch t.in.Slots["what"] {
	case "survey":
		if t.at("survey", "score") {
			t.move(EventReminder)
		}
	case "transfer":
		switch {
		case t.s.Slots["transfer.to"] == "": // nobody is asked any more
		case t.at("menu", "stopped"): // nobody wants to hear of it
			t.out = append(t.out, t.transfer(TransferSilence))
			t.unpropose()
		default:
			t.move("transfer.lapsed")
		}
	}
}

// person handles what a person wrote, pressed or sent.
func (t *step) person() {
	first, away := t.s.Flow == "" || t.at("data", "erased"), !t.s.Seen.IsZero() && t.in.At.Sub(t.s.Seen) > Away
	t.s.Seen = t.in.At
	t.in.Text = clip(strings.TrimSpace(t.in.Text), maxText)
	if i := strings.LastIndexByte(t.in.Choice, '|'); i >= 0 {
		t.in.Choice = t.in.Choice[i+1:]
	}
	if t.at("menu", "stopped") { // who writes again is heard again
		t.s.State = "menu"
	}
	switch {
	case t.in.Kind == Reaction:
		t.reaction(first)
	case t.in.Edited:
		t.edited(first)
	case first:
		t.firstContact()
	case !t.b.has(t.s.Flow, t.s.State):
		t.enter("menu", "menu")
	case t.danger():
	case away && t.s.Flow == "intake" && t.in.Choice == "" && !t.at("intake", "summary"):
		t.s.Pending = t.s.State
		t.move("away")
	case t.in.Choice != "":
		t.press(t.in.Choice)
	case t.in.Kind != Text:
		t.attachment()
	default:
		t.words()
	}
}

// firstContact receives somebody who never wrote before, in the language of the button, of the first words, or of
// their telephone. A question that comes first is kept until they have said whether they agree, then answered.
func (t *step) firstContact() {
	code, coded := ParseLinkCode(t.in.Text) // which is of no language
	if l := content.Lang(strings.TrimPrefix(t.in.Choice, "lang.")); l.Known() {
		t.speak(l, "button")
	} else if l, sure := recognise(t.in.Text); sure && !coded {
		t.speak(l, "words")
	} else if l := content.Lang(t.in.Slots["hint.lang"]); l.Known() && t.in.Text != "" {
		t.speak(l, "phone")
	}
	if t.s.Lang == "" && t.b.lib.Danger(t.in.Text) != "" { // no time to ask: the likeliest language
		tag, _ := content.Identify(t.in.Text)
		t.speak(langOf(tag), "words")
	}
	t.s.Flow, t.s.State = "welcome", "language" // so that danger and files have a place to return to
	if t.s.Lang != "" {
		t.s.State = "consent"
	}
	if t.danger() {
		return
	}
	if _, ok := t.b.lib.Need(strings.TrimPrefix(t.in.Choice, "need.")); ok {
		t.set("held.need", strings.TrimPrefix(t.in.Choice, "need."))
	}
	if t.in.Kind.Kept() {
		t.keep()
	} else if coded {
		t.set("held.code", code)
	} else if t.b.lib.Command(t.in.Text) == "" && t.find(t.in.Text).Verdict != content.None {
		t.set("held", t.in.Text)
	}
	t.enter("welcome", t.s.State)
}

// press reads a button. One that the state does not offer any more is understood all the same where it can be, and
// answered with a word where it cannot.
func (t *step) press(id string) {
	if slices.Contains(meetingAnswers, id) {
		t.attend(after(id))
		return
	}
	if t.at("handoff", "live") && id != "handoff.cancel" && !strings.HasPrefix(id, "menu.") && !strings.HasPrefix(id, "lang.") {
		t.relay()
		return
	}
	if t.read(func(r Read) string { return r.press(t, id) }) {
		return
	}
	kind, value, _ := strings.Cut(id, ".")
	switch {
	case id == "menu.language":
		t.say("language.choose", nil, langChoices())
	case kind == "lang" && content.Lang(value).Known():
		t.speak(content.Lang(value), "button")
		t.repeat()
	case id == "start":
		t.move("menu.menu")
	case id == "ask.continue":
		t.repeat()
	case kind == "answer" && t.b.lib.Answer(value) != nil:
		t.answer(value)
	case kind == "menu" && everywhere()[id] != "", id == "back.continue" && t.s.Pending != "", id == "handoff.cancel" && t.open():
		t.move(id)
	case kind == "transfer" && t.lateProposal(id):
	case kind == "need" && t.lateNeed(value):
	case t.lateAnswer(id):
	default:
		t.say("miss.stale", nil, nil)
		t.repeat()
	}
}

// lateNeed follows a link or an old button that names a need: the intake starts from there.
func (t *step) lateNeed(code string) bool {
	need, ok := t.b.lib.Need(code)
	if !ok || t.open() || t.s.Slots["need"] != "" {
		return false
	}
	t.set("need", need.ID)
	t.move("menu.intake")
	return true
}

// lateProposal takes the answer to a proposal that still stands from wherever the person is.
func (t *step) lateProposal(id string) bool {
	event, ok := t.answersProposal(id)
	if ok {
		t.move(event)
	}
	return ok
}

// lateAnswer corrects an answer of the intake in hand by an old button of one of its questions.
func (t *step) lateAnswer(id string) bool {
	if t.s.Flow != "intake" && t.s.Pending == "" {
		return false
	}
	for _, f := range t.b.lib.Form().Fields {
		if t.s.Slots[f.ID] == "" {
			continue
		}
		for _, o := range f.Options {
			if o == id {
				t.set(f.ID, after(id))
				t.say("intake.noted", nil, nil)
				t.repeat()
				return true
			}
		}
	}
	return false
}

// attachment receives what is not words.
func (t *step) attachment() {
	if t.in.Slots["lost"] != "" {
		t.say("lost.file", nil, nil)
		t.repeat()
		return
	}
	if t.in.Kind == Once || t.in.Kind == Call || t.in.Kind == Unread { // the person thinks that it arrived
		if t.open() {
			t.relay()
		}
		t.say("unkept."+string(t.in.Kind), nil, nil)
		if !t.at("handoff", "live") {
			t.repeat()
		}
		return
	}
	if t.read(func(r Read) string { return r.hear(t) }) {
		return
	}
	if t.in.Kind == Location && t.unasked() {
		if t.open() {
			t.relay()
		}
		t.press("menu.office")
		return
	}
	if t.in.Kind.Kept() {
		t.keep()
	} else {
		page := "unkept." + string(t.in.Kind)
		if !t.b.lib.HasPage(page) {
			page = "unkept.other"
		}
		t.say(page, nil, nil)
	}
	t.repeat()
}

// keep says that an attachment is with the officer, or will be; where the person refused that anything be kept, it
// says so.
func (t *step) keep() {
	switch {
	case t.s.Consent == "no":
		t.say("kept.none", nil, nil)
	case t.s.Flow == "ask" && t.in.Kind == Voice && !t.open():
		t.say("ask.voice", nil, nil)
	default:
		if t.open() {
			t.relay()
		}
		t.say("kept."+string(t.in.Kind), nil, nil)
	}
}

// reaction receives an emoji under a message. It answers where it names a choice, an officer sees it where one is there;
// else it is a nod, to which nothing is said.
func (t *step) reaction(first bool) {
	if first || !t.b.has(t.s.Flow, t.s.State) {
		return
	}
	if t.at("handoff", "live") {
		t.relay()
		return
	}
	if id, ok := t.b.lib.Match(t.in.Text, t.s.Options); ok {
		t.press(id)
	}
}

// edited receives the correction of an earlier message: the officer sees both, the dialogue does not move.
func (t *step) edited(first bool) {
	switch {
	case first:
		t.firstContact()
	case !t.b.has(t.s.Flow, t.s.State):
		t.enter("menu", "menu")
	case t.open():
		t.relay()
		if !t.at("handoff", "live") {
			t.say("kept.edited", nil, nil)
		}
	default:
		t.say("kept.edited", nil, nil)
		t.repeat()
	}
}

// words reads text: commands first, then a number or a label as the choice it names, then what the question asks
// for, then as a question of its own.
func (t *step) words() {
	if (t.at("handoff", "live") || t.at("handoff", "waiting")) && t.asksCase() { // told in place: what is said next is still the officer's
		page := "case." + t.s.Slots["case.state"]
		t.tell(page, t.caseTold(page), t.choices())
		return
	}
	if t.at("handoff", "live") && !strings.HasPrefix(t.in.Text, "/") && t.b.lib.Command(t.in.Text) != "cancel" {
		t.relay()
		if id, ok := t.meetingWords(); ok {
			t.press(id)
			return
		}
		t.shut()
		return
	}
	if code, ok := ParseLinkCode(t.in.Text); ok {
		t.set("code", code)
		t.move("menu.link")
		return
	}
	word := t.b.lib.Command(t.in.Text)
	if (word == "thanks" || word == "hello") && t.takesWords("words") {
		word = "" // said to the officer, or of the service
	}
	if t.command(word) {
		return
	}
	t.follow()
	if n, ok := content.ReadNumber(t.in.Text); ok && n >= 1 && n <= len(t.s.Options) {
		t.press(t.s.Options[n-1])
		return
	}
	if asks(t.in.Text) && t.s.Flow != "transfer" && t.digress(false) {
		return
	}
	if id, ok := t.b.lib.Match(t.in.Text, t.s.Options); ok && !inPassing(id, t.in.Text) {
		t.press(id)
		return
	}
	if slices.Contains(t.s.Options, "ask.continue") { // going on, by any of its words
		if _, ok := t.b.lib.Match(t.in.Text, []string{"back.continue"}); ok {
			t.press("ask.continue")
			return
		}
	}
	if id, ok := t.menuWords(); ok {
		t.press(id)
		return
	}
	if t.unasked() && t.b.lib.IsPlace(t.in.Text) { // no question: where the bureau is
		t.press("menu.office")
		return
	}
	if t.read(func(r Read) string { return r.hear(t) }) {
		return
	}
	if t.digress(true) {
		return
	}
	t.miss()
}

// asksCase reports whether the words ask where the case is, and nothing else.
func (t *step) asksCase() bool {
	_, ok := t.b.lib.Match(t.in.Text, []string{"menu.case"})
	return ok && len(strings.Fields(t.in.Text)) <= 4
}

// inPassing reports whether a choice was only named in passing: "je veux passer mon permis" skips nothing, "j'ai une
// question sur ma pension" is the question, and so is "allez-vous donner mes données à la police".
func inPassing(id, text string) bool {
	n := len(strings.Fields(text))
	return (id == "skip" || id == "menu.ask") && n > 3 || id == "menu.data" && n > 4
}

// unasked reports whether nothing is asked but what the person wants.
func (t *step) unasked() bool {
	return t.at("menu", "menu") || t.s.Flow == "ask" || t.s.Flow == "case"
}

// menuWords reads words that mean a choice of the menu, wherever the person is, unless the question takes free words.
func (t *step) menuWords() (id string, ok bool) {
	if t.takesWords("words", "name") {
		return "", false
	}
	id, ok = t.b.lib.Match(t.in.Text, []string{"menu.intake", "menu.case", "menu.office", "menu.orient", "menu.officer", "menu.data"})
	return id, ok && !inPassing(id, t.in.Text)
}

// takesWords reports whether the question takes whatever a person writes, be it a field of one of the kinds.
func (t *step) takesWords(kinds ...string) bool {
	for _, r := range t.reads() {
		switch r := r.(type) {
		case Field:
			if slices.Contains(kinds, r.Kind) {
				return true
			}
		case Words, Relayed, Proposed, Comment, Scale:
			return true
		}
	}
	return false
}

// command obeys one of the words that work everywhere.
func (t *step) command(word string) bool {
	switch word {
	case "back":
		t.back = t.s.Flow == "intake"
		t.move("back")
	case "menu":
		t.move("menu.menu")
	case "officer":
		t.move("menu.officer")
	case "language":
		t.say("language.choose", nil, langChoices())
	case "help", "thanks":
		t.say(word, nil, nil)
		t.repeat()
	case "hello":
		t.repeat()
	case "stop", "forget":
		t.move(word)
	case "cancel":
		if t.open() {
			t.move("handoff.cancel")
		} else {
			t.say("handoff.nothing", nil, nil)
			t.move("back")
		}
	default:
		return false
	}
	return true
}

// read tries the state's reads in order and takes the first event one of them yields.
func (t *step) read(by func(Read) string) bool {
	for _, r := range t.reads() {
		said := t.said
		if ev := by(r); ev != "" {
			t.spoke = t.said > said
			t.move(ev)
			t.spoke = false
			return true
		}
	}
	return false
}

// follow changes to the language the person has changed to, when that is sure and they have not chosen one by button; when
// it is not sure, that language is offered with the next choices.
func (t *step) follow() {
	if t.s.Slots["lang.by"] == "button" || len(strings.Fields(t.in.Text)) < 3 {
		return
	}
	tag, confidence := content.Identify(t.in.Text)
	switch l := langOf(tag); {
	case tag == "" || l == t.s.Lang:
	case confidence >= sureOfLanguage:
		t.speak(l, "words")
	case confidence >= maybeLanguage:
		t.maybe = l
	}
}

// digress answers a question that is not an answer to ours, then asks ours again. With likely set, a question that
// could mean several things is met with candidates; otherwise only a sure answer counts.
func (t *step) digress(likely bool) bool {
	if t.s.Flow == "ask" || t.at("menu", "menu") { // there, reading a question is the state's own business
		return false
	}
	found := t.find(t.in.Text)
	switch {
	case found.Verdict == content.Sure:
		t.asked(AskAnswered, found.Hits[0].ID)
		t.tellAnswer(found.Hits[0].ID, nil)
		t.repeatAfter()
	case found.Verdict == content.Maybe && (likely && found.Hits[0].Score >= likelyQuestion || asks(t.in.Text)) && len(strings.Fields(t.in.Text)) > 2:
		t.keepQuestion(t.in.Text)
		t.asked(AskOffered, "")
		var choices []content.Option
		for _, h := range found.Hits[:min(3, len(found.Hits))] {
			choices = append(choices, t.answerOption(h.ID))
		}
		t.say("ask.choosing", nil, append(choices, t.option("back.continue", "ask.continue"), t.option("menu.officer", "")))
	default:
		return false
	}
	t.s.Misses = 0
	return true
}

// miss says that nothing was understood, says what would be, and asks again; from the second time the officer is
// offered first. Where a case is open, words that nothing understands are for its officer.
func (t *step) miss() {
	t.s.Misses = min(t.s.Misses+1, 9)
	page := "miss"
	if t.open() {
		page = "handoff.noted"
	}
	for _, r := range t.reads() {
		if f, ok := r.(Field); ok && t.b.lib.HasPage("miss."+f.Kind) {
			page = "miss." + f.Kind
		} else if ok && t.s.Slots["contact.ask"] != "" {
			page = "miss.number"
		}
		if _, ok := r.(Place); ok {
			page = "miss.commune"
		}
	}
	if page == "handoff.noted" {
		t.relay()
	}
	t.say(page, nil, nil)
	t.repeat()
}

// move takes event through the flow's machine and enters where it leads. A loop speaks again unless the read has
// spoken already. An event without a move, which a sound book has only for lateness, is met with the question.
func (t *step) move(event string) {
	t.s.Misses = 0
	if t.s.Flow == "" {
		return
	}
	m := t.b.flows[t.s.Flow]
	if m == nil || !t.b.has(t.s.Flow, t.s.State) {
		t.enter("menu", "menu")
		return
	}
	to, err := m.next(t.s.State, event)
	if err != nil {
		t.repeat()
		return
	}
	flow, state := t.s.Flow, to
	if strings.Contains(to, "/") {
		flow, state = split(to)
	}
	if t.unfinished() && flow != "intake" {
		t.s.Pending = t.s.State
	}
	if flow == t.s.Flow && state == t.s.State {
		if !t.spoke {
			t.repeat()
		}
		return
	}
	t.enter(flow, state)
}

// enter comes to a state, does what it does, passes through where it passes, and speaks.
func (t *step) enter(flow, state string) {
	for range maxPasses {
		t.s.Flow, t.s.State = flow, state
		st, ok := t.b.state(flow, state)
		if !ok {
			t.s.Flow, t.s.State = "menu", "menu"
			break
		}
		if st.Do != nil {
			st.Do(t)
		}
		event := ""
		if st.Pass.Of != nil {
			event = st.Pass.Of(t)
		}
		if event == "" {
			break
		}
		to, err := t.b.flows[t.s.Flow].next(t.s.State, event)
		if err != nil {
			break
		}
		flow, state = t.s.Flow, to
		if strings.Contains(to, "/") {
			flow, state = split(to)
		}
	}
	t.back = false
	t.repeat()
}

// repeat speaks the state's question, with its choices.
func (t *step) repeat() {
	st, ok := t.b.state(t.s.Flow, t.s.State)
	switch {
	case !ok:
		t.enter("menu", "menu")
	case st.Tell != nil:
		st.Tell(t)
	case st.Say != "":
		t.say(st.Say, nil, t.choices())
	default:
		t.say("menu", nil, menuChoices(t))
	}
}

// repeatAfter asks the pending question again after a digression.
func (t *step) repeatAfter() {
	at := len(t.out)
	t.repeat()
	if t.s.Flow != "intake" || len(t.out) == at {
		return
	}
	if say, ok := t.out[at].(Say); ok {
		say.Text = t.page("ask.return", nil) + " " + say.Text
		t.out[at] = say
	}
}

// choices are those of the state's reads; after two misses the officer comes first.
func (t *step) choices() []content.Option {
	var list []content.Option
	if t.s.Misses >= 2 {
		list = append(list, t.option("menu.officer", ""))
	}
	for _, r := range t.reads() {
		for _, id := range r.offers(t) {
			if id != "menu.officer" || t.s.Misses < 2 {
				list = append(list, t.option(id, ""))
			}
		}
	}
	return list
}

// unfinished reports whether the person is in the middle of an intake.
func (t *step) unfinished() bool {
	return t.s.Flow == "intake" && (t.b.fields[t.s.State].ID != "" || t.s.State == "summary" || t.s.State == "edit")
}

func (t *step) reads() []Read {
	st, _ := t.b.state(t.s.Flow, t.s.State)
	return st.Read
}

// say puts one message among the effects. Only the last message of a step keeps its choices.
func (t *step) say(page string, slots map[string]string, choices []content.Option) {
	t.tell(page, t.page(page, slots), choices)
}

func (t *step) tell(page, text string, choices []content.Option) {
	if t.maybe != "" && len(choices) > 0 {
		if id := "lang." + string(t.maybe); !slices.ContainsFunc(choices, func(o content.Option) bool { return o.ID == id }) {
			choices = append(choices, t.option(id, ""))
		}
	}
	if len(choices) > 0 {
		t.s.Options = make([]string, len(choices))
		for i, c := range choices {
			t.s.Options[i] = c.ID
		}
		for i, e := range t.out {
			if say, ok := e.(Say); ok && say.Choices != nil {
				say.Choices = nil
				t.out[i] = say
			}
		}
	}
	t.said++
	t.out = append(t.out, Say{Page: page, Text: strings.TrimSpace(text), Choices: choices})
}

func (t *step) page(id string, slots map[string]string) string {
	return strings.TrimSpace(t.b.lib.Page(id, t.s.Lang, slots))
}

// option is a choice in the person's language; under another id than the label's if as is set.
func (t *step) option(id, as string) content.Option {
	o := t.b.lib.Option(id, t.s.Lang)
	if as != "" {
		o.ID = as
	}
	return o
}

// relay files what was sent in the open case.
func (t *step) relay() {
	t.said++
	t.out = append(t.out, Relay{})
}

// speak sets the language, and by what it was known: button, words or phone.
func (t *step) speak(l content.Lang, by string) {
	t.s.Lang = l
	t.set("lang.by", by)
}

// set fills a slot, within bounds; the empty value empties it.
func (t *step) set(slot, value string) {
	if value == "" {
		delete(t.s.Slots, slot)
		return
	}
	t.s.Slots[slot] = clip(value, maxAnswer)
}

func (t *step) at(flow, state string) bool { return t.s.Flow == flow && t.s.State == state }

// open reports whether the conversation has a case that is not closed.
func (t *step) open() bool {
	return t.s.Slots["case"] != "" && t.s.Slots["case.state"] != "closed"
}

// recognise names the language of a text if that is sure.
func recognise(text string) (content.Lang, bool) {
	if utf8.RuneCountInString(text) < 4 {
		return "", false
	}
	tag, confidence := content.Identify(text)
	if arabic := tag == "ar" || tag == "ary"; arabic && confidence < sureOfLanguage && confidence >= maybeLanguage/2 {
		return content.Arabic, true // one of the two: who speaks Darija reads Arabic
	}
	return langOf(tag), tag != "" && confidence >= sureOfLanguage
}

// langOf is the language in which a person who writes in a recognised one is answered.
func langOf(tag string) content.Lang {
	switch l := content.Lang(tag); {
	case tag == "ary-Latn":
		return content.Darija
	case strings.HasPrefix(tag, "shi"), strings.HasPrefix(tag, "tzm"), strings.HasPrefix(tag, "zgh"), tag == "kab":
		return content.Tachelhit
	case l.Known():
		return l
	}
	return content.French
}

// likelyQuestion is the score from which words that do not answer ours are met with candidates, though no question mark is
// there: "je sais pas" is no question.
const likelyQuestion = 0.6

// sureOfLanguage is the confidence from which a recognised language is taken without asking, maybeLanguage that from which
// it is offered.
const (
	sureOfLanguage = 0.85
	maybeLanguage  = 0.6
)

// asks reports whether a text is a question by its mark.
func asks(text string) bool { return strings.ContainsAny(text, "?؟") }

// after is what follows the first dot of an option's id: its value.
func after(id string) string {
	_, value, _ := strings.Cut(id, ".")
	return value
}

// clip cuts a text to at most n runes and drops control characters other than line breaks.
func clip(s string, n int) string {
	clean := strings.IndexFunc(s, control) < 0
	if len(s) <= n && clean && utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for _, r := range s {
		if n == 0 {
			break
		}
		if control(r) || r == utf8.RuneError {
			continue
		}
		out.WriteRune(r)
		n--
	}
	return out.String()
}

func control(r rune) bool { return unicode.IsControl(r) && r != '\n' }

func langChoices() []content.Option {
	var list []content.Option
	for _, l := range content.Langs() {
		list = append(list, content.Option{ID: "lang." + string(l), Label: l.Name()})
	}
	return list
}
