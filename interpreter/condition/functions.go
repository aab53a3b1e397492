package condition

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Function is a function of conditions, as shown to people.
type Function struct {
	Name  string
	Takes string
	About string
	own   bool // Of this package, not of the expression language.
}

// Functions lists all that there are. What depends on a clock or on the order of an object's fields is not among them, nor
// what makes values much larger than those that it is given.
func Functions() []Function {
	return []Function{
		{"len", "value", "the number of characters of a text, elements of a list, or fields of an object", false},
		{"lower", "text", "the text in lower case", true},
		{"upper", "text", "the text in upper case", true},
		{"trim", "text", "the text without white space around it", true},
		{"split", "text, separator", "the list of the parts between the separators", true},
		{"text", "value", "the value as text: text is unchanged, everything else is JSON", true},
		{"number", "value", "the number that the text contains, ignoring white space around it; numbers are unchanged", true},
		{"kind", "value", "the type of the value: \"null\", \"boolean\", \"number\", \"string\", \"list\" or \"object\"", true},
		{"abs", "number", "the number without its sign", false},
		{"ceil", "number", "the number rounded up", false},
		{"floor", "number", "the number rounded down", false},
		{"round", "number", "the number rounded to the nearest whole number", false},
		{"min", "list", "the smallest number", false},
		{"max", "list", "the largest number", false},
		{"sum", "list", "the sum of the numbers", false},
		{"first", "list", "the first element, or null if the list is empty", false},
		{"last", "list", "the last element, or null if the list is empty", false},
		{"all", "list, condition", "whether the condition is true for every element", false},
		{"any", "list, condition", "whether it is true for at least one", false},
		{"one", "list, condition", "whether it is true for exactly one", false},
		{"none", "list, condition", "whether it is true for none", false},
		{"count", "list, condition", "the number of elements for which it is true", false},
		{"filter", "list, condition", "the list of elements for which it is true", false},
		{"find", "list, condition", "the first element for which it is true, or null", false},
		{"map", "list, expression", "the list of the expression's values", false},
	}
}

// Names lists what the functions are called.
func Names() []string {
	names := make([]string, 0, len(Functions()))
	for _, f := range Functions() {
		names = append(names, f.Name)
	}
	return names
}

// functions has those that there are, by their names.
var functions = sync.OnceValue(func() map[string]Function {
	all := map[string]Function{}
	for _, f := range Functions() {
		all[f.Name] = f
	}
	return all
})

func isOwn(name string) bool { return functions()[name].own }

// isBuiltin reports whether a function is one of the expression language that conditions have.
func isBuiltin(name string) bool {
	f, is := functions()[name]
	return is && !f.own
}

// Names that cannot be written in a condition: the reader puts them into expressions.
const (
	stepFunction  = "$step"
	plusFunction  = "$plus"
	listFunction  = "$list"
	rangeFunction = "$range"

	matchesFunction = "$matches"
)

// takesList reports whether the first thing that a function takes is a list, and nothing else.
func takesList(name string) bool {
	return strings.HasPrefix(functions()[name].Takes, "list, ") || name == "first" || name == "last"
}

// environment is what the names in an expression mean while it is decided.
func (d *decision) environment(references int) map[string]any {
	env := map[string]any{
		stepFunction:  d.step,
		plusFunction:  d.plus,
		listFunction:  list,
		rangeFunction: d.between,

		matchesFunction: d.matches,
		"lower":         func(s string) (string, error) { return d.made(strings.ToLower(s)) },
		"upper":         func(s string) (string, error) { return d.made(strings.ToUpper(s)) },
		"trim":          strings.TrimSpace,
		"split":         d.split,
		"text":          d.text,
		"number":        number,
		"kind":          func(v any) string { return kindOf(v).String() },
	}
	for i := range references {
		env[functionOf(i)] = func() (any, error) { return d.value(i) }
	}
	return env
}

// step counts a look at an element of a list.
func (d *decision) step() (bool, error) {
	if d.steps++; d.steps > MaxSteps {
		return false, fmt.Errorf("it processes more than %d elements", MaxSteps)
	}
	if d.steps%1024 == 0 && d.ctx.Err() != nil {
		return false, d.ctx.Err()
	}
	return true, nil
}

var errTooMuchText = fmt.Errorf("it creates more than %d MiB of text", protocol.MaxValue>>20)

// made counts the bytes of texts that the condition makes.
func (d *decision) made(text string) (string, error) {
	if d.bytes += len(text); d.bytes > protocol.MaxValue {
		return "", errTooMuchText
	}
	return text, nil
}

func (d *decision) plus(a, b any) (any, error) {
	left, isText := a.(string)
	right, also := b.(string)
	if !isText || !also {
		return reckon("+", a, b)
	}
	if d.bytes+len(left)+len(right) > protocol.MaxValue {
		return nil, errTooMuchText // Not made at all.
	}
	return d.made(left + right)
}

// between makes the list of the whole numbers from one to another.
func (d *decision) between(from, to any) ([]int, error) {
	first, isWhole := from.(int)
	last, also := to.(int)
	if !isWhole || !also {
		return nil, errors.New("a range goes from a whole number to another, of at most 64 bits each")
	}
	if first > last {
		return []int{}, nil
	}
	if size := uint64(last) - uint64(first); size >= MaxSteps-uint64(d.ranged) { //nolint:gosec // The difference is right, whatever the signs.
		return nil, fmt.Errorf("it creates lists of more than %d elements", MaxSteps)
	}
	list := make([]int, last-first+1)
	d.ranged += len(list)
	for i := range list {
		list[i] = first + i
	}
	return list, nil
}

func (d *decision) split(text, separator string) (any, error) {
	pieces := strings.Count(text, separator) + 1
	if d.steps += pieces; d.steps > MaxSteps {
		return nil, fmt.Errorf("it processes more than %d elements", MaxSteps)
	}
	list := make([]any, 0, pieces)
	for piece := range strings.SplitSeq(text, separator) {
		list = append(list, piece)
	}
	return list, nil
}

func (d *decision) text(v any) (string, error) {
	if text, isText := v.(string); isText {
		return text, nil
	}
	return d.made(string(toValue(v).JSON()))
}

func list(v any) (any, error) {
	if kindOf(v) != value.KindList {
		return nil, fmt.Errorf("expected a list, got %s", describe(v))
	}
	return v, nil
}

func number(v any) (any, error) {
	switch n := v.(type) {
	case int, float64, large:
		return n, nil
	case string:
		if digits, isNumber := value.Digits(strings.TrimSpace(n)); isNumber {
			return fromValue(digits), nil
		}
		return nil, fmt.Errorf("number(…) requires text that is a number, not %s", strconv.Quote(shown(n)))
	}
	return nil, fmt.Errorf("number(…) requires text or a number, not %s", describe(v))
}
