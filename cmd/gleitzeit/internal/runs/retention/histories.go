package retention

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/proxy"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/workflows"
)

const (
	// removers is how many executions are removed at once.
	removers = 8
	// removalTimeout bounds the wait until the engine has removed them, and removalPoll is how often it is asked.
	removalTimeout = time.Minute
	removalPoll    = 50 * time.Millisecond
)

// ofRuns selects the workflows of runs, and of the items of their tasks.
var ofRuns = fmt.Sprintf("WorkflowType IN ('%s', '%s')", workflows.RunType, workflows.MapType)

// listExecutions asks Temporal for open runs, and for what has closed.
func (p *pruning) listExecutions(ctx context.Context) error {
	running := map[string]execution{}
	young := p.floor.Add(settled) // The plan of a run is put a moment before the run starts.
	query := fmt.Sprintf("%s AND ExecutionStatus = 'Running'", ofRuns)
	err := p.eachWorkflow(ctx, query, func(e execution, status enums.WorkflowExecutionStatus, started, _ time.Time) {
		p.open[e.id] = true
		running[e.id] = e
		if started.Before(young) {
			p.kept = append(p.kept, e)
		}
	})
	if err != nil {
		return err
	}
	// A run that has continued as new refers to values that were put before its current history began.
	long, err := p.Store.Records(ctx, resultstore.Query{Before: young, Status: protocol.Running})
	if err != nil {
		return err
	}
	for _, record := range long {
		if e, is := running[record.Run]; is && !slices.Contains(p.kept, e) {
			p.kept = append(p.kept, e)
		}
	}
	query = fmt.Sprintf("%s AND ExecutionStatus != 'Running' AND StartTime < '%s'", ofRuns, p.Before.UTC().Format(time.RFC3339Nano))
	err = p.eachWorkflow(ctx, query, func(e execution, status enums.WorkflowExecutionStatus, started, closed time.Time) {
		continued := status == enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW && p.open[e.id]
		switch {
		case closed.Before(p.Before) && !continued:
			p.ended = append(p.ended, e)
		case started.Before(young):
			p.kept = append(p.kept, e)
		}
	})
	if err != nil {
		return err
	}
	return p.listCalls(ctx)
}

func (p *pruning) eachWorkflow(ctx context.Context, query string, visit func(e execution, status enums.WorkflowExecutionStatus, started, closed time.Time)) error {
	request := &workflowservice.ListWorkflowExecutionsRequest{Namespace: p.Namespace, Query: query}
	for {
		page, err := p.Client.ListWorkflow(ctx, request)
		if err != nil {
			return failed(err, "cannot list runs")
		}
		for _, info := range page.GetExecutions() {
			e := execution{id: info.GetExecution().GetWorkflowId(), runID: info.GetExecution().GetRunId()}
			visit(e, info.GetStatus(), info.GetStartTime().AsTime(), info.GetCloseTime().AsTime())
		}
		if request.NextPageToken = page.GetNextPageToken(); len(request.NextPageToken) == 0 {
			return nil
		}
	}
}

// listCalls does the same for calls without a workflow. Of an open one every value stays that was put since it began.
func (p *pruning) listCalls(ctx context.Context) error {
	request := &workflowservice.ListActivityExecutionsRequest{Namespace: p.Namespace}
	for {
		page, err := p.Client.WorkflowService().ListActivityExecutions(ctx, request)
		if withoutThem(err) {
			return nil
		}
		if err != nil {
			return failed(err, "cannot list calls")
		}
		for _, info := range page.GetExecutions() {
			switch closed := info.GetCloseTime(); {
			case closed == nil:
				p.floor = earlier(p.floor, info.GetScheduleTime().AsTime().Add(-settled))
			case closed.AsTime().Before(p.Before):
				p.ended = append(p.ended, execution{info.GetActivityId(), info.GetRunId(), true})
			}
		}
		if request.NextPageToken = page.GetNextPageToken(); len(request.NextPageToken) == 0 {
			return nil
		}
	}
}

