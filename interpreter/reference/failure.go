package reference

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// failure is why a reference leads nowhere.
type lookupError struct {
	absent  bool // The value is missing: a default replaces it. Otherwise the path does not match the value.
	message string
	hint    string
}

func (f *lookupError) of(ref *Reference) *protocol.Error {
	err := refuse(ref, "%s", f.message)
	err.Hint = f.hint
	return err
}

func refuse(ref *Reference, format string, args ...any) *protocol.Error {
	return protocol.Errorf(protocol.TaskParameterError, "%s: %s", clip(ref.Text), fmt.Sprintf(format, args...))
}

// mostCompared bounds how many of the fields of an object are looked at for one that may have been meant.
const mostCompared = 1000

func nearest(name string, candidates []string) string {
	return suggest.Nearest(name, candidates[:min(len(candidates), mostCompared)])
}

// mostListed is how many fields of an object a message lists.
const mostListed = 10

func (w *walker) noField(object value.Value, i int) *lookupError {
	name, place := w.ref.Steps[i].name(), w.place(i)
	message := fmt.Sprintf("%s has no field %s; it has %s", place, quote(name), listed(object))
	candidates := names(object)
	if i == 0 && w.ofTask {
		if inner, _ := object.Get("result"); len(inner.Fields()) > 0 {
			message += fmt.Sprintf(", and its result has %s", listed(inner))
			candidates = append(candidates, names(inner)...)
		}
		candidates = append(candidates, stepStatus, stepError)
	}
	hint := ""
	if near := nearest(name, candidates); near != "" {
		hint = "did you mean " + quote(near) + "?"
	}
	if inner, _ := object.Get(stepResult); i > 0 {
		if _, has := inner.Get(name); has { // That of an item.
			hint = "write " + w.ref.Inserted(i, stepResult)
		}
	}
	if items, _ := object.Get(stepResults); items.Kind() == value.KindList && i == 0 && hint == "" {
		hint = w.ofEachItem(items)
	}
	if operation := w.ref.Operation(); operation != nil && operation.At == i {
		message += "; references have no operators and no filters"
		hint = operation.Hint(false)
	}
	return &lookupError{absent: true, message: message, hint: hint}
}

// ofEachItem says what to write for a field that is not of the result of a task with items, but of the results of the items.
func (w *walker) ofEachItem(items value.Value) string {
	if elements := items.Elements(); len(elements) > 0 {
		inner, _ := elements[0].Get(stepResult)
		if _, has := inner.Get(w.ref.Steps[0].name()); !has {
			return ""
		}
	}
	return "write " + w.ref.With(append([]Step{{Field: stepResults}, {Every: true}, {Field: stepResult}}, w.ref.Steps...)...)
}

// ofElement says what to write for an element of what is an object: that of the list in it.
func (w *walker) ofElement(object value.Value, i int) string {
	if _, has := object.Get(strconv.Itoa(w.ref.Steps[i].Index)); has && w.ref.Steps[i].IsIndex {
		return fmt.Sprintf(`its field is ["%d"]`, w.ref.Steps[i].Index)
	}
	items, has := object.Get(stepResults)
	if inner, isThere := object.Get(stepResult); !has && isThere && inner.Kind() == value.KindList {
		return "write " + w.ref.Inserted(i, stepResult)
	}
	if !has || items.Kind() != value.KindList {
		return ""
	}
	steps := slices.Insert(slices.Clone(w.ref.Steps), i, Step{Field: stepResults})
	if next := i + 2; next < len(steps) && steps[next].named() && !slices.Contains(EntryFields(), steps[next].name()) {
		steps = slices.Insert(steps, next, Step{Field: stepResult})
	}
	return "write " + w.ref.With(steps...)
}

func (w *walker) noElement(length, i int) *lookupError {
	message := fmt.Sprintf("%s has %s, so there is no [%d]", w.place(i), counted(length, "element"), w.ref.Steps[i].Index)
	return &lookupError{absent: true, message: message}
}

// unfit says that the step i cannot be gone from a value of this kind.
func (w *walker) wrongKind(v value.Value, i int) *lookupError {
	step := w.ref.Steps[i]
	wanted, hint := "no field "+quote(step.name()), ""
	switch {
	case step.Every:
		wanted = "no elements for [*]"
	case step.Slice != nil:
		wanted = "no part " + step.Slice.String()
	case step.IsIndex:
		wanted = fmt.Sprintf("no element [%d]", step.Index)
	}
	switch {
	case v.Kind() == value.KindObject:
		hint = w.ofElement(v, i)
	case v.Kind() == value.KindList:
		hint = "an element of a list is [0], all of them are [*]"
	case v.IsNull() && len(w.elements) > 0:
		// An item that failed has no result, and may be one of thousands.
		hint = fmt.Sprintf(`write %s:-none} for the text "none" where an element has none, or leave such elements out in a script`, clip(strings.TrimSuffix(w.ref.Text, "}")))
	}
	message := fmt.Sprintf("%s is %s, so it has %s", w.place(i), v.Kind().Article(), wanted)
	return &lookupError{absent: v.IsNull(), message: message, hint: hint}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func names(object value.Value) []string {
	all := make([]string, len(object.Fields()))
	for i, field := range object.Fields() {
		all[i] = field.Name
	}
	return all
}

func listed(object value.Value) string {
	fields := object.Fields()
	if len(fields) == 0 {
		return "no fields"
	}
	shown := make([]string, 0, mostListed)
	for _, field := range fields[:min(len(fields), mostListed)] {
		if plain(field.Name) && len(field.Name) <= longestShown {
			shown = append(shown, field.Name)
		} else {
			shown = append(shown, quote(field.Name))
		}
	}
	text := strings.Join(shown, ", ")
	if more := len(fields) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// place writes the path before the step i, with the elements that `[*]` is at.
func (w *walker) place(i int) string {
	var path strings.Builder
	path.WriteString(headAsWritten(w.ref.Head))
	elements := slices.Clone(w.elements)
	for _, step := range w.ref.Steps[:i] {
		switch {
		case step.Every:
			fmt.Fprintf(&path, "[%d]", elements[0])
			elements = elements[1:]
		case step.Slice != nil:
			path.WriteString(step.Slice.String())
		case step.IsIndex:
			fmt.Fprintf(&path, "[%d]", step.Index)
		case plain(step.Field):
			path.WriteString("." + step.Field)
		default:
			path.WriteString(bracketed(step.Field))
		}
	}
	return clip(path.String())
}

func headAsWritten(head string) string {
	if plain(head) {
		return head
	}
	return clip(bracketed(head))
}

func bracketed(name string) string { return "[" + string(value.String(name).JSON()) + "]" }

// plain reports whether a name can be written without brackets and quotes, and read without doubt.
func plain(name string) bool {
	return name != "" && !strings.ContainsAny(name, ".[]{}:,\"'\n\r\t") && strings.TrimSpace(name) == name
}
