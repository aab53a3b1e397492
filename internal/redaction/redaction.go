// Package redaction takes secrets out of what leaves a worker: messages, results, logs. What is to be shortened is redacted
// first, because half a secret is not found any more: a Raw text that was kept of a stream can only be read as a Text, which
// has no secrets, and only a Text is cut.
package redaction

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Shortest is the length in bytes from which a value is redacted. Shorter ones would redact harmless words.
const Shortest = 6

// Set is a set of secrets. It grows only, and may be used by many goroutines at once. The zero value and nil have none.
type Set struct {
	mu       sync.RWMutex
	forms    []form // The longest first: one secret may be the beginning of another.
	known    map[string]bool
	replacer *strings.Replacer // Of forms; nil without.
}

// form is one way in which a secret is written, and what is shown instead.
type form struct{ text, label string }

// Add adds a secret in every form that this program or a usual encoder gives it. The label is what is shown instead, such as
// "[secrets.TOKEN]".
func (s *Set) Add(label, secret string) {
	if len(secret) < Shortest {
		return
	}
	s.mu.RLock()
	known := s.known[secret]
	s.mu.RUnlock()
	if known {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]bool{}
	}
	if s.known[secret] {
		return
	}
	s.known[secret] = true
	for _, text := range formsOf(secret) {
		s.forms = append(s.forms, form{text, label})
	}
	s.sorted()
}

// AddAll adds the secrets of another set.
func (s *Set) AddAll(other *Set) {
	if other == nil || other == s {
		return
	}
	other.mu.RLock()
	forms := slices.Clone(other.forms)
	known := make([]string, 0, len(other.known))
	for secret := range other.known {
		known = append(known, secret)
	}
	other.mu.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]bool{}
	}
	grown := false
	for _, secret := range known {
		grown = grown || !s.known[secret]
		s.known[secret] = true
	}
	if !grown {
		return
	}
	s.forms = append(s.forms, forms...)
	s.sorted()
}

// sorted puts the forms in order, each once. The caller holds mu.
func (s *Set) sorted() {
	slices.SortStableFunc(s.forms, func(a, b form) int {
		if len(a.text) != len(b.text) {
			return len(b.text) - len(a.text)
		}
		return strings.Compare(a.text, b.text)
	})
	s.forms = slices.CompactFunc(s.forms, func(a, b form) bool { return a.text == b.text })
	pairs := make([]string, 0, 2*len(s.forms))
	for _, f := range s.forms {
		pairs = append(pairs, f.text, f.label)
	}
	s.replacer = strings.NewReplacer(pairs...)
}

// Empty reports whether the set has no secrets.
func (s *Set) Empty() bool {
	if s == nil {
		return true
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.forms) == 0
}

