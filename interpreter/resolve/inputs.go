package resolve

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// Input is an input with the value that it has in this run.
type Input struct {
	*definition.Input
	Type  InputType
	Value value.Value
}

// given is what an input was given: one of these, or nothing.
type given struct {
	text     *string          // By the command line.
	node     *definition.Node // By a file.
	file     string
	argument *value.Value // By a program.
}

// inputs gives every input of a known type its value. A value of the command line takes precedence over one of a file, the
// later of two of the same kind over the earlier one. Without value and default it is null.
func (w *Workflow) inputs() (inputs []Input, errors []InputProblem) {
	values, errors := w.givenValues()
	misspelt := map[string]bool{} // Those that are given under a name that is nearly theirs, which is reported.
	for _, problem := range errors {
		misspelt[problem.Hint] = true
	}
	for _, declared := range w.Definition.Inputs {
		input := Input{Input: declared, Type: TypeOf(declared)}
		if !input.Type.Known() {
			continue
		}
		var problem *Problem
		input.Value, problem = w.inputValue(input, values[input.Name])
		if problem != nil && (values[input.Name] != given{} || !misspelt[didYouMean(input.Name)] && !misspelt[onlyInput(input.Name)]) {
			typed := ""
			if text := values[input.Name].text; text != nil {
				typed = typedInput(input.Name, *text)
			}
			errors = append(errors, InputProblem{*problem, typed})
		}
		inputs = append(inputs, input)
	}
	return inputs, errors
}

// givenValues returns the given values by name. One without an input of its name is a problem.
func (w *Workflow) givenValues() (map[string]given, []InputProblem) {
	var errors []InputProblem
	values := map[string]given{}
	for _, file := range w.Values {
		if file.Root == nil {
			continue
		}
		for _, field := range file.Root.Fields {
			switch {
			case !w.HasInput(field.Name) && slices.Contains(w.Elsewhere, field.Name):
			case !w.HasInput(field.Name):
				errors = append(errors, InputProblem{Problem: Problem{
					file.File, field.At, "unknown input " + definition.Quote(field.Name), w.suggestInput(field.Name),
				}})
			case field.Value.Kind != value.KindNull: // A key without a value counts as absent, here as everywhere.
				values[field.Name] = given{node: field.Value, file: file.File}
			}
		}
	}
	unknown := func(name, typed string) {
		if !w.HasInput(name) && !slices.Contains(w.Elsewhere, name) {
			errors = append(errors, InputProblem{Problem{
				"", w.inputsPlace(), "unknown input " + definition.Quote(name), w.suggestInput(name),
			}, typed})
		}
	}
	for _, one := range w.Given {
		unknown(one.Name, typedInput(one.Name, one.Text))
		values[one.Name] = given{text: &one.Text}
	}
	if w.Arguments != nil {
		for _, field := range w.Arguments.Fields() {
			unknown(field.Name, "")
			if !field.Value.IsNull() {
				values[field.Name] = given{argument: &field.Value}
			}
		}
	}
	return values, errors
}

