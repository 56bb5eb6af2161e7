package console

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"baom/bot"
	"baom/content"
)

// registerLimit is how many cases a page of the register holds.
const registerLimit = 50

type registerView struct {
	Office   string
	Offices  []content.Office // to choose from, for an administrator
	From, To string           // days, both within the period
	State    string
	Need     string
	Profile  string
	States   []string
	Needs    []content.Need
	Profiles []string
	Columns  []content.Column
	Rows     []registerRow
	First    bool   // the first page, which is kept current
	Next     string // address of the next page
	List     string // address of the list alone
	Events   string
	Excel    string
	Import   string
}

type registerRow struct {
	ID    int64
	Cells []registerCell
}

// A registerCell is one value; Less is what folds away on a narrow screen.
type registerCell struct {
	Column string
	Text   string
	Link   bool
	Less   bool
}

// chosen reads what a request wants to see of the register: by default this year.
func (c *Console) chosen(r *http.Request, who *bot.Officer) (registerView, bot.Selection, error) {
	now := c.Now().In(c.Location)
	v := registerView{Office: r.FormValue("office"), From: r.FormValue("from"), To: r.FormValue("to"), State: r.FormValue("state"),
		Need: r.FormValue("need"), Profile: r.FormValue("profile"), Needs: c.Lib().Needs(),
		States: []string{bot.StateOpen, bot.StateClaimed, bot.StateClosed}}
	if f, ok := c.Lib().Field("profile"); ok {
		for _, id := range f.Options {
			v.Profiles = append(v.Profiles, id[len("profile."):])
		}
	}
	if who.Role == bot.RoleAdmin {
		v.Offices = c.Lib().Offices()
	} else if v.Office == "" {
		v.Office = who.Office
	}
	if v.From == "" && v.To == "" {
		v.From, v.To = fmt.Sprintf("%d-01-01", now.Year()), fmt.Sprintf("%d-12-31", now.Year())
	}
	q := bot.Selection{State: v.State, Need: v.Need, Profile: v.Profile}
	if v.Office != "" {
		q.Offices = []string{v.Office}
	}
	var err error
	if v.From != "" {
		if q.From, err = time.ParseInLocation(time.DateOnly, v.From, c.Location); err != nil {
			return v, q, fmt.Errorf("register: from: %w", bot.ErrInvalid)
		}
	}
	if v.To != "" {
		if q.To, err = time.ParseInLocation(time.DateOnly, v.To, c.Location); err != nil {
			return v, q, fmt.Errorf("register: to: %w", bot.ErrInvalid)
		}
		q.To = q.To.AddDate(0, 0, 1)
	}
	if q.State != "" && !slices.Contains(v.States, q.State) {
		return v, q, fmt.Errorf("register: state: %w", bot.ErrInvalid)
	}
	q.Before, _ = strconv.ParseInt(r.FormValue("before"), 10, 64)
	return v, q, nil
}

// address is a page of the register with the same choices.
func (v *registerView) address(path string, before int64) string {
	values := url.Values{}
	for name, value := range map[string]string{"office": v.Office, "from": v.From, "to": v.To, "state": v.State, "need": v.Need, "profile": v.Profile} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if before > 0 {
		values.Set("before", strconv.FormatInt(before, 10))
	}
	return path + "?" + values.Encode()
}

func (c *Console) registerView(r *http.Request, who *bot.Officer) (registerView, error) {
	v, q, err := c.chosen(r, who)
	if err != nil {
		return v, err
	}
	q.Limit = registerLimit
	list, err := c.Desk.List(r.Context(), who, q)
	if err != nil {
		return v, err
	}
	l := Ledger{Lib: c.Lib(), Lang: c.lang(r), Location: c.Location, Office: v.Office}
	v.Columns = shownColumns(l.Lib.Register(v.Office), v.Office == "")
	last := int64(0)
	for k, err := range list {
		if err != nil {
			return v, err
		}
		row := registerRow{ID: k.ID}
		for _, column := range v.Columns {
			cell := registerCell{Column: column.ID, Link: column.ID == "reference", Less: less(column.ID)}
			cell.Text = plain(l.cell(column.ID, k))
			row.Cells = append(row.Cells, cell)
		}
		v.Rows = append(v.Rows, row)
		last = k.ID
	}
	if len(v.Rows) == registerLimit {
		v.Next = v.address("/console/register", last)
	}
	v.dropEmpty()
	v.First = q.Before == 0
	v.List = v.address("/console/register/list", q.Before)
	v.Excel = v.address("/console/register.xlsx", 0)
	v.Events, v.Import = "/console/events", "/console/imports"
	if v.Office != "" {
		v.Events += "?office=" + url.QueryEscape(v.Office)
		v.Import += "?office=" + url.QueryEscape(v.Office)
	}
	return v, nil
}

