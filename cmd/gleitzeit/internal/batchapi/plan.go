package batchapi

import (
	"fmt"
	"os"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/batch"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/requestfile"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// priority is that of the requests of batches: calls that somebody waits for go first.
const priority = "low"

// waiting is how many requests of a batch are in flight for each call that the servers take at once: while some are answered, and their
// results are stored, the next ones wait for a server already.
const waiting = 2

// atOnce returns how many requests of a batch are in flight: as many as keep all servers busy, and at least as many as of any run.
func atOnce(slots int) int {
	return min(max(waiting*slots, plan.DefaultMaxParallel), definition.MaxParallel)
}

// plan compiles the run of a batch, which `gleitzeit batch` would make of the same file. Its id is that of the batch, so that it starts at
// most once.
func (e *execution) plan(b *record) (*plan.Plan, error) {
	folder := e.storage.path(contentFolder)
	left := max(time.Until(time.Unix(b.ExpiresAt, 0)).Round(time.Second), time.Second)
	of := interpreter.Batch{
		Rows: b.Content, Requests: true, Method: llm.Request, Parameters: batch.RequestParameters(e.options.literalNames()), Priority: priority,
		MaxConcurrent: atOnce(e.options.Runs.Slots()), Deadline: fmt.Sprintf("%ds", int64(left.Seconds())),
	}
	compiled, found := interpreter.Compile(interpreter.Input{
		File: "batch", Text: of.Text(), Files: os.DirFS("/"), Folder: folder, FlowFolder: folder, Specs: e.options.Specs,
	})
	if compiled == nil {
		return nil, fmt.Errorf("cannot make a workflow of batch %s: %s", b.ID, found[0].Message)
	}
	compiled.ID, compiled.Name = b.ID, nameOf(b)
	for i := range compiled.Tasks { // A batch has time until its deadline: it ends the waiting.
		compiled.Tasks[i].Absence = protocol.SecondsOf(requestfile.LongestWindow)
	}
	return compiled, nil
}
