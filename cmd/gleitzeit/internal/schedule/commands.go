package schedule

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/completion"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Program is what the commands use of the program.
type Program struct {
	Open      func(ctx context.Context) (*runs.Session, error)
	Temporal  func(*cobra.Command) *cobra.Command // Adds the flags of another Temporal server.
	Arguments func(names ...string) cobra.PositionalArgs
	// Inputs adds the flags of inputs to a command, and returns what compiles a file with them. It prints what is wrong with the file.
	Inputs func(*cobra.Command) func(file string, remote bool) (*plan.Plan, error)
	Env    func(name string) (string, bool)
	Width  func() int
	Say    func(text string)               // Prints a line for people.
	Print  func(document any, text string) // Prints the result: the document to programs, the text to people.
}

// Commands returns the commands of the group.
func Commands(p Program) []*cobra.Command {
	return []*cobra.Command{p.createCommand(), p.listCommand(), p.pauseCommand(), p.resumeCommand(), p.triggerCommand(), p.deleteCommand()}
}

func (p Program) createCommand() *cobra.Command {
	o := options{}
	command := p.Temporal(&cobra.Command{
		Use:   "create FILE",
		Short: "Start runs of a workflow at given times",
		Long: "Check a workflow, and have the server start runs of it at given times, as `gleitzeit submit` does. A server has to\n" +
			"run then: `gleitzeit server`, or a Temporal server with workers. What was due while none ran starts afterwards if it\n" +
			"is no later than --catch-up. The workflow is kept as it is now: after a change, type the command again with --replace.",
		Example: "  gleitzeit schedule create report.yaml --cron \"0 2 * * *\" --timezone Europe/Berlin\n  gleitzeit schedule create poll.yaml --every 15m --overlap buffer_one",
		Args:    p.Arguments("FILE"),
	})
	compile := p.Inputs(command)
	flags := command.Flags()
	flags.StringVar(&o.name, "name", "", "name of the schedule, with which the ids of its runs begin (default that of the workflow)")
	flags.StringVar(&o.cron, "cron", "", "times as `EXPRESSION`: minute, hour, day of the month, month, day of the week; or @daily, @hourly and the like")
	flags.DurationVar(&o.every, "every", 0, "time between two runs, such as 15m or 6h")
	flags.StringVar(&o.timezone, "timezone", "", "time zone of --cron, such as Europe/Berlin (default that of this machine)")
	flags.StringVar(&o.overlap, "overlap", overlaps[0].name, "when a run is due while the one before is open: skip it, start it afterwards (buffer_one), or start it as well (allow)")
	completion.Limit(flags, "overlap", overlapNames()...)
	flags.DurationVar(&o.catchUp, "catch-up", defaultCatchUp, "how late a run may start that was due while no server ran")
	flags.StringVar(&o.queue, "queue", runs.SharedQueue, "Temporal task queue whose workers execute the runs")
	flags.BoolVar(&o.paused, "paused", false, "start no run before it is resumed")
	flags.BoolVar(&o.replace, "replace", false, "replace the schedule of this name")
	command.RunE = func(command *cobra.Command, args []string) error {
		if err := runs.CheckName("queue", o.queue); err != nil {
			return err
		}
		return p.with(command.Context(), func(ctx context.Context, s *runs.Session) error {
			remote, err := s.Remote()
			if err != nil {
				return err
			}
			compiled, err := compile(args[0], remote)
			if err != nil {
				return err
			}
			if err := s.Reach(ctx); err != nil {
				return err
			}
			o.local = localZone(p.Env)
			made, err := create(ctx, s, compiled, o)
			if err != nil {
				return err
			}
			if fields := strings.Fields(o.cron); len(fields) >= 5 && fields[2] != "*" && fields[4] != "*" && len(fields) < 7 {
				p.Say("note: runs are due on days that match both the day of the month and the day of the week")
			}
			p.Print(made, made.createdText())
			return nil
		})
	}
	return command
}

func (s *Schedule) createdText() string {
	text := fmt.Sprintf("schedule %s: %s", s.Name, s.times())
	if s.Paused {
		return text + fmt.Sprintf("; it is paused until `%s`\n", view.ShellWords("gleitzeit", "schedule", "resume", s.Name))
	}
	return text + fmt.Sprintf("; the next run is due at %s\n", s.local(s.NextAt[0]))
}

func (p Program) listCommand() *cobra.Command {
	return p.Temporal(&cobra.Command{
		Use:     "list",
		Short:   "List the schedules",
		Long:    "List the schedules: when runs are due, the last run of each, and whether it is paused. Runs start only while a server runs.",
		Example: "  gleitzeit schedule list",
		Args:    p.Arguments(),
		RunE: func(command *cobra.Command, _ []string) error {
			return p.reached(command.Context(), func(ctx context.Context, s *runs.Session) error {
				all, err := list(ctx, s)
				if err != nil {
					return err
				}
				p.Print(all, p.table(all))
				return p.sayUnserved(ctx, s, all)
			})
		},
	})
}

