package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/parameters"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// callCommand is the command `call`.
type callCommand struct{ *program }

func (p callCommand) command() *cobra.Command {
	stdin := false
	command := &cobra.Command{
		Use:   "call METHOD [NAME=VALUE…]",
		Short: "Call one method in this process and print its result",
		Long: "Call one method of a protocol in this process, without a workflow: `gleitzeit call mcp/tool.add a=2 b=3`.\n" +
			"Values are text where the method wants text, and JSON where it wants anything else. prompt=- reads the prompt from standard input, whose text is literal.\n" +
			"Ctrl-C cancels the call. `gleitzeit methods` lists the methods, and `gleitzeit methods METHOD` its parameters.",
		Example: "  gleitzeit call mcp/tool.add a=2 b=3\n  gleitzeit call llm/chat prompt='Why is the sky blue?'\n  gleitzeit call llm/chat prompt='Summarize this letter' --stdin < letter.txt",
		Args: func(command *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("missing argument METHOD; see `%s --help`", command.CommandPath())}
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			if extension := filepath.Ext(args[0]); extension == ".yaml" || extension == ".yml" {
				return usageError{fmt.Errorf("%q is not a method; `gleitzeit run %s` runs a workflow", args[0], view.ShellWords(args[0]))}
			}
			pairs, prompt, err := p.readStandardInput(args[0], args[1:], stdin)
			if err != nil {
				return err
			}
			return p.call(command.Context(), args[0], pairs, prompt)
		},
	}
	command.Flags().BoolVar(&stdin, "stdin", false, "add the text of standard input to the prompt")
	return command
}

// execCommand is the command `exec`.
type execCommand struct{ *program }

func (p execCommand) command() *cobra.Command {
	var set []string
	command := &cobra.Command{
		Use:   "exec CODE|FILE [NAME=VALUE…]",
		Short: "Run a line of Python, or a file, and print its result",
		Long: "Run a line of Python, or a file, in this process, as python/execute does: with its limits and, if the settings say so,\n" +
			"in the sandbox. Its result is what it assigns to `result`; each NAME=VALUE is context[\"NAME\"]. - is standard input.",
		Example: "  gleitzeit exec 'result = 6 * 7'\n  gleitzeit exec 'result = sum(context[\"n\"])' n='[1, 2]'\n  gleitzeit exec count.py name=letter.txt --set timeout=10",
		Args: func(command *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("missing argument CODE or FILE; see `%s --help`", command.CommandPath())}
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			context, wrong := parameters.Read(args[1:], nil)
			if len(wrong) > 0 {
				return usageError{wrong[0]}
			}
			source, err := p.source(args[0])
			if err != nil {
				return err
			}
			given := []value.Field{source}
			if len(context) > 0 {
				given = append(given, value.Field{Name: "context", Value: value.Object(context...)})
			}
			return callCommand(p).call(command.Context(), pythonMethod, set, given)
		},
	}
	command.Flags().StringArrayVar(&set, "set", nil, "other parameter of python/execute, `NAME=VALUE`; repeatable")
	return command
}

const pythonMethod = "python/execute"

// source returns the parameter for the script: the file of that name, else the code.
func (p execCommand) source(text string) (value.Field, error) {
	if text == standardInput {
		code, err := p.standardText("write it to a file and name that: `gleitzeit exec FILE`")
		return value.Field{Name: "code", Value: interpreter.Literal(value.String(code))}, err // As that of a file.
	}
	info, err := os.Stat(text)
	if isFile := err == nil && info.Mode().IsRegular(); isFile || strings.HasSuffix(text, ".py") && !strings.ContainsAny(text, " \n=()") {
		return value.Field{Name: "file", Value: value.String(text)}, nil // What does not exist is reported.
	}
	return value.Field{Name: "code", Value: value.String(text)}, nil
}

