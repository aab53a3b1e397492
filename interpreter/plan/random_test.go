package plan

import (
	"math/rand/v2"
	"testing"
)

// TestTheOutcomeDoesNotDependOnTheOrderOfEnds runs random scenarios many times, ending tasks and items in random order and
// continuing as new at random, and wants the end that the language's rules say, each time.
func TestTheOutcomeDoesNotDependOnTheOrderOfEnds(t *testing.T) {
	histories, items := 0, 0
	for seed := range uint64(1000) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := newScenario(random.IntN)
		wanted := c.wanted()
		for range 5 {
			s, end := c.run(t, random.IntN, false)
			if end != wanted {
				t.Fatalf("seed %d: got  %s\nwant %s", seed, end, wanted)
			}
			histories, items = histories+s.histories, items+s.items
		}
	}
	if histories < 1000 || items < 10_000 {
		t.Errorf("only %d new histories and %d items", histories, items)
	}
}

// TestNothingStartsAfterAStopOrAFailureThatEndsTheRun: which failure comes first is chance; the rules of the simulation hold
// in any case.
func TestNothingStartsAfterAStopOrAFailureThatEndsTheRun(t *testing.T) {
	stopped := 0
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 2))
		c := newScenario(random.IntN)
		c.plan.FailFast = seed%2 == 0
		if s, _ := c.run(t, random.IntN, seed%2 == 1); s.stopped {
			stopped++
		}
	}
	if stopped < 500 {
		t.Errorf("only %d runs were stopped", stopped)
	}
}
