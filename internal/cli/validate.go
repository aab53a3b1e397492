package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// validation is the document of validate.
type validation struct {
	Files []validated `json:"files"`
}

type validated struct {
	File        string                  `json:"file"`
	Diagnostics []definition.Diagnostic `json:"diagnostics"`
}

func (p *program) validateCommand() *cobra.Command {
	var inputs []string
	command := &cobra.Command{
		Use:   "validate FILE",
		Short: "Show every mistake in a workflow, and start nothing",
		Args:  exact("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			compiled, diagnostics, err := p.compile(args[0], inputs)
			if err != nil {
				return err
			}
			if len(diagnostics) > 0 {
				return p.refuse(args[0], diagnostics)
			}
			if p.output != asText {
				p.writeJSON(p.Out, validation{[]validated{{args[0], []definition.Diagnostic{}}}})
				return nil
			}
			fmt.Fprintf(p.Out, "%s: fine, %d tasks\n", args[0], len(compiled.Tasks))
			return nil
		},
	}
	command.Flags().StringArrayVar(&inputs, "input", nil, "value of an input, name=value; may be given many times")
	return command
}
