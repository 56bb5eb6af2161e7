package notice

import (
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	webpush "github.com/SherClockHolmes/webpush-go"

	"baom/bot"
)

// Push sends notices to browsers. It is safe for concurrent use.
type Push struct {
	Public  string // the office's key, as a browser is given it
	Private string
	Contact string       // whom a push service can turn to: an address of mail, or https://…
	HTTP    *http.Client // nil is Public's: https to public hosts alone
}

// NewPushKey makes a key pair by which the push services know the office.
func NewPushKey() (private, public string, err error) { return webpush.GenerateVAPIDKeys() }

// A subscription is where a browser is told, as the browser says it.
type subscription struct {
	Endpoint string `json:"endpoint"`
	P256dh   string `json:"p256dh"`
	Auth     string `json:"auth"`
}

// The bounds of what a browser says.
const (
	maxEndpoint = 1000
	maxAnswer   = 4 << 10
)

// Subscription is the address of a browser by its endpoint and keys. bot.ErrInvalid for what no browser says: the endpoint
// is https at a host that is named, on the usual port.
func Subscription(endpoint, p256dh, auth string) (address string, err error) {
	u, err := url.Parse(endpoint)
	if err != nil || len(endpoint) > maxEndpoint || u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.Port() != "" && u.Port() != "443" {
		return "", fmt.Errorf("an endpoint of pushes: %w", bot.ErrInvalid)
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal") {
		return "", fmt.Errorf("an endpoint of pushes: %w", bot.ErrInvalid)
	}
	point, err := decode(p256dh)
	if err == nil {
		_, err = ecdh.P256().NewPublicKey(point)
	}
	secret, err1 := decode(auth)
	if err != nil || err1 != nil || len(secret) != 16 {
		return "", fmt.Errorf("keys of a browser: %w", bot.ErrInvalid)
	}
	data, err := json.Marshal(subscription{endpoint, base64.RawURLEncoding.EncodeToString(point), base64.RawURLEncoding.EncodeToString(secret)})
	return string(data), err
}

// decode reads base64 as browsers write it.
func decode(s string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(s), "="))
}

// Host is the push service of an address, to be shown.
func Host(address string) string {
	var s subscription
	if json.Unmarshal([]byte(address), &s) != nil {
		return ""
	}
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// Send sends a notice to a browser. It is gone for good where the service says so (404, 410).
func (p *Push) Send(ctx context.Context, w bot.Way, n bot.Notice) error {
	var s subscription
	if err := json.Unmarshal([]byte(w.Address), &s); err != nil {
		return &bot.SendError{Permanent: true, Why: "gone", Err: err}
	}
	data, err := json.Marshal(map[string]string{"title": n.Title, "body": n.Text, "url": n.URL, "lang": string(n.Lang), "dir": n.Lang.Dir()})
	if err != nil {
		return err
	}
	client := p.HTTP
	if client == nil {
		client = public
	}
	response, err := webpush.SendNotificationWithContext(ctx, data, &webpush.Subscription{Endpoint: s.Endpoint, Keys: webpush.Keys{P256dh: s.P256dh, Auth: s.Auth}},
		&webpush.Options{HTTPClient: client, Subscriber: p.Contact, VAPIDPublicKey: p.Public, VAPIDPrivateKey: p.Private, Topic: "baom", TTL: int(pushLives / time.Second), Urgency: webpush.UrgencyNormal})
	if err != nil {
		why := "unreachable"
		if errors.Is(err, errPrivate) {
			why = "refused"
		}
		if fault := (*url.Error)(nil); errors.As(err, &fault) {
			err = fault.Err // the endpoint is a secret of the browser's
		}
		return &bot.SendError{Why: why, Err: err}
	}
	defer response.Body.Close()
	io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
	switch code := response.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusNotFound || code == http.StatusGone:
		return &bot.SendError{Permanent: true, Why: "gone", Err: fmt.Errorf("the push service answers %d", code)}
	default:
		return &bot.SendError{Why: "refused", Err: fmt.Errorf("the push service answers %d", code)}
	}
}

// pushLives is for how long a service keeps a push for a browser that is off: longer, and it tells of yesterday.
const pushLives = 4 * time.Hour

var errPrivate = errors.New("not an address of a public host")

// public is a client that reaches public hosts alone, whatever their names resolve to, and follows no one elsewhere: an
// officer's browser says where to send, and must not make the program knock at the office's own doors.
var public = &http.Client{
	Timeout:       20 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, Control: onlyPublic}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 15 * time.Second, MaxIdleConns: 8, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
	},
}

// onlyPublic refuses a connection to an address that is not of a public host.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(at.Addr()) {
		return errPrivate
	}
	return nil
}

// special are the ranges, beside what netip knows, that are nobody's on the public Internet (RFC 6890, 6598, 2544, 5737,
// 3849, 4291, 6052, 3056).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
