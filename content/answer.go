package content

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// The lengths of an answer for a chat, and of the text that is read on demand, in characters.
const (
	maxBody = 900
	maxMore = 3000
)

// fewestAsks is how many French phrasings an answer needs to be found.
const fewestAsks = 3

// An Answer is one entry of the content base: who has the right, the steps, the papers, the cost, the delay, where.
type Answer struct {
	ID         string
	Profiles   []string // whom it concerns; empty: everybody
	Needs      []string // codes
	Then       []string // ids of follow-ups
	Structures []string // ids in the directory
	Law        []string
	Sources    []Source
	Confidence string // high, medium, low
	Reviewed   time.Time
	ReviewBy   time.Time
	Title      Text
	Body       Text                // Markdown, 900 characters at most
	More       Text                // what is read on demand, or nothing
	Ask        map[string][]string // phrasings by language tag (fr, ar, en, es, ary, ary-Latn, shi)
	Status     map[Lang]string     // draft or reviewed, of each language it is told in
	Stale      map[Lang]bool       // translated from an earlier French text

	audio    map[Lang]func() ([]byte, error)
	revision string
}

// HasAudio reports whether somebody has recorded the answer in a language.
func (a *Answer) HasAudio(l Lang) bool { return a.audio[l] != nil }

// Audio is the recording of an answer in a language, a voice note in Ogg Opus; fs.ErrNotExist if there is none.
func (a *Answer) Audio(l Lang) ([]byte, error) {
	if a.audio[l] == nil {
		return nil, fs.ErrNotExist
	}
	return a.audio[l]()
}

// A Source is where a fact of an answer comes from.
type Source struct {
	URL  string
	Seen string // the day it was read, such as 2026-11-24
	Says string
}

// A master is the front matter of an answer in French.
type master struct {
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
	Status     string `yaml:",omitempty"` // draft: written in haste, still without its sources; else empty
	Reviewed   string
	ReviewBy   string `yaml:"review-by"`
}

// A translation is the front matter of an answer in another language.
type translation struct {
	Title  string
	Ask    map[string][]string
	Status string
	From   string // revision of the French text it was made from
}

// splitFront parts a file into front matter, body and what follows the "more" line; at is the line on which the body
// begins.
func splitFront(data string) (matter, body, more string, at int, ok bool) {
	data = strings.ReplaceAll(strings.TrimPrefix(data, "\ufeff"), "\r\n", "\n")
	rest, found := strings.CutPrefix(data, "---\n")
	if !found {
		return "", "", "", 0, false
	}
	matter, body, ok = strings.Cut(rest, "\n---\n")
	if !ok {
		return "", "", "", 0, false
	}
	at = 3 + strings.Count(matter, "\n") + 1
	body, more, _ = strings.Cut(body, "\n<!-- more -->\n")
	trimmed := strings.TrimLeft(body, " \t\n")
	at += strings.Count(body[:len(body)-len(trimmed)], "\n")
	return matter, strings.TrimSpace(body), strings.TrimSpace(more), at, true
}

// readAnswers reads the French masters, then the translations.
func (r *reader) readAnswers() {
	for _, name := range r.glob("answers/fr/*.md") {
		var f master
		if body, more, ok := r.answerFile(name, &f); ok {
			r.master(name, f, body, more)
		}
	}
	for _, name := range r.glob("answers/*/*.md") {
		lang := Lang(path.Base(path.Dir(name)))
		if lang == French {
			continue
		}
		if !lang.Known() {
			r.fault(name, 0, "%q is not a language: %v", lang, Langs())
			continue
		}
		var f translation
		if body, more, ok := r.answerFile(name, &f); ok {
			r.translation(name, lang, f, body, more)
		}
	}
	for _, name := range r.glob("answers/*/*.ogg") {
		r.audio(name)
	}
	slices.SortFunc(r.lib.answers, func(a, b *Answer) int { return strings.Compare(a.ID, b.ID) })
}

// maxAudio is how large a recording may be, in bytes: two minutes of speech.
const maxAudio = 1 << 20

// audio takes a recording in: answers/<lang>/<id>.ogg. It is read from its layer when it is told, not kept in memory.
func (r *reader) audio(name string) {
	lang, id := Lang(path.Base(path.Dir(name))), strings.TrimSuffix(path.Base(name), ".ogg")
	a := r.lib.byID[id]
	if a == nil || !lang.Known() {
		r.fault(name, 0, "is the recording of no answer in no language of ours: its name is answers/<language>/<id>.ogg")
		return
	}
	for _, layer := range slices.Backward(r.layers) {
		head := make([]byte, 64)
		f, err := layer.Open(name)
		if err != nil {
			continue
		}
		n, _ := io.ReadFull(f, head)
		info, err := f.Stat()
		f.Close()
		switch {
		case err != nil:
			r.fault(name, 0, "cannot be read: %v", err)
		case info.Size() > maxAudio:
			r.fault(name, 0, "is larger than %d kB: record it shorter, or at 16 kbit/s", maxAudio>>10)
		case !bytes.HasPrefix(head[:n], []byte("OggS")) || !bytes.Contains(head[:n], []byte("OpusHead")):
			r.fault(name, 0, "is no voice note in Ogg Opus: ffmpeg -i in.mp3 -c:a libopus -b:a 16k -ac 1 out.ogg makes one")
		default:
			if a.audio == nil {
				a.audio = map[Lang]func() ([]byte, error){}
			}
			a.audio[lang] = func() ([]byte, error) { return fs.ReadFile(layer, name) }
		}
		return
	}
}

