package rules

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// What a `retry` means that leaves keys out.
const (
	defaultAttempts  = 3
	defaultBaseDelay = protocol.Seconds(1)
	defaultMaxDelay  = protocol.Seconds(300) // Or the base delay, where that is longer.
)

// retries: values of `retry` that are out of range, and no backoff.
func retries(c *Context) {
	check := func(from *definition.Retry) {
		_, wrong := c.readRetry(from)
		for _, mistake := range wrong {
			c.report(mistake.at, mistake.message, mistake.hint)
		}
	}
	for _, one := range c.Flow.Defaults {
		check(one.Retry)
	}
	for _, task := range c.Tasks {
		check(task.Task.Retry)
	}
}

// RetryPolicy returns the task's policy; nil where it has none of its own.
func (c *Context) RetryPolicy(task *Task) *protocol.Retry {
	if task.Task.Retry == nil {
		return nil
	}
	policy, _ := c.readRetry(task.Task.Retry)
	return &policy
}

func (c *Context) readRetry(from *definition.Retry) (policy protocol.Retry, wrong []finding) {
	policy = protocol.Retry{
		MaxAttempts: defaultAttempts, Backoff: protocol.Exponential, BaseDelay: defaultBaseDelay, MaxDelay: defaultMaxDelay,
	}
	if from == nil {
		return policy, nil
	}
	if n := from.MaxAttempts; n != nil {
		attempts, isCount := definition.Count(n)
		if !isCount {
			wrong = append(wrong, finding{n.Position, "max_attempts must be a whole number of at least 1, not " + n.Describe(), ""})
		} else if attempts > definition.MaxAttempts {
			wrong = append(wrong, finding{n.Position, fmt.Sprintf("max_attempts must be at most %d, not %s", definition.MaxAttempts, n.Describe()), ""})
		}
		policy.MaxAttempts = attempts
	}
	if n := from.Backoff; n != nil {
		policy.Backoff = protocol.Backoff(n.Written)
		switch policy.Backoff {
		case protocol.Exponential, protocol.Linear, protocol.Fixed:
		default:
			wrong = append(wrong, finding{n.Position, "backoff must be exponential, linear or fixed, not " + n.Describe(),
				c.suggest(n.Written, definition.Backoffs())})
		}
	}
	delay := func(name string, n *definition.Node, into *protocol.Seconds) {
		if n == nil {
			return
		}
		seconds, problem := definition.Duration(n)
		if problem != "" {
			wrong = append(wrong, finding{n.Position, name + " " + problem, ""})
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
		wrong = append(wrong, finding{from.MaxDelay.Position, "max_delay must not be less than base_delay", hint})
	}
	policy.Jitter = from.Jitter != nil && from.Jitter.Truth
	return policy, wrong
}
