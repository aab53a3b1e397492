package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/spf13/cobra"
)

// workerCommand is the command `worker`.
type workerCommand struct{ *program }

func (p workerCommand) command() *cobra.Command {
	var o runs.ServiceOptions
	var roots []string
	command := &cobra.Command{
		Use:   "worker",
		Short: "Execute submitted runs until it is stopped",
		Long: "Execute tasks from a task queue of the home's engine, or of the configured Temporal server. It does not start an engine.\n" +
			"On Ctrl-C or SIGTERM it takes no new tasks and lets running tasks finish (see --drain).",
		Example: "  gleitzeit worker\n  gleitzeit worker --queue gpu --slots 2",
		Args:    exact(),
		RunE: func(command *cobra.Command, _ []string) error {
			return p.work(command.Context(), o, roots)
		},
	}
	command.Flags().StringVar(&o.Queue, "queue", runs.SharedQueue, "Temporal task queue to serve")
	command.Flags().IntVar(&o.Slots, "slots", runs.SharedSlots, "maximum number of tasks in flight")
	command.Flags().DurationVar(&o.Drain, "drain", 30*time.Second, "how long running tasks may take to finish after the worker is asked to stop")
	command.Flags().StringArrayVar(&roots, "root", nil, "folder beneath which tasks read files; repeatable (default: what each run may read; with another Temporal server the current folder)")
	return p.temporalFlags(command)
}

func (p workerCommand) work(ctx context.Context, o runs.ServiceOptions, roots []string) error {
	if o.Slots < 1 {
		return usageError{fmt.Errorf("--slots %d is less than 1", o.Slots)}
	}
	if o.Drain <= 0 {
		return usageError{fmt.Errorf("--drain %s is not a positive duration", o.Drain)}
	}
	if err := runs.CheckName("queue", o.Queue); err != nil {
		return err
	}
	roots, err := runs.Folders(roots) // Before it waits for an engine.
	if err != nil {
		return err
	}
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	signals, release := p.interrupts.receive()
	defer release()
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	reached := make(chan error, 1)
	go func() { reached <- s.Await(waiting) }()
	select {
	case <-signals:
		return nil
	case err := <-reached:
		if err != nil {
			return err
		}
	}
	v, err := s.Work(ctx, o, roots)
	if err != nil {
		return err
	}
	select {
	case <-signals:
		p.say("stopping: no new tasks, and those in flight have %s to end; press Ctrl-C again to quit immediately", o.Drain)
		return stopping(signals, v.Stop)
	case err := <-v.Failed():
		return err
	}
}
