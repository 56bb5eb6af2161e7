package bot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"baom/content"
)

// Notices is the record of how officers wish to be told that somebody waits, and of when they were.
type Notices interface {
	// Ways lists the ways in which an officer is told, in the order in which they were added.
	Ways(ctx context.Context, officer int64) ([]Way, error)

	// AddWay adds one. An address that was an officer's becomes this one's; of Telegram and of mail an officer has one.
	AddWay(ctx context.Context, w *Way) error

	// DropWay removes one of the officer's. ErrNotFound.
	DropWay(ctx context.Context, officer, id int64) error

	// Offer keeps a code for an officer, in place of an earlier one. Redeem returns who may use a code that has not
	// expired, and forgets it. ErrNotFound.
	Offer(ctx context.Context, officer int64, code string, until time.Time) error
	Redeem(ctx context.Context, code string) (*Officer, error)

	// Told lists the officers who can be told something, with what waits for each since before a time, and the appointments
	// of its day in its zone.
	Told(ctx context.Context, before time.Time) ([]Told, error)

	// Claim reserves the telling of an officer for this process: false where they were told after a time, or somebody was
	// faster. ClaimDigest does the same for the digest of a day.
	Claim(ctx context.Context, officer int64, after time.Time) (bool, error)
	ClaimDigest(ctx context.Context, officer int64, day time.Time) (bool, error)

	// Heard notes that an officer knows of what waits up to a time.
	Heard(ctx context.Context, officer int64, upto time.Time) error

	// Tried notes what became of a way: sent for an empty why. One that is gone for good is removed.
	Tried(ctx context.Context, way int64, why string, gone bool) error
}

// The ways in which an officer can be told.
const (
	ByPush     = "push"     // a browser, also when the console is closed
	ByTelegram = "telegram" // the officer's own account
	ByMail     = "mail"     // once a day
)

// A Way is one way in which an officer is told. All are off until the officer chooses them.
type Way struct {
	ID      int64
	Officer int64
	Kind    string
	Address string // what the sender of its kind understands; sealed at rest
	Lang    content.Lang
	Made    time.Time
	Sent    time.Time // last; zero: never
	Failed  time.Time // last, if it was after Sent
	Why     string    // it failed: a code
}

// Told is an officer who can be told, and what there is to tell.
type Told struct {
	Officer  Officer
	Ways     []Way
	Waiting  int       // cases that wait for the officer: their own, and the free ones of their office
	Newest   time.Time // since when the newest of them waits
	Urgent   int       // how many of them are urgent
	Meetings int       // appointments of the office on this day
	At       time.Time // when the officer was told last; zero: never
	Upto     time.Time // … of what waited up to then
	Digest   time.Time // the day of the last digest
}

// A Notice is what an officer is told: counts, and no word of anybody.
type Notice struct {
	Lang  content.Lang
	Title string
	Text  string
	URL   string // of the console
}

// A Notifier tells officers that somebody waits, as each has chosen, within working hours, at most once in noticeEvery;
// and sends the digest of the day. What it says holds no personal data.
type Notifier struct {
	Notices Notices
	Cases   Cases
	Lib     func() *content.Library
	Now     func() time.Time // in the offices' time zone
	URL     string           // of the console
	Log     *slog.Logger

	// Send sends a notice by a kind of way; a kind that is missing is not offered. A *SendError that is Permanent says that
	// the address is gone for good; its Why is a code.
	Send map[string]func(context.Context, Way, Notice) error

	Count func(kind, outcome string) // of each try; nil: nobody counts
}

const (
	noticeEvery = 15 * time.Minute
	noticeGrace = time.Minute // who is answered at once needs no notice
	noticeLook  = 30 * time.Second
	codeLives   = 15 * time.Minute
)

// Offers reports whether officers can be told by a kind of way.
func (n *Notifier) Offers(kind string) bool { return n != nil && n.Send[kind] != nil }

