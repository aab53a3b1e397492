package mcpserver

import (
	"fmt"
	"path/filepath"
	"strings"
)

// maxNameLength leaves room for the prefix that clients add to the name of a tool: many allow 64 characters in all.
const maxNameLength = 40

// toolName returns the name of a workflow's tool, in snake case. taken reports whether another tool has a name.
func toolName(workflow, file string, taken func(name string) bool) string {
	base := snakeCase(workflow)
	if base == "" {
		base = snakeCase(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)))
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

func snakeCase(text string) string {
	var name strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case name.Len() >= maxNameLength:
		case (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9'):
			name.WriteRune(r)
		case name.Len() > 0 && !strings.HasSuffix(name.String(), "_"):
			name.WriteByte('_')
		}
	}
	return strings.Trim(name.String(), "_")
}
