package mcp

import (
	"context"
	"io"
	"mime"
	"net"
	"net/http"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/mcp/wire"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const (
	// streamRetries is how often an interrupted stream is requested again: as often as a server may close one on purpose
	// without a message in between. More would delay the error of a dead server.
	streamRetries = 1
	// connectTimeout is the time limit for opening a connection.
	connectTimeout = 10 * time.Second
)

// dialHTTP connects to a server over streamable HTTP.
func dialHTTP(ctx context.Context, s *server, h handshake) (*connection, error) {
	headers, err := s.expand(s.Headers)
	if err != nil {
		return nil, err
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.DialContext = (&net.Dialer{Timeout: connectTimeout}).DialContext
	transport := &mcp.StreamableClientTransport{
		Endpoint: s.URL,
		HTTPClient: &http.Client{
			Transport: &roundTripper{base, s, headers, wire.NewSession(wire.Report{Stray: s.reportStray(), Dropped: s.reportDropped})},
			// Headers may hold secrets, which are for this address only.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		MaxRetries: streamRetries,
		// Messages that a server sends without a request are not used.
		DisableStandaloneSSE: true,
		MaxEventSize:         wire.MaxMessage,
	}
	conn, err := open(ctx, transport, h, &s.known)
	if err != nil {
		base.CloseIdleConnections()
		return nil, s.known.error(err)
	}
	conn.finish = base.CloseIdleConnections
	return conn, nil
}

// roundTripper sends requests with the server's headers, turns error statuses into errors, and makes responses readable for
// the SDK.
type roundTripper struct {
	base     http.RoundTripper
	server   *server
	headers  []protocol.Setting
	messages *wire.Session
}

// RoundTrip implements http.RoundTripper.
func (c *roundTripper) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	for _, header := range c.headers {
		request.Header.Set(header.Name, header.Value)
	}
	id, isCall, err := c.request(request)
	if err != nil {
		return nil, err
	}
	response, err := c.base.RoundTrip(request)
	if isCall && (err != nil || response.StatusCode < 200 || response.StatusCode >= 300) {
		c.messages.Forget(id)
	}
	if err != nil {
		return nil, err
	}
	if err := c.statusError(response); err != nil {
		_ = response.Body.Close() // The rest of the response is not used.
		return nil, err
	}
	if response.StatusCode < 200 || response.StatusCode >= 300 {
		return response, nil
	}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case kind == "application/json" && isCall:
		response.Body, response.ContentLength = c.messages.Body(response.Body, id), -1
		response.Header.Del("Content-Length")
	case kind == "text/event-stream":
		response.Body = c.messages.Events(response.Body)
	}
	return response, nil
}

// request notes the message of a request. It returns the id of a call.
func (c *roundTripper) request(request *http.Request) (id int64, isCall bool, err error) {
	if request.GetBody == nil {
		return 0, false, nil
	}
	body, err := request.GetBody()
	if err != nil {
		return 0, false, err
	}
	message, err := io.ReadAll(body) // From memory.
	if err != nil {
		return 0, false, err
	}
	id, isCall = c.messages.Request(message)
	return id, isCall, nil
}

// statusError returns the error for a status that an MCP server does not send to a correctly configured client.
func (c *roundTripper) statusError(response *http.Response) error {
	name, status := c.server.Name, response.Status
	switch code := response.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return protocol.Errorf(protocol.ConfigurationError, "the MCP server %q at %s requires authentication: %s", name, c.server.URL, status).
			WithHint("set `headers` of the server, for example Authorization: Bearer ${secrets.NAME}")
	case code >= 300 && code < 400 && code != http.StatusNotModified:
		return protocol.Errorf(protocol.ConfigurationError, "the MCP server %q at %s redirects to another address (%s)", name, c.server.URL, status).
			WithHint("set `url` to the final address; redirects are not followed, because headers may hold secrets")
	case code == http.StatusRequestEntityTooLarge:
		return protocol.Errorf(protocol.InvalidParams, "the MCP server %q at %s rejected the call, because its arguments are too large: %s", name, c.server.URL, status).
			WithHint("pass less, or the path of a file; many servers read at most 4 MiB")
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		return protocol.Errorf(protocol.ProviderOverloaded, "the MCP server %q at %s is overloaded: %s", name, c.server.URL, status)
	case code == http.StatusBadGateway || code == http.StatusGatewayTimeout:
		return protocol.Errorf(protocol.ProviderNotAvailable, "the MCP server %q at %s cannot be reached: %s", name, c.server.URL, status)
	}
	return nil
}