// suggestInput names the input that was probably meant, or those that there are.
func (w *Workflow) suggestInput(name string) string {
	const most = 8
	if hint := w.Suggest(name, w.InputNames); hint != "" {
		return hint
	}
	switch names := w.InputNames; {
	case len(names) == 0:
		return "the workflow declares no inputs"
	case len(names) == 1:
		return onlyInput(names[0])
	case len(names) > most:
		return fmt.Sprintf("the inputs are %s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	default:
		return "the inputs are " + JoinWords(names, "and")
	}
}

func onlyInput(name string) string { return "the only input is " + definition.Quote(name) }

// typedInput is a flag as it is typed.
func typedInput(name, text string) string { return "--input " + name + "=" + definition.Shorten(text) }

// HasInput reports whether the workflow declares an input.
func (w *Workflow) HasInput(name string) bool { return w.declared[name] }

// inputsPlace is where inputs are declared, or would be.
func (w *Workflow) inputsPlace() definition.Position {
	if w.Definition.InputsNode != nil {
		return w.Definition.InputsNode.Position
	}
	return w.Definition.Root.Position
}

// inputValue returns the value of an input in this run, or why it has none.
func (w *Workflow) inputValue(input Input, from given) (value.Value, *Problem) {
	switch {
	case from.node != nil:
		return valueFromFile(input, from)
	case from.text != nil:
		return valueFromText(input, *from.text)
	case from.argument != nil:
		return valueFromArgument(input, *from.argument)
	case input.Default != nil:
		return input.Default.Value(), nil
	case !IsRequired(input.Input) || w.Unread:
		return value.Value{}, nil
	case w.Placeholders:
		return placeholder(input), nil
	}
	hint := "give it with --input " + input.Name + "=…"
	if w.Arguments != nil {
		hint = "it must be " + input.Type.Describe()
	}
	return value.Value{}, &Problem{"", input.At, "required input " + definition.Quote(input.Name) + " is missing", hint}
}

func valueFromText(input Input, text string) (value.Value, *Problem) {
	name, quoted := definition.Quote(input.Name), definition.Quote(text)
	fail := func(message string) (value.Value, *Problem) {
		return value.Value{}, &Problem{At: input.At, Message: "input " + name + " " + message}
	}
	val, converted := input.Type.convert(text)
	switch {
	case !utf8.ValidString(text):
		return fail("is not UTF-8 text")
	case len(text) > definition.MaxText:
		return fail(fmt.Sprintf("is longer than %d MiB", definition.MaxText>>20))
	case !converted:
		_, problem := fail("must be " + input.Type.Describe() + ", not " + quoted)
		problem.Hint = "write --input " + input.Name + "=" + input.Type.example()
		return value.Value{}, problem
	case !input.allows(val):
		return fail("must be " + DescribeValues(input.Enum) + ", not " + quoted)
	}
	return val, nil
}

func valueFromArgument(input Input, val value.Value) (value.Value, *Problem) {
	data := string(val.JSON())
	fail := func(message string) (value.Value, *Problem) {
		return value.Value{}, &Problem{At: input.At, Message: "input " + definition.Quote(input.Name) + " " + message}
	}
	switch {
	case !input.Type.Fits(val):
		return fail("must be " + input.Type.Describe() + ", not " + definition.Shorten(data))
	case len(data) > definition.MaxText:
		return fail(fmt.Sprintf("is longer than %d MiB", definition.MaxText>>20))
	case !input.allows(val):
		return fail("must be " + DescribeValues(input.Enum) + ", not " + definition.Shorten(data))
	}
	return val, nil
}

func valueFromFile(input Input, from given) (value.Value, *Problem) {
	n := from.node
	val := n.Value()
	fail := func(want, hint string) (value.Value, *Problem) {
		return value.Value{}, &Problem{
			from.file, n.Position, fmt.Sprintf("input %s must be %s, not %s", definition.Quote(input.Name), want, n.Describe()), hint,
		}
	}
	switch {
	case !input.Type.Fits(val):
		hint := ""
		if input.Type == TypeString && (n.Kind == value.KindNumber || n.Kind == value.KindBool) {
			hint = "put it in quotes to make it text"
		}
		return fail(input.Type.Describe(), hint)
	case !input.allows(val):
		return fail(DescribeValues(input.Enum), "")
	}
	return val, nil
}

// placeholder is some value that the input may have.
func placeholder(input Input) value.Value {
	if input.Enum != nil && len(input.Enum.Elements) > 0 {
		return input.Enum.Elements[0].Value()
	}
	switch input.Type {
	case TypeInteger, TypeNumber:
		return value.Int(0)
	case TypeBoolean:
		return value.Bool(false)
	case TypeList:
		return value.List()
	case TypeObject:
		return value.Object()
	}
	return value.String("")
}

// allows reports whether the input's enum, if any, has the value.
func (i Input) allows(val value.Value) bool {
	return i.Enum == nil || len(i.Enum.Elements) == 0 || EnumHas(i.Enum, val)
}

// EnumHas reports whether a value is one of a list. Numbers are compared by their value: 1 is 1.0.
func EnumHas(enum *definition.Node, val value.Value) bool {
	return slices.ContainsFunc(enum.Elements, func(element *definition.Node) bool { return protocol.SameInput(element.Value(), val) })
}

// DescribeValues shows the values of a list: `"a", "b" or 3`; the first of many.
func DescribeValues(enum *definition.Node) string {
	const most = 12
	var shown []string
	for _, element := range enum.Elements[:min(len(enum.Elements), most)] {
		shown = append(shown, definition.Shorten(string(element.Value().JSON())))
	}
	if more := len(enum.Elements) - len(shown); more > 0 {
		shown = append(shown, fmt.Sprintf("one of %d more", more))
	}
	return JoinWords(shown, "or")
}
