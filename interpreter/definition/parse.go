// Package definition reads a workflow file: YAML text in; out come the tree of what it says, where every value keeps its
// line and column, and all errors of syntax. What the file means, and whether it makes sense, is for the rules to say:
// this package knows which keys there are and of which type, no more. It does no I/O, and no file, however hostile, makes
// it panic or work out of proportion.
package definition

import (
	"bytes"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Parse reads the text of a workflow file, which messages call by the name given. The Workflow is nil where there is no
// tree to check further: no YAML, no mapping, or a limit passed. Of a file that is too large it may be the beginning.
func Parse(file string, text []byte) (*Workflow, []Diagnostic) {
	p := parsing{file: file, alone: "one file holds one workflow", divide: "put data into files of its own, or make several workflows"}
	return p.parse(text), p.found
}

type parsing struct {
	file    string
	alone   string // Why there can be no second document.
	divide  string // What to do about a file that is too large.
	found   []Diagnostic
	stopped bool // A limit was passed: no tree.
}

func (p *parsing) report(at Position, rule, message, hint string) {
	p.found = append(p.found, Diagnostic{File: p.file, Line: at.Line, Column: at.Column, Rule: rule, Message: value.Visible(message), Hint: value.Visible(hint)})
	p.stopped = p.stopped || rule == ruleLimit
}

func (p *parsing) parse(text []byte) *Workflow {
	source, top := p.document(text)
	switch {
	case source == nil && p.stopped:
		return p.beginning(text)
	case source == nil:
		return nil
	case top == nil:
		p.report(Position{1, 1}, ruleSyntax, "the file is empty", "`gleitzeit init` writes a workflow to begin with")
		return nil
	}
	return p.tree(source, top)
}

// beginning parses the first lines of a file that passes a limit: its unknown keys may explain why it does. It is nil where these
// lines alone are no workflow.
func (p *parsing) beginning(text []byte) *Workflow {
	text = text[:min(len(text), beginningSize)]
	end := 0
	for range beginningLines {
		length := bytes.IndexByte(text[end:], '\n')
		if length < 0 {
			break
		}
		end += length + 1
	}
	first := parsing{file: p.file}
	source, top := first.document(text[:end])
	if top == nil {
		return nil
	}
	w := first.tree(source, top)
	if w == nil || len(first.found) > 0 {
		return nil
	}
	w.Beginning = true
	return w
}

// document reads the one YAML document of a text. The source is nil where that cannot be done, and the document where there
// is nothing in it.
func (p *parsing) document(text []byte) (*source, *yaml.Node) {
	text = bytes.TrimPrefix(text, []byte(byteOrderMark))
	if len(text) > MaxSize {
		p.report(Position{1, 1}, ruleLimit, fmt.Sprintf("the file is larger than %d MiB", MaxSize>>20), p.divide)
		return nil, nil
	}
	if marks(text) > MaxMarks {
		p.report(Position{1, 1}, ruleLimit, fmt.Sprintf("the file has more than %d commas, colons, brackets, dashes and lines", MaxMarks), p.divide)
		return nil, nil
	}
	isJSON := looksLikeJSON(text)
	source, bad := newSource(text, isJSON)
	if bad != nil {
		hint := bad.hint
		if bad.encoding != "" {
			hint = convertFrom(bad.encoding, p.file)
		}
		p.report(bad.at, ruleSyntax, bad.message, hint)
		return nil, nil
	}
	found := document{}
	if isJSON {
		found = decodeJSON(source)
	} else {
		found = decodeYAML(source)
	}
	if found.problem != "" {
		at := source.locate(&found)
		at, rule, message, hint := source.explain(found, at)
		p.report(at, rule, message, hint)
		return nil, nil
	}
	if found.root == nil || isEmpty(found.root) {
		return source, nil
	}
	if found.second != nil {
		at := source.position(found.second.Line, found.second.Column)
		p.report(at, ruleSyntax, "a second YAML document begins here", p.alone)
		return nil, nil
	}
	return source, found.root.Content[0]
}

// marks counts what separates values. The memory and the time that the parser of YAML takes grow with these, some two
// hundred bytes and a microsecond for each, rather than with the size of the file.
func marks(text []byte) int {
	count := -bytes.Count(text, []byte("\r\n"))
	for _, mark := range []string{",", ":", "[", "{", "- ", "? ", "\n", "\r"} {
		count += bytes.Count(text, []byte(mark))
	}
	return count
}

// withoutVersion makes a comment of the directive `%YAML 1.2`, which the parser rejects and which says what is meant
// anyway. The text keeps its length.
func withoutVersion(text []byte) []byte {
	for at := 0; at < len(text); {
		end := len(text)
		if length := bytes.IndexByte(text[at:], '\n'); length >= 0 {
			end = at + length + 1
		}
		line := text[at:end]
		if bytes.HasPrefix(line, []byte("%YAML 1.")) {
			text = bytes.Clone(text)
			text[at] = '#'
			return text
		}
		if content := bytes.TrimSpace(line); len(content) > 0 && content[0] != '#' {
			return text
		}
		at = end
	}
	return text
}

func isEmpty(document *yaml.Node) bool {
	return len(document.Content) == 0 || document.Content[0].Kind == yaml.ScalarNode && document.Content[0].Tag == "!!null"
}

// tree converts the document and reads its keys.
func (p *parsing) tree(source *source, top *yaml.Node) *Workflow {
	if tasks := tooManyTasks(top); tasks != nil {
		at := source.position(tasks.Line, tasks.Column)
		p.report(at, ruleLimit, fmt.Sprintf("%d tasks are more than the limit of %d", len(tasks.Content), MaxTasks), "")
		return nil
	}
	c := newConverter(source, p.report)
	root, _ := c.convert(top, 0)
	if c.stopped || p.stopped || c.badKeys {
		return nil // A mapping that should be text has nothing else to check.
	}
	if root.Kind != value.KindObject {
		p.report(root.Position, ruleSyntax, "a workflow must be a mapping, not "+root.Describe(), `begin with "name: …"`)
		return nil
	}
	w := &Workflow{Root: root, source: source, DuplicateKeys: c.repeated}
	read(w, root, w, "a workflow", workflowKeys)
	w.addBatch()
	w.addNotices()
	w.UnknownKeys = sortUnknown(w.UnknownKeys)
	return w
}

// tooManyTasks returns the list of tasks where it is longer than the limit.
func tooManyTasks(top *yaml.Node) *yaml.Node {
	for i := 0; i+1 < len(top.Content) && top.Kind == yaml.MappingNode; i += 2 {
		if value := top.Content[i+1]; slices.Contains([]string{"tasks", "finally", "on_end"}, top.Content[i].Value) && len(value.Content) > MaxTasks {
			return value
		}
	}
	return nil
}
