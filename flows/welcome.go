package flows

import "baom/content"

// welcome receives a person: in which language, who we are, what we keep, and whether they agree. Without agreement
// they still get answers and addresses; what needs their words to be kept asks again.
func welcome() Flow {
	return Flow{
		Name: "welcome",
		States: map[string]State{
			"language": {Say: "welcome.language", Read: []Read{Languages{}}},
			"consent":  {Say: "welcome.consent", Read: []Read{Options{"consent.yes", "consent.no"}, Languages{quiet: true}}},
			"needed":   {Say: "welcome.needed", Read: []Read{Options{"consent.yes", "consent.no"}}},
			"agreed":   {Do: agree, Pass: Pass{[]string{"menu.intake", "menu.officer", "menu.link", "held", "menu.menu"}, afterConsent}},
			"refused":  {Do: refuse, Pass: Pass{[]string{"held", "menu.menu"}, afterRefusal}},
			"back":     {Tell: tellBack, Read: []Read{Options{"back.continue", "back.restart"}}},
		},
		Moves: Moves{
			move("language", "consent", "language"),
			move("language", "consent", "consent"),
			move("consent.yes", "agreed", "consent", "needed"),
			move("consent.no", "refused", "consent", "needed"),
			move("held", "ask/held", "agreed", "refused"),
			move("back.restart", "intake/restart", "back"),
		},
	}
}

// Languages reads a choice of language.
type Languages struct{ quiet bool }

func (Languages) yields() []string { return []string{"language"} }

func (l Languages) offers(*step) []string {
	if l.quiet {
		return []string{"menu.language"}
	}
	var ids []string
	for _, l := range content.Langs() {
		ids = append(ids, "lang."+string(l))
	}
	return ids
}

func (Languages) press(t *step, id string) string {
	l := content.Lang(after(id))
	if id != "lang."+string(l) || !l.Known() {
		return ""
	}
	t.speak(l, "button")
	return "language"
}

// hear takes any words in a language that is recognised as the choice of it, where none has been made.
func (l Languages) hear(t *step) string {
	if l.quiet || t.in.Kind != Text {
		return ""
	}
	lang, sure := recognise(t.in.Text)
	if !sure {
		return ""
	}
	t.speak(lang, "words")
	if t.find(t.in.Text).Verdict != content.None {
		t.set("held", t.in.Text)
	}
	return "language"
}

func agree(t *step) {
	if t.s.Consent != "yes" {
		t.s.Consent = "yes"
		t.say("welcome.yes", nil, nil)
	}
}

// refuse forgets what the dialogue has held so far, but for the language and a question still to be answered.
func refuse(t *step) {
	if t.open() { // opened for a danger, before the question was answered
		t.out = append(t.out, Withdraw{})
	}
	t.s.Consent = "no"
	t.s.Pending = ""
	slots := map[string]string{}
	for _, keep := range []string{"lang.by", "held"} {
		if v := t.s.Slots[keep]; v != "" {
			slots[keep] = v
		}
	}
	page := "welcome.no"
	if t.s.Slots["goal"] != "" {
		page = "welcome.refused"
	}
	t.s.Slots = slots
	t.say(page, nil, nil)
}

func afterConsent(t *step) string {
	goal := t.s.Slots["goal"]
	t.set("goal", "")
	need := t.s.Slots["held.need"]
	t.set("held.need", "")
	if code := t.s.Slots["held.code"]; code != "" {
		t.set("held.code", "")
		t.set("code", code)
		return "menu.link"
	}
	switch {
	case goal != "":
		return goal
	case need != "":
		t.set("need", need)
		return "menu.intake"
	case t.s.Slots["held"] != "":
		return "held"
	}
	return "menu.menu"
}

func afterRefusal(t *step) string {
	if t.s.Slots["held"] != "" {
		return "held"
	}
	return "menu.menu"
}

func tellBack(t *step) { t.say("welcome.back", map[string]string{"where": t.where()}, t.choices()) }

// where names the pending question of the intake.
func (t *step) where() string {
	if f, ok := t.b.fields[t.s.Pending]; ok {
		return f.Label.In(t.s.Lang)
	}
	return t.b.lib.Label("menu.intake", t.s.Lang)
}
