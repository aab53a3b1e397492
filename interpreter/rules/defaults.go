package rules

import (
	"fmt"
	"slices"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// defaults: defaults for an unknown protocol, method or parameter, and more of them than a plan can hold.
func defaults(c *Context) {
	for _, one := range c.Definition.Defaults {
		called := c.Catalog.CalledBy(one, c.Tasks)
		if len(called) == 0 {
			if wrong := c.Catalog.UnknownServer(one.Name, one.At); wrong != nil {
				c.report(wrong.At, wrong.Message, wrong.Hint)
				continue
			}
			c.report(one.At, "unknown protocol or method "+definition.Quote(one.Name), suggestDefault(c, one.Name))
			continue
		}
		if one.Parameters == nil || len(called) == 1 && called[0].Name == one.Name {
			continue // What a method does not take, the rule of parameters says.
		}
		for _, field := range one.Parameters.Fields {
			if !slices.ContainsFunc(called, func(m *resolve.Method) bool { return m.Accepts(field.Name) }) {
				var known []string
				for _, m := range called {
					known = append(known, m.Properties...)
				}
				c.report(field.At, "unknown parameter "+definition.Quote(field.Name)+": no method of "+one.Name+" has it", c.Suggest(field.Name, known))
			}
		}
	}
	if c.DefaultsTooLarge {
		c.report(c.Definition.Defaults[0].At, fmt.Sprintf("the defaults add more than %d MiB of text, or %d values, to the tasks", resolve.MaxDefaultText>>20, resolve.MaxDefaultNodes),
			"put large texts into files")
	}
}

func suggestDefault(c *Context, name string) string {
	var known []string
	for _, spec := range c.Specs {
		known = append(known, spec.Name)
	}
	if hint := c.Catalog.SuggestProtocol(name, known); hint != "" {
		return hint
	}
	if hint := c.Catalog.SuggestMethod(name, ""); hint != "" {
		return hint
	}
	return c.Catalog.SuggestServers(name)
}
