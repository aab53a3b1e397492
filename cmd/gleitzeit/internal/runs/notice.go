package runs

import (
	"fmt"
	"sync"
	"time"
)

// NoticeKind is the kind of a notice.
type NoticeKind string

// The kinds of notices.
const (
	Started         NoticeKind = "started"
	Attached        NoticeKind = "attached" // Another process, or call, executes the run.
	Resumed         NoticeKind = "resumed"
	Restarted       NoticeKind = "restarted"  // Tasks of a resumed run that were interrupted.
	TakesOver       NoticeKind = "takes_over" // The run takes over results of an earlier one.
	TookOver        NoticeKind = "took_over"  // The process that executed the run has stopped.
	FinishedEarlier NoticeKind = "finished_earlier"
	Cancelling      NoticeKind = "cancelling"
	Cancelled       NoticeKind = "cancelled"
	TimedOut        NoticeKind = "timed_out"
	ItemsFailed     NoticeKind = "items_failed" // The run completed, and items of it failed.
	Unfinished      NoticeKind = "unfinished"   // Only what has ended is shown.
	Interrupted     NoticeKind = "interrupted"  // The run is open, and no process executes it.
	Ended           NoticeKind = "ended"
	Unserved        NoticeKind = "unserved"           // Nobody serves a queue that the run needs.
	NotExecutable   NoticeKind = "not_executable"     // The run cannot be executed now.
	Unreachable     NoticeKind = "engine_unreachable" // The engine, or the Temporal server, does not answer.
	Reachable       NoticeKind = "engine_reachable"   // It answers again.
	Problem         NoticeKind = "problem"            // Of the store or the engine: a full disk, say.
	InMemory        NoticeKind = "in_memory"
	Warning         NoticeKind = "warning"
	Pruned          NoticeKind = "pruned"
	Ready           NoticeKind = "ready" // A worker serves its queue.
	Text            NoticeKind = "text"  // A line of progress, of a log, or of what is said to people.
	Files           NoticeKind = "files" // Which files a batch takes, and which not.
)

// Notice is something that people should know while runs are executed or followed.
type Notice struct {
	Kind    NoticeKind `json:"notice"`
	Run     string     `json:"run,omitempty"`
	Message string     `json:"message"` // For people, on one line.
}

func (c *connection) notify(kind NoticeKind, run, format string, args ...any) {
	c.options.Notify(Notice{Kind: kind, Run: run, Message: fmt.Sprintf(format, args...)})
}

// sameOutage is how long after an error of the store an equal one belongs to the same outage: many records wait for the store at once.
const sameOutage = 10 * time.Second

// notifyStoreError returns a function that notifies of an error of the store, once for each outage.
func (c *connection) notifyStoreError() func(error) {
	var mu sync.Mutex
	var last string
	var at time.Time
	return func(err error) {
		mu.Lock()
		defer mu.Unlock()
		same := err.Error() == last && time.Since(at) < sameOutage
		if last, at = err.Error(), time.Now(); !same {
			c.notify(Problem, "", "%s", err)
		}
	}
}
