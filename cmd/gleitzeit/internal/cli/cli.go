// Package cli is the command line: one file a command. A command gets the process as a value and returns an exit code;
// nothing here reads a global.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/approve"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/completion"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/doctor"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/help"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/logs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/methods"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/mistyped"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/opener"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/progress"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/report"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/starter"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/upkeep"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Process is what a command may use of the process it runs in.
type Process struct {
	Args       []string
	Env        func(name string) (string, bool)
	Environ    func() []string  // All of the environment, each NAME=value.
	Interrupts <-chan os.Signal // Ctrl-C, and SIGTERM.
	Started    time.Time
	In         io.Reader
	Out, Err   io.Writer
}

// program is one execution of the command line.
type program struct {
	Process
	home       string          // Of --home; empty without.
	temporal   runs.Connection // Of --address, --namespace and --profile.
	output     output
	stream     bool             // Of --stream.
	asTable    bool             // Of --progress.
	volume     volume           // Of --quiet and --verbose.
	toFile     bool             // The results go to a file: notices are for people.
	hasNew     bool             // The command has the flag --new.
	screen     *progress.Screen // Is Err.
	attended   bool             // Err is a terminal, also one that moves no cursor.
	interrupts *interrupts
	written    *checked          // Is Out.
	lines      *jsonLines        // Is below Err.
	inputFiles map[string][]byte // Of --inputs, as they were read.
}

// output is the value of --format.
type output string

const (
	asText  output = "text"
	asJSON  output = "json"
	asJSONL output = "jsonl"
)

// Main runs the command that the arguments name and returns the exit code.
func Main(process Process) int {
	// Whoever reads standard output may have seen enough: then the command ends as by a signal, and an open run is kept.
	var p *program
	closed := func() { p.interrupts.raise(syscall.SIGPIPE) }
	attended := progress.IsTerminal(process.Err)
	if kind, _ := process.Env("TERM"); kind == "dumb" { // It shows escape sequences as text.
		process.Out, process.Err = plain{process.Out}, plain{process.Err}
	}
	results := &checked{to: process.Out, closed: closed}
	shown, said := progress.NewScreen(process.Err), &checked{to: process.Err, closed: closed}
	terminal := shown.Terminal()
	lines := &jsonLines{to: said, active: func() bool { return !terminal && p.output == asJSONL && !p.toFile }}
	if !terminal {
		shown = progress.NewScreen(lines)
	}
	process.Out, process.Err = results, shown
	p = &program{Process: process, output: asText, written: results, lines: lines, screen: shown, attended: attended}
	root := p.root()
	root.SetArgs(p.Args)
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	p.interrupts = listen(ctx, process.Interrupts, cancel)
	done := make(chan error, 1)
	go func() { done <- root.ExecuteContext(ctx) }()
	err := p.await(ctx, done)
	if results.isClosed() {
		return exitClosed
	}
	if err == nil {
		err = results.err()
	}
	code := p.report(err)
	lines.end()
	if said.isClosed() {
		return exitClosed
	}
	return code
}

// interruptPatience is how long a command may take to notice that it was interrupted: one that reads standard input never
// does.
const interruptPatience = time.Second

// await waits for the command to end, or leaves it behind where it was interrupted and does not notice.
func (p *program) await(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		if err != nil && errors.Is(context.Cause(ctx), errInterrupted) {
			return exitError{exitInterrupted}
		}
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		if e, is := errors.AsType[exitError](err); is {
			return e // It noticed, and said how it ended.
		}
	case <-time.After(interruptPatience):
	}
	return exitError{exitInterrupted}
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "gleitzeit",
		Short:         "Run LLM workflows and batches written in YAML",
		Long:          "Gleitzeit runs YAML workflows whose tasks are prompts to models, Python code and MCP tools.\nIf it is killed at any moment, the same command resumes the run where it stopped.\nThe engine is a Temporal server inside the program; its data is in the home folder.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(command *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{mistyped.Command(command, args[0])}
			}
			return nil
		},
	}
	version := versionCommand{p}.command()
	shown := root.Flags().Bool("version", false, "print the version")
	root.RunE = func(command *cobra.Command, args []string) error {
		if *shown {
			return version.RunE(command, args)
		}
		return command.Help()
	}
	root.SetHelpCommand(helpCommand(root))
	root.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return usageError{mistyped.Flag(command, p.Args, err)}
	})
	root.PersistentFlags().StringVar(&p.home, "home", "", "home folder (default $GLEITZEIT_HOME, else ~/.gleitzeit)")
	root.PersistentFlags().VarP(&p.output, "format", "o", "format of results: text, json or jsonl")
	for _, c := range []interface{ command() *cobra.Command }{
		runCommand{p}, retryCommand{p}, batchCommand{p}, submitCommand{p}, watchCommand{p}, serverCommand{p}, workerCommand{p}, callCommand{p},
		validateCommand{p}, graphCommand{p}, compileCommand{p}, schemaCommand{p}, statusCommand{p}, listCommand{p}, resultsCommand{p},
		cancelCommand{p}, configCommand{p}, secretsCommand{p}, versionCommand{p},
	} {
		root.AddCommand(c.command())
	}
	root.AddCommand(
		starter.Command(p.starter()), methods.Command(p.methods()), opener.Command(p.opener()), execCommand{p}.command(), doctor.Command(p.doctor()),
		approve.Command(p.approvals()), logs.Command(p.logs()), report.Command(p.reports()), help.ManCommand(exact),
	)
	root.AddCommand(groups(p)...)
	root.AddCommand(upkeep.Commands(p.upkeep())...)
	completion.Register(root, p.completion())
	help.Arrange(root)
	return root
}

