package flows

import (
	"slices"
	"strings"

	"baom/content"
)

// intake collects what a case file needs. It is generated from content/forms/intake.yaml: a state a field, in the
// form's order. A field that is not asked of the person's profile, or is known already, is passed through, so that
// correcting an answer is to empty it and go there, and a changed profile asks just what is missing.
func intake(form *content.Form) Flow {
	f := Flow{
		Name: "intake",
		States: map[string]State{
			"start":    {Pass: Pass{[]string{"unagreed", "case", "resume", "begin"}, startIntake}},
			"unagreed": {Do: func(t *step) { t.set("goal", "menu.intake") }, Pass: Pass{[]string{"ask"}, func(*step) string { return "ask" }}},
			"already":  {Pass: Pass{[]string{"case"}, sayAlready}},
			"resume":   {Tell: tellResume, Read: []Read{Options{"back.continue", "back.restart"}}},
			"restart":  {Do: restart, Pass: Pass{[]string{"begin"}, func(*step) string { return "begin" }}},
			"continue": {Pass: Pass{nil, pending}},
			"summary":  {Tell: tellSummary, Read: []Read{Options{"summary.send", "summary.edit"}}, Pass: Pass{[]string{"summary.send"}, sendOne}},
			"edit":     {Tell: tellEdit, Read: []Read{Fields{form.Fields}}},
			"send":     {Do: sendIntake, Pass: Pass{[]string{"sent", "live"}, sentOrLive}},
			"returned": {Do: tellReturned, Pass: Pass{nil, returned}},
		},
		Moves: Moves{
			move("unagreed", "unagreed", "start", "returned"),
			move("ask", "welcome/needed", "unagreed"),
			move("case", "already", "start"),
			move("case", "case/status", "already"),
			move("resume", "resume", "start"),
			move("back.continue", "continue", "resume"),
			move("back.restart", "restart", "resume"),
			move("summary.edit", "edit", "summary"),
			move("summary.send", "send", "summary"),
			move("back", "summary", "edit"),
			move("field.summary", "summary", "continue"),
			move("sent", "handoff/waiting", "send"),
			move("live", "handoff/live", "send"),
			move("survey", "survey/score", "returned"),
		},
	}
	ids := []string{"field.summary"}
	for i, field := range form.Fields {
		f.States[field.ID] = State{Tell: tellField(field), Read: []Read{Field{field}}, Pass: Pass{[]string{"passed", "back"}, passField(field)}}
		next, before := "summary", "menu/menu"
		if i+1 < len(form.Fields) {
			next = form.Fields[i+1].ID
		}
		if i > 0 {
			before = form.Fields[i-1].ID
		}
		f.Moves = append(f.Moves,
			move("answered", next, field.ID),
			move("passed", next, field.ID),
			move("back", before, field.ID),
			move("more", field.ID, field.ID),
			move("field."+field.ID, field.ID, "edit", "continue", "returned"))
		ids = append(ids, "field."+field.ID)
	}
	first, last := form.Fields[0].ID, form.Fields[len(form.Fields)-1].ID
	f.Moves = append(f.Moves, move("begin", first, "start", "restart", "returned"), move("back", last, "summary"))
	cont := f.States["continue"]
	cont.Pass.Yields = ids
	f.States["continue"] = cont
	back := f.States["returned"]
	back.Pass.Yields = append(slices.Clone(ids[1:]), "begin", "unagreed", "menu.menu", "survey")
	f.States["returned"] = back
	return f
}

// Points are where an officer can give the conversation back to the bot: the whole intake, the menu, the survey, or one
// question of the form, as field.nationality.
func Points(form *content.Form, profile string) []string {
	points := []string{"intake", "menu", "survey"}
	for _, f := range form.Fields {
		if f.AskedOf(profile) {
			points = append(points, "field."+f.ID)
		}
	}
	return points
}

// tellReturned says that it is the bot again who speaks.
func tellReturned(t *step) {
	t.s.Pending = ""
	t.say("handoff.returned", nil, nil)
}

// returned leads to the point that the officer has chosen. A question of the form is asked anew, alone.
func returned(t *step) string {
	point := t.s.Slots["return"]
	field := strings.TrimPrefix(point, "field.")
	t.set("return", "")
	_, known := t.b.fields[field]
	switch {
	case point == "menu", point == "survey" && !t.open(), point == "":
		return "menu.menu"
	case point == "survey":
		return "survey"
	case t.s.Consent != "yes":
		return "unagreed"
	case known && field != point:
		t.set(field, "")
		t.set("return", field)
		return point
	}
	return "begin"
}

// sendOne sends the answer to the one question that an officer wanted asked again.
func sendOne(t *step) string {
	if t.s.Slots["return"] != "" {
		return "summary.send"
	}
	return ""
}

