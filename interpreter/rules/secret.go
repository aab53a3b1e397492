package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// secrets: secrets written in the file, and destinations of secrets that are only known when tasks run.
func secrets(c *Context) {
	reported := map[*definition.Node]bool{} // Several tasks have the same default.
	check := func(m *resolve.Method, parameters *definition.Node) {
		if m == nil || parameters == nil {
			return
		}
		for _, field := range parameters.Fields {
			n := field.Value
			if reported[n] {
				continue
			}
			switch {
			case slices.Contains(m.SecretParameters, field.Name) && n.Kind == value.KindString: // The schema says what else does not fit.
				reported[n] = true
				checkSecret(c, m, field)
			case slices.Contains(m.DestinationParameters, field.Name):
				reported[n] = true
				n.Strings(func(text *definition.Node) { checkDestination(c, m, field, text) })
			}
		}
	}
	for _, one := range c.Definition.Defaults {
		for _, m := range c.Catalog.CalledBy(one, c.Tasks) {
			check(m, one.Parameters)
		}
	}
	for _, task := range c.Tasks {
		check(task.Method, task.Parameters)
	}
}

func checkSecret(c *Context, m *resolve.Method, field definition.Field) {
	if reference.IsSecretReference(field.Value.Text) {
		return
	}
	if _, errs := reference.Parse(field.Value.Text); len(errs) > 0 {
		return // The rule of references reports them.
	}
	c.report(field.Value.Position, fmt.Sprintf("parameter %s of %s must be a reference to a secret, not the secret itself", definition.Quote(field.Name), m.Name),
		fmt.Sprintf(`write %s: "${secrets.%s}", and set the variable GLEITZEIT_SECRET_%[2]s to its value`, field.Name, strings.ToUpper(field.Name)))
}

func checkDestination(c *Context, m *resolve.Method, field definition.Field, text *definition.Node) {
	ref, brought := reference.RuntimeReference(text.Text)
	if !brought {
		return
	}
	if ref.Head != resolve.HeadItem && ref.Head != resolve.HeadIndex {
		if other, _ := c.Names.Lookup(ref.Head); other < 0 {
			return // The rule of references reports it.
		}
	}
	c.report(c.Definition.Locate(text).At(ref.Offset), fmt.Sprintf("parameter %s of %s decides what is called, and %s is only known when tasks run", definition.Quote(field.Name), m.Name, shown(ref)),
		"write it out, or use an input or an environment variable")
}
