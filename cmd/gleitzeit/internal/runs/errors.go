package runs

import (
	"errors"

	"go.temporal.io/api/serviceerror"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// AsUnreachable returns the error of a Temporal server that does not answer; nil for any other.
func AsUnreachable(err error) *protocol.Error {
	if known, is := errors.AsType[*protocol.Error](err); is && known.Code == protocol.EngineUnreachable {
		return known
	}
	return nil
}

// isNotFound reports whether Temporal does not know the run.
func isNotFound(err error) bool {
	_, unknown := errors.AsType[*serviceerror.NotFound](err)
	return unknown
}
