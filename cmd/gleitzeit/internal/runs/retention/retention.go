// Package retention removes what is too old: runs with their records and histories, cached calls, claims, and values that
// nothing refers to. It alone decides which runs are too old; the store and Temporal remove what it names. It starts nothing
// and prints nothing.
package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/sqlitefile"
)

const (
	// settled is how long a value must not have been put before it may be unused: a process puts a value, and only then does
	// Temporal get the history that refers to it. Clocks of machines differ by less.
	settled = 10 * time.Minute
	// lostAfter is how long a run that is recorded as running, and that this Temporal server does not know, is assumed to be
	// open in another one.
	lostAfter = 30 * 24 * time.Hour
)

// Options are the options of Prune.
type Options struct {
	Store     resultstore.Store
	StorePath string // Of the SQLite file; empty for any other store.
	Home      *home.Home
	Client    client.Client // Of the Temporal server with the runs.
	Namespace string
	Local     bool      // The Temporal server is the engine of the home.
	Before    time.Time // Runs that ended before go. Not later than now.
	DryRun    bool      // Nothing is removed; the report is what would be.
}

// Report is what was pruned.
type Report struct {
	Before time.Time `json:"before"` // Runs that ended before.
	DryRun bool      `json:"dry_run"`
	resultstore.Pruned
	Histories int64 `json:"histories"` // Executions that Temporal removes.
	Claims    int64 `json:"claims"`    // Of runs, in the home folder.
	Freed     int64 `json:"freed"`     // Bytes by which the files have become smaller.
	// Unknown are runs that are recorded as running and that this Temporal server does not know. They stay.
	Unknown  []string `json:"unknown"`
	Warnings []string `json:"warnings"`
}

// Empty reports whether there was nothing to remove.
func (r Report) Empty() bool {
	return r.Pruned == resultstore.Pruned{} && r.Histories == 0 && r.Claims == 0
}

// pruning is one Prune.
type pruning struct {
	Options
	now      time.Time
	report   Report
	open     map[string]bool                // Ids of open runs, as Temporal knows them.
	ended    []execution                    // That Temporal removes.
	kept     []execution                    // Whose histories may refer to values that are old.
	floor    time.Time                      // Values that were put since stay, whatever refers to them.
	gone     map[resultstore.Execution]bool // Whose records go.
	goneRuns map[string]bool                // The ids of these.
}

// execution is one of Temporal's: of a run, or of a call without a workflow.
type execution struct {
	id, runID string
	call      bool
}

// Prune removes what is too old. It does so once at a time in a home. Everything that is needed to resume an open run stays:
// that run's records and history, and every value that one of these refers to, or that was put a short time ago.
func Prune(ctx context.Context, o Options) (report *Report, err error) {
	turn, err := o.Home.TakeTurn(ctx, Turn)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, turn.Done()) }()
	p := &pruning{Options: o, now: time.Now(), open: map[string]bool{}, gone: map[resultstore.Execution]bool{}, goneRuns: map[string]bool{}}
	p.report = Report{Before: o.Before.UTC(), DryRun: o.DryRun, Unknown: []string{}, Warnings: []string{}}
	p.floor = earlier(o.Before, p.now.Add(-settled))
	before := p.bytes(ctx)
	if err := p.run(ctx); err != nil {
		return nil, err
	}
	p.report.Freed = max(0, before-p.bytes(ctx))
	return &p.report, nil
}

// Turn is the name of the turn in which a home is pruned or backed up: not both at once.
const Turn = "prune"

func (p *pruning) run(ctx context.Context) error {
	if err := p.listExecutions(ctx); err != nil {
		return err
	}
	expired, err := p.expired(ctx)
	if err != nil {
		return err
	}
	keep, err := p.referred(ctx)
	if err != nil {
		return err
	}
	// The store first: where this ends early, Temporal still knows what to remove the next time.
	p.report.Pruned, err = p.Store.Prune(ctx, resultstore.PruneRequest{
		Executions: expired, Before: p.Before, Unused: p.floor, Keep: keep, DryRun: p.DryRun,
	})
	if err != nil {
		return err
	}
	if err := p.removeExecutions(ctx); err != nil {
		return err
	}
	if err := p.removeClaims(ctx); err != nil {
		return err
	}
	if err := p.shrinkEngine(ctx); err != nil {
		p.report.Warnings = append(p.report.Warnings, fmt.Sprintf("cannot return the free space of %q to the disk: %s", p.Home.EngineDB(), err))
	}
	return nil
}

