package flows

import (
	"slices"
	"strings"

	"baom/content"
)

// ask answers questions about rights: the best answer with its follow-ups, or up to three candidates, or an honest
// "not found" that offers another wording and an officer.
func ask() Flow {
	answering := []string{"asking", "held", "answered", "more", "choosing", "missed", "thanked", "useless", "wished"}
	return Flow{
		Name: "ask",
		States: map[string]State{
			"asking":   {Say: "ask.asking", Read: []Read{Options{"menu.officer", "menu.menu"}, Find{}}},
			"held":     {Pass: Pass{Find{}.yields(), findHeld}},
			"answered": {Tell: tellAnswered, Read: []Read{Options{"ask.more", "ask.help", "useful.yes", "useful.no"}, Find{}}},
			"more":     {Tell: tellMore, Read: []Read{Options{"ask.help", "useful.yes", "useful.no"}, Find{}}},
			"choosing": {Tell: tellCandidates, Read: []Read{Options{"ask.none"}, Find{}}},
			"none":     {Do: func(t *step) { t.unanswered() }, Pass: Pass{[]string{"missed"}, func(*step) string { return "missed" }}},
			"missed":   {Tell: tellMissed, Read: []Read{Wish{}, Options{"menu.officer", "menu.ask", "menu.menu"}, Find{}}},
			"thanked":  {Say: "ask.thanks", Do: func(t *step) { t.asked(AskUseful, t.s.Slots["answer"]) }, Read: []Read{Options{"menu.ask", "menu.menu"}, Find{}}},
			"useless":  {Say: "ask.useless", Do: func(t *step) { t.asked(AskUseless, t.s.Slots["answer"]) }, Read: []Read{Wish{}, Options{"menu.officer", "menu.ask", "menu.menu"}, Find{}}},
			"wished":   {Say: "ask.wished", Do: func(t *step) { t.asked(AskWished, "") }, Read: []Read{Options{"menu.ask", "menu.officer", "menu.menu"}, Find{}}},
		},
		Moves: Moves{
			move("found", "answered", answering...),
			move("several", "choosing", answering...),
			move("missed", "missed", answering...),
			move("ask.more", "more", "answered"),
			move("useful.yes", "thanked", "answered", "more"),
			move("useful.no", "useless", "answered", "more"),
			move("ask.help", "orient/answer", "answered", "more"),
			move("ask.none", "none", "choosing"),
			move("missed", "missed", "none"),
			move("ask.tell", "wished", "missed", "useless"),
		},
	}
}

// Wish offers to tell the answer later, once somebody has written it, where the person agreed that words are kept.
type Wish struct{}

func (Wish) yields() []string  { return []string{"ask.tell"} }
func (Wish) hear(*step) string { return "" }
func (Wish) offers(t *step) []string {
	if t.s.Consent != "yes" || t.s.Slots["question"] == "" {
		return nil
	}
	return []string{"ask.tell"}
}

func (w Wish) press(t *step, id string) string {
	if len(w.offers(t)) > 0 && id == "ask.tell" {
		return id
	}
	return ""
}

// Find reads words as a question.
type Find struct{}

func (Find) yields() []string           { return []string{"found", "several", "missed"} }
func (Find) offers(*step) []string      { return nil }
func (Find) press(*step, string) string { return "" }

func (Find) hear(t *step) string {
	if t.in.Kind != Text || t.in.Text == "" {
		return ""
	}
	return t.look(t.in.Text)
}

// look searches for the answer to a question and remembers what was found.
func (t *step) look(question string) string {
	found := t.find(question)
	t.keepQuestion(question)
	switch found.Verdict {
	case content.Sure:
		t.set("answer", found.Hits[0].ID)
		t.set("candidates", "")
		if hits := found.Hits; len(hits) > 1 && hits[1].Score >= nearlyMeant {
			t.set("candidates", hits[1].ID)
		}
		t.asked(AskAnswered, found.Hits[0].ID)
		return "found"
	case content.Maybe:
		var ids []string
		for _, h := range found.Hits[:min(3, len(found.Hits))] {
			ids = append(ids, h.ID)
		}
		t.set("candidates", strings.Join(ids, " "))
		t.asked(AskOffered, "")
		return "several"
	}
	t.unanswered()
	return "missed"
}

// unanswered records a question that found no answer, and brings it to the officer where a case is open.
func (t *step) unanswered() {
	t.asked(AskDeclined, "")
	t.set("question.passed", "")
	if t.open() {
		t.out = append(t.out, Relay{})
		t.set("question.passed", "yes")
	}
}

// tellMissed says that there is no answer, and that an officer will read the question where it was brought to one: a case
// that was opened after it does not hold it.
func tellMissed(t *step) {
	page := "ask.missed"
	if t.s.Slots["question.passed"] != "" {
		page = "ask.passed"
	}
	t.say(page, nil, t.choices())
}

func findHeld(t *step) string {
	held := t.s.Slots["held"]
	t.set("held", "")
	return t.look(held)
}

func (t *step) find(question string) content.Found {
	if question == "" {
		return content.Found{Verdict: content.None}
	}
	return t.b.lib.Find(content.Query{Text: question, Lang: t.s.Lang, Profile: t.s.Slots["profile"]})
}

