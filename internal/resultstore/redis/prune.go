package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

const (
	prunedAtOnce = 200  // Records or values that one call of Prune removes: the server answers nobody else meanwhile.
	scannedKeys  = 1000 // Keys or fields that one call of Prune reads, about.
)

// pruning is one Prune.
type pruning struct {
	*Store
	resultstore.PruneRequest
	pruned resultstore.Pruned
	used   resultstore.Hashes // Hashes in the records that remain.
}

// Prune implements resultstore.Store. As in SQLite, a value is removed only where the same step still finds it put before
// Unused.
func (s *Store) Prune(ctx context.Context, request resultstore.PruneRequest) (resultstore.Pruned, error) {
	p := &pruning{Store: s, PruneRequest: request, used: resultstore.Hashes{}}
	_, err := do(ctx, s, func(ctx context.Context) (any, error) { return nil, p.run(ctx) })
	return p.pruned, err
}

func (p *pruning) run(ctx context.Context) error {
	named := map[string]bool{}
	for _, execution := range p.Executions {
		run, of := escape(execution.Run), escape(execution.Execution)
		named[run+":"+of] = true
		if err := p.drop(ctx, run, of); err != nil {
			return err
		}
	}
	if err := p.dropCached(ctx); err != nil || p.Unused.IsZero() {
		return err
	}
	err := p.eachKey(ctx, func(keys []string) error {
		var values []redis.Z
		for _, key := range keys {
			kind, name, _ := strings.Cut(strings.TrimPrefix(key, prefix), ":")
			switch {
			case kind == "value":
				values = append(values, redis.Z{Score: float64(time.Now().UnixMilli()), Member: name})
			case kind == "records" && !named[name]:
				if err := p.visit(ctx, name); err != nil {
					return err
				}
			}
		}
		if p.DryRun || len(values) == 0 {
			return nil
		}
		// An earlier version put values without a time.
		return p.client.ZAddNX(ctx, prefix+"valuetimes", values...).Err()
	})
	if err != nil {
		return err
	}
	return p.sweep(ctx)
}

// drop removes the records of an execution.
func (p *pruning) drop(ctx context.Context, run, execution string) error {
	if p.DryRun {
		return p.eachRecord(ctx, run+":"+execution, func(_ string, r resultstore.Record, body string) {
			p.pruned.Of(r.Kind).Add(1, int64(len(body)))
		})
	}
	for {
		n, err := dropScript.Run(ctx, p.client, nil, prefix, run, execution, prunedAtOnce).Int64Slice()
		if err != nil {
			return err
		}
		p.pruned.Tasks.Add(n[0], n[1])
		if n[2] > 0 {
			p.pruned.Runs.Add(1, n[2])
		}
		if n[3] == 0 {
			return nil
		}
	}
}

