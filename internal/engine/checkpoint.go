package engine

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

// checkpointTimeout bounds how long a stop waits for the server's checkpoint: more than the interval in homeconfig.yaml. Without
// it, the next start does some tasks again.
const checkpointTimeout = 1500 * time.Millisecond

// checkpointPoll is how often a stop looks whether the checkpoint has been made.
const checkpointPoll = 10 * time.Millisecond

// awaitCheckpoint waits until the server has removed from the database the tasks of its queues that are done, or the timeout.
func awaitCheckpoint(h *home.Home) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), checkpointTimeout)
	defer cancel()
	db, err := openDatabase(h.EngineDB())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ticker := time.NewTicker(checkpointPoll)
	defer ticker.Stop()
	for {
		queued, err := hasQueuedTasks(ctx, db)
		if ctx.Err() != nil || err == nil && !queued {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// hasQueuedTasks reports whether the database has tasks of the history service. Timers are none: they stay until they are due.
func hasQueuedTasks(ctx context.Context, db *sql.DB) (queued bool, err error) {
	const query = "SELECT EXISTS (SELECT 1 FROM transfer_tasks) OR EXISTS (SELECT 1 FROM visibility_tasks)"
	err = db.QueryRowContext(ctx, query).Scan(&queued)
	return queued, err
}
