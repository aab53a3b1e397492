package export

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/outputs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Session is what the commands use of a session.
type Session interface {
	Resolve(ctx context.Context, run string) (string, error)
	Known(ctx context.Context, run string) (*view.Run, error)
	Store() resultstore.Store
	Close()
}

// Program is what the commands use of the program.
type Program struct {
	Open      func(ctx context.Context) (Session, error)
	Mark      func(s Session, run *view.Run) error                      // Marks a run that no process executes, and prints how to resume it.
	Newest    func(ctx context.Context, s Session) ([]*view.Run, error) // All runs, without their tasks.
	Temporal  func(*cobra.Command) *cobra.Command                       // Adds the flags of another Temporal server.
	Arguments func(least int, names ...string) cobra.PositionalArgs
	Invalid   func(error) error       // An error in the arguments.
	Format    pflag.Value             // That of --format.
	Say       func(text string)       // Prints a line for people.
	Print     func(document any) bool // Prints the document to programs; false to people, who want text.
	Out       io.Writer
	Width     func() int // Of Out in columns; 0: it is no terminal.
	// Follow passes the items of a task that have ended, and those that end, until the run has.
	Follow func(ctx context.Context, s Session, run, task string, ended func(ctx context.Context, index int) error) error
}

// Commands returns the commands below `batch`.
func Commands(p Program) []*cobra.Command {
	return []*cobra.Command{p.exportCommand(), p.listCommand(), p.showCommand()}
}

func (p Program) exportCommand() *cobra.Command {
	var o Options
	var file string
	command := p.Temporal(&cobra.Command{
		Use:   "export RUN [TASK]",
		Short: "Write the items of a run as text, JSON, CSV, XLSX, Markdown or Parquet",
		Long: "Write the items of a run that have ended, in their order, with their results, errors and warnings.\n" +
			"RUN may be @latest; TASK is needed if several tasks of the run have items.\n" +
			"Without --format, the ending of --output selects the format; the answers to a request file are those of the API.",
		Example: "  gleitzeit batch export @latest --output answers.csv\n" +
			"  gleitzeit batch export @latest --format jsonl --fields item,result.response --only completed",
		Args: p.Arguments(1, "RUN", "TASK"),
		RunE: func(command *cobra.Command, args []string) error {
			o.Format, o.Named = FormatOfFile(file), command.Flags().Changed("format")
			if o.Named {
				o.Format = p.Format.String()
			}
			if err := cmp.Or(o.CheckFile(file), o.Check(), o.CheckErrors(file)); err != nil {
				return p.Invalid(err)
			}
			if file == "" && isBinary(o.Format) && p.Width() > 0 {
				return p.Invalid(fmt.Errorf("%s is binary, not for a terminal: name a file, as in --output results.%[1]s", o.Format))
			}
			if err := outputs.Check(o.Files(file)...); err != nil {
				return err
			}
			return p.export(command.Context(), args, file, &o)
		},
	})
	command.Flags().VarP(p.Format, "format", "o", "format: "+FormatNames())
	command.Flags().StringVar(&file, "output", "", "file to write, replaced in one step (default standard output); its ending selects the format")
	o.AddFlags(command.Flags())
	return command
}

func (p Program) export(ctx context.Context, args []string, file string, o *Options) error {
	s, run, task, err := p.find(ctx, args)
	if err != nil {
		return err
	}
	defer s.Close()
	records, err := OpenRecords(ctx, s.Store(), run.Run, task, !run.Status.Ended())
	if err != nil {
		return err
	}
	o.Decide(records.requests, file)
	if err := o.Check(); err != nil {
		return p.Invalid(err)
	}
	if err := o.checkKept(ctx, run.Task(task), records); err != nil {
		return p.Invalid(err)
	}
	if err := outputs.Check(o.Files(file)...); err != nil {
		return err
	}
	if err := p.checkInputs(ctx, s, run.Run, o.Files(file)); err != nil {
		return err
	}
	if !run.Status.Ended() {
		p.Say(fmt.Sprintf("run %s is %s: only items that have ended are written", run.Run, run.State()))
	}
	var unknown []string
	if file == "" {
		unknown, err = Render(ctx, records, run.Batch(task), o, p.Out)
	} else {
		unknown, err = write(ctx, records, run.Batch(task), o, resolved(file))
	}
	if err != nil {
		return outputs.NotWritten(file, err)
	}
	for _, line := range Notes(o, file, unknown) {
		p.Say(line)
	}
	return nil
}

