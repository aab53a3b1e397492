package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// decide asks a task's condition.
func (r *run) decide(ctx workflow.Context, index int) workflow.Future {
	task := &r.plan.Tasks[index]
	asked := protocol.DecideRequest{Run: r.info, Task: task.ID, Method: task.Method, When: task.When, Bindings: r.bindings(task.WhenUses)}
	return workflow.ExecuteLocalActivity(recording(ctx), DecideActivity, asked)
}

// takeDecision skips the task, ends it, or has it started.
func (r *run) takeDecision(ctx workflow.Context, s started) {
	var answer protocol.DecideResponse
	err := s.future.Get(ctx, &answer)
	switch {
	case err != nil && temporal.IsCanceledError(err):
		r.progress.End(s.task, protocol.Outcome{
			Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it was cancelled while its condition was asked%s", r.because()),
		})
	case err != nil:
		r.progress.End(s.task, failed(protocol.Errorf(protocol.InternalError, "%s", err)))
	case answer.Error != nil:
		r.progress.End(s.task, failed(answer.Error))
	case !answer.Holds:
		r.progress.End(s.task, protocol.Outcome{Status: protocol.Skipped, Reason: protocol.ConditionFalseReason(r.plan.Tasks[s.task].When)})
	default:
		r.decided = append(r.decided, s.task)
		if r.stopped != nil {
			r.dropDecided()
		}
	}
}

// nextDecided returns the next task whose condition holds, and takes it out of those. They start before all others: their
// turn has come already.
func (r *run) nextDecided() (task int, found bool) {
	if len(r.decided) == 0 {
		return 0, false
	}
	task = r.decided[0]
	r.decided = r.decided[1:]
	return task, true
}

// dropDecided ends what was to start when the run was stopped.
func (r *run) dropDecided() {
	for _, task := range r.decided {
		r.progress.End(task, protocol.Outcome{
			Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "it had not started when %s", r.stopped.Message),
		})
	}
	r.decided = nil
}
