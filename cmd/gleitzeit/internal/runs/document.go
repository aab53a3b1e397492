package runs

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/cluster"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/worker"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// Latest names the newest run.
const Latest = "@latest"

// Reader reads how runs are: from the result store, and where the session is connected, from Temporal.
type Reader struct{ *connection }

// Resolve returns the id of a run: itself, or that of the newest for @latest.
func (r Reader) Resolve(ctx context.Context, run string) (string, error) {
	if run != Latest {
		return run, CheckName("run id", run)
	}
	records, err := r.store.Records(ctx, resultstore.Query{Limit: 1})
	if err != nil {
		return "", err
	}
	unrecorded, err := r.unrecorded(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case len(unrecorded) > 0 && (len(records) == 0 || records[0].StartedAt.Before(unrecorded[0].StartedAt)):
		return unrecorded[0].Run, nil
	case len(records) == 0:
		return "", protocol.Errorf(protocol.WorkflowNotFound, "there is no run in %s yet", r.Place())
	}
	return records[0].Run, nil
}

// Document returns the document of a run's newest execution: from the store, and where the session is connected, with what
// Temporal knows. Nil means that neither knows the run.
func (r Reader) Document(ctx context.Context, run string) (*view.Run, error) {
	if r.client == nil {
		return r.recorded(ctx, run)
	}
	described, err := r.describe(ctx, run)
	if isNotFound(err) {
		return r.forgotten(ctx, run)
	}
	if r.cluster == nil && cluster.IsUnavailable(err) && ctx.Err() == nil {
		// The process with the engine has just ended, in most cases because the run has.
		document, err := r.recorded(ctx, run)
		if err == nil && (document == nil || !document.Status.Ended()) {
			r.notify(Unreachable, "", "the engine in %s has stopped, or is too busy to answer; showing what is recorded", r.home.Path)
		}
		return document, err
	}
	if err != nil {
		return nil, r.failed(err, "cannot look up run %s", run)
	}
	info := described.GetWorkflowExecutionInfo()
	// By its execution: an earlier run of the same id may be all that was recorded.
	document, err := view.Read(ctx, r.store, run, info.GetFirstRunId())
	if err != nil || (document != nil && document.Status.Ended()) {
		return document, err
	}
	if document == nil {
		document = &view.Run{
			Run: run, Workflow: history.Summary(described.GetExecutionConfig().GetUserMetadata().GetSummary()),
			StartedAt: info.GetStartTime().AsTime(), Status: protocol.Running, Outputs: value.Object(),
		}
	}
	live := view.Live{Status: history.Status(info.GetStatus()), InFlight: map[string][]time.Time{}, Waiting: map[string]string{}}
	waiting, err := r.unserved(ctx, described)
	if err != nil {
		return nil, r.failed(err, "cannot look up run %s", run)
	}
	idle := map[string]bool{}
	for _, w := range waiting {
		for _, activity := range w.Activities {
			idle[activity] = true
			task, _ := protocol.ParseActivityID(activity)
			live.Waiting[task] = w.Queue
		}
	}
	for _, pending := range described.GetPendingActivities() {
		if activity := pending.GetActivityId(); !idle[activity] {
			task, _ := protocol.ParseActivityID(activity)
			live.Running = append(live.Running, task)
		}
	}
	for _, child := range described.GetPendingChildren() {
		if task := history.TaskOf(child.GetWorkflowId()); child.GetWorkflowTypeName() == workflows.RunType && task != "" {
			task, _ = protocol.ParseActivityID(task)
			live.Running = append(live.Running, task)
		}
	}
	attempts := history.Attempts(described.GetPendingActivities())
	for _, a := range attempts {
		if task, _ := protocol.ParseActivityID(a.Activity); a.Started {
			live.InFlight[task] = append(live.InFlight[task], a.Began)
		}
	}
	live.Waits = history.Waits(attempts)
	document.Merge(live)
	if live.Status != protocol.Running {
		document.Error = view.NewError(r.unaccounted(ctx, run, info.GetStatus()))
	}
	return document, nil
}

// recorded returns the document of a run as the store has it, else as its claim has it.
func (r Reader) recorded(ctx context.Context, run string) (*view.Run, error) {
	document, err := view.Read(ctx, r.store, run, "")
	if document != nil && !document.Status.Ended() && r.lost().has(ctx, run) {
		lose(document)
	}
	if document != nil || err != nil {
		return document, err
	}
	claim, err := r.claimOf(run)
	if claim == nil || err != nil || r.lost().has(ctx, run) {
		return nil, err
	}
	return claimed(*claim), nil
}