// sendIntake opens the case, or brings the answers to the officer who asked for them.
func sendIntake(t *step) {
	t.set("return", "")
	if !t.open() || t.s.Slots["case.state"] != "claimed" {
		openCase(t)
		return
	}
	t.s.Pending = ""
	t.openWith("")
	t.relay()
	t.say("intake.updated", t.caseSlots(), nil)
}

func sentOrLive(t *step) string {
	if waitingOrLive(t) == "live" {
		return "live"
	}
	return "sent"
}

func startIntake(t *step) string {
	switch {
	case t.s.Consent != "yes":
		return "unagreed"
	case t.open():
		return "case"
	case t.s.Pending != "":
		return "resume"
	}
	t.set("return", "")
	return "begin"
}

func sayAlready(t *step) string {
	t.say("intake.already", t.caseSlots(), nil)
	return "case"
}

func tellResume(t *step) { t.say("intake.resume", map[string]string{"where": t.where()}, t.choices()) }

func restart(t *step) {
	t.s.Pending = ""
	t.clearForm()
}

// clearForm empties the intake's answers: they belong to the case now, or are to be asked anew.
func (t *step) clearForm() {
	for id := range t.b.fields {
		t.set(id, "")
	}
	for _, slot := range []string{"return", "need.group", "contact.ask", "phone", "commune.ask", "place.km", "question", "answer", "candidates"} {
		t.set(slot, "")
	}
}

// pending leads to the question that was left open.
func pending(t *step) string {
	at := t.s.Pending
	t.s.Pending = ""
	if _, ok := t.b.fields[at]; !ok {
		at = "summary"
	}
	if at == "summary" { // never send what has a gap
		for _, f := range t.b.lib.Form().Fields {
			if f.AskedOf(t.s.Slots["profile"]) && t.s.Slots[f.ID] == "" {
				at = f.ID
				break
			}
		}
	}
	return "field." + at
}

func passField(f content.Field) func(*step) string {
	return func(t *step) string {
		asked := f.AskedOf(t.s.Slots["profile"])
		switch {
		case t.back && (!asked || t.s.Slots["return"] != ""):
			return "back"
		case t.back:
			t.set(f.ID, "")
			t.back = false
			return ""
		case !asked, t.s.Slots[f.ID] != "", t.s.Slots["return"] != "" && t.s.Slots["return"] != f.ID:
			return "passed"
		}
		return ""
	}
}

// tellField asks a field's question, or the second half of one that takes two taps.
func tellField(f content.Field) func(*step) {
	return func(t *step) {
		t.s.Pending = ""
		page := "intake." + f.ID
		if !t.b.lib.HasPage(page) {
			page = "intake." + f.Kind
		}
		switch {
		case f.Kind == "need" && t.s.Slots["need.group"] != "":
			page = "intake.need.group"
		case f.Kind == "contact" && t.s.Slots["contact.ask"] != "":
			page = "intake.contact.number"
		case f.Kind == "commune" && t.s.Slots["commune.ask"] != "":
			page = "intake.commune.other"
		}
		t.say(page, nil, t.choices())
	}
}

// tellSummary shows the answers for a last look.
func tellSummary(t *step) {
	t.s.Pending = ""
	text := t.page("intake.summary", nil) + "\n\n" + t.held() + "\n" + t.page("intake.summary.ask", nil)
	t.tell("intake.summary", text, t.choices())
}

// held lists the answers we have, in words, as a Markdown list.
func (t *step) held() string {
	var out strings.Builder
	for _, f := range t.b.lib.Form().Fields {
		if v := t.s.Slots[f.ID]; v != "" && v != Declined && f.AskedOf(t.s.Slots["profile"]) {
			out.WriteString("- " + f.Label.In(t.s.Lang) + " : " + content.Escape(t.b.lib.Value(f, v, t.s.Lang)) + "\n")
		}
	}
	return out.String()
}

func tellEdit(t *step) { t.say("intake.edit", nil, t.choices()) }

// Fields reads which answer is to be corrected.
type Fields struct{ of []content.Field }

func (r Fields) yields() []string {
	ids := []string{"back"}
	for _, f := range r.of {
		ids = append(ids, "field."+f.ID)
	}
	return ids
}

func (r Fields) offers(t *step) []string {
	var ids []string
	for _, f := range r.of {
		if f.AskedOf(t.s.Slots["profile"]) {
			ids = append(ids, "field."+f.ID)
		}
	}
	return ids
}

func (r Fields) press(t *step, id string) string {
	if !slices.Contains(r.offers(t), id) {
		return ""
	}
	t.set(after(id), "")
	return id
}

func (Fields) hear(*step) string { return "" }