// answerFile reads a file of an answer: its front matter into front, and its texts.
func (r *reader) answerFile(name string, front any) (body, more string, ok bool) {
	data, ok := r.top(name)
	if !ok {
		return "", "", false
	}
	matter, body, more, at, ok := splitFront(string(data))
	if !ok {
		r.fault(name, 1, "should begin with a line --- and front matter that ends with a line ---")
		return "", "", false
	}
	root := r.tree(name, 2, []byte(matter))
	if root == nil || !r.decode(name, root, front) {
		return "", "", false
	}
	r.trees[name] = root
	if body == "" {
		r.fault(name, at, "has no text")
		return "", "", false
	}
	if n := len([]rune(body)); n > maxBody {
		r.fault(name, at, "has %d characters; a chat takes %d at most: put the rest after a line <!-- more -->", n, maxBody)
	}
	if n := len([]rune(more)); n > maxMore {
		r.fault(name, at, "has %d characters after <!-- more -->; a chat takes %d at most", n, maxMore)
	}
	for _, u := range unsupported(body) {
		r.fault(name, at+u.line, "%s", u.msg)
	}
	moreAt := 1
	if before, _, cut := strings.Cut(string(data), "<!-- more -->"); cut {
		moreAt = 2 + strings.Count(before, "\n")
	}
	for _, u := range unsupported(more) {
		r.fault(name, moreAt+u.line, "%s", u.msg)
	}
	return body, more, true
}

// master takes a French text in.
func (r *reader) master(name string, f master, body, more string) {
	a := &Answer{ID: f.ID, Profiles: f.Profiles, Needs: f.Needs, Title: Text{French: f.Title}, Ask: map[string][]string{}, Then: f.Then,
		Structures: f.Structures, Law: f.Law, Sources: f.Sources, Confidence: f.Confidence, Body: Text{French: body}, More: Text{},
		Status: map[Lang]string{French: "reviewed"}, Stale: map[Lang]bool{}, revision: revision(body)}
	if more != "" {
		a.More[French] = more
	}
	fault := func(key, format string, args ...any) { r.fault(name, r.line(name, key), format, args...) }
	lacks := fault // what an answer must have, and a draft may still lack
	switch f.Status {
	case "":
	case "draft":
		a.Status[French] = "draft"
		lacks = func(key, format string, args ...any) { r.warn(name, r.line(name, key), format, args...) }
		if f.Confidence != "low" {
			fault("confidence", "a draft has the confidence low, not %q", f.Confidence)
		}
	default:
		fault("status", "the status of a French text is draft or none, not %q", f.Status)
	}
	if id := strings.TrimSuffix(path.Base(name), ".md"); f.ID != id {
		fault("id", "the id is %q, but the file's name says %q", f.ID, id)
		return
	}
	if !isID("answer." + f.ID) {
		fault("id", "an id has letters, digits and . - + _ alone, %d at most", maxID-len("answer."))
	}
	if f.Title == "" {
		fault("title", "has no title")
	}
	if len(f.Sources) == 0 {
		lacks("sources", "has no source")
	}
	for i, s := range f.Sources {
		if !isDay(s.Seen) || !isURL(s.URL) {
			r.fault(name, r.line(name, "sources", i), "a source has a url and the day on which it was seen, such as 2026-11-24")
		}
	}
	if !slices.Contains(confidences, f.Confidence) {
		fault("confidence", "confidence is one of %s, not %q", strings.Join(confidences, ", "), f.Confidence)
	}
	var err error
	if a.Reviewed, err = time.Parse(time.DateOnly, f.Reviewed); err != nil {
		fault("reviewed", "reviewed is a day such as 2026-11-24, not %q", f.Reviewed)
	}
	if a.ReviewBy, err = time.Parse(time.DateOnly, f.ReviewBy); err != nil {
		fault("review-by", "review-by is a day such as 2027-11-24, not %q", f.ReviewBy)
	} else if !a.ReviewBy.After(a.Reviewed) {
		fault("review-by", "review-by comes before reviewed")
	}
	r.asks(name, a, f.Ask)
	if n := len(a.Ask["fr"]); n < fewestAsks {
		lacks("ask", "has %d French phrasings; it takes %d at least", n, fewestAsks)
	}
	r.lib.answers = append(r.lib.answers, a)
	r.lib.byID[a.ID] = a
}

// translation takes a text in another language in.
func (r *reader) translation(name string, lang Lang, f translation, body, more string) {
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
	} else if a.More[French] != "" {
		r.warn(name, 0, "does not have the part after <!-- more --> that the French text has")
	}
	r.asks(name, a, f.Ask)
	if f.From != a.revision {
		a.Stale[lang] = true
		r.warn(name, r.line(name, "from"), "was translated from revision %q; the French text is now %q", f.From, a.revision)
	}
}

// asks takes phrasings in.
func (r *reader) asks(name string, a *Answer, by map[string][]string) {
	for _, tag := range slices.Sorted(maps.Keys(by)) {
		if !slices.Contains(wordTags, tag) {
			r.fault(name, r.line(name, "ask", tag), "ask: %q is not one of %s", tag, strings.Join(wordTags, ", "))
			continue
		}
		for i, ask := range by[tag] {
			if Fold(ask) == "" {
				r.fault(name, r.line(name, "ask", tag, i), "ask: %q has no letters", ask)
			}
		}
		a.Ask[tag] = append(a.Ask[tag], by[tag]...)
	}
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
