package provider

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Address reads the address of a server of the provider.
func (p *Provider) Address(text string) (*url.URL, error) {
	parsed, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Hostname() != "" {
		return parsed, nil
	}
	return nil, protocol.Errorf(protocol.ConfigurationError, "invalid address %q of provider %q", beforeUser(text), p.Name).
		WithHint("an address looks like %s", p.URL)
}

// beforeUser removes the part of an invalid address that may contain a password.
func beforeUser(address string) string {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		return "…" + address[at:]
	}
	return address
}

// connectWithin is how long a host may take to accept a connection, however long it then takes to answer.
const connectWithin = 10 * time.Second

// mostIdle is the maximum number of idle connections. Fewer than calls in flight would mean a new one for each.
const mostIdle = 64

// ShownURL is an address for display, without user and password.
func ShownURL(server *url.URL) string {
	shown := *server
	shown.User = nil
	return shown.String()
}

// NewClient makes an HTTP client for one server. It shares its connections with no other client. Servers on this machine are
// never called through a proxy.
func NewClient(server *url.URL) *http.Client {
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

// MaxLine is the maximum size of a line of a stream in bytes.
const MaxLine = 16 << 20

// Lines reads the lines of a stream, each of which is a piece of an answer.
func Lines(stream io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, MaxLine)
	lines.Split(splitLines)
	return lines
}

// splitLines drops a last line that was cut off.
func splitLines(data []byte, atEnd bool) (advance int, line []byte, err error) {
	if atEnd && bytes.IndexByte(data, '\n') < 0 && isCut(data) {
		return len(data), nil, nil
	}
	return bufio.ScanLines(data, atEnd)
}

func isCut(line []byte) bool {
	line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("data:")))
	return len(line) == 0 || (line[0] == '{' || line[0] == '[') && !json.Valid(line)
}
