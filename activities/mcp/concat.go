package mcp

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

func concat() builtin {
	return builtin{
		name:    "concat",
		summary: "Join texts",
		parameters: `{
  "type": "object",
  "properties": {
    "strings": {"type": "array", "items": {"type": "string"}},
    "separator": {"type": "string", "default": ""}
  },
  "required": ["strings"],
  "additionalProperties": false
}`,
		result: `{
  "type": "object",
  "properties": {
    "response": {"type": "string"},
    "joined": {"type": "string"},
    "count": {"type": "integer", "description": "How many texts were joined"},
    "result": {},
    "content": {"type": "array"},
    "is_error": {"const": false}
  },
  "required": ["response", "joined", "count"]
}`,
		answer: func(arguments value.Value) (string, error) {
			var parts []string
			for _, part := range argument(arguments, "strings").Elements() {
				parts = append(parts, part.Text())
			}
			return strings.Join(parts, argument(arguments, "separator").Text()), nil
		},
		fields: func(arguments value.Value, text string) ([]value.Field, error) {
			return []value.Field{
				{Name: "joined", Value: value.String(text)},
				{Name: "count", Value: value.Int(int64(len(argument(arguments, "strings").Elements())))},
			}, nil
		},
	}
}
