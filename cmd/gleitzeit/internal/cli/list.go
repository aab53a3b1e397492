package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/progress"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// listCommand is the command `list`.
type listCommand struct{ *program }

func (p listCommand) command() *cobra.Command {
	query := runs.Query{}
	var status string
	command := p.temporalFlags(&cobra.Command{
		Use:     "list",
		Short:   "List runs, newest first",
		Example: "  gleitzeit list --status failed --limit 10",
		Args:    exact(),
		RunE: func(command *cobra.Command, _ []string) error {
			query.Status = protocol.Status(status)
			switch query.Status {
			case "", protocol.Running, view.Interrupted, view.Lost, protocol.Completed, protocol.Failed, protocol.Cancelled, protocol.TimedOut:
			default:
				return usageError{fmt.Errorf("--status %q is not one of running, interrupted, lost, completed, failed, cancelled, timed_out", status)}
			}
			if query.Limit < 0 {
				return usageError{fmt.Errorf("--limit %d is less than 0", query.Limit)}
			}
			return p.list(command.Context(), query)
		},
	})
	command.Flags().StringVar(&query.Workflow, "workflow", "", "name of the workflow whose runs are listed")
	command.Flags().StringVar(&status, "status", "", "status of the runs listed: running, interrupted, lost, completed, failed, cancelled or timed_out")
	command.Flags().IntVar(&query.Limit, "limit", 50, "maximum number of runs (0 = no limit)")
	return command
}

func (p listCommand) list(ctx context.Context, query runs.Query) error {
	s, err := p.openToShow(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	found, err := p.find(ctx, s, query)
	if err != nil {
		return err
	}
	switch p.output {
	case asJSON:
		p.writeJSON(p.Out, struct {
			Runs []*view.Run `json:"runs"`
		}{found})
	case asJSONL:
		for _, run := range found {
			p.writeJSON(p.Out, run)
		}
	default:
		rows := [][]string{{"RUN", "WORKFLOW", "STATUS", "STARTED", "DURATION"}}
		for _, run := range found {
			duration := ""
			if run.FinishedAt != nil {
				duration = view.Duration(run.Duration)
			}
			rows = append(rows, []string{run.Run, value.VisibleLines(view.FirstLine(run.Workflow)), string(run.State()),
				run.StartedAt.Local().Format(time.DateTime), duration})
		}
		fmt.Fprint(p.Out, view.Table(view.FitTable(rows, progress.Width(p.written.to), []int{1}, []int{3, 4, 1})))
	}
	return nil
}

// find returns the runs of a query, and reports how interrupted ones can be resumed.
func (p listCommand) find(ctx context.Context, s *runs.Session, query runs.Query) ([]*view.Run, error) {
	state, limit := query.Status, query.Limit
	switch state {
	case view.Interrupted:
		query.Status, query.Limit = protocol.Running, 0
	case view.Lost:
		query.Status, query.Limit = protocol.Failed, 0
	}
	found, err := s.List(ctx, query)
	if err != nil {
		return nil, err
	}
	shown := []*view.Run{}
	for _, run := range found {
		if err := p.sayInterrupted(s, run); err != nil {
			return nil, err
		}
		if (state == query.Status || state == run.State()) && (limit == 0 || len(shown) < limit) {
			shown = append(shown, run)
		}
	}
	return shown, nil
}
