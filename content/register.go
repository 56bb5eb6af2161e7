package content

import (
	"maps"
	"slices"
	"strings"
)

// A Column is one column of an office's register.
type Column struct {
	ID     string   // a field of the intake, or one of the register's own columns
	Column Text     // its heading
	Also   []string // other headings by which it is known in files that are taken over
}

// ownColumns are the register's columns that are not questions of the intake.
var ownColumns = []string{"reference", "number", "opened", "phone", "office", "channel", "lang", "state", "urgent", "officer", "claimed",
	"closed", "outcome", "structure", "score"}

// columns are the register's: those of every office, and of offices that keep their own.
type columns struct {
	Columns []Column
	Offices map[string][]Column
}

// Register lists the columns of an office's register, in its order and with its headings; of an office that has no list
// of its own, and for "", those of all.
func (lib *Library) Register(office string) []Column {
	if own := lib.register.Offices[office]; len(own) > 0 {
		return own
	}
	return lib.register.Columns
}

// Field finds a field of the intake; ok is false if it has none of that id.
func (lib *Library) Field(id string) (f Field, ok bool) {
	i := slices.IndexFunc(lib.form.Fields, func(f Field) bool { return f.ID == id })
	if i < 0 {
		return Field{}, false
	}
	return lib.form.Fields[i], true
}

// checkRegister proves the columns of the register and gives those of the intake its headings.
func (r *reader) checkRegister() {
	const file = "forms/register.yaml"
	prove := func(list []Column, path ...any) {
		ids := register{}
		for i := range list {
			c := &list[i]
			line := r.line(file, append(path, i)...)
			ids.take(r, file, line, "column", c.ID)
			f, asked := r.lib.Field(c.ID)
			if !asked && !slices.Contains(ownColumns, c.ID) {
				r.fault(file, line, "there is no column %q: the fields of the intake, %s", c.ID, strings.Join(ownColumns, ", "))
				continue
			}
			headings := Text{}
			for _, l := range Complete() {
				if headings[l] = c.Column[l]; headings[l] == "" {
					headings[l] = f.Column[l]
				}
				if headings[l] == "" {
					r.fault(file, line, "%s has no heading in %s", c.ID, l)
				}
			}
			c.Column = headings
		}
	}
	if len(r.lib.register.Columns) == 0 {
		r.fault(file, 0, "has no columns")
	}
	prove(r.lib.register.Columns, "columns")
	for office, list := range r.lib.register.Offices {
		if r.lib.Office(office) == nil {
			r.fault(file, r.line(file, "offices", office), "there is no office %q", office)
		}
		prove(list, "offices", office)
	}
}

// CountryCodes lists the countries by code.
func CountryCodes() []string {
	seen := map[string]bool{}
	for _, code := range countries().codes {
		seen[code] = true
	}
	return slices.Sorted(maps.Keys(seen))
}
