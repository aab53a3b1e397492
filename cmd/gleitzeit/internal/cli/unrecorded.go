package cli

import (
	"context"
	"fmt"
	"slices"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/worker"
)

// unrecorded lists, newest first, runs that have started and that no worker has taken yet: only Temporal knows them.
// Without a Temporal there are none.
func (s *session) unrecorded(ctx context.Context) ([]*view.Run, error) {
	if s.client == nil {
		return nil, nil
	}
	request := &workflowservice.ListWorkflowExecutionsRequest{
		Query: fmt.Sprintf("WorkflowType = '%s' AND ExecutionStatus = 'Running'", worker.RunType),
	}
	var found []*view.Run
	for {
		page, err := s.client.ListWorkflow(ctx, request)
		if err != nil {
			return nil, err
		}
		for _, info := range page.GetExecutions() {
			id := info.GetExecution().GetWorkflowId()
			records, err := s.store.Records(ctx, resultstore.Query{Run: id, Kind: resultstore.Run, Limit: 1})
			if err != nil {
				return nil, err
			}
			if len(records) > 0 && !records[0].Status.Ended() {
				continue
			}
			run, err := s.document(ctx, id)
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

// summary reads the text under which a run was started: its workflow's name.
func summary(payload *commonpb.Payload) string {
	var name string
	if payload == nil || converter.GetDefaultDataConverter().FromPayload(payload, &name) != nil {
		return ""
	}
	return name
}
