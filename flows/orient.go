package flows

import (
	"slices"
	"strings"

	"baom/content"
)

// maxOrient is how many structures are named at once.
const maxOrient = 6

// orient tells who else can help: from an answer, the structures it names; from a need, those of the directory that serve
// it, the nearest and surest first. Each is then shown with how to present oneself there.
func orient() Flow {
	need := Field{content.Field{ID: "orient.need", Kind: "need", Required: []string{"all"}}}
	return Flow{
		Name: "orient",
		States: map[string]State{
			// start is the way in from the menu, answer that from an answer in hand.
			"start":  {Do: startOrient, Pass: Pass{[]string{"known"}, orientKnown}, Say: "orient.need", Read: []Read{need}},
			"answer": {Do: orientAnswer, Pass: Pass{[]string{"known"}, orientKnown}, Say: "orient.need", Read: []Read{need}},
			"list":   {Tell: tellStructures, Read: []Read{Structures{}, Options{"orient.other"}, Find{}}},
			"card":   {Tell: tellStructure, Read: []Read{Options{"orient.back", "orient.other"}, Find{}}},
			"other":  {Do: func(t *step) { t.set("orient.need", ""); t.set("orient.answer", "") }, Pass: Pass{[]string{"again"}, func(*step) string { return "again" }}},
			"need":   {Say: "orient.need", Read: []Read{need}},
		},
		Moves: Moves{
			move("known", "list", "start", "answer"),
			move("answered", "list", "start", "answer", "need"),
			move("more", "need", "start", "answer", "need"),
			move("chosen", "card", "list"),
			move("orient.back", "list", "card"),
			move("orient.other", "other", "list", "card"),
			move("again", "need", "other"),
			move("found", "ask/answered", "list", "card"),
			move("several", "ask/choosing", "list", "card"),
			move("missed", "ask/missed", "list", "card"),
		},
	}
}

// orientAnswer takes the need from the answer in hand.
func orientAnswer(t *step) {
	t.set("orient.answer", "")
	t.set("orient.need", "")
	if a := t.b.lib.Answer(t.s.Slots["answer"]); a != nil {
		t.set("orient.answer", a.ID)
		if len(a.Needs) > 0 {
			t.set("orient.need", a.Needs[0])
		}
	}
}

// startOrient takes the need from the person's case, if there is one.
func startOrient(t *step) {
	t.set("orient.answer", "")
	t.set("orient.need", "")
	if need := t.s.Slots["need"]; need != "" && need != Declined {
		t.set("orient.need", need)
	}
}

func orientKnown(t *step) string {
	if t.s.Slots["orient.need"] != "" || t.s.Slots["orient.answer"] != "" {
		return "known"
	}
	return ""
}

// structures are the ones to name: those of the answer first, then those of the need. The bureau itself is not one of
// them: the person is already there.
func (t *step) structures() []content.Structure {
	var list []content.Structure
	add := func(s content.Structure) {
		if s.ID != "baom" && len(list) < maxOrient && !slices.ContainsFunc(list, func(o content.Structure) bool { return o.ID == s.ID }) {
			list = append(list, s)
		}
	}
	if a := t.b.lib.Answer(t.s.Slots["orient.answer"]); a != nil {
		for _, id := range a.Structures {
			if s := t.b.lib.Structure(id); s != nil {
				add(*s)
			}
		}
	}
	if need := t.s.Slots["orient.need"]; need != "" && need != Declined {
		lat, lon := t.position()
		for _, s := range t.b.lib.Orient(need, t.s.Slots["profile"], lat, lon) {
			add(s)
		}
	}
	return list
}

// position is where the person is, as far as they have said: the commune of an office.
func (t *step) position() (lat, lon float64) {
	for _, slot := range []string{"place", "commune"} {
		if o := t.b.lib.Office(t.s.Slots[slot]); o != nil {
			return o.Lat, o.Lon
		}
	}
	return 0, 0
}

// Structures reads the choice of one of the structures named.
type Structures struct{}

func (Structures) yields() []string { return []string{"chosen"} }

