package console

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"baom/bot"
)

// What a log-in's session holds.
const (
	keyOfficer = "officer" // id
	keyPrint   = "print"   // of the passphrase's hash at log-in: a new passphrase ends all log-ins
	keyDone    = "done"    // what has just been done, for the next page to say
)

// whois is the officer who has logged in, or nil. It asks the record each time, so that a disabled officer is out at
// once.
func (c *Console) whois(r *http.Request) (*bot.Officer, error) {
	ctx := r.Context()
	id := c.sessions.GetInt64(ctx, keyOfficer)
	if id == 0 {
		return nil, nil
	}
	who, err := c.Cases.Officer(ctx, id)
	if errors.Is(err, bot.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("who is at the desk: %w", err)
	}
	if who.Disabled || c.sessions.GetString(ctx, keyPrint) != fingerprint(who) {
		return nil, nil
	}
	return who, nil
}

func fingerprint(o *bot.Officer) string {
	sum := sha256.Sum256([]byte("log-in:" + o.Hash))
	return hex.EncodeToString(sum[:8])
}

// toLogin sends to the log-in page, and back afterwards where that makes sense.
func (c *Console) toLogin(w http.ResponseWriter, r *http.Request) {
	to := "/console/login"
	back := r.URL.RequestURI()
	if r.Header.Get("HX-Request") != "" {
		if u, err := url.Parse(r.Header.Get("HX-Current-URL")); err == nil {
			back = u.RequestURI()
		}
	} else if r.Method != http.MethodGet {
		back = ""
		if id := r.PathValue("case"); id != "" {
			back = "/console/cases/" + url.PathEscape(id)
		}
	}
	if back = local(back); back != "/console/" {
		to += "?next=" + url.QueryEscape(back)
	}
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case r.Header.Get("HX-Request") != "":
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusUnauthorized)
	case strings.HasSuffix(r.URL.Path, "/events"):
		w.WriteHeader(http.StatusUnauthorized)
	default:
		http.Redirect(w, r, to, http.StatusSeeOther)
	}
}

