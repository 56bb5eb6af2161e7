package notice

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"baom/bot"
	"baom/content"
)

// A browser is the receiving end of pushes, as RFC 8291 and 8292 describe it, written without the sender's library.
type browser struct {
	t       *testing.T
	key     *ecdh.PrivateKey
	auth    []byte
	office  string // the key that it was given at its subscription
	server  *httptest.Server
	status  int
	told    []map[string]string
	headers http.Header
}

func newBrowser(t *testing.T, office string) *browser {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, key: key, auth: make([]byte, 16), office: office, status: http.StatusCreated}
	rand.Read(b.auth)
	b.server = httptest.NewTLSServer(b)
	t.Cleanup(b.server.Close)
	return b
}

// address is the browser's, at a path of its push service.
func (b *browser) address(path string) string {
	data, err := json.Marshal(subscription{b.server.URL + path, base64.RawURLEncoding.EncodeToString(b.key.PublicKey().Bytes()), base64.RawURLEncoding.EncodeToString(b.auth)})
	if err != nil {
		b.t.Fatal(err)
	}
	return string(data)
}

// ServeHTTP is the push service: it checks who sends, and the browser reads.
func (b *browser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/away" {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = b.vouched(r)
	}
	var told map[string]string
	if err == nil {
		told, err = b.open(body)
	}
	if err != nil {
		b.t.Errorf("a push that no browser reads: %v", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.told, b.headers = append(b.told, told), r.Header
	w.WriteHeader(b.status)
}

// vouched checks that the office signed for this service (RFC 8292).
func (b *browser) vouched(r *http.Request) error {
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "vapid ")
	token, key := "", ""
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			token = value
		case "k":
			key = value
		}
	}
	parts := strings.Split(token, ".")
	if !ok || key != b.office || len(parts) != 3 {
		return errors.New("not signed by the office")
	}
	point, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil || len(point) != 65 {
		return errors.New("not a key")
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return errors.New("not a signature")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return err
	}
	if !ecdsa.Verify(public, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return errors.New("a signature that is not the office's")
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims struct {
		Aud, Sub string
		Exp      int64
	}
	if err := json.Unmarshal(data, &claims); err != nil {
		return err
	}
	if until := time.Until(time.Unix(claims.Exp, 0)); claims.Aud != b.server.URL || claims.Sub != "https://baom.example" || until < time.Minute || until > 24*time.Hour {
		return errors.New("signed for somebody else: " + string(data))
	}
	return nil
}

// open decrypts a push (RFC 8188, 8291).
func (b *browser) open(body []byte) (told map[string]string, err error) {
	if len(body) < 21 {
		return nil, errors.New("too short")
	}
	salt, size, n := body[:16], binary.BigEndian.Uint32(body[16:20]), int(body[20])
	if len(body) < 21+n || len(body)-21-n > int(size) {
		return nil, errors.New("more than one record")
	}
	sender, err := ecdh.P256().NewPublicKey(body[21 : 21+n])
	if err != nil {
		return nil, err
	}
	shared, err := b.key.ECDH(sender)
	if err != nil {
		return nil, err
	}
	ikm, err := hkdf.Key(sha256.New, shared, b.auth, "WebPush: info\x00"+string(b.key.PublicKey().Bytes())+string(sender.Bytes()), 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nonce, body[21+n:], nil)
	if err != nil {
		return nil, err
	}
	words := strings.TrimRight(string(plain), "\x00")
	if !strings.HasSuffix(words, "\x02") {
		return nil, errors.New("not the last record")
	}
	return told, json.Unmarshal([]byte(strings.TrimSuffix(words, "\x02")), &told)
}