func (p Program) table(all []*Schedule) string {
	if len(all) == 0 {
		return "no schedules; `gleitzeit schedule create FILE` makes one\n"
	}
	rows := [][]string{{"NAME", "TIMES", "NEXT", "LAST RUN", "RUNS", "STATE"}}
	for _, s := range all {
		row := []string{value.Visible(s.Name), s.times(), "", "", fmt.Sprint(s.Started), s.state()}
		if len(s.NextAt) > 0 {
			row[2] = s.local(s.NextAt[0])
		}
		if s.Last != nil {
			row[3] = strings.TrimSpace(value.Visible(s.Last.Run) + " " + string(s.Last.Status))
		}
		rows = append(rows, row)
	}
	return view.FitTable(rows, p.Width(), view.Shape{Drop: []int{4, 3}})
}

func (s *Schedule) state() string {
	parts := []string{"active"}
	if s.Paused {
		parts[0] = "paused"
		if s.Note != "" {
			parts[0] += ": " + value.Visible(s.Note)
		}
	}
	if s.Skipped > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped", s.Skipped))
	}
	if s.Missed > 0 {
		parts = append(parts, fmt.Sprintf("%d missed", s.Missed))
	}
	return strings.Join(parts, ", ")
}

// sayUnserved says of which queues no worker takes the runs.
func (p Program) sayUnserved(ctx context.Context, s *runs.Session, all []*Schedule) error {
	said := map[string]bool{}
	for _, schedule := range all {
		if schedule.Paused || said[schedule.Queue] {
			continue
		}
		said[schedule.Queue] = true
		workers, err := s.Pollers(ctx, schedule.Queue)
		if err != nil {
			return err
		}
		if len(workers) == 0 {
			p.Say(fmt.Sprintf("no worker serves queue %q: runs that are due wait for `gleitzeit server` or `%s`", schedule.Queue, view.WorkerCommand(schedule.Queue)))
		}
	}
	return nil
}

func (p Program) pauseCommand() *cobra.Command {
	note := ""
	command := p.change("pause NAME", "Start no runs of a schedule for now", "paused", func(ctx context.Context, handle client.ScheduleHandle) error {
		if note == "" {
			note = " " // Else the SDK writes a note of its own.
		}
		return handle.Pause(ctx, client.SchedulePauseOptions{Note: note})
	})
	command.Flags().StringVar(&note, "note", "", "why, for those who list the schedules")
	return command
}

func (p Program) resumeCommand() *cobra.Command {
	return p.change("resume NAME", "Start runs of a schedule again that was paused", "active", func(ctx context.Context, handle client.ScheduleHandle) error {
		return handle.Unpause(ctx, client.ScheduleUnpauseOptions{Note: " "})
	})
}

func (p Program) triggerCommand() *cobra.Command {
	return p.Temporal(&cobra.Command{
		Use:     "trigger NAME",
		Short:   "Start a run of a schedule now, and print its id",
		Long:    "Start a run of a schedule now, whatever its times are and whether or not another run of it is open, and print its id.",
		Example: "  gleitzeit schedule trigger report",
		Args:    p.Arguments("NAME"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.reached(command.Context(), func(ctx context.Context, s *runs.Session) error {
				run, err := trigger(ctx, s, args[0])
				if err != nil {
					return err
				}
				p.Print(struct {
					Name string `json:"name"`
					Run  string `json:"run"`
				}{args[0], run}, run+"\n")
				return nil
			})
		},
	})
}

func (p Program) deleteCommand() *cobra.Command {
	return p.change("delete NAME", "Delete a schedule; its runs stay", "deleted", func(ctx context.Context, handle client.ScheduleHandle) error {
		return handle.Delete(ctx)
	})
}

// change is a command that changes one schedule.
func (p Program) change(use, short, done string, change func(context.Context, client.ScheduleHandle) error) *cobra.Command {
	verb, _, _ := strings.Cut(use, " ")
	return p.Temporal(&cobra.Command{
		Use:     use,
		Short:   short,
		Long:    short + ".",
		Example: "  gleitzeit schedule " + verb + " report",
		Args:    p.Arguments("NAME"),
		RunE: func(command *cobra.Command, args []string) error {
			return p.reached(command.Context(), func(ctx context.Context, s *runs.Session) error {
				name := args[0]
				if err := change(ctx, s.Schedules().GetHandle(ctx, name)); err != nil {
					return missing(ctx, s, name, err)
				}
				p.Print(struct {
					Name  string `json:"name"`
					State string `json:"state"`
				}{name, done}, fmt.Sprintf("schedule %s: %s\n", value.Visible(name), done))
				return nil
			})
		},
	})
}

// with calls f with a session.
func (p Program) with(ctx context.Context, f func(context.Context, *runs.Session) error) error {
	s, err := p.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return f(ctx, s)
}

// reached calls f with a session that is connected to a Temporal server.
func (p Program) reached(ctx context.Context, f func(context.Context, *runs.Session) error) error {
	return p.with(ctx, func(ctx context.Context, s *runs.Session) error {
		if err := s.Reach(ctx); err != nil {
			return err
		}
		return f(ctx, s)
	})
}
