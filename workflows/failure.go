package workflows

import (
	"errors"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// LostWorker is how an activity whose heartbeats stopped is described to people.
const LostWorker = "the process running it stopped"

// OutcomeOf returns how an activity ended, read from the error that Temporal returned for it. Where the activity reported
// no outcome, because it was cancelled or timed out while no worker ran it, the outcome says so. known is false where the
// error is not about the end of the activity, but, for example, about a call of the server.
func OutcomeOf(err error) (outcome protocol.Outcome, known bool) {
	if outcome, reported := reportedOutcome(err); reported {
		return outcome, true
	}
	if app, is := errors.AsType[*temporal.ApplicationError](err); is {
		if app.Type() == protocol.WorkerLost.Info().Name {
			return failed(protocol.Errorf(protocol.WorkerLost, "%s %d times", app.Message(), protocol.MaxLostWorkers)), true
		}
		if app.Type() == protocol.RepeatedType { // Temporal starts no other round.
			return failed(protocol.Errorf(protocol.TaskTimeout, "timed out after %s (max_elapsed of its retry)", app.Message())), true
		}
		return failed(protocol.Errorf(protocol.InternalError, "%s", app.Message())), true
	}
	if temporal.IsCanceledError(err) {
		return cancelledWithoutWorker(), true
	}
	if timeout, is := errors.AsType[*temporal.TimeoutError](err); is {
		if timeout.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_START {
			return failed(protocol.Errorf(protocol.WorkerLost, "no worker was available to run it")), true
		}
		if timeout.TimeoutType() == enums.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE || retryState(err) == enums.RETRY_STATE_TIMEOUT {
			outcome := failed(protocol.Errorf(protocol.TaskTimeout, "timed out while no worker ran it, with all its attempts (max_elapsed of its retry)"))
			outcome.Printed = lastPrinted(timeout)
			return outcome, true
		}
		outcome := failed(protocol.Errorf(protocol.WorkerLost, LostWorker+" %d times (%s)", protocol.MaxLostWorkers, timeout.TimeoutType()))
		outcome.Printed = lastPrinted(timeout)
		return outcome, true
	}
	return protocol.Outcome{}, false
}

// retryState returns why Temporal does not retry an activity that has failed with an error.
func retryState(err error) enums.RetryState {
	if failure, is := errors.AsType[*temporal.ActivityError](err); is {
		return failure.RetryState()
	}
	return enums.RETRY_STATE_UNSPECIFIED
}

// lastPrinted returns what the last heartbeat of an activity says that its script has printed. The payload has no Ref: whoever
// records the outcome stores the value.
func lastPrinted(timeout *temporal.TimeoutError) protocol.Payload {
	var beat protocol.Heartbeat
	if !timeout.HasLastHeartbeatDetails() || timeout.LastHeartbeatDetails(&beat) != nil {
		return protocol.Payload{}
	}
	printed := protocol.Printed{}
	if beat.Stdout != nil {
		printed.Output = beat.Stdout.Tail
	}
	if beat.Stderr != nil {
		printed.Stderr = beat.Stderr.Tail
	}
	if printed.Empty() {
		printed.Output = beat.Line // Of an item: its heartbeats have no more.
	}
	if printed.Empty() {
		return protocol.Payload{}
	}
	inline := printed.Value()
	return protocol.Payload{Inline: &inline}
}

func cancelledWithoutWorker() protocol.Outcome {
	return protocol.Outcome{Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it was cancelled while no worker ran it")}
}

// reportedOutcome returns the outcome that the activity itself attached to its error.
func reportedOutcome(err error) (outcome protocol.Outcome, reported bool) {
	reported = decodeDetails(err, &outcome) && outcome.Status.Ended()
	return outcome, reported
}

// ResultOf returns how a run ended, read from what Temporal returned for it: the Result, whether the run completed or not.
// The error is for ends that the run itself did not report: it was terminated, or the server does not know it.
func ResultOf(result *Result, err error) (*Result, error) {
	if err == nil {
		return result, nil
	}
	var reported Result
	if decodeDetails(err, &reported) && reported.Status != "" {
		return &reported, nil
	}
	return nil, err
}

// decodeDetails decodes the details of an ApplicationError or a CanceledError, and reports whether there were any.
func decodeDetails(err error, into any) bool {
	if app, is := errors.AsType[*temporal.ApplicationError](err); is {
		return app.HasDetails() && app.Details(into) == nil
	}
	if cancelled, is := errors.AsType[*temporal.CanceledError](err); is {
		return cancelled.HasDetails() && cancelled.Details(into) == nil
	}
	return false
}

func failed(e *protocol.Error) protocol.Outcome {
	return protocol.Outcome{Status: protocol.Failed, Error: e}
}
