package flows

import (
	"strings"
	"time"

	"baom/content"
)

// surveyAgain is when a survey that was not answered is asked once more, and never after.
const surveyAgain = 24 * time.Hour

// survey asks how it went, once a case is closed: one to five, and a word if they like.
func survey() Flow {
	scale := Scale{}
	return Flow{
		Name: "survey",
		States: map[string]State{
			"score":  {Tell: tellSurvey, Do: startSurvey, Read: []Read{scale}},
			"again":  {Say: "survey.again", Read: []Read{scale}},
			"words":  {Say: "survey.words", Read: []Read{Comment{}}},
			"thanks": {Do: thank, Pass: Pass{[]string{"menu.menu"}, func(*step) string { return "menu.menu" }}},
		},
		Moves: Moves{
			move(EventReminder, "again", "score"),
			move("rated", "words", "score", "again"),
			move("commented", "thanks", "score", "again", "words"),
		},
	}
}

func startSurvey(t *step) {
	t.out = append(t.out, Remind{What: "survey", After: surveyAgain})
	if !t.open() { // else the officer asks in the middle of it
		t.clearForm()
	}
}

// tellSurvey asks for a score, at the end or, where an officer wants to know before, on the way.
func tellSurvey(t *step) {
	page := "survey.score"
	if t.open() {
		page = "survey.score.open"
	}
	t.say(page, nil, t.choices())
}

func thank(t *step) { t.say("survey.thanks", nil, nil) }

// Scale reads a score from 1 to 5; other words are taken as the comment.
type Scale struct{}

func (Scale) yields() []string { return []string{"rated", "commented"} }

func (Scale) offers(*step) []string {
	return []string{"survey.1", "survey.2", "survey.3", "survey.4", "survey.5"}
}

func (Scale) press(t *step, id string) string {
	n := strings.TrimPrefix(id, "survey.")
	if len(n) != 1 || n == id || n[0] < '1' || n[0] > '5' {
		return ""
	}
	t.set("score", n)
	t.out = append(t.out, Rate{Score: int(n[0] - '0')}, Remind{What: "survey"})
	return "rated"
}

func (s Scale) hear(t *step) string {
	if t.in.Kind != Text || t.in.Text == "" {
		return ""
	}
	if n, ok := content.ReadNumber(t.in.Text); ok {
		return s.press(t, "survey."+itoa(n))
	}
	if ev := (Comment{}).hear(t); ev != "" {
		t.out = append(t.out, Remind{What: "survey"})
		return ev
	}
	return ""
}

// Comment reads words about the service.
type Comment struct{}

func (Comment) yields() []string      { return []string{"commented"} }
func (Comment) offers(*step) []string { return []string{"skip"} }

func (Comment) press(_ *step, id string) string {
	if id == "skip" {
		return "commented"
	}
	return ""
}

func (Comment) hear(t *step) string {
	if t.in.Kind != Text && !t.in.Kind.Kept() {
		return ""
	}
	score := 0
	if s := t.s.Slots["score"]; s != "" {
		score = int(s[0] - '0')
	}
	t.set("score", "")
	words := t.in.Text
	if words == "" {
		words = "[" + t.b.lib.Label("kind."+string(t.in.Kind), content.French) + "]"
	}
	t.out = append(t.out, Rate{Score: score, Comment: words})
	return "commented"
}
