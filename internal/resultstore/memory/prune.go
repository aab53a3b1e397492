package memory

import (
	"context"
	"slices"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// Prune implements resultstore.Store.
func (s *Store) Prune(ctx context.Context, request resultstore.PruneRequest) (resultstore.Pruned, error) {
	var pruned resultstore.Pruned
	if err := ctx.Err(); err != nil {
		return pruned, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return pruned, isClosed()
	}
	goes := s.doomed(request)
	used := resultstore.Hashes{}
	for key, k := range s.records {
		if !goes(k) {
			used.Scan(k.body)
			continue
		}
		pruned.Of(k.Kind).Add(1, int64(len(k.body)))
		if !request.DryRun {
			s.remove(key)
		}
	}
	for hash, value := range s.values {
		if value.put.Before(request.Unused) && !used.Has(hash) && !request.Keep.Has(hash) {
			pruned.Values.Add(1, int64(len(value.data)))
			if !request.DryRun {
				delete(s.values, hash)
			}
		}
	}
	return pruned, nil
}

// doomed returns what reports whether a record goes.
func (s *Store) doomed(request resultstore.PruneRequest) func(kept) bool {
	named := map[resultstore.Execution]bool{}
	for _, execution := range request.Executions {
		named[execution] = true
	}
	hasRun, last := map[resultstore.Execution]bool{}, map[resultstore.Execution]time.Time{}
	for key, k := range s.records {
		of := key.Of()
		hasRun[of] = hasRun[of] || k.Kind == resultstore.Run
		if k.StartedAt.After(last[of]) {
			last[of] = k.StartedAt
		}
	}
	return func(k kept) bool {
		switch k.Kind {
		case resultstore.Function:
			return false
		case resultstore.Cached:
			return k.StartedAt.Before(request.Before)
		}
		of := k.Of()
		return named[of] || !hasRun[of] && last[of].Before(request.Unused)
	}
}

func (s *Store) remove(key resultstore.Key) {
	delete(s.records, key)
	task := taskOf(key.Run, key.Execution, key.Task)
	s.tasks[task] = slices.DeleteFunc(s.tasks[task], func(k resultstore.Key) bool { return k == key })
	if len(s.tasks[task]) == 0 {
		delete(s.tasks, task)
	}
}

// Sizes implements resultstore.Store.
func (s *Store) Sizes(ctx context.Context) (resultstore.Sizes, error) {
	var sizes resultstore.Sizes
	if err := ctx.Err(); err != nil {
		return sizes, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return sizes, isClosed()
	}
	for _, k := range s.records {
		sizes.Of(k.Kind).Add(1, int64(len(k.body)))
		sizes.Total += int64(len(k.body))
	}
	for _, value := range s.values {
		sizes.Values.Add(1, int64(len(value.data)))
		sizes.Total += int64(len(value.data))
	}
	return sizes, nil
}
