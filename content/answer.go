package content

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strings"
	"time"
)

// maxBody is the length of an answer for a chat, in characters.
const maxBody = 900

// front is the front matter of an answer's file, the French master or a translation.
type front struct {
	ID         string
	Profiles   []string
	Needs      []string
	Title      string
	Ask        map[string][]string
	Then       []string
	Structures []string
	Law        []string
	Sources    []Source
	Confidence string
	Reviewed   string
	ReviewBy   string `yaml:"review-by"`
	Status     string
	From       string
}

// splitFront parts a file into front matter, body and what follows the "more" line.
func splitFront(data string) (matter, body, more string, ok bool) {
	data = strings.ReplaceAll(strings.TrimPrefix(data, "\ufeff"), "\r\n", "\n")
	rest, found := strings.CutPrefix(data, "---\n")
	if !found {
		return "", "", "", false
	}
	matter, body, ok = strings.Cut(rest, "\n---\n")
	if !ok {
		return "", "", "", false
	}
	body, more, _ = strings.Cut(body, "\n<!-- more -->\n")
	return matter, strings.TrimSpace(body), strings.TrimSpace(more), true
}

// readAnswers reads the French masters, then the translations.
func (r *reader) readAnswers() {
	masters := r.glob("answers/fr/*.md")
	for _, name := range masters {
		if f, body, more, ok := r.answerFile(name); ok {
			r.master(name, f, body, more)
		}
	}
	for _, lang := range Langs() {
		if lang == French {
			continue
		}
		for _, name := range r.glob("answers/" + string(lang) + "/*.md") {
			if f, body, more, ok := r.answerFile(name); ok {
				r.translation(name, lang, f, body, more)
			}
		}
	}
	slices.SortFunc(r.lib.answers, func(a, b *Answer) int { return strings.Compare(a.ID, b.ID) })
}

func (r *reader) answerFile(name string) (f front, body, more string, ok bool) {
	data, _ := r.top(name)
	matter, body, more, ok := splitFront(string(data))
	if !ok {
		r.fault(name, 1, "begins with --- and front matter that ends with a line ---")
		return f, "", "", false
	}
	if !r.yaml(name, []byte(matter), &f) {
		return f, "", "", false
	}
	if body == "" {
		r.fault(name, 0, "has no text")
		return f, "", "", false
	}
	if n := len([]rune(body)); n > maxBody {
		r.fault(name, 0, "has %d characters; a chat takes %d at most: put the rest after a line <!-- more -->", n, maxBody)
	}
	return f, body, more, true
}

func (r *reader) master(name string, f front, body, more string) {
	id := strings.TrimSuffix(path.Base(name), ".md")
	a := &Answer{ID: f.ID, Profiles: f.Profiles, Needs: f.Needs, Title: Text{French: f.Title}, Ask: f.Ask, Then: f.Then, Structures: f.Structures,
		Law: f.Law, Sources: f.Sources, Confidence: f.Confidence, Body: Text{French: body}, More: Text{French: more},
		Status: map[Lang]string{French: "reviewed"}, Stale: map[Lang]bool{}, revision: revision(body)}
	if a.Ask == nil {
		a.Ask = map[string][]string{}
	}
	fault := func(key, format string, args ...any) { r.fault(name, r.line(name, key), format, args...) }
	if f.ID != id {
		fault("id", "the id is %q, the file's name says %q", f.ID, id)
	}
	if f.Title == "" {
		fault("title", "has no title")
	}
	if len(f.Sources) == 0 {
		fault("sources", "has no source")
	}
	for _, s := range f.Sources {
		if _, err := time.Parse(time.DateOnly, s.Seen); err != nil || s.URL == "" {
			fault("sources", "a source has a url and the day it was seen, such as 2026-11-24")
		}
	}
	if !slices.Contains([]string{"high", "medium", "low"}, f.Confidence) {
		fault("confidence", "confidence is high, medium or low, not %q", f.Confidence)
	}
	var err error
	if a.Reviewed, err = time.Parse(time.DateOnly, f.Reviewed); err != nil {
		fault("reviewed", "reviewed is a day such as 2026-11-24, not %q", f.Reviewed)
	}
	if a.ReviewBy, err = time.Parse(time.DateOnly, f.ReviewBy); err != nil {
		fault("review-by", "review-by is a day such as 2027-11-24, not %q", f.ReviewBy)
	}
	if n := len(f.Ask["fr"]); n < 3 {
		fault("ask", "has %d French phrasings; it takes three at least", n)
	}
	r.lib.answers = append(r.lib.answers, a)
	r.lib.byID[a.ID] = a
}

func (r *reader) translation(name string, lang Lang, f front, body, more string) {
	id := strings.TrimSuffix(path.Base(name), ".md")
	a := r.lib.byID[id]
	if a == nil {
		r.fault(name, 0, "translates %s, which has no French text", id)
		return
	}
	if f.Title == "" {
		r.fault(name, r.line(name, "title"), "has no title")
	}
	if f.Status != "draft" && f.Status != "reviewed" {
		r.fault(name, r.line(name, "status"), "status is draft or reviewed, not %q", f.Status)
	}
	a.Title[lang], a.Body[lang], a.Status[lang] = f.Title, body, f.Status
	if more != "" {
		a.More[lang] = more
	}
	for tag, list := range f.Ask {
		a.Ask[tag] = append(a.Ask[tag], list...)
	}
	if f.From != a.revision {
		a.Stale[lang] = true
		r.warn(name, r.line(name, "from"), "was translated from revision %q; the French text is now %q", f.From, a.revision)
	}
}

// line is where a key of a file stands.
func (r *reader) line(name, key string) int {
	data, _ := r.top(name)
	return lineOf(data, key+":")
}

// revision names a French text, so that a translation can say what it was made from: the first eight hexadecimal
// digits of its SHA-256.
func revision(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:4])
}

// units are the answers as the search takes them: one a language.
func (lib *Library) units() []Unit {
	tags := map[Lang][]string{French: {"fr"}, Arabic: {"ar"}, English: {"en"}, Spanish: {"es"}, Darija: {"ary", "ary-Latn"}, Tachelhit: {"shi"}}
	var units []Unit
	for _, a := range lib.answers {
		for _, l := range Langs() {
			u := Unit{ID: a.ID, Lang: string(l), Title: a.Title[l], Body: a.Body[l], Profiles: a.Profiles}
			for _, tag := range tags[l] {
				u.Asks = append(u.Asks, a.Ask[tag]...)
			}
			if u.Title != "" || len(u.Asks) > 0 {
				units = append(units, u)
			}
		}
	}
	return units
}
