package cli

import (
	"context"
	"fmt"
	"slices"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
)

// waitingFor is a queue that nobody serves, with the activities of a run that wait for a worker of it.
type waitingFor struct {
	queue      string
	activities []string
}

// waiting lists what of a run waits for workers that are not there: tasks of queues other than the run's own.
func (s *session) waiting(ctx context.Context, run *workflowservice.DescribeWorkflowExecutionResponse) ([]waitingFor, error) {
	own := run.GetExecutionConfig().GetTaskQueue().GetName()
	var all []waitingFor
	for _, pending := range run.GetPendingActivities() {
		queue := pending.GetActivityOptions().GetTaskQueue().GetName()
		if queue == "" || queue == own || pending.GetState() != enums.PENDING_ACTIVITY_STATE_SCHEDULED {
			continue
		}
		at := slices.IndexFunc(all, func(one waitingFor) bool { return one.queue == queue })
		if at < 0 {
			at, all = len(all), append(all, waitingFor{queue: queue})
		}
		all[at].activities = append(all[at].activities, pending.GetActivityId())
	}
	var unserved []waitingFor
	for _, one := range all {
		found, err := s.pollersOf(ctx, one.queue, enums.TASK_QUEUE_TYPE_ACTIVITY)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			unserved = append(unserved, one)
		}
	}
	return unserved, nil
}

// waits tells of queues that nobody serves, each once until somebody does.
func (s *progress) waits(all []waitingFor) {
	told := map[string]bool{}
	for _, one := range all {
		told[one.queue] = true
		if s.unserved[one.queue] {
			continue
		}
		what := one.activities[0] + "  waits"
		if more := len(one.activities) - 1; more > 0 {
			what = fmt.Sprintf("%s and %d more  wait", one.activities[0], more)
		}
		s.line("· " + what + view.Printable(" for a worker of queue "+one.queue+": `"+workerOf(one.queue)+"` is one"))
	}
	s.unserved = told
}

// workerOf is the command that serves a queue.
func workerOf(queue string) string { return "gleitzeit worker --queue " + shellWords([]string{queue}) }

// sayQueues tells of queues that tasks of a run name and that nobody serves. That nobody can be asked is no reason to fail.
func (p *program) sayQueues(ctx context.Context, s *session, queues []string, run string) {
	for _, queue := range queues {
		found, err := s.pollersOf(ctx, queue, enums.TASK_QUEUE_TYPE_ACTIVITY)
		switch {
		case err != nil:
			s.log.Warn("who serves the queue cannot be asked", "queue", queue, "error", err)
		case len(found) == 0:
			p.say("nobody serves the queue %q yet: tasks of run %s wait until a `%s` does", queue, run, workerOf(queue))
		}
	}
}
