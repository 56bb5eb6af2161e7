package flows

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"baom/content"
)

// A Player plays one conversation from lines that people can write and read: the terminal's `baom talk`, and the
// dialogues under testdata. A line is what the person writes, or
//
//	[Label]                 the choice with this label is pressed
//	(vocal) (photo) (vidéo) (document) (contact) (autocollant) (autre)   something is sent, with a caption after it
//	(position 30.42 -9.59)  a location is shared
//	(modifié) words         an earlier message is changed
//	(bouton need.A1)        a button of long ago is pressed, by its id
//	* Amina prend le dossier · * le dossier est remis · * le dossier passe à Hassan · * le dossier est fermé
//	* le dossier avance : third | vous: words | nous: words | fait: words      its stage, and what was promised
//	* le code relie AG-7F3K-92 agadir Amina · * le code ne marche pas          what came of the code of a receipt
//	* le dossier est rouvert · * rappel survey · * 20 jours passent      something happens elsewhere
//	* rendez-vous le 2026-11-26 10:00 · * rendez-vous déplacé au 2026-11-27 09:30 · * rendez-vous annulé · * rendez-vous proche
//	* 8 heures passent · * d'habitude agadir day                          how soon an office usually answers
//	* Amina propose tiznit : sa raison · * la proposition est retirée    may another office have the case?
//	* la conversation revient au bot : field.nationality                 or intake, menu, survey
type Player struct {
	Book    *Book
	Session Session
	Now     time.Time
	Seed    uint64
	Expect  map[string]string // as Input has it

	offered []content.Option
}

// Play takes one line through the dialogue and returns what it causes. An error says that the line makes no sense.
func (p *Player) Play(line string) ([]Effect, error) {
	in, err := p.input(strings.TrimSpace(line))
	if err != nil || in == nil {
		return nil, err
	}
	p.Now = p.Now.Add(time.Minute)
	p.Seed = p.Seed*6364136223846793005 + 1442695040888963407
	in.At, in.Seed, in.Expect = p.Now, p.Seed, p.Expect
	var effects []Effect
	p.Session, effects = p.Book.Step(p.Session, *in)
	for _, e := range effects {
		if say, ok := e.(Say); ok && say.Choices != nil {
			p.offered = say.Choices
		}
	}
	return effects, nil
}

// input reads a line; nil without an error is a line that only lets time pass.
func (p *Player) input(line string) (*Input, error) {
	if what, ok := strings.CutPrefix(line, "* "); ok {
		return p.event(what)
	}
	in, err := ReadLine(line, p.offered)
	return &in, err
}

// ReadLine reads what a person does, written as for a Player, where those choices are offered.
func ReadLine(line string, offered []content.Option) (Input, error) {
	switch {
	case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
		label := line[1 : len(line)-1]
		for _, o := range offered {
			if o.Label == label {
				return Input{Choice: o.ID}, nil
			}
		}
		return Input{}, fmt.Errorf("no choice %q among %v", label, offered)
	case strings.HasPrefix(line, "("):
		what, caption, ok := strings.Cut(line[1:], ")")
		if !ok {
			break
		}
		word, rest, _ := strings.Cut(what, " ")
		kinds := map[string]Kind{"vocal": Voice, "photo": Image, "vidéo": Video, "document": Document, "contact": Contact,
			"autocollant": Sticker, "autre": Other, "position": Location}
		in := Input{Text: strings.TrimSpace(caption)}
		switch word {
		case "bouton":
			return Input{Choice: rest}, nil
		case "modifié":
			in.Edited = true
			return in, nil
		case "position":
			in.Kind = Location
			if _, err := fmt.Sscan(rest, &in.Lat, &in.Lon); err != nil {
				return Input{}, fmt.Errorf("a position is two numbers: %w", err)
			}
			return in, nil
		}
		if kind, ok := kinds[word]; ok {
			in.Kind = kind
			return in, nil
		}
	}
	return Input{Text: line}, nil
}

func (p *Player) event(line string) (*Input, error) {
	words := strings.Fields(line)
	has := func(w string) bool { return strings.Contains(" "+line+" ", " "+w+" ") }
	last := words[len(words)-1]
	if rest, ok := strings.CutPrefix(line, "le code relie "); ok { // reference, office, officer
		f := append(strings.Fields(rest), "", "", "")
		return &Input{Event: EventLinked, Slots: map[string]string{"case": f[0], "office": f[1], "officer": f[2], "state": "claimed", "stage": "open"}}, nil
	}
	if line == "le code ne marche pas" {
		return &Input{Event: EventUnlinked}, nil
	}
	if what, rest, ok := strings.Cut(line, "avance : "); ok && what == "le dossier " {
		return p.progress(rest), nil
	}
	switch {
	case has("propose"):
		_, reason, _ := strings.Cut(line, " : ")
		return &Input{Event: EventProposed, Slots: map[string]string{"officer": words[0], "office": words[2], "reason": reason}}, nil
	case has("retirée"):
		return &Input{Event: EventRecalled, Slots: map[string]string{"office": p.Session.Slots["case.office"]}}, nil
	case has("revient"):
		return &Input{Event: EventReturned, Slots: map[string]string{"to": last}}, nil
	case has("d'habitude"):
		p.Expect = map[string]string{words[1]: last}
		return nil, nil
	case has("heures"):
		n, err := strconv.Atoi(words[0])
		if err != nil {
			return nil, fmt.Errorf("how many hours? %w", err)
		}
		p.Now = p.Now.Add(time.Duration(n) * time.Hour)
		return nil, nil
	case has("jours"):
		n, err := strconv.Atoi(words[0])
		if err != nil {
			return nil, fmt.Errorf("how many days? %w", err)
		}
		p.Now = p.Now.AddDate(0, 0, n)
		return nil, nil
	case has("rendez-vous"):
		return p.meeting(line)
	case has("prend"):
		return &Input{Event: EventClaimed, Slots: map[string]string{"officer": words[0]}}, nil
	case has("remis"):
		return &Input{Event: EventReleased}, nil
	case has("passe"):
		return &Input{Event: EventHanded, Slots: map[string]string{"to": last}}, nil
	case has("fermé"):
		return &Input{Event: EventClosed, Slots: map[string]string{"outcome": "informed"}}, nil
	case has("rouvert"):
		return &Input{Event: EventReopened}, nil
	case has("rappel"):
		return &Input{Event: EventReminder, Slots: map[string]string{"what": last}}, nil
	}
	return nil, fmt.Errorf("what happened? %q", line)
}

