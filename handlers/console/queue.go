package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// queueLimit is how many cases a page of the queue holds.
const queueLimit = 50

// A tab is one view of the queue.
type tab struct {
	Name  string // open, mine, all, closed
	Href  string
	On    bool
	Count string // of those where a number helps
}

type queueView struct {
	Tabs    []tab
	Tab     string
	Offices []content.Office // to choose from, for an administrator
	Office  string
	Search  string
	Typo    bool // the search is a reference whose check digits do not fit
	Cases   []bot.Case
	Self    int64
	Next    string // address of the next page
	List    string // address of the list alone
	Events  string
}

// asks are what a request wants to see of the queue.
func (c *Console) asks(r *http.Request, who *bot.Officer) (queueView, bot.Query) {
	v := queueView{Tab: r.FormValue("tab"), Office: r.FormValue("office"), Search: strings.TrimSpace(r.FormValue("q")), Self: who.ID}
	q := bot.Query{Limit: queueLimit}
	if who.Role == bot.RoleAdmin {
		v.Offices = c.Lib().Offices()
	}
	if v.Office != "" {
		q.Offices = []string{v.Office}
	}
	if v.Search != "" {
		v.Tab = ""
		q.States = []string{bot.StateOpen, bot.StateClaimed, bot.StateClosed}
		q.Reference = v.Search
		if reference, ok := flows.ParseReference(v.Search); ok {
			q.Reference = reference
		} else {
			v.Typo = true
		}
	} else {
		if !slices.Contains([]string{"open", "mine", "all", "closed"}, v.Tab) {
			v.Tab = "open"
		}
		switch v.Tab {
		case "open":
			q.States = []string{bot.StateOpen}
		case "mine":
			q.Officer = who.ID
			q.States = []string{bot.StateOpen, bot.StateClaimed}
		case "closed":
			q.States = []string{bot.StateClosed}
		}
	}
	q.Before, _ = strconv.ParseInt(r.FormValue("before"), 10, 64)
	return v, q
}

func (c *Console) queueView(r *http.Request, who *bot.Officer) (queueView, error) {
	v, q := c.asks(r, who)
	address := func(path, tab string, before int64) string {
		values := url.Values{}
		for name, value := range map[string]string{"tab": tab, "office": v.Office, "q": v.Search} {
			if value != "" && (name != "q" || tab == "") {
				values.Set(name, value)
			}
		}
		if before > 0 {
			values.Set("before", strconv.FormatInt(before, 10))
		}
		if len(values) == 0 {
			return path
		}
		return path + "?" + values.Encode()
	}
	var err error
	if !v.Typo {
		if v.Cases, err = c.Desk.Queue(r.Context(), who, q); err != nil {
			return v, err
		}
	}
	if len(v.Cases) == queueLimit {
		v.Next = address("/console/", v.Tab, v.Cases[queueLimit-1].ID)
	}
	v.List = address("/console/list", v.Tab, q.Before)
	v.Events = address("/console/events", "", 0)
	for _, name := range []string{"open", "mine", "all", "closed"} {
		v.Tabs = append(v.Tabs, tab{Name: name, On: name == v.Tab, Href: address("/console/", name, 0)})
	}
	for i, q := range []bot.Query{{States: []string{bot.StateOpen}}, {Officer: who.ID}} {
		q.Offices, q.Limit = slices.Clone(q.Offices), 100
		if v.Office != "" {
			q.Offices = []string{v.Office}
		}
		waiting, err := c.Desk.Queue(r.Context(), who, q)
		if err != nil {
			return v, err
		}
		switch n := len(waiting); {
		case n >= 100:
			v.Tabs[i].Count = "99+"
		case n > 0:
			v.Tabs[i].Count = strconv.Itoa(n)
		}
	}
	return v, nil
}

func (c *Console) queue(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	if !who.Works() { // figures are all there is for them
		http.Redirect(w, r, "/console/figures", http.StatusSeeOther)
		return nil
	}
	v, err := c.queueView(r, who)
	if err != nil {
		return err
	}
	return c.render(w, r, who, http.StatusOK, "queue", "console.queue.title", v)
}

// queueList is the live part of the queue alone.
func (c *Console) queueList(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	v, err := c.queueView(r, who)
	if err != nil {
		return err
	}
	return c.write(w, r, http.StatusOK, "queue-live", v)
}

func (c *Console) queueEvents(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	var topics []bot.Topic
	for _, o := range c.Lib().Offices() {
		if who.May(o.ID) && (r.FormValue("office") == "" || r.FormValue("office") == o.ID) {
			topics = append(topics, bot.TopicOffice(o.ID))
		}
	}
	if len(topics) == 0 {
		return fmt.Errorf("events: %w", bot.ErrForbidden)
	}
	return c.stream(w, r, who, func() error { return c.stillIn(r, who) }, topics...)
}

// stillIn is an error once the officer has been disabled or has a new passphrase.
func (c *Console) stillIn(r *http.Request, who *bot.Officer) error {
	now, err := c.Cases.Officer(r.Context(), who.ID)
	if err == nil && (now.Disabled || now.Hash != who.Hash || now.Office != who.Office || now.Role != who.Role) {
		err = bot.ErrForbidden
	}
	return err
}
