package runs

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// claimed returns a run of the home that was claimed and that no worker has recorded, for when no engine can be asked.
func claimed(claim home.Claim) *view.Run {
	return &view.Run{Run: claim.Run, Workflow: claim.Workflow, StartedAt: claim.StartedAt, Status: protocol.Running, Outputs: value.Object()}
}

// unrecordedClaims lists, newest first, the runs of claims without a record.
func (r Reader) unrecordedClaims(ctx context.Context) ([]*view.Run, error) {
	claims, err := r.home.Claims()
	if err != nil {
		return nil, err
	}
	var found []*view.Run
	lost := r.lost()
	for _, claim := range slices.Backward(claims) {
		records, err := r.store.Records(ctx, resultstore.Query{Run: claim.Run, Kind: resultstore.Run, Limit: 1})
		if err != nil {
			return nil, err
		}
		if len(records) == 0 && !lost.has(ctx, claim.Run) { // A lost one never started.
			found = append(found, claimed(claim))
		}
	}
	return found, nil
}

// unrecorded lists, newest first, runs that have started and that no worker has taken yet: Temporal knows them, and without
// it the claims of the home.
func (r Reader) unrecorded(ctx context.Context) ([]*view.Run, error) {
	switch {
	case r.client == nil && r.cluster != nil:
		return nil, nil
	case r.client == nil:
		return r.unrecordedClaims(ctx)
	}
	request := &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running'", workflows.RunType),
	}
	var found []*view.Run
	for {
		page, err := r.client.ListWorkflow(ctx, request)
		if err != nil {
			return nil, r.failed(err, "cannot list the open runs")
		}
		for _, info := range page.GetExecutions() {
			id := info.GetExecution().GetWorkflowId()
			if history.TaskOf(id) != "" {
				continue // It is part of another run.
			}
			records, err := r.store.Records(ctx, resultstore.Query{Run: id, Kind: resultstore.Run, Limit: 1})
			if err != nil {
				return nil, err
			}
			if len(records) > 0 && !records[0].Status.Ended() {
				continue
			}
			run, err := r.Document(ctx, id)
			if err != nil {
				return nil, err
			}
			if run != nil && !run.Status.Ended() {
				run.Tasks = nil
				found = append(found, run)
			}
		}
		if request.NextPageToken = page.GetNextPageToken(); len(request.NextPageToken) == 0 {
			slices.SortStableFunc(found, func(a, b *view.Run) int { return b.StartedAt.Compare(a.StartedAt) })
			return found, nil
		}
	}
}

// Query selects runs.
type Query struct {
	Workflow string          // By its name; empty for all.
	Status   protocol.Status // Empty for all.
	Since    time.Time       // Only runs that started then or later; zero for all.
	Until    time.Time       // Only runs that started before; zero for all.
	Tags     []string        // All of which the workflow has.
	Limit    int             // 0 is no limit.
}

// List returns runs without their tasks, newest first. One without a record of its end is looked up: it may have been
// terminated from outside.
func (r Reader) List(ctx context.Context, q Query) ([]*view.Run, error) {
	query := resultstore.Query{Workflow: q.Workflow, Status: q.Status, Since: q.Since, Before: q.Until, Limit: q.Limit}
	wanted, limit := query.Status, query.Limit
	if wanted != "" && (r.client != nil || r.cluster == nil && (wanted == protocol.Running || wanted == protocol.Failed)) {
		// What is recorded as running may turn out to have ended, so the filter and the limit come after the look.
		query.Status, query.Limit = "", 0
	}
	if len(q.Tags) > 0 {
		query.Limit = 0
	}
	tags := tagsOf{r.store, map[string][]string{}}
	records, err := r.store.Records(ctx, query)
	if err != nil {
		return nil, err
	}
	runs := []*view.Run{}
	unrecorded, err := r.unrecorded(ctx)
	if err != nil {
		return nil, err
	}
	for _, run := range unrecorded {
		if (wanted == "" || run.Status == wanted) && (query.Workflow == "" || run.Workflow == query.Workflow) && q.hasTime(run.StartedAt) && hasTags(run.Tags, q.Tags) {
			runs = append(runs, run)
		}
	}
	recorded, lost := 0, r.lost()
	for _, record := range records {
		if limit > 0 && recorded == limit {
			break
		}
		run := view.FromRecord(record)
		if len(q.Tags) > 0 {
			if run.Tags, err = tags.read(ctx, record.Plan); err != nil {
				return nil, err
			}
			if !hasTags(run.Tags, q.Tags) {
				continue
			}
		}
		if r.client != nil && !run.Status.Ended() {
			if run, err = r.Document(ctx, record.Run); err != nil {
				return nil, err
			}
			if run == nil {
				continue
			}
			run.Tasks = nil
		}
		if !run.Status.Ended() && lost.has(ctx, run.Run) {
			lose(run)
			run.Tasks = nil
		}
		if wanted == "" || run.Status == wanted {
			runs = append(runs, run)
			recorded++
		}
	}
	slices.SortStableFunc(runs, func(a, b *view.Run) int { return b.StartedAt.Compare(a.StartedAt) })
	if limit > 0 && len(runs) > limit {
		runs = runs[:limit]
	}
	return runs, nil
}

// hasTime reports whether a run that started then is wanted.
func (q *Query) hasTime(started time.Time) bool {
	return (q.Since.IsZero() || !started.Before(q.Since)) && (q.Until.IsZero() || started.Before(q.Until))
}

func hasTags(tags, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(tag string) bool { return !slices.Contains(tags, tag) })
}

// tagsOf reads the tags of runs, which their plans have. Runs of one workflow often have the same plan.
type tagsOf struct {
	store resultstore.Store
	known map[string][]string
}

func (t *tagsOf) read(ctx context.Context, plan *protocol.Ref) ([]string, error) {
	if plan == nil {
		return nil, nil
	}
	if tags, is := t.known[plan.Hash]; is {
		return tags, nil
	}
	tags, err := view.ReadTags(ctx, t.store, *plan)
	if err == nil {
		t.known[plan.Hash] = tags
	}
	return tags, err
}

// MarkInterrupted marks a run of this home that is open and that no process executes, and returns how it can be resumed;
// any other run stays as it is, and the text is empty.
func (r Reader) MarkInterrupted(run *view.Run) (string, error) {
	if run.Status != protocol.Running || r.cluster != nil {
		return "", nil
	}
	executed, err := r.home.Executed(run.Run)
	if err != nil || executed {
		return "", err
	}
	claim, err := r.claimOf(run.Run)
	if err != nil {
		return "", err
	}
	if claim == nil && r.client != nil {
		// It was submitted to a queue of this engine, for whoever serves that.
		return "", nil
	}
	run.Interrupted = true
	open, cancel := "run "+run.Run+" is open and no process executes it: ", "`gleitzeit cancel "+run.Run+"`"
	switch {
	case claim == nil:
		return open + "`gleitzeit server` resumes it, " + cancel + " cancels it", nil
	case claim.Cancelling:
		return "run " + run.Run + " is being cancelled and no process executes it: " + cancel + " completes that", nil
	case changedSince(claim.File, claim.StartedAt):
		return open + "its file has changed since it started; `gleitzeit server` resumes it as it was, " + cancel + " cancels it", nil
	}
	return open + "`" + r.commandOf(*claim) + "` in " + claim.Folder + " resumes it, " + cancel + " cancels it", nil
}

// changedSince reports whether a file was written, or removed, since then. No path is standard input.
func changedSince(path string, then time.Time) bool {
	if path == "" {
		return false
	}
	about, err := os.Stat(path)
	return err != nil || about.ModTime().After(then)
}
