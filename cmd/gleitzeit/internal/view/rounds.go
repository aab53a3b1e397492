package view

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Round is a round of a task with `repeat` whose result is not that of the task.
type Round struct {
	Round      int          `json:"round"`
	FinishedAt time.Time    `json:"finished_at"`
	Attempts   int          `json:"attempts"`
	Result     *value.Value `json:"result,omitempty"`

	value *protocol.Ref
}

// maxRounds is how many rounds of a task a document has: the last ones.
const maxRounds = 100

// addRounds adds the rounds that are recorded.
func addRounds(ctx context.Context, store resultstore.Store, run resultstore.Key, t *Task) error {
	key := resultstore.RoundKey(resultstore.Key{Run: run.Run, Execution: run.Execution, Task: t.ID, Item: protocol.NoItem})
	records, err := store.Records(ctx, resultstore.Query{Run: key.Run, Execution: key.Execution, Kind: resultstore.Round, Task: key.Task, Item: &key.Item})
	if err != nil {
		return err
	}
	t.Rounds = max(t.Rounds, len(records))
	for _, record := range records[max(0, len(records)-maxRounds):] {
		t.Repeated = append(t.Repeated, Round{Round: record.Rounds, FinishedAt: record.FinishedAt.UTC(), Attempts: record.Attempts, value: record.Value})
	}
	return nil
}

// roundOf returns the round of the last group of texts in pages; 0 if there is none.
func roundOf(ctx context.Context, store resultstore.Store, pages []protocol.Page) (int, error) {
	if len(pages) == 0 {
		return 0, nil
	}
	groups, err := resultstore.LoadPage(ctx, store, pages[len(pages)-1])
	if err != nil || len(groups) == 0 {
		return 0, err
	}
	written, _, _ := protocol.TextsOf(groups[len(groups)-1])
	return strconv.Atoi(written)
}

// addRoundResults loads the results of rounds that are small.
func addRoundResults(ctx context.Context, store resultstore.Store, t *Task) error {
	for i := range t.Repeated {
		round := &t.Repeated[i]
		if round.value == nil || round.value.Size > protocol.MaxInline {
			continue
		}
		result, err := resultstore.Load(ctx, store, protocol.Payload{Ref: round.value})
		if err != nil {
			return fmt.Errorf("the result of round %d of task %q: %w", round.Round, t.ID, err)
		}
		round.Result = &result
	}
	return nil
}
