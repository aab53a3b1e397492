package mcp

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

func add() builtin { return arithmetic("add", "Add two numbers, exactly", "+", decimal.plus) }

func multiply() builtin {
	return arithmetic("multiply", "Multiply two numbers, exactly", "*", decimal.times)
}

func arithmetic(name, summary, sign string, operate func(a, b decimal) decimal) builtin {
	return builtin{
		name:    name,
		summary: summary,
		parameters: `{
  "type": "object",
  "properties": {"a": {"type": "number"}, "b": {"type": "number"}},
  "required": ["a", "b"],
  "additionalProperties": false
}`,
		result: `{
  "type": "object",
  "properties": {
    "response": {"type": "string", "description": "The result as text"},
    "result": {"type": "number"},
    "calculation": {"type": "string", "description": "As in \"100 + 23 = 123\""},
    "content": {"type": "array"},
    "is_error": {"const": false}
  },
  "required": ["response", "result", "calculation"]
}`,
		answer: func(arguments value.Value) (string, error) {
			a, b, err := operands(arguments)
			if err != nil {
				return "", err
			}
			return operate(a, b).String(), nil
		},
		fields: func(arguments value.Value, text string) ([]value.Field, error) {
			a, b, err := operands(arguments)
			if err != nil {
				return nil, err
			}
			number, ok := value.Digits(text)
			if !ok {
				return nil, fmt.Errorf("%.60q is no number", text)
			}
			return []value.Field{
				{Name: "result", Value: number},
				{Name: "calculation", Value: value.String(fmt.Sprintf("%s %s %s = %s", a, sign, b, text))},
			}, nil
		},
	}
}

func operands(arguments value.Value) (a, b decimal, err error) {
	if a, err = parseDecimal(argument(arguments, "a").Digits()); err != nil {
		return a, b, fmt.Errorf("a: %w", err)
	}
	if b, err = parseDecimal(argument(arguments, "b").Digits()); err != nil {
		return a, b, fmt.Errorf("b: %w", err)
	}
	return a, b, nil
}
