package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/export"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/outputs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/retry"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter"
)

// runCommand is the command `run`.
type runCommand struct{ *program }

func (p runCommand) command() *cobra.Command {
	var inputs given
	var another, changedOnly bool
	command := &cobra.Command{
		Use:   "run FILE",
		Short: "Run a workflow in this process and wait for its results",
		Long: "Run a workflow in this process, with a Temporal server inside. Progress goes to standard error, results to standard output.\n" +
			"If the process dies, the same command resumes the run where it was.",
		Example: "  gleitzeit run flow.yaml\n  gleitzeit run flow.yaml --input topic=tea -o json",
		Args:    exact("FILE"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.run(command.Context(), args[0], inputs, another, changedOnly)
		},
	}
	inputs.flags(command, "")
	command.Flags().BoolVar(&another, "new", false, "start a new run, even if an unfinished run of this file could be resumed")
	changedOnlyFlag(command, &changedOnly)
	return p.streamFlag(command)
}

// changedOnlyFlag is for commands that start a run of a workflow again and again.
func changedOnlyFlag(command *cobra.Command, to *bool) {
	command.Flags().BoolVar(to, "changed-only", false, "take over from the newest run of this workflow what has not changed since: results whose files and calls are the same")
}

func (p runCommand) run(ctx context.Context, file string, inputs given, another, changedOnly bool) error {
	in, err := p.open(file, inputs, false)
	if err != nil {
		return err
	}
	compiled, diagnostics := interpreter.Compile(in)
	if compiled == nil {
		return p.refuse(file, diagnostics)
	}
	p.notes(diagnostics)
	words := inputs.typed("run", file)
	if changedOnly {
		words = append(words, "--changed-only")
	}
	typed := "gleitzeit " + view.ShellWords(words...)
	how := execution{command: typed, another: another, changedOnly: changedOnly, places: interpreter.Places(in)}
	if file != standardInput {
		how.corrected = []string{"--file", file}
	}
	if !inputs.none() || changedOnly {
		how.claimed = typed // The inputs belong to the command.
	}
	return execute(ctx, p.program, compiled, how)
}

// retryCommand is the command `retry`.
type retryCommand struct{ *program }

// retryOptions are the flags of retry.
type retryOptions struct {
	retry.Options
	file   string
	dryRun bool
	submit bool // The run starts on the workers of the server.
	submission
}

func (p retryCommand) command() *cobra.Command {
	var o retryOptions
	command := &cobra.Command{
		Use:   "retry RUN",
		Short: "Run what a run has not completed, and take over the rest",
		Long: "Start a run of the same workflow, here and now, that takes over every task and item that the earlier run completed and whose\n" +
			"call is the same: parameters, results that it uses, and the content of files. The others are done. RUN may be " + runs.Latest + ".",
		Example: "  gleitzeit retry " + runs.Latest + " --dry-run\n  gleitzeit retry " + runs.Latest + " --items '*.pdf'",
		Args:    exact("RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.retry(command.Context(), args[0], o, execution{})
		},
	}
	o.flags(command)
	o.inputs.flags(command, " of the workflow of --file")
	command.Flags().StringVar(&o.file, "file", "", "edited workflow `file` that runs instead, with the inputs of the earlier run")
	command.Flags().BoolVar(&o.submit, "submit", false, "start the run on the workers of the server, as the command submit does, and print its id; implied by --address, --namespace and --profile")
	command.Flags().StringVar(&o.queue, "queue", "", "Temporal task queue whose workers execute the run, with --submit (default that of the earlier run, or "+runs.SharedQueue+")")
	o.wait.flag(command)
	return p.temporalFlags(p.streamFlag(command))
}

// flags adds those that say what is done again.
func (o *retryOptions) flags(command *cobra.Command) {
	command.Flags().BoolVar(&o.Failed, "failed", false, "of items, do only those that failed or did not end, whatever has changed")
	command.Flags().Var((*selected)(&o.Items), "items", "do only these items again, even if they completed: `pattern` of names, or indexes such as 3,17; repeatable")
	command.Flags().BoolVar(&o.dryRun, "dry-run", false, "show what would be taken over and what would be done, and start nothing")
}

// selected is the value of --items.
type selected []string

