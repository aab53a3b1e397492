package engine

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	enumsspb "go.temporal.io/server/api/enums/v1"
	persistencespb "go.temporal.io/server/api/persistence/v1"
	"go.temporal.io/server/common/primitives"
	"google.golang.org/protobuf/proto"

	"github.com/gleitzeit/gleitzeit/internal/home"
)

// usedIndexes are the indexes of runs that queries of Gleitzeit and of the Web UI's list need. The server's schema has 50 more,
// one for each attribute, set or not: they were a third of what a run took, and most of what the server wrote.
var usedIndexes = []string{"default_idx", "by_status", "by_workflow_id"}

// sweepHome is sweep for a server that has stopped.
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
	if err := deleteTimeoutsOfClosedRuns(ctx, tx); err != nil {
		return err
	}
	if err := deleteUnusedQueues(ctx, tx); err != nil {
		return err
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
	for _, table := range taskTables {
		tasks, err := rowsOf(ctx, tx, "SELECT rowid, data FROM "+table+" WHERE data_encoding = ?", enumspb.ENCODING_TYPE_PROTO3.String())
		if err != nil {
			return err
		}
		for _, task := range tasks {
			open, err := hasOpenRun(ctx, tx, task.value)
			if err != nil {
				return err
			}
			if open {
				continue
			}
			if err := deleteRow(ctx, tx, table, task); err != nil {
				return err
			}
		}
	}
	return nil
}

// deleteTimeoutsOfClosedRuns removes timeouts of workflow tasks, activities and timers whose run has closed, or was deleted, if they
// are due within a minute: what a short process would handle. The server ignores them, but only after it has loaded each one's run:
// after a process that made a hundred runs a second, several starts took twice as long. Those that are due later cost nothing yet.
func deleteTimeoutsOfClosedRuns(ctx context.Context, tx *sql.Tx) error {
	const due = "SELECT rowid, data FROM timer_tasks WHERE shard_id = 1 AND visibility_timestamp < datetime('now', '+1 minute') AND data_encoding = ?"
	timers, err := rowsOf(ctx, tx, due, enumspb.ENCODING_TYPE_PROTO3.String())
	if err != nil {
		return err
	}
	known := map[string]bool{} // By run: whether it is open.
	for _, timer := range timers {
		var task persistencespb.TimerTaskInfo
		if err := proto.Unmarshal(timer.value, &task); err != nil {
			return err
		}
		if !slices.Contains(timeouts, task.GetTaskType()) {
			continue
		}
		open, found := known[task.GetRunId()]
		if !found {
			if open, err = isOpen(ctx, tx, task.GetNamespaceId(), task.GetWorkflowId(), task.GetRunId()); err != nil {
				return err
			}
			known[task.GetRunId()] = open
		}
		if open {
			continue
		}
		if err := deleteRow(ctx, tx, "timer_tasks", timer); err != nil {
			return err
		}
	}
	return nil
}

// timeouts are the kinds of the server's timers that concern nothing but an open run. Others delete its history, or continue it.
var timeouts = []enumsspb.TaskType{
	enumsspb.TASK_TYPE_WORKFLOW_TASK_TIMEOUT, enumsspb.TASK_TYPE_ACTIVITY_TIMEOUT, enumsspb.TASK_TYPE_USER_TIMER,
}

// hasOpenRun reports whether the run of a task, as the server encodes it, is open.
func hasOpenRun(ctx context.Context, tx *sql.Tx, encoded []byte) (open bool, err error) {
	var task persistencespb.AllocatedTaskInfo
	if err := proto.Unmarshal(encoded, &task); err != nil {
		return false, err
	}
	namespaceID, id, runID := task.GetData().GetNamespaceId(), task.GetData().GetWorkflowId(), task.GetData().GetRunId()
	if encoded := task.GetData().GetComponentRef(); len(encoded) > 0 { // The task of an activity without a workflow.
		var of persistencespb.ChasmComponentRef
		if err := proto.Unmarshal(encoded, &of); err != nil {
			return false, err
		}
		namespaceID, id, runID = of.GetNamespaceId(), of.GetBusinessId(), of.GetRunId()
	}
	return isOpen(ctx, tx, namespaceID, id, runID)
}

