package redis

import (
	"context"
	"encoding/json"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// Put implements resultstore.Store. When the context ends Put returns at once; the batch may or may not be kept.
func (s *Store) Put(ctx context.Context, batch resultstore.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	args, err := s.arguments(batch)
	if err != nil {
		return err
	}
	_, err = do(ctx, s, func(ctx context.Context) (any, error) {
		return putScript.Run(ctx, s.client, nil, args...).Result()
	})
	return err
}

// arguments returns the arguments of put.lua.
func (s *Store) arguments(batch resultstore.Batch) ([]any, error) {
	if err := batch.Check(); err != nil {
		return nil, err
	}
	args := make([]any, 0, 3+2*len(batch.Values)+8*len(batch.Records))
	args = append(args, prefix, schema, len(batch.Values))
	for i, data := range batch.Values {
		value := s.codec.Pack(batch.Name(i), data)
		args = append(args, value.Hash, append([]byte(value.Encoding+":"), value.Data...))
	}
	for _, record := range batch.Records {
		body, err := json.Marshal(record)
		if err != nil {
			return nil, protocol.Errorf(protocol.InternalError, "cannot store a record of run %q: %v", record.Run, err).WithCause(err).WithKind(protocol.Permanent)
		}
		args = append(args, escape(record.Run), escape(record.Execution), field(record.Key), string(record.Kind),
			moment(record.StartedAt), escape(record.Workflow), escape(string(record.Status)), body)
	}
	return args, nil
}
