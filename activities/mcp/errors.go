package mcp

import (
	"context"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// over says why a call was given up, of which the context is done.
func over(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return protocol.Errorf(protocol.TaskTimeout, "the MCP server did not answer before the task's timeout")
	}
	return protocol.Errorf(protocol.TaskCancelled, "the call was ended because its task was cancelled")
}

func errClosed(name string) error {
	return protocol.Errorf(protocol.ProviderNotAvailable, "the MCP server %q was closed, with the worker", name)
}

// transportErrors are those that the SDK's transports make themselves: as wire errors, although no server sent them.
var transportErrors = map[int64]string{-32003: "client is closing", -32004: "server is closing", -32005: "rejected by transport"}

// answer returns the error that the server sent; nil where it sent none.
func answer(err error) *jsonrpc.Error {
	sent, is := errors.AsType[*jsonrpc.Error](err)
	if !is || transportErrors[sent.Code] == sent.Message {
		return nil
	}
	return sent
}

// lost tells whether a call failed because its session did.
func lost(err error) bool {
	if _, known := errors.AsType[*protocol.Error](err); known {
		return false
	}
	return errors.Is(err, mcp.ErrConnectionClosed) || answer(err) == nil
}

// undelivered tells whether a lost call has surely not reached the server.
func undelivered(err error) bool {
	dialling, is := errors.AsType[*net.OpError](err)
	return errors.Is(err, mcp.ErrConnectionClosed) || errors.Is(err, mcp.ErrSessionMissing) || errors.Is(err, syscall.EPIPE) || is && dialling.Op == "dial"
}

// The codes by which servers refuse calls.
const (
	methodNotFound   = -32601
	invalidParams    = -32602
	resourceNotFound = -32002
)

// answered translates what a server has against a call.
func (s *server) answered(err error) error {
	if known, is := errors.AsType[*protocol.Error](err); is {
		return known
	}
	sent := answer(err)
	switch sent.Code {
	case methodNotFound:
		return protocol.Errorf(protocol.MethodNotSupported, "the MCP server %q does not offer this: %s", s.Name, sent.Message)
	case invalidParams, resourceNotFound:
		return protocol.Errorf(protocol.InvalidParams, "the MCP server %q refuses the parameters: %s", s.Name, sent.Message)
	}
	return protocol.Errorf(protocol.TaskExecutionFailed, "the MCP server %q failed: %s (%d)", s.Name, sent.Message, sent.Code)
}

// broken is the error of a call whose session was lost.
func (s *server) broken(err error, harmless bool, last string) error {
	var failure *protocol.Error
	if s.URL != "" {
		failure = protocol.Errorf(protocol.ProviderNotAvailable, "the MCP server %q at %s was lost during the call: %s", s.Name, s.URL, reason(err))
	} else {
		failure = protocol.Errorf(protocol.ProviderNotAvailable, "the MCP server %q ended during the call: %s%s", s.Name, reason(err), last)
	}
	if harmless || undelivered(err) {
		return failure
	}
	return failure.WithKind(protocol.TaskFault).WithHint("the tool may have done its work: it is not marked as idempotent or read-only, so it was not called again; with a `retry` the task does that")
}

// notStarted says why there is no session.
func (s *server) notStarted(ctx context.Context, err error) error {
	known, is := errors.AsType[*protocol.Error](err)
	switch {
	case is:
		return known
	case errors.Is(context.Cause(ctx), errSlowStart):
		return protocol.Errorf(protocol.ProviderTimeout, "the MCP server %q did not start within %s%s", s.Name, s.limit, after(err)).
			WithHint("`timeout` of the server sets how long it may take")
	case s.URL != "":
		return protocol.Errorf(protocol.ProviderNotAvailable, "the MCP server %q at %s cannot be reached: %s", s.Name, s.URL, reason(err))
	}
	return protocol.Errorf(protocol.ProviderNotAvailable, "the MCP server %q did not start: %s%s", s.Name, reason(err), after(err))
}

// silent is an error of a program that has said something before.
type silent struct {
	error
	last string
}

func (e silent) Unwrap() error { return e.error }

// after is what the program of a failed start said last, to go behind a message.
func after(err error) string {
	if e, is := errors.AsType[silent](err); is {
		return e.last
	}
	return ""
}

// reason is an error in few words.
func reason(err error) string {
	if exited, is := errors.AsType[*exec.ExitError](err); is {
		return exited.Error()
	}
	if dialling, is := errors.AsType[*net.OpError](err); is {
		return dialling.Error()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, mcp.ErrConnectionClosed) {
		return "it closed the connection"
	}
	text := err.Error()
	for _, said := range transportErrors {
		text = strings.Replace(text, said+": ", "", 1)
	}
	return text
}
