package mcp

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/mcp/wire"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
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
	dropped := &droppedTools{}
	transport := &mcp.StreamableClientTransport{
		Endpoint: s.URL,
		HTTPClient: &http.Client{
			Transport: &roundTripper{base, s, headers, wire.NewSession(wire.Report{Stray: s.reportStray(), Dropped: s.reportDropped(dropped)})},
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
	conn.dropped = dropped
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
	if id, is := request.Context().Value(taskIDKey{}).(string); is && request.Header.Get(methodHeader) != "" {
		request.Header.Set(nameHeader, id)
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
	if response.StatusCode >= 300 {
		said := readRefusal(response)
		if err := c.statusError(request, response, said); err != nil {
			_ = response.Body.Close() // The rest of the response is not used.
			return nil, err
		}
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

// The headers of a session, and of a request of 2026-07-28, which has none.
const (
	sessionHeader = "Mcp-Session-Id"
	methodHeader  = "Mcp-Method"
	nameHeader    = "Mcp-Name"
)

// statusError returns the error for a status with which a server rejects a request; nil if the SDK reads the response itself,
// because it is an error of JSON-RPC, or because it rejects a request that older servers do not know.
func (c *roundTripper) statusError(request *http.Request, response *http.Response, said refusal) error {
	name, status := c.server.Name, response.Status
	if said.text != "" {
		status += ": " + said.text
	}
	inSession := request.Header.Get(sessionHeader) != ""
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
	case inSession && (code == http.StatusNotFound || code == http.StatusBadRequest && said.aboutSession()):
		return forgottenSession{status}
	case request.Method != http.MethodPost || said.answers || request.Header.Get(methodHeader) != "":
		return nil
	case inSession && code >= 400 && code < 500:
		return protocol.Errorf(protocol.TaskExecutionFailed, "the MCP server %q at %s rejected the request: %s", name, c.server.URL, status)
	case code >= 400:
		return failedRequest{status}
	}
	return nil
}

// forgottenSession is the error of a request whose session the server does not know any more. It did not do the request.
type forgottenSession struct{ status string }

func (e forgottenSession) Error() string { return "the server does not know the session: " + e.status }

// Unwrap makes it the SDK's error for a server that follows the specification, where the status is 404.
func (e forgottenSession) Unwrap() error { return mcp.ErrSessionMissing }

// failedRequest is the error of a request that the server answered with a status and no message.
type failedRequest struct{ status string }

func (e failedRequest) Error() string { return e.status }

// refusal is what a server says with the status of an error.
type refusal struct {
	text    string // On one line, cut; may be empty.
	answers bool   // It is an error of JSON-RPC whose id the SDK can read.
}

// aboutSession reports whether a server says that it does not know the session. Most that are made after the samples of the
// TypeScript SDK answer 400, where the specification has 404: "No valid session ID provided", "Server not initialized".
func (r refusal) aboutSession() bool {
	text := strings.ToLower(r.text)
	return strings.Contains(text, "session") || strings.Contains(text, "not initialized")
}

const (
	// maxRefusal is how much of the body of an error is read.
	maxRefusal = 64 << 10
	// maxRefusalText is how much of it is shown.
	maxRefusalText = 300
)

// readRefusal reads what a server says with the status of an error. The body can be read again.
func readRefusal(response *http.Response) refusal {
	// An error while the body is read is that of whoever reads on.
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), response.Body), response.Body}
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	var said refusal
	var answer struct {
		Error            json.RawMessage
		Message, Detail  string
		ErrorDescription string `json:"error_description"`
	}
	switch {
	case json.Unmarshal(body, &answer) == nil:
		var failure struct{ Message string }
		if json.Unmarshal(answer.Error, &failure) != nil {
			_ = json.Unmarshal(answer.Error, &failure.Message) // Not an object: a text, or nothing to show.
		}
		said.text = cmp.Or(answer.ErrorDescription, failure.Message, answer.Message, answer.Detail)
		message, err := jsonrpc.DecodeMessage(body)
		decoded, is := message.(*jsonrpc.Response)
		said.answers = err == nil && is && decoded.Error != nil
	case kind == "text/plain" || kind == "":
		said.text = string(body)
	}
	said.text = strings.Join(strings.Fields(strings.ToValidUTF8(said.text, "")), " ")
	if runes := []rune(said.text); len(runes) > maxRefusalText {
		said.text = string(runes[:maxRefusalText]) + "…"
	}
	return said
}
