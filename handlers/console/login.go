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
	"strconv"
	"strings"
	"unicode/utf8"

	"baom/bot"
	"baom/handlers/client"
)

// What a log-in's session holds.
const (
	keyLogin = "login" // id
	keyDone  = "done"  // what has just been done, for the next page to say

	keyHalf  = "half"  // id of the officer whose passphrase was right, and whose code is still to come
	keyPrint = "print" // of that passphrase's hash
	keyUntil = "until" // so long, in seconds since 1970
)

// whois is the officer who has logged in, or nil. It asks the record each time, so that a log-in that was ended is over at
// once.
func (c *Console) whois(r *http.Request) (*bot.Officer, error) {
	ctx := r.Context()
	id := c.sessions.GetInt64(ctx, keyLogin)
	if id == 0 {
		return nil, nil
	}
	who, err := c.Cases.Login(ctx, id)
	if errors.Is(err, bot.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("who is at the desk: %w", err)
	}
	return who, nil
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
		return c.wrong(w, r, login, next)
	}
	if who.Second {
		return c.askCode(w, r, who, next)
	}
	if err := c.begin(w, r, who); errors.Is(err, bot.ErrConflict) {
		return c.wrong(w, r, login, next)
	} else if err != nil {
		return err
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
	return nil
}

// wrong shows the log-in page again.
func (c *Console) wrong(w http.ResponseWriter, r *http.Request, login, next string) error {
	return c.render(w, r, nil, http.StatusUnauthorized, "login", "console.login.title", loginView{Login: login, Next: next, Wrong: true})
}

// authenticate is the officer of a login and passphrase, or nil if there is none such. It takes as long for a login
// that does not exist.
func (c *Console) authenticate(r *http.Request, login, pass string) (*bot.Officer, error) {
	ctx, from := r.Context(), client.Address(r)
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

// verify checks a passphrase.
func (c *Console) verify(ctx context.Context, hash, pass string) (ok bool, err error) {
	err = c.hashes(ctx, func() error { ok = VerifyPassphrase(hash, pass); return nil })
	return ok, err
}

// hash hashes a passphrase.
func (c *Console) hash(ctx context.Context, pass string) (hash string, err error) {
	err = c.hashes(ctx, func() error { hash, err = HashPassphrase(pass); return err })
	return hash, err
}

// hashes calls f, which hashes, with a bound on how many do so at once.
func (c *Console) hashes(ctx context.Context, f func() error) error {
	select {
	case c.hashing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.hashing }()
	return f()
}

// begin makes the request's session that of an officer, under a new token, on a device that is known from now on. It is an
// ErrConflict where the officer was disabled, or got another passphrase, since who was read.
func (c *Console) begin(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	ctx := r.Context()
	l := &bot.Login{Officer: who.ID, Device: deviceName(r.UserAgent())}
	if err := c.Cases.LogIn(ctx, l, who.Hash); err != nil {
		return err
	}
	if err := c.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	c.sessions.Put(ctx, keyLogin, l.ID)
	c.rememberDevice(w, who)
	return nil
}

// deviceName is the browser and the system that a user agent says it is, so that an officer knows their own again.
func deviceName(agent string) string {
	first := func(names ...[2]string) string {
		for _, n := range names {
			if strings.Contains(agent, n[0]) {
				return n[1]
			}
		}
		return "?"
	}
	return first([2]string{"Edg", "Edge"}, [2]string{"SamsungBrowser", "Samsung Internet"}, [2]string{"OPR/", "Opera"}, [2]string{"Firefox", "Firefox"},
		[2]string{"Chrome", "Chrome"}, [2]string{"Safari", "Safari"}) + " · " +
		first([2]string{"Android", "Android"}, [2]string{"iPhone", "iPhone"}, [2]string{"iPad", "iPad"}, [2]string{"Windows", "Windows"}, [2]string{"Mac OS", "macOS"}, [2]string{"CrOS", "ChromeOS"}, [2]string{"Linux", "Linux"})
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	if err := c.Desk.EndLogin(r.Context(), who, who.ID, c.sessions.GetInt64(r.Context(), keyLogin)); err != nil && !errors.Is(err, bot.ErrNotFound) {
		return err
	}
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
	Logins               loginsView
	Notices              noticesView
}

func (c *Console) account(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	return c.showAccount(w, r, who, http.StatusOK, accountView{})
}

func (c *Console) showAccount(w http.ResponseWriter, r *http.Request, who *bot.Officer, status int, v accountView) error {
	v.Min = MinPassphrase
	var err error
	if v.Logins, err = c.loginsOf(r, who, who); err != nil {
		return err
	}
	now := v.Notices
	if v.Notices, err = c.noticesOf(r, who); err != nil {
		return err
	}
	v.Notices.Code, v.Notices.WrongMail = now.Code, now.WrongMail
	return c.render(w, r, who, status, "account", "console.account.title", v)
}

// A loginsView is who is logged in as an officer.
type loginsView struct {
	Officer *bot.Officer
	List    []bot.Login
	Here    int64 // the log-in of who looks
}

func (c *Console) loginsOf(r *http.Request, who, officer *bot.Officer) (v loginsView, err error) {
	v.Officer, v.Here = officer, c.sessions.GetInt64(r.Context(), keyLogin)
	v.List, err = c.Desk.Logins(r.Context(), who, officer.ID)
	return v, err
}

// endLogin ends a log-in: one's own, or of an officer whom one manages.
func (c *Console) endLogin(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	officer, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	id, err1 := strconv.ParseInt(r.PathValue("login"), 10, 64)
	if err != nil || err1 != nil {
		return fmt.Errorf("log-in: %w", bot.ErrNotFound)
	}
	if err := c.Desk.EndLogin(r.Context(), who, officer, id); err != nil {
		return err
	}
	c.done(r, "login")
	to := "/console/account"
	if officer != who.ID {
		to = fmt.Sprintf("/console/officers/%d", officer)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// changePassphrase ends every other log-in of the officer.
func (c *Console) changePassphrase(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	r.Body = http.MaxBytesReader(w, r.Body, 8<<10)
	view := accountView{}
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
		return c.showAccount(w, r, who, http.StatusUnprocessableEntity, view)
	}
	hash, err := c.hash(r.Context(), pass)
	if err != nil {
		return err
	}
	if err := c.Cases.SetPassphrase(r.Context(), who.ID, who.Hash, hash); err != nil {
		return err
	}
	who.Hash = hash
	if err := c.begin(w, r, who); err != nil {
		return err
	}
	c.done(r, "passphrase")
	http.Redirect(w, r, "/console/account", http.StatusSeeOther)
	return nil
}

// done leaves word for the next page of what has been done.
func (c *Console) done(r *http.Request, what string) { c.sessions.Put(r.Context(), keyDone, what) }
