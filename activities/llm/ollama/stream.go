package ollama

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/ollama/ollama/auth"
	"github.com/ollama/ollama/envconfig"
)

// stream sends a request to Ollama and passes on the pieces as they arrive, until one is the last. Its errors are those of
// Ollama's client, which allocates 8 MB for each call: Go's garbage collector then runs with every call, and delays all others.
// A stream that ends early is not an error here: the pieces show whether the answer was complete.
func stream[T any](ctx context.Context, o *server, path string, request any, piece func(T) (last bool, err error)) error {
	response, err := send(ctx, o, path, request)
	if err != nil {
		return err
	}
	lines, last := provider.Lines(response), false
	var whole []byte // A response that is one document on several lines: of a server that does not stream, or an error.
	for first := true; err == nil && !last && lines.Scan(); {
		line := bytes.TrimSpace(lines.Bytes())
		switch {
		case len(line) == 0: // Some proxies keep a connection alive with empty lines.
			continue
		case len(whole) > maxDocument:
			err = strange{fmt.Sprintf("a document of more than %d MB", maxDocument>>20)}
		case len(whole) > 0 || first && string(line) == "{":
			whole = append(append(whole, line...), '\n')
		default:
			last, err = readPiece(line, piece)
		}
		first = false
	}
	if err == nil && json.Valid(whole) { // Otherwise it was cut off.
		last, err = readPiece(bytes.TrimSpace(whole), piece)
	}
	switch {
	case err == nil && errors.Is(lines.Err(), bufio.ErrTooLong):
		err = strange{fmt.Sprintf("more than %d MB without an end of line", provider.MaxLine>>20)}
	case last:
		drain(response)
	}
	return errors.Join(err, response.Close())
}

// closesWithin is how long a server may take to end its response after the last piece. If it does, the connection is used for
// the next call.
const closesWithin = 100 * time.Millisecond

func drain(response io.ReadCloser) {
	late := time.AfterFunc(closesWithin, func() { _ = response.Close() })
	defer late.Stop()
	_, _ = io.Copy(io.Discard, response) // The answer is complete.
}

// strange is an invalid response.
type strange struct{ said string }

func (s strange) Error() string { return s.said }

func readPiece[T any](line []byte, piece func(T) (last bool, err error)) (last bool, err error) {
	var failure struct {
		Error json.RawMessage `json:"error"`
	}
	var came T
	if json.Unmarshal(line, &failure) != nil || json.Unmarshal(line, &came) != nil {
		return false, strange{string(line)}
	}
	if none := string(failure.Error); none != "" && none != "null" && none != `""` {
		return false, refusal{provider.ErrorStatus(line), provider.ReadError(line, string(line)), 0}
	}
	return piece(came)
}

// send sends one request; without a body it is a GET. The caller closes the body of the response, which is not an error.
func send(ctx context.Context, o *server, path string, request any) (io.ReadCloser, error) {
	method, body := http.MethodGet, []byte(nil)
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return nil, err
		}
		method = http.MethodPost
	}
	to := o.base.JoinPath(path)
	token, err := signed(ctx, method, path, to)
	if err != nil {
		return nil, err
	}
	sent, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	sent.Header.Set("Content-Type", "application/json")
	sent.Header.Set("Accept", "application/x-ndjson")
	if token != "" {
		sent.Header.Set("Authorization", token)
	}
	response, err := o.http.Do(sent)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK {
		return response.Body, nil
	}
	said, err := io.ReadAll(io.LimitReader(response.Body, provider.MaxErrorBody))
	if errors.Join(err, response.Body.Close()) != nil {
		said = nil // The status is enough.
	}
	return nil, refusal{response.StatusCode, provider.ReadError(said, response.Status), provider.ReadRetryAfter(response.Header)}
}

// document sends a request whose response is one document; without a body it is a GET.
func document[T any](ctx context.Context, o *server, path string, request any) (reply T, err error) {
	response, err := send(ctx, o, path, request)
	if err != nil {
		return reply, err
	}
	body, err := io.ReadAll(io.LimitReader(response, maxDocument))
	if err = errors.Join(err, response.Close()); err != nil {
		return reply, err
	}
	_, err = readPiece(bytes.TrimSpace(body), func(came T) (bool, error) {
		reply = came
		return true, nil
	})
	return reply, err
}

// maxDocument is the maximum size in bytes of a response that is one document.
const maxDocument = 256 << 20

// signed authenticates to ollama.com, and to servers where OLLAMA_AUTH requires it, with the key that Ollama keeps in the home
// folder. The query of the address contains the time.
func signed(ctx context.Context, method, path string, to *url.URL) (token string, err error) {
	if to.Hostname() != "ollama.com" && !envconfig.UseAuth() {
		return "", nil
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	query := to.Query()
	query.Set("ts", now)
	to.RawQuery = query.Encode()
	return auth.Sign(ctx, fmt.Appendf(nil, "%s,%s?ts=%s", method, path, now))
}
