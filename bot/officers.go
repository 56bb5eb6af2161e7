package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Workday is how long a log-in lasts.
const Workday = 12 * time.Hour

// Officers is the record of who works at the desk, and of their log-ins. Each of its changes writes what it names and
// nothing else, so that two that cross never undo one another.
type Officers interface {
	// Officer finds an officer by id or login; ErrNotFound. Officers lists those of an office, or all for "".
	Officer(ctx context.Context, id int64) (*Officer, error)
	OfficerByLogin(ctx context.Context, login string) (*Officer, error)
	Officers(ctx context.Context, office string) ([]Officer, error)

	// SaveOfficer makes an officer and fills in the ID. ErrConflict: the login is taken.
	SaveOfficer(ctx context.Context, o *Officer) error

	// SetPassphrase gives an officer another hash and ends all their log-ins. Where old is not empty it must be the hash
	// until now, and the officer must not be disabled: else it is an ErrConflict.
	SetPassphrase(ctx context.Context, id int64, old, hash string) error

	// SetDisabled closes an officer's account, which ends all their log-ins, or opens it again. ErrNotFound.
	SetDisabled(ctx context.Context, id int64, disabled bool) error

	// SetRights gives an officer another role or office, and ends all their log-ins. ErrNotFound.
	SetRights(ctx context.Context, id int64, role, office string) error

	// LogIn begins a log-in of the officer and fills in its ID. ErrConflict: the officer has been disabled, or has another
	// hash by now than the one that was checked.
	LogIn(ctx context.Context, l *Login, hash string) error

	// Login is whose log-in it is, and notes that it was used. ErrNotFound: it is over, or its officer is disabled.
	Login(ctx context.Context, id int64) (*Officer, error)

	// Logins lists the log-ins of an officer that are not over, the last to begin first.
	Logins(ctx context.Context, officer int64) ([]Login, error)

	// EndLogin ends one of an officer's. ErrNotFound.
	EndLogin(ctx context.Context, officer, id int64) error

	// OfferSecond keeps the secret of a second factor that is not in force yet. ErrConflict: one is in force.
	OfferSecond(ctx context.Context, officer int64, secret string) error

	// Second is the secret of an officer's second factor, in force or offered. ErrNotFound.
	Second(ctx context.Context, officer int64) (secret string, err error)

	// TakeStep notes that the code of a step was taken, which puts an offered second factor in force. ErrConflict: one of
	// the same step, or of a later one, was taken before.
	TakeStep(ctx context.Context, officer, step int64) error

	// SetRecovery replaces the codes with which an officer gets in without the telephone, once each. TakeRecovery takes one:
	// ErrNotFound. Recovery counts those that are left.
	SetRecovery(ctx context.Context, officer int64, codes []string) error
	TakeRecovery(ctx context.Context, officer int64, code string) error
	Recovery(ctx context.Context, officer int64) (int, error)

	// DropSecond takes an officer's second factor away, with its codes, and ends all their log-ins.
	DropSecond(ctx context.Context, officer int64) error
}

// A Login is one officer at one browser, for a Workday at most.
type Login struct {
	ID      int64
	Officer int64
	Device  string    // which browser on which system, as it says itself
	Began   time.Time // filled in by the record
	Seen    time.Time // to a few minutes
}

// Officers lists the officers whom the officer may manage: all for an administrator, those of the office for its head.
func (d *Desk) Officers(ctx context.Context, who *Officer) ([]Officer, error) {
	if !who.Leads(who.Office) {
		return nil, fmt.Errorf("list officers: %w", ErrForbidden)
	}
	office := who.Office
	if who.Role == RoleAdmin {
		office = ""
	}
	return d.Cases.Officers(ctx, office)
}

// Appoint makes an officer. A head may do so for the own office, and makes no administrator.
func (d *Desk) Appoint(ctx context.Context, who *Officer, o Officer) error {
	o.Name = strings.TrimSpace(o.Name)
	switch {
	case o.ID != 0, o.Name == "" || utf8.RuneCountInString(o.Name) > 80 || o.Login == "" || o.Hash == "", !d.rights(o.Role, o.Office):
		return fmt.Errorf("appoint: %w", ErrInvalid)
	case !who.manages(&o):
		return fmt.Errorf("appoint: %w", ErrForbidden)
	}
	if err := d.Cases.SaveOfficer(ctx, &o); err != nil {
		return err
	}
	return d.noteAbout(ctx, who, &o, ActAppoint)
}

// noteAbout files what an officer did to another's account.
func (d *Desk) noteAbout(ctx context.Context, who, about *Officer, what string) error {
	return d.note(ctx, who, Act{What: what, Office: about.Office, About: about.ID})
}

