package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/worker"
)

// submission is what the flags of submit say.
type submission struct {
	inputs given
	queue  string
	wait   patience
}

// patience is the value of --wait.
type patience struct {
	given bool          // The flag was.
	set   bool          // Who submits waits.
	limit time.Duration // 0 is without end.
}

func (p *patience) String() string { return "" }

func (p *patience) Type() string { return "duration" }

func (p *patience) Set(text string) error {
	p.given, p.set = true, text != "false"
	if text == forEver || !p.set {
		return nil
	}
	limit, err := time.ParseDuration(text)
	if seconds, number := strconv.ParseFloat(text, 64); number == nil {
		limit, err = protocol.Seconds(seconds).Duration(), nil
	}
	if err != nil || limit <= 0 {
		return errors.New("a duration such as 90s or 2h, or a number of seconds")
	}
	p.limit = limit
	return nil
}

// forEver is what --wait alone stands for.
const forEver = "for ever"

func (p *program) submitCommand() *cobra.Command {
	o := submission{}
	command := &cobra.Command{
		Use:   "submit FILE",
		Short: "Start a run on the workers of the server, and print its id",
		Long: "Check a workflow here and start it on whatever workers serve the engine: those of `gleitzeit server`, or\n" +
			"`gleitzeit worker` processes of a Temporal that is configured. Nothing of it runs in this process.",
		Args: exact("FILE"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.submit(command.Context(), args[0], o)
		},
	}
	o.inputs.flags(command, "")
	command.Flags().StringVar(&o.queue, "queue", sharedQueue, "Temporal task queue whose workers execute the run")
	command.Flags().Var(&o.wait, "wait", "follow the run, print its results and exit as `run` does; with =DURATION at most so long, with =false not, whatever wait_for_completion says")
	command.Flags().Lookup("wait").NoOptDefVal = forEver
	return p.temporalFlags(p.streamFlag(command))
}

// notStarted is the error of a Temporal that did not start a run: because it is away, or because it will not.
func notStarted(err error) error {
	_, denied := errors.AsType[*serviceerror.PermissionDenied](err)
	_, refused := errors.AsType[*serviceerror.InvalidArgument](err)
	_, nowhere := errors.AsType[*serviceerror.NamespaceNotFound](err)
	if denied || refused || nowhere {
		return protocol.Errorf(protocol.ConfigurationError, "Temporal refuses to start the run: %s", err).
			WithHint("TEMPORAL_NAMESPACE and the other TEMPORAL_* variables say where, and as whom, runs are started")
	}
	return protocol.Errorf(protocol.EngineUnreachable, "the run cannot be started: %s", err)
}

func (p *program) submit(ctx context.Context, file string, o submission) error {
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	elsewhere, err := s.elsewhere()
	if err != nil {
		return err
	}
	compiled, diagnostics, err := p.compileFor(file, o.inputs, elsewhere != nil)
	if err != nil {
		return err
	}
	if compiled == nil {
		return p.refuse(file, diagnostics)
	}
	for _, note := range diagnostics {
		p.say("%s", note)
	}
	if err := s.reach(ctx); err != nil {
		return err
	}
	o.wait.set = o.wait.set || compiled.Wait && !o.wait.given
	id := compiled.ID
	if id == "" {
		if id, err = newID(compiled.Name); err != nil {
			return err
		}
	}
	_, err = worker.Run(ctx, s.client, id, compiled, s.starting(ctx, o.queue))
	if _, open := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); open {
		return stillOpen(id)
	}
	if err != nil {
		return notStarted(err)
	}
	if o.wait.set {
		p.say("run %s", id)
	}
	p.sayUnserved(ctx, s, o.queue, id)
	p.sayQueues(ctx, s, slices.DeleteFunc(compiled.Queues(), func(queue string) bool { return queue == o.queue }), id)
	if o.wait.set {
		x, err := p.watching(ctx, s, id)
		if err != nil {
			return err
		}
		defer x.stop()
		x.plan = compiled
		if o.wait.limit > 0 {
			x.overdue = time.After(o.wait.limit)
		}
		return x.finish(ctx)
	}
	if p.output == asText {
		fmt.Fprintln(p.Out, id)
		return nil
	}
	p.writeJSON(p.Out, struct {
		Run      string `json:"run"`
		Workflow string `json:"workflow"`
	}{id, compiled.Name})
	return nil
}

// sayUnserved tells that a run waits for somebody to execute it. That nobody can be asked is no reason to fail: the run
// has started.
func (p *program) sayUnserved(ctx context.Context, s *session, queue, run string) {
	found, err := s.pollers(ctx, queue)
	switch {
	case err != nil:
		s.log.Warn("who serves the queue cannot be asked", "queue", queue, "error", err)
	case len(found) > 0:
	case s.cluster != nil || queue != sharedQueue:
		p.say("nobody serves the queue %q yet: run %s waits until a `gleitzeit worker --queue %s` does", queue, run, queue)
	default:
		p.say("nobody serves the queue %q yet: run %s waits until `gleitzeit server` or `gleitzeit worker` does", queue, run)
	}
}
