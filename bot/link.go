package bot

import "time"

// A Link is how a channel stands that must be paired with a telephone, as the console shows it.
type Link struct {
	State  LinkState
	Since  time.Time // when the state began
	Until  time.Time // of a ban: when it ends, if the network said so
	Number string    // the paired number, +212…; empty while there is none
	Code   int       // the network's code for a refusal or a ban, 0 if it gave none

	// While it is being paired: the QR to scan, or the code to enter on the telephone, and until when it is good; or what
	// a passkey is asked for.
	QR, Enter string
	Expires   time.Time
	Passkey   bool
	Problem   string // why the last pairing failed, in plain words for the administrator; empty if it did not

	// Errors are how often the network refused a message since the program started, by its code.
	Errors map[int]int64
}

// A LinkState is where a channel's link is.
type LinkState string

// The states of a link.
const (
	LinkOff        LinkState = "off"        // the channel is not in use
	LinkUnpaired   LinkState = "unpaired"   // no telephone yet
	LinkPairing    LinkState = "pairing"    // a QR or a code waits for the telephone
	LinkConnecting LinkState = "connecting" // paired, on the way to the network
	LinkConnected  LinkState = "connected"
	LinkElsewhere  LinkState = "elsewhere" // another process holds the line
	LinkReplaced   LinkState = "replaced"  // another client uses the same keys
	LinkLoggedOut  LinkState = "loggedout" // the telephone, or the network, has removed us: pair again
	LinkBanned     LinkState = "banned"    // for a time
	LinkOutdated   LinkState = "outdated"  // the network takes no clients as old as this program
	LinkRefused    LinkState = "refused"   // the network refuses for another reason
)

// Alarming reports whether an administrator must do something.
func (s LinkState) Alarming() bool {
	switch s {
	case LinkLoggedOut, LinkBanned, LinkOutdated, LinkRefused, LinkReplaced:
		return true
	}
	return false
}
