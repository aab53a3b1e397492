package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/completion"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/config"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

var runStatuses = []string{
	string(protocol.Running), string(view.Interrupted), string(view.Lost), string(protocol.Completed), string(protocol.Failed), string(protocol.Cancelled), string(protocol.TimedOut),
}

// listCommand is the command `list`.
type listCommand struct{ *program }

func (p listCommand) command() *cobra.Command {
	query := runs.Query{}
	var status, since, until string
	command := p.temporalFlags(&cobra.Command{
		Use:   "list",
		Short: "List runs, newest first",
		Long: "List runs, newest first.\n" +
			"A time is an age such as 90m, 12h or 7d, or 2026-11-30, 2026-11-30T18:00 or\n" +
			"2026-11-30T18:00:00Z; without a zone it is local. A day is the whole day.",
		Example: "  gleitzeit list --status failed --limit 10\n  gleitzeit list --since 7d --tag nightly",
		Args:    exact(),
		RunE: func(command *cobra.Command, _ []string) (err error) {
			query.Status = protocol.Status(status)
			if status != "" && !slices.Contains(runStatuses, status) {
				return usageError{fmt.Errorf("--status %q is not one of %s", status, strings.Join(runStatuses, ", "))}
			}
			if query.Limit < 0 {
				return usageError{fmt.Errorf("--limit %d is less than 0", query.Limit)}
			}
			now := time.Now()
			if query.Since, err = parseTime(since, now, false); err != nil {
				return usageError{fmt.Errorf("--since %w", err)}
			}
			if query.Until, err = parseTime(until, now, true); err != nil {
				return usageError{fmt.Errorf("--until %w", err)}
			}
			if since != "" && until != "" && !query.Since.Before(query.Until) {
				return usageError{fmt.Errorf("--since %s is not before --until %s", since, until)}
			}
			return p.list(command, query)
		},
	})
	flags := command.Flags()
	flags.StringVar(&query.Workflow, "workflow", "", "name of the workflow whose runs are listed")
	flags.StringVar(&status, "status", "", "status of the runs listed: running, interrupted, lost, completed, failed, cancelled or timed_out")
	completion.Limit(flags, "status", runStatuses...)
	flags.StringVar(&since, "since", "", "`time` at or after which the runs listed started")
	flags.StringVar(&until, "until", "", "`time` before which they started")
	flags.StringArrayVar(&query.Tags, "tag", nil, "tag that their workflows have; may be repeated: all of them")
	flags.IntVar(&query.Limit, "limit", 50, "maximum number of runs (0 = no limit)")
	return command
}

// parseTime returns a time that was typed: an age, a day, whose end counts as the last one, or a time of a day. An empty text is none.
func parseTime(text string, now time.Time, last bool) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := readTime(text, now, last)
	if year := at.Year(); err == nil && (year < 1970 || year > 2200) { // Stores count nanoseconds.
		return at, fmt.Errorf("%q is out of range: the year must be from 1970 to 2200", text)
	}
	return at, err
}

func readTime(text string, now time.Time, last bool) (time.Time, error) {
	if age, err := config.ParseAge(text); err == nil {
		return now.Add(-age), nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		if last {
			day = day.AddDate(0, 0, 1)
		}
		return day, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: write an age such as 12h or 7d, a day such as 2026-11-30, or 2026-11-30T18:00", text)
}

func (p listCommand) list(command *cobra.Command, query runs.Query) error {
	ctx := command.Context()
	s, err := p.openToShow(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	found, more, err := p.find(ctx, s, query)
	if err != nil {
		return err
	}
	next := ""
	if more {
		next = found[len(found)-1].StartedAt.UTC().Format(time.RFC3339Nano)
	}
	switch p.output {
	case asJSON:
		listed := []listedRun{} // Never null.
		for _, run := range found {
			listed = append(listed, listedRun{Run: run})
		}
		p.writeJSON(p.Out, struct {
			Runs []listedRun `json:"runs"`
			Next string      `json:"next_until,omitempty"` // The value of --until that lists the next ones.
		}{listed, next})
	case asJSONL:
		for _, run := range found {
			p.writeJSON(p.Out, listedRun{Run: run})
		}
	default:
		if len(found) == 0 {
			fmt.Fprintln(p.Out, noRuns(query))
			break
		}
		rows := [][]string{{"RUN", "WORKFLOW", "STATUS", "STARTED", "DURATION"}}
		for _, run := range found {
			duration := ""
			if run.FinishedAt != nil {
				duration = view.Duration(run.Duration)
			}
			rows = append(rows, []string{run.Run, value.VisibleLines(view.FirstLine(run.Workflow)), string(run.State()),
				run.StartedAt.Local().Format(time.DateTime), duration})
		}
		fmt.Fprint(p.Out, view.FitTable(rows, p.width(), view.Shape{Cut: []int{1}, Drop: []int{1, 4, 3}}))
	}
	if more && p.output != asJSON {
		p.notify(runs.Notice{Kind: runs.Unfinished, Message: fmt.Sprintf("the newest %d are shown: `%s` lists the next ones, --limit 0 all", len(found), againUntil(command, next))})
	}
	return nil
}

// listedRun is a run in a list, whose outputs are not read: `{}` would look like none.
type listedRun struct {
	*view.Run
	Outputs *value.Value `json:"outputs,omitempty"` // Hides that of Run.
}

// noRuns says that there are none, or none like those that were asked for.
func noRuns(query runs.Query) string {
	if query.Workflow != "" || query.Status != "" || len(query.Tags) > 0 || !query.Since.IsZero() || !query.Until.IsZero() {
		return "no such runs"
	}
	return "no runs; `gleitzeit run FILE` starts one"
}

// againUntil returns the command with all its flags, and with another --until.
func againUntil(command *cobra.Command, until string) string {
	words := strings.Fields(command.CommandPath())
	command.Flags().Visit(func(flag *pflag.Flag) {
		values := []string{flag.Value.String()}
		if list, is := flag.Value.(pflag.SliceValue); is {
			values = list.GetSlice()
		}
		for _, v := range values {
			if flag.Name != "until" {
				words = append(words, "--"+flag.Name, v)
			}
		}
	})
	return view.ShellWords(append(words, "--until", until)...)
}

// find returns the runs of a query, and whether there are more, and reports how interrupted ones can be resumed.
func (p listCommand) find(ctx context.Context, s *runs.Session, query runs.Query) (shown []*view.Run, more bool, err error) {
	state, limit := query.Status, query.Limit
	if limit > 0 {
		query.Limit++
	}
	switch state {
	case view.Interrupted:
		query.Status, query.Limit = protocol.Running, 0
	case view.Lost:
		query.Status, query.Limit = protocol.Failed, 0
	}
	found, err := s.List(ctx, query)
	if err != nil {
		return nil, false, err
	}
	shown = []*view.Run{}
	for _, run := range found {
		text, err := s.MarkInterrupted(run)
		if err != nil {
			return nil, false, err
		}
		if state != query.Status && state != run.State() {
			continue
		}
		if limit > 0 && len(shown) == limit {
			return shown, true, nil
		}
		if shown = append(shown, run); text != "" {
			p.notify(runs.Notice{Kind: runs.Interrupted, Run: run.Run, Message: text})
		}
	}
	return shown, false, nil
}
