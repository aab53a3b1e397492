package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/worker"
)

func (p *program) callCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "call METHOD [NAME=VALUE…]",
		Short: "Call one method, now and here, and print its result",
		Long: "Call one method of a protocol in this process, without a workflow: `gleitzeit call mcp/tool.add a=2 b=3`.\n" +
			"Values are text where the method wants text, and JSON where it wants anything else. Ctrl-C cancels the call.",
		Args: func(command *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage{fmt.Errorf("METHOD is missing; see `%s --help`", command.CommandPath())}
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			return p.call(command.Context(), args[0], args[1:])
		},
	}
}

func (p *program) call(ctx context.Context, method string, pairs []string) error {
	compiled, err := p.compileCall(method, pairs)
	if err != nil {
		return err
	}
	s, err := p.openOwnSession(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.join(ctx); err != nil {
		return err
	}
	id, err := newID("call")
	if err != nil {
		return err
	}
	options := worker.Options{Queue: id, Local: true}
	served, err := p.serve(s, nil, options)
	if err != nil {
		return err
	}
	signals, give := p.interrupts.take()
	defer give()
	handle, err := worker.Call(ctx, s.client, id, compiled, options)
	if err != nil {
		if trouble := s.trouble(); trouble != nil {
			return trouble
		}
		return protocol.Errorf(protocol.EngineUnreachable, "the call cannot be started: %s", err)
	}
	outcome, err := p.awaitCall(ctx, s, handle, signals)
	if err != nil {
		return err
	}
	defer s.settle(served.closeHandlers)
	if outcome.Error != nil {
		return failedCall{outcome.Error}
	}
	if outcome.Warning != "" {
		p.say("! %s", view.Printable(view.Brief(outcome.Warning)))
	}
	result, err := s.open(ctx, outcome.Value)
	if err != nil {
		return err
	}
	p.printResult(view.Text(view.MainValue(result)), result)
	return nil
}

// compileCall checks a call and makes it ready: as a workflow of one task, so that what holds for a task holds for it.
func (p *program) compileCall(method string, pairs []string) (*plan.Plan, error) {
	folder, err := os.Getwd()
	if err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "the current folder is not there: %s", err)
	}
	parameters, err := p.givenParameters(method, pairs)
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
	compiled, diagnostics := interpreter.Compile(interpreter.Input{
		File: "call", Text: flow.JSON(), Files: os.DirFS("/"), Folder: folder, FlowFolder: folder, Specs: p.specs(false),
	})
	if len(diagnostics) == 0 {
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

// awaitCall waits for the end of the call. The first signal cancels it, the second leaves.
func (p *program) awaitCall(ctx context.Context, s *session, handle client.ActivityHandle, signals <-chan os.Signal) (protocol.Outcome, error) {
	type ending struct {
		outcome protocol.Outcome
		err     error
	}
	over := make(chan ending, 1)
	go func() {
		outcome, err := worker.Await(ctx, handle)
		over <- ending{outcome, err}
	}()
	for cancelled := false; ; cancelled = true {
		select {
		case e := <-over:
			if e.err != nil {
				e.err = errors.Join(s.trouble(), fmt.Errorf("how the call ended is not known: %w", e.err))
			}
			return e.outcome, e.err
		case <-signals:
			if cancelled {
				return protocol.Outcome{}, ended{exitInterrupted}
			}
			p.say("cancelling the call; another signal leaves at once")
			ctx, done := context.WithTimeout(ctx, cancelTimeout)
			defer done()
			if err := handle.Cancel(ctx, client.CancelActivityOptions{}); err != nil {
				return protocol.Outcome{}, protocol.Errorf(protocol.EngineUnreachable, "the call could not be cancelled: %s", err)
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

// open loads a value that an outcome holds.
func (s *session) open(ctx context.Context, held protocol.Payload) (value.Value, error) {
	if held.Inline != nil {
		return *held.Inline, nil
	}
	data, err := s.store.Value(ctx, *held.Ref)
	if err != nil {
		return value.Value{}, fmt.Errorf("the result: %w", err)
	}
	return value.Parse(data)
}

// printResult prints what one task has brought: the text where text is wanted, else all of it.
func (p *program) printResult(text string, result value.Value) {
	if p.output == asText {
		fmt.Fprintln(p.Out, strings.TrimSuffix(text, "\n"))
		return
	}
	p.writeJSON(p.Out, result)
}