// keepQuestion remembers the words of a question for the editors, where the person agreed to that. What somebody in danger
// writes is for the officer of their case and for nobody else.
func (t *step) keepQuestion(question string) {
	switch {
	case t.open() && t.s.Slots["case.urgent"] != "":
		t.set("question", "")
	case t.s.Consent == "yes":
		t.set("question", scrub(clip(question, 300)))
	}
}

// asked records what became of a question, apart from who asked it, where the person agreed to that. The words go with
// it where something can be learnt from them.
func (t *step) asked(outcome, answer string) {
	if t.s.Consent != "yes" {
		return
	}
	q := Asked{Lang: t.s.Lang, Outcome: outcome, Answer: answer}
	if a := t.b.lib.Answer(answer); a != nil && len(a.Needs) > 0 {
		q.Need = a.Needs[0]
	} else if need := t.s.Slots["need"]; need != Declined {
		q.Need = need
	}
	if outcome != AskAnswered && outcome != AskUseful {
		if q.Question = t.s.Slots["question"]; q.Question == "" {
			return
		}
	}
	t.out = append(t.out, q)
}

// answer shows an answer that was chosen by its button: as a digression in the middle of something, else as the
// answer it is.
func (t *step) answer(id string) {
	t.set("answer", id)
	if !t.at("ask", "choosing") {
		t.set("candidates", "")
	}
	switch {
	case t.unfinished(), t.s.Flow == "welcome", t.s.Flow == "survey":
		t.asked(AskChosen, id)
		t.tellAnswer(id, nil)
		t.repeatAfter()
	case t.at("ask", "answered"):
		t.repeat()
	default:
		if t.at("ask", "choosing") {
			t.asked(AskChosen, id)
		}
		t.move("answer")
	}
}

func tellAnswered(t *step) {
	a := t.b.lib.Answer(t.s.Slots["answer"])
	if a == nil {
		t.say("ask.missed", nil, []content.Option{t.option("menu.officer", ""), t.option("menu.menu", "")})
		return
	}
	var choices []content.Option
	if a.More.In(t.s.Lang) != "" {
		choices = append(choices, t.option("ask.more", ""))
	}
	for _, id := range t.next(a) {
		choices = append(choices, t.answerOption(id))
	}
	choices = append(choices, t.helpers(a)...)
	t.tellAnswer(a.ID, t.closing(choices))
}

// nearlyMeant is the score from which the second answer found may have been the one that was meant: it is offered under
// the first.
const nearlyMeant = 0.4

// next are the answers to offer under one: what may have been meant instead, then what follows from it, three at most.
func (t *step) next(a *content.Answer) (ids []string) {
	for _, id := range append(strings.Fields(t.s.Slots["candidates"]), a.Then...) {
		if id != a.ID && t.b.lib.Answer(id) != nil && !slices.Contains(ids, id) && len(ids) < 3 {
			ids = append(ids, id)
		}
	}
	return ids
}

func tellMore(t *step) {
	a := t.b.lib.Answer(t.s.Slots["answer"])
	if a == nil {
		tellAnswered(t)
		return
	}
	t.tell("ask.more", a.More.In(t.s.Lang)+"\n\n"+t.page("ask.useful", nil), t.closing(t.helpers(a)))
}

// helpers offers who else can help, where the answer names somebody beyond the bureau.
func (t *step) helpers(a *content.Answer) []content.Option {
	for _, id := range a.Structures {
		if id != "baom" {
			return []content.Option{t.option("ask.help", "")}
		}
	}
	return nil
}

// closing are the choices under an answer: was it useful, and the ways on.
func (t *step) closing(choices []content.Option) []content.Option {
	for _, id := range []string{"useful.yes", "useful.no", "menu.officer", "menu.menu"} {
		choices = append(choices, t.option(id, ""))
	}
	if t.s.Pending != "" {
		choices = append(choices, t.option("back.continue", ""))
	}
	return choices
}

// tellAnswer speaks the body of an answer, with a caution where it is past its date or uncertain. With choices it
// also asks whether it was of use.
func (t *step) tellAnswer(id string, choices []content.Option) {
	a := t.b.lib.Answer(id)
	text := a.Body.In(t.s.Lang)
	if !a.ReviewBy.IsZero() && t.in.At.After(a.ReviewBy) {
		text = t.page("ask.old", nil) + "\n\n" + text
	} else if a.Confidence == "low" {
		text = t.page("ask.unsure", nil) + "\n\n" + text
	}
	if choices != nil {
		text += "\n\n" + t.page("ask.useful", nil)
	}
	t.tell("answer."+id, text, choices)
	if say, ok := t.out[len(t.out)-1].(Say); ok && a.HasAudio(t.s.Lang) {
		say.Audio = id
		t.out[len(t.out)-1] = say
	}
}

func tellCandidates(t *step) {
	var choices []content.Option
	for _, id := range strings.Fields(t.s.Slots["candidates"]) {
		if t.b.lib.Answer(id) != nil {
			choices = append(choices, t.answerOption(id))
		}
	}
	t.say("ask.choosing", nil, append(choices, t.option("ask.none", ""), t.option("menu.officer", "")))
}

// answerOption offers an answer by its title.
func (t *step) answerOption(id string) content.Option {
	return content.Option{ID: "answer." + id, Label: t.b.lib.Answer(id).Title.In(t.s.Lang)}
}
