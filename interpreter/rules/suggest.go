package rules

import (
	"github.com/gleitzeit/gleitzeit/internal/suggest"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// suggest returns `did you mean "fetch"?` for the candidate that is nearest to the word; "" where none is near. A file may
// hold very many mistakes and candidates, so the number of comparisons is bounded.
func (c *Context) suggest(word string, candidates []string) string {
	cost := len(candidates) * len(word) * (len(word) + suggest.Farthest) // Those that are much longer or shorter are not compared.
	if len(word) > suggest.LongestWord || cost > c.budget {
		return ""
	}
	c.budget -= cost
	best := suggest.Nearest(word, candidates)
	if best == "" {
		return ""
	}
	return "did you mean " + definition.Quote(best) + "?"
}