// String returns the text without the secrets. It must be whole: what was cut is a Raw.
func (s *Set) String(text string) string {
	if s == nil {
		return text
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.replacer == nil {
		return text
	}
	return s.replacer.Replace(text)
}

// Text returns the text without the secrets, to be cut. It must be whole: what was cut is a Raw.
func (s *Set) Text(text string) Text { return Text{s.String(text)} }

// Value returns the value without the secrets in its strings, keys and numbers. A number with a secret becomes a string.
func (s *Set) Value(v value.Value) value.Value {
	if s.Empty() {
		return v
	}
	switch v.Kind() {
	case value.KindString:
		return value.String(s.String(v.Text()))
	case value.KindNumber:
		if clean := s.String(v.Digits()); clean != v.Digits() {
			return value.String(clean)
		}
	case value.KindList:
		elements := make([]value.Value, len(v.Elements()))
		for i, element := range v.Elements() {
			elements[i] = s.Value(element)
		}
		return value.List(elements...)
	case value.KindObject:
		fields := make([]value.Field, len(v.Fields()))
		for i, field := range v.Fields() {
			fields[i] = value.Field{Name: s.String(field.Name), Value: s.Value(field.Value)}
		}
		return value.Object(fields...)
	}
	return v
}

// Pending returns how many bytes at the end of a text may be the beginning of a secret that goes on in the next piece.
func (s *Set) Pending(text string) int {
	return s.longest(text, func(form string, length int) bool { return strings.HasSuffix(text, form[:length]) })
}

// ending returns how many bytes at the beginning of a text may be the end of a secret.
func (s *Set) ending(text string) int {
	return s.longest(text, func(form string, length int) bool { return strings.HasPrefix(text, form[len(form)-length:]) })
}

// longest returns the largest length, less than that of a form and at most that of the text, for which cut holds of a form.
func (s *Set) longest(text string, cut func(form string, length int) bool) int {
	if s == nil {
		return 0
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	longest := 0
	for _, f := range s.forms {
		for length := min(len(f.text)-1, len(text)); length > longest; length-- {
			if cut(f.text, length) {
				longest = length
				break
			}
		}
	}
	return longest
}

// within reports whether the text is the inside of a secret.
func (s *Set) within(text string) bool {
	if s == nil || text == "" {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.ContainsFunc(s.forms, func(f form) bool { return strings.Contains(f.text, text) })
}

// Raw is a part of a stream or of a text as it was written, with the secrets in it. It is read through Redact alone.
type Raw struct {
	kept          string
	before, after bool
}

// NewRaw returns a part of a text. before and after say that something was cut off at its beginning, or at its end.
func NewRaw(kept string, before, after bool) Raw { return Raw{kept, before, after} }

// Redact returns the text without the secrets, and without what may be a part of one at a cut. It is valid UTF-8.
func (r Raw) Redact(s *Set) Text {
	text := r.kept
	if r.before && r.after && s.within(text) {
		return Text{}
	}
	if r.after {
		// Until nothing more: what is left may end in the beginning of a secret again, that of one that was there as a whole.
		for cut := s.Pending(text); cut > 0; cut = s.Pending(text) {
			text = text[:len(text)-cut]
		}
		text = withoutHalfRune(text)
	}
	if r.before {
		for cut := s.ending(text); cut > 0; cut = s.ending(text) {
			text = text[cut:]
		}
		for len(text) > 0 && !utf8.RuneStart(text[0]) {
			text = text[1:]
		}
	}
	return Text{strings.ToValidUTF8(s.String(text), "\uFFFD")}
}

// withoutHalfRune removes the beginning of a character that was cut at the end of a text.
func withoutHalfRune(text string) string {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if start := len(text) - i; utf8.RuneStart(text[start]) {
			if !utf8.FullRuneInString(text[start:]) {
				return text[:start]
			}
			break
		}
	}
	return text
}

// Text is a text without secrets.
type Text struct{ clean string }

// String returns the text.
func (t Text) String() string { return t.clean }

// First returns at most the first limit bytes, without half a character, and whether something was cut.
func (t Text) First(limit int) (string, bool) {
	if len(t.clean) <= limit {
		return t.clean, false
	}
	return withoutHalfRune(t.clean[:limit]), true
}

// Ends returns the beginning and the end of a text that is longer than limit bytes, with a mark between them.
func (t Text) Ends(limit int) string {
	if len(t.clean) <= limit {
		return t.clean
	}
	half := limit / 2
	last := t.clean[len(t.clean)-half:]
	for len(last) > 0 && !utf8.RuneStart(last[0]) {
		last = last[1:]
	}
	return withoutHalfRune(t.clean[:half]) + "\n[…]\n" + last
}

// LastLines returns the last lines of the text, and of those at most the last limit bytes, after a line with "…" if something
// was cut.
func (t Text) LastLines(lines, limit int) string {
	last := t.clean[max(0, len(t.clean)-limit):]
	for len(last) > 0 && !utf8.RuneStart(last[0]) {
		last = last[1:]
	}
	all := strings.Split(last, "\n")
	last = strings.Join(all[max(0, len(all)-lines):], "\n")
	if len(last) == len(t.clean) {
		return last
	}
	return "…\n" + last
}
