package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/suggest"
)

// Edited is config.yaml with another value of one key.
type Edited struct {
	Path string
	Text []byte
}

// Set returns config.yaml with a value of a key, which is YAML, and otherwise as it is, with its comments. It writes nothing. The
// settings with it are valid; the error is a *protocol.Error.
func Set(o Options, name, text string) (*Edited, error) {
	path, err := Path(o)
	if err != nil {
		return nil, err
	}
	keys := keysWith(o.Providers)
	at := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	if at < 0 {
		return nil, unknownSetting(name, keys)
	}
	value, err := settable(keys[at], text)
	if err != nil {
		return nil, err
	}
	before, err := contents(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot read the settings in %q: %s", path, err)
	}
	after, err := replaced(before, strings.Split(name, "."), value)
	if err != nil {
		return nil, protocol.Errorf(protocol.ConfigurationError, "cannot set %s in %s: %s", name, path, err).WithHint("edit the file: `gleitzeit config path` prints where it is")
	}
	if err := verified(o, path, after); err != nil {
		return nil, err
	}
	return &Edited{path, after}, nil
}

func unknownSetting(name string, keys []key) error {
	var names []string
	for _, k := range keys {
		if k.isMapping() && strings.HasPrefix(name, k.name+".") {
			return notSettable(k)
		}
		names = append(names, k.name)
	}
	if about := alternativeTo(name); about != "" {
		return protocol.Errorf(protocol.InvalidParams, "%q is not a setting: %s", name, about)
	}
	wrong := protocol.Errorf(protocol.InvalidParams, "unknown setting %q", name)
	if near := suggest.Nearest(name, names); near != "" {
		return wrong.WithHint("did you mean %q?", near)
	}
	for _, known := range names {
		if strings.HasSuffix(known, "."+name) {
			return wrong.WithHint("did you mean %q?", known)
		}
	}
	return wrong.WithHint("`gleitzeit config` lists all settings")
}

// isMapping reports whether the names in the value are chosen by people.
func (k key) isMapping() bool { return k.takes == servers || k.takes == converters || k.takes == named }

func notSettable(k key) error {
	hint := "edit the file: `gleitzeit config path` prints where it is"
	if k.takes == servers {
		hint += "; a server is written as mcp: {servers: {files: {command: npx, args: [-y, PACKAGE, FOLDER]}}}"
	}
	return protocol.Errorf(protocol.InvalidParams, "%s is %s, which cannot be set here", k.name, k.takes).WithHint("%s", hint)
}

// settable returns the value of a key as it is written into the file. What people type as text is quoted where YAML means something else.
func settable(k key, text string) (string, error) {
	if k.isMapping() {
		return "", notSettable(k)
	}
	if strings.ContainsAny(text, "\n\r") || strings.TrimSpace(text) == "" {
		return "", protocol.Errorf(protocol.InvalidParams, "the value of %s must be one line of text", k.name).WithHint("to unset it, remove its line from the file")
	}
	if strings.HasSuffix(k.name, ".api_key") && !strings.HasPrefix(text, "${secrets.") {
		return "", protocol.Errorf(protocol.InvalidParams, "%s must be the name of a secret, such as ${secrets.NAME}, not the secret itself", k.name).
			WithHint("`gleitzeit secrets list` shows which there are; docs/settings.md says where secrets are kept")
	}
	if shown := shownURL(text); shown != text {
		return "", protocol.Errorf(protocol.InvalidParams, "%s would have a password in the file", k.name).
			WithHint("leave it out of the address: GLEITZEIT_REDIS_PASSWORD is that of Redis, and headers with ${secrets.NAME} are for model servers")
	}
	var node yaml.Node
	err := yaml.Unmarshal([]byte(text), &node)
	plain := err == nil && len(node.Content) == 1 && !strings.Contains(text, " #") && !strings.HasPrefix(text, "#")
	if plain && k.takes == textKind && !fits(k.takes, node.Content[0]) {
		plain = false
	}
	if plain {
		return text, nil
	}
	quoted, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text})
	return strings.TrimSpace(string(quoted)), err
}

// textKind is the kind text, whose name is that of a value in settable.
const textKind = text

