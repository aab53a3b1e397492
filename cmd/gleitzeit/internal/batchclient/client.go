// Package batchclient sends a request file to a server of the Batch API, this program's own or another, waits for the batch, and downloads
// its results. What a command was doing is recorded in the home folder, so that the same command continues after an interruption and no
// batch is created twice. It knows no runs and no engine.
package batchclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const (
	// keyVariable is the environment variable with the key of a server, as other clients of the API have it.
	keyVariable = "OPENAI_API_KEY"
	// answerTimeout bounds the time until a server begins to answer, after it has received the request.
	answerTimeout = time.Minute
	// maxAnswer bounds a response that is a document, in bytes.
	maxAnswer = 8 << 20
	// maxShown bounds what is shown of a response that is no document, in bytes.
	maxShown = 300
	// longestRetryAfter bounds how long a server may make its client wait before the next attempt.
	longestRetryAfter = time.Minute
)

// client makes the requests to one server.
type client struct {
	base     string // Without a slash at its end.
	key      string // Empty: none is sent.
	keyFrom  string // Where it is from, for people.
	http     *http.Client
	say      func(text string)
	first    time.Duration // The first pause between two attempts,
	longest  time.Duration // and the longest.
	patience time.Duration // How long a server may be unreachable.
}

// parseServer reads the base URL of a server. One without a path is that of a server which has the API below /v1.
func parseServer(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", errors.New("it must be a URL such as http://127.0.0.1:8235/v1")
	case u.User != nil:
		return "", errors.New("it must not have a user or a password: other users of this machine could read them")
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("it must have neither a query nor a fragment")
	}
	path := strings.TrimRight(u.Path, "/")
	if path == "" {
		path = "/v1"
	}
	return strings.ToLower(u.Scheme+"://"+u.Host) + path, nil
}

// sameServer reports whether two base URLs are of the same server: that has one key, whatever the path.
func sameServer(one, other string) bool {
	a, err := url.Parse(one)
	b, otherwise := url.Parse(other)
	return err == nil && otherwise == nil && strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Host, b.Host)
}

func newClient(base, key, keyFrom string, say func(string)) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerTimeout
	return &client{
		base: base, key: key, keyFrom: keyFrom, say: say, first: 500 * time.Millisecond, longest: 15 * time.Second, patience: 10 * time.Second,
		// A redirect is no answer of this API, and the key is for this server.
		http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
}

// refused is a response that is an error.
type refused struct {
	status     int
	message    string
	foreign    bool // It is not an error of a Batch API, or that of an unknown URL.
	retryAfter time.Duration
}

// Error implements error.
func (r *refused) Error() string { return fmt.Sprintf("%d %s", r.status, r.message) }

