package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// actsShown is how many acts a page shows.
const actsShown = 100

// An auditView is the audit log of an office, or of all, as its head or an administrator reads it.
type auditView struct {
	Office    string
	Offices   []content.Office // to choose from
	Reference string
	What      string
	Kinds     []string
	Acts      []bot.Act
	Next      string // the address of the acts before these
}

func (c *Console) audit(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	v := auditView{Office: r.FormValue("office"), Reference: strings.TrimSpace(r.FormValue("case")), What: r.FormValue("what"), Kinds: bot.Acts()}
	q := bot.ActQuery{Office: v.Office, What: v.What, Limit: actsShown}
	if v.Reference != "" {
		q.Reference = "-" // of no case
		if reference, ok := flows.ParseReference(v.Reference); ok {
			q.Reference = reference
		}
	}
	var err error
	if before := r.FormValue("before"); before != "" {
		if q.Before, err = strconv.ParseInt(before, 10, 64); err != nil {
			return fmt.Errorf("audit log: %w", bot.ErrInvalid)
		}
	}
	if v.Acts, err = c.Desk.Acts(r.Context(), who, q); err != nil {
		return err
	}
	if who.Role == bot.RoleAdmin {
		v.Offices = c.Lib().Offices()
	}
	if len(v.Acts) == actsShown {
		v.Next = "/console/audit?" + url.Values{"office": {v.Office}, "case": {v.Reference}, "what": {v.What},
			"before": {strconv.FormatInt(v.Acts[len(v.Acts)-1].ID, 10)}}.Encode()
	}
	return c.render(w, r, who, http.StatusOK, "audit", "console.audit.title", v)
}