// call calls a method with pairs of NAME=VALUE, and with what is given beside them.
func (p callCommand) call(ctx context.Context, method string, pairs []string, given []value.Field) (err error) {
	compiled, err := p.compileCall(method, pairs, given, nil)
	if err != nil {
		return err
	}
	s, err := p.openOwnSession(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Join(ctx); err != nil {
		return err
	}
	signals, release := p.interrupts.receive()
	defer release()
	executor := s.NewExecutor(ctx)
	needsSchema, err := p.needsSchema(method, pairs)
	if err != nil {
		return err
	}
	if needsSchema {
		defer func() { err = errors.Join(err, executor.Close()) }() // Once more does nothing.
		schema, err := describeTool(ctx, executor, method, signals)
		if err != nil {
			return err
		}
		if compiled, err = p.compileCall(method, pairs, given, schema); err != nil {
			return err
		}
	}
	c, err := runs.StartCall(ctx, executor, compiled)
	if err != nil {
		return err
	}
	outcome, err := p.awaitCall(ctx, c, signals)
	if err != nil {
		return err
	}
	defer func() {
		if err := c.Close(); err != nil {
			s.Log().Error("cannot close a protocol", "error", err)
		}
	}()
	if outcome.Error != nil {
		failed := &view.Task{Error: view.NewError(outcome.Error)}
		if err := view.LoadPrinted(ctx, s.Store(), failed.Error, outcome.Printed.Ref); err != nil {
			return err
		}
		return printedError{failedCall{outcome.Error}, failed}
	}
	if outcome.Warning != "" {
		p.say("! %s", value.VisibleLines(view.Brief(outcome.Warning)))
	}
	result, err := c.Result(ctx, outcome)
	if err != nil {
		return err
	}
	if method == pythonMethod && p.output == asText && !p.printScript(result) {
		return nil
	}
	p.printResult(view.Text(view.MainValue(result)), result)
	return nil
}

// printScript prints what a script has printed beside its result, and reports whether there is something that it returns: a script
// that assigns no result returns what it printed.
func (p callCommand) printScript(result value.Value) bool {
	returned, _ := result.Get("result")
	output, _ := result.Get("output")
	beside := []string{"stderr"}
	if !returned.IsNull() {
		beside = []string{"output", "stderr"}
	}
	for _, name := range beside {
		if printed, _ := result.Get(name); printed.Text() != "" {
			fmt.Fprintln(p.Err, value.VisibleLines(strings.TrimSuffix(printed.Text(), "\n")))
		}
	}
	if returned.IsNull() && output.Text() == "" {
		p.say("the script returned nothing: its result is what it assigns to `result`, as in result = 6 * 7")
		return false
	}
	return true
}

// compileCall checks a call and makes it ready: as a workflow of one task, so that what holds for a task holds for it. The
// schema is that of a server's tool; nil where the protocol has it, or it is not known.
func (p callCommand) compileCall(method string, pairs []string, given []value.Field, schema []byte) (*plan.Plan, error) {
	folder, err := os.Getwd()
	if err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot find the current folder: %s", err)
	}
	parameters, err := p.givenParameters(method, pairs, given, schema)
	if err != nil {
		return nil, err
	}
	task := value.Object(
		value.Field{Name: "id", Value: value.String("call")},
		value.Field{Name: "method", Value: value.String(method)},
		value.Field{Name: "parameters", Value: parameters},
	)
	flow := value.Object(
		value.Field{Name: "name", Value: value.String(method)},
		value.Field{Name: "tasks", Value: value.List(task)},
	)
	text := flow.JSON()
	if len(text) >= maxFlow {
		return nil, protocol.Errorf(protocol.InvalidParams, "the parameters of the call have more than %d MiB as JSON", maxFlow>>20).
			WithHint("write a long text to a file and name that, as with file_path=FILE")
	}
	specs, err := runs.Specs(p.options(), false)
	if err != nil {
		return nil, err
	}
	compiled, diagnostics := interpreter.Compile(interpreter.Input{
		File: "call", Text: text, Files: os.DirFS("/"), Folder: folder, FlowFolder: folder, Specs: specs,
	})
	if compiled != nil {
		return compiled, nil
	}
	var messages []string
	for _, d := range diagnostics {
		message := d.Message
		if d.Hint != "" {
			message += "; " + d.Hint
		}
		messages = append(messages, message)
	}
	return nil, protocol.Errorf(protocol.InvalidParams, "%s", strings.Join(messages, "\n"))
}

// awaitCall waits for the end of the call. The first signal cancels it, the second quits.
func (p callCommand) awaitCall(ctx context.Context, c *runs.Call, signals <-chan os.Signal) (protocol.Outcome, error) {
	type ending struct {
		outcome protocol.Outcome
		err     error
	}
	ended := make(chan ending, 1)
	go func() {
		outcome, err := c.Await(ctx)
		ended <- ending{outcome, err}
	}()
	for cancelled := false; ; cancelled = true {
		select {
		case e := <-ended:
			return e.outcome, e.err
		case <-signals:
			if cancelled {
				return protocol.Outcome{}, exitError{exitInterrupted}
			}
			p.say("cancelling the call; press Ctrl-C again to quit immediately")
			if err := c.Cancel(ctx); err != nil {
				return protocol.Outcome{}, err
			}
		}
	}
}

// failedCall ends a command as the one task of a run would.
type failedCall struct{ why *protocol.Error }

func (e failedCall) Error() string { return e.why.Error() }

func (e failedCall) Unwrap() error { return e.why }

func (e failedCall) exitCode() int {
	switch e.why.Code {
	case protocol.TaskCancelled:
		return exitInterrupted
	case protocol.ProviderNotAvailable:
		return exitUnavailable
	}
	return exitTaskFailed
}
