package rules

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// duplicateKey: keys that come twice in one mapping, by the same name or by another one for the same thing.
func duplicateKey(c *Context) {
	for _, repeated := range c.Definition.DuplicateKeys {
		message := fmt.Sprintf("duplicate key %s, first given in line %d", definition.Quote(repeated.Key), repeated.First.Line)
		if repeated.Key != repeated.Canonical {
			message = fmt.Sprintf("duplicate key: %s is another name for %s, which is given in line %d",
				definition.Quote(repeated.Key), definition.Quote(repeated.Canonical), repeated.First.Line)
		}
		c.report(repeated.At, message, "")
	}
}
