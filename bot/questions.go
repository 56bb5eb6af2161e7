package bot

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"baom/content"
	"baom/flows"
)

// A Question is what somebody asked, apart from who it was.
type Question struct {
	ID      int64
	Day     time.Time
	Lang    content.Lang
	Outcome string // one of the flows' outcomes
	Answer  string // the entry it led to, if any
	Need    string // what it is about, if known
	Text    string
	Waits   bool // the asker wants to be told
}

// A Written is an answer that an officer wrote to questions that the base could not answer.
type Written struct {
	ID        int64
	Officer   int64
	Name      string // the officer's display name
	At        time.Time
	Lang      content.Lang
	Need      string // a code, or empty
	Title     string // the question in one line
	Text      string // Markdown of the subset that content.Markdown reads
	Told      int    // how many people it was sent to
	Questions int    // how many questions it answers
	Asks      []Question
}

// Asking is how many questions had one fate in a month.
type Asking struct {
	Month   time.Time // its first day
	Lang    content.Lang
	Need    string
	Outcome string
	Count   int
}

// A Cluster is questions that ask the same, in whatever script.
type Cluster struct {
	Questions []Question // the one that says it best first
	Count     int        // how often it was asked
	Waiting   int        // how many want to be told
	Near      string     // the entry of the base that is nearest, where most of them led to one
}

// The bounds of what an officer writes in answer: what an answer of the base may have.
const (
	maxTitle  = 120
	maxAnswer = 900
)

// looked is how many questions are looked at for clusters: the newest.
const looked = 500

// A sorting keeps the questions as they were last put together, which takes seconds of work: it is done anew only where
// there are other questions, or another base, and once for all who ask meanwhile.
type sorting struct {
	mu      sync.Mutex
	running chan struct{} // closed when the one at work has ended; nil: nobody is
	lib     *content.Library
	of      []sorted
	list    []Cluster
}

// sorted is what tells a question from another, and whether somebody still waits.
type sorted struct {
	id    int64
	waits bool
}

