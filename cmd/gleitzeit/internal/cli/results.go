package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/completion"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/export"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// resultsCommand is the command `results`.
type resultsCommand struct{ *program }

func (p resultsCommand) command() *cobra.Command {
	return p.temporalFlags(&cobra.Command{
		Use:   "results RUN [TASK]",
		Short: "Print the results of a run, or of one of its tasks",
		Long: "Print the results of a run, or of one of its tasks. RUN may be " + runs.Latest + ".\n" +
			"While the run is open, these are the results of tasks and items that have ended.",
		Example: "  gleitzeit results " + runs.Latest + "\n  gleitzeit results " + runs.Latest + " summary -o json",
		Args:    between(1, "RUN", "TASK"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.results(command.Context(), args)
		},
	})
}

func (p resultsCommand) results(ctx context.Context, args []string) error {
	s, err := p.openToShow(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	run, err := s.Resolve(ctx, args[0])
	if err != nil {
		return err
	}
	document, err := s.KnownWithResults(ctx, run)
	if err != nil {
		return err
	}
	if err := export.AddEnded(ctx, s.Store(), document); err != nil {
		return err
	}
	if err := p.sayInterrupted(s, document); err != nil {
		return err
	}
	if len(args) == 1 {
		switch {
		case p.output != asText || document.Status == protocol.Completed && document.HasResults():
		case !document.HasResults():
			p.say("%s", withoutResults(document))
		default:
			p.say("run %s is %s; the results may be partial: `gleitzeit status %s` shows its tasks", run, document.State(), run)
		}
		if line := document.Continues.Line(); line != "" && p.output == asText {
			p.say("run %s %s", run, line)
		}
		p.printRun(document, nil)
		for i := range document.Tasks {
			p.sayReasons(&document.Tasks[i])
		}
		return nil
	}
	task := document.Task(args[1])
	if task == nil {
		ids := make([]string, len(document.Tasks))
		for i := range document.Tasks {
			ids[i] = document.Tasks[i].ID
		}
		return protocol.Errorf(protocol.InvalidParams, "run %s has no task %q; it has: %s", run, args[1], strings.Join(ids, ", "))
	}
	if p.output == asText {
		for i := range task.FailedAttempts {
			p.sayPrinted(&task.FailedAttempts[i])
		}
	}
	if task.Result == nil {
		return printedError{noResult(task), task}
	}
	if !task.Status.Ended() {
		p.notify(runs.Notice{Kind: runs.Unfinished, Run: run, Message: fmt.Sprintf("task %q is %s: only %s that have ended are shown", task.ID, task.Status, view.ItemsWord(2, task.Values))})
	}
	p.printResult(task.ResultText(p.width()), *task.Result)
	p.sayReasons(task)
	return nil
}

// sayReasons prints what the text of a task's result does not contain: its warning, and for what reasons its items failed.
func (p resultsCommand) sayReasons(task *view.Task) {
	if p.output != asText {
		return
	}
	if task.Warning != "" {
		p.say("%s", task.WarningLine())
	}
	if text := task.ReasonsBelowItems(); text != "" {
		p.say("%s", text)
	}
}

// sayPrinted prints what an attempt has printed that another one followed.
func (p resultsCommand) sayPrinted(attempt *view.FailedAttempt) {
	if printed := attempt.Error.PrintedText("  ", protocol.PrintedLines); printed != "" {
		p.say("%s\n%s", attempt.Line(), strings.TrimSuffix(printed, "\n"))
	}
}

// withoutResults returns the message for a run that has no results to print, with the tasks that have some.
func withoutResults(run *view.Run) string {
	var ended []string
	for i := range run.Tasks {
		if run.Tasks[i].Result != nil {
			ended = append(ended, run.Tasks[i].ID)
		}
	}
	if len(ended) == 0 {
		return fmt.Sprintf("run %s is %s and has no results; `gleitzeit status %[1]s` shows its tasks", run.Run, run.State())
	}
	return fmt.Sprintf("run %s is %s and has no outputs; these tasks have results: %s; `gleitzeit results %[1]s TASK` prints one",
		run.Run, run.State(), strings.Join(ended, ", "))
}

// missingResult ends a command that prints the result of a task that has none. The exit code does not depend on why.
type missingResult struct{ why *protocol.Error }

func (e missingResult) Error() string { return e.why.Error() }

func (e missingResult) Unwrap() error { return e.why }

// noResult returns the error for a task without a result, with the code of the task's own error.
func noResult(task *view.Task) error {
	why, hint, code := "", "", protocol.TaskExecutionFailed
	switch {
	case task.Error != nil:
		why, hint, code = ": "+task.Error.Message, task.Error.Hint, task.Error.Code
	case task.Reason != "":
		why = ": " + task.Reason
	}
	switch task.Status {
	case protocol.Skipped:
		code = protocol.TaskDependencyFailed
	case protocol.Cancelled:
		code = protocol.TaskCancelled
	}
	return missingResult{protocol.Errorf(code, "task %q has no result: it is %s%s", task.ID, task.Status, why).WithHint("%s", hint)}
}

// taskListCommand is the command `task list`.
type taskListCommand struct{ *program }

// listedTask is a line of `task list`.
type listedTask struct {
	Run string `json:"run"`
	view.Task
}

func (p taskListCommand) command() *cobra.Command {
	var status string
	command := p.temporalFlags(&cobra.Command{
		Use:   "list [RUN]",
		Short: "List the tasks of a run in the order in which they started",
		Long: "List the tasks of a run in the order in which they started; those that have not started come last. RUN may be " + runs.Latest + ",\n" +
			"which is the default. `gleitzeit status RUN` shows them as a tree, and `gleitzeit task result RUN TASK` what a task returned.",
		Example: "  gleitzeit task list\n  gleitzeit task list " + runs.Latest + " --status failed -o json",
		Args:    between(0, "RUN"),
		RunE: func(command *cobra.Command, args []string) error {
			if status != "" && !slices.Contains(taskStatuses, status) {
				return usageError{fmt.Errorf("--status %q is not one of %s", status, strings.Join(taskStatuses, ", "))}
			}
			return p.list(command.Context(), append(args, runs.Latest)[0], protocol.Status(status))
		},
	})
	command.Flags().StringVar(&status, "status", "", "only tasks in this status, such as failed")
	completion.Limit(command.Flags(), "status", taskStatuses...)
	return command
}

var taskStatuses = []string{
	string(protocol.Pending), string(protocol.Running), string(protocol.Completed), string(protocol.Failed), string(protocol.Skipped), string(protocol.Cancelled),
}

func (p taskListCommand) list(ctx context.Context, run string, status protocol.Status) error {
	s, err := p.openToShow(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if run, err = s.Resolve(ctx, run); err != nil {
		return err
	}
	document, err := s.Known(ctx, run)
	if err != nil {
		return err
	}
	tasks := []listedTask{}
	for _, task := range document.Tasks {
		if status == "" || task.Status == status {
			tasks = append(tasks, listedTask{run, task})
		}
	}
	slices.SortStableFunc(tasks, func(a, b listedTask) int {
		switch {
		case a.StartedAt == nil || b.StartedAt == nil:
			return cmp.Compare(rank(a.StartedAt == nil), rank(b.StartedAt == nil))
		default:
			return a.StartedAt.Compare(*b.StartedAt)
		}
	})
	switch p.output {
	case asJSON:
		p.writeJSON(p.Out, struct {
			Tasks []listedTask `json:"tasks"`
		}{tasks})
		return nil
	case asJSONL:
		for _, task := range tasks {
			p.writeJSON(p.Out, task)
		}
		return nil
	}
	rows := [][]string{{"TASK", "METHOD", "STATUS", "ATTEMPTS", "STARTED", "DURATION"}}
	for _, task := range tasks {
		started, duration := "", ""
		if task.StartedAt != nil {
			duration = view.Duration(task.Duration)
			started = task.StartedAt.Local().Format(time.DateTime)
		}
		rows = append(rows, []string{task.ID, task.Method, string(task.Status), fmt.Sprint(task.Attempts), started, duration})
	}
	fmt.Fprint(p.Out, view.FitTable(rows, p.width(), view.Shape{Cut: []int{1}, Drop: []int{3, 4, 1, 5}}))
	return nil
}

// rank sorts what is not there last.
func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}
