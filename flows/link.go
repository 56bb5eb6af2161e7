package flows

import "strings"

// link joins a case that was opened at the desk to this conversation, by the code of its receipt. It asks first, and shows
// nothing of the case before the code has been proved.
func link() Flow {
	return Flow{
		Name: "link",
		States: map[string]State{
			"start":    {Pass: Pass{[]string{"unagreed", "none", "confirm"}, startLink}},
			"unagreed": {Do: func(t *step) { t.set("goal", "menu.link") }, Pass: Pass{[]string{"ask"}, func(*step) string { return "ask" }}},
			"none":     {Tell: func(t *step) { t.say("link.wrong", nil, menuChoices(t)) }},
			"confirm":  {Say: "link.confirm", Read: []Read{Options{"link.yes", "link.no"}}},
			"trying":   {Do: tryLink, Say: "link.trying", Read: []Read{Find{}}},
			"dropped": {Do: func(t *step) { t.set("code", ""); t.say("link.dropped", nil, nil) },
				Pass: Pass{[]string{"menu.menu"}, func(*step) string { return "menu.menu" }}},
		},
		Moves: Moves{
			move("unagreed", "unagreed", "start"),
			move("ask", "welcome/needed", "unagreed"),
			move("none", "none", "start"),
			move("confirm", "confirm", "start"),
			move("link.yes", "trying", "confirm"),
			move("link.no", "dropped", "confirm"),
			move("found", "ask/answered", "trying"),
			move("several", "ask/choosing", "trying"),
			move("missed", "ask/missed", "trying"),
		},
	}
}

func startLink(t *step) string {
	switch {
	case t.s.Slots["code"] == "":
		return "none"
	case t.s.Consent != "yes":
		return "unagreed"
	}
	return "confirm"
}

func tryLink(t *step) {
	t.out = append(t.out, Link{Code: t.s.Slots["code"]})
	t.set("code", "")
}

// linked tells what came of a code. A case that is open already stays the one that the dialogue is about.
func (t *step) linked() {
	if t.at("link", "trying") {
		t.s.Flow, t.s.State = "menu", "menu"
	}
	if t.in.Event == EventUnlinked {
		page := "link.wrong"
		if t.in.Slots["why"] == "tries" {
			page = "link.tries"
		}
		t.say(page, nil, menuChoices(t))
		return
	}
	if !t.open() {
		t.dropProgress()
		t.set("case", t.in.Slots["case"])
		t.set("case.state", t.in.Slots["state"])
		t.set("case.office", t.in.Slots["office"])
		t.set("case.officer", t.in.Slots["officer"])
		t.keepProgress()
	}
	slots := t.caseSlots()
	slots["reference"] = t.in.Slots["case"]
	t.say("link.done", slots, menuChoices(t))
}

// linkLetters is how many letters a code has, without the one that catches a slip.
const linkLetters = 8

// LinkCode makes a code of random bytes, sixteen or more, such as K7M-P3F-XQ2: eight letters and one that catches a slip.
func LinkCode(random []byte) string {
	code := make([]byte, linkLetters)
	for i := range code {
		code[i] = referenceLetters[(int(random[2*i])<<8|int(random[2*i+1]))%len(referenceLetters)]
	}
	if !strings.ContainsAny(string(code), "23456789") { // so that no word is taken for one
		code[int(random[0])%linkLetters] = "23456789"[random[1]%8]
	}
	s := string(code) + string(linkCheck(string(code)))
	return s[:3] + "-" + s[3:6] + "-" + s[6:]
}

func linkCheck(code string) byte {
	sum := 7
	for _, r := range code {
		sum = (sum*37 + int(r)) % 131
	}
	return referenceLetters[sum%len(referenceLetters)]
}

// ParseLinkCode reads a code that somebody typed, and nothing besides: case, spaces and dashes are ignored. ok is false
// where it is none.
func ParseLinkCode(typed string) (code string, ok bool) {
	if len(typed) > 40 {
		return "", false
	}
	s := strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\u00a0", "", ".", "").Replace(typed))
	if len(s) != linkLetters+1 || strings.Trim(s, referenceLetters) != "" || !strings.ContainsAny(s[:linkLetters], "23456789") || linkCheck(s[:linkLetters]) != s[linkLetters] {
		return "", false
	}
	return s[:3] + "-" + s[3:6] + "-" + s[6:], true
}
