package flows

import (
	"encoding/json"
	"strings"
	"time"

	"baom/content"
)

// A Promise is a step of a case as its person is told of it.
type Promise struct {
	Text   string    `json:"t"`
	Office bool      `json:"o,omitempty"` // the office does it; else the person
	Done   bool      `json:"d,omitempty"`
	Due    time.Time `json:"u,omitzero"` // a day
}

// Promises puts steps into the slot "steps" of EventProgress.
func Promises(list []Promise) string {
	if len(list) == 0 {
		return ""
	}
	data, err := json.Marshal(list)
	if err != nil { // which text and days cannot cause
		return ""
	}
	return string(data)
}

// maxPromises is how many steps are told of each part of a list, in one message.
const maxPromises = 8

// keepProgress notes how far the open case is. It says nothing: the person may ask. News of another case, or of one that
// this conversation does not know any more, is not for them.
func (t *step) keepProgress() {
	if t.in.Slots["case"] != t.s.Slots["case"] {
		return
	}
	for _, slot := range []string{"stage", "steps"} {
		if v := t.in.Slots[slot]; v != "" {
			t.s.Slots["case."+slot] = v // not clipped: it was bounded where it was written
		} else {
			delete(t.s.Slots, "case."+slot)
		}
	}
}

// dropProgress forgets how far a case was: another begins.
func (t *step) dropProgress() {
	for _, slot := range []string{"case.stage", "case.steps"} {
		delete(t.s.Slots, slot)
	}
}

// progress is what there is to say of how far the case is: where it stands, what is to be done by whom, what is done.
func (t *step) progress() string {
	var parts []string
	if page := "progress." + t.s.Slots["case.stage"]; t.open() && t.b.lib.HasPage(page) {
		parts = append(parts, t.page(page, nil))
	}
	var list []Promise
	if s := t.s.Slots["case.steps"]; s == "" || json.Unmarshal([]byte(s), &list) != nil {
		return strings.Join(parts, "\n\n")
	}
	for _, part := range []struct {
		page string
		is   func(Promise) bool
	}{
		{"progress.yours", func(p Promise) bool { return !p.Done && !p.Office }},
		{"progress.ours", func(p Promise) bool { return !p.Done && p.Office }},
		{"progress.done", func(p Promise) bool { return p.Done }},
	} {
		var lines strings.Builder
		n := 0
		for _, p := range list {
			if !part.is(p) {
				continue
			}
			if n++; n > maxPromises {
				continue
			}
			lines.WriteString("\n- " + content.Escape(p.Text))
			if !p.Due.IsZero() && !p.Done {
				lines.WriteString(" (" + t.page("progress.due", map[string]string{"day": p.Due.Format("02/01/2006")}) + ")")
			}
		}
		if n > maxPromises {
			lines.WriteString("\n- " + t.page("progress.more", map[string]string{"n": itoa(n - maxPromises)}))
		}
		if n > 0 {
			parts = append(parts, t.page(part.page, map[string]string{"n": itoa(n), "all": itoa(len(list))})+"\n"+lines.String())
		}
	}
	return strings.Join(parts, "\n\n")
}
