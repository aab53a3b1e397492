// Package schema describes the language to editors and people: as a JSON Schema of the draft 2020-12, and key by key in
// words. Both are made from the tables of package definition, by which the parser reads files, and from the specs of the
// protocols, by which rules check them. A schema sees less than `gleitzeit validate` does: nothing of what references,
// dependencies and paths lead to.
package schema

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// draft is the version of JSON Schema that is written.
const draft = "https://json-schema.org/draft/2020-12/schema"

// reference replaces a value of any type.
const reference = `{
  "title": "reference",
  "description": "Reference such as ${task.response}, in place of a value of any type.",
  "type": "string",
  "pattern": "(^|[^$])\\$\\{"
}`

// form is what a workflow is: a batch, with its files and its template, or tasks.
const form = `{
  "if": {"anyOf": [
    {"required": ["batch"], "properties": {"batch": {"not": {"type": "null"}}}},
    {"required": ["template"], "properties": {"template": {"not": {"type": "null"}}}},
    {"required": ["type"], "properties": {"type": {"const": "batch"}}}
  ]},
  "then": {"required": ["batch", "template"], "properties": {"batch": {"type": "object"}, "template": {"type": "object"}}},
  "else": {"required": ["tasks"], "properties": {"tasks": {"type": "array", "minItems": 1}, "protocol": {"type": "null"}}}
}`

// items is where a batch has its items from: one of the four.
const items = `[
  {"required": ["directory"], "properties": {"directory": {"not": {"enum": [null, ""]}}, "files": {"type": "null"}, "rows": {"type": "null"}, "requests": {"type": "null"}, "key": {"type": "null"}, "delimiter": {"type": "null"}}},
  {"required": ["files"], "properties": {"files": {"not": {"type": "null"}}, "directory": {"type": "null"}, "rows": {"type": "null"}, "requests": {"type": "null"}, "key": {"type": "null"}, "delimiter": {"type": "null"}}},
  {"required": ["rows"], "properties": {"rows": {"not": {"enum": [null, ""]}}, "requests": {"type": "null"}, "directory": {"type": "null"}, "files": {"type": "null"}, "pattern": {"type": "null"},
    "exclude": {"type": "null"}, "models": {"type": "null"}}},
  {"required": ["requests"], "properties": {"requests": {"not": {"enum": [null, ""]}}, "rows": {"type": "null"}, "key": {"type": "null"}, "delimiter": {"type": "null"},
    "directory": {"type": "null"}, "files": {"type": "null"}, "pattern": {"type": "null"}, "exclude": {"type": "null"}, "models": {"type": "null"}}}
]`

// selection is which of the files a batch takes: the first ones, or a sample, which may have a seed.
const selection = `[
  {"anyOf": [{"properties": {"limit": {"type": "null"}}}, {"properties": {"sample": {"type": "null"}}}]},
  {"anyOf": [{"properties": {"seed": {"type": "null"}}}, {"required": ["sample"], "properties": {"sample": {"not": {"type": "null"}}}}]}
]`

// withSteps is a task, or a template, with steps for each item instead of a method.
const withSteps = `{"required": ["steps"], "properties": {"steps": {"type": "array", "minItems": 1}}, "not": {"anyOf": [{"required": ["method"]}, {"required": ["protocol"]}]}}`

// server is how an MCP server is reached: one of two ways.
const server = `[
  {"required": ["command"], "properties": {"command": {"not": {"enum": [null, ""]}}, "url": {"type": "null"}, "headers": {"type": "null"}}},
  {"required": ["url"], "properties": {"url": {"not": {"enum": [null, ""]}}, "command": {"type": "null"}, "args": {"type": "null"},
    "env": {"type": "null"}, "cwd": {"type": "null"}}}
]`

// nested is what a task has that runs a workflow file instead of a method, and what only such a task has.
const nested = `{
  "if": {"required": ["workflow"], "properties": {"workflow": {"not": {"type": "null"}}}},
  "then": {"properties": {
    "method": {"type": "null"}, "protocol": {"type": "null"}, "parameters": {"type": "null"}, "params": {"type": "null"}, "queue": {"type": "null"},
    "cache": {"enum": [null, false]}, "repeat": {"type": "null"}, "split": {"type": "null"}, "combine": {"type": "null"}, "retry": {"type": "null"}, "chunk": {"type": "null"}
  }},
  "else": {"properties": {"inputs": {"type": "null"}}}
}`

// writer makes one schema.
type writer struct {
	specs []protocol.Spec
	parts []value.Field // What lies beneath `$defs`, in the order in which it was needed.
}

// Of returns the JSON Schema of a workflow file whose tasks may call the methods of these protocols. It is the same each
// time.
func Of(specs []protocol.Spec) value.Value {
	w := &writer{specs: specs}
	w.add("reference", parsed(reference))
	keys := definition.Language()
	top := []value.Field{
		of("$schema", value.String(draft)),
		of("title", value.String("Gleitzeit workflow")),
		of("type", value.String("object")),
	}
	top = append(top, w.fields("", keys)...)
	top = append(top, of("additionalProperties", value.Bool(false)))
	top = append(top, parsed(form).Fields()...)
	top = append(top, of("allOf", value.List(w.parametersByDefaults())))
	return value.Object(append(top, of("$defs", value.Object(w.parts...)))...)
}

