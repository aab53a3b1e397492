package cluster

import (
	"context"
	"errors"

	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// IsUnavailable reports whether an error of a client means that the Temporal server did not answer, now or in time. With any
// other error, the server has answered.
func IsUnavailable(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	_, unavailable := errors.AsType[*serviceerror.Unavailable](err)
	_, late := errors.AsType[*serviceerror.DeadlineExceeded](err)
	if unavailable || late {
		return true
	}
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded || code == codes.Aborted
}

// codeOf returns EngineUnreachable for a server that did not answer, else ConfigurationError: it refuses what the settings
// ask for.
func codeOf(err error) protocol.Code {
	if IsUnavailable(err) {
		return protocol.EngineUnreachable
	}
	return protocol.ConfigurationError
}
