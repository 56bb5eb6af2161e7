package bot_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"baom/bot"
	"baom/content"
	"baom/flows"
)

// TestCourse: the stages of a case move as their table says and no other way, each move is a line of the transcript, and
// the person's dialogue hears of it without a word to the person.
func TestCourse(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	id, _ := o.arrive()
	stage := func(want string) {
		t.Helper()
		c, _, err := o.desk.Open(ctx, o.amina, id)
		if err != nil || c.Stage != want {
			t.Fatalf("the stage is %q, want %q (%v)", c.Stage, want, err)
		}
	}
	stage(bot.StageOpen)
	if _, err := o.desk.Advance(ctx, o.far, id, bot.CourseWait); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("another office: %v", err)
	}
	for _, event := range []string{"", "nonsense", bot.CourseClose, bot.CourseReopen, bot.CourseOrient} {
		if _, err := o.desk.Advance(ctx, o.amina, id, event); !errors.Is(err, bot.ErrInvalid) {
			t.Errorf("advance by %q: %v", event, err)
		}
	}
	if _, err := o.desk.Claim(ctx, o.karim, id); err != nil {
		t.Fatal(err)
	}
	if _, err := o.desk.Advance(ctx, o.amina, id, bot.CourseWait); !errors.Is(err, bot.ErrConflict) {
		t.Errorf("a colleague's case: %v", err)
	}
	o.told()
	for _, step := range []struct{ event, stage string }{{bot.CourseAccompany, bot.StageAccompanied}, {bot.CourseWait, bot.StageThird}, {bot.CourseAccompany, bot.StageAccompanied}} {
		if _, err := o.desk.Advance(ctx, o.karim, id, step.event); err != nil {
			t.Fatal(err)
		}
		stage(step.stage)
	}
	if _, err := o.desk.Advance(ctx, o.karim, id, bot.CourseAccompany); !errors.Is(err, bot.ErrConflict) {
		t.Errorf("twice the same: %v", err)
	}
	if got := o.told(); !slices.Equal(got, []string{"progress", "progress", "progress"}) {
		t.Errorf("the dialogue heard %q", got)
	}
	if got := o.sent(); len(got) != 0 {
		t.Errorf("the person was told %q", got)
	}
	for range 2 { // told of a structure, twice: it is oriented once
		if _, err := o.desk.Card(ctx, o.karim, id, "cnss"); err != nil {
			t.Fatal(err)
		}
		stage(bot.StageOriented)
	}
	if _, err := o.desk.Close(ctx, o.karim, id, bot.Closing{Outcome: "accompanied"}); err != nil {
		t.Fatal(err)
	}
	stage(bot.StageClosed)
	if c, _, _ := o.desk.Open(ctx, o.karim, id); len(c.Ways()) != 0 {
		t.Errorf("a closed case goes %v", c.Ways())
	}
	if _, err := o.desk.Advance(ctx, o.karim, id, bot.CourseWait); !errors.Is(err, bot.ErrConflict) {
		t.Errorf("a closed case: %v", err)
	}
	if _, err := o.desk.Reopen(ctx, o.karim, id); err != nil {
		t.Fatal(err)
	}
	stage(bot.StageReopened)
	_, lines, err := o.desk.Open(ctx, o.karim, id)
	if err != nil {
		t.Fatal(err)
	}
	var stages []string
	for _, l := range lines {
		if l.Event == "stage" {
			stages = append(stages, l.Slots["stage"])
		}
	}
	if !slices.Equal(stages, []string{bot.StageAccompanied, bot.StageThird, bot.StageAccompanied, bot.StageOriented}) {
		t.Errorf("the transcript says %q", stages)
	}
}

