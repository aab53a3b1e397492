package plan

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

func task(id string, priority Priority, after ...string) Task {
	return Task{ID: id, Priority: priority, After: after}
}

func completed() protocol.Outcome { return protocol.Outcome{Status: protocol.Completed} }

func broken() protocol.Outcome { return protocol.Outcome{Status: protocol.Failed} }

// startAll starts whatever is ready and names it.
func startAll(p *Plan, s *Progress) string {
	var ids []string
	for {
		i, ok := s.Next()
		if !ok {
			return strings.Join(ids, " ")
		}
		ids = append(ids, p.Tasks[i].ID)
	}
}

func begin(t *testing.T, p *Plan, carried []Ended) *Progress {
	t.Helper()
	s, err := Begin(p, carried)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func want(t *testing.T, what, got, wanted string) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s: got %q, want %q", what, got, wanted)
	}
}

func TestReadyTasksStartByPriorityThenInTheFilesOrder(t *testing.T) {
	p := &Plan{Tasks: []Task{task("low", Low), task("b", Normal), task("a", Normal), task("urgent", Urgent), task("high", High), task("later", Urgent, "low")}}
	s := begin(t, p, nil)
	want(t, "first", startAll(p, s), "urgent high b a low")
	s.End(0, completed())
	want(t, "after low", startAll(p, s), "later")
}

func TestWhatDependsOnAFailureIsSkippedAndTheRestRuns(t *testing.T) {
	p := &Plan{Tasks: []Task{task("a", Normal), task("b", Normal, "a"), task("c", Normal, "b", "d"), task("d", Normal), task("e", Normal, "d")}}
	s := begin(t, p, nil)
	want(t, "first", startAll(p, s), "a d")
	s.End(0, broken())
	s.End(3, completed())
	want(t, "then", startAll(p, s), "e")
	s.End(4, completed())
	if !s.Done() {
		t.Fatal("not done")
	}
	want(t, "b", string(s.OutcomeOf("b").Status), "skipped")
	want(t, "why b", s.OutcomeOf("b").Reason, `it needs "a", which failed`)
	want(t, "why c", s.OutcomeOf("c").Reason, `it needs "b", which was skipped`)
}

func TestStopEndsWhatHasNotStarted(t *testing.T) {
	p := &Plan{Tasks: []Task{task("a", Normal), task("b", Normal, "a"), task("c", Normal)}}
	s := begin(t, p, nil)
	s.Next()
	s.Stop(protocol.Outcome{Status: protocol.Cancelled})
	if s.Done() || s.HasReady() {
		t.Fatalf("done %v, ready %v", s.Done(), s.HasReady())
	}
	s.End(0, completed())
	if !s.Done() {
		t.Fatal("not done")
	}
	want(t, "b", string(s.OutcomeOf("b").Status), "cancelled")
	want(t, "c", string(s.OutcomeOf("c").Status), "cancelled")
}

func TestACarriedRunGoesOnWithTheRest(t *testing.T) {
	inline := value.Int(1)
	p := &Plan{Tasks: []Task{task("a", Normal), task("b", Normal, "a"), task("c", Normal, "a"), task("d", Normal, "c")}}
	s := begin(t, p, nil)
	s.Next()
	s.End(0, protocol.Outcome{Status: protocol.Completed, Value: protocol.Payload{Ref: &protocol.Ref{Hash: "h", Size: 1}, Inline: &inline}})
	s.Next()
	s.End(1, broken())
	carried := s.Carried()
	if len(carried) != 2 || carried[0].Outcome.Value.Inline != nil || carried[0].Outcome.Value.Ref.Hash != "h" {
		t.Fatalf("carried %+v", carried)
	}
	next := begin(t, p, carried)
	want(t, "ready", startAll(p, next), "c")
	next.End(2, completed())
	want(t, "ready", startAll(p, next), "d")
	next.End(3, completed())
	if !next.Done() {
		t.Fatal("not done")
	}
}

func TestBeginTakesOverASkipThatWasNotYetDecided(t *testing.T) {
	p := &Plan{Tasks: []Task{task("a", Normal), task("b", Normal, "a"), task("c", Normal, "b")}}
	s := begin(t, p, []Ended{{"a", broken()}})
	if !s.Done() {
		t.Fatal("not done")
	}
	want(t, "c", string(s.OutcomeOf("c").Status), "skipped")
}

func TestAPlanThatIsWrongIsRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		plan    Plan
		carried []Ended
		message string
	}{
		{"twice", Plan{Tasks: []Task{task("a", 1), task("a", 1)}}, nil, `the plan has two tasks "a"`},
		{"unknown", Plan{Tasks: []Task{task("a", 1, "x")}}, nil, `the plan's task "a" waits for "x", which it does not have`},
		{"carried", Plan{Tasks: []Task{task("a", 1)}}, []Ended{{"b", completed()}}, `the run says of task "b", which the plan does not have, that it is completed`},
	} {
		_, err := Begin(&c.plan, c.carried)
		if err == nil || err.Error() != c.message {
			t.Errorf("%s: got %v, want %q", c.name, err, c.message)
		}
	}
}

func TestATaskThatHadBegunIsResumedBeforeItsTurn(t *testing.T) {
	p := &Plan{Tasks: []Task{task("a", High), task("b", Normal), task("c", Low), task("d", Normal, "a")}}
	s := begin(t, p, nil)
	if i, err := s.Resume("c"); err != nil || i != 2 {
		t.Fatalf("resumed %d, %v", i, err)
	}
	if _, err := s.Resume("d"); err == nil || err.Error() != `the run says that it had begun with "d", which cannot run yet` {
		t.Errorf("got %v", err)
	}
	if i, ready := s.Peek(); !ready || i != 0 {
		t.Errorf("next is %d, %v", i, ready)
	}
	want(t, "the others", startAll(p, s), "a b")
	want(t, "c", string(s.OutcomeOf("c").Status), "running")
}

func TestTolerance(t *testing.T) {
	tenth := 10.0
	for _, c := range []struct {
		tolerance     *Tolerance
		failed, total int
		passed        bool
	}{
		{nil, 5, 5, false},
		{&Tolerance{}, 0, 5, false},
		{&Tolerance{}, 1, 5, true},
		{&Tolerance{Items: 2}, 2, 5, false},
		{&Tolerance{Items: 2}, 3, 5, true},
		{&Tolerance{Percent: &tenth}, 2, 20, false},
		{&Tolerance{Percent: &tenth}, 3, 20, true},
	} {
		if got := c.tolerance.Passed(c.failed, c.total); got != c.passed {
			t.Errorf("%+v, %d of %d: got %v", c.tolerance, c.failed, c.total, got)
		}
	}
}
