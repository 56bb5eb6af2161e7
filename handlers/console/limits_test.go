package console

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"
)

// TestBuckets: a burst, then one try for each interval, in bounded memory.
func TestBuckets(t *testing.T) {
	b, now := newBuckets(3, time.Minute), time.Unix(1e9, 0)
	got := ""
	for _, wait := range []time.Duration{0, 0, 0, 0, 59 * time.Second, time.Second, 0, time.Hour, 0, 0, 0} {
		now = now.Add(wait)
		got += fmt.Sprint(b.take(now, "a"), " ")
	}
	if want := "true true true false false true false true true true false "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	b.give("a")
	if !b.take(now, "a") || b.take(now, "a") {
		t.Error("a token given back is one more try")
	}
	for i := range 5 * generation {
		b.take(now, fmt.Sprint(i))
	}
	if n := len(b.now) + len(b.old); n > 2*generation {
		t.Errorf("%d names are remembered", n)
	}
}

// FuzzLocal: whatever a link asks for, after the log-in one stays in the console.
func FuzzLocal(f *testing.F) {
	for _, to := range []string{"/console/", "/console/cases/7?x=1#y", "//evil.example/console/", "https://evil.example/", `/\evil`, "/console/../x", "/console/%2e%2e/x", "console/", "/console/login"} {
		f.Add(to)
	}
	f.Fuzz(func(t *testing.T, to string) {
		got := local(to)
		base, _ := url.Parse("https://baom.example/console/login")
		u, err := base.Parse(got)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || !strings.HasPrefix(path.Clean(u.Path)+"/", "/console/") || strings.ContainsAny(got, "\r\n\\") {
			t.Errorf("%q leads to %q (%v)", to, got, u)
		}
	})
}
