package activities

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// expandValues returns the elements of `for_each` as items: of a list, or of a text that resolves to one.
func expandValues(request protocol.ExpandRequest, scope *reference.Scope) (*expansion, error) {
	list, err := reference.ResolveList(*request.Values, scope)
	if err != nil {
		return nil, err
	}
	if list.Kind() != value.KindList {
		return nil, notAList(request.Values.Text(), list)
	}
	found := &expansion{elements: list.Elements()}
	if request.Pages {
		return found, nil
	}
	if count, most := len(found.elements), request.Most; most > 0 && count > most {
		return nil, protocol.Errorf(protocol.TaskParameterError, "for_each has %d items, and the limit is %d", count, most).
			WithHint("split them among several tasks")
	}
	found.list, found.values = list.JSON(), make([]protocol.Item, len(found.elements))
	if len(found.list) > protocol.MaxValue {
		return nil, protocol.Errorf(protocol.TaskParameterError, "the items of for_each have %d bytes, and the limit is %d", len(found.list), protocol.MaxValue).
			WithHint("split them among several tasks")
	}
	for i, element := range list.Elements() {
		payload, data := protocol.NewPayload(element)
		item := protocol.Item{Value: protocol.Payload{Inline: payload.Inline}, Label: element.Brief()}
		if len(data) > protocol.MaxInlineItem || element.IsNull() { // An inline null would be read as an empty payload.
			item.Value = protocol.Payload{Ref: payload.Ref}
			found.large = append(found.large, data)
		}
		found.values[i] = item
	}
	return found, nil
}

// notAList returns the error of a reference that does not resolve to a list, with a hint where the list is.
func notAList(written string, found value.Value) *protocol.Error {
	failure := protocol.Errorf(protocol.TaskParameterError, "for_each: %s must be a list, not %s", written, describe(found))
	switch found.Kind() {
	case value.KindObject:
		for _, field := range found.Fields() {
			if field.Value.Kind() == value.KindList {
				return failure.WithHint("its field %q is a list", field.Name)
			}
		}
	case value.KindString:
		if read, err := value.Parse([]byte(found.Text())); err == nil && read.Kind() == value.KindList {
			return failure.WithHint("the text contains a list: parse it with json.loads in a script, or give the model a schema and read its field parsed")
		}
	}
	return failure
}

// describe names a value in a message: its kind and, in brief, the value.
func describe(v value.Value) string {
	kind, brief := v.Kind().Article(), v.Brief()
	switch v.Kind() {
	case value.KindNull, value.KindObject:
		return kind
	case value.KindString:
		if strings.TrimSpace(v.Text()) != "" { // Brief quotes blank text itself.
			brief = string(value.String(brief).JSON())
		}
	}
	return kind + ": " + brief
}
