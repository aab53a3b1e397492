package condition

import (
	"math"
	"reflect"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The operators and functions whose own forms in the expression language lose digits, or wrap around, are replaced by
// functions of these names, which cannot be written in a condition.
const (
	reckonFunction  = "$reckon"
	compareFunction = "$compare"
	equalFunction   = "$equal"
	inFunction      = "$in"
	negateFunction  = "$negate"
)

// operators are the functions that do what is replaced. None has anything to remember.
func operators() map[string]*builtin.Function {
	all := map[string]*builtin.Function{}
	add := func(name string, shape reflect.Type, work func(...any) (any, error)) {
		all[name] = &builtin.Function{Name: name, Func: work, Types: []reflect.Type{shape}}
	}
	two, three := reflect.TypeFor[func(any, any) bool](), reflect.TypeFor[func(string, any, any) any]()
	add(reckonFunction, three, func(args ...any) (any, error) { return reckon(args[0].(string), args[1], args[2]) })
	add(compareFunction, reflect.TypeFor[func(string, any, any) bool](), func(args ...any) (any, error) { return compare(args[0].(string), args[1], args[2]) })
	add(equalFunction, two, func(args ...any) (any, error) { return equal(args[0], args[1]), nil })
	add(inFunction, two, func(args ...any) (any, error) { return within(args[0], args[1]) })
	ofPart, ofSlice := reflect.TypeFor[func(any, any) any](), reflect.TypeFor[func(any, any, any) any]()
	getPart := func(args ...any) (any, error) { return part(args[0], args[1]) }
	getSlice := func(args ...any) (any, error) { return slice(args[0], args[1], args[2]) }
	orNull := func(get func(...any) (any, error)) func(...any) (any, error) {
		return func(args ...any) (any, error) {
			if args[0] == nil {
				return nil, nil
			}
			return get(args...)
		}
	}
	add(partFunction, ofPart, getPart)
	add(maybeFunction, ofPart, orNull(getPart))
	add(sliceFunction, ofSlice, getSlice)
	add(maybeSliceFunction, ofSlice, orNull(getSlice))
	add(searchFunction, reflect.TypeFor[func(string, any, any) bool](), func(args ...any) (any, error) { return search(args[0].(string), args[1], args[2]) })
	for name, work := range map[string]func(any) (any, error){
		negateFunction: negate, "$abs": absolute, "$sum": sum,
		"$ceil": rounded("ceil", math.Ceil), "$floor": rounded("floor", math.Floor), "$round": rounded("round", math.Round),
	} {
		add(name, reflect.TypeFor[func(any) any](), func(args ...any) (any, error) { return work(args[0]) })
	}
	several := reflect.TypeFor[func(...any) any]()
	add("$min", several, func(args ...any) (any, error) { return extreme("min", 1, args) })
	add("$max", several, func(args ...any) (any, error) { return extreme("max", -1, args) })
	return all
}

// exact returns what replaces an operator.
func exact(n *ast.BinaryNode) ast.Node {
	switch n.Operator {
	case "+":
		if !numeric(n.Left) && !numeric(n.Right) {
			return call(n, plusFunction, n.Left, n.Right)
		}
		return call(n, reckonFunction, operator(n, "+"), n.Left, n.Right)
	case "-", "*", "/", "%", "**":
		return call(n, reckonFunction, operator(n, n.Operator), n.Left, n.Right)
	case "^":
		return call(n, reckonFunction, operator(n, "**"), n.Left, n.Right)
	case "<", "<=", ">", ">=":
		return call(n, compareFunction, operator(n, n.Operator), n.Left, n.Right)
	case "==":
		return call(n, equalFunction, n.Left, n.Right)
	case "!=":
		not := &ast.UnaryNode{Operator: "not", Node: call(n, equalFunction, n.Left, n.Right)}
		not.SetLocation(n.Location())
		return not
	case "in":
		return call(n, inFunction, n.Left, n.Right)
	case "matches":
		return call(n, matchesFunction, n.Left, n.Right)
	case "..":
		return call(n, rangeFunction, n.Left, n.Right)
	case "contains", "startsWith", "endsWith":
		return call(n, searchFunction, operator(n, n.Operator), n.Left, n.Right)
	}
	return n
}

func operator(at ast.Node, name string) ast.Node {
	text := &ast.StringNode{Value: name}
	text.SetLocation(at.Location())
	return text
}

// exactFunction returns what replaces a call of a function of the expression language.
func exactFunction(n *ast.BuiltinNode) ast.Node {
	switch n.Name {
	case "abs", "ceil", "floor", "round", "min", "max":
		return call(n, "$"+n.Name, n.Arguments...)
	case "sum":
		if len(n.Arguments) == 1 {
			return call(n, "$sum", n.Arguments...)
		}
		n.Arguments[0] = call(n.Arguments[0], listFunction, n.Arguments[0])
		each := &ast.BuiltinNode{Name: "map", Arguments: n.Arguments} // With what comes of each element.
		each.SetLocation(n.Location())
		return call(n, "$sum", each)
	}
	return n
}

// compare orders two numbers or two texts.
func compare(operator string, a, b any) (any, error) {
	order, known := compareNumbers(a, b)
	if left, isText := a.(string); isText {
		var right string
		right, known = b.(string)
		order = strings.Compare(left, right)
	}
	if !known {
		return nil, unworkable(operator, a, b)
	}
	switch operator {
	case "<":
		return order < 0, nil
	case "<=":
		return order <= 0, nil
	case ">":
		return order > 0, nil
	}
	return order >= 0, nil
}

// equal compares two values of whatever kinds, numbers in them by what they are.
func equal(a, b any) bool {
	if kindOf(a) != kindOf(b) {
		return false
	}
	switch kindOf(a) {
	case value.KindNumber:
		order, _ := compareNumbers(a, b)
		return order == 0
	case value.KindList:
		left, right := elements(a), elements(b)
		if len(left) != len(right) {
			return false
		}
		for i := range left {
			if !equal(left[i], right[i]) {
				return false
			}
		}
		return true
	case value.KindObject:
		left, right := fields(a), fields(b)
		if len(left) != len(right) {
			return false
		}
		for name, field := range left {
			if other, has := right[name]; !has || !equal(field, other) {
				return false
			}
		}
		return true
	}
	return a == b
}

// within reports whether a list has an element, or an object a field.
func within(needle, of any) (any, error) {
	switch kindOf(of) {
	case value.KindNull:
		return false, nil
	case value.KindObject:
		if name, isText := needle.(string); isText {
			_, has := fields(of)[name]
			return has, nil
		}
	case value.KindList:
		for _, element := range elements(of) {
			if equal(element, needle) {
				return true, nil
			}
		}
		return false, nil
	}
	return nil, unworkable("in", needle, of)
}

func fields(v any) map[string]any {
	object, _ := v.(map[string]any)
	return object
}

// elements lists what is in a list, which the expression language may have made of one type.
func elements(v any) []any {
	if list, plain := v.([]any); plain {
		return list
	}
	of := reflect.ValueOf(v)
	if of.Kind() != reflect.Slice {
		return nil
	}
	list := make([]any, of.Len())
	for i := range list {
		list[i] = of.Index(i).Interface()
	}
	return list
}
