package notice

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"baom/bot"
	"baom/content"
)

// A post office is a server of mail that wants STARTTLS and a password.
type postOffice struct {
	address string
	trust   *tls.Config // of who connects
	plain   bool        // it offers no STARTTLS

	mu    sync.Mutex
	mails []string
}

func newPostOffice(t *testing.T, plain bool) *postOffice {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	card := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, card, card, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	o := &postOffice{address: "localhost:" + port, trust: &tls.Config{RootCAs: pool, ServerName: "localhost"}, plain: plain}
	own := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go o.serve(c, own)
		}
	}()
	return o
}

// serve is one conversation in SMTP.
func (o *postOffice) serve(c net.Conn, own *tls.Config) {
	defer c.Close()
	in, secure, known := bufio.NewReader(c), false, false
	say := func(format string, args ...any) { fmt.Fprintf(c, format+"\r\n", args...) }
	say("220 localhost")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word = strings.ToUpper(word); {
		case word == "EHLO" && !secure && !o.plain:
			say("250-localhost\r\n250 STARTTLS")
		case word == "EHLO":
			say("250-localhost\r\n250 AUTH PLAIN")
		case word == "STARTTLS" && !o.plain:
			say("220 go on")
			encrypted := tls.Server(c, own)
			c, in, secure = encrypted, bufio.NewReader(encrypted), true
		case word == "QUIT":
			say("221 bye")
			return
		case word == "NOOP", word == "RSET":
			say("250 ok")
		case !secure:
			say("530 encrypt first")
		case word == "AUTH":
			proof, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			if known = string(proof) == "\x00baom\x00secret"; known {
				say("235 welcome")
			} else {
				say("535 no")
			}
		case !known:
			say("530 who are you?")
		case word == "RCPT" && strings.Contains(rest, "nobody@"):
			say("550 no such person")
		case word == "DATA":
			say("354 go on")
			var text strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(line)
			}
			o.mu.Lock()
			o.mails = append(o.mails, text.String())
			o.mu.Unlock()
			say("250 taken")
		default:
			say("250 ok")
		}
	}
}

// TestMail sends a digest through a server that wants to be encrypted and to know who writes.
func TestMail(t *testing.T) {
	o := newPostOffice(t, false)
	m, err := NewMail(o.address, "baom", "secret", "baom@agadir.example")
	if err != nil {
		t.Fatal(err)
	}
	m.TLS = o.trust
	n := bot.Notice{Lang: content.French, Title: "BAOM", Text: "Dossiers qui attendent une réponse : 3", URL: "https://baom.example/console/"}
	if err := m.Reach(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(o.mails) != 0 {
		t.Error("reaching the server sent something")
	}
	if err := m.Send(t.Context(), bot.Way{Address: "amina@agadir.example"}, n); err != nil {
		t.Fatal(err)
	}
	if len(o.mails) != 1 {
		t.Fatalf("%d mails", len(o.mails))
	}
	got, err := mail.ReadMessage(strings.NewReader(o.mails[0]))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(got.Body))
	subject, err1 := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	if err := errors.Join(err, err1); err != nil || subject != "BAOM" || got.Header.Get("Auto-Submitted") != "auto-generated" || got.Header.Get("To") != "<amina@agadir.example>" ||
		strings.ReplaceAll(strings.TrimSpace(string(body)), "\r\n", "\n") != n.Text+"\n\n"+n.URL {
		t.Errorf("the mail is (%v)\n%s", err, o.mails[0])
	}
	why := func(m *Mail, address string) string {
		t.Helper()
		err := m.Send(t.Context(), bot.Way{Address: address}, n)
		fault := (*bot.SendError)(nil)
		if !errors.As(err, &fault) || fault.Permanent || strings.Contains(err.Error(), "@") {
			t.Errorf("%s: %v", address, err)
			return ""
		}
		return fault.Why
	}
	if got := why(m, "nobody@agadir.example"); got != "address" {
		t.Errorf("an address that nobody has: %s", got)
	}
	for what, wrong := range map[string]*Mail{
		"wrong password":    {Server: o.address, User: "baom", Password: "guess", From: m.From, TLS: o.trust},
		"unknown authority": {Server: o.address, User: "baom", Password: "secret", From: m.From},
		"no encryption":     {Server: newPostOffice(t, true).address, User: "baom", Password: "secret", From: m.From},
		"nobody there":      {Server: "localhost:1", From: m.From},
	} {
		if got := why(wrong, "amina@agadir.example"); got != "server" {
			t.Errorf("%s: %q", what, got)
		}
		if err := wrong.Reach(t.Context()); err == nil {
			t.Errorf("%s: reached", what)
		}
	}
	if len(o.mails) != 1 {
		t.Errorf("%d mails", len(o.mails))
	}
	for _, bad := range [][4]string{{"localhost", "", "", "a@b.c"}, {"localhost:x", "", "", "a@b.c"}, {":587", "", "", "a@b.c"}, {"localhost:587", "u", "", "a@b.c"}, {"localhost:587", "", "", "nobody"}} {
		if _, err := NewMail(bad[0], bad[1], bad[2], bad[3]); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}
