package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/mcp/wire"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// contextError returns the error of a call whose context is done.
func contextError(ctx context.Context) error {
	if passed, is := errors.AsType[timeLimit](context.Cause(ctx)); is {
		return protocol.Errorf(protocol.TaskTimeout, "%s", passed).WithHint("%s", passed.hint())
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return protocol.Errorf(protocol.TaskTimeout, "the MCP server did not answer before the task's timeout")
	}
	return protocol.Errorf(protocol.TaskCancelled, "the call was cancelled")
}

// timeLimit is the cause of a context that ended with the timeout of a call.
type timeLimit struct {
	server   string
	tool     string // Empty if the call is for the server itself.
	limit    time.Duration
	ofTask   bool // The timeout is that of the task, else that of the server.
	progress bool // Progress restarts it.
}

func (l timeLimit) Error() string {
	who := fmt.Sprintf("the MCP server %q", l.server)
	if l.tool != "" {
		who = fmt.Sprintf("the tool %q of %s", l.tool, who)
	}
	if l.progress {
		return fmt.Sprintf("%s sent neither an answer nor progress for %s, %s", who, l.limit, l.owner())
	}
	return fmt.Sprintf("%s did not answer within %s, %s", who, l.limit, l.owner())
}

func (l timeLimit) owner() string {
	if l.ofTask {
		return "the timeout of the task"
	}
	return "the timeout of the server"
}

func (l timeLimit) hint() string {
	if l.ofTask {
		return "increase `timeout` of the task if the call needs longer"
	}
	return "increase `timeout` of the server if its calls need longer, or set `timeout` on the task"
}

// startingError returns the error of a call whose context is done while the server starts.
func (s *server) startingError(ctx context.Context) error {
	passed, is := errors.AsType[timeLimit](context.Cause(ctx))
	if !is {
		return contextError(ctx)
	}
	failure := protocol.Errorf(protocol.TaskTimeout, "the MCP server %q did not answer at its start within %s, %s%s", s.Name, passed.limit, passed.owner(), s.startOutput())
	if passed.ofTask {
		return failure.WithHint("increase `timeout` of the task if the server needs longer to start")
	}
	return failure.WithHint(startHint)
}

const startHint = "increase `timeout` of the server if it needs longer to start"

func errClosed(name string) error {
	return protocol.Errorf(protocol.ProviderNotAvailable, "the MCP server %q is closed because the worker is stopping", name)
}

// transportErrors are the errors that the SDK's transports return as wire errors, although no server sent them.
var transportErrors = map[int64]string{-32003: "client is closing", -32004: "server is closing", -32005: "rejected by transport"}

// serverError returns the error that the server sent; nil if it sent none.
func serverError(err error) *jsonrpc.Error {
	sent, is := errors.AsType[*jsonrpc.Error](err)
	if !is || transportErrors[sent.Code] == sent.Message {
		return nil
	}
	return sent
}

// lost reports whether a call failed because its session ended.
func lost(err error) bool {
	if _, known := errors.AsType[*protocol.Error](err); known {
		return false
	}
	return errors.Is(err, mcp.ErrConnectionClosed) || serverError(err) == nil && !undecodable(err)
}

// undecodable reports whether a response could not be decoded. Its session continues.
func undecodable(err error) bool {
	if sent := serverError(err); sent != nil {
		return sent.Code == wire.Undecodable
	}
	_, mistyped := errors.AsType[*json.UnmarshalTypeError](err)
	_, malformed := errors.AsType[*json.SyntaxError](err)
	return mistyped || malformed
}

// undelivered reports whether a lost call certainly did not reach the server.
func undelivered(err error) bool {
	operation, is := errors.AsType[*net.OpError](err)
	return errors.Is(err, mcp.ErrConnectionClosed) || errors.Is(err, mcp.ErrSessionMissing) || errors.Is(err, syscall.EPIPE) || is && operation.Op == "dial"
}

