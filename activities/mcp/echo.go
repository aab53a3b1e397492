package mcp

import (
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
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
		answer: func(arguments protocol.Value) (string, error) { return asText(argument(arguments, "message")), nil },
		fields: func(arguments protocol.Value, text string) ([]protocol.Field, error) {
			echoed := protocol.OfString(text)
			if argument(arguments, "message").Kind() != protocol.String {
				var err error
				if echoed, err = protocol.ParseValue([]byte(text)); err != nil {
					return nil, err
				}
			}
			return []protocol.Field{
				{Name: "echoed", Value: echoed},
				{Name: "length", Value: protocol.OfInt(int64(utf8.RuneCountInString(text)))},
			}, nil
		},
	}
}
