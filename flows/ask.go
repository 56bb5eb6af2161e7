package flows

import (
	"strings"

	"baom/content"
)

// ask answers questions about rights: the best answer with its follow-ups, or up to three candidates, or an honest
// "not found" that offers another wording and an officer.
func ask() Flow {
	answering := []string{"asking", "held", "answered", "more", "choosing", "missed", "thanked", "useless"}
	return Flow{
		Name: "ask",
		States: map[string]State{
			"asking":   {Say: "ask.asking", Read: []Read{Options{"menu.officer", "menu.menu"}, Find{}}},
			"held":     {Pass: Pass{Find{}.yields(), findHeld}},
			"answered": {Tell: tellAnswered, Read: []Read{Options{"ask.more", "useful.yes", "useful.no"}, Find{}}},
			"more":     {Tell: tellMore, Read: []Read{Options{"useful.yes", "useful.no"}, Find{}}},
			"choosing": {Tell: tellCandidates, Read: []Read{Options{"ask.none"}, Find{}}},
			"missed":   {Say: "ask.missed", Read: []Read{Options{"menu.officer", "menu.ask", "menu.menu"}, Find{}}},
			"thanked":  {Say: "ask.thanks", Do: func(t *step) { t.asked("useful", t.s.Slots["answer"]) }, Read: []Read{Options{"menu.ask", "menu.menu"}, Find{}}},
			"useless":  {Say: "ask.useless", Do: func(t *step) { t.asked("useless", t.s.Slots["answer"]) }, Read: []Read{Options{"menu.officer", "menu.ask", "menu.menu"}, Find{}}},
		},
		Moves: Moves{
			move("found", "answered", answering...),
			move("several", "choosing", answering...),
			move("missed", "missed", answering...),
			move("ask.more", "more", "answered"),
			move("useful.yes", "thanked", "answered", "more"),
			move("useful.no", "useless", "answered", "more"),
			move("ask.none", "missed", "choosing"),
		},
	}
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
		t.asked("answered", found.Hits[0].ID)
		return "found"
	case content.Maybe:
		var ids []string
		for _, h := range found.Hits[:min(3, len(found.Hits))] {
			ids = append(ids, h.ID)
		}
		t.set("candidates", strings.Join(ids, " "))
		t.asked("offered", "")
		return "several"
	}
	t.asked("declined", "")
	return "missed"
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

// keepQuestion remembers the words of a question for the editors, where the person agreed to that.
func (t *step) keepQuestion(question string) {
	if t.s.Consent == "yes" {
		t.set("question", clip(question, 300))
	}
}

// asked records what became of a question, apart from who asked it, where the person agreed to that.
func (t *step) asked(outcome, answer string) {
	if t.s.Consent != "yes" {
		return
	}
	q := t.s.Slots["question"]
	if q == "" {
		q = clip(t.in.Text, 300)
	}
	if q != "" {
		t.out = append(t.out, Asked{Question: q, Lang: t.s.Lang, Outcome: outcome, Answer: answer})
	}
}

// answer shows an answer that was chosen by its button: as a digression in the middle of something, else as the
// answer it is.
func (t *step) answer(id string) {
	t.set("answer", id)
	switch {
	case t.unfinished(), t.s.Flow == "welcome", t.s.Flow == "survey":
		t.asked("chosen", id)
		t.tellAnswer(id, nil)
		t.repeatAfter()
	case t.at("ask", "answered"):
		t.repeat()
	default:
		if t.at("ask", "choosing") {
			t.asked("chosen", id)
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
	for _, id := range a.Then[:min(3, len(a.Then))] {
		choices = append(choices, t.answerOption(id))
	}
	t.tellAnswer(a.ID, t.closing(choices))
}

func tellMore(t *step) {
	a := t.b.lib.Answer(t.s.Slots["answer"])
	if a == nil {
		tellAnswered(t)
		return
	}
	t.tell("ask.more", a.More.In(t.s.Lang)+"\n\n"+t.page("ask.useful", nil), t.closing(nil))
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
