package resolve

import (
	"fmt"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// What a `repeat` means that leaves keys out.
const (
	defaultRounds   = 100
	defaultPause    = protocol.Seconds(1)
	defaultMaxPause = protocol.Seconds(300) // Or the delay, where that is longer.
)

// ReadRepeat reads until when a task is done again, and what is wrong with it. Uses are left out.
func ReadRepeat(from *definition.Repeat, suggester Suggester) (repeat plan.Repeat, wrong []Problem) {
	repeat = plan.Repeat{Max: defaultRounds, Delay: defaultPause, Backoff: protocol.Fixed, MaxDelay: defaultMaxPause, Until: conditionText(from.Until)}
	if n := from.Max; n != nil {
		if repeat.Max, _ = definition.Count(n); repeat.Max > definition.MaxRounds {
			wrong = append(wrong, Problem{"", n.Position, fmt.Sprintf("max must be at most %d, not %s", definition.MaxRounds, n.Describe()), ""})
		}
	}
	if n := from.Backoff; n != nil {
		if repeat.Backoff = protocol.Backoff(n.Written); !slices.Contains(definition.Backoffs(), n.Written) {
			wrong = append(wrong, Problem{"", n.Position, "backoff must be exponential, linear or fixed, not " + n.Describe(),
				suggester.Suggest(n.Written, definition.Backoffs())})
		}
	}
	for _, key := range []struct {
		name string
		n    *definition.Node
		into *protocol.Seconds
	}{{"delay", from.Delay, &repeat.Delay}, {"max_delay", from.MaxDelay, &repeat.MaxDelay}} {
		if key.n == nil {
			continue
		}
		seconds, problem := definition.Duration(key.n)
		if problem != "" {
			wrong = append(wrong, Problem{"", key.n.Position, key.name + " " + problem, ""})
		}
		*key.into = seconds
	}
	if from.MaxDelay == nil {
		repeat.MaxDelay = max(repeat.MaxDelay, repeat.Delay)
	}
	if repeat.MaxDelay < repeat.Delay && len(wrong) == 0 {
		wrong = append(wrong, Problem{"", from.MaxDelay.Position, "max_delay must not be less than delay", ""})
	}
	return repeat, wrong
}

// RepeatPlan returns the task's `repeat` as the plan has it, without its uses; nil where it has none.
func (t *Task) RepeatPlan() *plan.Repeat {
	if t.Repeat == nil {
		return nil
	}
	repeat, _ := ReadRepeat(t.Repeat, Suggester{})
	return &repeat
}