// dropEmpty leaves out the columns of which the page has nothing to show; the workbook has them all.
func (v *registerView) dropEmpty() {
	keep := make([]bool, len(v.Columns))
	for _, row := range v.Rows {
		for i, cell := range row.Cells {
			keep[i] = keep[i] || cell.Text != ""
		}
	}
	columns, rows := v.Columns, v.Rows
	v.Columns = nil
	for i, c := range columns {
		if keep[i] {
			v.Columns = append(v.Columns, c)
		}
	}
	for n := range rows {
		var cells []registerCell
		for i, cell := range rows[n].Cells {
			if keep[i] {
				cells = append(cells, cell)
			}
		}
		rows[n].Cells = cells
	}
}

// plain is a cell of the register as text.
func plain(value any) string {
	switch value := value.(type) {
	case time.Time:
		return value.Format("02/01/2006")
	case int:
		return strconv.Itoa(value)
	case string:
		return value
	}
	return ""
}

// less reports whether a column folds away on a narrow screen.
func less(column string) bool {
	return !slices.Contains([]string{"reference", "opened", "first-name", "last-name", "need"}, column)
}

func (c *Console) register(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	v, err := c.registerView(r, who)
	if err != nil {
		return err
	}
	return c.render(w, r, who, http.StatusOK, "register", "console.register.title", v)
}

// registerList is the live part of the register alone.
func (c *Console) registerList(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	v, err := c.registerView(r, who)
	if err != nil {
		return err
	}
	return c.write(w, r, http.StatusOK, "register-live", v)
}

// registerExcel is the register with the same choices as a workbook.
func (c *Console) registerExcel(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	v, q, err := c.chosen(r, who)
	if err != nil {
		return err
	}
	list, err := c.Desk.Export(r.Context(), who, q)
	if err != nil {
		return err
	}
	lang := c.lang(r)
	say := wording{lib: c.Lib, lang: lang, now: c.Now, in: c.Location}
	about := [][2]string{{say.label("console.register.made"), c.Now().In(c.Location).Format("02/01/2006 15:04")}}
	add := func(name, value string) {
		if value != "" {
			about = append(about, [2]string{say.label(name), value})
		}
	}
	if v.Office == "" {
		add("console.office", say.label("console.offices.all"))
	} else {
		add("console.office", say.office(v.Office))
	}
	add("console.register.from", v.From)
	add("console.register.to", v.To)
	for _, f := range [][3]string{{"state", "console.register.state", v.State}, {"profile", "console.profile", v.Profile}, {"need", "need", v.Need}} {
		if f[2] != "" {
			add("console.register."+f[0], say.label(f[1]+"."+f[2]))
		}
	}
	var b bytes.Buffer
	if err := WriteRegister(&b, Ledger{Lib: c.Lib(), Lang: lang, Location: c.Location, Office: v.Office, About: about}, list); err != nil {
		return err
	}
	office := v.Office
	if office == "" {
		office = "baom"
	}
	return sendExcel(w, "registre-"+office+"-"+v.From+"-"+v.To+".xlsx", b.Bytes())
}

// sendExcel sends a workbook to be saved under a name, of which signs that mean something to somebody are taken out.
func sendExcel(w http.ResponseWriter, name string, data []byte) error {
	name = strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, strings.ReplaceAll(name, "..", "_"))
	h := w.Header()
	h.Set("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Length", strconv.Itoa(len(data)))
	_, _ = w.Write(data) // a reader that is gone is no fault of ours
	return nil
}