// currentRuns selects from the runs of an id, of workflows and of activities without one, the last, if it has not closed: no other
// can be open.
const currentRuns = "SELECT run_id FROM current_executions WHERE shard_id = 1 AND namespace_id = ?1 AND workflow_id = ?2 AND state <> ?3 " +
	"UNION ALL SELECT run_id FROM current_chasm_executions WHERE shard_id = 1 AND namespace_id = ?1 AND business_id = ?2 AND state <> ?3"

// isOpen reports whether a run is open. One without an id counts as open.
func isOpen(ctx context.Context, tx *sql.Tx, namespaceID, id, runID string) (open bool, err error) {
	if runID == "" {
		return true, nil
	}
	namespace, err := primitives.ParseUUID(namespaceID)
	if err != nil {
		return false, err
	}
	run, err := primitives.ParseUUID(runID)
	if err != nil {
		return false, err
	}
	err = tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM ("+currentRuns+") WHERE run_id = ?4)",
		[]byte(namespace), id, enumsspb.WORKFLOW_EXECUTION_STATE_COMPLETED, []byte(run)).Scan(&open)
	return open, err
}

// deleteUnusedQueues removes task queues in which no task waits, in either form in which the server keeps tasks and of whatever
// priority. The server writes them again when they are next used. The id of a queue is its namespace, its name and a byte for its
// kind; the ids under which its tasks are kept have the same beginning.
func deleteUnusedQueues(ctx context.Context, tx *sql.Tx) error {
	var waiting []string
	for _, table := range taskTables {
		ids, err := rowsOf(ctx, tx, "SELECT min(rowid), task_queue_id FROM "+table+" GROUP BY task_queue_id")
		if err != nil {
			return err
		}
		for _, id := range ids {
			waiting = append(waiting, string(id.value))
		}
	}
	slices.Sort(waiting)
	for _, table := range []string{"task_queues", "task_queues_v2"} {
		queues, err := rowsOf(ctx, tx, "SELECT rowid, task_queue_id FROM "+table)
		if err != nil {
			return err
		}
		for _, queue := range queues {
			name := string(queue.value[:max(0, len(queue.value)-1)])
			if next, _ := slices.BinarySearch(waiting, name); next < len(waiting) && strings.HasPrefix(waiting[next], name) {
				continue
			}
			if err := deleteRow(ctx, tx, table, queue); err != nil {
				return err
			}
		}
	}
	return nil
}

// taskTables has the tables of tasks in task queues: those of queues without and with fairness.
var taskTables = []string{"tasks", "tasks_v2"}

// row is a row of a table with one of its columns.
type row struct {
	id    int64
	value []byte
}

func rowsOf(ctx context.Context, tx *sql.Tx, query string, args ...any) (found []row, err error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.id, &r.value); err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, rows.Err()
}

func deleteRow(ctx context.Context, tx *sql.Tx, table string, r row) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE rowid = ?", r.id)
	return err
}

// dropUnusedIndexes removes indexes of the server's schema. They serve no constraint, for which SQLite makes indexes without text,
// and a server that finds them missing scans the runs instead.
func dropUnusedIndexes(ctx context.Context, tx *sql.Tx) error {
	indexes, err := rowsOf(ctx, tx,
		"SELECT rowid, name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'executions_visibility' AND sql IS NOT NULL")
	if err != nil {
		return err
	}
	for _, index := range indexes {
		if name := string(index.value); !slices.Contains(usedIndexes, name) {
			if _, err := tx.ExecContext(ctx, `DROP INDEX "`+name+`"`); err != nil {
				return err
			}
		}
	}
	return nil
}
