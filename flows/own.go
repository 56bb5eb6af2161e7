package flows

import (
	"strings"

	"baom/content"
)

// ownCase tells a person where their case is.
func ownCase() Flow {
	return Flow{
		Name: "case",
		States: map[string]State{
			"status": {Pass: Pass{[]string{EventProposed}, askedOfCase}, Tell: tellCase, Read: []Read{Find{}}},
		},
		Moves: Moves{
			move("found", "ask/answered", "status"),
			move("several", "ask/choosing", "status"),
			move("missed", "ask/missed", "status"),
		},
	}
}

func tellCase(t *step) {
	page := "case.none"
	choices := []content.Option{t.option("menu.intake", ""), t.option("menu.officer", ""), t.option("menu.menu", "")}
	if t.s.Slots["case"] != "" {
		page = "case." + t.s.Slots["case.state"]
	}
	if t.open() {
		choices = []content.Option{t.option("menu.officer", ""), t.option("handoff.cancel", ""), t.option("menu.menu", "")}
	}
	if _, ok := t.comingMeeting(); !ok || !t.open() {
		t.tell(page, t.caseTold(page), choices)
		return
	}
	about := "meeting.coming"
	if t.s.Slots["meeting.answer"] == MeetingNo || t.s.Slots["meeting.answer"] == MeetingOther {
		about = "meeting.refused"
	} else if t.s.Slots["meeting.answer"] == "" {
		choices = append(t.options(meetingAnswers), choices...)
	}
	t.tell(page, t.caseTold(page)+"\n\n"+t.aboutMeeting(about), choices)
}

// caseTold is where the case is, and how far it has come.
func (t *step) caseTold(page string) string {
	text := t.page(page, t.caseSlots())
	if more := t.progress(); page != "case.none" && more != "" {
		text += "\n\n" + more
	}
	return text
}

// askedOfCase leads to the question about the case that still waits for an answer.
func askedOfCase(t *step) string {
	if t.s.Slots["transfer.to"] == "" {
		return ""
	}
	t.say("case."+t.s.Slots["case.state"], t.caseSlots(), nil)
	return EventProposed
}

// ownData shows a person what is held about them, and erases it for good.
func ownData() Flow {
	return Flow{
		Name: "data",
		States: map[string]State{
			"shown":   {Tell: tellData, Read: []Read{Options{"data.erase", "menu.menu"}}},
			"confirm": {Say: "data.confirm", Read: []Read{Options{"erase.yes", "erase.no"}}},
			"erased":  {Do: erase, Tell: func(t *step) { t.say("data.erased", nil, nil) }},
			"kept":    {Do: func(t *step) { t.say("data.kept", nil, nil) }, Pass: Pass{[]string{"menu.menu"}, func(*step) string { return "menu.menu" }}},
		},
		Moves: Moves{
			move("data.erase", "confirm", "shown"),
			move("erase.yes", "erased", "confirm"),
			move("erase.no", "kept", "confirm"),
		},
	}
}

func tellData(t *step) {
	list := t.held()
	if t.s.Slots["case"] != "" {
		list += "- " + t.page("case."+t.s.Slots["case.state"], t.caseSlots()) + "\n"
	}
	if t.s.Consent == "no" || t.s.Consent == "" && list == "" {
		t.say("data.nothing", nil, t.choices())
		return
	}
	list += "- " + t.page("data.messages", nil) + "\n"
	t.tell("data.shown", t.page("data.shown", nil)+"\n\n"+list+"\n"+t.page("data.ask", nil), t.choices())
}

// erase forgets everything but the language: the session starts as that of somebody who never wrote.
func erase(t *step) {
	t.s = Session{Lang: t.s.Lang, Flow: "data", State: "erased", Slots: map[string]string{"lang.by": t.s.Slots["lang.by"]}}
	t.out = append(t.out, Forget{})
}

// office finds a bureau by the name of a commune or by a shared location.
func office() Flow {
	return Flow{
		Name: "office",
		States: map[string]State{
			"where": {Pass: Pass{Place{}.yields(), Place{}.hear}, Say: "office.where", Read: []Read{Place{}, Options{"menu.menu"}}},
			"among": {Tell: tellAmong, Read: []Read{Place{}, Options{"menu.menu"}}},
			"shown": {Tell: tellOffice, Read: []Read{Options{"menu.office", "menu.officer", "menu.menu"}, Place{}, Find{}}},
		},
		Moves: Moves{
			move("placed", "shown", "where", "among", "shown"),
			move("several places", "among", "where", "among", "shown"),
			move("found", "ask/answered", "shown"),
			move("several", "ask/choosing", "shown"),
			move("missed", "ask/missed", "shown"),
		},
	}
}

// tellAmong lists the offices of a province.
func tellAmong(t *step) {
	var choices []content.Option
	for _, id := range strings.Fields(t.s.Slots["place.among"]) {
		if t.b.lib.Office(id) != nil {
			choices = append(choices, t.option("commune."+id, ""))
		}
	}
	t.say("office.among", nil, append(choices, t.option("menu.menu", "")))
}

func tellOffice(t *step) {
	o := t.b.lib.Office(t.s.Slots["place"])
	if o == nil {
		t.say("office.where", nil, nil)
		return
	}
	slots := map[string]string{
		"office": o.Name.In(t.s.Lang), "province": o.Province.In(t.s.Lang), "address": o.Address.In(t.s.Lang),
		"phone": o.Phone, "km": t.s.Slots["place.km"], "hours": o.HoursOn(t.in.At, t.s.Lang),
	}
	pages := []string{"office.shown"}
	if slots["km"] != "" {
		pages[0] = "office.far"
	}
	if slots["address"] != "" {
		pages = append(pages, "office.address")
	} else {
		pages = append(pages, "office.commune")
	}
	if slots["phone"] != "" {
		pages = append(pages, "office.phone")
	}
	if o.HoursConfirmed {
		pages = append(pages, "handoff.hours")
	} else if slots["hours"] != "" {
		pages = append(pages, "handoff.hours.unconfirmed")
	}
	text := ""
	for _, p := range append(pages, "office.free") {
		text += t.page(p, slots) + "\n\n"
	}
	var choices []content.Option
	for _, id := range []string{"menu.office", "menu.officer", "menu.menu"} {
		choices = append(choices, t.option(id, ""))
	}
	text = strings.TrimSpace(text)
	t.tell("office.shown", text, choices)
	card := &Card{Name: "BAOM " + o.Name.In(t.s.Lang), Address: slots["address"], Lat: o.Lat, Lon: o.Lon, Phone: international(o.Phone)}
	if card.Address == "" {
		card.Address = t.page("office.place."+o.Coordinates, slots)
	}
	t.out[len(t.out)-1] = Say{Page: "office.shown", Text: text, Choices: choices, Card: card}
}
