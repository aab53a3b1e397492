package stories_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"

	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/proto"
	_ "modernc.org/sqlite" // The driver "sqlite".
)

// runType is the workflow type of a run, as it stands in every history.
const runType = "gleitzeit.run"

// historyFile is the engine's database, read beside the program, or after its end: what Temporal has recorded of the one
// run that was started in a home.
type historyFile struct {
	t    testing.TB
	db   *sql.DB
	tree []byte // Which history is the run's; the engine keeps some of its own.
}

func openHistory(t testing.TB, u *user) *historyFile {
	t.Helper()
	path := filepath.Join(u.Home, "engine.db")
	eventually(t, path+" appears", func() bool { return exists(path) })
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)")
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	return &historyFile{t: t, db: db}
}

// batch is some events that were recorded at once.
type batch struct {
	first, txn int64 // The first event's id, and which write it was: a later one replaces what a kill left half done.
	events     []*historypb.HistoryEvent
}

// find looks for the run's history; false means that it has not started.
func (f *historyFile) find() bool {
	f.t.Helper()
	if f.tree != nil {
		return true
	}
	for _, row := range f.rows("SELECT tree_id, node_id, txn_id, prev_txn_id, data FROM history_node WHERE node_id = 1") {
		for _, event := range row.events {
			if event.GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName() == runType {
				f.tree = row.tree
			}
		}
	}
	return f.tree != nil
}

// last is the id of the first event of what was recorded last, 0 before the run has started.
func (f *historyFile) last() int64 {
	f.t.Helper()
	if !f.find() {
		return 0
	}
	var last int64
	must(f.t, f.db.QueryRow("SELECT max(node_id) FROM history_node WHERE tree_id = ?", f.tree).Scan(&last))
	return last
}

// batches reads the history from its beginning: each batch names the write before it, and of two the later counts.
func (f *historyFile) batches() []batch {
	f.t.Helper()
	if !f.find() {
		return nil
	}
	rows := f.rows("SELECT tree_id, node_id, txn_id, prev_txn_id, data FROM history_node WHERE tree_id = ? ORDER BY node_id", f.tree)
	var all []batch
	next, before := int64(1), int64(0)
	for {
		found := slices.IndexFunc(rows, func(r row) bool { return r.first == next && r.previous == before && !later(rows, r) })
		if found < 0 {
			return all
		}
		all = append(all, rows[found].batch)
		next, before = next+int64(len(rows[found].events)), rows[found].txn
	}
}

func later(rows []row, than row) bool {
	return slices.ContainsFunc(rows, func(r row) bool {
		return r.first == than.first && r.previous == than.previous && r.txn > than.txn
	})
}

type row struct {
	batch
	tree     []byte
	previous int64
}

func (f *historyFile) rows(query string, args ...any) []row {
	f.t.Helper()
	found, err := f.db.Query(query, args...)
	must(f.t, err)
	defer func() { must(f.t, found.Close()) }()
	var rows []row
	for found.Next() {
		var r row
		var data []byte
		must(f.t, found.Scan(&r.tree, &r.first, &r.txn, &r.previous, &data))
		r.txn = -r.txn // So the server keeps it, to find the latest first.
		history := &historypb.History{}
		must(f.t, proto.Unmarshal(data, history))
		r.events = history.GetEvents()
		rows = append(rows, r)
	}
	must(f.t, found.Err())
	return rows
}

// completed lists the tasks whose completion the batches hold, in their order.
func completed(batches []batch) []string {
	tasks := map[int64]string{}
	var done []string
	for _, b := range batches {
		for _, event := range b.events {
			switch event.GetEventType() {
			case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
				tasks[event.GetEventId()] = event.GetActivityTaskScheduledEventAttributes().GetActivityId()
			case enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
				done = append(done, tasks[event.GetActivityTaskCompletedEventAttributes().GetScheduledEventId()])
			}
		}
	}
	return done
}

// closed tells whether the engine knows that the run has completed. Its last event is written a moment before that.
func (f *historyFile) closed(workflow string) bool {
	f.t.Helper()
	const completed = 3
	var runs int
	must(f.t, f.db.QueryRow("SELECT count(*) FROM current_executions WHERE workflow_id LIKE ? AND state = ?", workflow+"-%", completed).Scan(&runs))
	return runs == 1
}

// scheduled counts how often each task was scheduled.
func scheduled(batches []batch) map[string]int {
	times := map[string]int{}
	for _, b := range batches {
		for _, event := range b.events {
			if attributes := event.GetActivityTaskScheduledEventAttributes(); attributes != nil {
				times[attributes.GetActivityId()]++
			}
		}
	}
	return times
}

// kept are those of the batches that are still part of a later reading of the same history.
func kept(earlier, now []batch) []batch {
	var still []batch
	for i := range earlier {
		if i < len(now) && earlier[i].first == now[i].first && earlier[i].txn == now[i].txn {
			still = append(still, earlier[i])
		}
	}
	return still
}