func (s *sorting) clusters(ctx context.Context, lib *content.Library, asked []Question) ([]Cluster, error) {
	of := make([]sorted, len(asked))
	for i, q := range asked {
		of[i] = sorted{q.ID, q.Waits}
	}
	for {
		s.mu.Lock()
		if s.lib == lib && slices.Equal(s.of, of) {
			defer s.mu.Unlock()
			return s.list, nil
		}
		running := s.running
		if running == nil {
			break
		}
		s.mu.Unlock()
		select {
		case <-running:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	running := make(chan struct{})
	s.running = running
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running = nil
		close(running)
	}()
	list, err := cluster(ctx, lib, asked)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lib, s.of, s.list = lib, of, list
	return list, nil
}

// Unanswered lists what people asked and the base could not answer to their satisfaction, most frequent first. Every officer
// may see it: it is apart from who asked. What it returns is shared and not to be changed.
func (d *Desk) Unanswered(ctx context.Context, who *Officer) ([]Cluster, error) {
	if !who.Works() {
		return nil, fmt.Errorf("questions: %w", ErrForbidden)
	}
	asked, err := d.Questions.Questions(ctx, looked)
	if err != nil {
		return nil, err
	}
	return d.sorting.clusters(ctx, d.Lib(), asked)
}

// cluster puts questions together that ask the same.
func cluster(ctx context.Context, lib *content.Library, asked []Question) ([]Cluster, error) {
	texts := make([]string, len(asked))
	for i, q := range asked {
		texts[i] = q.Text
	}
	var list []Cluster
	groups, err := lib.Cluster(ctx, texts)
	if err != nil {
		return nil, fmt.Errorf("put questions together: %w", err)
	}
	for _, group := range groups {
		c := Cluster{}
		led := map[string]int{}
		for _, i := range group {
			q := asked[i]
			c.Questions = append(c.Questions, q)
			switch {
			case q.Waits:
				c.Waiting++
			case q.Outcome == flows.AskChosen:
				led[q.Answer]++
			case q.Outcome != flows.AskWished:
				c.Count++
			}
			if q.Outcome == flows.AskUseless && q.Answer != "" {
				led[q.Answer]++
			}
		}
		for id, n := range led {
			if n*2 > len(group)/2 && (c.Near == "" || n > led[c.Near] || n == led[c.Near] && id < c.Near) {
				c.Near = id
			}
		}
		c.Count = max(c.Count, c.Waiting)
		list = append(list, c)
	}
	slices.SortStableFunc(list, func(a, b Cluster) int { return (b.Count + 2*b.Waiting) - (a.Count + 2*a.Waiting) })
	return list, nil
}

// Answer files what an officer wrote to some questions, and sends it to those who asked to be told. These may be people of
// any office, so where somebody waits it belongs to who leads an office; what nobody waits for any officer may write. Title
// and text have the bounds of an answer of the base; ErrInvalid says which is broken.
func (d *Desk) Answer(ctx context.Context, who *Officer, w Written, questions []int64) (*Written, error) {
	w.Title, w.Text = strings.TrimSpace(w.Title), strings.TrimSpace(strings.ReplaceAll(w.Text, "\r\n", "\n"))
	_, need := d.Lib().Need(w.Need)
	switch {
	case !who.Works():
		return nil, fmt.Errorf("answer questions: %w", ErrForbidden)
	case !w.Lang.Known(), w.Need != "" && !need, len(questions) == 0, len(questions) > looked,
		w.Title == "", utf8.RuneCountInString(w.Title) > maxTitle, strings.ContainsAny(w.Title, "\n\x00"),
		w.Text == "", utf8.RuneCountInString(w.Text) > maxAnswer, !utf8.ValidString(w.Title + w.Text), strings.ContainsRune(w.Text, 0):
		return nil, fmt.Errorf("answer questions: %w", ErrInvalid)
	}
	w.Officer, w.Name = who.ID, who.Name
	lib := d.Lib()
	var tell func(content.Lang) string
	if who.Leads(who.Office) {
		tell = func(l content.Lang) string {
			return strings.TrimSpace(lib.Page("ask.later", l, nil)) + "\n\n" + w.Text + "\n\n" + strings.TrimSpace(lib.Page("ask.later.end", l, nil))
		}
	}
	if err := d.Questions.Write(ctx, &w, questions, tell); err != nil {
		return nil, err
	}
	return &w, nil
}

// Written lists what officers wrote, newest first.
func (d *Desk) Written(ctx context.Context, who *Officer) ([]Written, error) {
	if !who.Works() {
		return nil, fmt.Errorf("written answers: %w", ErrForbidden)
	}
	return d.Questions.Written(ctx)
}

// Asking counts what was asked since a day.
func (d *Desk) Asking(ctx context.Context, who *Officer, since time.Time) ([]Asking, error) {
	if !who.Works() {
		return nil, fmt.Errorf("count questions: %w", ErrForbidden)
	}
	return d.Questions.Asking(ctx, since)
}

// Patch is what was written as a patch for the content's repository, which `git apply` puts in place: a draft for each.
func Patch(list []Written) []byte {
	var out bytes.Buffer
	for _, w := range list {
		d := content.Draft{ID: fmt.Sprintf("draft.%s.q%d", w.At.Format("2006-01"), w.ID), Lang: w.Lang, Title: w.Title, Body: w.Text, Need: w.Need, Day: w.At}
		for _, q := range w.Asks {
			d.Asks = append(d.Asks, q.Text)
		}
		files := d.Files()
		for _, name := range slices.Sorted(maps.Keys(files)) {
			lines := strings.SplitAfter(strings.TrimSuffix(files[name], "\n")+"\n", "\n")
			lines = lines[:len(lines)-1]
			fmt.Fprintf(&out, "diff --git a/content/%[1]s b/content/%[1]s\nnew file mode 100644\n--- /dev/null\n+++ b/content/%[1]s\n@@ -0,0 +1,%[2]d @@\n", name, len(lines))
			for _, l := range lines {
				out.WriteString("+" + l)
			}
		}
	}
	return out.Bytes()
}
