package flows

import "baom/content"

// menu is where every road leads back to. What a person writes there is a question.
func menu() Flow {
	return Flow{
		Name: "menu",
		States: map[string]State{
			"menu": {Tell: tellMenu, Read: []Read{Find{}}},
			// stopped is a person who asked for silence: nothing is sent until they write again.
			"stopped": {Do: quiet, Tell: func(t *step) { t.say("stopped", nil, nil) }},
		},
		Moves: Moves{
			move("found", "ask/answered", "menu"),
			move("several", "ask/choosing", "menu"),
			move("missed", "ask/missed", "menu"),
		},
	}
}

func tellMenu(t *step) { t.say("menu", nil, menuChoices(t)) }

func menuChoices(t *step) []content.Option {
	var list []content.Option
	if t.s.Pending != "" {
		list = append(list, t.option("back.continue", ""))
	}
	for _, id := range []string{"menu.ask", "menu.intake", "menu.case", "menu.office", "menu.orient", "menu.officer", "menu.language", "menu.data"} {
		if id == "menu.intake" && (t.s.Pending != "" || t.open()) || id == "menu.case" && t.s.Slots["case"] == "" {
			continue
		}
		list = append(list, t.option(id, ""))
	}
	return list
}

func quiet(t *step) { t.out = append(t.out, Remind{What: "survey"}) }