// TestSteps: what is promised is listed on both sides, ticked with who and when, and gone with its person.
func TestSteps(t *testing.T) {
	o := newOffice(t)
	ctx := t.Context()
	id, peer := o.arrive()
	for _, bad := range [][]bot.Step{nil, {{}}, {{Text: content.Text{content.French: " "}, Doer: bot.DoerPerson}}, {{Text: content.Text{content.French: "a"}, Doer: "nobody"}},
		{{Text: content.Text{"xx": "a"}, Doer: bot.DoerOffice}}, make([]bot.Step, bot.MaxSteps+1)} {
		if _, err := o.desk.AddSteps(ctx, o.amina, id, bad); !errors.Is(err, bot.ErrInvalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	c, list, err := o.desk.Checklist(ctx, o.amina, id, "ad.abandoned-wife")
	if err != nil || len(list) < 4 || list[0].Text[content.French] == "" || list[0].Text[content.Arabic] == "" || c.ID != id {
		t.Fatalf("the checklist: %v %v", list, err)
	}
	if _, _, err := o.desk.Checklist(ctx, o.amina, id, "nothing"); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("no such answer: %v", err)
	}
	due := time.Now().AddDate(0, 0, 7)
	list[0].Due, list[1].Doer = due, bot.DoerOffice
	if _, err := o.desk.AddSteps(ctx, o.amina, id, list[:2]); err != nil {
		t.Fatal(err)
	}
	c, _, err = o.desk.Open(ctx, o.karim, id)
	if err != nil || len(c.Steps) != 2 || c.Steps[0].By != "Amina El Idrissi" || c.Steps[0].Due.Format(time.DateOnly) != due.Format(time.DateOnly) || c.Steps[1].Doer != bot.DoerOffice {
		t.Fatalf("the steps: %+v %v", c.Steps, err)
	}
	first := c.Steps[0].ID
	for range 2 { // the second time changes nothing
		if _, err := o.desk.Tick(ctx, o.karim, id, first, true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.desk.Tick(ctx, o.karim, id, first+999, true); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("no such step: %v", err)
	}
	if _, err := o.desk.Tick(ctx, o.far, id, first, false); !errors.Is(err, bot.ErrForbidden) {
		t.Errorf("another office: %v", err)
	}
	// A step of one case is not reached through another.
	other, _ := o.arrive()
	if _, err := o.desk.DropStep(ctx, o.amina, other, first); !errors.Is(err, bot.ErrNotFound) {
		t.Errorf("a step of another case: %v", err)
	}
	c, lines, err := o.desk.Open(ctx, o.amina, id)
	if done, all := c.Progress(); err != nil || done != 1 || all != 2 || c.Steps[0].Who != "Karim Ouhaddou" || c.Steps[0].Done.IsZero() {
		t.Errorf("ticked: %+v %v", c.Steps, err)
	}
	ticks := 0
	for _, l := range lines {
		if l.Event == "done" {
			ticks++
		}
	}
	if ticks != 1 {
		t.Errorf("%d lines of one tick", ticks)
	}

	// The dialogue of the person has the list as it is now.
	var slots map[string]string
	for {
		err := o.store.Turn(ctx, func(s flows.Session, e bot.Entry) bot.Turn {
			if e.Input.Event == flows.EventProgress {
				slots = e.Input.Slots
			}
			return bot.Turn{Session: s}
		})
		if err != nil {
			break
		}
	}
	want := flows.Promises([]flows.Promise{{Text: list[0].Text[content.French], Done: true, Due: c.Steps[0].Due}, {Text: list[1].Text[content.French], Office: true}})
	if slots["steps"] != want || slots["case"] != c.Reference {
		t.Errorf("the dialogue knows %v, want %s", slots, want)
	}
	if _, err := o.desk.DropStep(ctx, o.amina, id, first); err != nil {
		t.Fatal(err)
	}
	if c, _, _ := o.desk.Open(ctx, o.amina, id); len(c.Steps) != 1 {
		t.Errorf("dropped: %v", c.Steps)
	}
	if err := o.store.Forget(ctx, peer); err != nil {
		t.Fatal(err)
	}
	if c, _, err := o.desk.Open(ctx, o.amina, id); err != nil || len(c.Steps) != 0 {
		t.Errorf("after the person has gone: %v %v", c.Steps, err)
	}
	if _, err := o.desk.AddSteps(ctx, o.amina, id, list[:1]); !errors.Is(err, bot.ErrInvalid) {
		t.Errorf("steps of an erased case: %v", err)
	}
}