// Set implements pflag.Value.
func (s *selected) Set(text string) error {
	if strings.Trim(text, "0123456789,") == "" {
		indexes := strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
		if len(indexes) == 0 {
			return errors.New("must be indexes or a pattern")
		}
		*s = append(*s, indexes...)
		return nil
	}
	*s = append(*s, text)
	return nil
}

// String implements pflag.Value.
func (s *selected) String() string { return strings.Join(*s, ",") }

// Type implements pflag.Value.
func (s *selected) Type() string { return "items" }

// retry takes over a run. How says where the results go.
func (p retryCommand) retry(ctx context.Context, run string, o retryOptions, how execution) error {
	o.submit = o.submit || p.temporal.Address != "" || p.temporal.Namespace != "" || p.temporal.Profile != ""
	s, err := p.openRetry(ctx, o)
	if err != nil {
		return err
	}
	defer s.Close()
	earlier, err := retry.Of(ctx, s, run, o.Options)
	if err != nil {
		return err
	}
	if o.file == "" && !o.inputs.none() {
		return usageError{errors.New("--input and --inputs are for the workflow of --file; without it, a retry has the inputs of the earlier run")}
	}
	if o.file != "" {
		if err := p.edited(s, earlier, o); err != nil {
			return err
		}
	} else if file := earlier.Plan.File; file != "" {
		if info, err := os.Stat(file); err == nil && info.ModTime().After(earlier.Started) {
			p.say("%s was changed after run %s began, whose workflow is run as it was: --file %s runs it as it is now", file, earlier.ID, view.ShellWords(file))
		}
	}
	if how.check != nil {
		if err := how.check(s, earlier); err != nil {
			return err
		}
	}
	if o.dryRun {
		forecast, err := earlier.Forecast(ctx, s)
		if err != nil {
			return err
		}
		if p.forPrograms() {
			p.writeJSON(p.Out, forecast)
		} else {
			fmt.Fprint(p.Out, forecast.Text())
		}
		return nil
	}
	if o.submit {
		o.queue = cmp.Or(o.queue, earlier.Queue, runs.SharedQueue)
		return submitCommand(p).start(ctx, s, earlier.Plan, o.submission, earlier.TakeOver)
	}
	if o.file == "" && len(o.Items) == 0 && earlier.Completed {
		if done, err := p.nothingToDo(ctx, s, earlier, how); done || err != nil {
			return err
		}
	}
	words := slices.Clone(p.Args)
	words[slices.Index(words, run)] = earlier.ID // Of which run @latest is, another one is soon.
	typed := "gleitzeit " + view.ShellWords(words...)
	how.command, how.claimed, how.takeOver = typed, typed, earlier.TakeOver
	return executeIn(ctx, p.program, s, earlier.Plan, how)
}

// nothingToDo reports whether a run has completed everything and nothing has changed since. Then its results are printed again.
func (p retryCommand) nothingToDo(ctx context.Context, s *runs.Session, earlier *retry.Run, how execution) (bool, error) {
	forecast, err := earlier.Forecast(ctx, s)
	if err != nil || !forecast.NothingToDo() {
		return false, err
	}
	document, err := s.Document(ctx, earlier.ID)
	if err != nil || document == nil || document.FinishedAt == nil || document.CleanUpFailure() != "" {
		return false, err
	}
	p.notify(runs.Notice{Kind: runs.FinishedEarlier, Run: earlier.ID, Message: fmt.Sprintf(
		"nothing to do: run %s completed everything, and nothing has changed since; showing its results from %s", earlier.ID, document.FinishedAt.Local().Format(time.DateTime))})
	if how.print != nil {
		err = errors.Join(document.AddPrinted(ctx, s.Store()), how.print(s, document))
	} else if err = document.AddResults(ctx, s.Store()); err == nil {
		p.printRun(document, nil)
	}
	if err != nil {
		return true, err
	}
	return true, exitError{exitOf(document)}
}

// openRetry opens the session of a retry, with the Temporal server on which the run starts.
func (p retryCommand) openRetry(ctx context.Context, o retryOptions) (s *runs.Session, err error) {
	switch {
	case !o.submit && (o.queue != "" || o.wait.given):
		return nil, usageError{errors.New("--queue and --wait are for --submit; without it, the run is executed here")}
	case o.submit && o.queue != "":
		if err := runs.CheckName("queue", o.queue); err != nil {
			return nil, err
		}
	}
	if o.submit {
		if s, err = p.openSession(ctx); err == nil {
			err = s.Reach(ctx)
		}
	} else if s, err = p.openOwnSession(ctx); err == nil {
		err = s.Join(ctx)
	}
	if err != nil && s != nil {
		s.Close()
	}
	return s, err
}

