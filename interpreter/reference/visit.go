package reference

import (
	"strconv"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Visitor is called with a text and the way to it: names of fields and, for elements of lists, their numbers from 0. The
// path is valid during the call only.
type Visitor func(path []string, text string)

// Walk visits every string inside a value, in order. Names of fields are not among them: nothing is substituted there.
func Walk(v value.Value, visit Visitor) {
	walkTexts(v, nil, visit, func([]string, string) {})
}

// WalkKeys visits the name of every field inside a value, in order. The path is that of the object.
func WalkKeys(v value.Value, visit Visitor) {
	walkTexts(v, nil, func([]string, string) {}, visit)
}

func walkTexts(v value.Value, path []string, text, key Visitor) {
	switch v.Kind() {
	case value.KindString:
		text(path, v.Text())
	case value.KindList:
		for i, element := range v.Elements() {
			walkTexts(element, append(path, strconv.Itoa(i)), text, key)
		}
	case value.KindObject:
		for _, field := range v.Fields() {
			key(path, field.Name)
			walkTexts(field.Value, append(path, field.Name), text, key)
		}
	}
}

// Heads returns the heads of all references in the strings of a value, each once, in the order of their first use. What
// is an error has none.
func Heads(v value.Value) []string {
	var heads []string
	seen := map[string]bool{}
	Walk(v, func(_ []string, text string) {
		parts, _ := Parse(text)
		for _, part := range parts {
			if part.Ref != nil && !seen[part.Ref.Head] {
				seen[part.Ref.Head] = true
				heads = append(heads, part.Ref.Head)
			}
		}
	})
	return heads
}
