package bot

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"baom/content"
	"baom/flows"
)

// The stages of a case: how far what the person came for has come, whoever holds it. A case that is closed keeps the
// stage it had for whoever opens it again.
const (
	StageOpen        = "open"        // nothing was undertaken yet
	StageAccompanied = "accompanied" // the office goes the way with the person
	StageOriented    = "oriented"    // a structure has been told to the person
	StageThird       = "third"       // somebody else is to answer: an administration, a consulate
	StageClosed      = "closed"      // with an outcome
	StageReopened    = "reopened"    // closed once, and taken up again
)

// The events of a case's course.
const (
	CourseAccompany = "accompany"
	CourseOrient    = "orient"
	CourseWait      = "wait"
	CourseClose     = "close"
	CourseReopen    = "reopen"
)

// Course is the machine of a case's stages, beside Life, which says who holds it.
func Course() flows.Moves {
	return flows.Moves{
		{Name: CourseAccompany, Src: []string{StageOpen, StageOriented, StageThird, StageReopened}, Dst: StageAccompanied},
		{Name: CourseOrient, Src: []string{StageOpen, StageAccompanied, StageOriented, StageThird, StageReopened}, Dst: StageOriented},
		{Name: CourseWait, Src: []string{StageOpen, StageAccompanied, StageOriented, StageReopened}, Dst: StageThird},
		{Name: CourseClose, Src: []string{StageOpen, StageAccompanied, StageOriented, StageThird, StageReopened}, Dst: StageClosed},
		{Name: CourseReopen, Src: []string{StageClosed}, Dst: StageReopened},
	}
}

// Ways are the events of the course that an officer may choose by themselves in a case as it stands; the others come with
// what they do: send to a structure, close, open again.
func (c *Case) Ways() (list []string) {
	for _, event := range []string{CourseAccompany, CourseWait} {
		if _, err := Course().Next(c.Stage, event); err == nil && c.State != StateClosed && !c.Erased {
			list = append(list, event)
		}
	}
	return list
}

// A Step is one thing that was promised in a case, or a paper to be brought.
type Step struct {
	ID   int64
	Text content.Text // in the languages in which it is known
	Doer string       // DoerOffice or DoerPerson
	By   string       // display name of the officer who wrote it
	At   time.Time
	Due  time.Time // a day; zero: none was said
	Done time.Time // zero: still to do
	Who  string    // display name of the officer who ticked it

	Dropped bool // of a change: it is taken off the list
}

// Who does a step.
const (
	DoerOffice = "office"
	DoerPerson = "person"
)

// The bounds of a checklist.
const (
	MaxSteps = 40  // of a case
	MaxStep  = 200 // characters
)

// In is the step in a language, or in the next best in which it is known.
func (s Step) In(l content.Lang) string { return text(s.Text, l) }

// Progress tells how many of a case's steps are done, and how many there are.
func (c *Case) Progress() (done, all int) {
	for _, s := range c.Steps {
		if !s.Done.IsZero() {
			done++
		}
	}
	return done, len(c.Steps)
}

// Advance moves a case along its course: an event of Ways. The line in the transcript says where it is.
func (d *Desk) Advance(ctx context.Context, who *Officer, id int64, event string) (*Case, error) {
	return d.change(ctx, who, id, func(w *work) error {
		if err := w.directs(); err != nil {
			return err
		}
		if !slices.Contains([]string{CourseAccompany, CourseWait}, event) {
			return fmt.Errorf("advance a case by %q: %w", event, ErrInvalid)
		}
		if err := w.course(event); err != nil {
			return err
		}
		w.line("stage", map[string]string{"stage": w.c.Stage})
		w.progress()
		return nil
	})
}

// course makes the machine of the stages take an event.
func (w *work) course(event string) error {
	next, err := Course().Next(w.c.Stage, event)
	if err != nil {
		return w.overtaken()
	}
	w.c.Stage = next
	return nil
}

// AddSteps puts steps on a case's checklist; whoever may see the case may.
func (d *Desk) AddSteps(ctx context.Context, who *Officer, id int64, steps []Step) (*Case, error) {
	if len(steps) == 0 {
		return nil, fmt.Errorf("no step: %w", ErrInvalid)
	}
	for i := range steps {
		if err := steps[i].check(); err != nil {
			return nil, err
		}
	}
	return d.change(ctx, who, id, func(w *work) error {
		if w.c.Erased {
			return fmt.Errorf("steps of an erased case: %w", ErrInvalid)
		}
		if len(w.c.Steps)+len(steps) > MaxSteps {
			return fmt.Errorf("more than %d steps: %w", MaxSteps, ErrInvalid)
		}
		for _, s := range steps {
			s.ID, s.By, s.At, s.Done, s.Who, s.Dropped = 0, w.who.Name, w.now, time.Time{}, "", false
			w.Steps, w.c.Steps = append(w.Steps, s), append(w.c.Steps, s)
		}
		if first := steps[0]; len(steps) == 1 {
			w.line("promised", map[string]string{"what": first.In(spoken(w.c)), "doer": first.Doer})
		} else {
			w.line("listed", map[string]string{"n": strconv.Itoa(len(steps))})
		}
		w.progress()
		return nil
	})
}

