package provider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"syscall"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Verdict is what a failure says of a server beside its code.
type Verdict int

// The verdicts.
const (
	ModelMissing  Verdict = iota + 1 // The server does not have the model.
	ServerFault                      // The server failed, and may fail at whatever it is asked.
	NotListening                     // Nobody listens at the address.
	NotSent                          // Nothing: the request cannot be made.
	CutOff                           // The answer ended before it was complete.
	PromptTooLong                    // The prompt is longer than the context of the model.
	PromptCut                        // The same, found by an answer: the server cut the prompt without saying so.
	AnswerTooLong                    // The prompt may fit, but not together with the longest answer that the request allows.
	CacheFull                        // Each call would fit alone: fewer of them may be in flight.
	Loading                          // The server loads a model, which may take minutes.
	RunnerLost                       // The process of the model ended while it worked on the request.
	RunnerGone                       // The process of the model had ended before; the server starts another one.
	CallerFault                      // The request is wrong, whatever the status is.
	BadAnswer                        // The model wrote something that the server cannot use.
)

// judged is an error with a verdict.
type judged struct {
	err     *protocol.Error
	verdict Verdict
	reading Reading
	after   time.Duration // After which the server wants to be asked again; 0 if it does not say.
}

func (j judged) Error() string { return j.err.Error() }

func (j judged) Unwrap() error { return j.err }

// WithVerdict adds a verdict to a failure.
func WithVerdict(failure *protocol.Error, verdict Verdict) error {
	return judged{err: failure, verdict: verdict}
}

// VerdictOf returns the verdict of an error, or 0 where it says no more than its code.
func VerdictOf(err error) Verdict {
	known, _ := errors.AsType[judged](err)
	return known.verdict
}

// IsTooLong reports whether the prompt, or the prompt together with the answer, is longer than the context.
func IsTooLong(err error) bool {
	verdict := VerdictOf(err)
	return verdict == PromptTooLong || verdict == PromptCut || verdict == AnswerTooLong
}

// CutPrompt is the failure of an answer to a prompt that the server cut to its context of so many tokens.
func CutPrompt(server string, answer *Answer) error {
	failure := protocol.Errorf(protocol.InvalidParams, "the prompt is longer than the model's context: %s cut it to %s", server, Tokens(int(answer.PromptTokens)))
	return judged{err: failure, verdict: PromptCut, reading: Reading{Limit: answer.Context}}
}

// LengthOf returns the tokens of a prompt that is too long and those of the context, where the server says.
func LengthOf(err error) (tokens, limit int64) {
	known, _ := errors.AsType[judged](err)
	return known.reading.Tokens, known.reading.Limit
}

// RetryAfter returns after which time the server wants to be asked again; 0 if it does not say.
func RetryAfter(err error) time.Duration {
	known, _ := errors.AsType[judged](err)
	return known.after
}

// CannotSend is the failure of a request that cannot be made.
func CannotSend(err error) error {
	return WithVerdict(protocol.AsError(err, protocol.InvalidParams), NotSent)
}

// NoAnswer adds to a failure without any answer that nobody listens, where no connection was made.
func NoAnswer(failure *protocol.Error, err error) error {
	if how, is := errors.AsType[*net.OpError](err); is && how.Op == "dial" {
		return WithVerdict(failure, NotListening)
	}
	return failure
}

// BrokenOff is the failure of an answer that is not complete.
func BrokenOff(server string, pieces int) error {
	return WithVerdict(protocol.Errorf(protocol.ProviderNotAvailable, "the answer of %s was cut off after %s", server, Tokens(pieces)).
		WithHint("the server or the connection was lost, or the server ended an answer that repeated itself"), CutOff)
}

// Tokens counts tokens in words.
func Tokens(n int) string {
	if n == 1 {
		return "1 token"
	}
	return fmt.Sprintf("%d tokens", n)
}

// Cause drops from an error of the HTTP client the method and the address.
func Cause(err error) string {
	if of, is := errors.AsType[*url.Error](err); is {
		err = of.Err
	}
	if of, is := errors.AsType[*net.OpError](err); is && of.Op == "dial" && errors.Is(err, syscall.ECONNREFUSED) {
		return "connection refused" // The address is that of the server, which is named.
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
