package condition

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Names of the functions that replace `[…]` and the operators on texts. The expression language counts the bytes of a text, and an
// element of one is a byte, which equals no text.
const (
	partFunction       = "$part"
	maybeFunction      = "$maybe" // Of null, null: behind `?.`.
	sliceFunction      = "$slice"
	maybeSliceFunction = "$maybeSlice"
	searchFunction     = "$search"
)

// parts replaces `[…]`, before types are checked.
type parts struct{}

// Visit is called for each node, those beneath it first.
func (*parts) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.MemberNode:
		if _, isField := n.Property.(*ast.StringNode); isField && !mayBeNull(n.Node) || n.Method {
			return
		}
		name := partFunction
		if n.Optional || mayBeNull(n.Node) {
			name = maybeFunction
		}
		*node = call(n, name, n.Node, n.Property)
	case *ast.SliceNode:
		name := sliceFunction
		if mayBeNull(n.Node) {
			name = maybeSliceFunction
		}
		*node = call(n, name, n.Node, bound(n, n.From), bound(n, n.To))
	}
}

// mayBeNull reports whether an expression has a `?.`, so that its parts are null where it is.
func mayBeNull(n ast.Node) bool {
	if of, isCall := n.(*ast.CallNode); isCall {
		name, is := of.Callee.(*ast.IdentifierNode)
		return is && (name.Value == maybeFunction || name.Value == maybeSliceFunction)
	}
	_, is := n.(*ast.ChainNode)
	return is
}

// bound is an end of a slice; null is none.
func bound(at, given ast.Node) ast.Node {
	if given != nil {
		return given
	}
	none := &ast.NilNode{}
	none.SetLocation(at.Location())
	return none
}

// part returns an element of a list, a character of a text, or a field of an object, null if there is none of that name.
func part(of, which any) (any, error) {
	switch kind := kindOf(of); kind {
	case value.KindObject:
		if name, isText := which.(string); isText {
			return fields(of)[name], nil
		}
		return nil, fmt.Errorf("an object has fields with names, not %s", describe(which))
	case value.KindList, value.KindString:
		at, isWhole := which.(int)
		if !isWhole {
			return nil, fmt.Errorf("[…] of %s requires a whole number of at most 64 bits, not %s", kindWord(of), describe(which))
		}
		count := size(of)
		from := at
		if from < 0 {
			from += count
		}
		if from < 0 || from >= count {
			return nil, fmt.Errorf("there is no [%d]: %s", at, countOf(of, count))
		}
		if kind == value.KindString {
			return cut(of.(string), from, from+1), nil
		}
		return reflect.ValueOf(of).Index(from).Interface(), nil
	}
	if name, isText := which.(string); isText {
		return nil, fmt.Errorf("%s has no %s", kindWord(of), name)
	}
	return nil, fmt.Errorf("%s has no parts", kindWord(of))
}

// slice returns a part of a list or a text, by elements or characters. Negative numbers count from the end, and what is beyond it is
// left out.
func slice(of, from, to any) (any, error) {
	if kind := kindOf(of); kind != value.KindList && kind != value.KindString {
		return nil, fmt.Errorf("[…:…] requires a list or a text, not %s", describe(of))
	}
	count := size(of)
	ends := [2]int{0, count}
	for i, given := range []any{from, to} {
		at, isWhole := given.(int)
		switch {
		case given == nil:
			continue
		case !isWhole:
			return nil, fmt.Errorf("[…:…] requires whole numbers, not %s", describe(given))
		case at < 0:
			at += count
		}
		ends[i] = min(max(at, 0), count)
	}
	first, last := min(ends[0], ends[1]), ends[1]
	if text, isText := of.(string); isText {
		return cut(text, first, last), nil
	}
	return reflect.ValueOf(of).Slice(first, last).Interface(), nil
}

func size(of any) int {
	if text, isText := of.(string); isText {
		return utf8.RuneCountInString(text)
	}
	return reflect.ValueOf(of).Len()
}

func countOf(of any, count int) string {
	noun := "element"
	if kindOf(of) == value.KindString {
		noun = "character"
	}
	if count != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%s has %d %s", strings.Replace(kindWord(of), "a ", "the ", 1), count, noun)
}

// cut returns the characters of a text from one to before another.
func cut(text string, from, to int) string {
	first, last, at := len(text), len(text), 0
	for i := range text {
		if at == from {
			first = i
		}
		if at == to {
			last = i
			break
		}
		at++
	}
	return text[min(first, last):last]
}

// search reports whether a text contains, begins or ends with another. Null does not.
func search(operator string, text, part any) (any, error) {
	if text == nil || part == nil {
		return false, nil
	}
	whole, isText := text.(string)
	piece, also := part.(string)
	switch {
	case kindOf(text) == value.KindList && operator == "contains":
		return nil, errors.New("contains searches texts: write x in y to find an element of a list")
	case !isText:
		return nil, fmt.Errorf("%s requires a text, not %s", operator, describe(text))
	case !also:
		return nil, fmt.Errorf("%s requires a text behind it, not %s", operator, describe(part))
	}
	switch operator {
	case "startsWith":
		return strings.HasPrefix(whole, piece), nil
	case "endsWith":
		return strings.HasSuffix(whole, piece), nil
	}
	return strings.Contains(whole, piece), nil
}
