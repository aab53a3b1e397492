// Package glob matches files against patterns such as `**/*.{txt,md}`, in time that grows with the files and with the pattern,
// whatever is in it: braces are expanded before, up to a limit, and a folder is read once. What one segment of a path matches
// is decided by doublestar.
package glob

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// What a pattern may be at most.
const (
	MaxLength       = 4096 // Bytes; no path is longer.
	MaxAlternatives = 1000 // After its braces are expanded.
)

// Pattern is what files are matched against.
type Pattern struct {
	isName bool        // It has no slash.
	paths  [][]segment // The alternatives.
}

// segment is what one name of a path is matched against.
type segment struct {
	text    string
	literal bool // The text is the name.
	any     bool // `**`: any number of folders.
	hidden  bool // It begins with a dot, and so may match a hidden file.
	ending  ending
}

// Error says why a text is not a pattern: "has …", "is …".
type Error struct{ Message, Hint string }

func (e *Error) Error() string { return e.Message }

// Parse reads a pattern of files in a folder. An error is an Error.
func Parse(text string) (*Pattern, error) {
	switch {
	case text == "":
		return nil, &Error{Message: "is empty"}
	case len(text) > MaxLength:
		return nil, &Error{fmt.Sprintf("is longer than %d bytes", MaxLength), "use * and ** in place of names"}
	case !doublestar.ValidatePattern(text):
		return nil, &Error{"is not a valid pattern", `check its brackets; write \ before a character to match it literally`}
	case path.IsAbs(text) || slices.ContainsFunc(strings.Split(text, "/"), isOutside):
		return nil, &Error{"must be a path inside the folder", `for example "*.txt" or "**/*.txt"`}
	}
	parsed, _ := parseSequence(text, 0, false)
	if parsed.count() > MaxAlternatives {
		return nil, &Error{fmt.Sprintf("has more than %d alternatives after its braces are expanded", MaxAlternatives), "use * in place of some braces"}
	}
	p := &Pattern{isName: !strings.Contains(text, "/")}
	for _, alternative := range parsed.expand() {
		if segments, ok := split(alternative); ok {
			p.paths = append(p.paths, segments)
		}
	}
	return p, nil
}

// isOutside reports whether a part between slashes leaves the folder, or is empty.
func isOutside(part string) bool { return part == "" || part == "." || part == ".." }

// split reads an alternative; false where no file can have that path.
func split(alternative string) ([]segment, bool) {
	var all []segment
	for text := range strings.SplitSeq(alternative, "/") {
		if isOutside(text) {
			return nil, false
		}
		s := segment{text: text, any: text == "**", hidden: strings.HasPrefix(strings.TrimPrefix(text, `\`), ".")}
		if s.any && len(all) > 0 && all[len(all)-1].any {
			continue // Twice any number of folders is any number of them.
		}
		if plain, isLiteral := unescape(text); isLiteral {
			s.text, s.literal = plain, true
		}
		all = append(all, s)
	}
	return all, true
}

// unescape removes the backslashes before characters. It reports whether there is no wildcard.
func unescape(text string) (plain string, isLiteral bool) {
	var to strings.Builder
	isLiteral = true
	for at := 0; at < len(text); at++ {
		if text[at] == '\\' && at+1 < len(text) {
			at++
		} else if strings.IndexByte("*?[", text[at]) >= 0 {
			isLiteral = false
		}
		to.WriteByte(text[at])
	}
	return to.String(), isLiteral
}

func (s segment) matches(name string) bool {
	if s.literal {
		return s.text == name
	}
	return doublestar.MatchUnvalidated(s.text, name) || s.ending.matches(name)
}

// IsName reports whether a pattern is for names, not for paths.
func (p *Pattern) IsName() bool { return p.isName }

// Match reports whether a path matches, hidden or not.
func (p *Pattern) Match(name string) bool {
	at := p.begin()
	for part := range strings.SplitSeq(name, "/") {
		if at = p.step(at, part, true); len(at) == 0 {
			return false
		}
	}
	return p.accepts(at)
}

// place is how far an alternative has matched: up to the segment.
type place struct{ path, segment int }

func (p *Pattern) begin() []place {
	var at []place
	for i := range p.paths {
		at = p.add(at, place{i, 0})
	}
	return at
}

// add adds a place, and the one after `**`, which matches no folder as well. Places come in their order, those of one alternative
// together, so what is not beyond the last is there already.
func (p *Pattern) add(to []place, next place) []place {
	segments := p.paths[next.path]
	for {
		if last := len(to) - 1; last < 0 || to[last].path != next.path || to[last].segment < next.segment {
			to = append(to, next)
		}
		if next.segment == len(segments) || !segments[next.segment].any {
			return to
		}
		next.segment++
	}
}

// step returns the places after one more name of a path.
func (p *Pattern) step(from []place, name string, hidden bool) []place {
	var to []place
	isHidden := !hidden && strings.HasPrefix(name, ".")
	for _, at := range from {
		segments := p.paths[at.path]
		if at.segment == len(segments) {
			continue
		}
		switch s := segments[at.segment]; {
		case isHidden && !s.hidden:
		case s.any:
			to = p.add(to, at)
		case s.matches(name):
			to = p.add(to, place{at.path, at.segment + 1})
		}
	}
	return to
}

// accepts reports whether an alternative has matched to its end.
func (p *Pattern) accepts(at []place) bool {
	return slices.ContainsFunc(at, func(one place) bool { return one.segment == len(p.paths[one.path]) })
}
