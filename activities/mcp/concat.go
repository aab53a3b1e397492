package mcp

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
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
		answer: func(arguments protocol.Value) (string, error) {
			var parts []string
			for _, part := range argument(arguments, "strings").Elements() {
				parts = append(parts, part.Text())
			}
			return strings.Join(parts, argument(arguments, "separator").Text()), nil
		},
		fields: func(arguments protocol.Value, text string) ([]protocol.Field, error) {
			return []protocol.Field{
				{Name: "joined", Value: protocol.OfString(text)},
				{Name: "count", Value: protocol.OfInt(int64(len(argument(arguments, "strings").Elements())))},
			}, nil
		},
	}
}
