package export

import (
	"context"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// failed passes the items that failed, with their last attempts.
func (r *Records) failed(ctx context.Context, pass func(*view.Item) error) error {
	return r.EachAttempts(ctx, func(item value.Value, attempts []resultstore.Record) error {
		last := attempts[len(attempts)-1]
		if last.Error == nil || last.Status.OfItem() != protocol.Failed {
			return nil
		}
		return pass(&view.Item{Task: r.task, Item: item, Index: last.Item, Status: protocol.Failed, Error: view.NewError(last.Error)})
	})
}
