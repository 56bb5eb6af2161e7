package flows

import (
	"slices"
	"strings"

	"baom/content"
)

// Field reads the answer to one question of the form: a button, its number, its label, or plain words.
type Field struct{ content.Field }

func (Field) yields() []string { return []string{"answered", "more"} }

// offers are the choices of the question, at most one screenful, and skipping where that is allowed.
func (f Field) offers(t *step) []string {
	ids := f.ids(t)
	if !f.RequiredOf(t.s.Slots["profile"]) {
		ids = append(slices.Clip(ids), "skip")
	}
	return ids
}

func (f Field) ids(t *step) []string {
	profile := t.s.Slots["profile"]
	switch f.Kind {
	case "need":
		return needs(t, t.s.Slots["need.group"])
	case "country":
		suggest := f.Suggest[profile]
		if suggest == nil {
			suggest = f.Suggest["other"]
		}
		ids := make([]string, 0, len(suggest))
		for _, code := range suggest {
			ids = append(ids, "country."+code)
		}
		return ids
	case "commune":
		if t.s.Slots["commune.ask"] != "" {
			return nil
		}
		return append(communes(t), "commune.other")
	case "contact":
		if t.s.Slots["contact.ask"] != "" {
			return nil
		}
	}
	return f.Options
}

// needs are the groups of needs of the person's profile, or the needs of one group.
func needs(t *step, group string) []string {
	var ids []string
	for _, n := range t.b.lib.Needs() {
		profile := t.s.Slots["profile"]
		if profile != "" && profile != "other" && len(n.Profiles) > 0 && !slices.Contains(n.Profiles, profile) {
			continue
		}
		id := "group." + n.Group
		if group != "" {
			if n.Group != group {
				continue
			}
			id = "need." + n.ID
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if group != "" {
		ids = append(ids, "group.back")
	}
	return ids
}

func communes(t *step) []string {
	var ids []string
	for _, o := range t.b.lib.Offices() {
		ids = append(ids, "commune."+o.ID)
	}
	return ids
}

// press reads a button of this question.
func (f Field) press(t *step, id string) string {
	if id == "skip" {
		if f.RequiredOf(t.s.Slots["profile"]) {
			return ""
		}
		return f.answered(t, Declined)
	}
	value := after(id)
	switch f.Kind {
	case "need":
		return f.pressNeed(t, id)
	case "country":
		if id == "country."+value && content.CountryName(value, content.French) != "" {
			return f.answered(t, value)
		}
	case "commune":
		if id == "commune.other" {
			t.set("commune.ask", "yes")
			return "more"
		}
		if id == "commune."+value && t.b.lib.Office(value) != nil {
			return f.answered(t, value)
		}
	case "contact":
		if id == "contact.phone" {
			t.set("contact.ask", "yes")
			return "more"
		}
		fallthrough
	default:
		if slices.Contains(f.Options, id) {
			return f.answered(t, value)
		}
	}
	return ""
}

// pressNeed takes the two taps of a need: its group, then itself. A group with a single need takes one.
func (f Field) pressNeed(t *step, id string) string {
	kind, value, _ := strings.Cut(id, ".")
	switch {
	case id == "group.back":
		t.set("need.group", "")
		return "more"
	case kind == "group" && slices.Contains(needs(t, ""), id):
		if in := needs(t, value); len(in) == 2 { // the need, and the way back
			return f.answered(t, after(in[0]))
		}
		t.set("need.group", value)
		return "more"
	case kind == "need":
		if _, ok := t.b.lib.Need(value); ok {
			return f.answered(t, value)
		}
	}
	return ""
}

// hear reads words, or a file or place where the question can take one.
func (f Field) hear(t *step) string {
	text, lib := t.in.Text, t.b.lib
	if f.Kind == "words" {
		return f.hearWords(t)
	}
	if f.Kind == "commune" && t.in.Kind == Location {
		if o, _ := lib.NearestOffice(t.in.Lat, t.in.Lon); o != nil {
			t.say("intake.commune.nearest", map[string]string{"office": o.Name.In(t.s.Lang)}, nil)
			return f.answered(t, o.ID)
		}
	}
	if t.in.Kind != Text || text == "" {
		return ""
	}
	if id, ok := lib.Match(text, f.every(t)); ok {
		if ev := f.press(t, id); ev != "" {
			return ev
		}
	}
	value, ok := "", false
	switch f.Kind {
	case "need":
		if found := t.find(text); found.Verdict == content.Sure {
			if a := lib.Answer(found.Hits[0].ID); a != nil && len(a.Needs) > 0 {
				value, ok = a.Needs[0], true
			}
		}
	case "name":
		if len(strings.Fields(text)) > 2 && t.find(text).Verdict == content.Sure {
			return ""
		}
		value, ok = content.ReadName(text)
	case "country":
		value, ok = content.Country(text)
	case "commune":
		if id, found := lib.FindOffice(text); found {
			if t.s.Slots["commune.ask"] != "" {
				t.say("intake.commune.nearest", map[string]string{"office": lib.Office(id).Name.In(t.s.Lang)}, nil)
			}
			value, ok = id, true
		} else if t.s.Slots["commune.ask"] != "" && !asks(text) {
			value, ok = "other", true // a place we do not know: the region's first office takes it
		}
	case "age":
		value, ok = content.ReadAge(text, t.in.At.Year())
		value = after("." + strings.TrimPrefix(value, "age."))
	case "contact":
		if number, good := content.ReadPhone(text, t.s.Slots["residence"]); good {
			t.set("phone", number)
			value, ok = "phone", true
		}
	}
	if !ok {
		return ""
	}
	return f.answered(t, value)
}

// every is all that a person may name in this question, whether it was offered or not.
func (f Field) every(t *step) []string {
	switch f.Kind {
	case "need":
		ids := needs(t, t.s.Slots["need.group"])
		for _, n := range t.b.lib.Needs() {
			ids = append(ids, "need."+n.ID)
		}
		return ids
	case "commune", "country", "name":
		return nil
	}
	return f.Options
}

// hearWords takes the person's own words, or a voice note, photo or document in their place.
func (f Field) hearWords(t *step) string {
	switch {
	case t.in.Kind == Text && t.in.Text != "":
		return f.answered(t, t.in.Text)
	case t.in.Kind.Kept():
		t.say("kept."+string(t.in.Kind), nil, nil)
		if t.in.Text != "" { // the caption
			return f.answered(t, t.in.Text)
		}
		return f.answered(t, "kind."+string(t.in.Kind))
	}
	return ""
}

// answered keeps the value and forgets what the question needed in between.
func (f Field) answered(t *step, value string) string {
	for _, slot := range []string{"need.group", "contact.ask", "commune.ask"} {
		t.set(slot, "")
	}
	t.set(f.ID, value)
	if f.Kind == "need" {
		if n, ok := t.b.lib.Need(value); ok && n.Alert != "" {
			t.warn(n.Alert)
		}
	}
	return "answered"
}

// Place reads the name of a commune or of a province, or a shared location, for finding an office.
type Place struct{}

func (Place) yields() []string        { return []string{"placed", "several places"} }
func (Place) offers(t *step) []string { return communes(t) }

func (Place) press(t *step, id string) string {
	if t.b.lib.Office(after(id)) == nil || id != "commune."+after(id) {
		return ""
	}
	if t.in.Text != "" { // the name was written: it may have been that of a province
		if ids := t.b.lib.OfficesOf(t.in.Text); len(ids) > 1 {
			t.set("place.among", strings.Join(ids, " "))
			return "several places"
		}
	}
	t.set("place", after(id))
	t.set("place.km", "")
	return "placed"
}

func (Place) hear(t *step) string {
	if t.in.Kind == Location {
		if o, km := t.b.lib.NearestOffice(t.in.Lat, t.in.Lon); o != nil {
			t.set("place", o.ID)
			t.set("place.km", itoa(int(km+0.5)))
			return "placed"
		}
	}
	if t.in.Kind != Text || t.in.Text == "" {
		return ""
	}
	if ids := t.b.lib.OfficesOf(t.in.Text); len(ids) > 1 {
		t.set("place.among", strings.Join(ids, " "))
		return "several places"
	} else if len(ids) == 1 {
		t.set("place", ids[0])
		t.set("place.km", "")
		return "placed"
	}
	id, ok := t.b.lib.FindOffice(t.in.Text)
	if !ok {
		return ""
	}
	t.set("place", id)
	t.set("place.km", "")
	return "placed"
}
