package condition

import (
	"context"

	"github.com/expr-lang/expr/vm"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// decision is one run of a condition.
type decision struct {
	ctx    context.Context
	source *source
	scope  *reference.Scope
	values []any
	known  []bool
	failed error // Why a value could not be had.
	steps  int
	bytes  int // Of texts made.
}

// Holds decides the condition. References are looked up when the expression comes to them: in `a && b`, b is not where a is
// false. The scope is for this call alone. An error is a *protocol.Error of TaskParameterError, ctx's own, or what the
// scope's Load returned, wrapped.
func (c *Condition) Holds(ctx context.Context, scope *reference.Scope) (bool, error) {
	count := len(c.source.references)
	d := &decision{ctx: ctx, source: c.source, scope: scope, values: make([]any, count), known: make([]bool, count)}
	outcome, err := (&vm.VM{MemoryBudget: MaxSteps}).Run(c.program, d.environment(count))
	switch {
	case d.failed != nil:
		return false, d.failed
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil:
		return false, c.source.failure(err)
	}
	truth, isTruth := outcome.(bool)
	if !isTruth {
		wrong := protocol.Errorf(protocol.TaskParameterError, "the condition is %s, not true or false: %s", describe(outcome), shown(c.source.text))
		return false, wrong.WithHint("%s", "compare it with something: ==")
	}
	return truth, nil
}

// value looks a reference up, once.
func (d *decision) value(number int) (any, error) {
	if !d.known[number] {
		v, err := reference.Lookup(&d.source.references[number], d.scope)
		if err != nil {
			d.failed = err
			return nil, err
		}
		d.values[number], d.known[number] = fromValue(v), true
	}
	return d.values[number], nil
}