// passing reports whether the same request may succeed later.
func (r *refused) passing() bool {
	switch r.status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// untouched reports whether a request that failed has changed nothing on the server: it did not reach it, or was turned away.
func untouched(err error) bool {
	if r, is := errors.AsType[*refused](err); is {
		return r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable
	}
	of, is := errors.AsType[*net.OpError](err)
	return is && of.Op == "dial"
}

// passing reports whether a request that only reads may succeed later.
func passing(err error) bool {
	if r, is := errors.AsType[*refused](err); is {
		return r.passing()
	}
	if isUntrusted(err) {
		return false
	}
	_, of := errors.AsType[*url.Error](err)
	return of || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// isUntrusted reports whether a server has a certificate that this machine does not trust.
func isUntrusted(err error) bool {
	_, is := errors.AsType[*tls.CertificateVerificationError](err)
	return is
}

// do makes a request, and returns the response if it is none of an error. The caller closes its body.
func (c *client) do(ctx context.Context, method, path, kind string, body io.Reader, size int64, headers ...string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.ContentLength = size
		request.Header.Set("Content-Type", kind)
	}
	if c.key != "" {
		request.Header.Set("Authorization", "Bearer "+c.key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < 300 {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }() // What it says is read, or cannot be.
	return nil, readRefused(response)
}

func readRefused(response *http.Response) error {
	r := &refused{status: response.StatusCode}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		r.retryAfter = min(time.Duration(seconds)*time.Second, longestRetryAfter)
	}
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // The status says enough.
	var document struct {
		Error struct {
			Message string `json:"message"`
			Code    string `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(text, &document) == nil && document.Error.Message != "" {
		r.message, r.foreign = document.Error.Message, document.Error.Code == "unknown_url"
		return r
	}
	r.foreign = true
	r.message = strings.TrimSpace(http.StatusText(r.status) + " " + strings.ToValidUTF8(string(text[:min(len(text), maxShown)]), ""))
	return r
}

// decode makes a request and reads the document that is its response.
func (c *client) decode(ctx context.Context, method, path, kind string, body io.Reader, size int64, into any) error {
	response, err := c.do(ctx, method, path, kind, body, size)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // All of it is read.
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return c.invalid(fmt.Sprintf("it is not a document of the Batch API: %.80q", text))
	}
	return nil
}

// get reads a document, however often it takes.
func (c *client) get(ctx context.Context, path string, into any) error {
	return c.retry(ctx, passing, func() error { return c.decode(ctx, http.MethodGet, path, "", nil, 0, into) })
}

// post sends a document once; again only if the server cannot have done anything with it.
func (c *client) post(ctx context.Context, path string, document, into any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	return c.retry(ctx, untouched, func() error {
		return c.decode(ctx, http.MethodPost, path, "application/json", bytes.NewReader(body), int64(len(body)), into)
	})
}

// retry repeats a request as long as its error is one of those, and the server has not been unreachable for too long.
func (c *client) retry(ctx context.Context, again func(error) bool, request func() error) error {
	began, pause, noted := time.Now(), c.first, false
	for {
		err := request()
		if err == nil || ctx.Err() != nil || !again(err) {
			return errors.Join(ctx.Err(), err)
		}
		wait := pause
		if r, is := errors.AsType[*refused](err); is {
			wait = max(wait, r.retryAfter)
		}
		if time.Since(began)+wait > c.patience {
			return err
		}
		if !noted {
			noted = true
			c.say(fmt.Sprintf("%s: %s; retrying", c.base, value.Visible(reason(err))))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		pause = min(2*pause, c.longest)
	}
}

// reason is an error of a request without its method and URL.
func reason(err error) string {
	if of, is := errors.AsType[*url.Error](err); is {
		return of.Err.Error()
	}
	return err.Error()
}

func (c *client) invalid(why string) *protocol.Error {
	return protocol.Errorf(protocol.ConfigurationError, "invalid response from %s: %s", c.base, why).WithHint(baseHint)
}

// baseHint is what --server must be.
const baseHint = "--server must be the base URL of a Batch API, such as http://127.0.0.1:8235/v1"

// aboutKey says which key a server that denies access has got, and which it needs.
func (c *client) aboutKey() string {
	switch {
	case c.key == "":
		return "set " + keyVariable + " to its key; the key of the server of this home is used without it"
	case c.keyFrom == keyVariable:
		return "the key in " + keyVariable + " is not one of that server"
	}
	return "the key in " + c.keyFrom + " is not one of that server: does it belong to another home?"
}

// failed translates the error of a request: what was not done, and why.
func (c *client) failed(what string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if _, known := errors.AsType[*protocol.Error](err); known {
		return err
	}
	r, is := errors.AsType[*refused](err)
	switch {
	case isUntrusted(err):
		return protocol.Errorf(protocol.ConfigurationError, "cannot %s: the certificate of %s is not trusted: %s", what, c.base, reason(err)).
			WithHint("set SSL_CERT_FILE to a file with the certificate of its authority")
	case !is:
		return protocol.Errorf(protocol.ProviderNotAvailable, "cannot %s: %s is unreachable: %s", what, c.base, reason(err)).
			WithHint("check --server, and that the server runs; the same command continues")
	case r.status == http.StatusUnauthorized || r.status == http.StatusForbidden:
		return protocol.Errorf(protocol.ConfigurationError, "cannot %s: %s denies access: %s", what, c.base, r.Error()).
			WithHint("%s", c.aboutKey())
	case r.status == http.StatusNotFound && r.foreign:
		return protocol.Errorf(protocol.InvalidParams, "cannot %s: there is no Batch API at %s: %s", what, c.base, r.Error()).WithHint(baseHint)
	case r.passing():
		return protocol.Errorf(protocol.ProviderNotAvailable, "cannot %s: %s is unavailable: %s", what, c.base, r.Error()).
			WithHint("the same command continues")
	}
	return protocol.Errorf(protocol.InvalidParams, "cannot %s: %s refuses it: %s", what, c.base, r.Error())
}

func isMissing(err error) bool {
	r, is := errors.AsType[*refused](err)
	return is && r.status == http.StatusNotFound && !r.foreign
}

// isFinal reports whether a server has refused what was sent, and would refuse it again.
func isFinal(err error) bool {
	r, is := errors.AsType[*refused](err)
	return is && !r.passing() && r.status >= 400 && r.status < 500 && r.status != http.StatusUnauthorized && r.status != http.StatusForbidden
}
