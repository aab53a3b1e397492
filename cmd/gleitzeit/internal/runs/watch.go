package runs

import (
	"context"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// watch sends what a run's histories say, from the first, until the run has closed. It continues when the engine changes
// hands.
func (c *connection) watch(ctx context.Context, id, runID string, events chan<- history.Event) error {
	var decoder history.Decoder
	return c.untilClosed(ctx, id, func() (bool, error) {
		stream := c.client.GetWorkflowHistory(ctx, id, runID, true, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		next, err := decode(ctx, stream, &decoder, events)
		if next != "" {
			runID = next
		}
		return decoder.Closed(), err
	})
}

// decode sends the events of one history; next is the Temporal run that it continues in.
func decode(ctx context.Context, stream client.HistoryEventIterator, decoder *history.Decoder, events chan<- history.Event) (next string, err error) {
	for stream.HasNext() {
		event, err := stream.Next()
		if err != nil {
			return "", err
		}
		decoded, next := decoder.Decode(event)
		if next != "" {
			return next, nil
		}
		for _, one := range decoded {
			select {
			case events <- one:
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
	}
	return "", nil
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

// pending returns the attempts of a run that are in flight, and the queues without workers that activities wait on. It
// asks for a moment only: the next look may find more.
func (c *connection) pending(ctx context.Context, run string) ([]history.Attempt, []history.Waiting, error) {
	ctx, done := context.WithTimeout(ctx, lookEvery)
	defer done()
	described, err := c.client.DescribeWorkflowExecution(ctx, run, "")
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
	described, err := c.client.DescribeWorkflowExecution(ctx, run, "")
	if err != nil {
		return nil // It is asked again soon.
	}
	return history.LiveOf(described.GetPendingActivities(), task)
}
