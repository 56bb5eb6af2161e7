package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"baom/bot"
	"baom/content"
)

// dossierRoutes are the pages and actions of what a case is beside its conversation.
func (c *Console) dossierRoutes() map[string]member {
	return map[string]member{
		"GET /console/walkin":                     c.walkin,
		"POST /console/walkin":                    c.receive,
		"POST /console/cases/{case}/code":         c.newCode,
		"POST /console/cases/{case}/course":       c.advance,
		"POST /console/cases/{case}/steps":        c.addSteps,
		"POST /console/cases/{case}/steps/{step}": c.tick,
		"GET /console/cases/{case}/checklist":     c.checklist,
	}
}

// A dossierView is what a case's page shows of its course: the stage and where it may go, and what was promised.
type dossierView struct {
	Ways      []string // events of the course that may be chosen now
	Done, All int
	Yours     []bot.Step // still to do: the person's
	Ours      []bot.Step // … and the office's
	Ticked    []bot.Step
	Lists     []*content.Answer // that give a checklist, those that suit the need first
	Lang      content.Lang
	Code      string    // by which the person joins the case from a channel of their own
	Until     time.Time // … and until when
	Joinable  bool      // the case has no conversation, and could
}

// dossier prepares that part of a page.
func (c *Console) dossier(r *http.Request, who *bot.Officer, v *caseView) (err error) {
	k := v.Case
	d := dossierView{Lang: c.lang(r), Lists: c.Desk.Lists(k)}
	d.Lists = d.Lists[:min(len(d.Lists), 40)]
	if v.Directs {
		d.Ways = k.Ways()
	}
	d.Done, d.All = k.Progress()
	for _, s := range k.Steps {
		switch {
		case !s.Done.IsZero():
			d.Ticked = append(d.Ticked, s)
		case s.Doer == bot.DoerOffice:
			d.Ours = append(d.Ours, s)
		default:
			d.Yours = append(d.Yours, s)
		}
	}
	if d.Joinable = k.Via == "" && !k.Erased; d.Joinable {
		if d.Code, d.Until, err = c.Desk.Code(r.Context(), who, k.ID); err != nil {
			return err
		}
	}
	v.Dossier = d
	return nil
}

func (c *Console) advance(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "stage", func(id int64) (*bot.Case, error) { return c.Desk.Advance(r.Context(), who, id, r.FormValue("event")) })
}

// addSteps takes a step that was typed, in the language of the interface and of the person alike, or the lines of an
// answer that were chosen.
func (c *Console) addSteps(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "steps", func(id int64) (*bot.Case, error) {
		var due time.Time
		if at := r.FormValue("due"); at != "" {
			var err error
			if due, err = time.ParseInLocation(time.DateOnly, at, c.Location); err != nil {
				return nil, fmt.Errorf("steps: a day: %w", bot.ErrInvalid)
			}
		}
		if answer := r.FormValue("answer"); answer != "" {
			_, all, err := c.Desk.Checklist(r.Context(), who, id, answer)
			if err != nil {
				return nil, err
			}
			var chosen []bot.Step
			for i, s := range all {
				doer := r.FormValue("doer-" + strconv.Itoa(i))
				if slices.Contains(r.Form["line"], strconv.Itoa(i)) {
					if doer != "" {
						s.Doer = doer
					}
					s.Due = due
					chosen = append(chosen, s)
				}
			}
			return c.Desk.AddSteps(r.Context(), who, id, chosen)
		}
		return c.Desk.AddSteps(r.Context(), who, id, []bot.Step{{Text: content.Text{c.lang(r): r.FormValue("text")}, Doer: r.FormValue("doer"), Due: due}})
	})
}

func (c *Console) tick(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	step, err := number(r, "step")
	if err != nil {
		return err
	}
	return c.act(w, r, "step", func(id int64) (*bot.Case, error) {
		if r.FormValue("drop") != "" {
			return c.Desk.DropStep(r.Context(), who, id, step)
		}
		return c.Desk.Tick(r.Context(), who, id, step, r.FormValue("done") == "yes")
	})
}

// A checklistView is what an answer asks to be done, to choose from.
type checklistView struct {
	Case   *bot.Case
	Answer *content.Answer
	Lines  []bot.Step
	Lang   content.Lang
}

func (c *Console) checklist(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	answer := strings.TrimSpace(r.FormValue("answer"))
	k, lines, err := c.Desk.Checklist(r.Context(), who, id, answer)
	if err != nil {
		return err
	}
	return c.render(w, r, who, http.StatusOK, "checklist", "console.steps.choose", checklistView{Case: k, Answer: c.Lib().Answer(answer), Lines: lines, Lang: c.lang(r)})
}
