package activities

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// A reader of a history tells the responses of local activities apart by their kind, whatever their outcome.
func TestResponsesHaveAKind(t *testing.T) {
	acts, err := New(Options{Store: memory.New()})
	if err != nil {
		t.Fatal(err)
	}
	for when, wantError := range map[string]bool{"true": false, "false": false, "${gone} > 1": true} {
		got, err := acts.Decide(t.Context(), protocol.DecideRequest{Task: "a", When: when})
		if err != nil || got.Kind != protocol.DecidedKind || got.Task != "a" || (got.Error != nil) != wantError {
			t.Errorf("%s: %+v, %v", when, got, err)
		}
	}
	list := value.List(value.Int(1), value.Int(2))
	for most, wantError := range map[int]bool{0: false, 2: false, 1: true} {
		got, err := acts.Expand(t.Context(), protocol.ExpandRequest{Run: protocol.RunInfo{ID: "r"}, Task: "a", Values: &list, Most: most})
		if err != nil || got.Kind != protocol.ExpandedKind || got.Task != "a" || (got.Error != nil) != wantError {
			t.Errorf("at most %d: %+v, %v", most, got, err)
		}
	}
}
