package webchat

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"baom/flows"
)

// FuzzSniff: whatever a file holds and says it is, it is taken as a kind that officers can look at, and never as one
// that a browser would run.
func FuzzSniff(f *testing.F) {
	var odt bytes.Buffer
	z := zip.NewWriter(&odt)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "mimetype"})
	if err != nil {
		f.Fatal(err)
	}
	w.Write([]byte("application/vnd.oasis.opendocument.text"))
	if err := z.Close(); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "\xff\xfb\x90\x00", "\xff\xfe<\x00s\x00", "\xff\xf1\x50\x80", "\x00\x00\x00\x18ftypheic\x00\x00", "#!AMR\n", "<svg>", "%PDF-", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", odt.String()} {
		f.Add([]byte(seed), "audio/webm")
	}
	f.Fuzz(func(t *testing.T, data []byte, said string) {
		mime, kind, ok := sniff(data, said)
		if ok != (mime != "") || ok && !kind.Kept() {
			t.Fatalf("%q %q %v", mime, kind, ok)
		}
		for _, bad := range []string{"html", "xml;", "svg", "script", "text/"} {
			if strings.Contains(mime, bad) {
				t.Fatalf("taken as %s", mime)
			}
		}
		if ok && kind == flows.Document && inline(mime) {
			t.Fatalf("a document of type %s is shown in place", mime)
		}
	})
}

// FuzzForm: whatever is posted, it is refused or becomes exactly one of words, a choice, a file and a place, within the
// limits.
func FuzzForm(f *testing.F) {
	const multipart = "multipart/form-data; boundary=x"
	f.Add(multipart, "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a\\\\b.pdf\"\r\nContent-Type: a/b\r\n\r\n%PDF-1\r\n--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nvoici\r\n--x--\r\n")
	f.Add(multipart, "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n--x\r\nContent-Disposition: form-data; name=\"choice\"\r\n\r\nlang.ar\r\n--x--")
	f.Add("application/x-www-form-urlencoded", "id=a-1&text=%00bonjour%0D%0A&after=7&lat=&lon=")
	f.Add("application/x-www-form-urlencoded", "id=1&lat=1e308&lon=NaN")
	f.Add("", "\xff;=&")
	c := &Chat{Config: Config{Rand: rand.Reader}}
	f.Fuzz(func(t *testing.T, kind, body string) {
		r := httptest.NewRequest(http.MethodPost, "/chat/send", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		p, err := c.read(r)
		in := p.entry.Input
		if !utf8.ValidString(in.Text) || strings.ContainsAny(in.Text, "\x00\r") {
			t.Fatalf("text %q", in.Text)
		}
		if err != nil {
			return
		}
		n := 0
		for _, is := range []bool{in.Choice != "", p.entry.Media != nil, in.Kind == flows.Location, in.Kind == flows.Text && in.Choice == "" && in.Text != ""} {
			if is {
				n++
			}
		}
		if n != 1 || utf8.RuneCountInString(in.Text) > maxText || len(p.entry.Key) > 68 || !utf8.ValidString(in.Choice) || !(in.Lat >= -90 && in.Lat <= 90 && in.Lon >= -180 && in.Lon <= 180) {
			t.Fatalf("%+v", p.entry)
		}
		if m := p.entry.Media; m != nil && (m.Kind != in.Kind || len(m.Data) == 0 || strings.ContainsAny(m.Name, "/\\\x00\"<>")) {
			t.Fatalf("%+v", m)
		}
	})
}
