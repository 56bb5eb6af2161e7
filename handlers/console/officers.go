package console

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"baom/bot"
	"baom/content"
)

type officersView struct {
	Officers []bot.Officer
	Offices  []content.Office // whose officers may be added
	Roles    []string
	Self     int64

	// Fresh is a passphrase that has just been made for FreshLogin. It is shown this once: only its hash is kept.
	Fresh, FreshLogin string
}

func (c *Console) officers(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.showOfficers(w, r, who, "", "")
}

func (c *Console) showOfficers(w http.ResponseWriter, r *http.Request, who *bot.Officer, login, pass string) error {
	officers, err := c.Desk.Officers(r.Context(), who)
	if err != nil {
		return err
	}
	slices.SortFunc(officers, func(a, b bot.Officer) int {
		return cmp.Or(cmp.Compare(a.Office, b.Office), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	v := officersView{Officers: officers, Roles: []string{bot.RoleOfficer, bot.RoleHead, bot.RoleSupervisor}, Self: who.ID, Fresh: pass, FreshLogin: login}
	for _, o := range c.Lib().Offices() {
		if who.May(o.ID) {
			v.Offices = append(v.Offices, o)
		}
	}
	if who.Role == bot.RoleAdmin {
		v.Roles = bot.Roles()
	}
	return c.render(w, r, who, http.StatusOK, "officers", "console.officers.title", v)
}

// addOfficer answers with the page itself, not a redirect: the passphrase is shown once and kept nowhere.
func (c *Console) addOfficer(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
	o := bot.Officer{Login: strings.ToLower(strings.TrimSpace(r.FormValue("login"))), Name: r.FormValue("name"), Role: r.FormValue("role"),
		Office: r.FormValue("office"), Langs: []content.Lang{content.French, content.Arabic}}
	if !bot.OfOffice(o.Role) {
		o.Office = ""
	}
	if err := ValidateLogin(o.Login); err != nil {
		return err
	}
	pass := NewPassphrase()
	var err error
	if o.Hash, err = c.hash(r.Context(), pass); err != nil {
		return err
	}
	if err := c.Desk.Appoint(r.Context(), who, o); err != nil {
		return err
	}
	return c.showOfficers(w, r, who, o.Login, pass)
}

func (c *Console) renewPassphrase(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	o, err := c.officerOf(r, who)
	if err != nil {
		return err
	}
	pass := NewPassphrase()
	hash, err := c.hash(r.Context(), pass)
	if err != nil {
		return err
	}
	if err := c.Desk.Renew(r.Context(), who, o.ID, hash); err != nil {
		return err
	}
	return c.showOfficers(w, r, who, o.Login, pass)
}

func (c *Console) setDisabled(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	o, err := c.officerOf(r, who)
	if err != nil {
		return err
	}
	if err := c.Desk.Disable(r.Context(), who, o.ID, r.FormValue("disabled") == "yes"); err != nil {
		return err
	}
	c.done(r, "officer")
	http.Redirect(w, r, "/console/officers", http.StatusSeeOther)
	return nil
}

// officerOf is the officer whom a request is about, if who may manage them.
func (c *Console) officerOf(r *http.Request, who *bot.Officer) (*bot.Officer, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("officer: %w", bot.ErrNotFound)
	}
	return c.Desk.Managed(r.Context(), who, id)
}
