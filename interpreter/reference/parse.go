package reference

import "strings"

// opening begins a reference, and escape is the same two characters as plain text.
const (
	opening = "${"
	escape  = "$${"
)

// Part is a piece of a text: literal, where Ref is nil, or a reference.
type Part struct {
	Literal string // As it is meant: `$${` has become `${`.
	Ref     *Reference
}

// Contains reports whether anything in the text looks like a reference, escaped ones included.
func Contains(text string) bool { return strings.Contains(text, opening) }

// Parse takes a text apart and finds all errors at once, up to 100. What is an error is in no part. No two literals follow one
// another, none is empty, and the time is linear whatever the text.
func Parse(text string) ([]Part, []Error) {
	if text == "" {
		return nil, nil
	}
	if !Contains(text) {
		return []Part{{Literal: text}}, nil
	}
	var parts []Part
	var errs []Error
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, Part{Literal: literal.String()})
			literal.Reset()
		}
	}
	for position := 0; position < len(text); {
		away := strings.Index(text[position:], opening)
		if away < 0 {
			literal.WriteString(text[position:])
			break
		}
		start := position + away
		if away > 0 && text[start-1] == '$' {
			literal.WriteString(text[position : start-1])
			literal.WriteString(opening)
			position = start + len(opening)
			continue
		}
		literal.WriteString(text[position:start])
		ref, problem := scan(text, start)
		if problem != nil {
			if len(errs) < maxErrors {
				errs = append(errs, *problem)
			}
			position = start + problem.Length
			continue
		}
		flush()
		parts = append(parts, Part{Ref: ref})
		position = start + len(ref.Text)
	}
	flush()
	return parts, errs
}

// Single returns the reference that is all of a text; nil if the text is something else.
func Single(text string) *Reference {
	parts, _ := Parse(text)
	if len(parts) != 1 || parts[0].Ref == nil || parts[0].Ref.Text != text {
		return nil
	}
	return parts[0].Ref
}

// ParseCode is Parse for program text, where a reference must be on one line, so that replacing it removes no lines.
// One that does not is an error and a part.
func ParseCode(code string) ([]Part, []Error) {
	parts, errs := Parse(code)
	var broken []Error
	for _, part := range parts {
		if part.Ref != nil && strings.ContainsAny(part.Ref.Text, "\n\r") {
			broken = append(broken, Error{
				Offset: part.Ref.Offset, Length: len(part.Ref.Text), Hint: literally,
				Message: clip(part.Ref.Text) + " spans several lines; in code a reference must be on one line",
			})
		}
	}
	return parts, inOrder(errs, broken)
}
