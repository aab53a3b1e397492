package engine

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	enumsspb "go.temporal.io/server/api/enums/v1"
	persistencespb "go.temporal.io/server/api/persistence/v1"
	"go.temporal.io/server/common/primitives"
	"google.golang.org/protobuf/proto"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

// unusedQueues are the conditions under which a task queue's row is removed: no task waits in it, in either form in which the
// server keeps tasks, and of whatever priority. The id of a queue is its namespace, its name and a byte for its kind; the id of
// its tasks has the same beginning. The server writes the row again when the queue is next used.
const unusedQueues = `NOT EXISTS (
	SELECT 1 FROM (SELECT DISTINCT task_queue_id AS id FROM tasks UNION SELECT DISTINCT task_queue_id FROM tasks_v2) AS waiting
	WHERE substr(waiting.id, 1, length(task_queue_id) - 1) = substr(task_queue_id, 1, length(task_queue_id) - 1))`

// usedIndexes are the indexes of runs that queries of Gleitzeit and of the Web UI's list need. The server's schema has 50 more,
// one for each attribute, set or not: they were a third of what a run took, and most of what the server wrote.
var usedIndexes = []string{"default_idx", "by_status", "by_workflow_id"}

// sweepStopped sweeps after the server has stopped. What an error leaves is removed by the next start.
func (e *Engine) sweepStopped() {
	if err := sweepHome(context.Background(), e.home); err != nil {
		e.log.Warn("cannot sweep the engine's database", "error", err)
	}
}

func sweepHome(ctx context.Context, h *home.Home) (err error) {
	db, err := openDatabase(h.EngineDB())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return sweep(ctx, db)
}

// sweep removes what earlier processes left in the database and no process uses again. No server may run on it: every process
// has task queues of its own, for its runs and for the workflows that its workers keep in memory.
func sweep(ctx context.Context, db *sql.DB) (err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	if err := deleteTasksOfClosedRuns(ctx, tx); err != nil {
		return err
	}
	for _, table := range []string{"task_queues", "task_queues_v2"} {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE "+unusedQueues); err != nil {
			return err
		}
	}
	if err := dropUnusedIndexes(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

// deleteTasksOfClosedRuns removes tasks that wait in task queues although their run has closed, or was deleted. The server leaves
// tasks that a worker has had for 15 seconds, and reads them again when somebody polls their queue: for a queue of a process that
// has ended, nobody does.
func deleteTasksOfClosedRuns(ctx context.Context, tx *sql.Tx) error {
	open, err := openRuns(ctx, tx)
	if err != nil {
		return err
	}
	for _, table := range []string{"tasks", "tasks_v2"} {
		rows, err := closedTasks(ctx, tx, table, open)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE rowid = ?", row); err != nil {
				return err
			}
		}
	}
	return nil
}

// openRuns returns the run ids of the runs that have not closed: of the runs of one id, only the current one can be open.
func openRuns(ctx context.Context, tx *sql.Tx) (open map[string]bool, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT run_id FROM current_executions WHERE state <> ?1 "+
		"UNION ALL SELECT run_id FROM current_chasm_executions WHERE state <> ?1", enumsspb.WORKFLOW_EXECUTION_STATE_COMPLETED)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	open = map[string]bool{}
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		open[primitives.UUIDString(id)] = true
	}
	return open, rows.Err()
}

// closedTasks returns the rows of a table whose tasks belong to no open run. A task that names no run is none of them.
func closedTasks(ctx context.Context, tx *sql.Tx, table string, open map[string]bool) (closed []int64, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT rowid, data FROM "+table+" WHERE data_encoding = ?", enumspb.ENCODING_TYPE_PROTO3.String())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var row int64
		var data []byte
		if err := rows.Scan(&row, &data); err != nil {
			return nil, err
		}
		var task persistencespb.AllocatedTaskInfo
		if err := proto.Unmarshal(data, &task); err != nil {
			return nil, err
		}
		if id := task.GetData().GetRunId(); id != "" && !open[id] {
			closed = append(closed, row)
		}
	}
	return closed, rows.Err()
}

// dropUnusedIndexes removes indexes of the server's schema. They serve no constraint, and a server that finds them missing
// scans the runs instead.
func dropUnusedIndexes(ctx context.Context, tx *sql.Tx) error {
	names, err := visibilityIndexes(ctx, tx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if slices.Contains(usedIndexes, name) {
			continue
		}
		if _, err := tx.ExecContext(ctx, `DROP INDEX "`+name+`"`); err != nil {
			return err
		}
	}
	return nil
}

// visibilityIndexes returns the names of the indexes of runs. Those that SQLite made for a constraint have no text.
func visibilityIndexes(ctx context.Context, tx *sql.Tx) (names []string, err error) {
	rows, err := tx.QueryContext(ctx,
		"SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'executions_visibility' AND sql IS NOT NULL")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
