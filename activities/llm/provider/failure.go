package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Verdict is what a failure says of a server beside its code.
type Verdict int

// The verdicts.
const (
	ModelMissing Verdict = iota + 1 // The server does not have the model.
	ServerFault                     // The server failed, and may fail at whatever it is asked.
	NotListening                    // Nobody listens at the address.
	NotSent                         // Nothing: the request cannot be made.
)

// judged is an error with a verdict.
type judged struct {
	err     *protocol.Error
	verdict Verdict
}

func (j judged) Error() string { return j.err.Error() }

func (j judged) Unwrap() error { return j.err }

// WithVerdict adds a verdict to a failure.
func WithVerdict(failure *protocol.Error, verdict Verdict) error { return judged{failure, verdict} }

// VerdictOf returns the verdict of an error, or 0 where it says no more than its code.
func VerdictOf(err error) Verdict {
	known, _ := errors.AsType[judged](err)
	return known.verdict
}

// CannotSend is the failure of a request that cannot be made.
func CannotSend(err error) error {
	return judged{protocol.AsError(err, protocol.InvalidParams), NotSent}
}

// NoAnswer adds to a failure without any answer that nobody listens, where no connection was made.
func NoAnswer(failure *protocol.Error, err error) error {
	if how, is := errors.AsType[*net.OpError](err); is && how.Op == "dial" {
		return judged{failure, NotListening}
	}
	return failure
}

// BrokenOff is the failure of an answer that is not complete.
func BrokenOff(server string, pieces int) error {
	return protocol.Errorf(protocol.ProviderNotAvailable, "the answer of %s was cut off after %s", server, Tokens(pieces)).
		WithHint("the server or the connection was lost, or the server ended an answer that repeated itself")
}

// Tokens counts tokens in words.
func Tokens(n int) string {
	if n == 1 {
		return "1 token"
	}
	return fmt.Sprintf("%d tokens", n)
}

// IsOverloaded reports whether a server that answers with the status may take the request a little later. 529 is the status
// of some that are overloaded.
func IsOverloaded(status int) bool {
	switch status {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusTooEarly, http.StatusRequestTimeout, 529:
		return true
	}
	return false
}

// IsUnreachable reports whether the status is that of a proxy which does not reach the server. From 520 on they are those of
// Cloudflare.
func IsUnreachable(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusGatewayTimeout || 520 <= status && status <= 524
}

// MaxErrorBody is how many bytes are read of a response that is an error.
const MaxErrorBody = 64 << 10

// ErrorText is what a response that is an error says, in one of the forms that servers have; otherwise is for one that says
// nothing.
func ErrorText(body []byte, otherwise string) string {
	var response struct {
		Error   json.RawMessage `json:"error"`
		Message string          `json:"message"`
		Detail  json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(body, &response) == nil {
		var object struct {
			Message string `json:"message"`
		}
		var plain string
		switch {
		case json.Unmarshal(response.Error, &object) == nil && object.Message != "":
			return object.Message
		case json.Unmarshal(response.Error, &plain) == nil && plain != "":
			return plain
		case response.Message != "":
			return response.Message
		case len(response.Detail) > 0:
			return string(response.Detail)
		}
	}
	if text := strings.TrimSpace(string(body)); text != "" {
		return text
	}
	return otherwise
}

// Cause drops from an error of the HTTP client the method and the address.
func Cause(err error) string {
	if of, is := errors.AsType[*url.Error](err); is {
		err = of.Err
	}
	return err.Error()
}

// Interrupted returns why ctx is done; nil where it is not.
func Interrupted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	if over, is := errors.AsType[*protocol.Error](context.Cause(ctx)); is {
		return over
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return protocol.Errorf(protocol.TaskTimeout, "the model did not answer before the task's timeout")
	}
	return Cancelled()
}

// Cancelled is the failure of a call whose task was cancelled.
func Cancelled() error {
	return protocol.Errorf(protocol.TaskCancelled, "the call was cancelled")
}
