package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v4"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
)

// largest is the maximum size of config.yaml in bytes.
const largest = 1 << 20

// written is the value of a key in the file.
type written struct {
	texts []string // One, except for a list.
	line  int
	at    string // "config.yaml:3:8".
}

// document is config.yaml as it is written.
type document struct {
	*report
	keys    []key
	path    string
	values  map[string]written // By the full name of the key.
	servers []serverEntry      // Under mcp.servers.

	converters []Converter // Under documents.converters.
}

// read reads the file. It may be missing unless somebody has named it.
func (d *document) read(path string, named bool) error {
	d.path = path
	data, err := contents(path)
	// Opening the home folder reports a file in its place.
	if (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) && !named {
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
		line, problem := explainYAML(err)
		return asError([]string{fmt.Sprintf("%s:%d: %s", path, line, problem)})
	}
	if len(document.Content) > 0 {
		d.section("", document.Content[0])
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

// explainYAML returns the line and the text of an error of the YAML parser. What is not closed is on the line where it begins.
func explainYAML(err error) (line int, problem string) {
	load, is := errors.AsType[*yaml.LoadError](err)
	if !is {
		return 1, "invalid YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")
	}
	line, problem = load.Mark.Line, "invalid YAML: "+load.Message
	switch {
	case strings.HasPrefix(load.Message, "found a tab character"):
		problem = "a tab is used for indentation; use spaces"
	case load.Message == "found character that cannot start any token":
		problem = "a value cannot begin like this; put it in quotes, and indent with spaces, not with tabs"
	case load.Message == "mapping values are not allowed in this context":
		problem = `unexpected ":"; put text that contains ": " or ends with ":" in quotes`
	case strings.HasPrefix(load.Message, "did not find expected ','"), load.Message == "found unexpected end of stream", load.Message == "could not find expected ':'":
		line = load.ContextMark.Line
	}
	return max(line, 1), problem
}

// section reads a mapping. The names of the mappings around it end with a dot.
func (d *document) section(around string, n *yaml.Node) {
	n = resolveAlias(n)
	if empty(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		what := "the file"
		if around != "" {
			what = strings.TrimSuffix(around, ".")
		}
		d.fail(d.at(n), "%s must be a mapping, not %s", what, describe(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], resolveAlias(n.Content[i+1])
		full := around + name.Value
		if first, twice := seen[name.Value]; twice {
			d.fail(d.at(name), "duplicate key %q: it is on line %d already", full, first)
			continue
		}
		seen[name.Value] = name.Line
		d.field(full, name, value)
	}
}

func (d *document) field(full string, name, value *yaml.Node) {
	if about := alternativeTo(full); about != "" {
		d.warn(d.at(name), "%q is not a setting: %s", full, about)
		return
	}
	for _, k := range d.keys {
		if k.name == full {
			d.value(k, value)
			return
		}
	}
	siblings := d.siblingsOf(full)
	for _, k := range d.keys {
		if strings.HasPrefix(k.name, full+".") {
			d.section(full+".", value)
			return
		}
	}
	hint := "known keys: " + strings.Join(siblings, ", ")
	if near := suggest.Nearest(name.Value, siblings); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	d.warn(d.at(name), "unknown key %q; %s", full, hint)
}

func alternativeTo(full string) string {
	for _, e := range alternatives {
		if e.name == full {
			return e.instead
		}
	}
	return ""
}

// value stores the value of a key, if it has the right type.
func (d *document) value(k key, n *yaml.Node) {
	if empty(n) {
		return // A key without a value is ignored.
	}
	if k.takes == servers {
		d.toolServers(n)
		return
	}
	if k.takes == converters {
		d.readConverters(n)
		return
	}
	found := written{line: n.Line, at: d.at(n)}
	if (k.takes == texts || k.takes == paths || k.takes == allowance) && n.Kind == yaml.SequenceNode {
		for _, element := range n.Content {
			element = resolveAlias(element)
			if element.Kind != yaml.ScalarNode || empty(element) {
				d.fail(d.at(element), "%s must be %s: it contains %s", k.name, k.takes, describe(element))
				return
			}
			found.texts = append(found.texts, element.Value)
		}
		d.values[k.name] = found
		return
	}
	if k.takes == named && n.Kind == yaml.MappingNode {
		for _, setting := range d.settingsOf(k.name, n) {
			found.texts = append(found.texts, setting.Name, setting.Value)
		}
		d.values[k.name] = found
		return
	}
	if !fits(k.takes, n) {
		d.fail(found.at, "%s must be %s, not %s", k.name, k.takes, describe(n))
		return
	}
	found.texts = []string{n.Value}
	d.values[k.name] = found
}

func fits(takes kind, n *yaml.Node) bool {
	if n.Kind != yaml.ScalarNode {
		return false
	}
	value, err := strconv.Atoi(n.Value)
	whole := err == nil && n.Tag == "!!int"
	switch takes {
	case text, paths:
		return n.Tag == "!!str" || n.Tag == "!!int" || n.Tag == "!!float"
	case count:
		return whole && value >= 1
	case number:
		return whole && value >= 0
	case boolean, allowance:
		return n.Tag == "!!bool"
	}
	return false
}

// resolveAlias returns the node that an alias stands for.
func resolveAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func empty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func describe(n *yaml.Node) string {
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

func (d *document) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d:%d", d.path, n.Line, n.Column) }
