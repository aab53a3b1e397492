package activities

import (
	"context"
	"errors"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/condition"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// decideTimeout bounds one decision, the loading of values included. Most take less than a millisecond.
const decideTimeout = 20 * time.Second

// Decide asks a condition. What is wrong with it comes back as Decided.Error; the error of Decide itself is for a store
// that is away.
func (a *Activities) Decide(ctx context.Context, deciding protocol.DecideRequest) (*protocol.DecideResponse, error) {
	answer, err := a.decide(ctx, deciding)
	if err != nil {
		return nil, err
	}
	answer.Kind, answer.Task, answer.Method = protocol.DecidedKind, deciding.Task, deciding.Method
	if answer.Error == nil && !answer.Holds {
		answer.Reason = protocol.ConditionFalseReason(deciding.When)
	}
	return answer, nil
}

func (a *Activities) decide(ctx context.Context, deciding protocol.DecideRequest) (*protocol.DecideResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, decideTimeout)
	defer cancel()
	answers := make(chan *protocol.DecideResponse, 1)
	failures := make(chan error, 1)
	go func() {
		holds, err := a.holds(ctx, deciding)
		if err == nil {
			answers <- &protocol.DecideResponse{Holds: holds}
			return
		}
		failures <- err
	}()
	select {
	case answer := <-answers:
		return answer, nil
	case err := <-failures:
		return refusal(ctx, err)
	case <-ctx.Done(): // One step of an expression, over a large value, cannot be interrupted.
		return refusal(ctx, ctx.Err())
	}
}

func (a *Activities) holds(ctx context.Context, deciding protocol.DecideRequest) (bool, error) {
	asked, mistakes := condition.Compile(deciding.When)
	if len(mistakes) > 0 {
		return false, protocol.Errorf(protocol.TaskParameterError, "the condition cannot be read: %s", mistakes[0].Message).WithHint("%s", mistakes[0].Hint)
	}
	return asked.Holds(ctx, &reference.Scope{Bindings: deciding.Bindings, Run: deciding.Run, Load: a.load(ctx)})
}

// refusal tells a condition that cannot be decided from a store that is away, which is asked again.
func refusal(ctx context.Context, err error) (*protocol.DecideResponse, error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && !transient(err) {
		return &protocol.DecideResponse{Error: protocol.Errorf(protocol.TaskParameterError, "the condition could not be decided in %s", decideTimeout)}, nil
	}
	failure := protocol.AsError(err, protocol.TaskParameterError)
	if failure.Kind == protocol.Transient {
		return nil, failure
	}
	return &protocol.DecideResponse{Error: shortened(failure)}, nil
}

func transient(err error) bool {
	known, is := errors.AsType[*protocol.Error](err)
	return is && known.Kind == protocol.Transient
}
