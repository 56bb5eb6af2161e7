package console

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"baom/bot"
	"baom/handlers/client"
)

const (
	secondPage = "/console/account/second"
	codePage   = "/console/login/code"

	halfway       = 5 * time.Minute // for a code after the passphrase
	stepSeconds   = 30              // of RFC 6238
	recoveryCodes = 10
)

// lacksSecond reports whether an officer's role works only with a second factor and they have none yet.
func (c *Console) lacksSecond(who *bot.Officer) bool {
	return !who.Second && slices.Contains(c.Second, who.Role)
}

// toSecond sends who lacks a second factor to where one is begun.
func (c *Console) toSecond(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("HX-Request") != "":
		w.Header().Set("HX-Redirect", secondPage)
		w.WriteHeader(http.StatusForbidden)
	case strings.HasSuffix(r.URL.Path, "/events"):
		w.WriteHeader(http.StatusForbidden)
	default:
		http.Redirect(w, r, secondPage, http.StatusSeeOther)
	}
}

// hashPrint tells a passphrase's hash from another.
func hashPrint(o *bot.Officer) string {
	sum := sha256.Sum256([]byte("half:" + o.Hash))
	return hex.EncodeToString(sum[:8])
}

// askCode notes that the passphrase was right, in a session under a new token, and asks for the code.
func (c *Console) askCode(w http.ResponseWriter, r *http.Request, who *bot.Officer, next string) error {
	ctx := r.Context()
	if err := c.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	c.sessions.Remove(ctx, keyLogin)
	c.sessions.Put(ctx, keyHalf, who.ID)
	c.sessions.Put(ctx, keyPrint, hashPrint(who))
	c.sessions.Put(ctx, keyUntil, c.Now().Add(halfway).Unix())
	http.Redirect(w, r, codePage+"?next="+url.QueryEscape(next), http.StatusSeeOther)
	return nil
}

// half is the officer whose passphrase was right a moment ago, or nil.
func (c *Console) half(ctx context.Context) (*bot.Officer, error) {
	id := c.sessions.GetInt64(ctx, keyHalf)
	if id == 0 || c.Now().Unix() > c.sessions.GetInt64(ctx, keyUntil) {
		return nil, nil
	}
	who, err := c.Cases.Officer(ctx, id)
	if errors.Is(err, bot.ErrNotFound) || err == nil && (who.Disabled || !who.Second || hashPrint(who) != c.sessions.GetString(ctx, keyPrint)) {
		return nil, nil
	}
	return who, err
}

type codeView struct {
	Next  string
	Wrong bool
}

func (c *Console) codePage(w http.ResponseWriter, r *http.Request) error {
	return c.showCode(w, r, http.StatusOK, false)
}

func (c *Console) showCode(w http.ResponseWriter, r *http.Request, status int, wrong bool) error {
	next := local(r.FormValue("next"))
	w.Header().Set("Cache-Control", "no-store")
	if who, err := c.half(r.Context()); err != nil {
		return err
	} else if who == nil {
		http.Redirect(w, r, "/console/login?next="+url.QueryEscape(next), http.StatusSeeOther)
		return nil
	}
	return c.render(w, r, nil, status, "code", "console.login.title", codeView{Next: next, Wrong: wrong})
}

// code takes a code of the telephone, or one of the recovery codes, and ends the log-in that the passphrase began.
func (c *Console) code(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
	who, err := c.half(r.Context())
	if err != nil {
		return err
	}
	if who == nil {
		return c.showCode(w, r, http.StatusOK, false)
	}
	typed := typedCode(r.FormValue("code"))
	take := c.takeCode
	if len(typed) != 6 {
		take = c.takeRecovery
	}
	ok, err := c.tried(r, who, func() (bool, error) { return take(r.Context(), who, typed) })
	if err != nil {
		return err
	}
	if !ok {
		return c.showCode(w, r, http.StatusUnauthorized, true)
	}
	for _, key := range []string{keyHalf, keyPrint, keyUntil} {
		c.sessions.Remove(r.Context(), key)
	}
	if err := c.begin(w, r, who); err != nil {
		return err
	}
	if len(typed) != 6 {
		c.done(r, "recovery")
	}
	http.Redirect(w, r, local(r.FormValue("next")), http.StatusSeeOther)
	return nil
}

// tried lets somebody try a code, as often as the limits allow.
func (c *Console) tried(r *http.Request, who *bot.Officer, try func() (bool, error)) (bool, error) {
	from, device := client.Address(r), c.device(r, who)
	if !c.codeLimits.allow(c.Now(), from, who.Login, device) {
		return false, errTooMany
	}
	ok, err := try()
	if ok {
		c.codeLimits.succeeded(from, who.Login, device)
	}
	return ok, err
}

// typedCode is a code as it was meant: without spaces, in small letters and ASCII digits. Recovery codes keep their dashes.
func typedCode(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '٠' && r <= '٩':
			return r - '٠' + '0'
		case r >= '۰' && r <= '۹':
			return r - '۰' + '0'
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		case r > ' ' && r <= '~':
			return r
		}
		return -1
	}, s)
}

