package plan

import (
	"fmt"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func skipped() protocol.Outcome {
	return protocol.Outcome{Status: protocol.Skipped, Reason: "its condition is false"}
}

// TestEachRunIfAfterEachEnd is the table of the language: what a task does after each end of its dependency.
func TestEachRunIfAfterEachEnd(t *testing.T) {
	for _, c := range []struct {
		end                   string
		success, done, always bool
		passOn                bool
	}{
		{"completed", true, true, true, false},
		{"skipped by its condition", false, true, true, false},
		{"failed", false, false, true, false},
		{"failed, continued", true, true, true, false},
		{"skipped for a failure", false, false, true, false},
		{"skipped for a failure", false, false, true, true},
		{"skipped for a skip", false, false, true, false}, // As in plans that were made before.
		{"skipped for a skip", false, true, true, true},
		{"skipped for a failure and a skip", false, false, true, true},
	} {
		for _, rule := range []RunIf{"", RunIfDone, RunIfAlways} {
			join := task("join", Normal, "a")
			join.RunIf = rule
			p := &Plan{Tasks: []Task{task("first", Normal), task("a", Normal, "first", "second"), join, task("second", Normal)}, SkipsPassOn: c.passOn}
			p.Tasks[1].ContinueOnError = c.end == "failed, continued"
			s := begin(t, p, nil)
			s.Next()
			s.Next()
			switch c.end {
			case "skipped for a failure":
				s.End(0, broken())
				s.End(3, completed())
			case "skipped for a skip":
				s.End(0, skipped())
				s.End(3, completed())
			case "skipped for a failure and a skip":
				s.End(0, skipped())
				s.End(3, broken())
			default:
				s.End(0, completed())
				s.End(3, completed())
				s.Next()
				s.End(1, map[string]protocol.Outcome{
					"completed": completed(), "skipped by its condition": skipped(), "failed": broken(), "failed, continued": broken(),
				}[c.end])
			}
			wanted := map[RunIf]bool{"": c.success, RunIfDone: c.done, RunIfAlways: c.always}[rule]
			if _, runs := s.Next(); runs != wanted {
				t.Errorf("a dependency %s, run_if %q: runs %v, want %v", c.end, rule, runs, wanted)
			}
			if outcome := s.OutcomeOf("join"); !wanted && (outcome.Reason == "" || SkippedByCondition(outcome) && !c.passOn) {
				t.Errorf("a dependency %s, run_if %q: %+v", c.end, rule, outcome)
			}
		}
	}
}

func TestTheFirstFailureStopsARunThatFailsFast(t *testing.T) {
	always := task("always", Normal, "bad")
	always.RunIf = RunIfAlways
	p := &Plan{FailFast: true, Tasks: []Task{task("continued", Normal), task("bad", Normal), task("beside", Normal), always, task("later", Normal, "beside")}}
	p.Tasks[0].ContinueOnError = true
	s := begin(t, p, nil)
	want(t, "first", startAll(p, s), "continued bad beside")
	s.End(0, broken())
	if _, failed := s.FailedFast(); failed {
		t.Error("a failure with continue_on_error stopped the run")
	}
	s.End(1, broken())
	if i, failed := s.FailedFast(); !failed || i != 1 {
		t.Errorf("got %d, %v", i, failed)
	}
	want(t, "always", s.OutcomeOf("always").Error.Message, `it had not started when task "bad" failed`)
	want(t, "later", string(s.OutcomeOf("later").Status), "cancelled")
	if _, found := s.Next(); found || s.Done() {
		t.Error("it does not wait for what is in flight")
	}
	s.End(2, completed())
	if !s.Done() {
		t.Error("not done")
	}
}

func TestSkippedForFailureCountsWhatFailuresCaused(t *testing.T) {
	p := &Plan{Tasks: []Task{
		task("after-bad", Normal, "after-skip", "bad"), task("after-skip", Normal, "skip"), task("skip", Normal), task("bad", Normal),
		task("deep", Normal, "after-bad"), task("after-continued-skip", Normal, "after-skip"),
	}}
	s := begin(t, p, nil)
	want(t, "first", startAll(p, s), "skip bad")
	s.End(2, skipped())
	s.End(3, broken())
	if got := s.SkippedForFailure(); !s.Done() || got != 2 {
		t.Errorf("got %d, want after-bad and deep", got)
	}
}

func TestAChainOfThousandsIsCounted(t *testing.T) {
	p := &Plan{Tasks: []Task{task("t0", Normal)}}
	for i := range 20_000 {
		p.Tasks = append(p.Tasks, task(fmt.Sprintf("t%d", i+1), Normal, fmt.Sprintf("t%d", i)))
	}
	s := begin(t, p, nil)
	s.Next()
	s.End(0, broken())
	if got := s.SkippedForFailure(); got != 20_000 {
		t.Error(got)
	}
}

func TestAPlanHasTheEarliestFormatThatSuffices(t *testing.T) {
	for _, c := range []struct {
		name   string
		format int
		plan   Plan
	}{
		{"nothing new", 1, Plan{Tasks: []Task{{ID: "a"}}}},
		{"fail_fast", 2, Plan{FailFast: true}},
		{"when", 2, Plan{Tasks: []Task{{ID: "a", When: "true"}}}},
		{"skips that pass on", 3, Plan{SkipsPassOn: true}},
		{"run_if", 2, Plan{Tasks: []Task{{ID: "a"}, {ID: "b", RunIf: RunIfDone}}}},
		{"files as items", 1, Plan{Tasks: []Task{{ID: "a", FanOut: &FanOut{Directory: "d"}}}}},
		{"files that are no items", 3, Plan{Tasks: []Task{{ID: "a", FanOut: &FanOut{Directory: "d", Omit: []string{"/d/report.md"}}}}}},
		{"values as items", 2, Plan{Tasks: []Task{{ID: "a", FanOut: &FanOut{Values: &value.Value{}}}}}},
		{"continue_on_error", 2, Plan{Tasks: []Task{{ID: "a", ContinueOnError: true}}}},
	} {
		if got := FormatFor(&c.plan); got != c.format {
			t.Errorf("%s: got %d, want %d", c.name, got, c.format)
		}
	}
}