// checkInputs reports a file that the run has read.
func (p Program) checkInputs(ctx context.Context, s Session, run string, files []outputs.File) error {
	planned, err := view.ReadPlan(ctx, s.Store(), run)
	if err != nil {
		return err
	}
	in, err := outputs.Of(ctx, s.Store(), run, planned, files)
	if err != nil {
		return err
	}
	return in.Check(nil, files...)
}

// find opens a session and finds the run, and its task with items.
func (p Program) find(ctx context.Context, args []string) (Session, *view.Run, string, error) {
	s, err := p.Open(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	run, task, err := findIn(ctx, s, args)
	if err == nil {
		err = p.Mark(s, run)
	}
	if err != nil {
		s.Close()
		return nil, nil, "", err
	}
	return s, run, task, nil
}

func findIn(ctx context.Context, s Session, args []string) (run *view.Run, task string, err error) {
	id, err := s.Resolve(ctx, args[0])
	if err != nil {
		return nil, "", err
	}
	if run, err = s.Known(ctx, id); err != nil {
		return nil, "", err
	}
	task, err = taskOf(run, args[1:])
	return run, task, err
}

// taskOf returns the id of the task with items that is named, or of the only one.
func taskOf(run *view.Run, named []string) (string, error) {
	var ids []string
	for i := range run.Tasks {
		if run.Tasks[i].HasItems() {
			ids = append(ids, run.Tasks[i].ID)
		}
	}
	switch {
	case len(named) > 0:
		task := run.Task(named[0])
		switch {
		case task != nil && task.HasItems():
			return task.ID, nil
		case len(ids) == 0:
		case task == nil:
			return "", protocol.Errorf(protocol.InvalidParams, "run %s has no task %q; tasks with items: %s", run.Run, named[0], strings.Join(ids, ", "))
		default:
			return "", protocol.Errorf(protocol.InvalidParams, "task %q of run %s has no items; tasks with items: %s", named[0], run.Run, strings.Join(ids, ", "))
		}
	case len(ids) == 1:
		return ids[0], nil
	case len(ids) > 1:
		return "", protocol.Errorf(protocol.InvalidParams, "run %s has several tasks with items: %s", run.Run, strings.Join(ids, ", ")).WithHint("name one of them after the run")
	}
	return "", protocol.Errorf(protocol.InvalidParams, "run %s has no task with items", run.Run).WithHint("`gleitzeit results %s` prints its results", run.Run)
}

// Batch is a run with a task that has items, in a list.
type Batch struct {
	Run      string          `json:"run"`
	Workflow string          `json:"workflow"`
	Task     string          `json:"task"`
	Status   protocol.Status `json:"status"`
	// Interrupted: as that of the run.
	Interrupted bool `json:"interrupted,omitempty"`

	StartedAt time.Time        `json:"started_at"`
	Items     *protocol.Counts `json:"items"`
}

func (p Program) listCommand() *cobra.Command {
	limit := 20
	command := p.Temporal(&cobra.Command{
		Use:     "list",
		Short:   "List runs with items, newest first",
		Example: "  gleitzeit batch list --limit 5",
		Args:    p.Arguments(0),
		RunE: func(command *cobra.Command, _ []string) error {
			if limit < 0 {
				return p.Invalid(fmt.Errorf("--limit %d is less than 0", limit))
			}
			return p.list(command.Context(), limit)
		},
	})
	command.Flags().IntVar(&limit, "limit", limit, "maximum number of tasks with items (0 = no limit)")
	return command
}

func (p Program) list(ctx context.Context, limit int) error {
	s, err := p.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	newest, err := p.Newest(ctx, s)
	if err != nil {
		return err
	}
	batches := []Batch{}
	rows, more := [][]string{{"RUN", "WORKFLOW", "TASK", "STATUS", "STARTED", "ITEMS"}}, false
	for _, listed := range newest {
		run, err := s.Known(ctx, listed.Run)
		if err == nil && slices.ContainsFunc(run.Tasks, func(task view.Task) bool { return task.Items != nil }) {
			err = p.Mark(s, run)
		}
		if err != nil {
			return err
		}
		for i := range run.Tasks {
			if task := &run.Tasks[i]; task.Items != nil {
				if more = limit > 0 && len(batches) == limit; more {
					break
				}
				batches = append(batches, Batch{run.Run, run.Workflow, task.ID, run.Status, run.Interrupted, run.StartedAt, task.Items})
				rows = append(rows, []string{run.Run, value.Visible(view.FirstLine(run.Workflow)), task.ID, string(run.State()),
					run.StartedAt.Local().Format(time.DateTime), view.ItemCounts(*task.Items, task.Values, task.Status.Ended())})
			}
		}
		if more {
			break
		}
	}
	if more {
		p.Say(fmt.Sprintf("the newest %d are shown: --limit 0 lists all", limit))
	}
	text := "no batches; `gleitzeit batch DIR --prompt PROMPT` starts one\n"
	if len(batches) > 0 {
		text = view.FitTable(rows, p.Width(), view.Shape{Cut: []int{1}, Drop: []int{1, 4, 2}})
	}
	if !p.Print(struct {
		Batches []Batch `json:"batches"`
	}{batches}) {
		_, err = io.WriteString(p.Out, text)
	}
	return err
}

func (p Program) showCommand() *cobra.Command {
	var failed, follow bool
	command := p.Temporal(&cobra.Command{
		Use:   "show RUN [TASK]",
		Short: "Show how many items of a run have ended, and why some failed",
		Long: "Show how many items of a run have ended, and the reasons why some failed, each with an example.\n" +
			"RUN may be @latest. With --failed, every item that failed has its line, or is among the results of the document.\n" +
			"With --follow, the last results are shown, and then each result as it comes, until the run ends.",
		Example: "  gleitzeit batch show @latest --failed\n  gleitzeit batch show @latest --follow",
		Args:    p.Arguments(1, "RUN", "TASK"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.show(command.Context(), args, failed, follow)
		},
	})
	command.Flags().BoolVar(&failed, "failed", false, "every item that failed, not only the reasons")
	command.Flags().BoolVar(&follow, "follow", false, "show results as they come; with --failed, only those that failed")
	return command
}

// shown is the document of `batch show`.
type shown struct {
	*view.Batch
	Task     string        `json:"task"`
	Failures []view.Reason `json:"failures"` // Also where there are none.
}

func (p Program) show(ctx context.Context, args []string, failed, follow bool) error {
	s, run, task, err := p.find(ctx, args)
	if err != nil {
		return err
	}
	defer s.Close()
	records, err := OpenRecords(ctx, s.Store(), run.Run, task, !run.Status.Ended())
	if err != nil {
		return err
	}
	if follow {
		f := follower{Program: p, session: s, run: run, task: task, failed: failed, records: records}
		return f.follow(ctx)
	}
	of, document := run.Task(task), shown{run.Batch(task), task, []view.Reason{}}
	document.Failures = append(document.Failures, of.Failures...)
	if format := p.Format.String(); failed && format != formats[0].names[0] {
		_, err := renderItems(ctx, records, document.Batch, document, &Options{Format: format, Only: string(protocol.Failed)}, p.Out)
		return err
	}
	if p.Print(document) {
		return nil
	}
	text := fmt.Sprintf("%s  %s  %s\n%s\n", run.Run, value.Visible(view.FirstLine(run.Workflow)), run.State(), run.TaskLine(of))
	if of.Warning != "" {
		text += of.WarningLine() + "\n"
	}
	if failed {
		if of.Warnings > 0 {
			text += fmt.Sprintf("! %d %s with a warning\n", of.Warnings, view.ItemsWord(of.Warnings, of.Values))
		}
		fmt.Fprint(p.Out, view.Wrap(text, p.Width()))
		return records.failed(ctx, func(item *view.Item) error {
			_, err := io.WriteString(p.Out, p.failedLine(of, item)+"\n")
			return err
		})
	}
	fmt.Fprint(p.Out, view.Wrap(text+of.FailureLines()+of.WarningLines(), p.Width()))
	named := view.ShellWords(append([]string{run.Run}, args[1:]...)...)
	if len(of.Failures) > 0 {
		p.Say(fmt.Sprintf("`gleitzeit batch show %s --failed` lists all of them; `gleitzeit batch export %[1]s --only failed` has all that is known", named))
	}
	if of.Warnings > 0 {
		p.Say(fmt.Sprintf("`gleitzeit batch export %s --format csv --only completed --fields item,warning` has the warning of each", named))
	}
	return nil
}

// failedLine returns the line about an item that failed: on a terminal as in the progress.
func (p Program) failedLine(of *view.Task, item *view.Item) string {
	folder := of.FolderOf(item.Item)
	if width := p.Width(); width > 0 {
		return item.Rows(width-1, folder)
	}
	message := item.Error.Message
	if folder != "" {
		message = item.In(folder).Error.Message
	}
	return fmt.Sprintf("✗ %s  %s", of.NameOf(item.Item), value.VisibleLines(view.Brief(message)))
}