// helpCommand shows the help of a command, and knows when there is none of that name.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		RunE: func(_ *cobra.Command, args []string) error {
			found, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usageError{mistyped.Command(found, rest[0])}
			}
			return found.Help()
		},
	}
}

// usageError is an error in the arguments.
type usageError struct{ error }

// exact wants so many arguments, and names them.
func exact(names ...string) cobra.PositionalArgs {
	return between(len(names), names...)
}

// between wants all of the arguments named, or those after the first few not.
func between(least int, names ...string) cobra.PositionalArgs {
	return func(command *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usageError{fmt.Errorf("missing argument %s; %s", names[len(args)], missingArgument(command, names[len(args)]))}
		case len(args) > len(names):
			return usageError{fmt.Errorf("unexpected argument %q%s; see `%s --help`", args[len(names)], meantAsValue(command, args[len(names)]), command.CommandPath())}
		}
		return nil
	}
}

// missingArgument says what to do: to type the only workflow of the current folder, where one is wanted.
func missingArgument(command *cobra.Command, name string) string {
	if name == "FILE" {
		if flows := mistyped.Files(""); len(flows) == 1 {
			return fmt.Sprintf("write `%s %s`", command.CommandPath(), view.ShellWords(flows[0]))
		}
	}
	return fmt.Sprintf("see `%s --help`", command.CommandPath())
}

// meantAsValue returns a hint where an argument may be the value of an option that takes one only after an =.
func meantAsValue(command *cobra.Command, argument string) string {
	hint := ""
	if given := command.Flags().Lookup("input"); given != nil {
		for _, pair := range given.Value.(pflag.SliceValue).GetSlice() {
			if !strings.Contains(pair, "=") {
				return "; to give an input a value, write --input " + strings.TrimSuffix(pair, ":") + "=" + view.ShellWords(argument)
			}
		}
	}
	if name, _, is := strings.Cut(argument, "="); is && name != "" && command.Flags().Lookup("input") != nil {
		return "; to give an input a value, write --input " + argument
	}
	if name, _, is := strings.Cut(argument, "="); is && name != "" && command.Flags().Lookup("set") != nil {
		return "; to enter a value, write --set " + argument
	}
	command.Flags().Visit(func(flag *pflag.Flag) {
		if flag.NoOptDefVal != "" && flag.Value.Type() != "bool" {
			hint = fmt.Sprintf("; for a value of --%s write --%[1]s=%s", flag.Name, argument)
		}
	})
	return hint
}

// printedError is the error of a task without a result, whose attempts may have printed something.
type printedError struct {
	error
	task *view.Task
}

func (e printedError) Unwrap() error { return e.error }

// exitError ends a command that has printed all it has to.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// report prints an error, once, and decides the exit code.
func (p *program) report(err error) int {
	if err == nil {
		return exitOK
	}
	if e, done := errors.AsType[exitError](err); done {
		return e.code
	}
	known := protocol.AsError(err, protocol.InternalError)
	if _, of := errors.AsType[usageError](err); of {
		known = protocol.Errorf(protocol.InvalidParams, "%s", err)
	}
	shown := view.NewError(known)
	var attempts []view.FailedAttempt
	if of, is := errors.AsType[printedError](err); is && of.task.Error != nil {
		shown.Printed, attempts = of.task.Error.Printed, of.task.FailedAttempts
	}
	if !p.forPrograms() {
		p.say("gleitzeit: %s", value.VisibleLines(known.Message))
		if known.Hint != "" {
			p.say("  %s", value.VisibleLines(known.Hint))
		}
		fmt.Fprint(p.Err, p.screen.Fit(shown.PrintedText("  ", protocol.PrintedLines)))
	} else {
		p.writeJSON(p.Err, struct {
			Error          *view.Error          `json:"error"`
			FailedAttempts []view.FailedAttempt `json:"failed_attempts,omitempty"`
		}{shown, attempts})
	}
	if _, of := errors.AsType[missingFile](err); of {
		return exitNotFound
	}
	if _, of := errors.AsType[missingResult](err); of {
		return exitOther
	}
	if call, of := errors.AsType[failedCall](err); of {
		return call.exitCode()
	}
	return exitCode(known)
}