// The codes with which servers reject calls.
const (
	methodNotFound   = -32601
	invalidParams    = -32602
	resourceNotFound = -32002
)

// requestError translates the error that a server sent.
func (s *server) requestError(err error) error {
	if known, is := errors.AsType[*protocol.Error](err); is {
		return known
	}
	sent := serverError(err)
	if undecodable(err) {
		text := err.Error()
		if sent != nil {
			text = sent.Message
		}
		return protocol.Errorf(protocol.TaskResultInvalid, "cannot read the response of the MCP server %q: %s", s.Name, text)
	}
	switch sent.Code {
	case wire.WithoutID:
		return protocol.Errorf(protocol.TaskExecutionFailed, "the MCP server %q failed: %s", s.Name, sent.Message)
	case methodNotFound:
		return protocol.Errorf(protocol.MethodNotSupported, "the MCP server %q does not support the method: %s", s.Name, sent.Message)
	case invalidParams, resourceNotFound:
		return protocol.Errorf(protocol.InvalidParams, "the MCP server %q rejected the parameters: %s", s.Name, sent.Message)
	}
	return protocol.Errorf(protocol.TaskExecutionFailed, "the MCP server %q failed: %s (%d)", s.Name, sent.Message, sent.Code)
}

// lostError returns the error of a call whose connection was lost.
func (s *server) lostError(err error, repeatable bool, lastOutput string) error {
	var failure *protocol.Error
	if s.URL != "" {
		failure = protocol.Errorf(protocol.ProviderNotAvailable, "the connection to the MCP server %q at %s was lost during the call: %s", s.Name, s.URL, reason(err))
	} else {
		failure = protocol.Errorf(protocol.ProviderNotAvailable, "the MCP server %q exited during the call: %s%s", s.Name, reason(err), lastOutput)
	}
	if repeatable || undelivered(err) {
		return failure
	}
	return failure.WithKind(protocol.TaskFault).WithHint("the tool may have completed its work; it is not marked as idempotent or read-only, so it was not called again; set `retry` on the task to call it again")
}

// startError returns the error of a failed start.
func (s *server) startError(ctx context.Context, err error) error {
	known, is := errors.AsType[*protocol.Error](err)
	switch {
	case is:
		return known
	case errors.Is(context.Cause(ctx), errStartTimeout):
		return protocol.Errorf(protocol.ProviderTimeout, "the MCP server %q did not answer at its start within %s, the timeout of the server%s", s.Name, s.limit, lastOutput(err)).
			WithHint(startHint)
	case s.URL != "":
		return protocol.Errorf(protocol.ProviderNotAvailable, "the MCP server %q at %s cannot be reached: %s", s.Name, s.URL, reason(err))
	}
	return protocol.Errorf(protocol.ProviderNotAvailable, "the MCP server %q did not start: %s%s", s.Name, reason(err), lastOutput(err))
}

// startFailure is the error of a program that failed to start, with its last output.
type startFailure struct {
	error
	text string // The reason.
	last string
}

func (e startFailure) Unwrap() error { return e.error }

// lastOutput returns the last output of a program that failed to start, to be appended to a message.
func lastOutput(err error) string {
	if e, is := errors.AsType[startFailure](err); is {
		return e.last
	}
	return ""
}

// closed reports whether an error says that the session has ended, and not why.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, mcp.ErrConnectionClosed)
}

// reason returns a short text of an error.
func reason(err error) string {
	if failure, is := errors.AsType[startFailure](err); is {
		return failure.text
	}
	if operation, is := errors.AsType[*net.OpError](err); is {
		return operation.Error()
	}
	if forgotten, is := errors.AsType[forgottenSession](err); is {
		return forgotten.Error()
	}
	if failed, is := errors.AsType[failedRequest](err); is {
		return failed.Error()
	}
	if closed(err) {
		return "connection closed"
	}
	text := err.Error()
	for _, prefix := range transportErrors {
		text = strings.Replace(text, prefix+": ", "", 1)
	}
	return text
}
