package console

import (
	"cmp"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"baom/bot"
	"baom/content"
)

// A walkinView is the intake's form on one page, for an officer who listens: somebody who came, or who called.
type walkinView struct {
	Self    int64
	Key     string // what makes the form one visit, however often it is sent
	Offices []content.Office
	Office  string
	Langs   []content.Lang
	Fields  []walkinField
	Values  map[string]string // as they were sent, where something is to be corrected
	Wrong   []string          // fields to be corrected
	Agreed  bool
}

// A walkinField is one question of the form with its choices.
type walkinField struct {
	content.Field
	Name     string // its name in the language of the interface
	Required bool
	Groups   []walkinGroup
}

// A walkinGroup is a part of a question's choices; one without a name is all of them.
type walkinGroup struct {
	Name    string
	Choices []walkinChoice
}

type walkinChoice struct{ Value, Name string }

// Value is what was sent of a field.
func (v walkinView) Value(id string) string { return v.Values[id] }

// Bad reports whether a field is to be corrected.
func (v walkinView) Bad(id string) bool { return slices.Contains(v.Wrong, id) }

func (c *Console) walkinView(r *http.Request, who *bot.Officer) walkinView {
	l, lib := c.lang(r), c.Lib()
	v := walkinView{Self: who.ID, Key: rand.Text(), Office: who.Office, Langs: content.Langs(), Values: map[string]string{"commune": who.Office, "lang": string(l), "how": "visit"}}
	if who.Role == bot.RoleAdmin {
		v.Offices = lib.Offices()
		v.Office = cmp.Or(r.FormValue("office"), v.Offices[0].ID)
	}
	for _, f := range lib.Form().Fields {
		w := walkinField{Field: f, Name: f.Label.In(l), Required: f.RequiredOf("") && f.Kind != "contact"}
		choice := func(value string) walkinChoice { return walkinChoice{value, fieldValue(lib, f, value, l)} }
		switch f.Kind {
		case "need":
			for _, n := range lib.Needs() {
				name := label(lib, "group."+n.Group, l)
				if len(w.Groups) == 0 || w.Groups[len(w.Groups)-1].Name != name {
					w.Groups = append(w.Groups, walkinGroup{Name: name})
				}
				g := &w.Groups[len(w.Groups)-1]
				g.Choices = append(g.Choices, choice(n.ID))
			}
		case "country":
			var near, all walkinGroup
			near.Name, all.Name = label(lib, "console.walkin.often", l), label(lib, "console.walkin.countries", l)
			for _, profile := range []string{"rpt", "mdm", "other"} {
				for _, code := range f.Suggest[profile] {
					if country := (walkinChoice{code, content.CountryName(code, l)}); !slices.Contains(near.Choices, country) {
						near.Choices = append(near.Choices, country)
					}
				}
			}
			for _, code := range content.CountryCodes() {
				if country := (walkinChoice{code, content.CountryName(code, l)}); country.Name != "" {
					all.Choices = append(all.Choices, country)
				}
			}
			slices.SortFunc(all.Choices, func(a, b walkinChoice) int { return strings.Compare(content.Fold(a.Name), content.Fold(b.Name)) })
			w.Groups = []walkinGroup{near, all}
		case "commune":
			var g walkinGroup
			for _, o := range lib.Offices() {
				g.Choices = append(g.Choices, walkinChoice{o.ID, o.Name.In(l)})
			}
			g.Choices = append(g.Choices, walkinChoice{"other", lib.Label("commune.other", l)})
			w.Groups = []walkinGroup{g}
		case "choice", "age", "contact":
			var g walkinGroup
			for _, o := range f.Options {
				if _, value, _ := strings.Cut(o, "."); o != "contact.here" { // there is no "here" yet
					g.Choices = append(g.Choices, choice(value))
				}
			}
			w.Groups = []walkinGroup{g}
		}
		v.Fields = append(v.Fields, w)
	}
	return v
}

func (c *Console) walkin(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	if !who.Works() {
		return bot.ErrForbidden
	}
	return c.render(w, r, who, http.StatusOK, "walkin", "console.walkin.title", c.walkinView(r, who))
}

// receive opens the case. What is to be corrected comes back as it was sent, under the same key.
func (c *Console) receive(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	if !who.Works() {
		return bot.ErrForbidden
	}
	small(w, r)
	v := c.walkinView(r, who)
	visit := bot.Visit{Key: r.FormValue("key"), Office: cmp.Or(r.FormValue("office"), who.Office), Lang: content.Lang(r.FormValue("lang")), ByPhone: r.FormValue("how") == "phone",
		Answers: map[string]string{"phone": r.FormValue("phone")}}
	v.Values = map[string]string{"phone": visit.Answers["phone"], "lang": r.FormValue("lang"), "how": r.FormValue("how")}
	for _, f := range v.Fields {
		visit.Answers[f.ID] = r.FormValue(f.ID)
		v.Values[f.ID] = r.FormValue(f.ID)
	}
	v.Key, v.Office, v.Agreed = visit.Key, visit.Office, r.FormValue("agreed") == "yes"
	var id int64
	err := error(&bot.Wrong{Fields: []string{"agreed"}})
	if v.Agreed {
		id, _, err = c.Desk.Receive(r.Context(), who, visit)
	}
	if wrong := (*bot.Wrong)(nil); errors.As(err, &wrong) {
		v.Wrong = wrong.Fields
		return c.render(w, r, who, http.StatusUnprocessableEntity, "walkin", "console.walkin.title", v)
	}
	if err != nil {
		return err
	}
	c.done(r, "walkin")
	http.Redirect(w, r, "/console/cases/"+strconv.FormatInt(id, 10), http.StatusSeeOther)
	return nil
}

func (c *Console) newCode(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "code", func(id int64) (*bot.Case, error) { return nil, c.Desk.NewCode(r.Context(), who, id) })
}
