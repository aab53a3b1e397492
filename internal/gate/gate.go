package gate

import (
	"crypto/subtle"
	"crypto/x509"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Loopback is the default address of servers.
const Loopback = "127.0.0.1"

// Hosts are the valid Host headers for a server: host:port in lower case, the address first.
type Hosts []string

// HostsOf returns the Hosts of a port of loopback.
func HostsOf(port int) Hosts { return hostsOf(port, Loopback, "localhost", "::1") }

// HostsOfCertificate returns the Hosts of a port of a server with a certificate: the names and addresses that it is for.
func HostsOfCertificate(port int, certificate *x509.Certificate) Hosts {
	names := slices.Clone(certificate.DNSNames)
	for _, address := range certificate.IPAddresses {
		names = append(names, address.String())
	}
	slices.SortStableFunc(names, func(a, b string) int { return strings.Count(a, "*") - strings.Count(b, "*") }) // Patterns are no address.
	return hostsOf(port, names...)
}

func hostsOf(port int, names ...string) (hosts Hosts) {
	for _, name := range names {
		host := strings.ToLower(net.JoinHostPort(name, strconv.Itoa(port)))
		hosts = append(hosts, host)
		if port == httpsPort {
			hosts = append(hosts, strings.TrimSuffix(host, ":"+strconv.Itoa(port)))
		}
	}
	return hosts
}

// httpsPort is the port that clients leave out.
const httpsPort = 443

// Meant reports whether a request is for this server. One from a page whose own name resolves to loopback is not.
func (h Hosts) Meant(r *http.Request) bool {
	host := strings.ToLower(r.Host)
	_, above, _ := strings.Cut(host, ".")
	return slices.Contains(h, host) || above != "" && slices.Contains(h, "*."+above)
}

// Foreign reports whether the request comes from a page of another origin. A site is more than an origin: another port of this
// machine is the same site, and may belong to somebody else.
func Foreign(r *http.Request) bool {
	own := "http://" + strings.ToLower(r.Host)
	if r.TLS != nil {
		own = "https://" + strings.ToLower(r.Host)
	}
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
