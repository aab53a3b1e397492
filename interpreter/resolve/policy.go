package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// What a `retry` means that leaves keys out.
const (
	defaultAttempts  = 3
	defaultBaseDelay = protocol.Seconds(1)
	defaultMaxDelay  = protocol.Seconds(300) // Or the base delay, where that is longer.
)

// ReadRetry reads a retry policy, and what is wrong with it.
func ReadRetry(from *definition.Retry, suggester Suggester) (policy protocol.Retry, wrong []Problem) {
	policy = protocol.Retry{
		MaxAttempts: defaultAttempts, Backoff: protocol.Exponential, BaseDelay: defaultBaseDelay, MaxDelay: defaultMaxDelay,
	}
	if from == nil {
		return policy, nil
	}
	if n := from.MaxAttempts; n != nil {
		attempts, isCount := definition.Count(n)
		if !isCount {
			wrong = append(wrong, Problem{"", n.Position, "max_attempts must be a whole number of at least 1, not " + n.Describe(), ""})
		} else if attempts > definition.MaxAttempts {
			wrong = append(wrong, Problem{"", n.Position, fmt.Sprintf("max_attempts must be at most %d, not %s", definition.MaxAttempts, n.Describe()), ""})
		}
		policy.MaxAttempts = attempts
	}
	if n := from.Backoff; n != nil {
		policy.Backoff = protocol.Backoff(n.Written)
		switch policy.Backoff {
		case protocol.Exponential, protocol.Linear, protocol.Fixed:
		default:
			wrong = append(wrong, Problem{"", n.Position, "backoff must be exponential, linear or fixed, not " + n.Describe(),
				suggester.Suggest(n.Written, definition.Backoffs())})
		}
	}
	delay := func(name string, n *definition.Node, into *protocol.Seconds) {
		if n == nil {
			return
		}
		seconds, problem := definition.Duration(n)
		if problem != "" {
			wrong = append(wrong, Problem{"", n.Position, name + " " + problem, definition.DurationHint(name, n)})
		}
		*into = seconds
	}
	delay("base_delay", from.BaseDelay, &policy.BaseDelay)
	policy.MaxDelay = max(policy.MaxDelay, policy.BaseDelay)
	delay("max_delay", from.MaxDelay, &policy.MaxDelay)
	if policy.MaxDelay < policy.BaseDelay && len(wrong) == 0 {
		hint := ""
		if n := from.BaseDelay; n != nil && n.Line != from.MaxDelay.Line {
			hint = fmt.Sprintf("base_delay is %s, in line %d", n.Describe(), n.Line) // It may be another's: of the defaults, say.
		}
		wrong = append(wrong, Problem{"", from.MaxDelay.Position, "max_delay must not be less than base_delay", hint})
	}
	policy.Jitter = from.Jitter != nil && from.Jitter.Truth
	if n := from.MaxElapsed; n != nil {
		delay("max_elapsed", n, &policy.MaxElapsed)
		if policy.MaxElapsed == 0 && !slices.ContainsFunc(wrong, func(p Problem) bool { return p.At == n.Position }) {
			wrong = append(wrong, Problem{"", n.Position, "max_elapsed must be more than 0", "leave it out for no limit"})
		}
	}
	var problems []Problem
	policy.On, problems = readErrorNames("on", from.On, suggester)
	wrong = append(wrong, problems...)
	policy.NotOn, problems = readErrorNames("not_on", from.NotOn, suggester)
	wrong = append(wrong, problems...)
	return policy, append(wrong, errorsInBoth(from)...)
}

