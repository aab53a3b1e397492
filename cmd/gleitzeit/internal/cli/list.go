package cli

import (
	"context"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

func (p *program) listCommand() *cobra.Command {
	query := resultstore.Query{}
	var status string
	command := p.temporalFlags(&cobra.Command{
		Use:   "list",
		Short: "List runs, newest first",
		Args:  exact(),
		RunE: func(command *cobra.Command, _ []string) error {
			query.Status = protocol.Status(status)
			switch query.Status {
			case "", protocol.Running, protocol.Completed, protocol.Failed, protocol.Cancelled, protocol.TimedOut:
			default:
				return usage{fmt.Errorf("--status %q is none of running, completed, failed, cancelled, timed_out", status)}
			}
			if query.Limit < 0 {
				return usage{fmt.Errorf("--limit %d is less than 0", query.Limit)}
			}
			return p.list(command.Context(), query)
		},
	})
	command.Flags().StringVar(&query.Workflow, "workflow", "", "only runs of the workflow of this name")
	command.Flags().StringVar(&status, "status", "", "only runs in this status: running, completed, failed, cancelled, timed_out")
	command.Flags().IntVar(&query.Limit, "limit", 50, "at most so many; 0 is all")
	return command
}

func (p *program) list(ctx context.Context, query resultstore.Query) error {
	s, err := p.lookUp(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	runs, err := s.runs(ctx, query)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := p.abandoned(s, run); err != nil {
			return err
		}
	}
	switch p.output {
	case asJSON:
		p.writeJSON(p.Out, struct {
			Runs []*view.Run `json:"runs"`
		}{runs})
	case asJSONL:
		for _, run := range runs {
			p.writeJSON(p.Out, run)
		}
	default:
		table := tabwriter.NewWriter(p.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "RUN\tWORKFLOW\tSTATUS\tSTARTED\tDURATION")
		for _, run := range runs {
			duration := ""
			if run.FinishedAt != nil {
				duration = view.Duration(run.Duration)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", run.Run, view.Printable(view.FirstLine(run.Workflow)), run.Status,
				run.StartedAt.Local().Format(time.DateTime), duration)
		}
		return table.Flush()
	}
	return nil
}

// runs lists runs, newest first. One that has recorded no end is looked up: it may have been ended from outside.
func (s *session) runs(ctx context.Context, query resultstore.Query) ([]*view.Run, error) {
	wanted, limit := query.Status, query.Limit
	if s.client != nil {
		// What is recorded as running may turn out to have ended, so the filter and the limit come after the look.
		query.Status, query.Limit = "", 0
	}
	records, err := s.store.Records(ctx, query)
	if err != nil {
		return nil, err
	}
	runs := []*view.Run{}
	unrecorded, err := s.unrecorded(ctx)
	if err != nil {
		return nil, err
	}
	for _, run := range unrecorded {
		if (wanted == "" || run.Status == wanted) && (query.Workflow == "" || run.Workflow == query.Workflow) {
			runs = append(runs, run)
		}
	}
	recorded := 0
	for _, record := range records {
		if limit > 0 && recorded == limit {
			break
		}
		run := view.FromRecord(record)
		if s.client != nil && !run.Status.Ended() {
			if run, err = s.document(ctx, record.Run); err != nil {
				return nil, err
			}
			if run == nil {
				continue
			}
			run.Tasks = nil
		}
		if wanted == "" || run.Status == wanted {
			runs = append(runs, run)
			recorded++
		}
	}
	slices.SortStableFunc(runs, func(a, b *view.Run) int { return b.StartedAt.Compare(a.StartedAt) })
	if limit > 0 && len(runs) > limit {
		runs = runs[:limit]
	}
	return runs, nil
}
