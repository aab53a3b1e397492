package llm

import (
	"errors"
	"net"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// verdict is what a failure says of a server beside its code.
type verdict int

const (
	lacking  verdict = iota + 1 // It has no such model.
	breaking                    // It fails, whatever it is asked perhaps.
	gone                        // Nobody listens where it should be.
	unasked                     // Nothing: the request cannot be made.
)

// judged is a failure with a verdict.
type judged struct {
	of *protocol.Error
	verdict
}

func (j judged) Error() string { return j.of.Error() }

func (j judged) Unwrap() error { return j.of }

// verdictOf is 0 where a failure says no more than its code.
func verdictOf(err error) verdict {
	known, _ := errors.AsType[judged](err)
	return known.verdict
}

// unmade is the failure of a request that cannot be made.
func unmade(err error) error {
	return judged{protocol.AsError(err, protocol.InvalidParams), unasked}
}

// unreached is the failure of a request that brought no answer: gone where no connection came about.
func unreached(failure *protocol.Error, err error) error {
	if how, is := errors.AsType[*net.OpError](err); is && how.Op == "dial" {
		return judged{failure, gone}
	}
	return failure
}
