package plan

import (
	"errors"
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
		work, found := s.Next()
		if !found {
			return strings.Join(ids, " ")
		}
		ids = append(ids, p.Tasks[work.Task].ID)
	}
}

func begin(t testing.TB, p *Plan, ended []EndedTask) *Progress {
	t.Helper()
	s, err := Begin(p, ended)
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

func TestDependentsOfAFailureAreSkippedAndTheRestRuns(t *testing.T) {
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
	if _, found := s.Next(); found || s.Done() {
		t.Fatalf("found %v, done %v", found, s.Done())
	}
	s.End(0, completed())
	if !s.Done() {
		t.Fatal("not done")
	}
	want(t, "b", string(s.OutcomeOf("b").Status), "cancelled")
	want(t, "c", string(s.OutcomeOf("c").Status), "cancelled")
}

func TestARunContinuesWithTheRestInANewHistory(t *testing.T) {
	inline := value.Int(1)
	p := &Plan{Tasks: []Task{task("a", Normal), task("b", Normal, "a"), task("c", Normal, "a"), task("d", Normal, "c")}}
	s := begin(t, p, nil)
	s.Next()
	s.End(0, protocol.Outcome{Status: protocol.Completed, Value: protocol.Payload{Ref: &protocol.Ref{Hash: "h", Size: 1}, Inline: &inline}})
	s.Next()
	s.End(1, broken())
	ended := s.EndedTasks()
	if len(ended) != 2 || ended[0].Outcome.Value.Inline != nil || ended[0].Outcome.Value.Ref.Hash != "h" {
		t.Fatalf("ended %+v", ended)
	}
	next := begin(t, p, ended)
	want(t, "ready", startAll(p, next), "c")
	next.End(2, completed())
	want(t, "ready", startAll(p, next), "d")
	next.End(3, completed())
	if !next.Done() {
		t.Fatal("not done")
	}
}

func TestBeginSkipsWhatEndedTasksPrevent(t *testing.T) {
	p := &Plan{Tasks: []Task{task("a", Normal), task("b", Normal, "a"), task("c", Normal, "b")}}
	s := begin(t, p, []EndedTask{{"a", broken()}})
	if !s.Done() {
		t.Fatal("not done")
	}
	want(t, "c", string(s.OutcomeOf("c").Status), "skipped")
}

func TestAnInvalidPlanIsRejected(t *testing.T) {
	for _, c := range []struct {
		name    string
		plan    Plan
		ended   []EndedTask
		message string
	}{
		{"twice", Plan{Tasks: []Task{task("a", 1), task("a", 1)}}, nil, `the plan has two tasks "a"`},
		{"unknown", Plan{Tasks: []Task{task("a", 1, "x")}}, nil, `task "a" depends on "x", which is not in the plan`},
		{"unknown end", Plan{Tasks: []Task{task("a", 1)}}, []EndedTask{{"b", completed()}}, `task "b" is completed, but it is not in the plan`},
		{"not an end", Plan{Tasks: []Task{task("a", 1)}}, []EndedTask{{"a", protocol.Outcome{Status: protocol.Running}}}, `task "a" cannot have ended: it is "running"`},
		{"itself", Plan{Tasks: []Task{task("a", 1, "a")}}, nil, `circular dependency: a -> a`},
		{"cycle", Plan{Tasks: []Task{task("after", 1, "a"), task("first", 1), task("a", 1, "first", "b"), task("b", 1, "c"), task("c", 1, "first", "a")}}, nil, `circular dependency: a -> b -> c -> a`},
	} {
		_, err := Begin(&c.plan, c.ended)
		if err == nil || err.Error() != c.message {
			t.Errorf("%s: got %v, want %q", c.name, err, c.message)
		}
	}
}

func TestATaskThatHadStartedIsResumedBeforeItsTurn(t *testing.T) {
	p := &Plan{Tasks: []Task{task("a", High), task("b", Normal), task("c", Low), task("d", Normal, "a")}}
	s := begin(t, p, nil)
	if i, err := s.Resume("c"); err != nil || i != 2 {
		t.Fatalf("resumed %d, %v", i, err)
	}
	if _, err := s.Resume("d"); err == nil || err.Error() != `task "d" cannot have started: it is not ready` {
		t.Errorf("got %v", err)
	}
	want(t, "the others", startAll(p, s), "a b")
	want(t, "c", string(s.OutcomeOf("c").Status), "running")
}

func TestTolerance(t *testing.T) {
	tenth := 10.0
	for _, c := range []struct {
		tolerance     *Tolerance
		failed, total int
		exceeded      bool
	}{
		{nil, 5, 5, false},
		{&Tolerance{}, 0, 5, false},
		{&Tolerance{}, 1, 5, true},
		{&Tolerance{Items: 2}, 2, 5, false},
		{&Tolerance{Items: 2}, 3, 5, true},
		{&Tolerance{Percent: &tenth}, 2, 20, false},
		{&Tolerance{Percent: &tenth}, 3, 20, true},
	} {
		if got := c.tolerance.Exceeded(c.failed, c.total); got != c.exceeded {
			t.Errorf("%+v, %d of %d: got %v", c.tolerance, c.failed, c.total, got)
		}
	}
}

func TestACircularDependencyHasItsCode(t *testing.T) {
	_, err := Begin(&Plan{Tasks: []Task{task("a", 1, "b"), task("b", 1, "a")}}, nil)
	e, is := errors.AsType[*protocol.Error](err)
	if !is || e.Code != protocol.WorkflowCircularDependency {
		t.Errorf("got %v", err)
	}
}

func TestOnlyATaskWithItemsResumesThem(t *testing.T) {
	s := begin(t, &Plan{Tasks: []Task{task("a", 1)}}, nil)
	if _, err := s.ResumeItems("a", 2, nil); err == nil || err.Error() != `task "a" has no items in the plan, but 2 in the run` {
		t.Errorf("got %v", err)
	}
}