// Run tells until ctx ends.
func (n *Notifier) Run(ctx context.Context) error {
	for {
		if err := n.Look(ctx); err != nil && ctx.Err() == nil {
			n.Log.Error("officers could not be told", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(noticeLook):
		}
	}
}

// Look tells who is to be told now.
func (n *Notifier) Look(ctx context.Context) error {
	now := n.Now()
	list, err := n.Notices.Told(ctx, now.Add(-noticeGrace))
	if err != nil {
		return err
	}
	var faults []error
	for _, t := range list {
		if !t.Officer.Works() || !n.works(t.Officer, now) {
			continue
		}
		if away, err := n.away(ctx, t.Officer, now); err != nil || away {
			faults = append(faults, err)
			continue
		}
		faults = append(faults, n.tell(ctx, t, now), n.digest(ctx, t, now))
	}
	return errors.Join(faults...)
}

// works reports whether the officer's office is open; for who belongs to none, whether any is.
func (n *Notifier) works(o Officer, now time.Time) bool {
	for _, office := range n.Lib().Offices() {
		if (o.Office == "" || office.ID == o.Office) && office.Open(now) {
			return true
		}
	}
	return false
}

func (n *Notifier) away(ctx context.Context, o Officer, now time.Time) (bool, error) {
	list, err := n.Cases.Absences(ctx, o.Office, now)
	return slices.ContainsFunc(list, func(a Absence) bool { return a.Officer == o.ID && a.Holds(now) }), err
}

// tell says how many wait, where somebody has begun to wait of whom the officer does not know.
func (n *Notifier) tell(ctx context.Context, t Told, now time.Time) error {
	if t.Waiting == 0 || !t.Newest.After(t.Upto) || now.Sub(t.At) < noticeEvery {
		return nil
	}
	if !slices.ContainsFunc(t.Ways, func(w Way) bool { return w.Kind != ByMail && n.Offers(w.Kind) }) {
		return nil
	}
	mine, err := n.Notices.Claim(ctx, t.Officer.ID, now.Add(-noticeEvery))
	if err != nil || !mine {
		return err
	}
	heard := false
	for _, w := range t.Ways {
		if w.Kind != ByMail && n.Offers(w.Kind) {
			heard = n.try(ctx, w, n.notice(w.Lang, t)) || heard
		}
	}
	if !heard { // tried again when its time has come
		return nil
	}
	return n.Notices.Heard(ctx, t.Officer.ID, t.Newest)
}

// digest sends the mail of the day, once the office is open.
func (n *Notifier) digest(ctx context.Context, t Told, now time.Time) error {
	i := slices.IndexFunc(t.Ways, func(w Way) bool { return w.Kind == ByMail && n.Offers(w.Kind) })
	if i < 0 || t.Digest.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return nil
	}
	mine, err := n.Notices.ClaimDigest(ctx, t.Officer.ID, now)
	if err != nil || !mine {
		return err
	}
	n.try(ctx, t.Ways[i], n.summary(t.Ways[i].Lang, t))
	return nil
}

// try sends a notice and notes what became of it.
func (n *Notifier) try(ctx context.Context, w Way, notice Notice) bool {
	sending, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err := n.Send[w.Kind](sending, w, notice)
	why, outcome, gone := "", "sent", false
	if err != nil {
		why, outcome = "failed", "failed"
		if fault := (*SendError)(nil); errors.As(err, &fault) {
			gone = fault.Permanent
			if fault.Why != "" {
				why = fault.Why
			}
		}
		if gone {
			outcome = "gone"
		}
		n.Log.Warn("an officer could not be told", "officer", w.Officer, "way", w.Kind, "why", why, "error", err)
	}
	if n.Count != nil {
		n.Count(w.Kind, outcome)
	}
	if err := n.Notices.Tried(ctx, w.ID, why, gone); err != nil {
		n.Log.Error("what became of a notice could not be noted", "error", err)
	}
	return err == nil
}

