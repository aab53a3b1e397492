package redis

import (
	_ "embed"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/gleitzeit/gleitzeit/internal/resultstore"
)

// The keys in the server. RUN, EXECUTION, WORKFLOW and STATUS are escaped as in the query of a URL, so that any text is
// possible and none of them contains a colon or an asterisk.
//
//	gleitzeit:schema                    version of all this
//	gleitzeit:puts                      counts records that were put
//	gleitzeit:value:HASH                ENCODING:DATA
//	gleitzeit:valuetimes                sorted set of HASH by when it was last put, in milliseconds since 1970
//	gleitzeit:records:RUN:EXECUTION     hash, from the record's key to its JSON
//	gleitzeit:order:RUN:EXECUTION       sorted set of those keys
//	gleitzeit:place:RUN:EXECUTION       hash: where the sorted sets below have it
//	gleitzeit:executions:RUN            sorted set of POSITION EXECUTION
//	gleitzeit:runs:WORKFLOW|*:STATUS|*  sorted set of POSITION RUN:EXECUTION, one for each filter
//
// All other scores are 0: the members' bytes are the order. A POSITION is 33 characters: whether the run itself is recorded,
// when it started, and when that was put. Records of a run stand in the order of their keys, so that every read is one
// range and putting a record touches the same few keys however many there are.
const (
	prefix = "gleitzeit:"
	schema = "2" // Any change of the keys above is a new version.
	// former is the version without times of values, which is used as it is: Prune adds the times.
	former = "1"
	all    = "*"
)

// The scripts are atomic. They compute names of keys, which a Redis Cluster does not allow.
var (
	//go:embed put.lua
	putSource string
	//go:embed run.lua
	runSource string
	//go:embed runs.lua
	runsSource string
	//go:embed drop.lua
	dropSource string
	//go:embed sweep.lua
	sweepSource string

	putScript   = redis.NewScript(putSource)
	runScript   = redis.NewScript(runSource)
	runsScript  = redis.NewScript(runsSource)
	dropScript  = redis.NewScript(dropSource)
	sweepScript = redis.NewScript(sweepSource)
)

var escape = url.QueryEscape

// field returns the key of a record in its execution. Its bytes sort by task, item and attempt.
func field(key resultstore.Key) string {
	return startOf(key.Task) + ordered(int64(key.Item)) + ordered(int64(key.Attempt))
}

// startOf returns the prefix of the keys of a task's records, and of no others. A zero byte ends the task's name, so that no
// name is a prefix of another one.
func startOf(task string) string {
	return strings.ReplaceAll(task, "\x00", "\x00\x01") + "\x00\x00"
}

// fieldsOf returns the range of keys of a query, for ZRANGEBYLEX.
func fieldsOf(query resultstore.Query) (from, to string) {
	const run = "" // A run's record has no task.
	task := func(task string) (from, to string) {
		start := startOf(task)
		return "[" + start, "(" + start[:len(start)-1] + "\x01"
	}
	switch {
	case query.Task != "" && query.Kind == resultstore.Run:
		return "(", "(" // Nothing.
	case query.Task != "" && query.Item != nil:
		last := *query.Item
		if query.Last != nil {
			last = *query.Last
		}
		start := startOf(query.Task)
		return "[" + start + ordered(int64(*query.Item)), "[" + start + ordered(int64(last)) + "\xff" // Attempts are hexadecimal digits.
	case query.Task != "":
		return task(query.Task)
	case query.Kind == resultstore.Run:
		return task(run)
	case query.Kind == resultstore.Task:
		_, end := task(run)
		return "[" + end[1:], "+"
	}
	return "-", "+"
}

// ordered returns a number as text that sorts like the number.
func ordered(n int64) string {
	return fmt.Sprintf("%016x", uint64(n)^1<<63)
}

// moment returns a time as text that sorts like the time; no time comes first.
func moment(t time.Time) string {
	if t.IsZero() {
		return ordered(0)
	}
	return ordered(t.UnixNano())
}
