package runs

import (
	"context"
	"errors"

	"go.temporal.io/api/serviceerror"

	"github.com/gleitzeit/gleitzeit/internal/cluster"
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

// failed translates an error of the Temporal client, where the process was about to do what format says.
func failed(err error, format string, args ...any) error {
	if known, is := errors.AsType[*protocol.Error](err); is {
		return known
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	_, denied := errors.AsType[*serviceerror.PermissionDenied](err)
	_, nowhere := errors.AsType[*serviceerror.NamespaceNotFound](err)
	switch {
	case denied || nowhere:
		return protocol.Errorf(protocol.ConfigurationError, format+": %s", append(args, err)...).
			WithHint("TEMPORAL_NAMESPACE and the other TEMPORAL_* variables say where runs are started, and as whom")
	case cluster.IsUnavailable(err):
		return protocol.Errorf(protocol.EngineUnreachable, format+": %s", append(args, err)...)
	}
	return protocol.Errorf(protocol.ConfigurationError, format+": the Temporal server refuses: %s", append(args, err)...)
}
