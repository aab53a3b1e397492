package mcp

import (
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

func echo() builtin {
	return builtin{
		name:    "echo",
		summary: "Give a message back",
		parameters: `{
  "type": "object",
  "properties": {"message": {"description": "Any value; what is no text is given back as JSON"}},
  "required": ["message"],
  "additionalProperties": false
}`,
		result: `{
  "type": "object",
  "properties": {
    "response": {"type": "string"},
    "echoed": {"description": "The message with its type"},
    "length": {"type": "integer", "description": "Characters of the response"},
    "result": {},
    "content": {"type": "array"},
    "is_error": {"const": false}
  },
  "required": ["response", "echoed", "length"]
}`,
		answer: func(arguments value.Value) (string, error) { return asText(argument(arguments, "message")), nil },
		fields: func(arguments value.Value, text string) ([]value.Field, error) {
			echoed := value.String(text)
			if argument(arguments, "message").Kind() != value.KindString {
				var err error
				if echoed, err = value.Parse([]byte(text)); err != nil {
					return nil, err
				}
			}
			return []value.Field{
				{Name: "echoed", Value: echoed},
				{Name: "length", Value: value.Int(int64(utf8.RuneCountInString(text)))},
			}, nil
		},
	}
}