// dropCached removes Cached records of calls that started before Before.
func (p *pruning) dropCached(ctx context.Context) error {
	if p.Before.IsZero() {
		return nil
	}
	calls := resultstore.CallKey("").Of()
	name := escape(calls.Run) + ":" + escape(calls.Execution)
	var old []string
	err := p.eachRecord(ctx, name, func(field string, r resultstore.Record, body string) {
		if r.StartedAt.Before(p.Before) {
			old = append(old, field)
			p.pruned.Cached.Add(1, int64(len(body)))
		}
	})
	if err != nil || p.DryRun {
		return err
	}
	for len(old) > 0 {
		some := old[:min(len(old), prunedAtOnce)]
		old = old[len(some):]
		members := make([]any, len(some))
		for i, field := range some {
			members[i] = field
		}
		// In this order: a reader finds each member's record, and after a kill the next Prune finds the record without one.
		_, err := p.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.ZRem(ctx, prefix+"order:"+name, members...)
			pipe.HDel(ctx, prefix+"records:"+name, some...)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// visit collects the hashes in the records of an execution, or removes them where they are of no run and started before Unused.
func (p *pruning) visit(ctx context.Context, name string) error {
	found, last, tasksOnly := resultstore.Hashes{}, time.Time{}, true
	var size resultstore.Size
	err := p.eachRecord(ctx, name, func(_ string, r resultstore.Record, body string) {
		if r.Kind == resultstore.Cached && p.DryRun && r.StartedAt.Before(p.Before) {
			return
		}
		found.Scan([]byte(body))
		size.Add(1, int64(len(body)))
		tasksOnly = tasksOnly && (r.Kind == resultstore.Task || r.Kind == resultstore.Chunk || r.Kind == resultstore.Round || r.Kind == resultstore.Step)
		if r.StartedAt.After(last) {
			last = r.StartedAt
		}
	})
	if err != nil {
		return err
	}
	if run, execution, _ := strings.Cut(name, ":"); size.Count > 0 && tasksOnly && last.Before(p.Unused) {
		return p.drop(ctx, run, execution)
	}
	for hash := range found {
		p.used[hash] = struct{}{}
	}
	return nil
}

// sweep removes the values that nothing refers to.
func (p *pruning) sweep(ctx context.Context) error {
	before := p.Unused.UnixMilli()
	for cursor := uint64(0); ; {
		pairs, next, err := p.client.ZScan(ctx, prefix+"valuetimes", cursor, "", scannedKeys).Result()
		if err != nil {
			return err
		}
		var unused []string
		for i := 0; i+1 < len(pairs); i += 2 {
			at, err := strconv.ParseFloat(pairs[i+1], 64)
			if err == nil && int64(at) < before && !p.used.Has(pairs[i]) && !p.Keep.Has(pairs[i]) {
				unused = append(unused, pairs[i])
			}
		}
		if err := p.removeValues(ctx, unused); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

func (p *pruning) removeValues(ctx context.Context, unused []string) error {
	if p.DryRun {
		sizes, err := p.lengths(ctx, unused)
		p.pruned.Values.Add(int64(len(unused)), sizes)
		return err
	}
	for len(unused) > 0 {
		some := unused[:min(len(unused), prunedAtOnce)]
		unused = unused[len(some):]
		args := []any{prefix, p.Unused.UnixMilli()}
		for _, hash := range some {
			args = append(args, hash)
		}
		n, err := sweepScript.Run(ctx, p.client, nil, args...).Int64Slice()
		if err != nil {
			return err
		}
		p.pruned.Values.Add(n[0], n[1])
	}
	return nil
}

// eachKey visits all keys of the store, some of them twice if they change meanwhile.
func (s *Store) eachKey(ctx context.Context, visit func(keys []string) error) error {
	for cursor := uint64(0); ; {
		keys, next, err := s.client.Scan(ctx, cursor, prefix+"*", scannedKeys).Result()
		if err != nil {
			return err
		}
		if err := visit(keys); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// eachRecord visits the records of an execution.
func (s *Store) eachRecord(ctx context.Context, name string, visit func(field string, r resultstore.Record, body string)) error {
	seen := map[string]bool{} // HSCAN may return a field twice.
	for cursor := uint64(0); ; {
		pairs, next, err := s.client.HScan(ctx, prefix+"records:"+name, cursor, "", scannedKeys).Result()
		if err != nil {
			return err
		}
		for i := 0; i+1 < len(pairs); i += 2 {
			var r resultstore.Record
			if err := json.Unmarshal([]byte(pairs[i+1]), &r); err != nil {
				return s.damaged(fmt.Errorf("cannot read a record: %w", err))
			}
			if !seen[pairs[i]] {
				seen[pairs[i]] = true
				visit(pairs[i], r, pairs[i+1])
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// lengths returns the bytes of values, of which all may be gone.
func (s *Store) lengths(ctx context.Context, hashes []string) (bytes int64, err error) {
	if len(hashes) == 0 {
		return 0, nil
	}
	answers, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, hash := range hashes {
			pipe.StrLen(ctx, prefix+"value:"+hash)
		}
		return nil
	})
	for _, answer := range answers {
		if length, is := answer.(*redis.IntCmd); is {
			bytes += length.Val()
		}
	}
	return bytes, err
}

// Sizes implements resultstore.Store.
func (s *Store) Sizes(ctx context.Context) (resultstore.Sizes, error) {
	return do(ctx, s, func(ctx context.Context) (resultstore.Sizes, error) {
		var sizes resultstore.Sizes
		err := s.eachKey(ctx, func(keys []string) error {
			var hashes []string
			for _, key := range keys {
				kind, name, _ := strings.Cut(strings.TrimPrefix(key, prefix), ":")
				switch kind {
				case "value":
					hashes = append(hashes, name)
				case "records":
					err := s.eachRecord(ctx, name, func(_ string, r resultstore.Record, body string) { sizes.Of(r.Kind).Add(1, int64(len(body))) })
					if err != nil {
						return err
					}
				}
			}
			bytes, err := s.lengths(ctx, hashes)
			if err != nil {
				return err
			}
			sizes.Values.Add(int64(len(hashes)), bytes)
			used, err := s.memory(ctx, keys)
			sizes.Total += used
			return err
		})
		return sizes, err
	})
}

// memory returns what the keys take in the memory of the server.
func (s *Store) memory(ctx context.Context, keys []string) (bytes int64, err error) {
	if len(keys) == 0 {
		return 0, nil
	}
	answers, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for _, key := range keys {
			pipe.MemoryUsage(ctx, key)
		}
		return nil
	})
	if errors.Is(err, redis.Nil) {
		err = nil // A key is gone.
	}
	for _, answer := range answers {
		if used, is := answer.(*redis.IntCmd); is {
			bytes += used.Val()
		}
	}
	return bytes, err
}