// takeCode reports whether a code is that of the officer's telephone, now or a step of half a minute before or after, and
// was not taken before. It takes it.
func (c *Console) takeCode(ctx context.Context, who *bot.Officer, code string) (bool, error) {
	secret, err := c.Cases.Second(ctx, who.ID)
	if errors.Is(err, bot.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	now := c.Now().Unix() / stepSeconds
	for _, step := range []int64{now, now - 1, now + 1} {
		ok, err := hotp.ValidateCustom(code, uint64(step), secret, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil || !ok {
			continue // not six digits
		}
		err = c.Cases.TakeStep(ctx, who.ID, step)
		if errors.Is(err, bot.ErrConflict) {
			return false, nil // somebody looked over a shoulder
		}
		return err == nil, err
	}
	return false, nil
}

func (c *Console) takeRecovery(ctx context.Context, who *bot.Officer, code string) (bool, error) {
	err := c.Cases.TakeRecovery(ctx, who.ID, code)
	if errors.Is(err, bot.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

type secondView struct {
	Required bool
	On       bool
	Left     int           // recovery codes
	QR       template.HTML // of a secret that is offered
	Secret   string
	Codes    []string // made just now, shown this once
	Wrong    string   // passphrase or code
}

// second is where an officer begins a second factor, and what it is when it is in force.
func (c *Console) second(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.showSecond(w, r, who, http.StatusOK, secondView{})
}

func (c *Console) showSecond(w http.ResponseWriter, r *http.Request, who *bot.Officer, status int, v secondView) error {
	ctx := r.Context()
	v.Required, v.On = slices.Contains(c.Second, who.Role), who.Second
	var err error
	if who.Second {
		if v.Left, err = c.Cases.Recovery(ctx, who.ID); err != nil {
			return err
		}
	} else if secret, err := c.Cases.Second(ctx, who.ID); err == nil {
		link := url.URL{Scheme: "otpauth", Host: "totp", Path: "/BAOM:" + who.Login, RawQuery: url.Values{"secret": {secret}, "issuer": {"BAOM"}}.Encode()}
		v.QR, v.Secret = drawQR(link.String()), strings.Join(slices.Collect(grouped(secret)), " ")
	} else if !errors.Is(err, bot.ErrNotFound) {
		return err
	}
	return c.render(w, r, who, status, "second", "console.second.title", v)
}

// grouped parts a secret into fours, to be typed by hand.
func grouped(secret string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for part := range slices.Chunk([]byte(secret), 4) {
			if !yield(string(part)) {
				return
			}
		}
	}
}

// beginSecond makes a secret for the telephone to take. It asks for the passphrase: an open browser alone must not be
// enough to lock its officer out.
func (c *Console) beginSecond(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
	known, err := c.authenticate(r, who.Login, r.FormValue("passphrase"))
	if err != nil {
		return err
	}
	if known == nil {
		return c.showSecond(w, r, who, http.StatusUnprocessableEntity, secondView{Wrong: "passphrase"})
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "BAOM", AccountName: who.Login})
	if err != nil {
		return fmt.Errorf("second factor: %w", err)
	}
	if err := c.Cases.OfferSecond(r.Context(), who.ID, key.Secret()); err != nil {
		return err
	}
	http.Redirect(w, r, secondPage, http.StatusSeeOther)
	return nil
}

// confirmSecond takes the first code of the telephone, and shows the recovery codes: once, in the answer itself.
func (c *Console) confirmSecond(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	if who.Second {
		return fmt.Errorf("second factor: %w", bot.ErrConflict)
	}
	return c.withCode(w, r, who, func() error {
		who.Second = true
		return c.showCodes(w, r, who)
	})
}

// renewCodes makes other recovery codes instead of those there are.
func (c *Console) renewCodes(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	if !who.Second {
		return fmt.Errorf("recovery codes: %w", bot.ErrConflict)
	}
	return c.withCode(w, r, who, func() error { return c.showCodes(w, r, who) })
}

// dropSecond ends the second factor of an officer who need not have one. They log in again.
func (c *Console) dropSecond(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	if !who.Second || slices.Contains(c.Second, who.Role) {
		return fmt.Errorf("end the second factor: %w", bot.ErrForbidden)
	}
	return c.withCode(w, r, who, func() error {
		if err := c.Cases.DropSecond(r.Context(), who.ID); err != nil {
			return err
		}
		http.Redirect(w, r, "/console/login", http.StatusSeeOther)
		return nil
	})
}

// withCode does something that takes a code of the telephone.
func (c *Console) withCode(w http.ResponseWriter, r *http.Request, who *bot.Officer, do func() error) error {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
	typed := typedCode(r.FormValue("code"))
	ok, err := c.tried(r, who, func() (bool, error) { return c.takeCode(r.Context(), who, typed) })
	if err != nil {
		return err
	}
	if !ok {
		return c.showSecond(w, r, who, http.StatusUnprocessableEntity, secondView{Wrong: "code"})
	}
	return do()
}

func (c *Console) showCodes(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	codes := make([]string, recoveryCodes)
	for i := range codes {
		codes[i] = NewPassphrase()
	}
	if err := c.Cases.SetRecovery(r.Context(), who.ID, codes); err != nil {
		return err
	}
	return c.showSecond(w, r, who, http.StatusOK, secondView{Codes: codes})
}

// resetSecond takes the second factor of another officer away.
func (c *Console) resetSecond(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	o, err := c.officerOf(r, who)
	if err != nil {
		return err
	}
	if err := c.Desk.ResetSecond(r.Context(), who, o.ID); err != nil {
		return err
	}
	c.done(r, "officer")
	http.Redirect(w, r, "/console/officers", http.StatusSeeOther)
	return nil
}