// check proves what an officer typed.
func (s *Step) check() error {
	texts := content.Text{}
	for l, t := range s.Text {
		t = strings.Join(strings.Fields(t), " ")
		if !l.Known() || !utf8.ValidString(t) || strings.ContainsRune(t, 0) || utf8.RuneCountInString(t) > MaxStep {
			return fmt.Errorf("a step: %w", ErrInvalid)
		}
		if t != "" {
			texts[l] = t
		}
	}
	if len(texts) == 0 || s.Doer != DoerOffice && s.Doer != DoerPerson {
		return fmt.Errorf("a step: %w", ErrInvalid)
	}
	s.Text = texts
	return nil
}

// Tick marks a step as done, or as still to do. Ticking it twice changes nothing.
func (d *Desk) Tick(ctx context.Context, who *Officer, id, step int64, done bool) (*Case, error) {
	return d.change(ctx, who, id, func(w *work) error {
		s, err := w.step(step)
		if err != nil || s.Done.IsZero() == !done {
			return err
		}
		s.Done, s.Who = time.Time{}, ""
		event := "undone"
		if done {
			s.Done, s.Who = w.now, w.who.Name
			event = "done"
		}
		w.Steps = append(w.Steps, *s)
		w.line(event, map[string]string{"what": s.In(spoken(w.c))})
		w.progress()
		return nil
	})
}

// DropStep takes a step off the list. What was promised stays in the transcript.
func (d *Desk) DropStep(ctx context.Context, who *Officer, id, step int64) (*Case, error) {
	return d.change(ctx, who, id, func(w *work) error {
		s, err := w.step(step)
		if err != nil {
			return err
		}
		gone := *s
		gone.Dropped = true
		w.Steps = append(w.Steps, gone)
		w.c.Steps = slices.DeleteFunc(w.c.Steps, func(s Step) bool { return s.ID == step })
		w.line("dropped", map[string]string{"what": gone.In(spoken(w.c))})
		w.progress()
		return nil
	})
}

// step is a step of the case in hand.
func (w *work) step(id int64) (*Step, error) {
	i := slices.IndexFunc(w.c.Steps, func(s Step) bool { return s.ID == id })
	if i < 0 || w.c.Erased {
		return nil, fmt.Errorf("a step: %w", ErrNotFound)
	}
	return &w.c.Steps[i], nil
}

// Checklist is what an answer asks to be done for the person of a case: its steps and its papers, in the languages in
// which they stand line by line, the person's first. ErrNotFound where the answer is not there or asks nothing.
func (d *Desk) Checklist(ctx context.Context, who *Officer, id int64, answer string) (*Case, []Step, error) {
	c, _, err := d.Open(ctx, who, id)
	if err != nil {
		return nil, nil, err
	}
	a := d.Lib().Answer(answer)
	if a == nil {
		return nil, nil, fmt.Errorf("the checklist of an unknown answer: %w", ErrNotFound)
	}
	mine := spoken(c)
	if a.Body[mine] == "" { // the one in which it is told
		mine = content.French
		for _, l := range spoken(c).Chain() {
			if a.Body[l] != "" {
				mine = l
				break
			}
		}
	}
	steps, papers := content.Checklist(a.Body[mine])
	list := make([]Step, 0, len(steps)+len(papers))
	for _, item := range append(slices.Clone(steps), papers...) {
		list = append(list, Step{Text: content.Text{mine: item}, Doer: DoerPerson})
	}
	for _, l := range content.Langs() {
		in, inPapers := content.Checklist(a.Body[l])
		if len(in) == len(steps) {
			for i, item := range in {
				list[i].Text[l] = item
			}
		}
		if len(inPapers) == len(papers) {
			for i, item := range inPapers {
				list[len(steps)+i].Text[l] = item
			}
		}
	}
	if len(list) == 0 {
		return nil, nil, fmt.Errorf("an answer that asks nothing: %w", ErrNotFound)
	}
	return c, list, nil
}

// Lists are the answers that give a checklist and are about a case's need, then those of its profile.
func (d *Desk) Lists(c *Case) (list []*content.Answer) {
	lib, others := d.Lib(), []*content.Answer(nil)
	for _, a := range lib.Answers() {
		steps, papers := content.Checklist(a.Body[content.French])
		switch {
		case len(steps)+len(papers) == 0:
		case slices.Contains(a.Needs, c.Answers["need"]):
			list = append(list, a)
		case slices.Contains(a.Profiles, c.Answers["profile"]):
			others = append(others, a)
		}
	}
	return append(list, others...)
}

// progress tells the person's dialogue how far the case is, for when they ask. Nothing is said to them now.
func (w *work) progress() {
	if n := len(w.Entries); n > 0 && w.Entries[n-1].Input.Event == flows.EventProgress {
		w.Entries = w.Entries[:n-1] // what it said is behind already
	}
	w.entry(flows.EventProgress, ProgressSlots(w.c.Reference, w.c.Stage, w.c.Steps, spoken(w.c)))
}

// ProgressSlots are those of flows.EventProgress for a case: its steps in the person's language.
func ProgressSlots(reference, stage string, steps []Step, l content.Lang) map[string]string {
	var list []flows.Promise
	for _, s := range steps {
		list = append(list, flows.Promise{Text: s.In(l), Office: s.Doer == DoerOffice, Done: !s.Done.IsZero(), Due: s.Due})
	}
	return map[string]string{"case": reference, "stage": stage, "steps": flows.Promises(list)}
}
