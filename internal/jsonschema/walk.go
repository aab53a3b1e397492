package jsonschema

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The keywords whose values are a schema, a list of schemas, or an object of schemas.
var (
	ofSchema = map[string]bool{
		"items": true, "additionalProperties": true, "additionalItems": true, "unevaluatedProperties": true, "unevaluatedItems": true,
		"contains": true, "propertyNames": true, "not": true, "if": true, "then": true, "else": true, "contentSchema": true,
	}
	ofSchemas      = map[string]bool{"prefixItems": true, "items": true, "anyOf": true, "oneOf": true, "allOf": true}
	ofNamedSchemas = map[string]bool{"properties": true, "patternProperties": true, "$defs": true, "definitions": true, "dependentSchemas": true}
)

// Rewrite applies f to a schema and to all schemas within it, the innermost first. The place of a schema is like
// "schema.properties.a.items".
func Rewrite(place string, schema value.Value, f func(place string, schema value.Value) value.Value) value.Value {
	for _, field := range schema.Fields() {
		at, given := place+"."+field.Name, field.Value
		switch {
		case ofNamedSchemas[field.Name] && given.Kind() == value.KindObject:
			for _, named := range given.Fields() {
				given = given.With(named.Name, Rewrite(at+"."+named.Name, named.Value, f))
			}
		case ofSchemas[field.Name] && given.Kind() == value.KindList:
			elements := make([]value.Value, len(given.Elements()))
			for i, element := range given.Elements() {
				elements[i] = Rewrite(fmt.Sprintf("%s[%d]", at, i), element, f)
			}
			given = value.List(elements...)
		case ofSchema[field.Name]:
			given = Rewrite(at, given, f)
		}
		schema = schema.With(field.Name, given)
	}
	return f(place, schema)
}
