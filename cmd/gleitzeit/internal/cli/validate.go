package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// validation is the document of validate.
type validation struct {
	Files []validated `json:"files"`
}

// validated is what was found in one file.
type validated struct {
	File        string                  `json:"file"` // As typed.
	Diagnostics []definition.Diagnostic `json:"diagnostics"`
	Error       *view.Error             `json:"error,omitempty"` // Why it cannot be read; then nothing was checked.
}

// validateCommand is the command `validate`.
type validateCommand struct{ *program }

func (p validateCommand) command() *cobra.Command {
	var inputs given
	var online bool
	command := &cobra.Command{
		Use:   "validate FILE…",
		Short: "Check workflows and print all problems, without starting anything",
		Long: "Check all files and print all problems found in them, without starting anything. The file - is standard input.\n" +
			"The exit code is 2 if a file has problems, and 3 if one cannot be read; the other files are checked all the same.",
		Example: "  gleitzeit validate flow.yaml\n  gleitzeit validate flows/*.yaml -o json",
		Args:    someFiles,
		RunE: func(command *cobra.Command, args []string) error {
			if err := inputs.onceRead(args...); err != nil {
				return err
			}
			if !inputs.none() {
				inputs.elsewhere = p.declared(args)
			}
			check := p.offline
			if online {
				check = p.online(command.Context())
			}
			return p.validate(args, inputs, check)
		},
	}
	command.Flags().BoolVar(&online, "online", false, "start the MCP servers that tasks need, and check the names and arguments of their tools")
	inputs.flags(command, " of the files that declare it")
	return command
}

// declared returns the names of the inputs that several files declare: a value counts for those that declare its input.
func (p validateCommand) declared(files []string) (names []string) {
	if len(files) < 2 {
		return nil
	}
	for _, file := range files {
		if text, err := p.readInputs(file); err == nil { // What cannot be read is reported when it is checked.
			names = append(names, interpreter.DeclaredInputs(file, text)...)
		}
	}
	return names
}

// someFiles wants files.
func someFiles(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError{fmt.Errorf("missing argument FILE; see `%s --help`", command.CommandPath())}
	}
	return nil
}

// checker is compile, or does more.
type checker func(file string, inputs given) (*plan.Plan, []definition.Diagnostic, error)

// offline checks a file, and notes the secrets that this machine does not have.
func (p validateCommand) offline(file string, inputs given) (*plan.Plan, []definition.Diagnostic, error) {
	in, err := p.open(file, inputs, false)
	if err != nil {
		return nil, nil, err
	}
	compiled, diagnostics := interpreter.Compile(in)
	settings, err := config.Load(p.options())
	if err != nil {
		return nil, nil, err
	}
	return compiled, append(diagnostics, interpreter.MissingSecrets(in, runs.Secrets(settings, p.Env, p.Environ).Problem)...), nil
}

// online asks the tool servers that a file without other mistakes needs.
func (p validateCommand) online(ctx context.Context) checker {
	return func(file string, inputs given) (*plan.Plan, []definition.Diagnostic, error) {
		in, err := p.open(file, inputs, false)
		if err != nil {
			return nil, nil, err
		}
		compiled, diagnostics := interpreter.Compile(in)
		if compiled == nil {
			return nil, diagnostics, nil
		}
		o, err := p.runOptions()
		if err != nil {
			return nil, nil, err
		}
		specs, failures, err := runs.OnlineSpecs(ctx, o, compiled)
		if err != nil {
			return nil, nil, err
		}
		in.Specs = specs
		compiled, diagnostics = interpreter.Compile(in)
		if len(failures) > 0 {
			all := make([]interpreter.TaskFailure, len(failures))
			for i, failure := range failures {
				all[i] = interpreter.TaskFailure(failure)
			}
			return nil, interpreter.AddFailures(in, diagnostics, all), nil
		}
		return compiled, diagnostics, nil
	}
}

func (p validateCommand) validate(files []string, inputs given, check checker) error {
	document := validation{}
	code := exitOK
	for _, file := range files {
		compiled, diagnostics, err := check(file, inputs)
		_, missing := errors.AsType[missingFile](err)
		if err != nil && !missing {
			return err
		}
		found := byFile(file, diagnostics)
		switch {
		case missing:
			found[0].Error = view.NewError(protocol.AsError(err, protocol.WorkflowNotFound))
			code = p.report(err)
		case compiled == nil && code == exitOK:
			code = exitInvalid
		}
		if p.output == asJSON {
			document.Files = append(document.Files, found...)
			continue
		}
		p.show(found)
		if compiled != nil && p.output == asText {
			fmt.Fprintf(p.Out, "%s: ok, %s\n", file, tasks(len(compiled.Tasks)))
		}
	}
	if p.output == asJSON {
		p.writeJSON(p.Out, document)
	}
	if code != exitOK {
		return exitError{code}
	}
	return nil
}

func tasks(count int) string {
	if count == 1 {
		return "1 task"
	}
	return fmt.Sprintf("%d tasks", count)
}

// byFile is what was found in a workflow, and then in each file of its inputs that has mistakes.
func byFile(file string, diagnostics []definition.Diagnostic) []validated {
	all := []validated{{File: file, Diagnostics: []definition.Diagnostic{}}}
	for _, d := range diagnostics {
		if last := all[len(all)-1]; d.File != last.File {
			all = append(all, validated{File: d.File})
		}
		last := &all[len(all)-1]
		last.Diagnostics = append(last.Diagnostics, d)
	}
	return all
}
