package schema

import "github.com/gleitzeit/gleitzeit/internal/protocol"

// parsed reads JSON that stands in the program.
func parsed(text string) protocol.Value {
	value, err := protocol.ParseValue([]byte(text))
	if err != nil {
		panic("schema: " + err.Error() + ": " + text)
	}
	return value
}

func of(name string, value protocol.Value) protocol.Field {
	return protocol.Field{Name: name, Value: value}
}

func texts(all []string) protocol.Value {
	elements := make([]protocol.Value, len(all))
	for i, text := range all {
		elements[i] = protocol.OfString(text)
	}
	return protocol.OfList(elements...)
}

// nullable lets a schema have null as well.
func nullable(schema protocol.Value) protocol.Value {
	for _, name := range []string{"enum", "anyOf", "type"} {
		now, has := schema.Get(name)
		if !has {
			continue
		}
		more := protocol.OfString("null")
		switch name {
		case "enum":
			more = protocol.Value{}
		case "anyOf":
			more = parsed(`{"type": "null"}`)
		}
		alternatives := []protocol.Value{now}
		if now.Kind() == protocol.List {
			alternatives = now.Elements()
		}
		return schema.With(name, protocol.OfList(append(alternatives[:len(alternatives):len(alternatives)], more)...))
	}
	return schema
}