// rights reports whether there is such a role, with an office where it belongs to one.
func (d *Desk) rights(role, office string) bool {
	return slices.Contains(Roles(), role) && OfOffice(role) == (office != "") && (office == "" || d.Lib().Office(office) != nil)
}

// Entrust gives an officer another role or office, and ends their log-ins. A head does so within the own office, and
// makes no administrator; nobody changes their own, so that an office is never locked out by a slip. Cases that the
// officer holds stay theirs until they are shared out.
func (d *Desk) Entrust(ctx context.Context, who *Officer, id int64, role, office string) error {
	o, err := d.Managed(ctx, who, id)
	if err != nil {
		return err
	}
	switch {
	case !d.rights(role, office), who.ID == id:
		return fmt.Errorf("entrust: %w", ErrInvalid)
	case !who.manages(&Officer{Role: role, Office: office}):
		return fmt.Errorf("entrust: %w", ErrForbidden)
	}
	if err := d.Cases.SetRights(ctx, id, role, office); err != nil {
		return err
	}
	if o.Office != office { // both answer for it
		if err := d.noteAbout(ctx, who, o, ActEntrust); err != nil {
			return err
		}
	}
	return d.noteAbout(ctx, who, &Officer{ID: id, Office: office}, ActEntrust)
}

// Managed is an officer whom the officer may manage. Who manages nobody learns nothing of who there is.
func (d *Desk) Managed(ctx context.Context, who *Officer, id int64) (*Officer, error) {
	if !who.Leads(who.Office) {
		return nil, fmt.Errorf("manage officers: %w", ErrForbidden)
	}
	o, err := d.Cases.Officer(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("manage officers: %w", err)
	}
	if !who.manages(o) {
		return nil, fmt.Errorf("manage officers: %w", ErrForbidden)
	}
	return o, nil
}

// Renew gives an officer another passphrase, by its hash, and ends their log-ins.
func (d *Desk) Renew(ctx context.Context, who *Officer, id int64, hash string) error {
	o, err := d.Managed(ctx, who, id)
	if err == nil {
		err = d.Cases.SetPassphrase(ctx, id, "", hash)
	}
	if err != nil {
		return err
	}
	return d.noteAbout(ctx, who, o, ActRenew)
}

// Disable closes an officer's account or opens it again. Nobody closes their own, so that an office is never locked out by
// a slip.
func (d *Desk) Disable(ctx context.Context, who *Officer, id int64, disabled bool) error {
	o, err := d.Managed(ctx, who, id)
	if err != nil {
		return err
	}
	if disabled && who.ID == id {
		return fmt.Errorf("disable oneself: %w", ErrInvalid)
	}
	if err := d.Cases.SetDisabled(ctx, id, disabled); err != nil {
		return err
	}
	if !disabled {
		return d.noteAbout(ctx, who, o, ActEnable)
	}
	return d.noteAbout(ctx, who, o, ActDisable)
}

// Logins lists an officer's log-ins that are not over: one's own, and of those whom one manages.
func (d *Desk) Logins(ctx context.Context, who *Officer, officer int64) ([]Login, error) {
	if who.ID != officer {
		if _, err := d.Managed(ctx, who, officer); err != nil {
			return nil, err
		}
	}
	return d.Cases.Logins(ctx, officer)
}

// EndLogin ends one of an officer's log-ins, at once: one's own, and of those whom one manages.
func (d *Desk) EndLogin(ctx context.Context, who *Officer, officer, id int64) error {
	if who.ID == officer {
		return d.Cases.EndLogin(ctx, officer, id)
	}
	o, err := d.Managed(ctx, who, officer)
	if err == nil {
		err = d.Cases.EndLogin(ctx, officer, id)
	}
	if err != nil {
		return err
	}
	return d.noteAbout(ctx, who, o, ActEndLogin)
}

// ResetSecond takes an officer's second factor away, so that they can begin another: their telephone is gone, and their
// codes too.
func (d *Desk) ResetSecond(ctx context.Context, who *Officer, id int64) error {
	o, err := d.Managed(ctx, who, id)
	if err == nil {
		err = d.Cases.DropSecond(ctx, id)
	}
	if err != nil {
		return err
	}
	return d.noteAbout(ctx, who, o, ActReset)
}

func (o *Officer) manages(other *Officer) bool {
	if o.Disabled {
		return false
	}
	return o.Role == RoleAdmin || o.Role == RoleHead && other.Role != RoleAdmin && o.Leads(other.Office)
}
