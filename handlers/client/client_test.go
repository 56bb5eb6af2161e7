package client_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"baom/handlers/client"
)

// TestAddress is where a try comes from: behind a proxy of ours the address it saw, otherwise what cannot be forged.
func TestAddress(t *testing.T) {
	for _, tt := range []struct{ remote, forwarded, want string }{
		{"203.0.113.7:9", "198.51.100.1", "203.0.113.7"},
		{"127.0.0.1:9", "", "127.0.0.1"},
		{"127.0.0.1:9", "198.51.100.1, 203.0.113.9", "203.0.113.9"},
		{"127.0.0.1:9", "198.51.100.1\n203.0.113.9", "203.0.113.9"}, // the sender's own line, and the proxy's
		{"127.0.0.1:9", "fe80::1%eth0", "fe80::/64"},
		{"10.0.0.2:9", "junk", "10.0.0.2"},
		{"[2001:db8:1:2:3::4]:9", "", "2001:db8:1:2::/64"},
		{"[::ffff:203.0.113.7]:9", "", "203.0.113.7"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = tt.remote
		if tt.forwarded != "" {
			for line := range strings.SplitSeq(tt.forwarded, "\n") {
				r.Header.Add("X-Forwarded-For", line)
			}
		}
		if got := client.Address(r); got != tt.want {
			t.Errorf("address of %s forwarded for %q: got %s, want %s", tt.remote, tt.forwarded, got, tt.want)
		}
	}
}
