package gate

import (
	"crypto/subtle"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Loopback is the default address of servers.
const Loopback = "127.0.0.1"

// Hosts are the valid Host headers for a server on a port of loopback: host:port in lower case, the address first.
type Hosts []string

// HostsOf returns the Hosts of a port.
func HostsOf(port int) Hosts {
	var hosts Hosts
	for _, name := range []string{Loopback, "localhost", "::1"} {
		hosts = append(hosts, net.JoinHostPort(name, strconv.Itoa(port)))
	}
	return hosts
}

// Meant reports whether a request is for this server. One from a page whose own name resolves to loopback is not.
func (h Hosts) Meant(r *http.Request) bool { return slices.Contains(h, strings.ToLower(r.Host)) }

// Foreign reports whether the request comes from a page of another origin. A site is more than an origin: another port of this
// machine is the same site, and may belong to somebody else.
func Foreign(r *http.Request) bool {
	own := "http://" + strings.ToLower(r.Host)
	for _, origin := range r.Header.Values("Origin") {
		if origin != own {
			return true
		}
	}
	for _, from := range r.Header.Values("Sec-Fetch-Site") {
		if from != "same-origin" && from != "none" {
			return true
		}
	}
	return false
}

// Equal compares tokens in constant time.
func Equal(given, wanted string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(wanted)) == 1
}
