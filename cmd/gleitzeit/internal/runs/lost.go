package runs

import (
	"context"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/engine"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// lostRuns looks for runs that are recorded as open and that no engine can continue, because its database was moved away or
// is an older one. It looks at the database once, and only if it must.
type lostRuns struct {
	reader Reader
	known  map[string]bool // Nil until it is needed.
	failed bool            // The database cannot be read: nothing is known to be lost.
}

// lost returns a look for a reader without a Temporal server. With one, Document asks that.
func (r Reader) lost() *lostRuns { return &lostRuns{reader: r} }

// has reports whether the home's engine does not know a run that no process executes.
func (l *lostRuns) has(ctx context.Context, run string) bool {
	r := l.reader
	if r.client != nil || r.cluster != nil || l.failed {
		return false
	}
	executed, err := r.home.Executed(run)
	if err != nil || executed {
		return false
	}
	if l.known == nil {
		if l.known, err = engine.KnownRuns(ctx, r.home); err != nil {
			r.log.Debug("cannot read the engine's database", "error", err)
			l.failed = true
			return false
		}
	}
	return !l.known[run]
}

// lose makes the document of an open run that of one that the engine does not know.
func lose(run *view.Run) {
	run.Merge(view.Live{Status: protocol.Failed})
	run.Lost = true
	run.Error = view.NewError(protocol.Errorf(protocol.WorkflowNotFound, "the engine no longer knows this run, and its end is not recorded").
		WithHint("its recorded results remain; put back the engine's database if you have it, or start the workflow again"))
}
