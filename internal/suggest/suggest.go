// Package suggest finds the known word that is nearest to an unknown one.
package suggest

import (
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

const (
	// LongestWord is the length in bytes up to which words are compared: typing errors occur in short ones.
	LongestWord = 64
	// Farthest is the maximum number of letters in which a word and its suggestion differ.
	Farthest = 3
)

// Nearest returns the candidate nearest to the word, the first of equal ones: it differs in case or separators, in two swapped letters or in
// few others; or it is the only one that is a part of the word, like "pattern" of "file_pattern", or of which the word is a
// part. It returns "" if none is near. The cost grows with the number of candidates.
func Nearest(word string, candidates []string) string {
	if len(word) > LongestWord {
		return ""
	}
	length := utf8.RuneCountInString(word)
	best, distance := "", min(Farthest, (length+2)/4)+1
	for _, candidate := range candidates {
		other := utf8.RuneCountInString(candidate)
		if candidate == word || len(candidate) > LongestWord || other-length >= distance || length-other >= distance {
			continue
		}
		away := levenshtein.ComputeDistance(word, candidate)
		switch {
		case strings.EqualFold(word, candidate), strings.EqualFold(separators.Replace(word), separators.Replace(candidate)):
			away = 0
		case away == 2 && swapped(word, candidate):
			away = 1
		}
		if away < distance {
			best, distance = candidate, away
		}
	}
	if best == "" {
		return related(word, candidates)
	}
	return best
}

// separators removes what kebab-case, snake_case and camelCase differ in.
var separators = strings.NewReplacer("-", "", "_", "")

// swapped reports whether two letters in the wrong order are all the difference.
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

// related returns the only candidate that shares its beginning or its end with the word, up to an underscore or a dash.
func related(word string, candidates []string) string {
	found := ""
	for _, candidate := range candidates {
		if candidate == word || !partOf(candidate, word) && !partOf(word, candidate) {
			continue
		}
		if found != "" && found != candidate {
			return ""
		}
		found = candidate
	}
	return found
}

func partOf(part, of string) bool {
	const shortest = 3
	if len(part) < shortest {
		return false
	}
	rest, ends := strings.CutSuffix(of, part)
	if ends && (strings.HasSuffix(rest, "_") || strings.HasSuffix(rest, "-")) {
		return true
	}
	rest, begins := strings.CutPrefix(of, part)
	return begins && (strings.HasPrefix(rest, "_") || strings.HasPrefix(rest, "-"))
}
