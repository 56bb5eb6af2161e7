package flows

import (
	"slices"
	"strings"
	"time"

	"baom/content"
)

// ConsentWithin is how long a person has to answer whether their case may go to another office. Silence is no.
const ConsentWithin = 3 * 24 * time.Hour

// transfer asks a person whether their case may go to another office, which will then read it: yes, no, or a question of
// theirs, which goes to the officer. Their answer counts wherever they have gone in between.
func transfer() Flow {
	onwards := Pass{[]string{"waiting", "live"}, waitingOrLive}
	return Flow{
		Name: "transfer",
		States: map[string]State{
			"asked":    {Tell: tellProposed("transfer.asked"), Read: []Read{Proposed{}}},
			"question": {Tell: tellProposed("transfer.question"), Read: []Read{Proposed{}}},
			"agreed":   {Do: func(t *step) { t.answerProposal(TransferYes, "transfer.agreed") }, Pass: onwards},
			"kept":     {Do: func(t *step) { t.answerProposal(TransferNo, "transfer.kept") }, Pass: onwards},
			"lapsed":   {Do: func(t *step) { t.answerProposal(TransferSilence, "transfer.lapsed") }, Pass: onwards},
			"recalled": {Do: recallProposal, Pass: onwards},
		},
		Moves: Moves{
			move("transfer.question", "question", "asked", "question"),
			move("relayed", "asked", "asked"),
			move("relayed", "question", "question"),
			move("waiting", "handoff/waiting", "agreed", "kept", "recalled", "lapsed"),
			move("live", "handoff/live", "agreed", "kept", "recalled", "lapsed"),
		},
	}
}

// Proposed reads the answer to a proposal. Consent is a button, or a word that says nothing else; all other words are for the
// officer.
type Proposed struct{}

func (Proposed) yields() []string {
	return []string{"transfer.yes", "transfer.no", "transfer.question", "relayed"}
}
func (Proposed) offers(*step) []string { return nil }

func (Proposed) press(t *step, id string) string {
	for _, answer := range []string{"transfer.yes", "transfer.no", "transfer.question"} {
		if office := t.s.Slots["transfer.to"]; office != "" && id == answer+"."+office {
			return answer
		}
	}
	return ""
}

func (p Proposed) hear(t *step) string {
	if t.in.Kind == Text && t.in.Text == "" || t.in.Kind != Text && !t.in.Kind.Kept() {
		return ""
	}
	if t.in.Kind == Text && !asks(t.in.Text) && len(strings.Fields(t.in.Text)) <= 3 {
		if id, ok := t.b.lib.Match(t.in.Text, []string{"transfer.yes", "transfer.no"}); ok {
			return p.press(t, id+"."+t.s.Slots["transfer.to"])
		}
	}
	t.relay()
	t.say("transfer.noted", nil, t.proposalChoices())
	return "relayed"
}

// proposalChoices are the answers to the proposal that stands. Each names its office: an old button never agrees to another.
func (t *step) proposalChoices() []content.Option {
	var list []content.Option
	for _, id := range []string{"transfer.yes", "transfer.no", "transfer.question"} {
		list = append(list, t.option(id, id+"."+t.s.Slots["transfer.to"]))
	}
	return list
}

// answersProposal reports whether a button answers the proposal that stands, wherever the person is.
func (t *step) answersProposal(id string) (event string, ok bool) {
	event = (Proposed{}).press(t, id)
	return event, event == "transfer.yes" || event == "transfer.no"
}

func tellProposed(page string) func(*step) {
	return func(t *step) { t.say(page, t.proposalSlots(), t.proposalChoices()) }
}

func (t *step) proposalSlots() map[string]string {
	slots := map[string]string{"officer": t.s.Slots["transfer.by"], "reason": t.s.Slots["transfer.reason"]}
	for slot, id := range map[string]string{"office": t.s.Slots["transfer.to"], "here": t.s.Slots["case.office"]} {
		if o := t.b.lib.Office(id); o != nil {
			slots[slot] = o.Name.In(t.s.Lang)
		}
	}
	return slots
}

// propose keeps what an officer proposes, and sets the day on which silence is no.
func (t *step) propose() {
	t.set("transfer.to", t.in.Slots["office"])
	t.set("transfer.case", t.in.Slots["case"])
	t.set("transfer.by", t.in.Slots["officer"])
	t.set("transfer.reason", t.in.Slots["reason"])
	t.out = append(t.out, Remind{What: "transfer", After: ConsentWithin})
}

// unpropose forgets the proposal that stands, if there is one.
func (t *step) unpropose() {
	if t.s.Slots["transfer.to"] == "" {
		return
	}
	for _, slot := range []string{"transfer.to", "transfer.case", "transfer.by", "transfer.reason"} {
		t.set(slot, "")
	}
	t.out = append(t.out, Remind{What: "transfer"})
}

// answerProposal gives the person's answer to the desk, and says what it means.
func (t *step) answerProposal(answer, page string) {
	slots := t.proposalSlots()
	slots["reference"] = t.s.Slots["case"]
	t.out = append(t.out, t.transfer(answer))
	if answer == TransferYes {
		t.loseMeeting()
		t.set("case.office", t.s.Slots["transfer.to"])
		t.set("case.state", "open")
		t.set("case.officer", "")
	}
	t.unpropose()
	t.say(page, slots, nil)
}

// transfer is the person's answer to the proposal that stands.
func (t *step) transfer(answer string) Transfer {
	return Transfer{Answer: answer, Office: t.s.Slots["transfer.to"], Case: t.s.Slots["transfer.case"]}
}

// recallProposal says that nothing moves. The office is the case's as the desk has it.
func recallProposal(t *step) {
	t.set("case.office", t.in.Slots["office"])
	t.unpropose()
	t.say("transfer.recalled", t.proposalSlots(), nil)
}

// beside reports whether what happened at the desk leaves the person where they are, with a proposal to answer, and says it.
func (t *step) beside() bool {
	if t.s.Slots["transfer.to"] == "" || t.s.Flow != "transfer" || !slices.Contains([]string{EventClaimed, EventReleased, EventHanded}, t.in.Event) {
		return false
	}
	t.say("handoff."+t.in.Event, t.caseSlots(), nil)
	return true
}
