package engine

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

// FullDisk returns the error of an engine whose disk is full, in the words of the process that runs it; nil if there is space.
func FullDisk(h *home.Home) error {
	if h.IsFull() {
		return diskFull(h)
	}
	return nil
}

// KnownRuns returns the ids of the runs that the engine's database of a home has, without an engine: none where there is no
// database, because it was moved away for example. It changes nothing.
func KnownRuns(ctx context.Context, h *home.Home) (known map[string]bool, err error) {
	known = map[string]bool{}
	if _, err := os.Stat(h.EngineDB()); errors.Is(err, fs.ErrNotExist) {
		return known, nil
	}
	db, err := sql.Open("sqlite", "file:"+uriPath(h.EngineDB())+"?mode=ro&_pragma=busy_timeout(2000)&_pragma=query_only(1)")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, "SELECT workflow_id FROM current_executions")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var run string
		if err := rows.Scan(&run); err != nil {
			return nil, err
		}
		known[run] = true
	}
	return known, rows.Err()
}
