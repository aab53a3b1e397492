package reference

import (
	"path"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// IsFilePart reports whether the step leads to a part of a file's path.
func (s Step) IsFilePart() bool {
	return s.named() && (s.name() == "name" || s.name() == "stem" || s.name() == "dir")
}

// IsModel reports whether the step leads from a file to the model that is asked about it.
func (s Step) IsModel() bool { return s.named() && s.name() == "model" }

// partOf returns what a step leads to from a file: of /a/b.tar.gz the name is b.tar.gz, the stem b.tar, the dir /a.
func partOf(file string, step Step) (value.Value, *lookupError) {
	if !step.IsFilePart() {
		return value.Value{}, &lookupError{
			message: "an item that is a file has no such part", hint: "${item} is its path; there are ${item.name}, ${item.stem} and ${item.dir}",
		}
	}
	name := path.Base(file)
	switch step.name() {
	case "stem":
		if stem := strings.TrimSuffix(name, path.Ext(name)); stem != "" {
			name = stem // Of .profile, all is the extension; its stem is the name.
		}
	case "dir":
		name = path.Dir(file)
	}
	return value.String(name), nil
}
