package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// fate is what becomes of a task, if it starts.
type fate uint8

const (
	completes fate = iota
	fails
	isSkipped // Its condition is false.
)

// randomRun is a graph with every key that decides what runs, and what becomes of each task.
type randomRun struct {
	plan  *Plan
	fates []fate
}

func newRandomRun(random *rand.Rand) *randomRun {
	r := &randomRun{plan: &Plan{}}
	for i := range 2 + random.IntN(20) {
		next := task(fmt.Sprintf("t%d", i), []Priority{Urgent, High, Normal, Low}[random.IntN(4)])
		for j := range i {
			if random.IntN(4) == 0 {
				next.After = append(next.After, fmt.Sprintf("t%d", j))
			}
		}
		next.RunIf = []RunIf{"", "", RunIfDone, RunIfAlways}[random.IntN(4)]
		next.ContinueOnError = random.IntN(4) == 0
		r.plan.Tasks = append(r.plan.Tasks, next)
		r.fates = append(r.fates, []fate{completes, completes, completes, fails, isSkipped}[random.IntN(5)])
	}
	// The file's order is no order of dependence.
	random.Shuffle(len(r.fates), func(i, j int) {
		r.plan.Tasks[i], r.plan.Tasks[j] = r.plan.Tasks[j], r.plan.Tasks[i]
		r.fates[i], r.fates[j] = r.fates[j], r.fates[i]
	})
	return r
}

// TestTheOutcomeDoesNotDependOnTheOrderInWhichTasksEnd runs random graphs many times, ending tasks in random order and
// continuing as new at random, and wants the end that the language's rules say, each time.
func TestTheOutcomeDoesNotDependOnTheOrderInWhichTasksEnd(t *testing.T) {
	for seed := range uint64(1000) {
		random := rand.New(rand.NewPCG(seed, 1))
		r := newRandomRun(random)
		wanted := r.wanted()
		for range 5 {
			if end := r.play(t, random); end != wanted {
				t.Fatalf("seed %d: got  %s\nwant %s", seed, end, wanted)
			}
		}
	}
}

// TestARunThatFailsFastStartsNothingAfterAFailure: which failure comes first is chance; what must hold in any case is not.
func TestARunThatFailsFastStartsNothingAfterAFailure(t *testing.T) {
	broken := 0
	for seed := range uint64(1000) {
		random := rand.New(rand.NewPCG(seed, 2))
		r := newRandomRun(random)
		r.plan.FailFast = true
		r.play(t, random)
		if slices.Contains(r.fates, fails) {
			broken++
		}
	}
	if broken < 100 {
		t.Errorf("only %d runs could fail", broken)
	}
}

// wanted works out from the rules of the language alone how the tasks end where nothing fails fast.
func (r *randomRun) wanted() string {
	ends := map[string]string{} // By id: completed, failed, forgiven, skipped (by its condition), or left (for another's sake).
	var ending func(id string) string
	ending = func(id string) string {
		if end, known := ends[id]; known {
			return end
		}
		i := slices.IndexFunc(r.plan.Tasks, func(t Task) bool { return t.ID == id })
		may := map[RunIf][]string{
			"":          {"completed", "forgiven"},
			RunIfDone:   {"completed", "forgiven", "skipped"},
			RunIfAlways: {"completed", "forgiven", "skipped", "failed", "left"},
		}[r.plan.Tasks[i].RunIf]
		end := map[fate]string{completes: "completed", fails: "failed", isSkipped: "skipped"}[r.fates[i]]
		if end == "failed" && r.plan.Tasks[i].ContinueOnError {
			end = "forgiven"
		}
		for _, needed := range r.plan.Tasks[i].After {
			if !slices.Contains(may, ending(needed)) {
				end = "left"
			}
		}
		ends[id] = end
		return end
	}
	var all strings.Builder
	for _, task := range r.plan.Tasks {
		fmt.Fprintf(&all, "%s %s;", task.ID, ending(task.ID))
	}
	return all.String()
}

// play runs the graph, and says how each task ended in the words of wanted.
func (r *randomRun) play(t *testing.T, random *rand.Rand) string {
	t.Helper()
	p, s := r.plan, begin(t, r.plan, nil)
	var running []int
	started := map[int]bool{}
	failed := false // In a run that fails fast, a failure that counts.
	for !s.Done() {
		for s.HasReady() && (len(running) == 0 || random.IntN(3) > 0) {
			i, _ := s.Next()
			switch {
			case started[i]:
				t.Fatalf("%s starts twice", p.Tasks[i].ID)
			case failed:
				t.Fatalf("%s starts after a failure", p.Tasks[i].ID)
			}
			started[i] = true
			for _, id := range p.Tasks[i].After {
				if !s.OutcomeOf(id).Status.Ended() {
					t.Fatalf("%s starts before %s has ended", p.Tasks[i].ID, id)
				}
			}
			running = append(running, i)
		}
		if len(running) == 0 {
			t.Fatal("nothing runs and nothing is ready")
		}
		at := random.IntN(len(running))
		i := running[at]
		running = slices.Delete(running, at, at+1)
		switch r.fates[i] {
		case completes:
			s.End(i, completed())
		case fails:
			s.End(i, broken())
			failed = failed || p.FailFast && !p.Tasks[i].ContinueOnError
		case isSkipped:
			s.End(i, protocol.Outcome{Status: protocol.Skipped, Reason: "its condition is false"})
		}
		if first, has := s.FailedFast(); has != failed || has && s.Outcome(first).Status != protocol.Failed {
			t.Fatalf("failed: %v, told: %v", failed, has)
		}
		if len(running) == 0 && !failed && random.IntN(4) == 0 {
			s = begin(t, p, s.Carried())
		}
	}
	var end strings.Builder
	for i := range p.Tasks {
		word := string(s.Outcome(i).Status)
		switch {
		case s.Forgiven(i):
			word = "forgiven"
		case word == "skipped" && !ByCondition(s.Outcome(i)):
			word = "left"
		case word == "cancelled" && !failed:
			t.Fatal("cancelled, and nothing failed")
		}
		fmt.Fprintf(&end, "%s %s;", p.Tasks[i].ID, word)
	}
	return end.String()
}
