package ollama

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// checkSchema finds the parts of a schema for which Ollama answers "invalid JSON schema in format", as of version 0.17.4. It
// does not say which they are.
func checkSchema(given value.Value) (found []protocol.ParameterError) {
	jsonschema.Rewrite("schema", given, func(place string, schema value.Value) value.Value {
		if message, hint := schemaProblem(place, schema); message != "" {
			found = append(found, protocol.ParameterError{Parameter: "schema", Message: "Ollama cannot use " + place + ": " + message, Hint: hint})
		}
		return schema
	})
	return found
}

// shaping are the keywords of which a schema needs one, so that Ollama knows what to write.
var shaping = []string{
	"type", "$ref", "enum", "const", "oneOf", "anyOf", "allOf", "properties", "additionalProperties", "items", "prefixItems", "pattern",
}

// unread are the keywords whose schemas Ollama does not read.
var unread = []string{
	"not", "if", "then", "else", "contains", "propertyNames", "dependentSchemas", "patternProperties", "contentSchema", "unevaluatedProperties", "unevaluatedItems",
}

func schemaProblem(place string, schema value.Value) (message, hint string) {
	if slices.ContainsFunc(strings.Split(place, "."), func(step string) bool { return slices.Contains(unread, step) }) {
		return "", ""
	}
	if schema.Kind() == value.KindBool {
		if strings.HasSuffix(place, ".additionalProperties") {
			return "", ""
		}
		return "it is not an object", "write `{}` instead of `true`"
	}
	if ref, is := schema.Get("$ref"); is && ref.Text() == "#" {
		return "it refers to the whole schema", "move the schema to `$defs` and refer to it there"
	}
	if pattern, is := schema.Get("pattern"); is && !provider.HasGroup(pattern.Text()) && !isAnchored(pattern.Text()) {
		return "the pattern is not anchored", "begin it with ^ and end it with $"
	}
	if len(schema.Fields()) == 0 || slices.ContainsFunc(shaping, func(keyword string) bool { _, is := schema.Get(keyword); return is }) {
		return "", ""
	}
	return "it has no type", "add a `type`, or write `{}` for any value"
}

func isAnchored(pattern string) bool {
	return strings.HasPrefix(pattern, "^") && strings.HasSuffix(pattern, "$")
}
