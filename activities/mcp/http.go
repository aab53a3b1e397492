package mcp

import (
	"bufio"
	"context"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	// resumptions is how often a stream that broke off is asked for again: as often as a server may close one on purpose
	// without a message in between. More would hold the call of a dead server for long.
	resumptions = 1
	// hello is how long a machine may take to accept a connection.
	hello = 10 * time.Second
)

// dialHTTP connects to a server over streamable HTTP.
func dialHTTP(ctx context.Context, s *server) (*link, error) {
	var hide hidden
	headers, err := expand(s.Headers, s.Name, s.env, &hide)
	if err != nil {
		return nil, err
	}
	through := http.DefaultTransport.(*http.Transport).Clone()
	through.DialContext = (&net.Dialer{Timeout: hello}).DialContext
	transport := &mcp.StreamableClientTransport{
		Endpoint: s.URL,
		HTTPClient: &http.Client{
			Transport: &carrier{through, s, headers},
			// Headers hold secrets, which are for this address alone.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		MaxRetries: resumptions,
		// A server that can only answer is enough: what it says of its own accord is of no use here.
		DisableStandaloneSSE: true,
		MaxEventSize:         largest,
	}
	l, err := open(ctx, transport, hide)
	if err != nil {
		through.CloseIdleConnections()
		return nil, hide.error(err)
	}
	l.finish = through.CloseIdleConnections
	return l, nil
}

// carrier sends requests with the server's headers, explains refusals, and keeps numbers exact.
type carrier struct {
	through http.RoundTripper
	server  *server
	headers []protocol.Setting
}

// RoundTrip implements http.RoundTripper.
func (c *carrier) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	for _, header := range c.headers {
		request.Header.Set(header.Name, header.Value)
	}
	response, err := c.through.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if refused := c.refusal(response); refused != nil {
		_ = response.Body.Close() // What it says beside is of no use.
		return nil, refused
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		response.Body, response.ContentLength = &whole{from: response.Body}, -1
		response.Header.Del("Content-Length")
	case "text/event-stream":
		response.Body = &rewritten{from: response.Body, lines: bufio.NewReaderSize(response.Body, 64<<10), change: exactEvent}
	}
	return response, nil
}

// refusal explains answers that no MCP server would give to a client that is set up rightly.
func (c *carrier) refusal(response *http.Response) error {
	name, status := c.server.Name, response.Status
	switch code := response.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return protocol.Errorf(protocol.ConfigurationError, "the MCP server %q at %s wants to know who asks: %s", name, c.server.URL, status).
			WithHint("give it what it wants in `headers`, as in Authorization: Bearer ${secrets.NAME}")
	case code >= 300 && code < 400 && code != http.StatusNotModified:
		return protocol.Errorf(protocol.ConfigurationError, "the MCP server %q is not at %s: it sends to another address (%s)", name, c.server.URL, status).
			WithHint("set `url` to the address itself; headers are for that one alone")
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		return protocol.Errorf(protocol.ProviderOverloaded, "the MCP server %q at %s has too much to do: %s", name, c.server.URL, status)
	case code == http.StatusBadGateway || code == http.StatusGatewayTimeout:
		return protocol.Errorf(protocol.ProviderNotAvailable, "the MCP server %q at %s cannot be reached: %s", name, c.server.URL, status)
	}
	return nil
}
