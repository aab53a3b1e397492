package activities

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// TestRecordedItemsAreNotDoneAgain: an item whose worker died after its record counts as it ended, alone and in a unit; one without a
// record, that was cancelled, or that is to be retried is done, and by a unit handed back.
func TestRecordedItemsAreNotDoneAgain(t *testing.T) {
	list, _ := value.Parse([]byte(`["a", "b", "c", "d", "e"]`))
	page := protocol.Page{Ref: protocol.RefOf(list.JSON()), Count: 5}
	result := value.Object(value.Field{Name: "of", Value: value.String("the worker that died")})
	failure := protocol.Errorf(protocol.ProviderTimeout, "slow")
	for name, test := range map[string]struct {
		first, count int
		recorded     bool
		done         []string // The items that the handler gets.
		succeeded    int
		again        int // Items that a unit hands back to be retried.
	}{
		"an item with a record":        {first: 1, count: 1, recorded: true, succeeded: 1},
		"an item without one":          {first: 0, count: 1, recorded: true, done: []string{"a"}, succeeded: 1},
		"an item that was cancelled":   {first: 2, count: 1, recorded: true, done: []string{"c"}, succeeded: 1},
		"an item to be retried":        {first: 3, count: 1, recorded: true, done: []string{"d"}, succeeded: 1},
		"a unit":                       {first: 0, count: 5, recorded: true, done: []string{"a", "c"}, succeeded: 3, again: 1},
		"a unit that is the first one": {first: 0, count: 5, done: []string{"a", "b", "c", "d", "e"}, succeeded: 5},
	} {
		t.Run(name, func(t *testing.T) {
			store := memory.New()
			ref := protocol.RefOf(result.JSON())
			records := []resultstore.Record{}
			for i, status := range map[int]protocol.Status{1: protocol.Completed, 2: protocol.Cancelled, 3: protocol.Failed, 4: protocol.Failed} {
				r := resultstore.Record{
					Kind: resultstore.Task, Key: resultstore.Key{Run: "r", Execution: "e", Task: "a", Item: i, Attempt: 1}, Method: "test/do", Status: status,
					Attempts: 1, StartedAt: time.Unix(1, 0), FinishedAt: time.Unix(2, 0),
				}
				switch i {
				case 1:
					r.Value = &ref
				case 3:
					r.Error = failure // Transient: another attempt follows.
				case 4:
					r.Error = protocol.Errorf(protocol.InvalidParams, "wrong")
				}
				records = append(records, r)
			}
			if err := store.Put(t.Context(), resultstore.Batch{Values: [][]byte{list.JSON(), result.JSON()}, Records: records}); err != nil {
				t.Fatal(err)
			}
			var done []string
			acts := activitiesOf(t, protocol.Method{Name: "test/do"}, store, nil, func(_ context.Context, request protocol.Request, _ protocol.Progress) (protocol.Result, error) {
				of, _ := request.Parameters.Get("of")
				done = append(done, of.Text())
				return protocol.Result{Value: request.Parameters}, nil
			})
			call := protocol.Call{
				Format: protocol.CallFormat, Method: "test/do", Task: "a", Run: protocol.RunInfo{ID: "r", Execution: "e", Workflow: "W"}, Parameters: parameters(t, `{"of": "${item}"}`),
				Items: &protocol.Items{Page: page, First: test.first, Count: test.count, Recorded: test.recorded},
			}
			var suite testsuite.WorkflowTestSuite
			environment := suite.NewTestActivityEnvironment()
			environment.RegisterDynamicActivity(acts.Task, activity.DynamicRegisterOptions{})
			encoded, err := environment.ExecuteActivity("test/do", call)
			if err != nil {
				t.Fatal(err)
			}
			var single protocol.Outcome
			var unit protocol.UnitOutcome
			succeeded := 0
			if test.count > 1 {
				if err := encoded.Get(&unit); err != nil {
					t.Fatal(err)
				}
				succeeded = unit.Counts.Succeeded
			} else if err := encoded.Get(&single); err != nil {
				t.Fatal(err)
			} else if single.Status == protocol.Completed {
				succeeded = 1
			}
			slices.Sort(done)
			if fmt.Sprint(done) != fmt.Sprint(test.done) || succeeded != test.succeeded || len(unit.Again) != test.again {
				t.Errorf("done: %v, %d succeeded (%+v %+v)", done, succeeded, single, unit)
			}
		})
	}
}
