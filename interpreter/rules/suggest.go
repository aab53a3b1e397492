package rules

import (
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// longestWord is the length in bytes up to which words are compared: people mistype short ones.
const longestWord = 64

// farthest is how many letters a word and what it is meant to be may differ in.
const farthest = 3

// suggest returns `did you mean "fetch"?` for the candidate that is nearest to the word; "" where none is near. A file may
// hold very many mistakes and candidates, so the number of comparisons is bounded.
func (c *Context) suggest(word string, candidates []string) string {
	cost := len(candidates) * len(word) * (len(word) + farthest) // Those that are much longer or shorter are not compared.
	if len(word) > longestWord || cost > c.budget {
		return ""
	}
	c.budget -= cost
	best := Nearest(word, candidates)
	if best == "" {
		return ""
	}
	return "did you mean " + definition.Quote(best) + "?"
}

// Nearest returns the candidate that is nearest to the word, the first of equals; "" where none is near.
func Nearest(word string, candidates []string) string {
	if len(word) > longestWord {
		return ""
	}
	length := utf8.RuneCountInString(word)
	best, distance := "", min(farthest, (length+2)/4)+1
	for _, candidate := range candidates {
		other := utf8.RuneCountInString(candidate)
		if candidate == word || len(candidate) > longestWord || other-length >= distance || length-other >= distance {
			continue
		}
		away := levenshtein.ComputeDistance(word, candidate)
		switch {
		case strings.EqualFold(word, candidate):
			away = 0
		case away == 2 && swapped(word, candidate):
			away = 1
		}
		if away < distance {
			best, distance = candidate, away
		}
	}
	return best
}

// swapped tells whether two letters in the wrong order are all the difference.
func swapped(word, candidate string) bool {
	if len(word) != len(candidate) {
		return false
	}
	at := 0
	for word[at] == candidate[at] {
		at++
	}
	return at+1 < len(word) && word[at] == candidate[at+1] && word[at+1] == candidate[at] && word[at+2:] == candidate[at+2:]
}
