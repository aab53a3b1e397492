package condition

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"github.com/gleitzeit/gleitzeit/internal/regex"
)

// reader goes through an expression and notes what a condition does not have.
type reader struct {
	source   *source
	errs     []Error
	called   map[ast.Node]bool // Names before the parentheses of a call.
	declared map[string]bool   // By let, which is an error of its own.
	steps    int               // Of patterns.
}

func (s *source) check(root *ast.Node) []Error {
	r := &reader{source: s, called: map[ast.Node]bool{}, declared: map[string]bool{}}
	ast.Walk(root, (*names)(r))
	ast.Walk(root, r)
	slices.SortStableFunc(r.errs, func(a, b Error) int { return cmp.Compare(a.Offset, b.Offset) })
	return r.errs
}

// names finds what is called and declared, before the reader looks at names.
type names reader

// Visit is called for each node, those beneath it first.
func (n *names) Visit(node *ast.Node) {
	switch of := (*node).(type) {
	case *ast.CallNode:
		n.called[of.Callee] = true
	case *ast.VariableDeclaratorNode:
		n.declared[of.Name] = true
	}
}

func (r *reader) report(node ast.Node, hint, format string, args ...any) {
	r.errs = append(r.errs, Error{Offset: r.source.at(node.Location().From), Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (r *reader) unknown(node ast.Node, name, format string, called bool) {
	r.errs = append(r.errs, Error{
		Offset: r.source.at(node.Location().From), Message: fmt.Sprintf(format, name), Unknown: name, Called: called,
	})
}

const unknownFunction = "unknown function %q"

// Visit is called for each node, those beneath it first.
func (r *reader) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		r.name(node, n)
	case *ast.CallNode:
		if _, isName := n.Callee.(*ast.IdentifierNode); !isName {
			r.report(n, "call a function by its name, as in lower(${…})", "a value cannot be called")
		}
	case *ast.BuiltinNode:
		if !isBuiltin(n.Name) {
			r.unknown(n, n.Name, unknownFunction, true)
		}
	case *ast.VariableDeclaratorNode, *ast.SequenceNode:
		r.report(n, "repeat the expression instead", `"let" and ";" are not supported in conditions`)
	case *ast.BinaryNode:
		if n.Operator == "matches" {
			r.pattern(n)
		}
	}
}

// name allows those of functions, called, and null, which JSON has and the expression language calls nil.
func (r *reader) name(node *ast.Node, n *ast.IdentifierNode) {
	isFunction := strings.HasPrefix(n.Value, "$") || isOwn(n.Value)
	switch {
	case n.Value == "null":
		null := &ast.NilNode{}
		null.SetLocation(n.Location())
		*node = null
	case r.called[*node] && isFunction, r.declared[n.Value]:
	case r.called[*node]:
		r.unknown(n, n.Value, unknownFunction, true)
	case isFunction:
		r.report(n, fmt.Sprintf("write %s(…)", n.Value), "%q is a function", n.Value)
	default:
		r.unknown(n, n.Value, "unknown name %q", false)
	}
}

func (r *reader) pattern(n *ast.BinaryNode) {
	pattern, isText := n.Right.(*ast.StringNode)
	if !isText {
		r.report(n.Right, "use contains to search for part of a text", "the pattern of matches must be a text in quotes")
		return
	}
	steps, err := regex.Steps(pattern.Value)
	if err != nil {
		hint := ""
		if strings.Contains(err.Error(), "(?") {
			hint = "patterns are those of RE2, which has no lookahead and no lookbehind"
		}
		r.report(pattern, hint, "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return
	}
	if r.steps > MaxPattern {
		return // It is reported.
	}
	if r.steps += steps; r.steps > MaxPattern {
		r.report(pattern, "use * or + in place of counts", "the patterns of the condition have more than %d steps after their counts are expanded", MaxPattern)
		return
	}
	compiled, err := regexp.Compile(pattern.Value)
	if err != nil {
		r.report(pattern, "", "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return
	}
	if r.source.patterns == nil {
		r.source.patterns = map[string]expression{}
	}
	r.source.patterns[pattern.Value] = expression{compiled, steps}
}

// otherThanTruth names what an expression comes to where that is sure to be neither true nor false.
func otherThanTruth(node ast.Node) string {
	if _, isNull := node.(*ast.NilNode); isNull {
		return "null"
	}
	switch node.Type().Kind() {
	case reflect.Bool, reflect.Interface, reflect.Invalid:
		return ""
	case reflect.String:
		return "a text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return "a number"
}

// bounder puts what counts the steps into all that is done for each element of a list, what counts bytes into what joins
// texts, a check that accepts only lists before what takes one, and what keeps digits in place of what would lose them.
type bounder struct{}

// Visit is called for each node, those beneath it first.
func (*bounder) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		counted := &ast.SequenceNode{Nodes: []ast.Node{call(n, stepFunction), n.Node}}
		counted.SetLocation(n.Location())
		n.Node = counted
	case *ast.BuiltinNode:
		if takesList(n.Name) {
			n.Arguments[0] = call(n.Arguments[0], listFunction, n.Arguments[0])
		}
		*node = exactFunction(n)
	case *ast.UnaryNode:
		if n.Operator == "-" {
			*node = call(n, negateFunction, n.Node)
		}
	case *ast.BinaryNode:
		*node = exact(n)
	}
}

func call(at ast.Node, name string, arguments ...ast.Node) ast.Node {
	made := &ast.CallNode{Callee: &ast.IdentifierNode{Value: name}, Arguments: arguments}
	made.SetLocation(at.Location())
	return made
}

func numeric(n ast.Node) bool {
	kind := n.Type().Kind()
	return kind == reflect.Int || kind == reflect.Float64
}
