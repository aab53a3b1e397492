package provider

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Forwarder is a Server that takes requests of OpenAI's API as they are.
type Forwarder interface {
	// Forward sends the Body of a request to its Path. If the server refuses it, there is a response as well as the error.
	Forward(ctx context.Context, request *Request) (*Forwarded, error)
}

// Body is a request in the words of OpenAI's API, which is sent as it is.
type Body struct {
	Path      string // Beneath the address of the API: "chat/completions".
	JSON      []byte
	Texts     int64 // Bytes of the texts of the prompt.
	MaxTokens int64 // Of the answer; 0 if the request has no limit.
	// Stream receives the response in pieces, as it comes, unless it is an error. Nil: it is returned as a whole.
	Stream func(piece []byte) error
}

// Forwarded is a response, whatever its status.
type Forwarded struct {
	Status    int
	Streamed  bool   // The body has gone to Stream, but for the last event with the counts of tokens.
	RequestID string // That the server has given the request; empty if it does not say.
	Body      []byte // Of one that is an error, the first MaxErrorBody bytes.
	After     time.Duration
	Context   int64 // Size of the context of a server that cuts prompts without saying so; 0 if it does not, or is not known.
}

// Refused reports whether the response is not an answer.
func (f *Forwarded) Refused() bool {
	return f.Status < http.StatusOK || f.Status >= http.StatusMultipleChoices
}

// ErrorBody reads the body of a response that is an error.
func (f *Forwarded) ErrorBody() ErrorBody { return ReadError(f.Body, http.StatusText(f.Status)) }

// Post sends the body to an address. The error is one of the connection, or of a response that is too large.
func (b *Body) Post(ctx context.Context, client *http.Client, to *url.URL) (forwarded *Forwarded, err error) {
	ExpectWhole(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(b.JSON))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	f := &Forwarded{Status: response.StatusCode, RequestID: response.Header.Get("X-Request-Id"), After: ReadRetryAfter(response.Header)}
	if b.Stream != nil && !f.Refused() {
		f.Streamed = true
		err = b.pass(response.Body, f)
		return f, errors.Join(err, response.Body.Close())
	}
	limit := int64(protocol.MaxValue) + 1
	if f.Refused() {
		limit = MaxErrorBody
	}
	f.Body, err = io.ReadAll(io.LimitReader(response.Body, limit))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if len(f.Body) > protocol.MaxValue {
		return nil, protocol.Errorf(protocol.TaskResultInvalid, "the response is larger than %d bytes, the limit of a result", protocol.MaxValue).
			WithKind(protocol.Permanent).WithHint("limit the answer with `max_tokens`")
	}
	return f, nil
}

// maxEvent is how large an event is whose counts of tokens are read, in bytes.
const maxEvent = 64 << 10

// pass passes on a response as it comes, line by line, and notes the last event that has the counts of tokens.
func (b *Body) pass(from io.Reader, f *Forwarded) error {
	lines := bufio.NewReaderSize(from, maxEvent)
	for {
		piece, err := lines.ReadSlice('\n') // A longer line comes in several pieces.
		if len(piece) > 0 {
			if event, is := bytes.CutPrefix(piece, []byte("data: {")); is && bytes.Contains(event, []byte(`"usage":{`)) {
				f.Body = append([]byte("{"), event...)
			}
			if err := b.Stream(piece); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}
