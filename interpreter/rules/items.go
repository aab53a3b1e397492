package rules

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// handOver puts a reference to the item where the method takes a file, unless something is there already.
func (t *Task) handOver() {
	to := t.itemParameter()
	if to == "" || t.Parameters == nil || t.Each.Values != nil {
		return
	}
	item := &definition.Node{Position: t.Parameters.Position, Kind: value.KindString, Text: "${" + headItem + "}"}
	given := *t.Task
	given.Parameters = put(t.Parameters, strings.Split(to, "."), item)
	t.Task = &given
}

// itemParameter is where the path of a file goes; "" where the method takes none.
func (t *Task) itemParameter() string {
	switch {
	case t.method == nil:
		return ""
	case t.images && slices.Contains(t.method.FileParameters, parameterImage):
		return parameterImage
	}
	return t.method.ItemParameter
}

// put returns the mapping with a value at the path where nothing stands there, and where the way is free.
func put(into *definition.Node, path []string, val *definition.Node) *definition.Node {
	with := *into
	with.Fields = slices.Clone(into.Fields)
	at := slices.IndexFunc(with.Fields, func(field definition.Field) bool { return field.Name == path[0] })
	switch {
	case at < 0 && len(path) > 1:
		val = put(&definition.Node{Position: into.Position, Kind: value.KindObject}, path[1:], val)
		fallthrough
	case at < 0:
		with.Fields = append(with.Fields, definition.Field{Name: path[0], At: into.Position, Value: val})
	case len(path) > 1 && with.Fields[at].Value.Kind == value.KindObject:
		with.Fields[at].Value = put(with.Fields[at].Value, path[1:], val)
	}
	return &with
}

// usesItem tells whether the calls of a task differ from item to item.
func (t *Task) usesItem() bool {
	for _, text := range t.Texts {
		for _, ref := range text.References {
			if ref.Head == headItem {
				return true
			}
		}
	}
	return false
}

func eachTexts(each *definition.FanOut) Texts {
	all := append(textsOf(each.Values, nil), textsOf(each.Directory, nil)...)
	for _, file := range each.Files {
		all = append(all, textsOf(file, nil)...)
	}
	return all
}
