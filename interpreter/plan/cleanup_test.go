package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// cleanUpPlan returns a plan with tasks of the clean-up, of both kinds.
func cleanUpPlan(random *rand.Rand) *Plan {
	p := &Plan{MaxParallel: 1 + random.IntN(4), CleanUpTimeout: 60, FailFast: random.IntN(2) == 1}
	for i := range 2 + random.IntN(14) {
		next := task(fmt.Sprintf("t%d", i), []Priority{Urgent, High, Normal, Low}[random.IntN(4)])
		next.Finally = random.IntN(4) == 0
		next.RunIf = []RunIf{"", RunIfDone, RunIfAlways}[random.IntN(3)]
		if random.IntN(4) == 0 {
			next.When = "a condition"
		}
		if random.IntN(4) == 0 {
			next.FanOut = &FanOut{}
			next.When = ""
		}
		for j := range p.Tasks {
			if random.IntN(3) == 0 && (next.Finally || !p.Tasks[j].Finally) {
				next.After = append(next.After, p.Tasks[j].ID)
			}
		}
		p.Tasks = append(p.Tasks, next)
	}
	random.Shuffle(len(p.Tasks), func(i, j int) { p.Tasks[i], p.Tasks[j] = p.Tasks[j], p.Tasks[i] })
	return p
}

// TestTheCleanUpRunsHoweverTheRunIsStopped stops random runs, some of them twice, and continues them in new histories: nothing but the
// clean-up starts after a stop, all of it does unless it is stopped as well, and what is in `finally` starts last.
func TestTheCleanUpRunsHoweverTheRunIsStopped(t *testing.T) {
	cleanedUp, stopped, again := 0, 0, 0
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 3))
		p := cleanUpPlan(random)
		progress := begin(t, p, nil)
		cancelled := protocol.Outcome{Status: protocol.Cancelled, Error: protocol.Errorf(protocol.TaskCancelled, "stopped")}
		var inFlight []Work
		started := map[int]bool{}
		first, second := false, false
		for step := 0; !progress.Done(); step++ {
			if step > 10_000 {
				t.Fatalf("seed %d: the run does not end: %+v", seed, progress.outcomes)
			}
			for {
				task, found := progress.NextGather()
				if !found {
					break
				}
				inFlight = append(inFlight, Work{Task: task, Item: protocol.NoItem, Step: Gather})
			}
			_, failed := progress.FailedFast()
			first = first || failed
			switch did := random.IntN(20); {
			case did == 0 && !progress.InFinally():
				progress.Stop(cancelled)
				first = true
			case did == 1 && first && random.IntN(4) == 0:
				progress.StopAlways(cancelled)
				progress.StopFinally(cancelled)
				second = true
			case did == 2 && len(inFlight) == 0:
				next := begin(t, p, progress.EndedTasks())
				for _, expanded := range progress.Expanded() {
					items := progress.Items(expanded)
					if _, err := next.ResumeItems(p.Tasks[expanded].ID, len(items.Outcomes()), items.EndedItems()); err != nil {
						t.Fatal(err)
					}
				}
				if first {
					next.Stop(cancelled)
				}
				if second {
					next.StopAlways(cancelled)
					next.StopFinally(cancelled)
				}
				next.failedFast = progress.failedFast
				progress = next
			case did < 12:
				work, found := progress.Next()
				if !found {
					break
				}
				of := &p.Tasks[work.Task]
				if first && !p.CleansUp(work.Task) || second {
					t.Fatalf("seed %d: %+v starts in a run that was stopped", seed, of)
				}
				if of.Finally && slices.ContainsFunc(p.Tasks, func(other Task) bool { return !other.Finally && !progress.OutcomeOf(other.ID).Status.Ended() }) {
					t.Fatalf("seed %d: %s starts before others have ended", seed, of.ID)
				}
				started[work.Task] = true
				inFlight = append(inFlight, work)
			case len(inFlight) > 0:
				at := random.IntN(len(inFlight))
				work := inFlight[at]
				inFlight = slices.Delete(inFlight, at, at+1)
				outcome := []protocol.Outcome{completed(), completed(), broken()}[random.IntN(3)]
				switch {
				case work.Step == Decide && random.IntN(3) > 0:
					progress.Admit(work.Task)
				case work.Step == Decide:
					progress.End(work.Task, skipped())
				case work.Step == Expand:
					progress.Expand(work.Task, random.IntN(4), nil)
				case work.Item != protocol.NoItem:
					progress.EndItem(work.Task, work.Item, outcome)
				default:
					progress.End(work.Task, outcome)
				}
			}
		}
		if first {
			stopped++
		}
		if second {
			again++
		}
		for i := range p.Tasks {
			outcome := progress.Outcome(i)
			switch {
			case !p.CleansUp(i) || second:
			case outcome.Status == protocol.Cancelled:
				t.Fatalf("seed %d: %s is part of the clean-up, and is %+v", seed, p.Tasks[i].ID, outcome)
			case p.Tasks[i].RunIf == RunIfAlways && !started[i]:
				t.Fatalf("seed %d: %s did not start: %+v", seed, p.Tasks[i].ID, outcome)
			case first && started[i]:
				cleanedUp++
			}
		}
	}
	if cleanedUp < 2000 || stopped < 1000 || again < 100 {
		t.Errorf("only %d tasks of %d runs that were stopped, %d of them twice", cleanedUp, stopped, again)
	}
}
