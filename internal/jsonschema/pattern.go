package jsonschema

import (
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gleitzeit/gleitzeit/internal/regex"
)

// patterns compiles the patterns of one schema. JSON Schema means the regular expressions of ECMAScript. Go's match in linear time,
// but are fewer; those that Go does not have are left to an engine that backtracks, within limits.
type patterns struct {
	unchecked []string
	steps     int // Of those that Go checks.
}

const (
	// maxSteps is how many steps the patterns of one schema have together in Go's engine, after their counts are expanded: a hundred
	// thousand take a quarter of a second and 100 MB.
	maxSteps = 100_000
	// maxPattern and maxGroups bound what the other engine compiles: its time and its stack grow with these, not with counts.
	maxPattern = 10_000
	maxGroups  = 1_000
	// matchTime is how long that engine may work on one text.
	matchTime = time.Second
)

func (p *patterns) compile(pattern string) (jsonschema.Regexp, error) {
	written := pattern
	pattern = ordinary.ReplaceAllStringFunc(written, func(escape string) string {
		if escape == `\\` {
			return escape
		}
		return escape[1:]
	})
	expression := escapes.ReplaceAllStringFunc(pattern, func(escape string) string {
		if digits, is := strings.CutPrefix(escape, `\u`); is && !halves.MatchString(digits) {
			return `\x{` + digits + `}`
		}
		return escape
	})
	otherwise := meansOtherwise.MatchString(strings.ReplaceAll(pattern, `\\`, ""))
	if steps, err := regex.Steps(expression); err == nil && p.steps+steps <= maxSteps && !otherwise {
		if compiled, err := regexp.Compile(expression); err == nil {
			p.steps += steps
			return linear{compiled, written}, nil
		}
	}
	if len(pattern) > maxPattern || strings.Count(pattern, "(") > maxGroups {
		if !slices.Contains(p.unchecked, written) {
			p.unchecked = append(p.unchecked, written)
		}
		return unchecked(written), nil
	}
	compiled, err := regexp2.Compile(pattern, regexp2.ECMAScript|regexp2.Unicode)
	if err != nil {
		// What is an error with ECMAScript's flag "u" may have a meaning without it, such as [\w-.].
		var without error
		if compiled, without = regexp2.Compile(pattern, regexp2.ECMAScript); without != nil {
			return nil, err
		}
	}
	compiled.MatchTimeout = matchTime
	return &backtracking{pattern: written, compiled: compiled}, nil
}

// escapes are characters by their number, which Go writes in another way, and escaped backslashes, after which a u is a letter.
var escapes = regexp.MustCompile(`\\u[0-9a-fA-F]{4}|\\\\`)

// ordinary are letters that ECMAScript takes for themselves behind a backslash, and that both engines take for something else.
var ordinary = regexp.MustCompile(`\\[AzZGQECa]|\\\\`)

// meansOtherwise finds what is valid in Go and means something else there, or nothing in ECMAScript: \pL without braces, \x{41}, classes
// such as [:alpha:], and flags.
var meansOtherwise = regexp.MustCompile(`\\[pP][^{]|\\x\{|\[:|\(\?[imsUP-]`)

// halves are the numbers of the halves that characters beyond U+FFFF are written in. Go has no such characters.
var halves = regexp.MustCompile(`^[dD][89a-fA-F]`)

// linear is a pattern that Go has.
type linear struct {
	*regexp.Regexp
	pattern string
}

func (l linear) String() string { return l.pattern }

// unchecked is a pattern that every text matches.
type unchecked string

func (unchecked) MatchString(string) bool { return true }

func (u unchecked) String() string { return string(u) }

// backtracking is a pattern that may take very long for a text. Where it does, the text does not match it, and no text after it: a
// list may have thousands of them.
type backtracking struct {
	pattern  string
	compiled *regexp2.Regexp
	stopped  atomic.Bool
}

func (b *backtracking) MatchString(text string) bool {
	if b.stopped.Load() {
		return false
	}
	matches, err := b.compiled.MatchString(text)
	if err != nil {
		b.stopped.Store(true) // It passed the limit of time, or of memory.
	}
	return matches && err == nil
}

// String is what messages show.
func (b *backtracking) String() string {
	if b.stopped.Load() {
		return b.pattern + " (which takes too long to check)"
	}
	return b.pattern
}
