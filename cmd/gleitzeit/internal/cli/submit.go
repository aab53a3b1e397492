package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// submission is the flags of submit.
type submission struct {
	inputs given
	queue  string
	wait   patience
}

// patience is the value of --wait.
type patience struct {
	given bool          // The flag is there.
	set   bool          // The command waits.
	limit time.Duration // 0 is none.
}

func (p *patience) String() string { return "" }

func (p *patience) Type() string { return "duration" }

func (p *patience) Set(text string) error {
	p.given, p.set = true, text != "false"
	if text == noLimit || !p.set {
		return nil
	}
	limit, err := time.ParseDuration(text)
	if seconds, number := strconv.ParseFloat(text, 64); number == nil {
		limit, err = protocol.Seconds(seconds).Duration(), nil
	}
	if err != nil || limit <= 0 {
		return errors.New("must be a duration such as 90s or 2h, or a number of seconds")
	}
	p.limit = limit
	return nil
}

func (p *patience) flag(command *cobra.Command) {
	command.Flags().Var(p, "wait", "wait until the run ends, print its results and exit as the command run does; with =`DURATION` stop waiting after it, with =false do not wait, whatever wait_for_completion says")
	command.Flags().Lookup("wait").NoOptDefVal = noLimit
}

// noLimit is what --wait alone stands for.
const noLimit = "no limit"

// submitCommand is the command `submit`.
type submitCommand struct{ *program }

func (p submitCommand) command() *cobra.Command {
	o := submission{}
	command := &cobra.Command{
		Use:   "submit FILE",
		Short: "Start a run on the workers of the server, and print its id",
		Long: "Check a workflow here and start it on the workers that serve the engine: those of `gleitzeit server`, or\n" +
			"`gleitzeit worker` processes of a Temporal server that is configured. Nothing of it runs in this process.",
		Example: "  gleitzeit submit flow.yaml\n  gleitzeit submit flow.yaml --wait=2h",
		Args:    exact("FILE"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.submit(command.Context(), args[0], o)
		},
	}
	o.inputs.flags(command, "")
	command.Flags().StringVar(&o.queue, "queue", runs.SharedQueue, "Temporal task queue whose workers execute the run")
	o.wait.flag(command)
	return p.temporalFlags(p.streamFlag(command))
}

func (p submitCommand) submit(ctx context.Context, file string, o submission) error {
	if err := runs.CheckName("queue", o.queue); err != nil {
		return err
	}
	s, err := p.openSession(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	remote, err := s.Remote()
	if err != nil {
		return err
	}
	compiled, diagnostics, err := p.compileFor(file, o.inputs, remote)
	if err != nil {
		return err
	}
	if compiled == nil {
		return p.refuse(file, diagnostics)
	}
	p.notes(diagnostics)
	if err := s.Reach(ctx); err != nil {
		return err
	}
	return p.start(ctx, s, compiled, o, nil)
}

// start starts a run on the workers of the server, and waits for it if that is wanted. over is nil if it takes over no earlier run.
func (p submitCommand) start(ctx context.Context, s *runs.Session, compiled *plan.Plan, o submission, over *runs.TakeOver) error {
	o.wait.set = o.wait.set || compiled.Wait && !o.wait.given
	id, err := s.Submit(ctx, compiled, o.queue, over)
	if err != nil {
		return err
	}
	if o.wait.set {
		p.notify(runs.Notice{Kind: runs.Started, Run: id, Message: "run " + id})
	}
	if over != nil {
		p.notify(runs.Notice{Kind: runs.TakesOver, Run: id, Message: over.Note})
	}
	s.NotifyUnserved(ctx, id, o.queue, compiled.Queues())
	if o.wait.set {
		return p.awaitSubmitted(ctx, s, id, compiled, o.wait.limit)
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

// awaitSubmitted follows a run that was submitted, and prints its results. A limit of 0 is none.
func (p submitCommand) awaitSubmitted(ctx context.Context, s *runs.Session, id string, compiled *plan.Plan, limit time.Duration) error {
	h, err := s.Watch(ctx, id)
	if err != nil {
		return err
	}
	h.SetPlan(compiled)
	f := newFollower(ctx, p.program, s)
	defer f.stop()
	if limit > 0 {
		defer time.AfterFunc(limit, func() { f.leave(errOverdue) }).Stop()
	}
	return f.finish(h, nil, nil)
}
