package webchat

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"baom/bot"
	"baom/content"
	"baom/flows"
	"baom/handlers/client"
)

// The bounds of what a person sends.
const (
	maxText   = 4000      // characters of a message
	maxFields = 256 << 10 // bytes of everything but the file
	maxBody   = bot.MaxMedia + maxFields + 64<<10
	maxVoice  = 3 * time.Minute  // length of a recording: the page stops there
	uploadFor = 20 * time.Minute // how long a file may take to arrive
)

// replyTime is how long a page that loads anew waits for the answer that is being made.
const replyTime = 2 * time.Second

// posted is what a form says.
type posted struct {
	entry  bot.Entry
	invite string
	after  int64 // the last line the page has; -1 if it does not say
}

// A refusal is why something is not taken: the page that says so, and the status.
type refusal struct {
	page   string
	status int
}

// Error is the page's id.
func (r *refusal) Error() string { return r.page }

func refuse(page string, status int) error { return &refusal{page, status} }

// send files what a person wrote, pressed or attached, and only then says that it has it. A script that says which line
// it has last is answered with the lines that follow, which its own is one of, and any other with 204; without script
// the answer is the page again.
func (c *Chat) send(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	out.SetReadDeadline(time.Now().Add(uploadFor))
	defer out.SetReadDeadline(time.Time{})
	peer, known := c.visitor(r)
	p, err := c.take(w, r, peer, known)
	if err != nil {
		c.refuse(w, r, p, err)
		return
	}
	if !known {
		peer = c.invited(p.invite)
		p.entry.Input.Slots = map[string]string{"hint.lang": string(c.lang(r))}
	}
	p.entry.Peer, p.entry.Input.At = peer, c.Now()
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	news := c.Journal.Watch(ctx, bot.TopicPeer(peer))
	if _, err := c.Journal.Receive(ctx, p.entry); err != nil {
		c.fail(r, "a message cannot be filed", err)
		c.refuse(w, r, p, refuse("web.sorry", http.StatusServiceUnavailable))
		return
	}
	c.welcome(w, r, peer)
	lang := content.Lang(strings.TrimPrefix(p.entry.Input.Choice, "lang."))
	if lang.Known() {
		c.setCookie(w, langCookie, string(lang), cookieTime)
	}
	if !scripted(r) || lang.Known() { // the page loads again, in that language
		c.await(ctx, peer, max(p.after, 0), news)
	}
	if !scripted(r) {
		http.Redirect(w, r, home(r)+"#end", http.StatusSeeOther)
		return
	}
	c.acknowledge(w, r, peer, p.after, lang.Known())
}

// acknowledge answers the script.
func (c *Chat) acknowledge(w http.ResponseWriter, r *http.Request, peer bot.Peer, after int64, reload bool) {
	if after < 0 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer := struct {
		Lines  []json.RawMessage `json:"lines,omitempty"`
		Reload bool              `json:"reload,omitempty"`
	}{Reload: reload}
	if !reload {
		if lines, err := c.after(r, peer, after); err == nil { // else they come with the events
			answer.Lines = lines
		}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

// scripted reports whether the page's script asks.
func scripted(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}

// refuse says why something is not taken: to the script in a sentence; else by the page, which still has the words.
func (c *Chat) refuse(w http.ResponseWriter, r *http.Request, p posted, err error) {
	var why *refusal
	if !errors.As(err, &why) {
		why = &refusal{"web.sorry", http.StatusBadRequest}
	}
	if why.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "10")
	}
	if !scripted(r) {
		c.render(w, r, notice{why.page, why.status, p.entry.Input.Text})
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(why.status)
	io.WriteString(w, c.Lib().Page(why.page, c.lang(r), nil))
}

// await gives the answer a moment to come after a line, for a page that will not hear of it otherwise.
func (c *Chat) await(ctx context.Context, peer bot.Peer, after int64, news <-chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, replyTime)
	defer cancel()
	for {
		lines, err := c.Journal.Transcript(ctx, peer, after)
		if err != nil || len(lines) > 0 && lines[len(lines)-1].Author != bot.ByPerson {
			return
		}
		if len(lines) > 0 {
			after = lines[len(lines)-1].ID
		}
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
	}
}

// take reads a post within the limits. What it read is returned with an error too, so that words are not lost.
func (c *Chat) take(w http.ResponseWriter, r *http.Request, peer bot.Peer, known bool) (posted, error) {
	slow := refuse("web.slow", http.StatusTooManyRequests)
	allowed := c.limits.allow(peer.ID, client.Address(r), !known)
	if r.ContentLength < 0 || r.ContentLength > maxFields {
		if !allowed {
			return posted{}, slow
		}
		done, ok := c.limits.upload(r.Context())
		if !ok {
			return posted{}, slow
		}
		defer done()
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	p, err := c.read(r)
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		err = refuse("web.large", http.StatusRequestEntityTooLarge)
	}
	if !allowed {
		err = slow
	}
	return p, err
}

