package content

import (
	"cmp"
	"slices"
	"strings"
)

// profileIDs are the profiles of people.
var profileIDs = []string{"mdm", "ret", "rpt", "ad", "other"}

// A Need is what a person may come for, by the code of the offices' register.
type Need struct {
	ID       string   // such as A1
	Group    string   // such as A
	Profiles []string // who has it; empty: everybody
	Alert    string   // kind of danger that it means, or empty
}

// Needs lists the needs by code, in the order in which they are offered.
func (lib *Library) Needs() []Need { return lib.needs }

// Need finds a need by its code.
func (lib *Library) Need(code string) (Need, bool) {
	i := slices.IndexFunc(lib.needs, func(n Need) bool { return n.ID == code })
	if i < 0 {
		return Need{}, false
	}
	return lib.needs[i], true
}

// A Form is a list of questions. The intake, the console's walk-in page and the figures read the same one.
type Form struct {
	ID     string
	Fields []Field
}

// fieldKinds are the kinds of questions.
var fieldKinds = []string{"choice", "need", "name", "country", "commune", "age", "contact", "words"}

// A Field is one question of a form.
type Field struct {
	ID        string
	Kind      string              // choice, need, name, country, commune, age, contact, words
	Profiles  []string            // asked of these; empty: of everybody
	Required  []string            // cannot be skipped by these; "all" (in a file also: true): by nobody
	Sensitive bool                // can always be skipped, and is not in any list
	Options   []string            // ids of the choices
	Suggest   map[string][]string // country codes to offer, by profile; "other" for the rest
	Column    Text                // heading of its column in the register
	Label     Text                // its name in a summary
}

// Form is the intake: the questions that make a case file.
func (lib *Library) Form() *Form { return lib.form }

// AskedOf reports whether the question is put to a profile. A field of certain profiles is not asked while the profile
// is unknown.
func (f Field) AskedOf(profile string) bool {
	return len(f.Profiles) == 0 || slices.Contains(f.Profiles, profile)
}

// RequiredOf reports whether a profile cannot skip the question.
func (f Field) RequiredOf(profile string) bool {
	return !f.Sensitive && (slices.Contains(f.Required, "all") || slices.Contains(f.Required, profile))
}

// Value is an answer to a field as people read it: the label of a choice, the name of a country, the words as they
// are.
func (lib *Library) Value(f Field, value string, l Lang) string {
	prefix := ""
	switch f.Kind {
	case "country", "commune", "age", "need", "contact":
		prefix = f.Kind + "."
	case "choice":
		if len(f.Options) > 0 {
			kind, _, _ := strings.Cut(f.Options[0], ".")
			prefix = kind + "."
		}
	case "words":
		if strings.HasPrefix(value, "kind.") {
			return cmp.Or(lib.Label(value, l), value)
		}
	}
	if prefix == "" {
		return value
	}
	return cmp.Or(lib.Label(prefix+value, l), value)
}
