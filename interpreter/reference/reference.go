// Package reference parses `${…}` in strings and resolves it against values. Rules, conditions and activities all use
// it, so that a reference means the same everywhere. It is pure: no clock, no environment, no disk, no network.
package reference

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
	Brackets bool // Written as `[…]`: then an index is never a field, and a quoted key never an index.
}

// HasEmptyListDefault reports whether the default, where a list is expected, is an empty one: `:-[]`, or `:-` alone.
func (r *Reference) HasEmptyListDefault() bool {
	return r.HasDefault && (r.Default == "" || r.Default == "[]")
}
