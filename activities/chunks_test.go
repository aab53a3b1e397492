package activities

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/split"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// TestStepsOfChunks: what is recorded of a document is found by the same call of the same task, also in an earlier run that is taken over,
// where the item may have had another index.
func TestStepsOfChunks(t *testing.T) {
	store := memory.New()
	of := func(run string, item int, hash string, earlier ...protocol.EarlierRun) steps {
		return steps{
			results{store: store}, resultstore.Key{Run: run, Execution: "e", Task: "a", Item: item},
			&protocol.Call{Method: "test/do", Run: protocol.RunInfo{Workflow: "W"}}, hash, earlier,
		}
	}
	used := protocol.Usage{LLMCalls: 1, PromptTokens: 7}
	made := split.Step{Value: value.Object(value.Field{Name: "response", Value: value.String("tea")}), Usage: used, Warning: "cut"}
	if err := of("r1", 3, "h").Put(t.Context(), "chunk-1", made); err != nil {
		t.Fatal(err)
	}
	if err := of("r1", 3, "").Put(t.Context(), "chunk-2", made); err != nil {
		t.Fatal(err)
	}
	first := protocol.EarlierRun{Run: "r1", Execution: "e"}
	for _, test := range []struct {
		what  string
		steps steps
		name  string
		found bool
		usage protocol.Usage
	}{
		{"the same item", of("r1", 3, "h"), "chunk-1", true, used},
		{"another step", of("r1", 3, "h"), "chunk-2", false, protocol.Usage{}},
		{"another call", of("r1", 3, "other"), "chunk-1", false, protocol.Usage{}},
		{"another item", of("r1", 4, "h"), "chunk-1", false, protocol.Usage{}},
		{"another run", of("r2", 3, "h"), "chunk-1", false, protocol.Usage{}},
		{"a run that takes it over", of("r2", 8, "h", protocol.EarlierRun{Run: "r0", Execution: "e"}, first), "chunk-1", true, protocol.Usage{}},
		{"another call of such a run", of("r2", 8, "other", first), "chunk-1", false, protocol.Usage{}},
		{"a call that cannot be compared", of("r1", 3, ""), "chunk-2", false, protocol.Usage{}},
	} {
		step, err := test.steps.Find(t.Context(), test.name)
		if err != nil || (step != nil) != test.found {
			t.Errorf("%s: %+v, %v", test.what, step, err)
			continue
		}
		if step != nil && (string(step.Value.JSON()) != `{"response":"tea"}` || step.Warning != "cut" || step.Usage != test.usage) {
			t.Errorf("%s: %+v", test.what, step)
		}
	}
}