// isOver reports whether the end of an execution is recorded.
func (r Reader) isOver(ctx context.Context, run, execution string) (bool, error) {
	records, err := r.store.Records(ctx, resultstore.Query{Run: run, Execution: execution, Kind: resultstore.Run})
	return err == nil && len(records) > 0 && records[0].Status.Ended(), err
}

// forgotten returns a run that Temporal does not know, or no longer; nil where the store does not know it either. One that a
// cluster does not know may be the engine's.
func (r Reader) forgotten(ctx context.Context, run string) (*view.Run, error) {
	document, err := view.Read(ctx, r.store, run, "")
	if err != nil || document == nil || document.Status.Ended() || r.cluster != nil {
		return document, err
	}
	lose(document)
	return document, nil
}

// unaccounted returns why a run has closed without a record of its end: it refused its plan, or somebody terminated it.
func (r Reader) unaccounted(ctx context.Context, run string, status enums.WorkflowExecutionStatus) *protocol.Error {
	err := r.client.GetWorkflow(ctx, run, "").Get(ctx, nil)
	if refused, is := errors.AsType[*temporal.ApplicationError](err); is {
		if strings.Contains(refused.Message(), worker.GonePayload) {
			return protocol.Errorf(protocol.PersistenceFailed, "the plan of the run is not in the result store of the process that executes it").
				WithHint("all processes of a run must use one store (`gleitzeit config` shows it), and one that was replaced by an older copy has nothing newer; start the run again")
		}
		return protocol.Errorf(protocol.WorkflowValidationFailed, "%s", refused.Message())
	}
	return protocol.Errorf(protocol.WorkflowCancelled, "the run was terminated from outside (%s)", status)
}

// Known is Document with an error for a run that nobody knows.
func (r Reader) Known(ctx context.Context, run string) (*view.Run, error) {
	document, err := r.Document(ctx, run)
	if err == nil && document == nil {
		return nil, r.notFound(ctx, run)
	}
	return document, err
}

// KnownWithResults is Known with the results of the tasks.
func (r Reader) KnownWithResults(ctx context.Context, run string) (*view.Run, error) {
	document, err := r.Known(ctx, run)
	if err != nil {
		return nil, err
	}
	return document, document.AddResults(ctx, r.store)
}

func (r Reader) notFound(ctx context.Context, run string) error {
	switch status, ended := r.batchStatus(run); {
	case status == "":
	case ended:
		return protocol.Errorf(protocol.WorkflowNotFound, "there is no run %q in %s: the batch of the Batch API ended before it had one (%s)", run, r.Place(), status).
			WithHint("`gleitzeit batch --server URL --batch %s` shows why, URL being the base URL of the Batch API", run)
	default:
		return protocol.Errorf(protocol.WorkflowNotFound, "there is no run %q in %s: the batch of the Batch API has not begun (%s)", run, r.Place(), status).
			WithHint("`gleitzeit batch --server URL --batch %s` waits for it, and POST URL/batches/%[1]s/cancel cancels it, URL being the base URL of the Batch API", run)
	}
	missing := protocol.Errorf(protocol.WorkflowNotFound, "there is no run %q in %s", run, r.Place())
	if near := r.nearest(ctx, run); near != "" {
		return missing.WithHint("did you mean %q? `gleitzeit list` shows the runs that exist", near)
	}
	return missing.WithHint("`gleitzeit list` shows the runs that exist")
}

// nearest returns the run that was probably meant: the newest of that workflow, or one with nearly that id. It is empty if there is none.
func (r Reader) nearest(ctx context.Context, run string) string {
	const looked = 200
	if near := suggest.Nearest(run, []string{Latest}); near != "" {
		return near
	}
	records, err := r.store.Records(ctx, resultstore.Query{Limit: looked})
	if err != nil {
		return "" // Only the suggestion is lost.
	}
	var known []string
	for _, record := range records {
		if strings.HasPrefix(record.Run, run+"-") || record.Workflow == run {
			return record.Run
		}
		known = append(known, record.Run)
	}
	return suggest.Nearest(run, known)
}

// batchStatus returns the status of a batch that the Batch API of this home has, and whether it has ended; empty if there is none. It has the
// id of its run, also before that is started.
func (r Reader) batchStatus(run string) (status string, ended bool) {
	var batch struct {
		Status string `json:"status"`
	}
	if !strings.HasPrefix(run, "batch_") || filepath.Base(run) != run {
		return "", false
	}
	text, err := os.ReadFile(filepath.Join(r.home.BatchAPI(), "batches", run+".json"))
	if err != nil || json.Unmarshal(text, &batch) != nil {
		return "", false // It is one of somebody else, or of nobody.
	}
	switch batch.Status {
	case "failed", "expired", "cancelled", "completed":
		ended = true
	}
	return strings.ReplaceAll(batch.Status, "_", " "), ended
}
