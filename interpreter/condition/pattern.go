package condition

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"unicode/utf8"
)

// expression is a regular expression of a condition.
type expression struct {
	compiled *regexp.Regexp
	steps    int
}

// uninterrupted is how many steps of an expression, times the bytes of a text, are done at once: about a second. What takes longer
// can be cancelled, which makes it slower.
const uninterrupted = 1 << 27

// matches reports whether a part of a text matches a pattern of the condition. Nothing matches null.
func (d *decision) matches(v any, pattern string) (bool, error) {
	if v == nil {
		return false, nil
	}
	text, isText := v.(string)
	if !isText {
		return false, fmt.Errorf("matches requires a text, not %s", describe(v))
	}
	of := d.source.patterns[pattern]
	if len(text) <= uninterrupted/(1+of.steps) {
		return of.compiled.MatchString(text), nil
	}
	matched := of.compiled.MatchReader(&interruptible{ctx: d.ctx, text: text})
	return matched, d.ctx.Err()
}

// interruptible reads a text to its end or until the context ends.
type interruptible struct {
	ctx  context.Context
	text string
	at   int
	read int
}

// ReadRune returns the next character.
func (i *interruptible) ReadRune() (rune, int, error) {
	if i.read++; i.at >= len(i.text) || i.read%1024 == 0 && i.ctx.Err() != nil {
		return 0, 0, io.EOF
	}
	r, size := utf8.DecodeRuneInString(i.text[i.at:])
	i.at += size
	return r, size, nil
}
