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
	v := officersView{Officers: officers, Self: who.ID, Fresh: pass, FreshLogin: login}
	v.Roles, v.Offices = c.grants(who)
	return c.render(w, r, who, http.StatusOK, "officers", "console.officers.title", v)
}

// grants are the roles and offices that an officer may give to others.
func (c *Console) grants(who *bot.Officer) (roles []string, offices []content.Office) {
	roles = []string{bot.RoleOfficer, bot.RoleHead, bot.RoleSupervisor}
	if who.Role == bot.RoleAdmin {
		roles = bot.Roles()
	}
	for _, o := range c.Lib().Offices() {
		if who.May(o.ID) {
			offices = append(offices, o)
		}
	}
	return roles, offices
}

// An officerView is one officer, to who manages them.
type officerView struct {
	Officer *bot.Officer
	Self    bool
	Roles   []string
	Offices []content.Office
	Logins  loginsView
}

func (c *Console) officer(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	o, err := c.officerOf(r, who)
	if err != nil {
		return err
	}
	v := officerView{Officer: o, Self: o.ID == who.ID}
	v.Roles, v.Offices = c.grants(who)
	if v.Logins, err = c.loginsOf(r, who, o); err != nil {
		return err
	}
	return c.render(w, r, who, http.StatusOK, "officer", "console.officers.title", v)
}

// setRights gives an officer another role or office.
func (c *Console) setRights(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	o, err := c.officerOf(r, who)
	if err != nil {
		return err
	}
	role, office := r.FormValue("role"), r.FormValue("office")
	if !bot.OfOffice(role) {
		office = ""
	}
	if err := c.Desk.Entrust(r.Context(), who, o.ID, role, office); err != nil {
		return err
	}
	c.done(r, "officer")
	http.Redirect(w, r, "/console/officers", http.StatusSeeOther)
	return nil
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
