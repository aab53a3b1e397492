package mcpserver

import (
	"fmt"
	"path/filepath"
	"strings"
)

// longestName leaves room for what clients put in front of a tool's name: many allow 64 characters in all.
const longestName = 40

// toolName makes the name of a tool of a workflow's: words in snake case. taken tells which there are already.
func toolName(workflow, file string, taken func(name string) bool) string {
	base := snake(workflow)
	if base == "" {
		base = snake(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
	}
	if base == "" {
		base = "workflow"
	}
	name := base
	for n := 2; taken(name); n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	return name
}

func snake(text string) string {
	var name strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case name.Len() >= longestName:
		case (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9'):
			name.WriteRune(r)
		case name.Len() > 0 && !strings.HasSuffix(name.String(), "_"):
			name.WriteByte('_')
		}
	}
	return strings.Trim(name.String(), "_")
}
