package bot

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"baom/content"
	"baom/flows"
)

// Visits is the record of who is received at the desk, and of the codes by which they join a channel of their own later.
type Visits interface {
	// File opens a case for a visit, held by its officer, with a person of its own and no conversation. A visit whose Key the
	// officer has filed before is that case: fresh is false, and nothing changes. refer makes a reference; it is called again
	// where one is taken.
	File(ctx context.Context, v Visit, refer func() string) (id int64, fresh bool, err error)

	// Code is the code by which the person of a case joins it from a channel of their own, and until when; empty where there
	// is none. NewCode makes one, in place of what there was, good until a time.
	Code(ctx context.Context, caseID int64) (code string, until time.Time, err error)
	NewCode(ctx context.Context, caseID int64, until time.Time) error
}

// A Visit is somebody whom an officer receives, at the office or on the telephone.
type Visit struct {
	Key         string // of the form: the same one is the same visit
	Office      string
	Lang        content.Lang // in which the person is spoken to
	ByPhone     bool         // they called; else they came
	Answers     map[string]string
	Urgent      string // kind of danger that the need means; filled in by Receive
	Officer     int64
	OfficerName string
	Until       time.Time // of the code
}

// CodeLasts is for how long the code on a receipt is good.
const CodeLasts = 30 * 24 * time.Hour

// A Wrong is the ErrInvalid of a form: which of its fields cannot be taken.
type Wrong struct{ Fields []string }

// Error names the fields, and not what was in them.
func (w *Wrong) Error() string { return "fields that cannot be taken: " + strings.Join(w.Fields, ", ") }

// Unwrap is ErrInvalid.
func (w *Wrong) Unwrap() error { return ErrInvalid }

// Receive opens a case for somebody who came or called, from the intake's form as an officer filled it in while listening.
// The officer has it from the start. Sending the same form twice opens one case. *Wrong names the fields to be corrected.
func (d *Desk) Receive(ctx context.Context, who *Officer, v Visit) (id int64, fresh bool, err error) {
	office := d.Lib().Office(v.Office)
	if office == nil {
		return 0, false, &Wrong{[]string{"office"}}
	}
	if !who.May(v.Office) {
		return 0, false, fmt.Errorf("receive somebody: %w", ErrForbidden)
	}
	wrong := &Wrong{}
	if !v.Lang.Known() {
		wrong.Fields = append(wrong.Fields, "lang")
	}
	if n := len(v.Key); n < 16 || n > 64 || !utf8.ValidString(v.Key) {
		return 0, false, fmt.Errorf("a form without its key: %w", ErrInvalid)
	}
	answers := map[string]string{}
	for _, f := range d.Lib().Form().Fields {
		value := strings.TrimSpace(v.Answers[f.ID])
		if !f.AskedOf(v.Answers["profile"]) {
			continue
		}
		if value == "" {
			if f.RequiredOf(v.Answers["profile"]) && f.Kind != "contact" {
				wrong.Fields = append(wrong.Fields, f.ID)
			}
			continue
		}
		var ok bool
		if answers[f.ID], ok = readAnswer(d.Lib(), f, value); !ok {
			wrong.Fields = append(wrong.Fields, f.ID)
		}
	}
	if typed := strings.TrimSpace(v.Answers["phone"]); typed != "" {
		number, ok := content.ReadPhone(typed, answers["residence"])
		if !ok {
			wrong.Fields = append(wrong.Fields, "phone")
		}
		answers["phone"] = number
	}
	if len(wrong.Fields) > 0 {
		return 0, false, wrong
	}
	if answers["contact"] == "" && answers["phone"] != "" {
		answers["contact"] = "phone"
	}
	if n, ok := d.Lib().Need(answers["need"]); ok {
		v.Urgent = n.Alert
	}
	v.Answers, v.Officer, v.OfficerName, v.Until = answers, who.ID, who.Name, d.Now().Add(CodeLasts)
	return d.Cases.File(ctx, v, func() string { return flows.Reference(office.Letters, rand.Uint64()) })
}

// readAnswer is an answer to a field of the form as it is kept; ok is false for what is none.
func readAnswer(lib *content.Library, f content.Field, value string) (kept string, ok bool) {
	switch f.Kind {
	case "need":
		_, ok = lib.Need(value)
	case "name":
		return content.ReadName(value)
	case "country":
		ok = content.CountryName(value, content.French) != ""
	case "commune":
		ok = value == "other" || lib.Office(value) != nil
	case "words":
		ok = utf8.ValidString(value) && utf8.RuneCountInString(value) <= 2000 && !strings.ContainsRune(value, 0)
		value = strings.ReplaceAll(value, "\r\n", "\n")
	default:
		ok = slices.ContainsFunc(f.Options, func(o string) bool {
			_, v, _ := strings.Cut(o, ".")
			return v == value
		})
	}
	return value, ok
}

// Code is the code by which the person of a case joins it from a channel of their own; empty where there is none.
func (d *Desk) Code(ctx context.Context, who *Officer, id int64) (code string, until time.Time, err error) {
	if _, err := d.reach(ctx, who, id); err != nil {
		return "", time.Time{}, err
	}
	return d.Cases.Code(ctx, id)
}

// NewCode gives a case that has no conversation a fresh code; the one before is good no more.
func (d *Desk) NewCode(ctx context.Context, who *Officer, id int64) error {
	c, _, err := d.Open(ctx, who, id)
	if err != nil {
		return err
	}
	if c.Erased || c.Via != "" {
		return fmt.Errorf("a code for a case that has a conversation, or none any more: %w", ErrInvalid)
	}
	return d.Cases.NewCode(ctx, id, d.Now().Add(CodeLasts))
}
