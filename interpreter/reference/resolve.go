package reference

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Resolve replaces the references in every string inside a value. What they lead to is put in as it is and never parsed
// again, and names of fields stay as they are. Errors are those of Lookup, or a *protocol.Error of TaskParameterError
// for an error in a text or for texts that grow, all together, beyond protocol.MaxValue.
func Resolve(v value.Value, s *Scope) (value.Value, error) {
	r := &resolver{scope: s}
	resolved, _, err := r.value(v)
	return resolved, err
}

// ResolveText resolves one text. One that is a single reference and nothing else becomes the value itself, type kept;
// otherwise the outcome is a string.
func ResolveText(text string, s *Scope) (value.Value, error) {
	return (&resolver{scope: s}).text(text)
}

// ResolveList is Resolve for what is to be a list: a list, or a text that is a single reference, whose default `[]`, or an
// empty one, means an empty list. Whether it has become one is for the caller to see.
func ResolveList(v value.Value, s *Scope) (value.Value, error) {
	if ref := Single(v.Text()); ref != nil {
		return ResolveListOf(ref, s)
	}
	return Resolve(v, s)
}

// ResolveListOf is ResolveList for a reference.
func ResolveListOf(ref *Reference, s *Scope) (value.Value, error) {
	return (&walker{ref: ref, gaps: s.Gaps, wantList: true}).lookup(s)
}

type resolver struct {
	scope *Scope
	grown int // Bytes of text made so far: a short text that names a large value often must not fill the memory.
}

// value also reports whether anything changed: what has no references is shared, not copied.
func (r *resolver) value(v value.Value) (value.Value, bool, error) {
	switch v.Kind() {
	case value.KindString:
		if !Contains(v.Text()) {
			return v, false, nil
		}
		resolved, err := r.text(v.Text())
		return resolved, true, err
	case value.KindList:
		return r.list(v)
	case value.KindObject:
		return r.object(v)
	}
	return v, false, nil
}

func (r *resolver) list(v value.Value) (value.Value, bool, error) {
	var elements []value.Value
	for i, element := range v.Elements() {
		resolved, changed, err := r.value(element)
		if err != nil {
			return value.Value{}, false, err
		}
		if changed && elements == nil {
			elements = append(make([]value.Value, 0, len(v.Elements())), v.Elements()[:i]...)
		}
		if elements != nil {
			elements = append(elements, resolved)
		}
	}
	if elements == nil {
		return v, false, nil
	}
	return value.List(elements...), true, nil
}

func (r *resolver) object(v value.Value) (value.Value, bool, error) {
	var fields []value.Field
	for i, field := range v.Fields() {
		resolved, changed, err := r.value(field.Value)
		if err != nil {
			return value.Value{}, false, err
		}
		if changed && fields == nil {
			fields = append(make([]value.Field, 0, len(v.Fields())), v.Fields()[:i]...)
		}
		if fields != nil {
			fields = append(fields, value.Field{Name: field.Name, Value: resolved})
		}
	}
	if fields == nil {
		return v, false, nil
	}
	return value.Object(fields...), true, nil
}

func (r *resolver) text(text string) (value.Value, error) {
	parts, errs := Parse(text)
	if len(errs) > 0 {
		err := protocol.Errorf(protocol.TaskParameterError, "%s", errs[0].Message)
		return value.Value{}, err.WithHint("%s", errs[0].Hint)
	}
	if len(parts) == 1 && parts[0].Ref != nil {
		return Lookup(parts[0].Ref, r.scope)
	}
	var whole strings.Builder
	for _, part := range parts {
		piece := part.Literal
		if part.Ref != nil {
			var err error
			if _, piece, err = r.reference(part.Ref); err != nil {
				return value.Value{}, err
			}
		}
		whole.WriteString(piece)
	}
	return value.String(whole.String()), nil
}

// reference returns the value of a reference, and how it goes into other text: a string as it is, anything else as
// compact JSON.
func (r *resolver) reference(ref *Reference) (v value.Value, text string, err error) {
	if v, err = Lookup(ref, r.scope); err != nil {
		return v, "", err
	}
	text = v.Text()
	if v.Kind() != value.KindString {
		text = string(v.JSON())
	}
	if r.grown += len(text); r.grown > protocol.MaxValue {
		return v, "", refuse(ref, "with it the text that values are put into has over %d MiB", protocol.MaxValue>>20)
	}
	return v, text, nil
}
