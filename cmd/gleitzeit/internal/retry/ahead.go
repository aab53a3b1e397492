package retry

import (
	"context"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Start says how a plan would be started.
type Start struct {
	ChangedOnly bool
	New         bool // Even where a run of an equal plan is open.
}

// Ahead is the forecast of a run of a plan, and what the run of the forecast has to do with it; nil if no earlier run has to. An open
// run is not checked for changes: the start resumes it as it is.
func Ahead(ctx context.Context, s *runs.Session, p *plan.Plan, start Start) (forecast *Forecast, resumes bool, err error) {
	if start.New && !start.ChangedOnly {
		return nil, false, nil
	}
	over, err := Before(ctx, s, p, start.ChangedOnly)
	if err != nil {
		return nil, false, err
	}
	if !start.New {
		open, err := openRun(ctx, s, p, over)
		if err != nil {
			return nil, false, err
		}
		if open != nil {
			over, resumes = open, true
		}
	}
	if over == nil {
		return nil, false, nil
	}
	earlier := &Run{ID: over.Runs[0].Run, Plan: p, TakeOver: over}
	forecast, err = earlier.Forecast(ctx, s)
	return forecast, resumes, err
}

// openRun returns the run that a start resumes, or whose results it shows, in place of what it would take over; nil if there is none.
func openRun(ctx context.Context, s *runs.Session, p *plan.Plan, over *runs.TakeOver) (*runs.TakeOver, error) {
	run, err := s.ClaimedRun(p, over)
	if run == "" || err != nil {
		return nil, err
	}
	records, err := s.Store().Records(ctx, resultstore.Query{Run: run, Kind: resultstore.Run})
	if err != nil || len(records) == 0 || records[0].Status == protocol.Cancelled {
		return nil, err
	}
	return &runs.TakeOver{TakeOver: &protocol.TakeOver{Runs: []protocol.EarlierRun{{Run: run, Execution: records[0].Execution}}}}, nil
}