// add puts a schema beneath `$defs`, where it is not there yet.
func (w *writer) add(name string, schema value.Value) {
	if !slices.ContainsFunc(w.parts, func(part value.Field) bool { return part.Name == name }) {
		w.parts = append(w.parts, of(name, schema))
	}
}

// fields say which keys the mappings of a part have, and which of them they need.
func (w *writer) fields(part string, keys []definition.Key) []value.Field {
	var properties []value.Field
	var required []string
	for _, key := range keys {
		for i, name := range key.Names {
			about := key.About
			if i > 0 {
				about = "The same as " + key.Name() + ". " + about
			}
			property := append([]value.Field{of("description", value.String(about))}, w.property(part, key).Fields()...)
			properties = append(properties, of(name, value.Object(property...)))
		}
		if key.Required {
			required = append(required, key.Name())
		}
	}
	all := []value.Field{of("properties", value.Object(properties...))}
	if len(required) > 0 {
		all = append(all, of("required", texts(required)))
	}
	return all
}

// property is the schema of a key's value. A key without a value counts as absent, so that null is right unless the key is
// required.
func (w *writer) property(part string, key definition.Key) value.Value {
	switch {
	case part == "template" && key.Name() == "steps": // Anything else is a parameter.
		return value.Object(of("anyOf", value.List(w.nested(key), parsed(`{"not": {"type": "array"}}`))))
	case part == "template" && key.Name() == "outputs":
		return value.Object()
	case key.Part != "":
		return w.nested(key)
	case key.Name() == "method" && part == "template":
		return w.methods()
	case key.Name() == "protocol":
		return w.protocols()
	case key.Required, key.Name() == "method": // Editors would offer null first.
		return parsed(key.Schema).With("minLength", value.Int(1))
	}
	return nullable(parsed(key.Schema))
}

// nested is the schema of a value beneath which there are keys.
func (w *writer) nested(key definition.Key) value.Value {
	w.part(key)
	to := refer(key.Part)
	if key.Part == "default" {
		return w.defaults(key, to)
	}
	if key.Part == "for_each" {
		return value.Object(of("anyOf", value.List(parsed(key.Schema), to)))
	}
	switch key.Places {
	case definition.Elements:
		return nullable(parsed(key.Schema)).With("items", to)
	case definition.Fields:
		return nullable(parsed(key.Schema)).With("additionalProperties", to)
	}
	return to
}

// part writes the mapping beneath a key.
func (w *writer) part(key definition.Key) {
	schema := []value.Field{of("title", value.String(key.Part))}
	switch key.Places {
	case definition.Itself:
		schema = append(schema, of("type", texts([]string{"object", "null"})))
	case definition.Elements:
		schema = append(schema, of("type", value.String("object")))
	}
	schema = append(schema, w.fields(key.Part, key.Keys)...)
	schema = append(schema, synonyms(key.Keys)...)
	var rules []value.Value
	switch key.Part {
	case "task":
		schema = append(schema, of("anyOf", value.List(given("id"), given("name"))))
		rules = append(w.methodsByProtocol(), value.Object(of("anyOf", value.List(given("method"), given("workflow"), parsed(withSteps)))), parsed(nested))
	case "step":
		schema = append(schema, of("anyOf", value.List(given("id"), given("name"))))
		rules = w.methodsByProtocol()
	case "template":
		rules = append(w.templatesByMethod(key.Keys), value.Object(of("anyOf", value.List(given("method"), parsed(withSteps)))))
	case "mcp_server":
		schema = append(schema, of("type", value.String("object")), of("oneOf", parsed(server)))
	case "for_each":
		schema = append(schema, of("if", parsed(`{"type": "object"}`)), of("then", value.Object(of("allOf", parsed(selection)))))
	case "batch":
		schema = append(schema, of("if", parsed(`{"type": "object"}`)), of("then", value.Object(of("oneOf", parsed(items)), of("allOf", parsed(selection)))))
	}
	if key.Part != "template" {
		schema = append(schema, of("additionalProperties", value.Bool(false)))
	}
	if len(rules) > 0 {
		schema = append(schema, of("allOf", value.List(rules...)))
	}
	w.add(key.Part, value.Object(schema...))
}

// synonyms says that of a key's names only one can be given; it says nothing where each key has one.
func synonyms(keys []definition.Key) []value.Field {
	var all []value.Field
	for _, key := range keys {
		for i, name := range key.Names[1:] {
			var others []value.Field
			for _, other := range key.Names[:i+1] {
				others = append(others, of(other, value.Bool(false)))
			}
			all = append(all, of(name, value.Object(of("properties", value.Object(others...)))))
		}
	}
	if all == nil {
		return nil
	}
	return []value.Field{of("dependentSchemas", value.Object(all...))}
}

// given is the schema of a mapping in which a key has a value.
func given(name string) value.Value {
	return value.Object(
		of("required", texts([]string{name})),
		of("properties", value.Object(of(name, parsed(`{"not": {"enum": [null, ""]}}`)))),
	)
}

// refer leads to a schema beneath `$defs`.
func refer(name string, below ...string) value.Value {
	path := "#/$defs"
	for _, step := range append([]string{name}, below...) {
		path += "/" + strings.NewReplacer("~", "~0", "/", "~1", "%", "%25").Replace(step)
	}
	return value.Object(of("$ref", value.String(path)))
}