// notice is what a push or a message says.
func (n *Notifier) notice(l content.Lang, t Told) Notice {
	page := "notice.waiting"
	switch {
	case t.Waiting == 1:
		page = "notice.waiting.one"
	case t.Waiting == 2:
		page = "notice.waiting.two"
	}
	return n.make(l, n.page(page, l, t.Waiting))
}

// summary is what the mail of the day says.
func (n *Notifier) summary(l content.Lang, t Told) Notice {
	lines := []string{n.page("notice.digest", l, 0)}
	for _, c := range []struct {
		page string
		n    int
	}{{"notice.digest.waiting", t.Waiting}, {"notice.digest.urgent", t.Urgent}, {"notice.digest.meetings", t.Meetings}} {
		lines = append(lines, n.page(c.page, l, c.n))
	}
	return n.make(l, strings.Join(lines, "\n"))
}

func (n *Notifier) make(l content.Lang, text string) Notice {
	return Notice{Lang: l, Title: n.Lib().Label("notice.title", l), Text: text, URL: n.URL}
}

func (n *Notifier) page(id string, l content.Lang, count int) string {
	return strings.TrimSpace(n.Lib().Page(id, l, map[string]string{"n": strconv.Itoa(count)}))
}

// Try sends an officer a notice by one of their ways, so that they see whether it arrives.
func (n *Notifier) Try(ctx context.Context, who *Officer, way int64) (bool, error) {
	ways, err := n.Notices.Ways(ctx, who.ID)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(ways, func(w Way) bool { return w.ID == way })
	if i < 0 || !n.Offers(ways[i].Kind) {
		return false, fmt.Errorf("try a way: %w", ErrNotFound)
	}
	return n.try(ctx, ways[i], n.make(ways[i].Lang, n.page("notice.test", ways[i].Lang, 0))), nil
}

// Code is a code that an officer sends to the office's bot from their own account, to be told there. It is good once, for a
// quarter of an hour.
func (n *Notifier) Code(ctx context.Context, who *Officer) (string, error) {
	text := strings.ToUpper(rand.Text())
	code := "BAOM-" + text[:4] + "-" + text[4:8] + "-" + text[8:12]
	return code, n.Notices.Offer(ctx, who.ID, code, n.Now().Add(codeLives))
}

// codes are what Code makes, as people copy it.
var codes = regexp.MustCompile(`^(?i)baom-[a-z2-7]{4}-[a-z2-7]{4}-[a-z2-7]{4}$`)

// Link takes a code that arrives at the office's bot and has the officer told there from then on. ok is false for what is no
// code: then it is a person's message. The answer is for who sent it.
func (n *Notifier) Link(ctx context.Context, e Entry) (answer Message, ok bool, err error) {
	code := strings.TrimSpace(e.Input.Text)
	if e.Peer.Channel != Telegram || !n.Offers(ByTelegram) || !codes.MatchString(code) {
		return Message{}, false, nil
	}
	lang, page := content.French, "notice.link.wrong"
	who, err := n.Notices.Redeem(ctx, strings.ToUpper(code))
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return Message{}, true, err
	default:
		page = "notice.link.done"
		if len(who.Langs) > 0 {
			lang = who.Langs[0]
		}
		if err := n.Notices.AddWay(ctx, &Way{Officer: who.ID, Kind: ByTelegram, Address: e.Peer.ID, Lang: lang}); err != nil {
			return Message{}, true, err
		}
	}
	return Message{Peer: e.Peer, Lang: lang, Text: n.page(page, lang, 0)}, true, nil
}

// MailAddress is an address as a digest can be sent to it. ErrInvalid.
func MailAddress(typed string) (string, error) {
	a, err := mail.ParseAddress(strings.TrimSpace(typed))
	if err != nil || len(a.Address) > 200 || a.Name != "" || strings.ContainsAny(a.Address, "\r\n") || !strings.Contains(a.Address, ".") {
		return "", fmt.Errorf("an address of mail: %w", ErrInvalid)
	}
	return a.Address, nil
}
