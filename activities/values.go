package activities

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// expandValues makes items of what `for_each` says: a list, or a text that leads to one.
func expandValues(written value.Value, most int, scope *reference.Scope) (*expansion, error) {
	list, err := reference.ResolveList(written, scope)
	if err != nil {
		return nil, err
	}
	if list.Kind() != value.KindList {
		return nil, noList(written.Text(), list)
	}
	if count := len(list.Elements()); count > most {
		return nil, protocol.Errorf(protocol.TaskParameterError, "for_each has %d items, and one task takes %d", count, most).
			WithHint("divide them among several tasks")
	}
	found := &expansion{elements: list.Elements(), list: list.JSON(), values: make([]protocol.Item, len(list.Elements()))}
	if len(found.list) > protocol.MaxValue {
		return nil, protocol.Errorf(protocol.TaskParameterError, "the items of for_each have %d bytes, and the most that can be kept is %d", len(found.list), protocol.MaxValue).
			WithHint("divide them among several tasks")
	}
	for i, element := range list.Elements() {
		held, data := protocol.NewPayload(element)
		item := protocol.Item{Value: protocol.Payload{Inline: held.Inline}, Label: element.Brief()}
		if len(data) > protocol.MaxInlineItem || element.IsNull() { // Null in full would be read as nothing.
			item.Value = protocol.Payload{Ref: held.Ref}
			found.large = append(found.large, data)
		}
		found.values[i] = item
	}
	return found, nil
}

// noList says what a reference leads to that should lead to a list, and what to do.
func noList(written string, found value.Value) *protocol.Error {
	refused := protocol.Errorf(protocol.TaskParameterError, "for_each: %s must be a list, and is %s", written, told(found))
	switch found.Kind() {
	case value.KindObject:
		for _, field := range found.Fields() {
			if field.Value.Kind() == value.KindList {
				return refused.WithHint("its field %q is a list", field.Name)
			}
		}
	case value.KindString:
		if read, err := value.Parse([]byte(found.Text())); err == nil && read.Kind() == value.KindList {
			return refused.WithHint("the text holds a list, but is none: a script makes one of it with json.loads, and a model that is given a schema has one in its field parsed")
		}
	}
	return refused
}

// told names a value in a message: what it is, and, where that is short, which one.
func told(v value.Value) string {
	kind, which := v.Kind().Article(), v.Brief()
	switch v.Kind() {
	case value.KindNull, value.KindObject:
		return kind
	case value.KindString:
		if strings.TrimSpace(v.Text()) != "" { // Brief has put what seems to be nothing into quotes.
			which = string(value.String(which).JSON())
		}
	}
	return kind + ": " + which
}
