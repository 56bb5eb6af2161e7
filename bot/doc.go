// Package bot is one conversation from a message to a reply, and the officers' desk.
//
// It holds the vocabulary (Peer, Entry, Message, Case, Officer), the contracts that storage and the channels fulfil
// (Journal, Cases, Messenger), the turn that runs a dialogue's step and turns its effects into rows, delivery with its
// retries, and the desk: what an officer may do with a case, told by the case's own machine.
//
// Everything that happens to a person is one ordered log of entries. An entry is received (boundary A), handled in a
// turn (B); its replies are claimed, sent and marked (C); the media it names are fetched (D); an officer's click
// changes a case (E) and becomes an entry of the same log. Each boundary is one transaction, given to this package as
// a closure: it never sees one.
package bot
