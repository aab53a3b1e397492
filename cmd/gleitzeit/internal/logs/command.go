package logs

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Program is what the command uses of the program.
type Program struct {
	Open      func(ctx context.Context) (*runs.Session, error)
	Mark      func(s *runs.Session, run *view.Run) error // Marks a run that no process executes, and prints how to resume it.
	Temporal  func(*cobra.Command) *cobra.Command        // Adds the flags of another Temporal server.
	Arguments func(least int, names ...string) cobra.PositionalArgs
	Invalid   func(error) error // An error in the arguments.
	Say       func(text string) // Prints a line for people.
	Out       io.Writer
	Format    func() string // Text, json or jsonl.
	Width     func() int    // Of Out in columns; 0: it is no terminal.
}

// options are the arguments.
type options struct {
	run    string
	only   Selection
	follow bool
}

// Command returns the command.
func Command(p Program) *cobra.Command {
	o, item := options{}, protocol.NoItem
	command := p.Temporal(&cobra.Command{
		Use:   "logs RUN [TASK]",
		Short: "Show what tasks sent, printed and answered, and errors",
		Long: "Show each attempt of the tasks of a run, in the order of time: the prompts as\n" +
			"they were sent, without secrets, what scripts printed, answers and errors.\n" +
			"RUN may be " + runs.Latest + ". Attempts that have not ended are shown when they have;\n" +
			"with --follow, what the script of a task prints is shown before.",
		Example: "  gleitzeit logs " + runs.Latest + "\n" +
			"  gleitzeit logs " + runs.Latest + " summary --attempt 2\n" +
			"  gleitzeit logs " + runs.Latest + " batch --item 17 -o jsonl",
		Args: p.Arguments(1, "RUN", "TASK"),
		RunE: func(command *cobra.Command, args []string) error {
			o.run = args[0]
			if len(args) > 1 {
				o.only.Task = args[1]
			}
			if command.Flags().Changed("item") {
				o.only.Item = &item
			}
			switch {
			case o.only.Item != nil && item < 0:
				return p.Invalid(fmt.Errorf("--item %d is less than 0", item))
			case command.Flags().Changed("attempt") && o.only.Attempt < 1:
				return p.Invalid(fmt.Errorf("--attempt %d is less than 1", o.only.Attempt))
			}
			return p.logs(command.Context(), &o)
		},
	})
	flags := command.Flags()
	flags.BoolVarP(&o.follow, "follow", "f", false, "show what follows as well, until the run has ended")
	flags.IntVar(&o.only.Attempt, "attempt", 0, "number of the attempt that is shown (default all)")
	flags.IntVar(&item, "item", 0, "index of the item that is shown, from 0 (default all)")
	return command
}

func (p Program) logs(ctx context.Context, o *options) error {
	s, err := p.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	run, err := s.Resolve(ctx, o.run)
	if err != nil {
		return err
	}
	r := &reader{store: s.Store(), only: o.only}
	if r.run, err = s.Known(ctx, run); err != nil {
		return err
	}
	if err := p.check(r); err != nil {
		return err
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	out := &printer{out: p.Out, format: p.Format(), run: run, width: p.Width()}
	if err := p.show(ctx, s, r, out, o.follow); err != nil {
		return err
	}
	if out.count == 0 && o.only.Attempt > 0 && r.run.Status.Ended() {
		return r.noAttempt()
	}
	return out.end()
}

// noAttempt is the error of an attempt that no task has had.
func (r *reader) noAttempt() error {
	most, of := 0, fmt.Sprintf("a task of run %s", r.run.Run)
	if r.only.Task != "" {
		of = fmt.Sprintf("task %q of run %s", r.only.Task, r.run.Run)
	}
	if r.only.Item != nil {
		return protocol.Errorf(protocol.InvalidParams, "--attempt %d: item %d of %s had no such attempt", r.only.Attempt, *r.only.Item, of)
	}
	for _, s := range r.sources {
		if s.items != nil && s.items.Total > 0 {
			return protocol.Errorf(protocol.InvalidParams, "--attempt %d: neither %s nor an item had such an attempt", r.only.Attempt, of)
		}
		if task := r.run.Task(s.task); task != nil {
			most = max(most, task.Attempts)
		}
	}
	return protocol.Errorf(protocol.InvalidParams, "--attempt %d: the largest number of an attempt of %s is %d", r.only.Attempt, of, most)
}

// show shows what is recorded, and with follow what follows.
func (p Program) show(ctx context.Context, s *runs.Session, r *reader, out *printer, follow bool) error {
	if !follow || r.run.Status.Ended() {
		entries, err := r.index(ctx)
		if err == nil {
			err = r.each(ctx, entries, out.print)
		}
		if err != nil || r.run.Status.Ended() {
			return err
		}
		if err := p.Mark(s, r.run); err != nil || r.run.Interrupted {
			return err
		}
		p.Say(fmt.Sprintf("run %s is %s: attempts that have ended are shown; `gleitzeit logs %[1]s -f` follows it", r.run.Run, r.run.State()))
		return nil
	}
	f := newFollower(r, out, func(ctx context.Context) (*view.Run, error) { return s.Known(ctx, r.run.Run) })
	if err := f.all(ctx); err != nil {
		return err
	}
	if err := runs.FollowWith(ctx, s, r.run.Run, f); err != nil {
		return err
	}
	var err error
	if r.run, err = s.Known(ctx, r.run.Run); err != nil {
		return err
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	return f.all(ctx) // What the history does not have: the ends of tasks that no attempt has recorded.
}

// check rejects a task or an item that the run does not have.
func (p Program) check(r *reader) error {
	if task := r.only.Task; task != "" && r.run.Task(task) == nil {
		ids := make([]string, len(r.run.Tasks))
		for i := range r.run.Tasks {
			ids[i] = r.run.Tasks[i].ID
		}
		return protocol.Errorf(protocol.InvalidParams, "run %s has no task %q; it has: %s", r.run.Run, task, strings.Join(ids, ", "))
	}
	if r.only.Item == nil {
		return nil
	}
	var with []string
	for i := range r.run.Tasks {
		if t := &r.run.Tasks[i]; t.HasItems() && (r.only.Task == "" || r.run.Task(r.only.Task) == t) {
			with = append(with, t.ID)
		}
	}
	switch {
	case len(with) == 0 && r.only.Task != "":
		return protocol.Errorf(protocol.InvalidParams, "--item: task %q of run %s has no items", r.only.Task, r.run.Run)
	case len(with) == 0:
		return protocol.Errorf(protocol.InvalidParams, "--item: no task of run %s has items", r.run.Run)
	case len(with) > 1:
		return protocol.Errorf(protocol.InvalidParams, "--item: several tasks of run %s have items: name one of %s", r.run.Run, strings.Join(with, ", "))
	}
	r.only.Task = with[0]
	if counts := r.run.Task(with[0]).Items; counts != nil && *r.only.Item >= counts.Total {
		return protocol.Errorf(protocol.InvalidParams, "--item %d: task %q of run %s has %d items, from 0", *r.only.Item, with[0], r.run.Run, counts.Total)
	}
	return nil
}
