package workflows_test

import (
	"errors"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/workflows"
)

func TestOutcomesAreReadFromTemporalsErrors(t *testing.T) {
	reported := protocol.Outcome{Status: protocol.Failed, Error: protocol.Errorf(protocol.TaskTimeout, "timed out after 2s"), Attempts: 3}
	running := protocol.Outcome{Status: protocol.Running}
	for _, c := range []struct {
		name    string
		err     error
		known   bool
		status  protocol.Status
		code    protocol.Code
		message string
	}{
		{"failed", temporal.NewNonRetryableApplicationError("x", "X", nil, reported), true, protocol.Failed, protocol.TaskTimeout, "timed out after 2s"},
		{"failed without an outcome", temporal.NewApplicationError("broken", "X"), true, protocol.Failed, protocol.InternalError, "broken"},
		{"failed with other details", temporal.NewApplicationError("broken", "X", "text"), true, protocol.Failed, protocol.InternalError, "broken"},
		{"failed with an outcome that is no end", temporal.NewApplicationError("broken", "X", running), true, protocol.Failed, protocol.InternalError, "broken"},
		{"failed for a cancel", temporal.NewApplicationErrorWithCause("broken", "X", temporal.NewCanceledError(reported)), true, protocol.Failed, protocol.InternalError, "broken"},
		{"cancelled", temporal.NewCanceledError(protocol.Outcome{Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it was cancelled while it ran")}),
			true, protocol.Cancelled, protocol.TaskCancelled, "it was cancelled while it ran"},
		{"cancelled without an outcome", temporal.NewCanceledError(), true, protocol.Cancelled, protocol.TaskCancelled, "it was cancelled while no worker ran it"},
		{"interrupted", temporal.NewApplicationError(workflows.LostWorker, protocol.WorkerLost.Info().Name), true, protocol.Failed, protocol.WorkerLost, "the process running it stopped 10 times"},
		{"worker lost", temporal.NewTimeoutError(enums.TIMEOUT_TYPE_HEARTBEAT, nil), true, protocol.Failed, protocol.WorkerLost, "the process running it stopped 10 times (Heartbeat)"},
		{"out of time", temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE, nil), true, protocol.Failed, protocol.TaskTimeout, "timed out while no worker ran it, with all its attempts (max_elapsed of its retry)"},
		{"never started", temporal.NewTimeoutError(enums.TIMEOUT_TYPE_SCHEDULE_TO_START, nil), true, protocol.Failed, protocol.WorkerLost, "no worker was available to run it"},
		{"unknown", errors.New("unavailable"), false, "", 0, ""},
		{"none", nil, false, "", 0, ""},
	} {
		err := c.err
		if c.known {
			// As it arrives from the server: its details are encoded.
			err = temporal.GetDefaultFailureConverter().FailureToError(temporal.GetDefaultFailureConverter().ErrorToFailure(err))
		}
		outcome, known := workflows.OutcomeOf(err)
		if known != c.known || outcome.Status != c.status || (outcome.Error != nil) != c.known {
			t.Errorf("%s: got %+v, %v", c.name, outcome, known)
			continue
		}
		if c.known && (outcome.Error.Code != c.code || outcome.Error.Message != c.message) {
			t.Errorf("%s: got %s %q", c.name, outcome.Error.Name, outcome.Error.Message)
		}
	}
}

// Of a task whose process was lost, the last heartbeat says what its script has printed.
func TestALostScriptHasPrinted(t *testing.T) {
	for _, c := range []struct {
		beat protocol.Heartbeat
		want protocol.Printed
	}{
		{protocol.Heartbeat{Message: "5 tokens", Tail: "of a model"}, protocol.Printed{}},
		{protocol.Heartbeat{Line: "b", Stdout: &protocol.PrintedTail{Tail: "a\nb", Written: 3}}, protocol.Printed{Output: "a\nb"}},
		{protocol.Heartbeat{Line: "c", Stderr: &protocol.PrintedTail{Tail: "c", Written: 1}}, protocol.Printed{Stderr: "c"}},
		{protocol.Heartbeat{Line: "of an item"}, protocol.Printed{Output: "of an item"}},
	} {
		err := temporal.NewTimeoutError(enums.TIMEOUT_TYPE_HEARTBEAT, nil, c.beat)
		outcome, _ := workflows.OutcomeOf(temporal.GetDefaultFailureConverter().FailureToError(temporal.GetDefaultFailureConverter().ErrorToFailure(err)))
		got := protocol.Printed{}
		if outcome.Printed.Inline != nil {
			got = protocol.ParsePrinted(*outcome.Printed.Inline)
		}
		if got != c.want {
			t.Errorf("%+v: got %+v", c.beat, got)
		}
	}
}

func TestAnOutcomeIsReadFromTheFailureOfAnEvent(t *testing.T) {
	details, err := converter.GetDefaultDataConverter().ToPayloads(protocol.Outcome{Status: protocol.Cancelled, Attempts: 2})
	if err != nil {
		t.Fatal(err)
	}
	for name, failure := range map[string]*failurepb.Failure{
		"application": {FailureInfo: &failurepb.Failure_ApplicationFailureInfo{ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Details: details}}},
		"cancelled":   {FailureInfo: &failurepb.Failure_CanceledFailureInfo{CanceledFailureInfo: &failurepb.CanceledFailureInfo{Details: details}}},
	} {
		outcome, known := workflows.OutcomeOf(temporal.GetDefaultFailureConverter().FailureToError(failure))
		if !known || outcome.Status != protocol.Cancelled || outcome.Attempts != 2 {
			t.Errorf("%s: got %+v, %v", name, outcome, known)
		}
	}
	empty := &failurepb.Failure{Message: "broken", FailureInfo: &failurepb.Failure_ApplicationFailureInfo{ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Details: &commonpb.Payloads{}}}}
	if outcome, known := workflows.OutcomeOf(temporal.GetDefaultFailureConverter().FailureToError(empty)); !known || outcome.Error.Message != "broken" {
		t.Errorf("got %+v, %v", outcome, known)
	}
}
