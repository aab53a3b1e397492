package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// inputs: declarations that contradict themselves, and given values that do not fit them.
func inputs(c *Context) {
	for _, problem := range c.InputErrors {
		c.reportAll([]resolve.Problem{problem.Problem})
		c.Diagnostics[len(c.Diagnostics)-1].Typed = value.Visible(problem.Typed)
	}
	for _, input := range c.Definition.Inputs {
		of := resolve.TypeOf(input)
		if !of.Known() {
			c.report(input.Type.Position, "the type of an input must be "+resolve.JoinWords(definition.InputTypes(), "or")+", not "+input.Type.Describe(),
				cmp.Or(typeElsewhere(string(of)), c.Suggest(string(of), definition.InputTypes())))
			continue
		}
		noteTypeAsDefault(c, input)
		checkDefault(c, input, of)
		checkEnum(c, input, of)
	}
}

// noteTypeAsDefault notes the name of a type that is the default: in `topic: string`, a short form, it is a text like any other.
func noteTypeAsDefault(c *Context, input *definition.Input) {
	n := input.Default
	if n == nil || n.Kind != value.KindString || !input.Short {
		return
	}
	name := strings.ToLower(n.Text)
	is := typesElsewhere[name]
	if slices.Contains(definition.InputTypes(), name) {
		is = name
	}
	if is == "" || slices.Contains([]string{"file", "path", "map", "text"}, name) { // Those are texts that are meant.
		return
	}
	c.note(n.Position, "the default of input "+definition.Quote(input.Name)+" is the text "+n.Describe()+", not a type",
		fmt.Sprintf("write %s: {type: %s}; or {default: %s} if the text is meant", definition.Shorten(input.Name), is, n.Flow()))
}

// typesElsewhere are the types of this language under the names that they have in others.
var typesElsewhere = map[string]string{
	"array": "list", "bool": "boolean", "dict": "object", "double": "number", "file": "string", "float": "number", "int": "integer",
	"map": "object", "mapping": "object", "path": "string", "str": "string", "text": "string",
}

func typeElsewhere(name string) string {
	if is := typesElsewhere[strings.ToLower(name)]; is != "" {
		return "write type: " + is
	}
	return ""
}

func checkDefault(c *Context, input *definition.Input, of resolve.InputType) {
	n := input.Default
	if n == nil || n.Kind == value.KindNull {
		return
	}
	want := ""
	switch {
	case !of.Fits(n.Value()):
		want = of.Describe()
	case input.Enum != nil && len(input.Enum.Elements) > 0 && !resolve.EnumHas(input.Enum, n.Value()):
		want = resolve.DescribeValues(input.Enum)
	default:
		return
	}
	c.report(n.Position, fmt.Sprintf("default of input %s must be %s, not %s", definition.Quote(input.Name), want, n.Describe()), "")
}

func checkEnum(c *Context, input *definition.Input, of resolve.InputType) {
	if input.Enum == nil {
		return
	}
	if len(input.Enum.Elements) == 0 {
		c.report(input.Enum.Position, "enum of input "+definition.Quote(input.Name)+" is empty", "")
	}
	for _, element := range input.Enum.Elements {
		if !of.Fits(element.Value()) {
			c.report(element.Position, fmt.Sprintf("each value in the enum of input %s must be %s, not %s",
				definition.Quote(input.Name), of.Describe(), element.Describe()), "")
		}
	}
}
