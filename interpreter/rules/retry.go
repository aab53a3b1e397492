package rules

import (
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// retries: values of `retry` that are out of range, and no backoff.
func retries(c *Context) {
	check := func(from *definition.Retry) {
		_, wrong := resolve.ReadRetry(from, c.Suggester)
		c.reportAll(wrong)
	}
	for _, one := range c.Definition.Defaults {
		check(one.Retry)
	}
	for _, task := range c.Tasks {
		check(task.Task.Retry)
	}
}
