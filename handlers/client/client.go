// Package client tells the pages who is at the other end of a request.
package client

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Address is where a request comes from, as far as limits care: an IPv4 address or the /64 of an IPv6 one. Behind a proxy
// on this machine or in its network it is what the proxy says, which is the last that it says: what comes before is the
// sender's own word.
func Address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	ip = ip.Unmap()
	if ip.IsLoopback() || ip.IsPrivate() {
		said := r.Header.Values("X-Forwarded-For")
		list := strings.Split(strings.Join(said, ","), ",")
		if forwarded, err := netip.ParseAddr(strings.TrimSpace(list[len(list)-1])); err == nil {
			ip = forwarded.Unmap()
		}
	}
	if ip.Is6() {
		if network, err := ip.WithZone("").Prefix(64); err == nil {
			return network.String()
		}
	}
	return ip.String()
}
