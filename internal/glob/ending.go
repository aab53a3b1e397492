package glob

import (
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// IgnoreEndingCase makes `*.png` match `a.PNG`: in the name of a file, the case of the ending is ignored. That of a pattern are the
// names after its last wildcard that begin with a dot, or else what follows its last dot. A name without wildcards is matched as
// it is written.
func (p *Pattern) IgnoreEndingCase() *Pattern {
	for _, segments := range p.paths {
		if last := len(segments) - 1; last >= 0 && !segments[last].literal {
			segments[last].ending = endingOf(segments[last].text)
		}
	}
	return p
}

// ending is how names match whose endings are written in another case. The zero value matches none.
type ending struct {
	stem string // The pattern of what is before the ending.
	text string // The pattern of the ending in lower case.
	dots int    // How many dots it has.
}

// endingOf finds the ending of a pattern without braces.
func endingOf(text string) ending {
	var dots []int // Where dots begin, outside of brackets.
	star := -1
	for at := 0; at < len(text); at++ {
		begin := at
		if text[at] == '\\' && at+1 < len(text) {
			at++
		} else if text[at] == '[' {
			at = endOfClass(text, at)
			continue
		} else if text[at] == '*' {
			star = at
		}
		if text[at] == '.' {
			dots = append(dots, begin)
		}
	}
	for i, at := range dots {
		if at > star || i == len(dots)-1 {
			return ending{text[:at], strings.ToLower(text[at:]), len(dots) - i}
		}
	}
	return ending{}
}

// endOfClass returns where the class ends that begins at a bracket.
func endOfClass(text string, at int) int {
	for at++; at < len(text) && text[at] != ']'; at++ {
		if text[at] == '\\' {
			at++
		}
	}
	return at
}

func (e ending) matches(name string) bool {
	if e.dots == 0 {
		return false
	}
	at := len(name)
	for range e.dots {
		if at = strings.LastIndexByte(name[:at], '.'); at < 0 {
			return false
		}
	}
	return doublestar.MatchUnvalidated(e.stem, name[:at]) && doublestar.MatchUnvalidated(e.text, strings.ToLower(name[at:]))
}
