package console

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"baom/bot"
	"baom/flows"
)

// keySearch is where a log-in's session holds the key of what was searched for.
const keySearch = "search"

// maxSearch bounds what is searched for, in bytes.
const maxSearch = 200

// search takes what an officer searches for, and goes to the queue that it finds. That is a person's name, most of the time,
// and addresses are kept by browsers and by logs: the address holds it sealed with a key of this log-in, and says nothing
// once the log-in is over.
func (c *Console) search(w http.ResponseWriter, r *http.Request, who *bot.Officer) error {
	small(w, r)
	if !who.Works() {
		return fmt.Errorf("search: %w", bot.ErrForbidden)
	}
	values := url.Values{}
	if office := r.PostFormValue("office"); office != "" {
		values.Set("office", office)
	}
	if typed := strings.TrimSpace(r.PostFormValue("q")); typed != "" {
		key := c.sessions.GetBytes(r.Context(), keySearch)
		if len(key) != 32 {
			key = make([]byte, 32)
			rand.Read(key)
			c.sessions.Put(r.Context(), keySearch, key)
		}
		if len(typed) > maxSearch {
			typed = strings.ToValidUTF8(typed[:maxSearch], "")
		}
		sealed, err := sealSearch(key, typed)
		if err != nil {
			return err
		}
		values.Set("s", sealed)
	}
	to := "/console/"
	if len(values) > 0 {
		to += "?" + values.Encode()
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// searched is what an address searches for, with what it is in an address; empty where that is nothing, or was sealed by
// another log-in. A reference, which names nobody, may stand in an address as it is.
func (c *Console) searched(r *http.Request) (typed, sealed string) {
	if reference, ok := flows.ParseReference(r.FormValue("q")); ok {
		return reference, ""
	}
	sealed = r.FormValue("s")
	if typed = openSearch(c.sessions.GetBytes(r.Context(), keySearch), sealed); typed == "" {
		sealed = ""
	}
	return typed, sealed
}

func searchCipher(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func sealSearch(key []byte, typed string) (string, error) {
	aead, err := searchCipher(key)
	if err != nil {
		return "", fmt.Errorf("search: %w", err)
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(typed), nil)), nil
}

func openSearch(key []byte, sealed string) string {
	aead, err := searchCipher(key)
	if err != nil {
		return ""
	}
	data, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(data) < aead.NonceSize() {
		return ""
	}
	plain, err := aead.Open(nil, data[:aead.NonceSize()], data[aead.NonceSize():], nil)
	if err != nil {
		return ""
	}
	return string(plain)
}
