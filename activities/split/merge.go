package split

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// merge adds the fields of a value to those of another: lists are joined without what they have already, objects are merged, and
// of everything else the first that is not null counts.
func merge(to, from value.Value) value.Value {
	switch {
	case to.IsNull():
		return from
	case to.Kind() == value.KindObject && from.Kind() == value.KindObject:
		for _, field := range from.Fields() {
			known, _ := to.Get(field.Name)
			to = to.With(field.Name, merge(known, field.Value))
		}
	case to.Kind() == value.KindList && from.Kind() == value.KindList:
		all := slices.Clone(to.Elements())
		seen := make(map[string]bool, len(all))
		for _, element := range all {
			seen[string(element.JSON())] = true
		}
		for _, element := range from.Elements() {
			if text := string(element.JSON()); !seen[text] {
				seen[text] = true
				all = append(all, element)
			}
		}
		return value.List(all...)
	}
	return to
}

func without(object value.Value, names ...string) value.Value {
	var kept []value.Field
	for _, field := range object.Fields() {
		if !slices.Contains(names, field.Name) {
			kept = append(kept, field)
		}
	}
	return value.Object(kept...)
}
