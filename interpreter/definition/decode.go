package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// document is what decode finds in a text.
type document struct {
	root    *yaml.Node // nil where the file is empty.
	second  *yaml.Node // The second document, where there is one.
	problem string     // The parser's own words; "" where there is none.
	at      yaml.Mark  // Where the parser noticed the problem.
	opened  yaml.Mark  // Where what has the problem begins: a bracket, a quote. Zero where that is not known.
}

// decode parses one text. A panic of the parser on hostile input is a problem of the text like any other.
func decode(text []byte) (found document) {
	defer func() {
		if fault := recover(); fault != nil {
			found = document{problem: fmt.Sprint(fault)}
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for _, into := range []**yaml.Node{&found.root, &found.second} {
		node := new(yaml.Node)
		err := decoder.Decode(node)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			return describeError(err)
		}
		*into = node
	}
	return found
}

func describeError(err error) document {
	if load, is := errors.AsType[*yaml.LoadError](err); is {
		return document{problem: load.Message, at: load.Mark, opened: load.ContextMark}
	}
	return document{problem: strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", " "), "yaml: ")}
}

// The characters that YAML 1.1 ends a line at. YAML 1.2 and editors take them for text like any other; the parser does not.
var oldBreaks = []rune{'\u0085', '\u2028', '\u2029'}

// decodeYAML parses a text as YAML 1.2. Where it has characters that the parser takes for the ends of lines, other characters that
// the text does not have, and that take as many bytes, stand for them while it is parsed. So no place in the file changes.
func decodeYAML(from *source) document {
	text := withoutVersion(from.text)
	if !bytes.ContainsAny(text, string(oldBreaks)) {
		return decode(text)
	}
	substitute, restore := substitutes(text)
	if substitute == nil {
		return document{problem: noSubstitute}
	}
	found := decode([]byte(substitute.Replace(string(text))))
	restoreNode(found.root, restore)
	restoreNode(found.second, restore)
	found.problem = restore.Replace(found.problem)
	return found
}

// substitutes replaces oldBreaks by characters of the same size that a text has neither as such nor as an escape, and restores them.
// They are nil where there are no such characters.
func substitutes(text []byte) (substitute, restore *strings.Replacer) {
	var used [1 << 16 / 64]uint64
	use := func(r rune) {
		if r >= 0 && r < 1<<16 {
			used[r/64] |= 1 << (r % 64)
		}
	}
	for _, r := range string(text) {
		use(r)
	}
	for rest := text; ; {
		at := bytes.IndexByte(rest, '\\')
		if at < 0 || at+1 == len(rest) {
			break
		}
		rest = rest[at+1:]
		digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[rest[0]]
		if code, err := strconv.ParseUint(string(rest[1:min(1+digits, len(rest))]), 16, 32); err == nil {
			use(rune(min(code, utf8.MaxRune)))
		}
	}
	var there, back []string
	for _, from := range oldBreaks {
		next, last := rune(0xE000), rune(0xF8FF) // Characters of private use, which no text should have.
		if utf8.RuneLen(from) == 2 {
			next, last = 0x100, 0x7FF
		}
		for next <= last && used[next/64]&(1<<(next%64)) != 0 {
			next++
		}
		if next > last {
			return nil, nil
		}
		use(next)
		there, back = append(there, string(from), string(next)), append(back, string(next), string(from))
	}
	return strings.NewReplacer(there...), strings.NewReplacer(back...)
}

// restoreNode restores the texts of a node and of all nodes within it.
func restoreNode(n *yaml.Node, restore *strings.Replacer) {
	if n == nil {
		return
	}
	n.Value, n.Tag = restore.Replace(n.Value), restore.Replace(n.Tag)
	for _, child := range n.Content {
		restoreNode(child, restore)
	}
}

// looksLikeJSON reports whether a text is JSON. Such a text goes around the parser of YAML, which does not know all of it: two
// escapes for one character, and the control characters that JSON allows in strings.
func looksLikeJSON(text []byte) bool { return json.Valid(text) }

// decodeJSON parses a text that is JSON into the nodes that the parser of YAML would make of it.
func decodeJSON(from *source) (found document) {
	decoder := json.NewDecoder(bytes.NewReader(from.text))
	decoder.UseNumber()
	place := cursor{text: from.text, line: 1, column: 1}
	root := &yaml.Node{Kind: yaml.DocumentNode, Line: 1, Column: 1}
	for open := []*yaml.Node{root}; decoder.More() || len(open) > 1; {
		place.skip(int(decoder.InputOffset()))
		token, err := decoder.Token()
		if err != nil {
			return document{problem: fmt.Sprintf("invalid JSON: %v", err)}
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			open = open[:len(open)-1]
			continue
		}
		node := &yaml.Node{Kind: yaml.ScalarNode, Line: place.line, Column: place.column}
		around := open[len(open)-1]
		around.Content = append(around.Content, node)
		switch token := token.(type) {
		case json.Delim:
			node.Kind, node.Tag, node.Style = yaml.SequenceNode, "!!seq", yaml.FlowStyle
			if token == '{' {
				node.Kind, node.Tag = yaml.MappingNode, "!!map"
			}
			open = append(open, node)
		case string:
			node.Tag, node.Style, node.Value = "!!str", yaml.DoubleQuotedStyle, token
		case json.Number:
			node.Tag, node.Value = "!!float", token.String()
		case bool:
			node.Tag, node.Value = "!!bool", fmt.Sprint(token)
		case nil:
			node.Tag, node.Value = "!!null", "null"
		}
	}
	return document{root: root}
}

// cursor is a place in a text that moves forward.
type cursor struct {
	text         []byte
	offset       int
	line, column int
}

// skip moves to the first character of the token that follows the offset.
func (c *cursor) skip(offset int) {
	for c.offset < len(c.text) && (c.offset < offset || bytes.IndexByte([]byte(" \t\r\n,:"), c.text[c.offset]) >= 0) {
		at := c.text[c.offset]
		switch {
		case at == '\n', at == '\r' && (c.offset+1 == len(c.text) || c.text[c.offset+1] != '\n'):
			c.line, c.column = c.line+1, 1
		case at < utf8.RuneSelf || utf8.RuneStart(at):
			c.column++
		}
		c.offset++
	}
}
