package config

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// siblingsOf are the names that may stand where a key stands.
func siblingsOf(full string) []string {
	around := full[:strings.LastIndex(full, ".")+1]
	var names []string
	for _, k := range keys {
		if rest, inside := strings.CutPrefix(k.name, around); inside {
			name, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// nearest is the candidate that somebody may have meant; nothing where none is near.
func nearest(name string, candidates []string) string {
	const longest = 64
	if len(name) > longest {
		return ""
	}
	best, distance := "", min(3, (utf8.RuneCountInString(name)+2)/3)+1
	for _, candidate := range candidates {
		if away := levenshtein.ComputeDistance(strings.ToLower(name), candidate); away < distance {
			best, distance = candidate, away
		}
	}
	return best
}
