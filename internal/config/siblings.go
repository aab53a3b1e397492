package config

import (
	"slices"
	"strings"
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
