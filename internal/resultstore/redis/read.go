package redis

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/packed"
)

// optional returns empty text for a missing key.
func optional(text string, err error) (string, error) {
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return text, err
}

// Value implements resultstore.Store.
func (s *Store) Value(ctx context.Context, ref protocol.Ref) ([]byte, error) {
	content, err := do(ctx, s, func(ctx context.Context) ([]byte, error) {
		content, err := s.client.Get(ctx, prefix+"value:"+ref.Hash).Bytes()
		if errors.Is(err, redis.Nil) {
			return nil, resultstore.ErrNotFound
		}
		return content, err
	})
	if err != nil {
		return nil, err
	}
	encoding, data, _ := bytes.Cut(content, []byte(":"))
	value, err := s.codec.Unpack(packed.Value{Hash: ref.Hash, Encoding: string(encoding), Data: data})
	if err != nil {
		return nil, s.damaged(err)
	}
	return value, nil
}

// Records implements resultstore.Store.
func (s *Store) Records(ctx context.Context, query resultstore.Query) ([]resultstore.Record, error) {
	bodies, err := do(ctx, s, func(ctx context.Context) ([]string, error) {
		if query.Run == "" {
			filter := cmp.Or(escape(query.Workflow), all) + ":" + cmp.Or(escape(string(query.Status)), all)
			run := field(resultstore.Key{Item: protocol.NoItem})
			before := "+"
			if !query.Before.IsZero() {
				before = "(1" + moment(query.Before)
			}
			since := "-"
			if !query.Since.IsZero() {
				since = "[1" + moment(query.Since)
			}
			most := cmp.Or(query.Limit, -1)
			return runsScript.Run(ctx, s.client, nil, prefix, filter, run, before, since, most).StringSlice()
		}
		from, to := fieldsOf(query)
		most := query.Limit
		if most == 0 || ofItem(query) {
			most = -1
		}
		return runScript.Run(ctx, s.client, nil, prefix, escape(query.Run), escape(query.Execution), from, to, most).StringSlice()
	})
	if err != nil {
		return nil, err
	}
	records := make([]resultstore.Record, len(bodies))
	for i, body := range bodies {
		if err := json.Unmarshal([]byte(body), &records[i]); err != nil {
			return nil, s.damaged(fmt.Errorf("cannot read a record: %w", err))
		}
	}
	if query.Run != "" && query.Kind != "" && query.Kind != resultstore.Run {
		// Keys only distinguish runs from other kinds.
		records = slices.DeleteFunc(records, func(r resultstore.Record) bool { return r.Kind != query.Kind })
	}
	if !ofItem(query) {
		return records, nil
	}
	records = slices.DeleteFunc(records, func(r resultstore.Record) bool { return r.Item != *query.Item })
	if query.Limit > 0 && len(records) > query.Limit {
		records = records[:query.Limit]
	}
	return records, nil
}

// ofItem reports whether the query selects an item of every task, which is not a range of keys: Records filters those itself.
func ofItem(query resultstore.Query) bool {
	return query.Run != "" && query.Task == "" && query.Item != nil
}
