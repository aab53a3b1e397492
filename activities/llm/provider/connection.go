package provider

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
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
	kept := &http.Transport{
		Proxy:               proxy,
		DialContext:         (&net.Dialer{Timeout: connectWithin}).DialContext,
		TLSHandshakeTimeout: connectWithin,
		IdleConnTimeout:     time.Minute,
		MaxIdleConnsPerHost: mostIdle,
		ForceAttemptHTTP2:   true,
	}
	once := kept.Clone()
	once.DisableKeepAlives = true
	return &http.Client{Transport: &transport{Transport: kept, once: once, server: server}}
}

// transport adds to requests the secrets of their contexts, for one host only: a redirect to another one does not get them.
type transport struct {
	*http.Transport
	once   *http.Transport // Makes a connection for each request.
	server *url.URL
}

// trusts reports whether an address gets the secrets: that of the server, and never without encryption if the server has it.
func (t *transport) trusts(address *url.URL) bool {
	return address.Host == t.server.Host && (address.Scheme == t.server.Scheme || address.Scheme == "https")
}

// RoundTrip sends a request. A server may close a connection that it has promised to keep, as llama.cpp's llama-server does: if it
// does before the first byte of its answer, the request is sent once more, on a connection of its own. It may have begun to work on
// the first one, so there is no third.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := sending(request); err != nil {
		return nil, err
	}
	var answered atomic.Bool
	traced := httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{GotFirstResponseByte: func() { answered.Store(true) }})
	response, err := t.Transport.RoundTrip(t.withSecrets(request.Clone(traced)))
	if err == nil || answered.Load() || request.Context().Err() != nil || !isClosed(err) {
		return response, err
	}
	if err := sending(request); err != nil {
		return nil, err
	}
	again := t.withSecrets(request.Clone(request.Context()))
	if request.Body != nil {
		if request.GetBody == nil {
			return nil, err
		}
		if again.Body, err = request.GetBody(); err != nil {
			return nil, err
		}
	}
	return t.once.RoundTrip(again)
}

// isClosed reports whether the server closed the connection.
func isClosed(err error) bool {
	const idle = "http: server closed idle connection" // Go has no name for this error.
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || strings.Contains(err.Error(), idle)
}

func (t *transport) withSecrets(request *http.Request) *http.Request {
	if secrets, are := request.Context().Value(secretsKey{}).(Secrets); are && t.trusts(request.URL) {
		if secrets.Key != "" {
			request.Header.Set("Authorization", "Bearer "+secrets.Key)
		}
		for _, header := range secrets.Headers {
			if request.Header.Set(header.Name, header.Value); strings.EqualFold(header.Name, "Host") {
				request.Host = header.Value // Go ignores the header.
			}
		}
	}
	return request
}

// Observer is called about the requests of a call.
type Observer struct {
	Sending        func(context.Context) error // Before each POST; an error keeps it from being sent.
	WithoutStreams func()                      // Before a request whose answer does not come in pieces, so that the server is silent until it is whole.
}

// observerKey is the key of an Observer in a context.
type observerKey struct{}

// WithObserver returns a context for the requests of a call that calls the observer. One without functions ignores requests, such as
// those about a model, which no limit counts.
func WithObserver(ctx context.Context, observer Observer) context.Context {
	return context.WithValue(ctx, observerKey{}, observer)
}

func sending(request *http.Request) error {
	observer, is := request.Context().Value(observerKey{}).(Observer)
	if !is || observer.Sending == nil || request.Method != http.MethodPost {
		return nil
	}
	return observer.Sending(request.Context())
}

// ExpectWhole says that the next answer does not come in pieces.
func ExpectWhole(ctx context.Context) {
	if observer, is := ctx.Value(observerKey{}).(Observer); is && observer.WithoutStreams != nil {
		observer.WithoutStreams()
	}
}

// secretsKey is the key of Secrets in a context.
type secretsKey struct{}

// WithSecrets returns a context for the requests of a call: clients made by NewClient send the key and the headers to their server.
func WithSecrets(ctx context.Context, secrets Secrets) context.Context {
	return context.WithValue(ctx, secretsKey{}, secrets)
}

// SecretsOf returns the secrets of the requests of a context.
func SecretsOf(ctx context.Context) Secrets {
	secrets, _ := ctx.Value(secretsKey{}).(Secrets)
	return secrets
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
