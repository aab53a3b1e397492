// Package reference parses `${…}` in strings and resolves it against values. Rules, conditions and activities all use
// it, so that a reference means the same everywhere. It is pure: no clock, no environment, no disk, no network.
package reference

import "strconv"

// Reference is one `${head.step…}` in a text.
type Reference struct {
	Text       string // As written, from `${` to `}`.
	Offset     int    // Of its `$` in the text, in bytes.
	Head       string
	Steps      []Step
	HasDefault bool
	Default    string // What follows `:-`.
}

// Step leads from a value to one inside it.
type Step struct {
	Field    string // A field of an object, where neither Every nor IsIndex.
	IsIndex  bool   // `[0]`, or `.0`, which is an index in a list and a field in an object.
	Index    int
	Every    bool // `[*]`: the rest of the path, for each element of a list.
	Slice    *Slice
	Brackets bool // Written as `[…]`: then an index is never a field, and a quoted key never an index.
}

// Slice is a part of a list, `[2:5]`, as Python has it: a negative bound counts from the end, and what is beyond the list is left out.
type Slice struct {
	From, To *int // Nil is the beginning, or the end.
}

// within returns the bounds of the part in a list of the length.
func (s *Slice) within(length int) (from, to int) {
	at := func(bound *int, none int) int {
		switch {
		case bound == nil:
			return none
		case *bound < 0:
			return max(*bound+length, 0)
		}
		return min(*bound, length)
	}
	from, to = at(s.From, 0), at(s.To, length)
	return from, max(from, to)
}

// String returns the part as it is written, with its brackets.
func (s *Slice) String() string {
	text := func(bound *int) string {
		if bound == nil {
			return ""
		}
		return strconv.Itoa(*bound)
	}
	return "[" + text(s.From) + ":" + text(s.To) + "]"
}

// HasEmptyListDefault reports whether the default, where a list is expected, is an empty one: `:-[]`, or `:-` alone.
func (r *Reference) HasEmptyListDefault() bool {
	return r.HasDefault && (r.Default == "" || r.Default == "[]")
}