// expired lists the executions whose records go, of runs that ended before Before and that Temporal does not know to be open.
func (p *pruning) expired(ctx context.Context) ([]resultstore.Execution, error) {
	records, err := p.Store.Records(ctx, resultstore.Query{Before: p.Before})
	if err != nil {
		return nil, err
	}
	needed, err := p.takenOver(ctx)
	if err != nil {
		return nil, err
	}
	var all []resultstore.Execution
	for _, record := range records {
		ended := record.FinishedAt
		if p.open[record.Run] || needed[record.Of()] {
			// Also where its end is recorded: a restored home has records that are newer than its engine.
			continue
		}
		if !record.Status.Ended() {
			if ended, err = p.endOf(ctx, record); err != nil {
				return nil, err
			}
		}
		if !ended.IsZero() && ended.Before(p.Before) {
			all = append(all, record.Of())
			p.gone[record.Of()], p.goneRuns[record.Run] = true, true
		}
	}
	return all, nil
}

// takenOver returns the executions whose results open runs take over: their values are not yet referred to by other records.
func (p *pruning) takenOver(ctx context.Context) (map[resultstore.Execution]bool, error) {
	records, err := p.Store.Records(ctx, resultstore.Query{Status: protocol.Running})
	needed := map[resultstore.Execution]bool{}
	for _, record := range records {
		if record.TakeOver == nil || !p.open[record.Run] {
			continue
		}
		for _, earlier := range record.TakeOver.Runs {
			needed[resultstore.Execution{Run: earlier.Run, Execution: earlier.Execution}] = true
		}
	}
	return needed, err
}

// endOf returns when a run closed whose end nobody recorded; zero for one that is open, or that Temporal does not know.
func (p *pruning) endOf(ctx context.Context, record resultstore.Record) (time.Time, error) {
	described, err := p.Client.DescribeWorkflowExecution(ctx, record.Run, record.Execution)
	if isNotFound(err) {
		p.report.Unknown = append(p.report.Unknown, record.Run)
		if p.now.Sub(record.StartedAt) < lostAfter {
			// It may be open in another Temporal server, whose histories cannot be read here.
			p.floor = earlier(p.floor, record.StartedAt.Add(-settled))
		}
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, failed(err, "cannot look up run %s", record.Run)
	}
	closed := described.GetWorkflowExecutionInfo().GetCloseTime()
	if closed == nil {
		return time.Time{}, nil
	}
	return closed.AsTime(), nil
}

// removeClaims removes the claims of runs that are gone: who types the command again gets a new run.
func (p *pruning) removeClaims(ctx context.Context) error {
	claims, unreadable := p.Home.Claims()
	for _, claim := range claims {
		goes, err := p.claimGoes(ctx, claim)
		if err != nil {
			return err
		}
		if !goes {
			continue
		}
		if !p.DryRun {
			if err := p.Home.RemoveClaim(claim.Run); errors.Is(err, home.ErrClaimed) {
				continue
			} else if err != nil {
				return err
			}
		}
		p.report.Claims++
	}
	return unreadable
}

// claimGoes reports whether neither Temporal nor the store has the run of a claim any more.
func (p *pruning) claimGoes(ctx context.Context, claim home.Claim) (bool, error) {
	if p.open[claim.Run] {
		return false, nil
	}
	newest, err := p.Store.Records(ctx, resultstore.Query{Run: claim.Run, Kind: resultstore.Run, Limit: 1})
	if err != nil {
		return false, err
	}
	if len(newest) == 0 {
		// An earlier Prune was killed here; a run that is about to start may have no record yet.
		return claim.StartedAt.Before(p.floor) || claim.StartedAt.Before(p.Before) && p.goneRuns[claim.Run], nil
	}
	return p.gone[newest[0].Of()], nil
}

// shrinkEngine returns the space of removed histories to the disk.
func (p *pruning) shrinkEngine(ctx context.Context) (err error) {
	if !p.Local || p.DryRun {
		return nil
	}
	file, err := sqlitefile.Open(p.Home.EngineDB())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return file.Shrink(ctx)
}

// bytes returns the size of the files on the disk. It is for the report alone: a file that cannot be measured has none.
func (p *pruning) bytes(ctx context.Context) (total int64) {
	paths := []string{p.StorePath}
	if p.Local {
		paths = append(paths, p.Home.EngineDB())
	}
	for _, path := range paths {
		if path == "" {
			continue
		}
		if space, err := measure(ctx, path); err == nil {
			total += space.Total
		}
	}
	return total
}

func measure(ctx context.Context, path string) (space sqlitefile.Space, err error) {
	file, err := sqlitefile.Open(path)
	if err != nil {
		return space, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return file.Space(ctx)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
