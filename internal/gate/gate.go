package gate

import (
	"crypto/subtle"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Loopback is the address that is served where nobody names another.
const Loopback = "127.0.0.1"

// Hosts are what a client may call a server on a port of loopback: host:port in lower case, the address first.
type Hosts []string

// HostsOf are those of a port.
func HostsOf(port int) Hosts {
	var hosts Hosts
	for _, name := range []string{Loopback, "localhost", "::1"} {
		hosts = append(hosts, net.JoinHostPort(name, strconv.Itoa(port)))
	}
	return hosts
}

// Meant tells whether a request is for this server. A page whose own name was made to lead here is not.
func (h Hosts) Meant(r *http.Request) bool { return slices.Contains(h, strings.ToLower(r.Host)) }

// Foreign tells whether a page of another origin made the browser send this. A site is more than an origin: another
// port of this machine is the same site, and may be somebody else's.
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

// Equal takes as long for a guess that is nearly right as for one that is not.
func Equal(given, wanted string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(wanted)) == 1
}