// read makes an entry of a form. A file is held in memory only: nothing of it is ever written down unsealed.
func (c *Chat) read(r *http.Request) (p posted, err error) {
	fields := map[string]string{}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // anything else is a plain form
	var media *bot.Media
	if kind == "multipart/form-data" {
		media, err = readParts(r, fields)
	} else if err = r.ParseForm(); err == nil {
		for name := range r.PostForm {
			fields[name] = r.PostForm.Get(name)
		}
	}
	p.entry.Input.Text = clean(fields["text"])
	if err != nil {
		return p, err
	}
	p.invite, p.after = fields["invite"], -1
	if n, err := strconv.ParseInt(fields["after"], 10, 64); err == nil && n >= 0 {
		p.after = n
	}
	if fields["id"] == "" { // from something else than the page: it cannot be told from one sent again
		fields["id"] = c.random()
	}
	return p, p.fill(fields, media)
}

// fill makes the entry of the fields and the file: exactly one of words, a choice, a file (with words) and a place.
func (p *posted) fill(fields map[string]string, media *bot.Media) error {
	bad := refuse("web.sorry", http.StatusBadRequest)
	id, in := fields["id"], &p.entry.Input
	if len(id) > 64 || strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
		return bad
	}
	p.entry.Key = "web:" + id
	if utf8.RuneCountInString(in.Text) > maxText {
		return refuse("web.long", http.StatusRequestEntityTooLarge)
	}
	choice, lat, lon := fields["choice"], fields["lat"], fields["lon"]
	switch {
	case choice != "":
		if media != nil || lat != "" || len(choice) > 100 || !utf8.ValidString(choice) || strings.ContainsFunc(choice, unicode.IsControl) {
			return bad
		}
		in.Choice, in.Text = choice, ""
	case lat != "" || lon != "":
		var ok1, ok2 bool
		in.Lat, ok1 = degrees(lat, 90)
		in.Lon, ok2 = degrees(lon, 180)
		if media != nil || !ok1 || !ok2 {
			return bad
		}
		in.Kind = flows.Location
	case media != nil:
		in.Kind, p.entry.Media = media.Kind, media
		if s, err := strconv.Atoi(fields["seconds"]); err == nil && s > 0 && time.Duration(s)*time.Second <= maxVoice+time.Minute {
			media.Seconds = s
		}
	case in.Text == "":
		return refuse("web.empty", http.StatusBadRequest)
	}
	return nil
}

// degrees reads a latitude or longitude.
func degrees(s string, limit float64) (float64, bool) {
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil && math.Abs(x) <= limit
}

// clean is what a person wrote as valid text: with our line ends, without what can be neither seen nor stored.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\r\n", "\n")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s))
}

// readParts reads the fields of a form and its file, if it has one.
func readParts(r *http.Request, fields map[string]string) (media *bot.Media, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	room, late := int64(maxFields), error(nil)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return media, late
		}
		if err != nil {
			return nil, err
		}
		if part.FormName() == "" { // it cannot be told what it is: better said than left out
			return nil, refuse("web.sorry", http.StatusBadRequest)
		}
		if part.FileName() != "" || part.FormName() == "file" {
			file, err := readFile(part)
			if why := (*refusal)(nil); errors.As(err, &why) {
				late = err // the words may follow
			} else if err != nil {
				return nil, err
			}
			if file != nil {
				media = file
			}
			continue
		}
		value, err := io.ReadAll(io.LimitReader(part, room+1))
		if err != nil {
			return nil, err
		}
		if room -= int64(len(value)) + 64; room < 0 {
			return nil, refuse("web.long", http.StatusRequestEntityTooLarge)
		}
		fields[part.FormName()] = string(value)
	}
}

// readFile takes an uploaded file, by what it is and not by what it says it is; nil if the field was left empty.
func readFile(part *multipart.Part) (*bot.Media, error) {
	data, err := io.ReadAll(io.LimitReader(part, bot.MaxMedia+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > bot.MaxMedia:
		return nil, refuse("web.large", http.StatusRequestEntityTooLarge)
	case len(data) == 0 && part.FileName() == "":
		return nil, nil
	}
	mime, kind, ok := sniff(data, part.Header.Get("Content-Type"))
	if !ok {
		return nil, refuse("web.type", http.StatusUnsupportedMediaType)
	}
	return &bot.Media{Kind: kind, Mime: mime, Name: fileName(part.FileName()), Size: int64(len(data)), Data: data, State: bot.MediaReady}, nil
}

// fileName is a name without a path, within bounds, and without what would make it look like another.
func fileName(s string) string {
	s = filepath.Base(strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\\", "/"))
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`"<>:|?*/`, r) {
			return -1
		}
		return r
	}, s)
	if s == "." {
		return ""
	}
	if r := []rune(s); len(r) > 100 {
		s = string(r[len(r)-100:])
	}
	return s
}
