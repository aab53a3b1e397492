package mcpserver

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/temporalname"
)

// maxNameLength leaves room for the prefix that clients add to the name of a tool: many allow 64 characters in all.
const maxNameLength = 40

// toolName returns the name of a workflow's tool: that of its runs in snake case. The file's name replaces a name of which
// no letter or digit is left. taken reports whether another tool has a name.
func toolName(workflow, file string, taken func(name string) bool) string {
	base := cmp.Or(snakeCase(workflow), snakeCase(strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))), "workflow")
	name := base
	for n := 2; taken(name); n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	return name
}

// snakeCase writes a text in lower-case ASCII letters, digits and single underscores, other scripts transliterated as in the
// ids of runs.
func snakeCase(text string) string {
	words := strings.FieldsFunc(temporalname.Slug(text, maxNameLength), func(r rune) bool { return r == '-' || r == '_' })
	return strings.Join(words, "_")
}
