package rules

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// parameterTimeout is the parameter that means the task's timeout where the method has no parameter of that name.
const parameterTimeout = "timeout"

// timeouts: timeouts that are no durations, or none.
func timeouts(c *Context) {
	c.checkTimeout(c.Flow.Timeout)
	for _, one := range c.Flow.Defaults {
		c.checkTimeout(one.Timeout)
		for _, m := range c.calledBy(one) {
			c.checkTimeout(m.timeoutIn(one.Parameters))
		}
	}
	for _, task := range c.Tasks {
		c.checkTimeout(task.Task.Timeout)
		c.checkTimeout(task.timeoutParameter())
	}
}

func (c *Context) checkTimeout(n *definition.Node) {
	if n == nil {
		return
	}
	switch seconds, problem := definition.Duration(n); {
	case problem != "":
		c.report(n.Position, "timeout "+problem, "")
	case seconds == 0:
		c.report(n.Position, "timeout must be more than 0", "leave it out for the default")
	}
}

// timeoutParameter returns the parameter that means the task's timeout; nil where there is none.
func (t *Task) timeoutParameter() *definition.Node {
	if t.method == nil {
		return nil
	}
	return t.method.timeoutIn(t.Parameters)
}

func (m *method) timeoutIn(parameters *definition.Node) *definition.Node {
	if parameters == nil || slices.Contains(m.properties, parameterTimeout) {
		return nil
	}
	if n := parameters.Get(parameterTimeout); n != nil && n.Kind != value.KindNull {
		return n
	}
	return nil
}

// AttemptTimeout returns the timeout of one attempt: the task's own, else that among its parameters, else the method's.
func (t *Task) AttemptTimeout() protocol.Seconds {
	for _, n := range []*definition.Node{t.Task.Timeout, t.timeoutParameter()} {
		if n != nil {
			seconds, _ := definition.Duration(n)
			return seconds
		}
	}
	return protocol.SecondsOf(t.Method.Timeout)
}
