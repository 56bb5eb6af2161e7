package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"baom/bot"
	"baom/content"
)

// queueLimit is how many cases a page of the queue holds.
const queueLimit = 50

// A tab is one view of the queue.
type tab struct {
	Name  string // open, mine, all, closed; or what a chip selects
	Href  string
	On    bool
	Count string // of those where a number helps
}

// filters narrow a view of the queue; the zero filters do not.
type filters struct {
	Waits   string // bot.WaitsForUs or bot.WaitsForThem
	Urgent  bool
	Remind  bool // of which somebody is to be reminded today
	Need    string
	Lang    content.Lang
	Officer int64
	Label   int64
}

// On reports how many of them are set in the form, beside the chips.
func (f filters) On() (n int) {
	for _, on := range []bool{f.Need != "", f.Lang != "", f.Officer != 0, f.Label != 0} {
		if on {
			n++
		}
	}
	return n
}

type queueView struct {
	Tabs     []tab
	Chips    []tab
	Tab      string
	Filters  filters
	Offices  []content.Office // to choose from, for an administrator
	Office   string
	Search   string
	Sealed   string // what is searched for, as an address holds it
	Typo     bool   // the search is a reference whose check digits do not fit
	Cases    []bot.Case
	Self     int64
	Next     string // address of the next page
	List     string // address of the list alone
	Events   string
	Clear    string // address without the filters
	Panel    bool   // the filters are shown
	More     string // address with them
	Needs    []content.Need
	Langs    []content.Lang
	Officers []bot.Officer
	Labels   []bot.Label
	Views    []viewLink
	Query    string // the filters, as a view keeps them

	names map[int64]string // of labels
}

// A viewLink is a saved view.
type viewLink struct {
	bot.View
	Href string
	On   bool
}

// LabelName is the name of a label on a case of the list.
func (v queueView) LabelName(id int64) string { return v.names[id] }

// asks are what a request wants to see of the queue.
func (c *Console) asks(r *http.Request, who *bot.Officer) (queueView, bot.Query, error) {
	v := queueView{Tab: r.FormValue("tab"), Office: r.FormValue("office"), Self: who.ID, Offices: c.offices(who)}
	v.Filters = filters{Waits: r.FormValue("waits"), Urgent: r.FormValue("urgent") == "yes", Remind: r.FormValue("remind") == "yes", Need: r.FormValue("need"), Lang: content.Lang(r.FormValue("lang"))}
	v.Filters.Officer, _ = strconv.ParseInt(r.FormValue("officer"), 10, 64)
	v.Filters.Label, _ = strconv.ParseInt(r.FormValue("label"), 10, 64)
	if v.Filters.Waits != bot.WaitsForUs && v.Filters.Waits != bot.WaitsForThem {
		v.Filters.Waits = ""
	}
	v.Search, v.Sealed = c.searched(r)
	q := bot.Query{Limit: queueLimit, Waits: v.Filters.Waits, Urgent: v.Filters.Urgent, Need: v.Filters.Need, Lang: v.Filters.Lang,
		Officer: v.Filters.Officer, Label: v.Filters.Label}
	if v.Filters.Remind {
		q.Remind = c.Now()
	}
	if v.Office != "" {
		q.Offices = []string{v.Office}
	}
	q.Before, _ = strconv.ParseInt(r.FormValue("before"), 10, 64)
	if v.Search == "" {
		if !slices.Contains([]string{"open", "mine", "all", "closed"}, v.Tab) {
			v.Tab = "open"
		}
		return v, v.tabbed(q, v.Tab), nil
	}
	v.Tab = ""
	q.States = []string{bot.StateOpen, bot.StateClaimed, bot.StateClosed}
	var err error
	q, v.Typo, err = c.Desk.Search(r.Context(), who, q, v.Search, c.lang(r))
	return v, q, err
}

// tabbed is a query within a tab.
func (v queueView) tabbed(q bot.Query, tab string) bot.Query {
	switch tab {
	case "open":
		q.States = []string{bot.StateOpen}
	case "mine":
		q.Officer = v.Self
		q.States = []string{bot.StateOpen, bot.StateClaimed}
	case "closed":
		q.States = []string{bot.StateClosed}
	}
	return q
}

// values are the address of the view, without what was searched for.
func (v queueView) values(tab string, f filters) url.Values {
	values := url.Values{}
	for name, value := range map[string]string{"tab": tab, "office": v.Office, "waits": f.Waits, "need": f.Need, "lang": string(f.Lang)} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if f.Remind {
		values.Set("remind", "yes")
	}
	if f.Urgent {
		values.Set("urgent", "yes")
	}
	for name, id := range map[string]int64{"officer": f.Officer, "label": f.Label} {
		if id != 0 {
			values.Set(name, strconv.FormatInt(id, 10))
		}
	}
	return values
}

