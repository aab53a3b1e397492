package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"gopkg.in/yaml.v3"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
)

// largest is how many bytes config.yaml may have.
const largest = 1 << 20

// written is the value of a key in the file.
type written struct {
	texts []string // One, but for a list.
	line  int
	at    string // "config.yaml:3:8".
}

// read takes in the file. A file that nobody has named need not be there.
func (l *loader) read(path string) error {
	l.file, l.written = path, map[string]written{}
	data, err := contents(path)
	// A folder that is a file is told by who opens the home.
	if (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) && l.variable("GLEITZEIT_CONFIG") == "" {
		return nil
	}
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		err = of.Err
	}
	if err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot read the settings in %q: %s", path, err).
			WithHint("`gleitzeit config path` prints which file is read; GLEITZEIT_CONFIG sets another one")
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		line, problem := explained(err)
		return mistaken([]string{fmt.Sprintf("%s:%d: %s", path, line, problem)})
	}
	if len(document.Content) > 0 {
		l.section("", document.Content[0])
	}
	return nil
}

func contents(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(file, largest+1))
	if err == nil && len(data) > largest {
		err = fmt.Errorf("the file is larger than %d MiB", largest>>20)
	}
	return data, errors.Join(err, file.Close())
}

var yamlProblem = regexp.MustCompile(`^(?:line (\d+): )?(.*)$`)

// explained takes the line out of an error of the YAML parser; it names none where that is the first.
func explained(err error) (line int, problem string) {
	first, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), "\n")
	parts := yamlProblem.FindStringSubmatch(first)
	problem = "invalid YAML: " + parts[2]
	if parts[2] == "mapping values are not allowed in this context" {
		problem = `unexpected ":"; put text that contains ": " or ends with ":" in quotes`
	}
	if line, err := strconv.Atoi(parts[1]); err == nil {
		return line, problem
	}
	return 1, problem
}

// section reads a mapping of which the names of the mappings around it are known, with a dot at the end.
func (l *loader) section(around string, n *yaml.Node) {
	n = meant(n)
	if empty(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		what := "the file"
		if around != "" {
			what = strings.TrimSuffix(around, ".")
		}
		l.mistake(l.at(n), "%s must be a mapping, not %s", what, described(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], meant(n.Content[i+1])
		full := around + name.Value
		if first, twice := seen[name.Value]; twice {
			l.mistake(l.at(name), "duplicate key %q: it is on line %d already", full, first)
			continue
		}
		seen[name.Value] = name.Line
		l.field(full, name, value)
	}
}

func (l *loader) field(full string, name, value *yaml.Node) {
	if about := insteadOf(full); about != "" {
		l.warn(l.at(name), "%q is not a setting: %s", full, about)
		return
	}
	for _, k := range l.keys {
		if k.name == full {
			l.value(k, value)
			return
		}
	}
	siblings := l.siblingsOf(full)
	for _, k := range l.keys {
		if strings.HasPrefix(k.name, full+".") {
			l.section(full+".", value)
			return
		}
	}
	hint := "known keys: " + strings.Join(siblings, ", ")
	if near := suggest.Nearest(name.Value, siblings); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	l.warn(l.at(name), "unknown key %q; %s", full, hint)
}

func insteadOf(full string) string {
	for _, e := range elsewhere {
		if e.name == full {
			return e.instead
		}
	}
	return ""
}

// value notes what a key was given, where that is what it takes.
func (l *loader) value(k key, n *yaml.Node) {
	if empty(n) {
		return // A key without a value counts as absent.
	}
	if k.takes == servers {
		l.toolServers(n)
		return
	}
	found := written{line: n.Line, at: l.at(n)}
	if (k.takes == texts || k.takes == allowance) && n.Kind == yaml.SequenceNode {
		for _, element := range n.Content {
			element = meant(element)
			if element.Kind != yaml.ScalarNode || empty(element) {
				l.mistake(l.at(element), "%s must be %s: it contains %s", k.name, k.takes, described(element))
				return
			}
			found.texts = append(found.texts, element.Value)
		}
		l.written[k.name] = found
		return
	}
	if !fits(k.takes, n) {
		l.mistake(found.at, "%s must be %s, not %s", k.name, k.takes, described(n))
		return
	}
	found.texts = []string{n.Value}
	l.written[k.name] = found
}

func fits(takes kind, n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode {
		return false
	}
	value, err := strconv.Atoi(n.Value)
	whole := err == nil && n.Tag == "!!int"
	switch takes {
	case text:
		return n.Tag == "!!str" || n.Tag == "!!int" || n.Tag == "!!float"
	case count:
		return whole && value >= 1
	case number:
		return whole && value >= 0
	case truth, allowance:
		return n.Tag == "!!bool"
	}
	return false
}

// meant follows an alias.
func meant(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func empty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func described(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	if n.Tag == "!!str" {
		return strconv.Quote(n.Value)
	}
	return n.Value
}

func (l *loader) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", l.file, n.Line, n.Column) }
