package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/progress"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

func (p *program) runCommand() *cobra.Command {
	var inputs given
	var another bool
	command := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a workflow here and wait for its results",
		Long: "Run a workflow in this process, with a Temporal server inside. Progress goes to standard error, results to standard output.\n" +
			"If the process dies, the same command resumes the run where it was.",
		Example: "  gleitzeit run flow.yaml\n  gleitzeit run flow.yaml --input topic=tea -o json",
		Args:    exact("FILE"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.run(command.Context(), args[0], inputs, another)
		},
	}
	inputs.flags(command, "")
	command.Flags().BoolVar(&another, "new", false, "start another run, even where one of this file is still open")
	return p.streamFlag(command)
}

// streamFlag is for commands that follow a run.
func (p *program) streamFlag(command *cobra.Command) *cobra.Command {
	command.Flags().BoolVar(&p.stream, "stream", false, "write answers of models to standard error as they come, where that is not a terminal; a terminal shows them anyway")
	return command
}

func (p *program) run(ctx context.Context, file string, inputs given, another bool) error {
	compiled, diagnostics, err := p.compile(file, inputs)
	if err != nil {
		return err
	}
	if len(diagnostics) > 0 {
		return p.refuse(file, diagnostics)
	}
	typed := "gleitzeit " + view.ShellWords(inputs.typed("run", file)...)
	how := execution{command: typed, another: another}
	if !inputs.none() {
		how.claimed = typed // The inputs belong to the command.
	}
	return p.execute(ctx, compiled, how)
}

// execution is how a plan is executed in this process.
type execution struct {
	command string                // What resumes the run when it is typed again.
	claimed string                // The same, where the workflow file alone does not say it.
	another bool                  // Another run is wanted, even where one of the plan is open.
	print   func(*view.Run) error // Prints the results; nil prints them as those of a run.
}

// execute resumes an open run of the plan, or starts one, and prints its results.
func (p *program) execute(ctx context.Context, compiled *plan.Plan, how execution) error {
	s, err := p.openOwnSession(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Join(ctx); err != nil {
		return err
	}
	p.newRun = "`--new` starts another"
	e := s.NewExecutor(ctx)
	f := p.newFollower(ctx, s)
	defer f.stop()
	h, err := e.Start(f.ctx, compiled, runs.StartOptions{Command: how.claimed, New: how.another, Abandon: f.abandon})
	if err != nil {
		return f.notStarted(err)
	}
	f.resumeWith = how.command
	return f.finish(h, how.print, e.Close)
}

// finish follows the run of a handle to its end and prints its results.
func (f *follower) finish(h *runs.Handle, print func(*view.Run) error, settle func() error) error {
	p := f.program
	if err := f.follow(h, print == nil); err != nil {
		h.Release(false)
		return err
	}
	document, err := h.Result(f.ctx)
	if err != nil {
		h.Release(false)
		return err
	}
	f.shown.End(document)
	if print != nil {
		err = print(document)
	} else {
		p.printRun(document, f.shown)
	}
	// Not before: whoever finds the claim of a run that has ended gets its results.
	if err = errors.Join(err, p.written.err()); err != nil {
		h.Release(false)
		return err
	}
	h.Release(true)
	if settle != nil {
		if err := settle(); err != nil {
			f.session.Log().Error("cannot close a protocol", "error", err)
		}
	}
	return exitError{exitOf(document)}
}

// printRun prints a run with its results. With jsonl, tasks whose line was printed as they ended are left out.
func (p *program) printRun(document *view.Run, shown *progress.Printer) {
	switch p.output {
	case asJSON:
		p.writeJSON(p.Out, document)
	case asJSONL:
		for _, task := range document.Tasks {
			if shown == nil || !shown.Printed(task.ID) {
				p.writeJSON(p.Out, task)
			}
		}
		alone := *document
		alone.Tasks = nil
		p.writeJSON(p.Out, alone)
	default:
		fmt.Fprint(p.Out, document.Results())
	}
}
