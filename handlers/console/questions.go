package console

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// clustersShown is how many groups of questions a page shows.
const clustersShown = 60

type questionsView struct {
	Clusters []clusterView
	More     int // groups beyond those shown
	Written  []bot.Written
	Langs    []content.Lang
	Needs    []content.Need
	Kept     bot.Written // what the officer had typed, where it could not be taken
	KeptAsks map[int64]bool
	Wrong    bool
	Tells    bool // the officer may write to those who wait
	ByLang   []askedRow
	ByNeed   []askedRow
}

// A clusterView is one group of questions with the entry it came near to.
type clusterView struct {
	bot.Cluster
	NearTitle string
	Need      string // most of them are about it
	Asks      []askView
}

// An askView is what several asked in the very same words.
type askView struct {
	First bot.Question
	IDs   string // of all of them, parted by spaces
	Times int    // as often asked
	Waits int    // want to be told
}

// sameWords puts questions together that have the same words.
func sameWords(list []bot.Question) (out []askView) {
	at := map[string]int{}
	for _, q := range list {
		i, ok := at[q.Text]
		if !ok {
			i = len(out)
			at[q.Text] = i
			out = append(out, askView{First: q})
		}
		v := &out[i]
		v.IDs = strings.TrimSpace(v.IDs + " " + strconv.FormatInt(q.ID, 10))
		switch {
		case q.Waits:
			v.Waits++
		case q.Outcome != flows.AskWished && q.Outcome != flows.AskChosen:
			v.Times++
			v.First = q
		}
	}
	return out
}

// An askedRow counts the questions of a month in one language or about one need.
type askedRow struct {
	Month                                                   time.Time
	Of                                                      string
	Asked, Answered, Offered, Declined, Useful, Useless, In int
}

func (c *Console) questions(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.showQuestions(w, r, who, http.StatusOK, questionsView{})
}

func (c *Console) showQuestions(w http.ResponseWriter, r *http.Request, who *bot.Officer, status int, v questionsView) error {
	ctx, l := r.Context(), c.lang(r)
	clusters, err := c.Desk.Unanswered(ctx, who)
	if err != nil {
		return err
	}
	for i, k := range clusters {
		if i == clustersShown {
			v.More = len(clusters) - clustersShown
			break
		}
		show := clusterView{Cluster: k, Need: commonNeed(k.Questions), Asks: sameWords(k.Questions)}
		if a := c.Lib().Answer(k.Near); a != nil {
			show.NearTitle = a.Title.In(l)
		}
		v.Clusters = append(v.Clusters, show)
	}
	if v.Written, err = c.Desk.Written(ctx, who); err != nil {
		return err
	}
	asking, err := c.Desk.Asking(ctx, who, c.Now().AddDate(-1, 0, 0))
	if err != nil {
		return err
	}
	v.ByLang = tally(asking, func(a bot.Asking) string { return string(a.Lang) })
	v.ByNeed = tally(asking, func(a bot.Asking) string { return a.Need })
	v.Langs, v.Needs, v.Tells = content.Langs(), c.Lib().Needs(), who.Leads(who.Office)
	return c.render(w, r, who, status, "questions", "console.questions.title", v)
}

// commonNeed is the need that most of the questions are about, or "".
func commonNeed(list []bot.Question) string {
	n := map[string]int{}
	for _, q := range list {
		n[q.Need]++
	}
	best := ""
	for need, k := range n {
		if need != "" && (k > n[best] || best == "" || k == n[best] && need < best) {
			best = need
		}
	}
	return best
}

