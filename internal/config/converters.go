package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Converter is what makes text of the documents with an extension.
type Converter struct {
	Extension string   // With its dot, in lower case.
	Words     []string // A program with its arguments, or a method with NAME=VALUE. A path of a program is absolute.
	from      string
}

// IsMethod reports whether the converter is a tool or Python, and no program.
func (c Converter) IsMethod() bool {
	return strings.HasPrefix(c.Words[0], "mcp/") || strings.HasPrefix(c.Words[0], "python/")
}

var extensionPattern = regexp.MustCompile(`^\.?[^./\\\s]+$`)

// converters reads documents.converters.
func (d *document) readConverters(n *yaml.Node) {
	const key = "documents.converters"
	if n.Kind != yaml.MappingNode {
		d.fail(d.at(n), "%s must be a mapping of extensions to command lines, not %s", key, describe(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, words := n.Content[i], resolveAlias(n.Content[i+1])
		extension := "." + strings.TrimPrefix(strings.ToLower(name.Value), ".")
		full := key + extension
		switch {
		case !extensionPattern.MatchString(name.Value):
			d.fail(d.at(name), "%s: invalid extension %q; write one such as .pdf", key, name.Value)
			continue
		case seen[extension]:
			d.fail(d.at(name), "duplicate key %q", full)
			continue
		case empty(words):
			continue
		case words.Kind != yaml.SequenceNode || len(words.Content) == 0:
			d.fail(d.at(words), `%s must be a list of words, such as ["pdftotext", "-layout", "{file}", "-"], not %s`, full, describe(words))
			continue
		}
		seen[extension] = true
		c := Converter{Extension: extension, from: fmt.Sprintf("%s:%d", d.path, name.Line)}
		for _, word := range words.Content {
			word = resolveAlias(word)
			if word.Kind != yaml.ScalarNode || empty(word) || word.Value == "" && len(c.Words) == 0 || strings.ContainsRune(word.Value, 0) {
				d.fail(d.at(word), "%s must contain words, not %s", full, describe(word))
				break
			}
			c.Words = append(c.Words, word.Value)
		}
		if len(c.Words) < len(words.Content) {
			continue
		}
		if c.IsMethod() {
			for j, word := range c.Words[1:] {
				if name, _, is := strings.Cut(word, "="); !is || name == "" {
					d.fail(d.at(words.Content[j+1]), "%s: the parameters of a method are written as NAME=VALUE, not %q", full, word)
				}
			}
			d.checkPython(full, c.Words, words)
		} else if strings.ContainsRune(c.Words[0], filepath.Separator) {
			c.Words[0] = absolute(filepath.Dir(d.path), c.Words[0])
		}
		d.converters = append(d.converters, c)
	}
}

// checkPython wants a method of Python to run one script or function, and makes the path of a script absolute.
func (d *document) checkPython(full string, words []string, from *yaml.Node) {
	const execute = "python/execute"
	switch {
	case !strings.HasPrefix(words[0], "python/"):
		return
	case words[0] != execute:
		d.fail(d.at(from.Content[0]), "%s: %s cannot read documents; use %s", full, words[0], execute)
		return
	}
	runs := ""
	for i, word := range words[1:] {
		name, text, _ := strings.Cut(word, "=")
		switch name {
		case "file", "file_path":
			words[i+1] = name + "=" + absolute(filepath.Dir(d.path), text)
		case "code", "function":
		default:
			continue
		}
		switch {
		case strings.TrimSpace(text) == "":
			d.fail(d.at(from.Content[i+1]), "%s: %s is empty", full, name)
		case runs != "":
			d.fail(d.at(from.Content[i+1]), "%s: %s excludes %s", full, runs, name)
		}
		runs = name
	}
	if runs == "" {
		d.fail(d.at(from.Content[0]), "%s: %s requires one of file, code and function, such as file=to_text.py", full, execute)
	}
}

// readDocuments returns the converters of documents.
func readDocuments(l *loader) []Converter {
	for _, c := range l.file.converters {
		words := make([]value.Value, len(c.Words))
		for i, word := range c.Words {
			words[i] = value.String(word)
		}
		l.entry("documents.converters"+c.Extension, value.List(words...), c.from)
	}
	return l.file.converters
}
