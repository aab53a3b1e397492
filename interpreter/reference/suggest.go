package reference

import (
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// Names longer than this, in bytes, and beyond this number are not compared: comparing costs the product of lengths.
const (
	longestCompared = 64
	mostCompared    = 1000
)

// nearest returns the candidate that name is probably meant to be, the first of equals; "" where none is near.
func nearest(name string, candidates []string) string {
	if len(name) > longestCompared {
		return ""
	}
	length := utf8.RuneCountInString(name)
	best, distance := "", min(length, (length+3)/4+1, 4)
	for _, candidate := range candidates[:min(len(candidates), mostCompared)] {
		if len(candidate) > longestCompared || candidate == name {
			continue
		}
		away := levenshtein.ComputeDistance(name, candidate)
		if strings.EqualFold(name, candidate) {
			away = 0
		}
		if away < distance {
			best, distance = candidate, away
		}
	}
	return best
}