// edited compiles the workflow that runs instead of that of an earlier run.
func (p retryCommand) edited(s *runs.Session, earlier *retry.Run, o retryOptions) error {
	remote := false
	if o.submit {
		var err error
		if remote, err = s.Remote(); err != nil {
			return err
		}
	}
	in, err := p.open(o.file, o.inputs, remote)
	if err != nil {
		return err
	}
	in.Folder = earlier.Plan.Folder
	in.InputFiles = append([]interpreter.GivenFile{{File: "inputs of run " + earlier.ID, Text: earlier.Inputs(in.File, in.Text)}}, in.InputFiles...)
	compiled, diagnostics := interpreter.Compile(in)
	if compiled == nil {
		return p.refuse(o.file, diagnostics)
	}
	p.notes(diagnostics)
	earlier.Plan = compiled
	return nil
}

// resumeCommand is the command `batch resume`.
func (p batchCommand) resumeCommand() *cobra.Command {
	var o batchOptions
	var what retryOptions
	command := &cobra.Command{
		Use:   "resume RUN",
		Short: "Do what a batch has not completed, and take over the rest",
		Long: "Start a run of the same batch that takes over every file that the earlier run completed and that has not changed since. The\n" +
			"others are done: those that failed, that did not start, and new ones. RUN may be " + runs.Latest + ".",
		Example: "  gleitzeit batch resume " + runs.Latest + " --output summaries.md",
		Args:    exact("RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			p.chooseFormat(command, &o)
			o.flags = command.Flags()
			if found := o.checkOutput(); len(found) > 0 {
				return p.refuseBatch(found)
			}
			how := p.printing(command.Context(), &o)
			defer how.close()
			how.check = func(s *runs.Session, earlier *retry.Run) error {
				if err := checkRequests(s, earlier); err != nil {
					return err
				}
				if o.export.Decide(hasRequests(earlier.Plan), o.file); len(o.checkOutput()) > 0 {
					return p.refuseBatch(o.checkOutput())
				}
				if o.export.Keep && hasFiles(earlier.Plan) {
					return usageError{export.ErrKeepFiles}
				}
				return p.resumed(command.Context(), s, earlier, &o)
			}
			return retryCommand(p).retry(command.Context(), args[0], what, how.execution)
		},
	}
	what.flags(command)
	p.resultFlags(command, &o)
	return p.progressFlag(command)
}

// checkRequests reports a request file that is gone, before a run starts that could read none of it.
func checkRequests(s *runs.Session, earlier *retry.Run) error {
	for _, task := range earlier.Plan.Tasks {
		if !task.FanOut.HasRequests() || strings.Contains(task.FanOut.Rows.File, "${") {
			continue
		}
		path := absolute(task.FanOut.Rows.File, earlier.Plan.Folder)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			continue // Any other error is that of the run.
		}
		err := protocol.Errorf(protocol.InvalidParams, "cannot resume run %q: its request file %q is no longer there", earlier.ID, path)
		if strings.HasPrefix(path, s.Home().BatchAPI()+"/") {
			return err.WithHint("a client of the Batch API has deleted it, or it has expired: upload the requests again, and create another batch")
		}
		return err
	}
	return nil
}

// resumed adds to the plan of a run that is resumed where its results go, and reports an input there.
func (p batchCommand) resumed(ctx context.Context, s *runs.Session, earlier *retry.Run, o *batchOptions) error {
	if o.file == "" {
		return nil
	}
	in, err := p.inputs(ctx, earlier.Plan, o.export.Files(o.file))
	if err != nil {
		return err
	}
	read, err := outputs.Of(ctx, s.Store(), earlier.ID, earlier.Plan, o.export.Files(o.file))
	if err != nil {
		return err
	}
	in.Files = append(in.Files, read.Files...)
	before := func(path string) (bool, error) { return outputs.WrittenBefore(ctx, s.Store(), path) }
	if err := in.Check(before, o.export.Files(o.file)...); err != nil {
		return err
	}
	folder, err := os.Getwd()
	if err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot find the current folder: %s", err)
	}
	outputs.Omit(earlier.Plan, absolute(o.file, folder))
	return nil
}
