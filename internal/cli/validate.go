package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/worker"
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

func (p *program) validateCommand() *cobra.Command {
	var inputs []string
	var online bool
	command := &cobra.Command{
		Use:   "validate FILE…",
		Short: "Show every mistake in workflows, and start nothing",
		Long: "Show every mistake in every one of the files, and start nothing. The file - is standard input.\n" +
			"The exit code is 2 where a file has mistakes, and 3 where one cannot be read; all others are checked even so.",
		Args: someFiles,
		RunE: func(command *cobra.Command, args []string) error {
			check := p.compile
			if online {
				check = p.online(command.Context())
			}
			return p.validate(args, inputs, check)
		},
	}
	command.Flags().BoolVar(&online, "online", false, "start the MCP servers that tasks need, and check the names and arguments of their tools")
	command.Flags().StringArrayVar(&inputs, "input", nil, "value of an input of every file, name=value; may be given many times")
	return command
}

// someFiles wants files, and standard input among them at most once: it can be read no second time.
func someFiles(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage{fmt.Errorf("FILE is missing; see `%s --help`", command.CommandPath())}
	}
	read := false
	for _, file := range args {
		if file == "-" && read {
			return usage{errors.New("standard input, -, is named twice, and can be read once")}
		}
		read = read || file == "-"
	}
	return nil
}

// checker is compile, or does more.
type checker func(file string, inputs []string) (*plan.Plan, []definition.Diagnostic, error)

// online asks the tool servers that a file without other mistakes needs.
func (p *program) online(ctx context.Context) checker {
	return func(file string, inputs []string) (*plan.Plan, []definition.Diagnostic, error) {
		in, err := p.open(file, inputs, false)
		if err != nil {
			return nil, nil, err
		}
		compiled, diagnostics := interpreter.Compile(in)
		if compiled == nil {
			return nil, diagnostics, nil
		}
		settings, err := p.settings()
		if err != nil {
			return nil, nil, err
		}
		s := &session{settings: settings, log: p.logger(settings.LogLevel)}
		s.temporal.Env = p.Env
		if in.Specs, err = worker.Online(ctx, s.handlerOptions(), compiled); err != nil {
			return nil, nil, err
		}
		compiled, diagnostics = interpreter.Compile(in)
		return compiled, diagnostics, nil
	}
}

func (p *program) validate(files, inputs []string, check checker) error {
	document := validation{}
	code := exitOK
	for _, file := range files {
		compiled, diagnostics, err := check(file, inputs)
		_, missing := errors.AsType[missingFile](err)
		if err != nil && !missing {
			return err
		}
		found := validated{File: file, Diagnostics: append([]definition.Diagnostic{}, diagnostics...)}
		switch {
		case missing:
			found.Error = view.ErrorOf(protocol.AsError(err, protocol.WorkflowNotFound))
			code = p.report(err)
		case compiled == nil && code == exitOK:
			code = exitInvalid
		}
		if p.output == asJSON {
			document.Files = append(document.Files, found)
			continue
		}
		p.show(found)
		if compiled != nil && p.output == asText {
			fmt.Fprintf(p.Out, "%s: fine, %s\n", file, tasks(len(compiled.Tasks)))
		}
	}
	if p.output == asJSON {
		p.writeJSON(p.Out, document)
	}
	if code != exitOK {
		return ended{code}
	}
	return nil
}

func tasks(count int) string {
	if count == 1 {
		return "1 task"
	}
	return fmt.Sprintf("%d tasks", count)
}

// refuse prints every mistake in a workflow and ends the command.
func (p *program) refuse(file string, diagnostics []definition.Diagnostic) error {
	found := validated{File: file, Diagnostics: diagnostics}
	if p.output == asJSON {
		p.writeJSON(p.Out, validation{[]validated{found}})
	} else {
		p.show(found)
	}
	return ended{exitInvalid}
}

// show prints what was found in one file: a line for each mistake to people, one line in all to programs.
func (p *program) show(found validated) {
	if p.forPrograms() {
		p.writeJSON(p.Out, found)
		return
	}
	for _, d := range found.Diagnostics {
		fmt.Fprintln(p.Err, d.String())
	}
}
