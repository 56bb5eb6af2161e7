package bot

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// An Act is something that an officer did and answers for: whom it concerns is told by codes and numbers alone.
type Act struct {
	ID        int64
	At        time.Time // filled in by the record
	Officer   int64     // who; 0: whoever runs the program, by a command
	Name      string    // their display name, as it is now
	What      string    // one of Acts
	Office    string    // whose case, list or officer it is; empty: of all offices
	Case      int64     // 0: of none
	Reference string    // of the case
	About     int64     // the officer whose rights were changed; 0: of none
	AboutName string    // their display name, as it is now
	N         int       // how many cases were taken over
}

// What officers answer for.
const (
	ActRead     = "read"     // opened a case, or anything of it
	ActSheet    = "sheet"    // printed the sheet of a case
	ActReceipt  = "receipt"  // printed its receipt
	ActRegister = "register" // looked at a register
	ActExport   = "export"   // took a register away as a workbook
	ActImport   = "import"   // took a list over
	ActAppoint  = "appoint"  // made an account
	ActRenew    = "renew"    // gave it another passphrase
	ActDisable  = "disable"  // closed it
	ActEnable   = "enable"   // opened it again
	ActEntrust  = "entrust"  // gave it another role or office
	ActEndLogin = "endlogin" // ended a log-in of it
	ActReset    = "reset"    // took its second factor away
)

// Acts lists what officers answer for.
func Acts() []string {
	return []string{ActRead, ActSheet, ActReceipt, ActRegister, ActExport, ActImport, ActAppoint, ActRenew, ActDisable, ActEnable, ActEntrust, ActEndLogin, ActReset}
}

// SameSitting is for how long an officer who looks at the same again does one thing: a page that is kept up to date is read
// once.
const SameSitting = 10 * time.Minute

// KeptActs is for how many months acts are kept.
const KeptActs = 13

// Audit is the record of acts.
type Audit interface {
	// Read is a case with its transcript, as by Cases.Case, for somebody who answers for it: look is asked before anything
	// of the transcript is read, and either refuses or says what is done, which is filed on the way, in the same round trip
	// as the transcript is read.
	Read(ctx context.Context, id int64, look func(*Case) (Act, error)) (*Case, []Line, error)

	// Note files an act. Looking again within SameSitting at what was looked at files nothing.
	Note(ctx context.Context, a Act) error

	// Acts lists them, the latest first.
	Acts(ctx context.Context, q ActQuery) ([]Act, error)
}

// An ActQuery selects acts.
type ActQuery struct {
	Office    string // id; empty: of all
	Officer   int64  // who; 0: whoever
	What      string // empty: whatever
	Reference string // of a case, exact
	Before    int64  // page on: acts before this id
	Limit     int
}

// Acts lists what was done with the cases, lists and officers of an office: its head reads that, and an administrator of
// every office.
func (d *Desk) Acts(ctx context.Context, who *Officer, q ActQuery) ([]Act, error) {
	if q.Office == "" && who.Role != RoleAdmin {
		q.Office = who.Office
	}
	if who.Role != RoleAdmin && !who.Leads(q.Office) {
		return nil, fmt.Errorf("read the audit log: %w", ErrForbidden)
	}
	return d.Cases.Acts(ctx, q)
}

// note files what an officer does.
func (d *Desk) note(ctx context.Context, who *Officer, a Act) error {
	a.Officer = who.ID
	return d.Cases.Note(ctx, a)
}

// Export is List for a register that is taken away as a workbook.
func (d *Desk) Export(ctx context.Context, who *Officer, q Selection) (iter.Seq2[*Case, error], error) {
	list, err := d.List(ctx, who, q)
	if err != nil {
		return nil, err
	}
	return list, d.noteList(ctx, who, q, ActExport)
}

// noteList files that an officer looks at a register, or takes it away.
func (d *Desk) noteList(ctx context.Context, who *Officer, q Selection, what string) error {
	a := Act{What: what, Office: who.Office}
	if len(q.Offices) == 1 {
		a.Office = q.Offices[0]
	}
	return d.note(ctx, who, a)
}