// local is a path of the console, or its first page where to is anything else.
func local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(u.Path, "/console/") ||
		strings.Contains(u.Path, "..") || strings.Contains(to, `\`) || strings.HasPrefix(u.Path, "/console/login") {
		return "/console/"
	}
	return u.RequestURI()
}

type loginView struct {
	Login, Next string
	Wrong       bool
}

func (c *Console) loginPage(w http.ResponseWriter, r *http.Request) error {
	next := local(r.FormValue("next"))
	if who, err := c.whois(r); err != nil {
		return err
	} else if who != nil {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return nil
	}
	w.Header().Set("Cache-Control", "no-store")
	return c.render(w, r, nil, http.StatusOK, "login", "console.login.title", loginView{Next: next})
}

func (c *Console) login(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
	login := strings.ToLower(strings.TrimSpace(r.FormValue("login")))
	next := local(r.FormValue("next"))
	w.Header().Set("Cache-Control", "no-store")
	who, err := c.authenticate(r, login, r.FormValue("passphrase"))
	if err != nil {
		return err
	}
	if who == nil {
		return c.render(w, r, nil, http.StatusUnauthorized, "login", "console.login.title", loginView{Login: login, Next: next, Wrong: true})
	}
	if err := c.begin(r.Context(), who); err != nil {
		return err
	}
	c.rememberDevice(w, who)
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// authenticate is the officer of a login and passphrase, or nil if there is none such. It takes as long for a login
// that does not exist.
func (c *Console) authenticate(r *http.Request, login, pass string) (*bot.Officer, error) {
	ctx, from := r.Context(), address(r)
	who, err := &bot.Officer{}, ValidateLogin(login)
	if err == nil {
		who, err = c.Cases.OfficerByLogin(ctx, login)
	} else {
		login = "-" // all that cannot exist share a bucket
	}
	if err != nil {
		if !errors.Is(err, bot.ErrNotFound) && !errors.Is(err, bot.ErrInvalid) {
			return nil, fmt.Errorf("log in: %w", err)
		}
		who = &bot.Officer{}
	}
	device := c.device(r, who)
	if !c.limits.allow(c.Now(), from, login, device) {
		return nil, errTooMany
	}
	ok, err := c.verify(ctx, who.Hash, pass)
	if err != nil || !ok || who.Disabled {
		return nil, err
	}
	c.limits.succeeded(from, login, device)
	return who, nil
}

// verify checks a passphrase, with a bound on how many are checked at once.
func (c *Console) verify(ctx context.Context, hash, pass string) (bool, error) {
	select {
	case c.hashing <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-c.hashing }()
	return VerifyPassphrase(hash, pass), nil
}

// begin makes the request's session that of an officer, under a new token.
func (c *Console) begin(ctx context.Context, who *bot.Officer) error {
	if err := c.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	c.sessions.Put(ctx, keyOfficer, who.ID)
	c.sessions.Put(ctx, keyPrint, fingerprint(who))
	seen := *who
	seen.Seen = c.Now()
	if err := c.Cases.SaveOfficer(ctx, &seen); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return nil
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request, _ *bot.Officer) error {
	if err := c.sessions.Destroy(r.Context()); err != nil {
		return fmt.Errorf("log out: %w", err)
	}
	w.Header().Set("Clear-Site-Data", `"storage"`) // drafts
	http.Redirect(w, r, "/console/login", http.StatusSeeOther)
	return nil
}

// device is the name of a device on which the officer has logged in before, or empty. It is proved by a key that only
// whoever knows the officer's hash can make, so nothing has to be stored.
func (c *Console) device(r *http.Request, who *bot.Officer) string {
	cookie, err := r.Cookie(c.cookie("device"))
	if err != nil || who.Hash == "" {
		return ""
	}
	nonce, proof, _ := strings.Cut(cookie.Value, ".")
	if len(nonce) != 26 || subtle.ConstantTimeCompare([]byte(proof), []byte(deviceProof(who, nonce))) != 1 {
		return ""
	}
	return nonce
}

func (c *Console) rememberDevice(w http.ResponseWriter, who *bot.Officer) {
	nonce := rand.Text()
	http.SetCookie(w, &http.Cookie{Name: c.cookie("device"), Value: nonce + "." + deviceProof(who, nonce), Path: "/",
		MaxAge: 180 * 24 * 3600, HttpOnly: true, Secure: c.https, SameSite: http.SameSiteLaxMode})
}

func deviceProof(who *bot.Officer, nonce string) string {
	mac := hmac.New(sha256.New, []byte(who.Hash))
	fmt.Fprintf(mac, "device:%d:%s", who.ID, nonce)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

type accountView struct {
	Wrong, Short, Differ bool
	Min                  int
}

func (c *Console) account(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.render(w, r, who, http.StatusOK, "account", "console.account.title", accountView{Min: MinPassphrase})
}

// changePassphrase ends every other log-in of the officer.
func (c *Console) changePassphrase(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
	view := accountView{Min: MinPassphrase}
	pass := r.FormValue("new")
	switch {
	case utf8.RuneCountInString(pass) < MinPassphrase || utf8.RuneCountInString(pass) > MaxPassphrase:
		view.Short = true
	case pass != r.FormValue("again"):
		view.Differ = true
	default:
		known, err := c.authenticate(r, who.Login, r.FormValue("old"))
		if err != nil {
			return err
		}
		view.Wrong = known == nil
	}
	if view.Wrong || view.Short || view.Differ {
		return c.render(w, r, who, http.StatusUnprocessableEntity, "account", "console.account.title", view)
	}
	hash, err := HashPassphrase(pass)
	if err != nil {
		return err
	}
	who.Hash = hash
	if err := c.begin(r.Context(), who); err != nil {
		return err
	}
	c.rememberDevice(w, who)
	c.done(r, "passphrase")
	http.Redirect(w, r, "/console/account", http.StatusSeeOther)
	return nil
}

// done leaves word for the next page of what has been done.
func (c *Console) done(r *http.Request, what string) { c.sessions.Put(r.Context(), keyDone, what) }
