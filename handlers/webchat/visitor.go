package webchat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"baom/bot"
	"baom/content"
)

// The cookies. That of a page within another site's is another one: it must be allowed to travel from there, and is
// kept apart for each such site.
const (
	chatCookie     = "baom_chat"
	embeddedCookie = "baom_chat_embedded"
	langCookie     = "baom_lang"

	cookieTime = 90 * 24 * 3600 // seconds
)

// visitor is the peer whose cookie a request carries; ok is false without a good one.
func (c *Chat) visitor(r *http.Request) (bot.Peer, bool) {
	for _, name := range []string{chatCookie, embeddedCookie} {
		cookie, err := r.Cookie(c.cookieName(name))
		if err != nil {
			continue
		}
		if id, mac, ok := strings.Cut(cookie.Value, "."); ok && len(id) == 32 && hmac.Equal([]byte(mac), []byte(c.sign("cookie", id))) {
			return bot.Peer{Channel: bot.Web, ID: id}, true
		}
	}
	return bot.Peer{}, false
}

// sign is the code that proves that we made a text for a purpose.
func (c *Chat) sign(purpose, text string) string {
	m := hmac.New(sha256.New, c.key)
	m.Write([]byte(purpose + ":" + text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:16])
}

// random is fresh randomness of 128 bits in hexadecimal digits. Without any nobody can be told from another: it panics,
// and the request fails.
func (c *Chat) random() string {
	var b [16]byte
	if _, err := io.ReadFull(c.Rand, b[:]); err != nil {
		panic("web chat: no randomness: " + err.Error())
	}
	return hex.EncodeToString(b[:])
}

// invitationTime is how long a page that has no conversation yet can be left open and still begin the one that it was
// made for.
const invitationTime = 24 * time.Hour

// invitation is the id of a conversation that does not exist yet, for a page without one to begin it with: so the first
// message can be sent again like every other, although the answer that would have set the cookie was lost.
func (c *Chat) invitation() string {
	text := c.random() + "." + strconv.FormatInt(c.Now().Unix(), 36)
	return text + "." + c.sign("invitation", text)
}

// invited is the peer of an invitation that is ours and not too old, or one of a new random id.
func (c *Chat) invited(invitation string) bot.Peer {
	if i := strings.LastIndexByte(invitation, '.'); i > 0 && hmac.Equal([]byte(invitation[i+1:]), []byte(c.sign("invitation", invitation[:i]))) {
		id, at, _ := strings.Cut(invitation[:i], ".")
		if unix, err := strconv.ParseInt(at, 36, 64); err == nil && c.Now().Sub(time.Unix(unix, 0)) < invitationTime {
			return bot.Peer{Channel: bot.Web, ID: id}
		}
	}
	return bot.Peer{Channel: bot.Web, ID: c.random()}
}

// welcome gives the browser the cookie of a peer, from now on for another ninety days.
func (c *Chat) welcome(w http.ResponseWriter, r *http.Request, p bot.Peer) {
	name := chatCookie
	if c.https && embedded(r) {
		name = embeddedCookie
	}
	c.setCookie(w, name, p.ID+"."+c.sign("cookie", p.ID), cookieTime)
}

// cookieName adds the prefix that ties a cookie to this host over https.
func (c *Chat) cookieName(name string) string {
	if c.https {
		return "__Host-" + name
	}
	return name
}

func (c *Chat) setCookie(w http.ResponseWriter, name, value string, maxAge int) {
	k := &http.Cookie{Name: c.cookieName(name), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: c.https, SameSite: http.SameSiteLaxMode}
	if c.https && name == embeddedCookie { // posts are guarded by CrossOriginProtection
		k.SameSite, k.Partitioned = http.SameSiteNoneMode, true
	}
	http.SetCookie(w, k)
}

// embedded reports whether the page is shown within another site's.
func embedded(r *http.Request) bool { return r.URL.Query().Get("embedded") == "1" }

// home is the page's address, as it is shown.
func home(r *http.Request) string {
	if embedded(r) {
		return "/?embedded=1"
	}
	return "/"
}

// lang is the language of the page around the conversation: the one in the address, the one chosen last, or the first
// of the browser's that baom speaks.
func (c *Chat) lang(r *http.Request) content.Lang {
	if l := content.Lang(r.URL.Query().Get("lang")); l.Known() {
		return l
	}
	if k, err := r.Cookie(c.cookieName(langCookie)); err == nil && content.Lang(k.Value).Known() {
		return content.Lang(k.Value)
	}
	tags, _, _ := language.ParseAcceptLanguage(r.Header.Get("Accept-Language")) // best first; what cannot be read is none
	for _, t := range tags {
		base, _ := t.Base()
		if l := content.Lang(base.String()); l.Known() {
			return l
		}
	}
	return content.French
}

// leave makes this device forget the conversation; the office keeps it. Who leaves in haste is led away.
func (c *Chat) leave(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<12)
	for _, name := range []string{chatCookie, embeddedCookie, langCookie} {
		c.setCookie(w, name, "", -1)
	}
	w.Header().Set("Clear-Site-Data", `"storage"`)
	to := "/?left=1&lang=" + string(c.lang(r))
	switch {
	case embedded(r):
		to += "&embedded=1"
	case r.FormValue("away") != "":
		to = c.Exit
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}
