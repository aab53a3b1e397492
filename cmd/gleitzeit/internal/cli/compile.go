package cli

import (
	"github.com/spf13/cobra"
)

// compileCommand is the command `compile`.
type compileCommand struct{ *program }

func (p compileCommand) command() *cobra.Command {
	var inputs given
	command := &cobra.Command{
		Use:   "compile FILE",
		Short: "Print the plan of a workflow as JSON, for any Temporal client",
		Long: "Check a workflow and print its plan as JSON: the first argument of the workflow type gleitzeit.run, as a client of any\n" +
			"language can start it on the queue of a worker. The file - is standard input. Nothing is started.",
		Example: "  gleitzeit compile flow.yaml --input topic=tea -o jsonl > plan.json",
		Args:    exact("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			compiled, diagnostics, err := p.compile(args[0], inputs)
			if err != nil {
				return err
			}
			if compiled == nil {
				return p.refuse(args[0], diagnostics)
			}
			p.writeJSON(p.Out, compiled)
			return nil
		},
	}
	inputs.flags(command, "")
	return command
}
