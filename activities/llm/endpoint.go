package llm

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// endpoint reads the address of a server.
func endpoint(provider, address string) (*url.URL, error) {
	parsed, err := url.Parse(strings.TrimSuffix(address, "/"))
	if err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Hostname() != "" {
		return parsed, nil
	}
	whose, like := "Ollama", defaultURL
	if provider == openaiProvider {
		whose, like = "an OpenAI-compatible server", "http://127.0.0.1:8000/v1"
	}
	return nil, protocol.Errorf(protocol.ConfigurationError, "the address of %s is %q, which is no URL of a server", whose, beforeUser(address)).
		WithHint("it looks like %s", like)
}

// connectWithin is how long a host may take to accept a connection, whatever it then takes to answer.
const connectWithin = 10 * time.Second

// mostIdle is how many connections wait for the next call. Fewer than calls in flight would mean a new one for each.
const mostIdle = 64

// withoutUser is an address as anybody may see it.
func withoutUser(server *url.URL) string {
	shown := *server
	shown.User = nil
	return shown.String()
}

// beforeUser cuts an address that cannot be read where a password may begin.
func beforeUser(address string) string {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		return "…" + address[at:]
	}
	return address
}

// connectionsTo are connections of this server's own: what closes them closes nobody else's. A proxy that the
// environment names is for the world outside, and never for this machine.
func connectionsTo(server *url.URL) *http.Client {
	proxy := http.ProxyFromEnvironment
	if isLoopback(server.Hostname()) {
		proxy = nil
	}
	return &http.Client{Transport: &http.Transport{
		Proxy:               proxy,
		DialContext:         (&net.Dialer{Timeout: connectWithin}).DialContext,
		TLSHandshakeTimeout: connectWithin,
		IdleConnTimeout:     time.Minute,
		MaxIdleConnsPerHost: mostIdle,
		ForceAttemptHTTP2:   true,
	}}
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address := net.ParseIP(host)
	return address != nil && address.IsLoopback()
}
