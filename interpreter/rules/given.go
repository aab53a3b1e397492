package rules

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// givenValue is what an input was given: text, a value of a file, or nothing.
type givenValue struct {
	text *string          // Of the command line.
	node *definition.Node // Of a file.
	file string
}

// givenInputs collects what was given, by name, and reports what no input is called.
func (c *Context) givenInputs() map[string]givenValue {
	names := make([]string, len(c.Flow.Inputs))
	for i, input := range c.Flow.Inputs {
		names[i] = input.Name
	}
	given := map[string]givenValue{}
	for _, file := range c.Values {
		if file.Root == nil {
			continue
		}
		for _, field := range file.Root.Fields {
			switch {
			case !c.declared[field.Name]:
				c.reportIn(file.File, field.At, "the workflow declares no input "+definition.Quote(field.Name), c.suggest(field.Name, names))
			case field.Value.Kind != value.KindNull: // A key without a value counts as absent, here as everywhere.
				given[field.Name] = givenValue{node: field.Value, file: file.File}
			}
		}
	}
	for _, one := range c.Given {
		if !c.declared[one.Name] {
			c.report(c.inputsPlace(), "the input "+definition.Quote(one.Name)+" was given, and the workflow declares none of that name",
				c.suggest(one.Name, names))
		}
		given[one.Name] = givenValue{text: &one.Text}
	}
	return given
}

// valueFromFile returns the value that a file gives, where it fits.
func (c *Context) valueFromFile(input *definition.Input, name string, given givenValue, allowed []value.Value) value.Value {
	n := given.node
	val := n.Value()
	must := func(want, hint string) {
		c.reportIn(given.file, n.Position, fmt.Sprintf("the input %s must be %s, not %s", definition.Quote(input.Name), want, n.Describe()), hint)
	}
	switch {
	case !fits(val, name):
		hint := ""
		if name == typeString && (n.Kind == value.KindNumber || n.Kind == value.KindBool) {
			hint = "in quotes it is text"
		}
		must(named(name), hint)
	case allowed != nil && !holds(allowed, val):
		must(values(allowed), "")
	default:
		return val
	}
	return value.Value{}
}
