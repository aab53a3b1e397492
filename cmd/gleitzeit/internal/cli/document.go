package cli

import (
	"cmp"
	"context"
	"errors"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// latestRun names the newest run.
const latestRun = "@latest"

// resolve turns @latest into a run's id.
func (s *session) resolve(ctx context.Context, run string) (string, error) {
	if run != latestRun {
		return run, nil
	}
	records, err := s.store.Records(ctx, resultstore.Query{Limit: 1})
	if err != nil {
		return "", err
	}
	unrecorded, err := s.unrecorded(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case len(unrecorded) > 0 && (len(records) == 0 || records[0].StartedAt.Before(unrecorded[0].StartedAt)):
		return unrecorded[0].Run, nil
	case len(records) == 0:
		return "", protocol.Errorf(protocol.WorkflowNotFound, "there is no run in %s yet", s.place())
	}
	return records[0].Run, nil
}

// endOf is the document of an execution that has ended: from the store alone, where that has its end.
func (s *session) endOf(ctx context.Context, run, execution string) (*view.Run, error) {
	document, err := view.Read(ctx, s.store, run, execution)
	if err != nil || (document != nil && document.Status.Ended()) {
		return document, err
	}
	return s.document(ctx, run)
}

// document makes the document of a run's newest execution: from the store, and where an engine runs, with what Temporal
// knows. Nil means that neither knows the run.
func (s *session) document(ctx context.Context, run string) (*view.Run, error) {
	if s.client == nil {
		return view.Read(ctx, s.store, run, "")
	}
	described, err := s.client.DescribeWorkflowExecution(ctx, run, "")
	if _, unknown := errors.AsType[*serviceerror.NotFound](err); unknown {
		return s.forgotten(ctx, run)
	}
	if err != nil {
		return nil, err
	}
	info := described.GetWorkflowExecutionInfo()
	// By its execution: an earlier run of the same id may be all that was recorded.
	document, err := view.Read(ctx, s.store, run, info.GetFirstRunId())
	if err != nil || (document != nil && document.Status.Ended()) {
		return document, err
	}
	if document == nil {
		document = &view.Run{
			Run: run, Workflow: summary(described.GetExecutionConfig().GetUserMetadata().GetSummary()),
			StartedAt: info.GetStartTime().AsTime(), Status: protocol.Running, Outputs: value.Object(),
		}
	}
	live := view.Live{Status: statusOf(info.GetStatus()), Waiting: map[string]string{}}
	waiting, err := s.waiting(ctx, described)
	if err != nil {
		return nil, err
	}
	idle := map[string]bool{}
	for _, one := range waiting {
		for _, activity := range one.activities {
			idle[activity] = true
			task, _ := protocol.ParseActivityID(activity)
			live.Waiting[task] = one.queue
		}
	}
	for _, pending := range described.GetPendingActivities() {
		if activity := pending.GetActivityId(); !idle[activity] {
			task, _ := protocol.ParseActivityID(activity)
			live.Running = append(live.Running, task)
		}
	}
	document.Merge(live)
	if live.Status != protocol.Running {
		document.Error = view.NewError(s.unaccounted(ctx, run, info.GetStatus()))
	}
	return document, nil
}

// over tells whether the end of an execution is recorded, although Temporal cannot be asked because of the error.
func (s *session) over(ctx context.Context, run, execution string, away error) (bool, error) {
	records, err := s.store.Records(ctx, resultstore.Query{Run: run, Execution: execution, Kind: resultstore.Run})
	return err == nil && len(records) > 0 && records[0].Status.Ended(), errors.Join(away, err)
}

// forgotten is a run that Temporal does not know, or no longer. One that a cluster does not know may be the engine's.
func (s *session) forgotten(ctx context.Context, run string) (*view.Run, error) {
	document, err := view.Read(ctx, s.store, run, "")
	if err != nil || document == nil || document.Status.Ended() || s.cluster != nil {
		return document, err
	}
	document.Merge(view.Live{Status: protocol.Failed})
	document.Error = view.NewError(protocol.Errorf(protocol.WorkflowNotFound, "the engine no longer knows this run, and it has recorded no end"))
	return document, nil
}

// unaccounted is why a run has closed that recorded no end: it refused its plan, or somebody ended it.
func (s *session) unaccounted(ctx context.Context, run string, status enums.WorkflowExecutionStatus) *protocol.Error {
	err := s.client.GetWorkflow(ctx, run, "").Get(ctx, nil)
	if refused, is := errors.AsType[*temporal.ApplicationError](err); is {
		return protocol.Errorf(protocol.WorkflowValidationFailed, "%s", refused.Message())
	}
	return protocol.Errorf(protocol.WorkflowCancelled, "the run was ended from outside (%s)", status)
}

func statusOf(status enums.WorkflowExecutionStatus) protocol.Status {
	switch status {
	case enums.WORKFLOW_EXECUTION_STATUS_RUNNING, enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW:
		return protocol.Running
	case enums.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return protocol.Completed
	case enums.WORKFLOW_EXECUTION_STATUS_CANCELED:
		return protocol.Cancelled
	case enums.WORKFLOW_EXECUTION_STATUS_TIMED_OUT:
		return protocol.TimedOut
	}
	return protocol.Failed
}

// notFound is the error for a run that nobody knows.
func (s *session) notFound(run string) error {
	if "@"+run == latestRun {
		return protocol.Errorf(protocol.WorkflowNotFound, "there is no run %q in %s", run, s.place()).WithHint("did you mean %q?", latestRun)
	}
	return protocol.Errorf(protocol.WorkflowNotFound, "there is no run %q in %s", run, s.place()).
		WithHint("`gleitzeit list` shows those that are there")
}

// lookUp opens the session for commands that show things: with the engine where one runs, and says where none does.
func (p *program) lookUp(ctx context.Context) (*session, error) {
	s, err := p.openSession(ctx)
	if err != nil {
		return nil, err
	}
	running, err := s.connect(ctx)
	switch away := unreachable(err); {
	case away != nil:
		p.say("%s; this is what was recorded", view.Printable(away.Message))
	case err != nil:
		s.close()
		return nil, err
	case !running:
		p.say("no engine runs in %s: this is what was recorded", s.home.Path)
	}
	return s, nil
}

// abandoned says how to go on with a run that is open and that no process executes.
func (p *program) abandoned(s *session, run *view.Run) error {
	if run.Status != protocol.Running || s.cluster != nil {
		return nil
	}
	executed, err := s.home.Executed(run.Run)
	if err != nil || executed {
		return err
	}
	claim, err := s.claimOf(run.Run)
	if err != nil || claim == nil {
		return err
	}
	p.say("run %s is open and no process executes it: `%s` in %s goes on, `gleitzeit cancel %s` ends it", run.Run, commandOf(*claim), claim.Folder, run.Run)
	return nil
}

// commandOf is what goes on with the run of a claim when it is typed again.
func commandOf(claim home.Claim) string {
	return cmp.Or(claim.Command, "gleitzeit run "+cmp.Or(claim.File, "-"))
}
