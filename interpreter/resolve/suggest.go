package resolve

import (
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/suggest"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// Suggester makes suggestions. A file may hold very many errors and candidates, so the number of comparisons is bounded.
type Suggester struct {
	budget *int // Comparisons of letters that are left.
}

func newSuggester() Suggester {
	budget := 200_000_000
	return Suggester{&budget}
}

// Suggest returns `did you mean "fetch"?` for the candidate that is nearest to the word; "" where none is near.
func (s Suggester) Suggest(word string, candidates []string) string {
	cost := len(candidates) * len(word) * (len(word) + suggest.Farthest) // Those that are much longer or shorter are not compared.
	if len(word) > suggest.LongestWord || cost > *s.budget {
		return ""
	}
	*s.budget -= cost
	best := suggest.Nearest(word, candidates)
	if best == "" {
		return ""
	}
	return didYouMean(best)
}

func didYouMean(word string) string { return "did you mean " + definition.Quote(word) + "?" }

// JoinWords joins words as people do: `a, b or c`.
func JoinWords(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " " + last + " " + words[len(words)-1]
}
