package definition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// reader hands the text to the YAML parser: as much as it asks for up to coarse, then one byte a time, so that where it
// stopped reading is about where the error is.
type reader struct {
	text   []byte
	read   int
	coarse int
}

func (r *reader) Read(buffer []byte) (int, error) {
	if r.read >= len(r.text) {
		return 0, io.EOF
	}
	size := 1
	if r.read < r.coarse {
		size = min(len(buffer), r.coarse-r.read)
	}
	size = copy(buffer, r.text[r.read:min(len(r.text), r.read+size)])
	r.read += size
	return size, nil
}

// document is what decode finds in a text.
type document struct {
	root    *yaml.Node // nil where the file is empty.
	second  *yaml.Node // The second document, where there is one.
	problem string     // The parser's own words; "" where there is none.
	line    int        // As the parser says, from 1; 0 where it says nothing.
}

var lineInError = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)$`)

// decode parses one text. A panic of the parser on hostile input is a problem of the text like any other.
func decode(from io.Reader) (found document) {
	defer func() {
		if fault := recover(); fault != nil {
			found = document{problem: fmt.Sprint(fault)}
		}
	}()
	decoder := yaml.NewDecoder(from)
	for _, into := range []**yaml.Node{&found.root, &found.second} {
		node := new(yaml.Node)
		err := decoder.Decode(node)
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			parts := lineInError.FindStringSubmatch(strings.ReplaceAll(err.Error(), "\n", " "))
			found.problem = parts[2]
			if parts[1] != "" {
				found.line, err = strconv.Atoi(parts[1])
				if err != nil {
					found.line = 0
				}
			}
			return found
		}
		*into = node
	}
	return found
}

// A syntax error is looked for by parsing the file again and again: a few times for its line, some more for its column.
// In files of more bytes than these, the line where the parser stopped reading, and its beginning, have to do.
const (
	searchSize = 1 << 20
	narrowSize = 128 << 10
)

// searchLines is how many lines the parser may have read beyond the error, and searchCost how much may be parsed to find
// out, in bytes: what separates values counts as many.
const (
	searchLines = 12
	searchCost  = 8 << 20
	markCost    = 20
)

// locate finds the place of a syntax error, which the parser gives wrongly or not at all: it is where the shortest
// beginning of the file with the same problem ends.
func (s *source) locate(problem string, read int) Position {
	// Where the parser stopped reading, to within a few characters.
	again := &reader{text: s.text, coarse: max(0, read-2048)}
	decode(again)
	at := s.lineOf(max(0, again.read-1))
	if len(s.text) > searchSize {
		return s.firstCharacter(at)
	}
	if opened := s.contextLine(problem); opened > 0 {
		return s.narrow(problem, opened)
	}
	found := at
	most := min(searchLines, searchCost/(1+len(s.text)+markCost*marks(s.text)))
	for candidate := at; candidate > 0 && candidate > at-most; candidate-- {
		if !s.hasProblem(problem, s.lineEnd(candidate)) {
			break
		}
		found = candidate
	}
	return s.narrow(problem, found)
}

// contextLine returns the line where what is not closed begins; 0 for other problems. The parser gives that line
// rightly, unless it is the first: so it gets an empty one before.
func (s *source) contextLine(problem string) int {
	zeroBased := false
	switch problem {
	case noComma, noCommaMap:
		zeroBased = true
	case notClosed, noColon:
	default:
		return 0
	}
	shifted := decode(&reader{text: append([]byte("\n"), s.text...), coarse: len(s.text) + 1})
	if shifted.problem != problem || shifted.line < 1 {
		return 0
	}
	if zeroBased {
		return min(shifted.line, len(s.lines))
	}
	return min(max(shifted.line-1, 1), len(s.lines))
}

func (s *source) hasProblem(problem string, end int) bool {
	return decode(&reader{text: s.text[:end], coarse: end}).problem == problem
}

// narrow finds the column within the line, and the beginning of the word there.
func (s *source) narrow(problem string, yamlLine int) Position {
	start, end := s.lines[yamlLine-1].start, s.lineEnd(yamlLine)
	if len(s.text) > narrowSize || end-start > 2000 || !s.hasProblem(problem, end) {
		return s.firstCharacter(yamlLine)
	}
	low, high := start, end // No problem up to low (or not tested), the problem up to high.
	for high-low > 1 {
		middle := (low + high) / 2
		if s.hasProblem(problem, middle) {
			high = middle
		} else {
			low = middle
		}
	}
	opening := ""
	switch problem {
	case noComma:
		opening = "["
	case noCommaMap:
		opening = "{"
	}
	if opening != "" {
		if at := bytes.LastIndex(s.text[start:high], []byte(opening)); at >= 0 {
			return s.positionOf(start + at)
		}
	}
	at := high - 1
	for at > start && !utf8.RuneStart(s.text[at]) {
		at--
	}
	if s.text[at] == ':' && at > start && (problem == noDash || problem == noKey) {
		at-- // It is the key that should not be there.
	}
	for at > start && !isWhite(rune(s.text[at])) && !isWhite(rune(s.text[at-1])) && !bytes.ContainsRune([]byte(`:"'[]{},\`), rune(s.text[at])) {
		at--
	}
	if isWhite(rune(s.text[at])) {
		return s.firstCharacter(yamlLine)
	}
	return s.positionOf(at)
}

// firstCharacter returns the place of the line's first character that is not white.
func (s *source) firstCharacter(yamlLine int) Position {
	start, end := s.lines[yamlLine-1].start, s.lineEnd(yamlLine)
	at := start
	for at < end && isWhite(rune(s.text[at])) {
		at++
	}
	if at == end {
		at = start
	}
	return s.positionOf(at)
}

// indentedByTab returns the place of a tab among what indents the line.
func (s *source) indentedByTab(at Position) (tab Position, found bool) {
	for _, line := range s.lines {
		if line.shown != at.Line || line.before > 0 {
			continue
		}
		for i := line.start; i < len(s.text) && (s.text[i] == ' ' || s.text[i] == '\t'); i++ {
			if s.text[i] == '\t' {
				return s.positionOf(i), true
			}
		}
	}
	return at, false
}

// refers reports whether something that looks like a reference follows in the line.
func (s *source) refers(at Position) bool {
	for i, line := range s.lines {
		if line.shown == at.Line && bytes.Contains(s.text[line.start:s.lineEnd(i+1)], []byte("${")) {
			return true
		}
	}
	return false
}

// isWhite reports whether YAML may fold, trim or add the character where it reads text.
func isWhite(r rune) bool {
	switch r {
	case ' ', '\t', '\n', '\r', '\u0085', '\u2028', '\u2029':
		return true
	}
	return false
}
