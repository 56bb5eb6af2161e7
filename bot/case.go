package bot

import (
	"time"

	"baom/content"
	"baom/flows"
)

// A Case is a dossier: what one person needs from an office.
type Case struct {
	ID        int64
	Reference string
	Office    string  // id of the office
	State     string  // StateOpen, StateClaimed, StateClosed: who holds it
	Stage     string  // one of the stages of Course: how far it has come
	Channel   Channel // by which the person came
	Via       Channel // of its conversation; empty: nothing can be sent
	Lang      content.Lang
	Answers   map[string]string // the intake's fields; Profile and Need among them
	Urgent    string            // kind of danger, or empty
	Officer   int64             // who holds it, 0 if nobody
	Holder    string            // that officer's display name
	Outcome   string            // of a closed case: one of Outcomes
	Structure string            // of an orientation: the id of the structure, if it is one of the directory
	Opened    time.Time
	Claimed   time.Time // zero while nobody has held it
	Closed    time.Time
	Waiting   time.Time // since when the person waits for an answer; zero if we wait for them
	Last      string    // the newest words of the person, shortened, for the queue
	Unread    int       // lines by the person since an officer last wrote
	Score     int       // survey: 1 to 5, 0 if not answered
	Comment   string
	Reachable bool // false when the person has blocked us or the last message failed for good
	Erased    bool // the person had their data erased; only codes and dates are left
	Labels    []int64
	Steps     []Step    // what was promised, in the order in which it was; of a case that is read or changed alone
	Newest    int64     // id of the newest line by the person or an officer; of a case that is read or changed alone
	Remind    time.Time // the day on which whoever follows it wants to be reminded of it; zero: none
	Meeting   *Meeting  // the latest appointment, nil if there never was one; of a case that is read or changed alone
	Proposal  *Proposal // to another office, which the person has not answered yet; nil: none
	Bot       time.Time // since when the bot speaks with the person again, at an officer's wish; zero: it does not
}

// A Proposal is that a case go to another office, if its person agrees. The office reads nothing before.
type Proposal struct {
	Office  string    `json:"office"`
	Officer int64     `json:"officer"` // who proposes it
	By      string    `json:"by"`      // display name
	Reason  string    `json:"reason"`  // as the person is told it
	At      time.Time `json:"at"`
}

// Until is when silence is no.
func (p *Proposal) Until() time.Time { return p.At.Add(flows.ConsentWithin) }

// The states of a case.
const (
	StateOpen    = "open"    // in the queue
	StateClaimed = "claimed" // an officer has it
	StateClosed  = "closed"
)

// The events of a case's life.
const (
	CaseClaim    = "claim"
	CaseRelease  = "release"
	CaseHand     = "hand"
	CaseClose    = "close"
	CaseReopen   = "reopen"
	CaseWithdraw = "withdraw"
)

// The grounds on which a case goes to another office at once, without the bot asking its person.
const (
	GroundDanger = "danger" // of a case that is urgent: somebody may come to harm meanwhile
	GroundLaw    = "law"    // the law says which office; who leads the office decides
	GroundSpoken = "spoken" // the person has agreed aloud, and the bot cannot reach them
)

// Life is a case's machine: the same kind of move table as the dialogues.
func Life() flows.Moves {
	return flows.Moves{
		{Name: CaseClaim, Src: []string{StateOpen}, Dst: StateClaimed},
		{Name: CaseRelease, Src: []string{StateClaimed}, Dst: StateOpen},
		{Name: CaseHand, Src: []string{StateOpen, StateClaimed}, Dst: StateOpen},
		{Name: CaseClose, Src: []string{StateOpen, StateClaimed}, Dst: StateClosed},
		{Name: CaseWithdraw, Src: []string{StateOpen, StateClaimed}, Dst: StateClosed},
		{Name: CaseReopen, Src: []string{StateClosed}, Dst: StateOpen},
	}
}

// Outcomes are how a case can end, as the office's register codes it.
func Outcomes() []string {
	return []string{"informed", "accompanied", "oriented", "no-answer", "withdrawn", "other"}
}

// An Officer works at the desk of an office.
type Officer struct {
	ID       int64
	Login    string
	Name     string // display name; the person sees the first word of it
	Hash     string // of the passphrase (argon2id, PHC string)
	Role     string // RoleOfficer, RoleHead, RoleAdmin, RoleSupervisor, RoleNetwork
	Office   string // id of the office; empty for an administrator and a coordinator
	Langs    []content.Lang
	Disabled bool
	Seen     time.Time // last log-in
	Second   bool      // logs in with a code of the telephone besides
}

// The roles.
const (
	RoleOfficer = "officer" // works on the cases of the own office
	RoleHead    = "head"    // the same, and may take a case from an officer and manage the office's officers
	RoleAdmin   = "admin"   // manages officers of every office and sees the state of the channels; works on every office's cases

	RoleSupervisor = "supervisor" // sees the figures of the own office, and no people
	RoleNetwork    = "network"    // coordinates the network: sees every office's figures, and no people
)

// Roles lists the roles, with what belongs to no single office last.
func Roles() []string { return []string{RoleOfficer, RoleHead, RoleSupervisor, RoleNetwork, RoleAdmin} }

// OfOffice reports whether an officer of a role belongs to one office.
func OfOffice(role string) bool { return role != RoleAdmin && role != RoleNetwork }
