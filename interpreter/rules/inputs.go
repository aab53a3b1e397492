package rules

import (
	"bytes"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// inputs: declarations that contradict themselves, and given values that do not fit them. What the inputs are goes into
// the Context: of a value given twice the later counts, one of the command line before one of a file, and what has neither
// value nor default is null.
func inputs(c *Context) {
	given := c.givenInputs()
	for _, input := range c.Flow.Inputs {
		name, known := c.inputType(input)
		if !known {
			continue
		}
		c.checkDefault(input, name)
		allowed := c.checkEnum(input, name)
		c.Inputs = append(c.Inputs, value.Field{Name: input.Name, Value: c.inputValue(input, name, given[input.Name], allowed)})
	}
}

// inputsPlace is where one would declare an input.
func (c *Context) inputsPlace() definition.Position {
	if c.Flow.InputsNode != nil {
		return c.Flow.InputsNode.Position
	}
	return c.Flow.Root.Position
}

func (c *Context) inputType(input *definition.Input) (name string, known bool) {
	if input.Type == nil {
		return impliedType(input), true
	}
	name = input.Type.Written
	if slices.Contains(definition.InputTypes(), name) {
		return name, true
	}
	c.report(input.Type.Position, "the type of an input must be "+list(definition.InputTypes(), "or")+", not "+input.Type.Describe(),
		c.suggest(name, definition.InputTypes()))
	return "", false
}

func (c *Context) checkDefault(input *definition.Input, name string) {
	n := input.Default
	if n == nil || n.Kind == value.KindNull {
		return
	}
	if !fits(n.Value(), name) {
		c.report(n.Position, fmt.Sprintf("the default of the input %s must be %s, not %s",
			definition.Quote(input.Name), named(name), n.Describe()), "")
	}
}

// checkEnum returns the values that the input may have; nil where that is not bounded.
func (c *Context) checkEnum(input *definition.Input, name string) []value.Value {
	if input.Enum == nil {
		return nil
	}
	if len(input.Enum.Elements) == 0 {
		c.report(input.Enum.Position, "the enum of the input "+definition.Quote(input.Name)+" allows nothing", "")
		return nil
	}
	var allowed []value.Value
	for _, element := range input.Enum.Elements {
		value := element.Value()
		if !fits(value, name) {
			c.report(element.Position, fmt.Sprintf("the enum of the input %s must hold %s each, not %s",
				definition.Quote(input.Name), named(name), element.Describe()), "")
		}
		allowed = append(allowed, value)
	}
	if n := input.Default; n != nil && n.Kind != value.KindNull && fits(n.Value(), name) && !holds(allowed, n.Value()) {
		c.report(n.Position, fmt.Sprintf("the default of the input %s must be %s, not %s",
			definition.Quote(input.Name), values(allowed), n.Describe()), "")
	}
	return allowed
}

// inputValue returns the value of an input in this run.
func (c *Context) inputValue(input *definition.Input, name string, given givenValue, allowed []value.Value) value.Value {
	quotedName := definition.Quote(input.Name)
	switch {
	case given.node != nil:
		return c.valueFromFile(input, name, given, allowed)
	case given.text == nil && input.Default != nil:
		return input.Default.Value()
	case given.text == nil:
		if input.Required != nil && input.Required.Truth && !c.Unread {
			c.report(input.At, "the input "+quotedName+" is required and was not given", "give it with --input "+input.Name+"=…")
		}
		return value.Value{}
	}
	text := *given.text
	switch value, converted := convert(text, name); {
	case !utf8.ValidString(text):
		c.report(input.At, "the input "+quotedName+" was given as what is not UTF-8 text", "")
	case len(text) > definition.MaxText:
		c.report(input.At, fmt.Sprintf("the input %s was given more than %d MiB of text", quotedName, definition.MaxText>>20), "")
	case !converted:
		c.report(input.At, fmt.Sprintf("the input %s must be %s, and was given as %s", quotedName, wanted(name), definition.Quote(text)), "")
	case allowed != nil && !holds(allowed, value):
		c.report(input.At, fmt.Sprintf("the input %s must be %s, and was given as %s", quotedName, values(allowed), definition.Quote(text)), "")
	default:
		return value
	}
	return value.Value{}
}

// holds tells whether a value is allowed. Numbers are compared by what they say: 1 is 1.0.
func holds(allowed []value.Value, val value.Value) bool {
	data := val.JSON()
	return slices.ContainsFunc(allowed, func(one value.Value) bool {
		if val.Kind() == value.KindNumber && one.Kind() == value.KindNumber {
			return value.CompareDigits(one.Digits(), val.Digits()) == 0
		}
		return bytes.Equal(one.JSON(), data)
	})
}

// values shows what is allowed: `"a", "b" or 3`; the first of many.
func values(allowed []value.Value) string {
	const most = 12
	var shown []string
	for _, value := range allowed[:min(len(allowed), most)] {
		shown = append(shown, definition.Shorten(string(value.JSON())))
	}
	if more := len(allowed) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("one of %d more", more))
	}
	return list(shown, "or")
}
