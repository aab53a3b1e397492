package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/worker"
)

// working is what the flags of worker say.
type working struct {
	queue string
	slots int
	drain time.Duration
	roots []string
}

func (p *program) workerCommand() *cobra.Command {
	o := working{}
	command := &cobra.Command{
		Use:   "worker",
		Short: "Execute submitted runs until it is stopped",
		Long: "Execute what a task queue brings: of the home's engine, or of a Temporal that is configured. It runs no engine.\n" +
			"Ctrl-C and SIGTERM let the tasks in flight end, and take nothing new.",
		Args: exact(),
		RunE: func(command *cobra.Command, _ []string) error {
			return p.work(command.Context(), o)
		},
	}
	command.Flags().StringVar(&o.queue, "queue", sharedQueue, "Temporal task queue to serve")
	command.Flags().IntVar(&o.slots, "slots", sharedSlots, "tasks that it executes at once")
	command.Flags().DurationVar(&o.drain, "drain", 30*time.Second, "how long tasks in flight may take to end when it is stopped")
	command.Flags().StringArrayVar(&o.roots, "root", nil, "folder beneath which tasks read files; may be given many times (default, where another Temporal is configured: the current folder)")
	return p.temporalFlags(command)
}

func (p *program) work(ctx context.Context, o working) error {
	if o.slots < 1 {
		return usage{fmt.Errorf("--slots %d is less than 1", o.slots)}
	}
	if o.drain <= 0 {
		return usage{fmt.Errorf("--drain %s is no time at all", o.drain)}
	}
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	signals, give := p.interrupts.take()
	defer give()
	if reached, err := p.awaitTemporal(ctx, s, signals); err != nil || !reached {
		return err
	}
	roots, err := s.roots(o.roots)
	if err != nil {
		return err
	}
	if s.cluster != nil {
		said, err := s.cluster.Prepare(ctx, s.client)
		if err != nil {
			return err
		}
		if said != "" {
			p.say("%s", said)
		}
	}
	v, err := p.serve(s, roots, worker.Options{Queue: o.queue, Local: s.cluster == nil, Slots: o.slots, Drain: o.drain})
	if err != nil {
		return err
	}
	p.say("worker ready: queue %s at %s", o.queue, s.address())
	select {
	case <-signals:
		p.say("no new tasks; what runs has %s to end, and another signal leaves at once", o.drain)
		return p.until(signals, v.stop)
	case err := <-v.failed:
		return err
	}
}

// awaitPoll is how often a worker looks for an engine, or a cluster, that is not there yet.
const awaitPoll = 250 * time.Millisecond

// awaitTemporal connects, and waits for a Temporal that is not there yet. False means that a signal ended the wait.
func (p *program) awaitTemporal(ctx context.Context, s *session, signals <-chan os.Signal) (bool, error) {
	ticker := time.NewTicker(awaitPoll)
	defer ticker.Stop()
	for told := false; ; told = true {
		running, err := s.connect(ctx)
		away := s.cluster != nil && unreachable(err) != nil
		switch {
		case running && err == nil:
			return true, nil
		case err != nil && !away:
			return false, err
		case told:
		case away:
			p.say("%s; waiting for it", err)
		default:
			p.say("no engine runs in %s; waiting for one: `gleitzeit server` starts it", s.home.Path)
		}
		select {
		case <-signals:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		case <-ticker.C:
		}
	}
}

// address is where the Temporal of the session answers.
func (s *session) address() string {
	if s.cluster != nil {
		return s.cluster.Address
	}
	info, err := engine.ReadInfo(s.home)
	if err != nil {
		return s.home.Path // The holder has just gone; the next one writes it anew.
	}
	return info.Address
}

// roots are the folders that a worker may read, absolute. A worker of the home's engine has none but those it is given:
// it runs what its own user has started, and a run says itself what it may read.
func (s *session) roots(given []string) ([]string, error) {
	wanted := given
	if len(wanted) == 0 && s.cluster != nil {
		wanted = s.settings.Roots
		if len(wanted) == 0 {
			wanted = []string{"."}
		}
	}
	var roots []string
	for _, root := range wanted {
		absolute, err := filepath.Abs(root)
		if err != nil {
			return nil, protocol.Errorf(protocol.ConfigurationError, "the folder %q: %s", root, err)
		}
		info, err := os.Stat(absolute)
		if err == nil && !info.IsDir() {
			err = errors.New("it is no folder")
		}
		if err != nil {
			return nil, protocol.Errorf(protocol.ConfigurationError, "tasks cannot read beneath %q: %s", root, err).
				WithHint("--root, or `roots` of the configuration, names folders that are there")
		}
		roots = append(roots, absolute)
	}
	return roots, nil
}
