package workflows_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/servertest"
)

// smallHistories makes the server suggest early that a run continues as new.
const smallHistories = "limit.historyCount.suggestContinueAsNew:\n  - value: 60\n"

// histories reads every history of a run, from the first.
func histories(t testing.TB, c client.Client, id, runID string) [][]*historypb.HistoryEvent {
	t.Helper()
	var all [][]*historypb.HistoryEvent
	for runID != "" {
		events := c.GetWorkflowHistory(context.Background(), id, runID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		var history []*historypb.HistoryEvent
		for events.HasNext() {
			event, err := events.Next()
			if err != nil {
				t.Fatal(err)
			}
			history = append(history, event)
		}
		all = append(all, history)
		runID = history[len(history)-1].GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
	}
	return all
}

func TestARunContinuesAsNewAndLosesNothing(t *testing.T) {
	r := newRig(t, servertest.WithOverrides(smallHistories))
	var text strings.Builder
	text.WriteString("name: Continued\nmax_parallel: 4\ntasks:\n  - {id: t0, method: test/text, parameters: {key: t0, size: 20000}}\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&text, "  - {id: t%d, method: test/echo, parameters: {key: t%d, value: \"${t%d.value}\"}}\n", i, i, i/2)
	}
	text.WriteString("outputs: {last: \"${t59.value}\"}\n")
	run := r.start(t, compile(t, text.String()))
	first := run.GetRunID()
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "completed", result.Completed, 60)
	same(t, "usage", result.Usage.LLMCalls, 60)
	for i := range 60 {
		same(t, fmt.Sprintf("calls of t%d", i), r.probe.called(fmt.Sprintf("t%d", i)), 1)
	}
	if value := r.value(t, "t59").Text(); len(value) != 20000 || !strings.HasPrefix(value, "abcdefg") {
		t.Errorf("t59 got %d bytes: %.20s…", len(value), value)
	}
	if all := histories(t, r.Client, run.GetID(), first); len(all) < 3 {
		t.Errorf("%d histories", len(all))
	}
	runs, err := r.store.Records(t.Context(), resultstore.Query{})
	if err != nil || len(runs) != 1 || runs[0].Status != protocol.Completed || runs[0].Execution != first {
		t.Errorf("run records %+v, %v", runs, err)
	}
}

func TestThreeThousandTasksStayWithinAHistory(t *testing.T) {
	r := newRig(t)
	var text strings.Builder
	text.WriteString("name: Large\nmax_parallel: 200\ntasks:\n")
	for i := range 3000 {
		fmt.Fprintf(&text, "  - {id: t%d, method: test/echo, parameters: {value: %d}}\n", i, i)
	}
	run := r.start(t, compile(t, text.String()))
	first := run.GetRunID()
	result, _ := end(t, run)
	same(t, "completed", result.Completed, 3000)
	for i, history := range histories(t, r.Client, run.GetID(), first) {
		if len(history) >= 4096 {
			t.Errorf("history %d has %d events", i, len(history))
		}
		started := history[0].GetWorkflowExecutionStartedEventAttributes()
		for _, payload := range started.GetInput().GetPayloads() {
			if len(payload.GetData()) > 64<<10 {
				t.Errorf("history %d has %d bytes of input", i, len(payload.GetData()))
			}
		}
	}
}

func TestLargeValuesArePassedByRef(t *testing.T) {
	r := newRig(t)
	run := r.start(t, compile(t, `
name: Large values
tasks:
  - {id: a, method: test/text, parameters: {size: 5242880}}
  - {id: b, method: test/echo, parameters: {value: "${a.value}"}}
outputs: {text: "${b.value}"}
`))
	first := run.GetRunID()
	result, _ := end(t, run)
	same(t, "status", result.Status, protocol.Completed)
	same(t, "size", len(r.value(t, "b").Text()), 5242880)
	if result.Outputs.Inline != nil {
		t.Error("the outputs travel in full")
	}
	size := 0
	for _, history := range histories(t, r.Client, run.GetID(), first) {
		for _, event := range history {
			size += len(event.String())
		}
	}
	if size > 64<<10 {
		t.Errorf("the history has about %d bytes", size)
	}
}

func TestAValueThatIsTooLargeFailsItsTaskAtOnce(t *testing.T) {
	r := newRig(t)
	result := r.run(t, "name: Too large\ntasks:\n  - {id: a, method: test/text, retry: {max_attempts: 3, base_delay: 0.01}, parameters: {key: a, size: 67108864}}\n")
	same(t, "status", result.Status, protocol.Failed)
	failed := r.tasks(t)["a"].Error
	same(t, "code", failed.Code, protocol.TaskResultInvalid)
	same(t, "message", failed.Message, "the result has 67108876 bytes, and the limit is 67108864")
	same(t, "calls", r.probe.called("a"), 1)
}

// TestManyLargeCallsGoInSeveralMessages would hang if one workflow task scheduled more than one gRPC message holds.
func TestManyLargeCallsGoInSeveralMessages(t *testing.T) {
	r := newRig(t)
	var text strings.Builder
	text.WriteString("name: Heavy\nmax_parallel: 500\ntasks:\n")
	value := strings.Repeat("x", 15000)
	for i := range 400 {
		fmt.Fprintf(&text, "  - {id: t%d, method: test/echo, parameters: {value: %s}}\n", i, value)
	}
	same(t, "completed", r.run(t, text.String()).Completed, 400)
}

// TestALargeInputDoesNotStallARun would retry a workflow task that takes too long for ever, if each call encoded the input
// again.
func TestALargeInputDoesNotStallARun(t *testing.T) {
	r := newRig(t)
	var text strings.Builder
	fmt.Fprintf(&text, "name: Large input\nmax_parallel: 1000\ninputs: {large: %s, small: 1}\ntasks:\n", strings.Repeat("x", 1_000_000))
	for i := range 600 {
		fmt.Fprintf(&text, "  - {id: t%d, method: test/echo, parameters: {value: \"${inputs.small}\"}}\n", i)
	}
	same(t, "completed", r.run(t, text.String()).Completed, 600)
}

// countingStore counts what is put.
type countingStore struct {
	resultstore.Store
	puts, values atomic.Int64
}

func (s *countingStore) Put(ctx context.Context, batch resultstore.Batch) error {
	s.puts.Add(1)
	for _, value := range batch.Values {
		s.values.Add(int64(len(value)))
	}
	return s.Store.Put(ctx, batch)
}

// TestWhatItemsCost counts what the items of a task leave in histories and put into the store: those that share activities, and those
// that are activities of their own. No history or payload becomes too large, however many there are.
func TestWhatItemsCost(t *testing.T) {
	for name, c := range map[string]struct {
		items                         int
		keys                          string
		events, bytes, puts, inValues float64 // Of each item, at most.
	}{
		"in units": {3000, "", 0.5, 500, 1.1, 400},
		"alone":    {1500, ", chunk: 1", 4, 3000, 1.1, 400},
	} {
		t.Run(name, func(t *testing.T) {
			r := newIdleRig(t)
			store := &countingStore{Store: r.store}
			r.store = store
			r.work(t)
			run := r.start(t, compile(t, fmt.Sprintf(`
name: Costs
tasks:
  - {id: numbers, method: python/execute, parameters: {code: "result = list(range(%d))"}}
  - {id: each, method: test/echo, for_each: "${numbers.result}"%s, parameters: {value: "${item}"}}
outputs: {done: "${each.succeeded}"}
`, c.items, c.keys)))
			first := run.GetRunID()
			result, _ := end(t, run)
			same(t, "outputs", string(result.Outputs.Inline.JSON()), fmt.Sprintf(`{"done":%d}`, c.items))
			all := append(histories(t, r.Client, run.GetID(), first), itemHistories(t, r, run, first, "each")...)
			events, bytes := 0, 0
			for _, history := range all {
				size := 0
				for _, event := range history {
					size += proto.Size(event)
					if proto.Size(event) > 64<<10 {
						t.Errorf("an event of type %s has %d bytes", event.GetEventType(), proto.Size(event))
					}
				}
				if len(history) > 4000 || size > 4<<20 {
					t.Errorf("a history has %d events and %d bytes", len(history), size)
				}
				events, bytes = events+len(history), bytes+size
			}
			for what, got := range map[string][2]float64{
				"events": {float64(events), c.events}, "bytes of histories": {float64(bytes), c.bytes},
				"puts": {float64(store.puts.Load()), c.puts}, "bytes of values": {float64(store.values.Load()), c.inValues},
			} {
				if each := got[0] / float64(c.items); each > got[1] {
					t.Errorf("%.2f %s of each item, more than %g", each, what, got[1])
				} else {
					t.Logf("%.2f %s of each item", each, what)
				}
			}
		})
	}
}
