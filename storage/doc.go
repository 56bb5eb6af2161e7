// Package storage is the record: Postgres, with the live sessions in Redis in front. It implements bot.Journal and
// bot.Cases.
//
// # Boundaries
//
// Each is one transaction. What a crash between them leaves is what the next start needs.
//
//	A  Receive  conversation, message, inbox row, wanted media   then the network is told that the message arrived
//	B  Turn     session and rev, the inbox row deleted, replies in the outbox, the case, timers   then Redis
//	C  Deliver  claim (due moves a lease ahead) · send, outside any transaction · mark
//	D  Fetch    claim · fetch, outside any transaction · store
//	E  Change   the case, events in its transcript, entries in the inbox, messages in the outbox
//	F  Erase    claim · the channel forgets, outside any transaction · mark: what a channel keeps beside the record of who
//	            was forgotten in B, by Forget or by Purge
//
// What a crash leaves: before A commits, nothing, and the network sends it again; between A and B, an inbox row; in B, as
// before B; between B and Redis, a copy that is one revision behind and not believed; between C's claim and its mark, a
// message that falls due again when the lease is over. It then goes out a second time, with the same id: a repeat is
// chosen over a loss. Between F's claim and its mark, an erasure that falls due again, which does no harm.
//
// TestProtocol goes through every interleaving of two processes and one crash, and shows which mistake breaks what.
//
// # Groups
//
// The boundaries are logical. Physically, what several conversations want at the same moment shares a transaction, and
// what one conversation wants at once is fused:
//
//	line    entries that arrive, with their turns where those are a new session and words; marks of what went out: one
//	        round trip, one commit (line.go)
//	apart   entries that arrive, with turns that change more: a case, timers, erasure (apart.go)
//	turns   the oldest entries of conversations that wait in the inbox (turn.go)
//	claims  the heads of the outbox that several senders wish for at the same moment (outbox.go)
//
// An entry that arrives for an idle conversation takes its turn before the transaction, on the session as Redis or the row
// has it. The transaction, under the lock, commits it only if the session's revision is still that one and nothing of the
// conversation waits in the inbox; else the entry is filed as by A alone, and the queue's turn calls the step again. Within
// a process the entries of a conversation go through this one at a time (slots in answer.go).
//
// The turn's messages are then born claimed: they stand in the outbox with a lease and are in the hand of this process
// (hands.go), which sends them in order after what it already has in hand of that conversation, and marks them with the
// next group. If something else of the conversation waits in the outbox they are not, and wait behind it. A crash between
// the commit and the mark leaves what a crash in C leaves: the message goes out again when the lease is over, with the
// same id.
//
// A group that fails is split, down to the one that fails; that one is filed and tried again by itself. The line passes
// over conversations that somebody else holds, and never waits for a lock of theirs.
//
// # Lock order
//
// A conversation's row is the lock of everything that happens to it, taken "for no key update", which does not conflict
// with the key share that a foreign key takes. Whoever locks more than one row takes them in this order:
//
//  1. the conversations  A, B, E, Forget, Purge; adopt, which joins two; D's storing; a reply that is kept, posted, taken
//     back or tried again; a draft; an answer that is told to who waits; C's mark, where the keyboard or the reach of the
//     person changes; several by id, or skipping those that are locked. Where the conversation of a case is locked, the
//     case may have moved meanwhile: it is looked at again under the lock (lockCase)
//  2. its cases          by id
//  3. the to-do rows: inbox, outbox, media_wanted, erasures
//  4. media, messages, people
//
// A claim locks to-do rows, up to 32 at once, and nothing else; what chooses among many rows skips those that are locked. So ids of
// messages are in commit order per conversation, and there is no cycle.
//
// # Several processes
//
// Any number of processes may work on one record; an advisory lock on a connection of its own gives each channel's socket to
// one of them (Store.Hold). What a process has in hand bears its number, and another advisory lock shows that it lives: what
// one that has ended had in hand falls due within a second or so (holders.go), and the lease is left for one that hangs. A
// process that lives and knows that a message went out insists on its mark while the database is away, for half a lease.
//
// # Clocks
//
// What is due is due by this program's clock. Where that was ahead and is set right, or another process's is, what was due
// at once lies in the future: it still holds back what comes after it, and is made due at the start of a process and where
// a running one sees its clock go back (clock.go). Of what the inbox holds only timers may be due later for a reason.
//
// # Redis
//
// Redis holds a copy of each live session with its revision. A turn reads it first and believes it only if the revision
// is that of the locked row; it may be flushed, behind, ahead or absent at any moment.
//
// # Receipts
//
// What a channel tells of messages that have come to a person is noted some together, beside the line: one row a
// conversation, which only grows, needs no other lock and is told to who has the case open. What is lost of it, a later
// receipt says again.
//
// # Sealing
//
// Everything personal is AES-256-GCM with a data key per person, wrapped by the office's key, wrapped by the secret
// key. What must be found is found by keyed hashes: a peer, the parts of a name, the last digits of a phone. Plain are
// codes and dates: profile, need, office, language, channel, state, urgency. See seal.go.
package storage
