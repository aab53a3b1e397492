package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// Records implements resultstore.Store.
func (s *Store) Records(ctx context.Context, query resultstore.Query) ([]resultstore.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if query.Run != "" && query.Execution == "" {
		query.Execution = s.newest(query.Run)
	}
	var found []kept
	for _, k := range s.records {
		if wanted(k.record, query) {
			found = append(found, k)
		}
	}
	slices.SortFunc(found, func(a, b kept) int {
		if query.Run == "" {
			return cmp.Or(b.record.StartedAt.Compare(a.record.StartedAt), cmp.Compare(b.put, a.put))
		}
		return byKey(a.record, b.record)
	})
	if query.Limit > 0 && len(found) > query.Limit {
		found = found[:query.Limit]
	}
	records := make([]resultstore.Record, len(found))
	for i, k := range found {
		records[i] = k.record
	}
	return records, nil
}

// newest is the execution of the run that started last; where no run was recorded yet, of what was put last.
func (s *Store) newest(run string) string {
	var best *kept
	for _, k := range s.records {
		if k.record.Run == run && (best == nil || later(k, *best)) {
			best = &k
		}
	}
	if best == nil {
		return ""
	}
	return best.record.Execution
}

func later(a, b kept) bool {
	isRun, wasRun := a.record.Kind == resultstore.Run, b.record.Kind == resultstore.Run
	switch {
	case isRun != wasRun:
		return isRun
	case isRun && !a.record.StartedAt.Equal(b.record.StartedAt):
		return a.record.StartedAt.After(b.record.StartedAt)
	}
	return a.put > b.put
}

func wanted(r resultstore.Record, q resultstore.Query) bool {
	if q.Run == "" {
		return r.Kind == resultstore.Run && (q.Workflow == "" || r.Workflow == q.Workflow) && (q.Status == "" || r.Status == q.Status)
	}
	return r.Run == q.Run && r.Execution == q.Execution && (q.Kind == "" || r.Kind == q.Kind) && (q.Task == "" || r.Task == q.Task)
}

func byKey(a, b resultstore.Record) int {
	return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Item, b.Item), cmp.Compare(a.Attempt, b.Attempt))
}
