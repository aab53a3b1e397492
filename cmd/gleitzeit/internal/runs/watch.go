package runs

import (
	"context"
	"time"

	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/workflows"
)

// watch sends what a run's histories say, from the first, until the run has closed. It continues when the engine changes
// hands.
func (c *connection) watch(ctx context.Context, id, runID string, events chan<- history.Event) error {
	w := &watching{connection: c, run: id, execution: runID, events: events, ended: map[string]chan error{}}
	return w.follow(ctx, id, runID)
}

// watching follows the histories of a run, and of the workflows of its items.
type watching struct {
	*connection
	run, execution string
	events         chan<- history.Event
	ended          map[string]chan error // By workflow id: when all has been sent of the items of a task.
}

// follow sends what the histories of one workflow say until it has closed.
func (w *watching) follow(ctx context.Context, id, runID string) error {
	var decoder history.Decoder
	return w.untilClosed(ctx, id, func() (bool, error) {
		stream := w.client.GetWorkflowHistory(ctx, id, runID, true, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		next, err := w.decode(ctx, stream, &decoder)
		if next != "" {
			runID = next
		}
		return decoder.Closed(), err
	})
}

// decode sends the events of one history; next is the Temporal run that it continues in.
func (w *watching) decode(ctx context.Context, stream client.HistoryEventIterator, decoder *history.Decoder) (next string, err error) {
	for stream.HasNext() {
		event, err := stream.Next()
		if err != nil {
			return "", err
		}
		decoded, next := decoder.Decode(event)
		if next != "" {
			return next, nil
		}
		if err := w.awaitWithin(event); err != nil {
			return "", err
		}
		for _, one := range decoded {
			if err := w.send(ctx, one); err != nil {
				return "", err
			}
		}
		w.followWithin(ctx, event)
	}
	return "", nil
}

// followWithin begins to follow a workflow that is part of the run: that of the items of a task, or the one that a task runs.
func (w *watching) followWithin(ctx context.Context, event *historypb.HistoryEvent) {
	id, runID, began := history.WithinBegan(event)
	if !began || w.ended[id] != nil {
		return
	}
	ended := make(chan error, 1)
	w.ended[id] = ended
	go func() {
		part := &watching{connection: w.connection, run: w.run, execution: w.execution, events: w.events, ended: map[string]chan error{}}
		ended <- part.follow(ctx, id, runID)
	}()
}

// awaitWithin waits for all that such a workflow says when the run says that it has ended.
func (w *watching) awaitWithin(event *historypb.HistoryEvent) error {
	id, over := history.WithinEnded(event)
	ended := w.ended[id]
	if !over || ended == nil {
		return nil
	}
	delete(w.ended, id)
	return <-ended
}

// send sends an event. One of a unit becomes those of its items.
func (w *watching) send(ctx context.Context, event history.Event) error {
	all := []history.Event{event}
	if event.Unit != nil {
		var err error
		if all, err = w.itemsOf(ctx, event); err != nil {
			return err
		}
	}
	for _, one := range all {
		select {
		case w.events <- one:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// itemsOf returns the events of the items of a unit that have ended with it, from their records.
func (w *watching) itemsOf(ctx context.Context, event history.Event) ([]history.Event, error) {
	records, err := w.store.Records(ctx, resultstore.Query{
		Run: w.run, Execution: w.execution, Kind: resultstore.Task, Task: event.Task, Item: &event.Unit.First, Last: &event.Unit.Last,
	})
	if err != nil {
		return nil, err
	}
	var events []history.Event
	for i := range records {
		item := records[i].Item
		if i+1 < len(records) && records[i+1].Item == item || event.Unit.GoesOn(item) {
			continue
		}
		one, outcome := event, records[i].Outcome()
		one.Item, one.Unit, one.Outcome = item, nil, &outcome
		events = append(events, one)
	}
	return events, nil
}

// awaitClose waits until a run has closed, whatever happens in it.
func (c *connection) awaitClose(ctx context.Context, id, runID string) error {
	return c.untilClosed(ctx, id, func() (bool, error) {
		stream := c.client.GetWorkflowHistory(ctx, id, runID, true, enums.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
		if !stream.HasNext() {
			return false, nil
		}
		event, err := stream.Next()
		if err != nil {
			return false, err
		}
		next := event.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
		if next != "" {
			runID = next
		}
		return next == "", nil
	})
}

// untilClosed reads history after history until the run has closed. An error other than that Temporal no
// longer knows the run is tried again.
func (c *connection) untilClosed(ctx context.Context, id string, read func() (closed bool, err error)) error {
	const pause = 100 * time.Millisecond
	for {
		closed, err := read()
		if closed || ctx.Err() != nil {
			return ctx.Err()
		}
		if isNotFound(err) {
			return protocol.Errorf(protocol.WorkflowNotFound, "the engine no longer knows run %s", id)
		}
		if err == nil {
			continue // The history continues in the next one.
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// describe returns the state of a run in Temporal, with the activities and workflows in flight that are part of it.
func (c *connection) describe(ctx context.Context, run string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	described, err := c.client.DescribeWorkflowExecution(ctx, run, "")
	if err != nil {
		return nil, err
	}
	for _, child := range described.GetPendingChildren() {
		if kind := child.GetWorkflowTypeName(); kind != workflows.MapType && kind != workflows.RunType {
			continue
		}
		within, err := c.describe(ctx, child.GetWorkflowId())
		if isNotFound(err) {
			continue // It has just begun, or ended.
		}
		if err != nil {
			return nil, err
		}
		described.PendingActivities = append(described.PendingActivities, within.GetPendingActivities()...)
		described.PendingChildren = append(described.PendingChildren, within.GetPendingChildren()...)
	}
	return described, nil
}

// pending returns the attempts of a run that are in flight, and the queues without workers that activities wait on. It
// asks for a moment only: the next look may find more.
func (c *connection) pending(ctx context.Context, run string) ([]history.Attempt, []history.Waiting, error) {
	ctx, done := context.WithTimeout(ctx, lookEvery)
	defer done()
	described, err := c.describe(ctx, run)
	if err != nil {
		return nil, nil, err
	}
	waiting, err := c.unserved(ctx, described)
	return history.Attempts(described.GetPendingActivities()), waiting, err
}

// listen returns what a task that runs alone has written; nil where nothing is known.
func (c *connection) listen(ctx context.Context, run, task string) *history.Live {
	ctx, done := context.WithTimeout(ctx, lookEvery)
	defer done()
	described, err := c.describe(ctx, run)
	if err != nil {
		return nil // It is asked again soon.
	}
	return history.LiveOf(described.GetPendingActivities(), task)
}
