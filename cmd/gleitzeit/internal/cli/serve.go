package cli

import (
	"context"
	"errors"
	"os"
	"time"

	enums "go.temporal.io/api/enums/v1"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/worker"
)

// sharedQueue is the task queue of runs that were submitted.
const sharedQueue = "gleitzeit"

// sharedSlots is how many tasks a server or a worker executes at once: most of them wait for a model or a tool, and each
// script is a process.
const sharedSlots = 100

// service executes what a shared queue brings.
type service struct {
	acts          *activities.Activities
	worker        *worker.Worker
	closeHandlers func() error // When nothing that uses acts runs any more.
	failed        chan error   // Why it polls no more, where it gave up by itself.
}

func (v *service) stop() error { return errors.Join(v.worker.Stop(), v.closeHandlers()) }

// serve starts to execute what a queue brings. The caller stops it.
func (p *program) serve(s *session, roots []string, o worker.Options) (*service, error) {
	acts, closeHandlers, err := p.activities(s, roots, p.sayTrouble)
	if err != nil {
		return nil, err
	}
	v := &service{acts: acts, closeHandlers: closeHandlers, failed: make(chan error, 1)}
	o.Fatal = func(err error) {
		select {
		case v.failed <- protocol.Errorf(protocol.EngineUnreachable, "the worker of queue %q can work no more: %s", o.Queue, err):
		default:
		}
	}
	v.worker = worker.New(s.client, acts, nil, o)
	if err := v.worker.Start(); err != nil {
		return nil, errors.Join(protocol.Errorf(protocol.EngineUnreachable, "the worker does not start: %s", err), closeHandlers())
	}
	return v, nil
}

// sayTrouble tells of a result store that is away, or an engine that cannot work.
func (p *program) sayTrouble(err error) { p.say("%s", view.Printable(err.Error())) }

// lookAfter is how often a process that serves looks whether its engine is in trouble.
const lookAfter = time.Second

// untilSignal waits for a signal, and tells of an engine in trouble meanwhile: of a full disk clients hear no more than
// that nothing answers. The error is why the worker gave up.
func (p *program) untilSignal(s *session, signals <-chan os.Signal, failed <-chan error) error {
	ticker := time.NewTicker(lookAfter)
	defer ticker.Stop()
	told := ""
	for {
		select {
		case <-signals:
			return nil
		case err := <-failed:
			return err
		case <-ticker.C:
			if err := s.trouble(); err != nil && err.Error() != told {
				told = err.Error()
				p.sayTrouble(err)
			}
		}
	}
}

// until runs the end of a process that serves. A signal meanwhile leaves at once.
func (p *program) until(signals <-chan os.Signal, stop func() error) error {
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	select {
	case err := <-stopped:
		return err
	case <-signals:
		return ended{exitInterrupted}
	}
}

// forgetPollers is the age from which a poller counts as gone: one that lives asks anew each minute.
const forgetPollers = 90 * time.Second

// poller is a process that serves a queue.
type poller struct {
	Identity string    `json:"identity"`
	Queue    string    `json:"queue"`
	LastSeen time.Time `json:"last_seen"`
}

// pollers lists who serves the runs of a queue.
func (s *session) pollers(ctx context.Context, queue string) ([]poller, error) {
	return s.pollersOf(ctx, queue, enums.TASK_QUEUE_TYPE_WORKFLOW)
}

// pollersOf lists who serves what of a queue: runs or tasks.
func (s *session) pollersOf(ctx context.Context, queue string, what enums.TaskQueueType) ([]poller, error) {
	described, err := s.client.DescribeTaskQueue(ctx, queue, what)
	if err != nil {
		return nil, err
	}
	found := []poller{}
	for _, p := range described.GetPollers() {
		if seen := p.GetLastAccessTime().AsTime(); time.Since(seen) < forgetPollers {
			found = append(found, poller{p.GetIdentity(), queue, seen.UTC()})
		}
	}
	return found, nil
}
