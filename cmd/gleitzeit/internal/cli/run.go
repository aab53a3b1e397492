package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
)

// runCommand is the command `run`.
type runCommand struct{ *program }

func (p runCommand) command() *cobra.Command {
	var inputs given
	var another bool
	command := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a workflow in this process and wait for its results",
		Long: "Run a workflow in this process, with a Temporal server inside. Progress goes to standard error, results to standard output.\n" +
			"If the process dies, the same command resumes the run where it was.",
		Example: "  gleitzeit run flow.yaml\n  gleitzeit run flow.yaml --input topic=tea -o json",
		Args:    exact("FILE"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.run(command.Context(), args[0], inputs, another)
		},
	}
	inputs.flags(command, "")
	command.Flags().BoolVar(&another, "new", false, "start a new run, even if an unfinished run of this file could be resumed")
	return p.streamFlag(command)
}

func (p runCommand) run(ctx context.Context, file string, inputs given, another bool) error {
	compiled, diagnostics, err := p.compile(file, inputs)
	if err != nil {
		return err
	}
	if compiled == nil {
		return p.refuse(file, diagnostics)
	}
	p.notes(diagnostics)
	typed := "gleitzeit " + view.ShellWords(inputs.typed("run", file)...)
	how := execution{command: typed, another: another}
	if !inputs.none() {
		how.claimed = typed // The inputs belong to the command.
	}
	return execute(ctx, p.program, compiled, how)
}