// readErrorNames reads names of errors that can be retried.
func readErrorNames(key string, from *definition.Node, suggester Suggester) (names []string, wrong []Problem) {
	if from == nil {
		return nil, nil
	}
	nodes := namesIn(from)
	if len(nodes) == 0 {
		return nil, []Problem{{"", from.Position, key + " must name at least one error", "leave it out for all errors that can be retried"}}
	}
	for _, n := range nodes {
		switch {
		case n.Kind != value.KindString:
			wrong = append(wrong, Problem{"", n.Position, key + " must be a list of names of errors, not " + n.Describe(), ""})
		case slices.Contains(definition.RetriedErrors(), n.Written):
			names = append(names, n.Written)
		case slices.ContainsFunc(protocol.Codes, func(info protocol.CodeInfo) bool { return info.Name == n.Written }):
			wrong = append(wrong, Problem{"", n.Position, key + ": " + n.Written + " is never retried", ""})
		default:
			upper := strings.ToUpper(n.Written)
			hint := suggester.Suggest(upper, definition.RetriedErrors())
			if slices.Contains(definition.RetriedErrors(), upper) {
				hint = "write " + upper
			} else if hint == "" {
				hint = "errors that can be retried: " + JoinWords(definition.RetriedErrors(), "and")
			}
			wrong = append(wrong, Problem{"", n.Position, key + ": unknown error " + definition.Quote(n.Written), hint})
		}
	}
	return names, wrong
}

func namesIn(from *definition.Node) []*definition.Node {
	switch {
	case from == nil:
		return nil
	case from.Kind == value.KindList:
		return from.Elements
	}
	return []*definition.Node{from}
}

// errorsInBoth returns the problems of errors that are both retried and not.
func errorsInBoth(from *definition.Retry) (wrong []Problem) {
	for _, n := range namesIn(from.NotOn) {
		if slices.ContainsFunc(namesIn(from.On), func(other *definition.Node) bool { return other.Written == n.Written }) {
			wrong = append(wrong, Problem{"", n.Position, "not_on: " + n.Written + " is in on as well", ""})
		}
	}
	return wrong
}

// TimeoutParameter returns the parameter that means the task's timeout; nil where there is none.
func (t *Task) TimeoutParameter() *definition.Node { return t.Method.TimeoutIn(t.Parameters) }

// AttemptTimeout returns the timeout of one attempt: the task's own, else that among its parameters, else the method's.
func (t *Task) AttemptTimeout() protocol.Seconds {
	for _, n := range []*definition.Node{t.Task.Timeout, t.TimeoutParameter()} {
		if n != nil {
			seconds, _ := definition.Duration(n)
			return seconds
		}
	}
	if t.Method == nil {
		return 0
	}
	return protocol.SecondsOf(t.Method.Timeout)
}

// defaultCleanUp is the timeout of the clean-up of a workflow that sets none.
const defaultCleanUp = protocol.Seconds(60)

// CleanUpTimeout returns the timeout of the clean-up.
func (w *Workflow) CleanUpTimeout() protocol.Seconds {
	if w.Definition.CleanUp == nil {
		return defaultCleanUp
	}
	seconds, _ := definition.Duration(w.Definition.CleanUp)
	return seconds
}

// priorityLevels are Temporal's priority keys, 1 starts first and 5 last, by the words and the numbers of the language.
var priorityLevels = []struct {
	word  string
	level int
}{{"urgent", 1}, {"high", 2}, {"normal", 3}, {"low", 5}, {"1", 2}, {"2", 3}, {"3", 5}}

// normalPriority is that of tasks that name none.
const normalPriority = 3

// PriorityLevel returns the priority key of a word of the language.
func PriorityLevel(n *definition.Node) (level int, known bool) {
	for _, entry := range priorityLevels {
		if entry.word == n.Written {
			return entry.level, true
		}
	}
	return 0, false
}

func firstLevel(nodes ...*definition.Node) int {
	for _, n := range nodes {
		if n != nil {
			if level, known := PriorityLevel(n); known {
				return level
			}
		}
	}
	return normalPriority
}

// RunCondition returns the task's `run_if` as the plan has it: empty for the default.
func (t *Task) RunCondition() plan.RunIf {
	if t.RunIf == nil || t.RunIf.Written == definition.RunIfs()[0] {
		return ""
	}
	return plan.RunIf(t.RunIf.Written)
}

// Condition returns the text of the task's `when`; "" where it has none.
func (t *Task) Condition() string { return conditionText(t.When) }

// conditionText returns the text of a condition; "" where there is none.
func conditionText(n *definition.Node) string {
	switch {
	case n == nil:
		return ""
	case n.Kind == value.KindBool && n.Truth:
		return "true"
	case n.Kind == value.KindBool:
		return "false"
	}
	return n.Text
}

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
			wrong = append(wrong, Problem{"", key.n.Position, key.name + " " + problem, definition.DurationHint(key.name, key.n)})
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
