package plan

import "testing"

// FuzzProgress: whatever the graph, its items and limits, whatever order tasks and items end in and however, and wherever
// the run continues in a new history, the simulation's rules hold, and the end is what the scenario alone says.
func FuzzProgress(f *testing.F) {
	f.Add([]byte{3, 0, 0, 1, 1, 2, 3}, []byte{0, 0, 0, 0, 0, 0})
	f.Add([]byte{2, 5, 1, 0, 66, 1, 3, 2, 1, 5, 3, 8, 0}, []byte{0, 1, 6, 0, 3, 0, 1, 0})
	f.Add([]byte{5, 16, 3, 1, 0, 0, 1, 0, 1, 2, 6, 3, 4, 5, 6, 0, 1, 1, 3, 3, 0, 1, 4}, []byte{6, 4, 7, 1, 0, 5})
	f.Fuzz(func(t *testing.T, plan, steps []byte) {
		fromPlan, fromSteps := bytesAsChoices(plan), bytesAsChoices(steps)
		c := newScenario(fromPlan)
		c.plan.FailFast = fromPlan(4) == 1
		s, end := c.run(t, fromSteps, true)
		if want := c.wanted(); !s.stopped && end != want {
			t.Errorf("got  %s\nwant %s", end, want)
		}
	})
}

func bytesAsChoices(data []byte) choose {
	return func(n int) int {
		if len(data) == 0 {
			return 0
		}
		choice := int(data[0]) % n
		data = data[1:]
		return choice
	}
}
