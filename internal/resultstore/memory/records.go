package memory

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// Records implements resultstore.Store.
func (s *Store) Records(ctx context.Context, query resultstore.Query) ([]resultstore.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found, err := s.find(query)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b kept) int {
		if query.Run == "" {
			return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(b.put, a.put))
		}
		return cmp.Or(cmp.Compare(a.Task, b.Task), cmp.Compare(a.Item, b.Item), cmp.Compare(a.Attempt, b.Attempt))
	})
	if query.Limit > 0 && len(found) > query.Limit {
		found = found[:query.Limit]
	}
	records := make([]resultstore.Record, len(found))
	for i, k := range found {
		if err := json.Unmarshal(k.body, &records[i]); err != nil {
			return nil, protocol.Errorf(protocol.InternalError, "cannot read a record of run %q: %v", k.Run, err).WithCause(err)
		}
	}
	return records, nil
}

// find returns the records that match the query, in any order.
func (s *Store) find(query resultstore.Query) ([]kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, isClosed()
	}
	if query.Run != "" && query.Execution == "" {
		query.Execution = s.newest(query.Run)
	}
	var found []kept
	if query.Run != "" && query.Task != "" {
		for _, key := range s.tasks[taskOf(query.Run, query.Execution, query.Task)] {
			if k := s.records[key]; wanted(k.Record, query) {
				found = append(found, k)
			}
		}
		return found, nil
	}
	for _, k := range s.records {
		if wanted(k.Record, query) {
			found = append(found, k)
		}
	}
	return found, nil
}

// taskOf returns the key under which the records of one task are listed.
func taskOf(run, execution, task string) resultstore.Key {
	return resultstore.Key{Run: run, Execution: execution, Task: task}
}

// newest returns the execution that started last; before a run was recorded, the one of the last put.
func (s *Store) newest(run string) string {
	var best kept
	for _, k := range s.records {
		if k.Run == run && (best.put == 0 || later(k, best)) {
			best = k
		}
	}
	return best.Execution
}

func later(a, b kept) bool {
	isRun, wasRun := a.Kind == resultstore.Run, b.Kind == resultstore.Run
	switch {
	case isRun != wasRun:
		return isRun
	case isRun && !a.StartedAt.Equal(b.StartedAt):
		return a.StartedAt.After(b.StartedAt)
	}
	return a.put > b.put
}

func wanted(r resultstore.Record, q resultstore.Query) bool {
	if q.Run == "" {
		return r.Kind == resultstore.Run && (q.Workflow == "" || r.Workflow == q.Workflow) && (q.Status == "" || r.Status == q.Status) &&
			(q.Before.IsZero() || r.StartedAt.Before(q.Before)) && (q.Since.IsZero() || !r.StartedAt.Before(q.Since))
	}
	return r.Run == q.Run && r.Execution == q.Execution && (q.Kind == "" || r.Kind == q.Kind) && (q.Task == "" || r.Task == q.Task) &&
		(q.Item == nil || r.Item == *q.Item || q.Last != nil && *q.Item <= r.Item && r.Item <= *q.Last)
}
