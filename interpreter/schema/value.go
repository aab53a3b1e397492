package schema

import "github.com/gleitzeit/gleitzeit/internal/value"

// parsed reads JSON that is part of the program.
func parsed(text string) value.Value {
	value, err := value.Parse([]byte(text))
	if err != nil {
		panic("schema: " + err.Error() + ": " + text)
	}
	return value
}

func of(name string, val value.Value) value.Field {
	return value.Field{Name: name, Value: val}
}

func texts(all []string) value.Value {
	elements := make([]value.Value, len(all))
	for i, text := range all {
		elements[i] = value.String(text)
	}
	return value.List(elements...)
}

// nullable lets a schema have null as well.
func nullable(schema value.Value) value.Value {
	for _, name := range []string{"enum", "anyOf", "type"} {
		now, has := schema.Get(name)
		if !has {
			continue
		}
		more := value.String("null")
		switch name {
		case "enum":
			more = value.Value{}
		case "anyOf":
			more = parsed(`{"type": "null"}`)
		}
		alternatives := []value.Value{now}
		if now.Kind() == value.KindList {
			alternatives = now.Elements()
		}
		return schema.With(name, value.List(append(alternatives[:len(alternatives):len(alternatives)], more)...))
	}
	return schema
}