// replaced returns a YAML text with the value of a key. It changes the line of that key alone, or adds lines.
func replaced(before []byte, path []string, value string) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(before, &document); err != nil {
		line, problem := explainYAML(err)
		return nil, fmt.Errorf("line %d: %s", line, problem)
	}
	text := string(before)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	lines := strings.SplitAfter(text, "\n")
	lines = lines[:len(lines)-1]
	if len(document.Content) == 0 || empty(document.Content[0]) {
		return []byte(text + below(path, "", value)), nil
	}
	within, last := document.Content[0], 0
	for depth, name := range path {
		if within.Kind != yaml.MappingNode || within.Style&yaml.FlowStyle != 0 {
			return nil, fmt.Errorf("line %d is not a mapping with a line for each key", within.Line)
		}
		at := -1
		for i := 0; i+1 < len(within.Content); i += 2 {
			if within.Content[i].Value == name {
				at = i
			}
		}
		if at < 0 {
			last = lastLine(within)
			indent := strings.Repeat(" ", within.Content[0].Column-1)
			added := strings.SplitAfter(below(path[depth:], indent, value), "\n")
			return []byte(strings.Join(slices.Insert(lines, last, added...), "")), nil
		}
		key, next := within.Content[at], within.Content[at+1]
		if depth < len(path)-1 {
			if empty(next) { // A section without keys.
				added := below(path[depth+1:], strings.Repeat(" ", key.Column+1), value)
				return []byte(strings.Join(slices.Insert(lines, key.Line, added), "")), nil
			}
			within = next
			continue
		}
		return changedLine(lines, key, next, value)
	}
	return nil, errors.New("the key has no name")
}

// below is a value under the keys of a path.
func below(path []string, indent, value string) string {
	var text strings.Builder
	for i, name := range path {
		fmt.Fprintf(&text, "%s%s:", indent+strings.Repeat("  ", i), name)
		if i == len(path)-1 {
			text.WriteString(" " + value)
		}
		text.WriteString("\n")
	}
	return text.String()
}

// lastLine returns the last line of a node, from 1.
func lastLine(n *yaml.Node) int {
	last := n.Line
	if n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		last += strings.Count(n.Value, "\n")
	}
	for _, c := range n.Content {
		last = max(last, lastLine(c))
	}
	return last
}

// changedLine replaces the value of a key that stands in one line, and keeps the comment after it.
func changedLine(lines []string, key, old *yaml.Node, value string) ([]byte, error) {
	line := lines[key.Line-1]
	if last := lastLine(old); last != key.Line {
		if old.Kind != yaml.SequenceNode || old.Style&yaml.FlowStyle != 0 {
			return nil, fmt.Errorf("its value takes more than line %d", key.Line)
		}
		lines = slices.Delete(lines, key.Line, last) // The elements of a list, each in a line.
	}
	colon := strings.Index(line[key.Column-1:], ":") + key.Column
	comment := ""
	if old.LineComment != "" {
		comment = "  " + old.LineComment
	} else if key.LineComment != "" {
		comment = "  " + key.LineComment
	}
	lines[key.Line-1] = line[:colon] + " " + value + comment + "\n"
	return []byte(strings.Join(lines, "")), nil
}

// verified loads the settings from the text instead of the file.
func verified(o Options, path string, after []byte) (err error) {
	file, err := os.CreateTemp("", "gleitzeit-config-*.yaml")
	if err != nil {
		return protocol.Errorf(protocol.ConfigurationError, "cannot make a temporary file: %s", err).WithHint("TMPDIR names where")
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	_, err = file.Write(after)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	env := o.Env
	o.Env = func(name string) (string, bool) {
		switch name {
		case "GLEITZEIT_CONFIG":
			return file.Name(), true
		case "GLEITZEIT_HOME":
			return env(name)
		}
		return "", false // A variable would take precedence, and hide what is wrong in the file.
	}
	if _, err = Load(o); err != nil {
		known := protocol.AsError(err, protocol.ConfigurationError)
		return protocol.Errorf(protocol.InvalidParams, "%s", strings.ReplaceAll(known.Message, file.Name(), path)).WithHint("nothing was written")
	}
	return nil
}
