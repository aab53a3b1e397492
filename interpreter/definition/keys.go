package definition

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// UnknownKey is a key that its mapping does not support.
type UnknownKey struct {
	At    Position
	Key   string
	Where string   // "a workflow", "a task", "retry".
	Known []string // The keys of the mapping.
}

// sortUnknown puts unknown keys in the file's order. A mapping that is used twice through an alias has each of its keys once.
func sortUnknown(all []UnknownKey) []UnknownKey {
	slices.SortStableFunc(all, func(a, b UnknownKey) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Column, b.At.Column))
	})
	return slices.CompactFunc(all, func(a, b UnknownKey) bool { return a.At == b.At && a.Where == b.Where })
}

// WrongType is a value that is not of the type that its key wants.
type WrongType struct {
	At    Position
	What  string // "max_parallel", "tasks[3]".
	Want  string // "a whole number of at least 1".
	Value *Node
	Hint  string
}

// key is one key of a mapping: its names, of which the first is the one that messages use, what it takes, where it goes,
// and what it means. To add a key to the language, add a line to a table of these.
type key[T any] struct {
	names []string
	takes shape
	set   func(*T, *Node)
	about string // A sentence, for people and editors.
}

// keys is a table of them. The tables are filled where the program starts and never changed.
type keys[T any] []key[T]

// read fills the target from a mapping by the table. Keys that are not in it, that come twice under two names and those
// whose value has another type are noted; a key without a value counts as absent.
func read[T any](w *Workflow, from *Node, target *T, where string, table keys[T]) {
	given := make([]*Field, len(table))
	var known []string // Made once: a hostile mapping may have very many unknown keys.
	for i := range from.Fields {
		field := &from.Fields[i]
		at := find(table, field.Name)
		if at < 0 {
			if known == nil {
				known = names(table)
			}
			w.UnknownKeys = append(w.UnknownKeys, UnknownKey{field.At, field.Name, where, known})
			continue
		}
		if first := given[at]; first != nil {
			w.DuplicateKeys = append(w.DuplicateKeys, DuplicateKey{field.At, first.At, field.Name, first.Name})
			continue
		}
		given[at] = field
		entry := table[at]
		switch {
		case field.Value.Kind == value.KindNull && entry.takes.want != anything.want:
		case entry.takes.fits(field.Value):
			entry.set(target, field.Value)
		default:
			w.addWrongType(field.Name, entry.takes, field.Value)
		}
	}
}

func (w *Workflow) addWrongType(what string, wants shape, value *Node) {
	wrong := WrongType{At: value.Position, What: what, Want: wants.want, Value: value}
	if wants.hint != nil {
		wrong.Hint = wants.hint(value)
	}
	if rest, is := strings.CutPrefix(wrong.Hint, "write ["); is && !strings.Contains(what, "[") {
		wrong.Hint = "write " + what + ": [" + rest
	}
	w.WrongTypes = append(w.WrongTypes, wrong)
}

// each calls take for every element of a list that has the shape, and notes the others.
func (w *Workflow) each(what string, elements *Node, wants shape, take func(*Node)) {
	for i, element := range elements.Elements {
		if wants.fits(element) {
			take(element)
			continue
		}
		w.addWrongType(fmt.Sprintf("%s[%d]", what, i), wants, element)
	}
}

func find[T any](table keys[T], name string) int {
	for i := range table {
		for _, candidate := range table[i].names {
			if candidate == name {
				return i
			}
		}
	}
	return -1
}

func names[T any](table keys[T]) []string {
	var all []string
	for i := range table {
		all = append(all, table[i].names...)
	}
	return all
}

// textsOf reads what is a text or a list of them.
func (w *Workflow) textsOf(what string, n *Node) []*Node {
	if n.Kind != value.KindList {
		return []*Node{n}
	}
	var all []*Node
	w.each(what, n, text, func(element *Node) { all = append(all, element) })
	return all
}

func (w *Workflow) retry(n *Node) *Retry {
	retry := &Retry{}
	read(w, n, retry, "retry", retryKeys)
	return retry
}

// fieldTexts notes the values of a mapping that are no texts.
func (w *Workflow) fieldTexts(what string, n *Node) {
	if n == nil {
		return
	}
	for _, field := range n.Fields {
		if !text.fits(field.Value) {
			w.addWrongType(what+"."+field.Name, text, field.Value)
		}
	}
}