func (v queueView) address(path, tab string, f filters, before int64) string {
	values := v.values(tab, f)
	if v.Search != "" && tab == "" {
		if v.Sealed != "" {
			values.Set("s", v.Sealed)
		} else {
			values.Set("q", v.Search)
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

func (c *Console) queueView(r *http.Request, who *bot.Officer) (queueView, error) {
	v, q, err := c.asks(r, who)
	if err != nil {
		return v, err
	}
	if v.Cases, err = c.Desk.Queue(r.Context(), who, q); err != nil {
		return v, err
	}
	v.Typo = v.Typo && len(v.Cases) == 0
	if len(v.Cases) == queueLimit {
		v.Next = v.address("/console/", v.Tab, v.Filters, v.Cases[queueLimit-1].ID)
	}
	v.List = v.address("/console/list", v.Tab, v.Filters, q.Before)
	v.Events = v.address("/console/events", "", filters{}, 0)
	v.Clear = v.address("/console/", v.Tab, filters{}, 0)
	v.More = v.address("/console/", v.Tab, v.Filters, 0) + "&filter=yes"
	v.Query = v.values(v.Tab, v.Filters).Encode()
	if err := c.counts(r, who, &v, q); err != nil {
		return v, err
	}
	return v, c.choices(r, who, &v)
}

// counts makes the tabs and the chips, with how many cases each leads to.
func (c *Console) counts(r *http.Request, who *bot.Officer, v *queueView, q bot.Query) error {
	var queries []bot.Query
	add := func(list *[]tab, t tab, q bot.Query) {
		*list = append(*list, t)
		q.Before = 0
		queries = append(queries, q)
	}
	plain := bot.Query{Offices: q.Offices}
	for _, name := range []string{"open", "mine", "all", "closed"} {
		add(&v.Tabs, tab{Name: name, On: name == v.Tab, Href: v.address("/console/", name, filters{}, 0)}, v.tabbed(plain, name))
	}
	if v.Tab != "closed" {
		for _, waits := range []string{bot.WaitsForUs, bot.WaitsForThem} {
			f, asked := v.Filters, q
			f.Waits, asked.Waits, asked.Urgent = waits, waits, false
			if f.Urgent = false; waits == v.Filters.Waits {
				f.Waits = ""
			}
			add(&v.Chips, tab{Name: waits, On: waits == v.Filters.Waits, Href: v.address("/console/", v.Tab, f, 0)}, asked)
		}
	}
	f, asked := v.Filters, q
	f.Waits, f.Urgent, asked.Waits, asked.Urgent = "", !f.Urgent, "", true
	add(&v.Chips, tab{Name: "urgent", On: v.Filters.Urgent, Href: v.address("/console/", v.Tab, f, 0)}, asked)
	if v.Tab != "closed" {
		f, asked := v.Filters, q
		f.Remind, asked.Remind = !f.Remind, c.Now()
		add(&v.Chips, tab{Name: "remind", On: v.Filters.Remind, Href: v.address("/console/", v.Tab, f, 0)}, asked)
	}
	counts, err := c.Desk.Count(r.Context(), who, queries)
	if err != nil {
		return err
	}
	for i, n := range counts {
		at := &v.Tabs
		if i >= len(v.Tabs) {
			at, i = &v.Chips, i-len(v.Tabs)
		}
		if t := &(*at)[i]; n > 0 && t.Name != "closed" {
			t.Count = few(n)
		}
	}
	return nil
}

// few is a number as long as it is worth reading.
func few(n int) string {
	if n > 99 {
		return "99+"
	}
	return strconv.Itoa(n)
}

// choices are what the filters can be set to, and the names of the labels on the list.
func (c *Console) choices(r *http.Request, who *bot.Officer, v *queueView) error {
	ctx := r.Context()
	saved, err := c.Desk.Views(ctx, who)
	if err != nil {
		return err
	}
	known := false
	for _, s := range saved {
		link := viewLink{View: s, Href: "/console/?" + s.Query, On: v.Search == "" && s.Query == v.Query}
		known = known || link.On
		v.Views = append(v.Views, link)
	}
	if v.Panel = v.Filters.On() > 0 && !known || r.FormValue("filter") == "yes"; v.Panel {
		v.List += "&filter=yes"
	}
	office := v.Office
	if office == "" {
		office = who.Office
	}
	v.Needs, v.Langs, v.names = c.Lib().Needs(), content.Langs(), map[int64]string{}
	if !v.Panel {
		office = ""
	}
	offices := map[string]bool{}
	for _, k := range v.Cases {
		if len(k.Labels) > 0 {
			offices[k.Office] = true
		}
	}
	if office != "" {
		if v.Officers, err = c.Cases.Officers(ctx, office); err != nil {
			return err
		}
		offices[office] = true
	}
	for id := range offices {
		labels, err := c.Desk.Labels(ctx, who, id)
		if err != nil {
			return err
		}
		for _, l := range labels {
			v.names[l.ID] = l.Name
		}
		if id == office {
			v.Labels = labels
		}
	}
	return nil
}

// saveView keeps the filters of the queue under a name. What was searched for is not kept: it may name a person.
func (c *Console) saveView(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	kept, err := url.ParseQuery(r.FormValue("query"))
	if err != nil {
		return fmt.Errorf("view: %w: %w", bot.ErrInvalid, err)
	}
	query := url.Values{}
	for _, name := range []string{"tab", "office", "waits", "urgent", "remind", "need", "lang", "officer", "label"} {
		if kept.Get(name) != "" {
			query.Set(name, kept.Get(name))
		}
	}
	if err := c.Desk.SaveView(r.Context(), who, bot.View{Name: r.FormValue("name"), Query: query.Encode()}); err != nil {
		return err
	}
	return c.onwards(w, r, "view", "/console/?"+query.Encode())
}

func (c *Console) dropView(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	id, err := number(r, "id")
	if err != nil {
		return err
	}
	if err := c.Desk.DropView(r.Context(), who, id); err != nil {
		return err
	}
	return c.onwards(w, r, "dropped", "/console/")
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
	return c.stream(w, r, who, feed{topics: topics, still: func() error { return c.stillIn(r, who) }})
}

// stillIn is an error once the log-in has ended, or the officer has other rights.
func (c *Console) stillIn(r *http.Request, who *bot.Officer) error {
	now, err := c.whois(r)
	if err == nil && (now == nil || now.Office != who.Office || now.Role != who.Role) {
		err = bot.ErrForbidden
	}
	return err
}

// guide is the way through a day, for an officer who is new.
func (c *Console) guide(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.render(w, r, who, http.StatusOK, "guide", "console.guide.title", nil)
}