// TestPush sends to a browser that reads it, and to one that is no more.
func TestPush(t *testing.T) {
	private, key, err := NewPushKey()
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, key)
	client := b.server.Client()
	client.CheckRedirect = public.CheckRedirect
	p := &Push{Public: key, Private: private, Contact: "https://baom.example", HTTP: client}
	n := bot.Notice{Lang: content.Arabic, Title: "BAOM", Text: "ملفان في الانتظار.", URL: "https://baom.example/console/"}
	if err := p.Send(t.Context(), bot.Way{Address: b.address("/a")}, n); err != nil {
		t.Fatal(err)
	}
	if len(b.told) != 1 || b.told[0]["body"] != n.Text || b.told[0]["title"] != "BAOM" || b.told[0]["dir"] != "rtl" {
		t.Errorf("the browser reads %v", b.told)
	}
	if b.headers.Get("TTL") != "14400" || b.headers.Get("Topic") != "baom" {
		t.Errorf("headers %v", b.headers)
	}
	for status, gone := range map[int]bool{404: true, 410: true, 403: false, 413: false, 429: false, 500: false, 503: false} {
		b.status = status
		err := p.Send(t.Context(), bot.Way{Address: b.address("/a")}, n)
		if fault := (*bot.SendError)(nil); !errors.As(err, &fault) || fault.Permanent != gone || fault.Why == "" {
			t.Errorf("%d: %v", status, err)
		}
	}
	b.told = nil
	if err := p.Send(t.Context(), bot.Way{Address: b.address("/away")}, n); err == nil || len(b.told) != 0 {
		t.Errorf("sent on elsewhere: %v, %v", err, b.told)
	}
}

// TestPushReach: nothing but public hosts is reached, whatever a browser says and a name resolves to.
func TestPushReach(t *testing.T) {
	private, key, err := NewPushKey()
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, key)
	p := &Push{Public: key, Private: private, Contact: "https://baom.example"}
	local := strings.Replace(b.address("/secret-of-the-browser"), "127.0.0.1", "localhost", 1)
	for _, address := range []string{b.address("/a"), local} {
		err := p.Send(t.Context(), bot.Way{Address: address}, bot.Notice{Title: "t"})
		if !errors.Is(err, errPrivate) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if len(b.told) != 0 {
		t.Error("a host of the office's own was reached")
	}
	for a, want := range map[string]bool{"8.8.8.8": true, "2a00:1450:4006::1": true, "127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "224.0.0.1": false, "255.255.255.255": false, "::1": false, "fe80::1": false, "fd00::1": false, "::ffff:10.0.0.1": false, "::ffff:8.8.8.8": true,
		"64:ff9b::a00:1": false, "2002:a00:1::": false, "198.18.0.1": false, "240.0.0.1": false, "::": false, "::127.0.0.1": false} {
		if got := isPublic(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s is public: %v", a, got)
		}
	}
}

// TestSubscription: only what a browser says is taken.
func TestSubscription(t *testing.T) {
	b := newBrowser(t, "")
	point, auth := base64.RawURLEncoding.EncodeToString(b.key.PublicKey().Bytes()), base64.StdEncoding.EncodeToString(b.auth)
	const good = "https://fcm.googleapis.com/fcm/send/abc:def"
	address, err := Subscription(good, point, auth)
	if err != nil || Host(address) != "fcm.googleapis.com" {
		t.Errorf("%q %v", address, err)
	}
	for _, endpoint := range []string{"", "http://fcm.googleapis.com/x", "https://127.0.0.1/x", "https://[::1]/x", "https://2130706433/x", "https://localhost/x", "https://db.internal/x", "https://printer.local./x",
		"https://fcm.googleapis.com:8443/x", "https://user@fcm.googleapis.com/x", "ftp://fcm.googleapis.com/x", "//fcm.googleapis.com/x", "https://fcm.googleapis.com/x#y", "https://a.example/" + strings.Repeat("x", maxEndpoint), "https://x.localhost/"} {
		if _, err := Subscription(endpoint, point, auth); !errors.Is(err, bot.ErrInvalid) {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	for _, keys := range [][2]string{{"", auth}, {point, ""}, {point[:40], auth}, {point, "YWJj"}, {base64.RawURLEncoding.EncodeToString(make([]byte, 65)), auth}, {"?", auth}} {
		if _, err := Subscription(good, keys[0], keys[1]); !errors.Is(err, bot.ErrInvalid) {
			t.Errorf("%v: %v", keys, err)
		}
	}
}
