package runs

import (
	"context"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs/history"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
)

// SharedQueue is the task queue of runs that were submitted.
const SharedQueue = "gleitzeit"

// ownQueue is the task queue of a run that the process which starts it executes.
func ownQueue(run string) string { return "run-" + run }

// IsOwnQueue reports whether a task queue is that of a run which was not submitted.
func IsOwnQueue(run, queue string) bool { return queue == ownQueue(run) }

// forgetPollers is the age from which a poller counts as gone: one that lives asks anew each minute.
const forgetPollers = 90 * time.Second

// Poller is a process that serves a task queue.
type Poller struct {
	Identity string    `json:"identity"`
	Queue    string    `json:"queue"`
	LastSeen time.Time `json:"last_seen"`
}

// Pollers returns who serves the runs of a queue.
func (c *connection) Pollers(ctx context.Context, queue string) ([]Poller, error) {
	return c.pollers(ctx, queue, enums.TASK_QUEUE_TYPE_WORKFLOW)
}

// pollers returns who serves what of a queue: runs or tasks.
func (c *connection) pollers(ctx context.Context, queue string, what enums.TaskQueueType) ([]Poller, error) {
	described, err := c.client.DescribeTaskQueue(ctx, queue, what)
	if err != nil {
		return nil, err
	}
	found := []Poller{}
	for _, p := range described.GetPollers() {
		if seen := p.GetLastAccessTime().AsTime(); time.Since(seen) < forgetPollers {
			found = append(found, Poller{p.GetIdentity(), queue, seen.UTC()})
		}
	}
	return found, nil
}

// unserved returns the queues without workers, other than the run's own, that activities of a run wait on.
func (c *connection) unserved(ctx context.Context, run *workflowservice.DescribeWorkflowExecutionResponse) ([]history.Waiting, error) {
	own := run.GetExecutionConfig().GetTaskQueue().GetName()
	var unserved []history.Waiting
	for _, waiting := range history.WaitingOn(run.GetPendingActivities(), own) {
		found, err := c.pollers(ctx, waiting.Queue, enums.TASK_QUEUE_TYPE_ACTIVITY)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			unserved = append(unserved, waiting)
		}
	}
	return unserved, nil
}

// NotifyUnserved notifies of queues that a run needs and that nobody serves: its own, and those that its tasks name. That
// nobody can be asked is no reason to fail.
func (c *connection) NotifyUnserved(ctx context.Context, run, queue string, taskQueues []string) {
	found, err := c.Pollers(ctx, queue)
	switch {
	case err != nil:
		c.log.Warn("cannot find out which workers poll the queue", "queue", queue, "error", err)
	case len(found) > 0:
	case c.cluster != nil || queue != SharedQueue:
		c.notify(Unserved, run, "run %s is waiting for a worker on queue %q: start one with `%s`", run, queue, view.WorkerCommand(queue))
	default:
		c.notify(Unserved, run, "run %s is waiting for a worker on queue %q: start `gleitzeit server` or `gleitzeit worker`", run, queue)
	}
	for _, other := range taskQueues {
		if other == queue {
			continue
		}
		found, err := c.pollers(ctx, other, enums.TASK_QUEUE_TYPE_ACTIVITY)
		switch {
		case err != nil:
			c.log.Warn("cannot find out which workers poll the queue", "queue", other, "error", err)
		case len(found) == 0:
			c.notify(Unserved, run, "tasks of run %s will wait for a worker on queue %q: start one with `%s`", run, other, view.WorkerCommand(other))
		}
	}
}

// Unserved reports, with a notice, that nobody is there to bring a watched run to its end now.
func (h *Handle) Unserved(ctx context.Context) (bool, error) {
	if !h.Watching() {
		return false, nil
	}
	found, err := h.session.Pollers(ctx, h.Queue)
	if err != nil || len(found) > 0 {
		return false, err
	}
	h.session.notify(Unserved, h.Run, "cancellation of run %s requested; no worker serves its queue %q: the run ends when one does", h.Run, h.Queue)
	return true, nil
}