// withoutThem reports whether the error is that of a Temporal server that has nothing of the kind: no schedules, or no calls
// without a workflow.
func withoutThem(err error) bool {
	_, unimplemented := errors.AsType[*serviceerror.Unimplemented](err)
	return unimplemented
}

// referred returns the hashes of values to which the histories of runs that stay refer.
func (p *pruning) referred(ctx context.Context) (resultstore.Hashes, error) {
	r := &references{store: p.Store, found: resultstore.Hashes{}, read: map[string]bool{}}
	for _, e := range p.kept {
		request := &workflowservice.GetWorkflowExecutionHistoryRequest{
			Namespace: p.Namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: e.id, RunId: e.runID},
		}
		for {
			// Not the client's own iterator, which replaces payloads that are in the store.
			page, err := p.Client.WorkflowService().GetWorkflowExecutionHistory(ctx, request)
			if isNotFound(err) {
				break // It has been removed meanwhile.
			}
			if err == nil {
				err = r.visit(ctx, page.GetHistory())
			}
			if err != nil {
				return nil, failed(err, "cannot read the history of run %s", e.id)
			}
			if request.NextPageToken = page.GetNextPageToken(); len(request.NextPageToken) == 0 {
				break
			}
		}
	}
	if err := p.visitSchedules(ctx, r); err != nil {
		return nil, err
	}
	if r.opaque != "" {
		// What cannot be read may refer to anything.
		p.floor = time.Time{}
		p.report.Warnings = append(p.report.Warnings, fmt.Sprintf("no values are removed: histories have payloads of the unknown encoding %q", r.opaque))
	}
	return r.found, nil
}

// visitSchedules collects what schedules refer to: the next run of one may start when all earlier ones are gone.
func (p *pruning) visitSchedules(ctx context.Context, r *references) error {
	service := p.Client.WorkflowService()
	request := &workflowservice.ListSchedulesRequest{Namespace: p.Namespace}
	for {
		page, err := service.ListSchedules(ctx, request)
		if withoutThem(err) {
			return nil
		}
		if err != nil {
			return failed(err, "cannot list schedules")
		}
		for _, listed := range page.GetSchedules() {
			schedule, err := service.DescribeSchedule(ctx, &workflowservice.DescribeScheduleRequest{Namespace: p.Namespace, ScheduleId: listed.GetScheduleId()})
			if isNotFound(err) {
				continue // It has been deleted meanwhile.
			}
			if err == nil {
				err = r.visit(ctx, schedule)
			}
			if err != nil {
				return failed(err, "cannot read schedule %s", listed.GetScheduleId())
			}
		}
		if request.NextPageToken = page.GetNextPageToken(); len(request.NextPageToken) == 0 {
			return nil
		}
	}
}

// references collects the hashes in payloads. Whatever could be one is taken for one.
type references struct {
	store  resultstore.Store
	found  resultstore.Hashes
	read   map[string]bool // Stored payloads that were read.
	opaque string          // An encoding that cannot be read.
}

// readable are the encodings of payloads that have hashes as they are.
var readable = []string{"", "json/plain", "json/protobuf", "binary/plain", "binary/protobuf", "binary/null", storedLegacy}

const storedLegacy = "json/external-storage-reference"

func (r *references) visit(ctx context.Context, message proto.Message) error {
	return proxy.VisitPayloads(ctx, message, proxy.VisitPayloadsOptions{
		SkipSearchAttributes: true,
		Visitor: func(visiting *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
			for _, payload := range payloads {
				if err := r.add(visiting, payload); err != nil {
					return nil, err
				}
			}
			return payloads, nil
		},
	})
}

