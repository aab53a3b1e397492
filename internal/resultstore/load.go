package resultstore

import (
	"context"
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Load returns the value of a payload: the inline one, or that of the store under its Ref. An empty payload is null. The
// error is ErrNotFound, wrapped, where the store has no such value.
func Load(ctx context.Context, store Store, payload protocol.Payload) (value.Value, error) {
	switch {
	case payload.Inline != nil:
		return *payload.Inline, nil
	case payload.Ref == nil:
		return value.Value{}, nil
	}
	value.MakeRoom(int(payload.Ref.Size))
	data, err := store.Value(ctx, *payload.Ref)
	if err != nil {
		return value.Value{}, fmt.Errorf("cannot read value %.12s of %d bytes: %w", payload.Ref.Hash, payload.Ref.Size, err)
	}
	return value.ParseStored(data)
}
