package cli

import (
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/batchclient"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// The exit codes, as docs/errors.md has them.
const (
	exitOK          = 0
	exitOther       = 1
	exitInvalid     = 2 // Arguments, or the workflow, are wrong.
	exitNotFound    = 3 // The workflow file itself is not there.
	exitUnavailable = 4 // The run failed because a provider was unavailable, and for nothing else.
	exitTaskFailed  = 5
	exitItemsFailed = 6 // The run completed, and items of it failed.
	exitNoEngine    = 7
	exitLimit       = 8 // The run stopped at a limit that its workflow sets.
	exitTimeout     = 124
	exitInterrupted = 130
	exitClosed      = 141 // Nobody read standard output, or standard error, any more: that of a program that SIGPIPE ends.
)

// exitCode is for an error that a command ends with.
func exitCode(e *protocol.Error) int {
	switch e.Code {
	case protocol.InvalidParams, protocol.WorkflowValidationFailed, protocol.WorkflowCircularDependency:
		return exitInvalid
	case protocol.EngineUnreachable:
		return exitNoEngine
	case protocol.WorkflowTimeout:
		return exitTimeout
	case protocol.WorkflowCancelled:
		return exitInterrupted
	}
	return exitOther
}

// exitOf is for a run that has ended.
func exitOf(run *view.Run) int {
	switch run.Status {
	case protocol.Completed:
		if run.CleanUpFailure() != "" {
			return exitTaskFailed
		}
		for _, task := range run.Tasks {
			if task.Items != nil && task.Items.Failed > 0 {
				return exitItemsFailed
			}
		}
		return exitOK
	case protocol.Cancelled:
		return exitInterrupted
	case protocol.TimedOut:
		return exitTimeout
	}
	failed, unavailable, limited := 0, 0, 0
	for _, task := range run.Tasks {
		itemsFailed := task.Status == protocol.Completed && task.Items != nil && task.Items.Failed > 0
		if !task.FailsRun() && !itemsFailed {
			continue
		}
		failed++
		if task.Error != nil && task.Error.Code == protocol.ProviderNotAvailable {
			unavailable++
		}
		if task.LimitReached() {
			limited++
		}
	}
	switch {
	case failed > 0 && failed == unavailable: // Also where so many items failed of that.
		return exitUnavailable
	case failed > 0 && failed == limited:
		return exitLimit
	}
	return exitTaskFailed
}

// exitOfBatch is for a batch of a server that has ended: that of the run that it would be here.
func exitOfBatch(b *batchclient.Result) error {
	code := exitOK
	switch {
	case b.Status == "failed" && b.Invalid:
		code = exitInvalid
	case b.Status == "failed":
		code = exitTaskFailed
	case b.Status == "expired":
		code = exitTimeout
	case b.Status == "cancelled":
		code = exitInterrupted
	case b.Failed:
		code = exitItemsFailed
	}
	return exitError{code}
}
