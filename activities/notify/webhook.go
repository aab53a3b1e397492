package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const (
	maxResponse = 4 << 10 // Bytes of a response that the result has.
	maxShown    = 200     // Bytes of a response in a message.
	connecting  = 10 * time.Second
)

// reserved are the headers of a request that `headers` cannot set.
var reserved = []string{"Content-Type", "Content-Length", "Host", "Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"}

// checkWebhook finds invalid parameters beyond the schema.
func checkWebhook(given value.Value, _ []string) (found []protocol.ParameterError) {
	if address, is := given.Get("url"); is {
		if _, err := destination(address.Text()); err != nil {
			found = append(found, protocol.ParameterError{Parameter: "url", Message: err.Message, Hint: err.Hint})
		}
	}
	if headers, is := given.Get("headers"); is {
		for _, field := range headers.Fields() {
			if err := checkHeader(field.Name, field.Value.Text()); err != nil {
				found = append(found, protocol.ParameterError{Parameter: "headers", Message: err.Message, Hint: err.Hint})
			}
		}
	}
	return found
}

// destination reads an address. No message has it: who knows it can often send messages.
func destination(text string) (*url.URL, *protocol.Error) {
	parsed, err := url.Parse(text)
	if err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Hostname() != "" {
		return parsed, nil
	}
	return nil, protocol.Errorf(protocol.InvalidParams, "url is not the address of a web server").WithHint("it looks like https://example.org/hook")
}

func checkHeader(name, text string) *protocol.Error {
	for _, own := range reserved {
		if strings.EqualFold(name, own) {
			return protocol.Errorf(protocol.InvalidParams, "the header %s cannot be set", own)
		}
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) }) {
		return protocol.Errorf(protocol.InvalidParams, "%q is not the name of a header", name)
	}
	if strings.ContainsAny(text, "\r\n\x00") {
		return protocol.Errorf(protocol.InvalidParams, "the header %s has more than one line", name)
	}
	return nil
}

// send sends a request. An answer that asks for it, and a server that cannot be reached, are worth another attempt: the receiver
// recognizes a message by its id, which is the same in all of them.
func send(ctx context.Context, request protocol.Request) (value.Value, error) {
	address, _ := request.Parameters.Get("url")
	to, failure := destination(address.Text())
	if failure != nil {
		return value.Value{}, failure
	}
	body, _ := request.Parameters.Get("body")
	message := body.JSON()
	out, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(message))
	if err != nil {
		return value.Value{}, protocol.Errorf(protocol.InvalidParams, "%s: url is invalid", Webhook)
	}
	headers, _ := request.Parameters.Get("headers")
	for _, field := range headers.Fields() {
		if failure := checkHeader(field.Name, field.Value.Text()); failure != nil {
			return value.Value{}, failure
		}
		out.Header.Set(field.Name, field.Value.Text())
	}
	out.Header.Set("Content-Type", "application/json")
	out.Header.Set("Webhook-Id", request.Key)
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	out.Header.Set("Webhook-Timestamp", stamp)
	if secret, is := request.Parameters.Get("secret"); is && !secret.IsNull() {
		out.Header.Set("Webhook-Signature", Signature(secret.Text(), request.Key, stamp, message))
	}
	client := newClient(to.Hostname())
	defer client.CloseIdleConnections()
	response, err := client.Do(out)
	if err != nil {
		return value.Value{}, unreachable(ctx, to, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err != nil && ctx.Err() != nil {
		return value.Value{}, unreachable(ctx, to, err)
	}
	if response.StatusCode/100 != 2 {
		return value.Value{}, refused(to, response.StatusCode, text, request.Secrets)
	}
	return value.Object(
		value.Field{Name: "status", Value: value.Int(int64(response.StatusCode))},
		value.Field{Name: "response", Value: value.String(strings.ToValidUTF8(string(text), "\uFFFD"))},
	), nil
}

// Signature is the header Webhook-Signature as standardwebhooks.com defines it. A secret that begins with whsec_ is base64 after
// that; another one is taken as it is.
func Signature(secret, id, stamp string, body []byte) string {
	key := []byte(secret)
	if encoded, is := strings.CutPrefix(secret, "whsec_"); is {
		if decoded, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			key = decoded
		}
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// newClient makes a client that follows no redirect, because it would carry the message to an address that nobody has named, and
// calls this machine without a proxy.
func newClient(host string) *http.Client {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: connecting}).DialContext, TLSHandshakeTimeout: connecting,
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		transport.Proxy = nil
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// unreachable is the error of a request without a response.
func unreachable(ctx context.Context, to *url.URL, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if failed, is := errors.AsType[*url.Error](err); is {
		err = failed.Err // Without the address.
	}
	return protocol.Errorf(protocol.ProviderNotAvailable, "cannot send to %s: %v", to.Host, err)
}

// refused is the error of a response that is not a success.
func refused(to *url.URL, status int, text []byte, secrets *redaction.Set) error {
	message := fmt.Sprintf("%s answered with status %d%s", to.Host, status, shown(string(text), len(text) == maxResponse, secrets))
	switch {
	case status/100 == 3:
		return protocol.Errorf(protocol.TaskExecutionFailed, "%s", message).WithKind(protocol.Permanent).
			WithHint("redirects are not followed: write the address that it leads to")
	case status == http.StatusTooManyRequests:
		return protocol.Errorf(protocol.ProviderOverloaded, "%s", message)
	case status == http.StatusRequestTimeout, status/100 == 5:
		return protocol.Errorf(protocol.ProviderNotAvailable, "%s", message)
	}
	return protocol.Errorf(protocol.TaskExecutionFailed, "%s", message).WithKind(protocol.Permanent)
}

// shown is the beginning of what the other side has written, for the end of a message; cut if its end is missing already.
func shown(text string, cut bool, secrets *redaction.Set) string {
	start, more := redaction.NewRaw(strings.Join(strings.Fields(text), " "), false, cut).Redact(secrets).First(maxShown)
	switch {
	case start == "":
		return ""
	case more:
		start += "…"
	}
	return ": " + start
}
