package ollama

import (
	"regexp"
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
	used := usedDefinitions(given)
	jsonschema.Rewrite("schema", given, func(place string, schema value.Value) value.Value {
		if name, within := definitionOf(place); within && !used[name] {
			return schema
		}
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

// shapingFormats are the formats of which a schema needs no type.
var shapingFormats = regexp.MustCompile(`^(?:date|time|date-time|uuid[1-5]?)$`)

// usedDefinitions are the names of the definitions that the schema refers to, directly or through others.
func usedDefinitions(given value.Value) map[string]bool {
	references := map[string][]string{} // By the definition that has them; those outside have none.
	jsonschema.Rewrite("schema", given, func(place string, schema value.Value) value.Value {
		ref, _ := schema.Get("$ref")
		for _, section := range definitions {
			if rest, is := strings.CutPrefix(ref.Text(), "#/"+section+"/"); is {
				from, _ := definitionOf(place)
				to, _, _ := strings.Cut(rest, "/")
				references[from] = append(references[from], to)
			}
		}
		return schema
	})
	used := map[string]bool{}
	for next := references[""]; len(next) > 0; {
		name := next[0]
		if next = next[1:]; !used[name] {
			used[name] = true
			next = append(next, references[name]...)
		}
	}
	return used
}

// definitions are the keywords whose schemas are read where something refers to them.
var definitions = []string{"$defs", "definitions"}

// definitionOf returns the name of the definition that a place is in.
func definitionOf(place string) (name string, within bool) {
	for _, section := range definitions {
		if rest, is := strings.CutPrefix(place, "schema."+section+"."); is {
			name, _, _ = strings.Cut(rest, ".")
			return name, true
		}
	}
	return "", false
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
	if format, _ := schema.Get("format"); shapingFormats.MatchString(format.Text()) {
		return "", ""
	}
	return "it has no type", "add a `type`, or write `{}` for any value"
}

func isAnchored(pattern string) bool {
	return strings.HasPrefix(pattern, "^") && strings.HasSuffix(pattern, "$")
}