func (Structures) offers(t *step) []string {
	var ids []string
	for _, s := range t.structures() {
		ids = append(ids, "structure."+s.ID)
	}
	return ids
}

func (Structures) press(t *step, id string) string {
	s := t.b.lib.Structure(after(id))
	if s == nil || id != "structure."+s.ID {
		return ""
	}
	t.set("structure", s.ID)
	return "chosen"
}

// hear reads a name, as much of it as tells one from the others.
func (r Structures) hear(t *step) string {
	said := content.Fold(t.in.Text)
	if t.in.Kind != Text || len(said) < 3 {
		return ""
	}
	found := ""
	for _, s := range t.structures() {
		for _, l := range content.Langs() {
			if strings.Contains(" "+content.Fold(s.Name[l])+" ", " "+said+" ") {
				if found != "" && found != s.ID {
					return ""
				}
				found = s.ID
			}
		}
	}
	return r.press(t, "structure."+found)
}

func tellStructures(t *step) {
	list := t.structures()
	choices := make([]content.Option, 0, len(list)+3)
	text := ""
	for _, s := range list {
		text += "- **" + content.Escape(s.Name.In(t.s.Lang)) + "** : " + content.Escape(s.For.In(t.s.Lang)) + "\n"
		choices = append(choices, content.Option{ID: "structure." + s.ID, Label: s.Name.In(t.s.Lang)})
	}
	page := "orient.list"
	if len(list) == 0 {
		page = "orient.none"
	}
	for _, id := range []string{"orient.other", "menu.officer", "menu.menu"} {
		choices = append(choices, t.option(id, ""))
	}
	t.tell(page, t.page(page, nil)+"\n\n"+text, choices)
}

func tellStructure(t *step) {
	s := t.b.lib.Structure(t.s.Slots["structure"])
	if s == nil {
		tellStructures(t)
		return
	}
	var choices []content.Option
	for _, id := range []string{"orient.back", "orient.other", "menu.officer", "menu.menu"} {
		choices = append(choices, t.option(id, ""))
	}
	text, card := Describe(t.b.lib, s, t.s.Lang)
	t.tell("structure.shown", text, choices)
	t.out[len(t.out)-1] = Say{Page: "structure.shown", Text: text, Choices: choices, Card: card}
}

// Describe says in a language what a structure does, where and when, how to present oneself and what to bring, with its
// card if there is something to put on one.
func Describe(lib *content.Library, s *content.Structure, l content.Lang) (text string, card *Card) {
	slots := map[string]string{"name": s.Name.In(l), "for": s.For.In(l), "place": s.Place.In(l), "hours": s.Hours.In(l), "how": s.How.In(l),
		"bring": s.Bring.In(l), "phone": ""}
	if s.PhoneConfirmed {
		slots["phone"] = s.Phone
	}
	parts := []string{"structure.name"}
	for _, slot := range []string{"place", "hours", "phone", "url", "how"} {
		if slots[slot] != "" || slot == "url" && s.URL != "" {
			parts = append(parts, "structure."+slot)
		}
	}
	if slots["bring"] != "" {
		parts = append(parts, "structure.bring")
	} else {
		parts = append(parts, "structure.papers")
	}
	if s.Confidence == "low" {
		parts = append(parts, "structure.unsure")
	}
	for _, part := range parts {
		text += strings.TrimSpace(lib.Page(part, l, slots))
		if part == "structure.url" {
			text += " " + s.URL // from the directory: a link, not words to be escaped
		}
		text += "\n\n"
	}
	c := Card{Name: slots["name"], Address: slots["place"], Phone: international(slots["phone"])}
	if s.Coordinates == "exact" {
		c.Lat, c.Lon = s.Lat, s.Lon
	}
	if c.Phone == "" && !c.HasPoint() {
		return strings.TrimSpace(text), nil
	}
	return strings.TrimSpace(text), &c
}

// international is a telephone number that can be called from anywhere, or "" for a short one.
func international(phone string) string {
	first, _, _ := strings.Cut(phone, "/")
	n, ok := content.ReadPhone(first, "MA")
	if !ok || !strings.HasPrefix(n, "+") {
		return ""
	}
	return n
}