func (r *references) add(ctx context.Context, payload *commonpb.Payload) error {
	encoding := string(payload.GetMetadata()["encoding"])
	if !slices.Contains(readable, encoding) {
		r.opaque = encoding
		return nil
	}
	found := r.found.Scan(payload.GetData())
	for _, hash := range found {
		r.found.Add(r.store, protocol.Ref{Hash: hash})
	}
	if encoding != storedLegacy && string(payload.GetMetadata()["messageType"]) != string((&sdkpb.ExternalStorageReference{}).ProtoReflect().Descriptor().FullName()) {
		return nil
	}
	for _, hash := range found {
		if r.read[hash] {
			continue
		}
		r.read[hash] = true
		data, err := r.store.Value(ctx, protocol.Ref{Hash: hash})
		if errors.Is(err, resultstore.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		stored := &commonpb.Payload{}
		if err := proto.Unmarshal(data, stored); err != nil {
			return err
		}
		if err := r.add(ctx, stored); err != nil {
			return err
		}
	}
	return nil
}

// removeExecutions makes Temporal remove what has closed. A server that does not allow it keeps it for its own retention.
func (p *pruning) removeExecutions(ctx context.Context) error {
	if p.DryRun {
		p.report.Histories = int64(len(p.ended))
		return nil
	}
	var removing sync.WaitGroup
	var mu sync.Mutex
	var failure error
	next := 0
	take := func() (e execution, is bool) {
		mu.Lock()
		defer mu.Unlock()
		if failure != nil || next == len(p.ended) {
			return e, false
		}
		next++
		return p.ended[next-1], true
	}
	for range removers {
		removing.Go(func() {
			for e, is := take(); is; e, is = take() {
				err := p.remove(ctx, e)
				mu.Lock()
				switch {
				case err == nil:
					p.report.Histories++
				case !isNotFound(err):
					failure = err
				}
				mu.Unlock()
			}
		})
	}
	removing.Wait()
	if _, denied := errors.AsType[*serviceerror.PermissionDenied](failure); denied || withoutThem(failure) {
		p.report.Warnings = append(p.report.Warnings, fmt.Sprintf("the Temporal server does not allow to remove histories, and removes them after the retention of its namespace: %s", failure))
		return nil
	}
	if failure != nil {
		return failed(failure, "cannot remove the histories of runs")
	}
	if p.Local {
		return p.awaitRemoval(ctx)
	}
	return nil
}

func (p *pruning) remove(ctx context.Context, e execution) error {
	if e.call {
		_, err := p.Client.WorkflowService().DeleteActivityExecution(ctx, &workflowservice.DeleteActivityExecutionRequest{
			Namespace: p.Namespace, ActivityId: e.id, RunId: e.runID,
		})
		return err
	}
	_, err := p.Client.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: p.Namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: e.id, RunId: e.runID},
	})
	return err
}

// awaitRemoval waits until the engine has removed the runs, which it does after it has answered: only then is their space free.
// What it has not removed in time it removes later, and the next Prune returns that space.
func (p *pruning) awaitRemoval(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, removalTimeout)
	defer done()
	ticker := time.NewTicker(removalPoll)
	defer ticker.Stop()
	for _, e := range p.ended {
		for !e.call {
			_, err := p.Client.DescribeWorkflowExecution(ctx, e.id, e.runID)
			if isNotFound(err) {
				break
			}
			if err != nil && ctx.Err() == nil {
				return failed(err, "cannot look up run %s", e.id)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
		}
	}
	return nil
}

// Align makes the retention of a namespace that of the settings.
func Align(ctx context.Context, c client.Client, namespace string, wanted time.Duration) error {
	described, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if err != nil {
		return failed(err, "cannot describe the namespace %q", namespace)
	}
	if described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration() == wanted {
		return nil
	}
	_, err = c.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: namespace, Config: &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(wanted)},
	})
	if err != nil {
		return failed(err, "cannot set the retention of the namespace %q", namespace)
	}
	return nil
}

func isNotFound(err error) bool {
	_, unknown := errors.AsType[*serviceerror.NotFound](err)
	return unknown
}

// failed returns the error of a Temporal server, in an operation that format describes.
func failed(err error, format string, args ...any) error {
	if known, is := errors.AsType[*protocol.Error](err); is {
		return known
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return protocol.Errorf(protocol.EngineUnreachable, format+": %s", append(args, err)...).WithCause(err)
}
