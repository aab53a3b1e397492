package rules

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// providers: unknown protocols and providers that the workflow requires.
func providers(c *Context) {
	var known []string
	for _, spec := range c.Specs {
		known = append(append(known, spec.Name), spec.Providers...)
	}
	for _, n := range c.Definition.Providers {
		if slices.Contains(known, n.Written) || slices.ContainsFunc(c.Specs, func(spec protocol.Spec) bool { return resolve.Family(spec.Name) == n.Written }) {
			continue
		}
		hint := c.Suggest(n.Written, known)
		if hint == "" {
			hint = "available: " + strings.Join(known, ", ")
		}
		c.report(n.Position, "unknown protocol or provider "+definition.Quote(n.Written), hint)
	}
}
