package batch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// readSchema reads --schema: JSON, a file, or the short form. Nothing in it is a reference.
func (r *Request) readSchema(found *problems) value.Value {
	text := strings.TrimSpace(r.Schema)
	if info, err := os.Stat(r.Schema); err == nil && !info.IsDir() || looksLikeFile(text) {
		read, err := readText(r.Schema, nil)
		if err != nil {
			found.add("", "cannot read the schema in %q: %s", r.Schema, err)
			return value.Value{}
		}
		schema, is := definition.ParseValue(read)
		if !is || schema.Kind() != value.KindObject {
			found.add("", "the schema in %q is not a JSON Schema: it must be an object, in JSON or YAML", r.Schema)
			return value.Value{}
		}
		return interpreter.Literal(schema)
	}
	if strings.HasPrefix(text, "{") {
		schema, err := value.Parse([]byte(text))
		if err != nil {
			found.add("", "--schema: %s", err)
			return value.Value{}
		}
		return interpreter.Literal(schema)
	}
	schema, err := shortSchema(text)
	if err != nil {
		found.add(`write fields such as "name, age int, tags [str], grade a|b|c, note str?: what it means", or name a file with a JSON Schema`, "--schema: %s", err)
		return value.Value{}
	}
	return interpreter.Literal(schema)
}

func looksLikeFile(text string) bool {
	switch strings.ToLower(filepath.Ext(text)) {
	case ".json", ".yaml", ".yml":
		return !strings.Contains(text, ",") && !strings.HasPrefix(text, "{")
	}
	return false
}

// types are the names of types in the short form.
var types = map[string]string{
	"str": "string", "string": "string", "text": "string", "int": "integer", "integer": "integer", "float": "number", "number": "number", "bool": "boolean", "boolean": "boolean",
}

// shortSchema reads fields with types and descriptions, separated by commas or line breaks: `name, age int, bio: what is known`. A
// field without a type is text, `[int]` is a list, `a|b` are the values that are possible, and ? makes a field optional.
func shortSchema(text string) (value.Value, error) {
	properties, required := value.Object(), []value.Value{}
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == '\n' }) {
		field, about, _ := strings.Cut(strings.TrimSpace(part), ":")
		words := strings.Fields(field)
		if len(words) == 0 && about == "" {
			continue
		}
		if len(words) == 0 || len(words) > 2 {
			return value.Value{}, fmt.Errorf("%q is not a name with a type", strings.TrimSpace(part))
		}
		name, kind := words[0], "str"
		if len(words) == 2 {
			kind = words[1]
		}
		bare, optional := strings.CutSuffix(kind, "?")
		if cut, also := strings.CutSuffix(name, "?"); also {
			name, optional = cut, true
		}
		schema, err := typeSchema(bare)
		if err != nil {
			return value.Value{}, fmt.Errorf("field %q: %w", name, err)
		}
		if about = strings.TrimSpace(about); len(words) == 1 && isType(about) {
			return value.Value{}, fmt.Errorf("field %q: what follows a colon is a description, and %q is a type; write %q", name, about, words[0]+" "+about)
		}
		if about != "" {
			schema = schema.With("description", value.String(about))
		}
		if _, twice := properties.Get(name); twice {
			return value.Value{}, fmt.Errorf("field %q is given twice", name)
		}
		properties = properties.With(name, schema)
		if !optional {
			required = append(required, value.String(name))
		}
	}
	if len(properties.Fields()) == 0 {
		return value.Value{}, fmt.Errorf("%q has no field", text)
	}
	return value.Object(
		value.Field{Name: "type", Value: value.String("object")},
		value.Field{Name: "properties", Value: properties},
		value.Field{Name: "required", Value: value.List(required...)},
		value.Field{Name: "additionalProperties", Value: value.Bool(false)},
	), nil
}

// isType reports whether a description can only be meant as a type: `label: a|b`, `age: int`.
func isType(about string) bool {
	bare := strings.TrimSuffix(about, "?")
	if strings.ContainsAny(bare, " \t") || types[bare] == "string" { // "text" may well describe a field.
		return false
	}
	_, err := typeSchema(bare)
	return err == nil
}

func typeSchema(kind string) (value.Value, error) {
	if inner, isList := strings.CutPrefix(kind, "["); isList && strings.HasSuffix(inner, "]") {
		items, err := typeSchema(strings.TrimSuffix(inner, "]"))
		return value.Object(value.Field{Name: "type", Value: value.String("array")}, value.Field{Name: "items", Value: items}), err
	}
	if strings.Contains(kind, "|") {
		var words []value.Value
		for word := range strings.SplitSeq(kind, "|") {
			if word == "" {
				return value.Value{}, fmt.Errorf("%q has an empty value", kind)
			}
			words = append(words, value.String(word))
		}
		return value.Object(value.Field{Name: "enum", Value: value.List(words...)}), nil
	}
	name, known := types[kind]
	if !known {
		return value.Value{}, fmt.Errorf("unknown type %q; the types are str, int, float, bool, [TYPE] and a|b", kind)
	}
	return value.Object(value.Field{Name: "type", Value: value.String(name)}), nil
}