// tally sums counts by month and what of says, the newest month first, the most asked first within it.
func tally(list []bot.Asking, of func(bot.Asking) string) []askedRow {
	type key struct {
		month time.Time
		of    string
	}
	rows := map[key]*askedRow{}
	for _, a := range list {
		k := key{a.Month, of(a)}
		row := rows[k]
		if row == nil {
			row = &askedRow{Month: a.Month, Of: k.of}
			rows[k] = row
		}
		switch a.Outcome {
		case flows.AskAnswered:
			row.Answered += a.Count
		case flows.AskOffered:
			row.Offered += a.Count
		case flows.AskDeclined:
			row.Declined += a.Count
		case flows.AskUseful:
			row.Useful += a.Count
		case flows.AskUseless:
			row.Useless += a.Count
		}
		row.Asked = row.Answered + row.Offered + row.Declined
	}
	var out []askedRow
	for _, row := range rows {
		if row.Asked+row.Useful+row.Useless > 0 {
			out = append(out, *row)
		}
	}
	slices.SortFunc(out, func(a, b askedRow) int {
		return cmp.Or(b.Month.Compare(a.Month), b.Asked-a.Asked, cmp.Compare(a.Of, b.Of))
	})
	return out
}

// answerQuestions takes what an officer wrote; what cannot be taken comes back as it was typed.
func (c *Console) answerQuestions(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	r.Body = http.MaxBytesReader(w, r.Body, 256<<10)
	if err := r.ParseForm(); err != nil {
		return fmt.Errorf("answer: %w: %w", errTooBig, err)
	}
	written := bot.Written{Lang: content.Lang(r.PostForm.Get("lang")), Need: r.PostForm.Get("need"), Title: r.PostForm.Get("title"), Text: r.PostForm.Get("text")}
	var ids []int64
	kept := map[int64]bool{}
	for _, text := range strings.Fields(strings.Join(r.PostForm["question"], " ")) {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("question: %w", bot.ErrInvalid)
		}
		ids = append(ids, id)
		kept[id] = true
	}
	if _, err := c.Desk.Answer(r.Context(), who, written, ids); errors.Is(err, bot.ErrInvalid) {
		return c.showQuestions(w, r, who, http.StatusUnprocessableEntity, questionsView{Kept: written, KeptAsks: kept, Wrong: true})
	} else if err != nil {
		return err
	}
	c.done(r, "written")
	http.Redirect(w, r, "/console/questions", http.StatusSeeOther)
	return nil
}

// questionsPatch is what officers wrote, as a patch for the content's repository.
func (c *Console) questionsPatch(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	list, err := c.Desk.Written(r.Context(), who)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/x-diff; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="reponses.patch"`)
	_, _ = w.Write(bot.Patch(list)) // a reader that is gone is no fault of ours
	return nil
}

type contentView struct {
	Loaded   time.Time
	Fault    string
	Answers  int
	Drafts   int
	Overdue  int
	Warnings int
	Failed   bool
}

// contentPage shows an administrator which content is in force, and why a later one is not.
func (c *Console) contentPage(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	if who.Role != bot.RoleAdmin {
		return fmt.Errorf("content: %w", bot.ErrForbidden)
	}
	lib := c.Lib()
	v := contentView{Answers: len(lib.Answers()), Warnings: len(lib.Warnings())}
	for _, a := range lib.Answers() {
		if a.Status[content.French] == "draft" {
			v.Drafts++
		}
		if !a.ReviewBy.IsZero() && c.Now().After(a.ReviewBy) {
			v.Overdue++
		}
	}
	if c.Content != nil {
		var fault error
		if v.Loaded, fault = c.Content.State(); fault != nil {
			v.Fault = fault.Error()
		}
	}
	return c.render(w, r, who, http.StatusOK, "content", "console.content.title", v)
}

// reloadContent reads the office's folder again.
func (c *Console) reloadContent(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	if who.Role != bot.RoleAdmin || c.Content == nil {
		return fmt.Errorf("content: %w", bot.ErrForbidden)
	}
	if c.Content.Reload(r.Context()) == nil {
		c.done(r, "content")
	} // else the page says why
	http.Redirect(w, r, "/console/content", http.StatusSeeOther)
	return nil
}

// card sends the person what the directory says of a structure, with its place and number.
func (c *Console) card(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.act(w, r, "card", func(id int64) (*bot.Case, error) { return c.Desk.Card(r.Context(), who, id, r.FormValue("structure")) })
}