// meeting reads what happens to the appointment: there is one.
func (p *Player) meeting(line string) (*Input, error) {
	slots := map[string]string{"meeting": "1", "minutes": "30", "office": p.Session.Slots["case.office"], "reference": p.Session.Slots["case"],
		"at": p.Session.Slots["meeting.at"], "how": MeetingProposed}
	in := &Input{Event: EventMeeting, Slots: slots}
	words := strings.Fields(line)
	switch {
	case strings.HasSuffix(line, "annulé"):
		slots["how"] = MeetingOff
		return in, nil
	case strings.HasSuffix(line, "proche"):
		in.Event = EventMeetingNear
		return in, nil
	case strings.Contains(line, "déplacé"):
		slots["how"] = MeetingMoved
	}
	if len(words) < 3 {
		return nil, fmt.Errorf("when is it? %q", line)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", strings.Join(words[len(words)-2:], " "), p.Now.Location())
	if err != nil {
		return nil, fmt.Errorf("when is it? %w", err)
	}
	slots["at"] = at.Format(time.RFC3339)
	return in, nil
}

// Transcript writes effects as people read them: the bot's words with the choices in brackets after them, and what
// else is done as lines that begin with #.
func Transcript(effects []Effect) string {
	var out strings.Builder
	for _, effect := range effects {
		switch e := effect.(type) {
		case Say:
			out.WriteString(e.Text)
			for i, o := range e.Choices {
				if i == 0 {
					out.WriteString("\n")
				} else {
					out.WriteString(" ")
				}
				out.WriteString("[" + o.Label + "]")
			}
			if e.Audio != "" {
				out.WriteString("\n# voix : " + e.Audio)
			}
			if m := e.Meeting; m != nil {
				fmt.Fprintf(&out, "\n# agenda : %s, %s, %s", m.Reference, m.At.Format("2006-01-02 15:04"), m.Place)
				if m.Off {
					out.WriteString(", annulé")
				}
			}
			if c := e.Card; c != nil {
				fmt.Fprintf(&out, "\n# carte : %s", c.Name)
				if c.Phone != "" {
					out.WriteString(", " + c.Phone)
				}
				if c.HasPoint() {
					fmt.Fprintf(&out, ", %.2f %.2f", c.Lat, c.Lon)
				}
			}
		case OpenCase:
			fmt.Fprintf(&out, "# dossier %s, bureau %s, %v", e.Reference, e.Office, e.Answers)
		case Relay:
			out.WriteString("# transmis à l'agent")
		case Withdraw:
			out.WriteString("# demande annulée")
		case Transfer:
			fmt.Fprintf(&out, "# autre bureau : %s %s", e.Answer, e.Office)
		case Link:
			fmt.Fprintf(&out, "# code %s", e.Code)
		case Rate:
			fmt.Fprintf(&out, "# note %d, « %s »", e.Score, e.Comment)
		case Remind:
			fmt.Fprintf(&out, "# rappel %s dans %s", e.What, e.After)
		case Attend:
			fmt.Fprintf(&out, "# rendez-vous : %s", e.Answer)
		case Alert:
			fmt.Fprintf(&out, "# urgent : %s", e.Kind)
		case Asked:
			words := e.Question
			if words != "" {
				words = "« " + words + " », "
			}
			fmt.Fprintf(&out, "# question notée : %s%s %s", words, e.Outcome, e.Answer)
		case Forget:
			out.WriteString("# tout est effacé")
		}
		out.WriteString("\n\n")
	}
	return out.String()
}

// progress is how far the open case has come: its stage, then what was promised, by whom or done.
func (p *Player) progress(line string) *Input {
	parts := strings.Split(line, " | ")
	var list []Promise
	for _, part := range parts[1:] {
		who, words, _ := strings.Cut(part, ": ")
		list = append(list, Promise{Text: words, Office: who == "nous", Done: who == "fait"})
	}
	return &Input{Event: EventProgress, Slots: map[string]string{"case": p.Session.Slots["case"], "stage": parts[0], "steps": Promises(list)}}
}
