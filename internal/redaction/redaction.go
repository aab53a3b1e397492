// Package redaction takes secrets out of what leaves a worker: messages, results, logs. What is to be shortened is redacted
// first, because half a secret is not found any more: a Raw text that was kept of a stream can only be read as a Text, which
// has no secrets, and only a Text is cut.
package redaction

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
	"unsafe"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Shortest is the length in bytes from which a value is redacted. Shorter ones would redact harmless words.
const Shortest = 6

// most is how many secrets a set remembers. The oldest ones are forgotten: a process that runs for months may be given a new
// one each day.
const most = 1000

// Set is a set of secrets. It may be used by many goroutines at once. The zero value and nil have none.
type Set struct {
	mu      sync.RWMutex
	secrets []secret          // The oldest first.
	known   map[string]string // Their labels.
	follows []*Set
	changes atomic.Uint64
	finder  atomic.Pointer[finder] // Of the secrets as they were at its last use.
}

// secret is a secret in all its forms, and what is shown instead.
type secret struct {
	text, label string
	forms       []string
}

// form is one way in which a secret is written, and what is shown instead.
type form struct{ text, label string }

// Add adds a secret in every form that this program or a usual encoder gives it. The label is what is shown instead, such as
// "[secrets.TOKEN]".
func (s *Set) Add(label, text string) {
	if len(text) < Shortest {
		return
	}
	s.mu.RLock()
	_, known := s.known[text]
	s.mu.RUnlock()
	if !known {
		s.add(secret{text, label, formsOf(text)})
	}
}

// AddAll adds the secrets of another set.
func (s *Set) AddAll(other *Set) {
	if other != s {
		s.add(other.all()...)
	}
}

func (s *Set) add(secrets ...secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, added := range secrets {
		if _, known := s.known[added.text]; known {
			continue
		}
		if s.known == nil {
			s.known = map[string]string{}
		}
		if len(s.secrets) == most {
			delete(s.known, s.secrets[0].text)
			s.secrets = s.secrets[1:]
		}
		s.known[added.text] = added.label
		s.secrets = append(s.secrets, added)
		s.changes.Add(1)
	}
}

// Follow makes the secrets of another set, now and later, those of this set as well. The labels of its own take precedence.
func (s *Set) Follow(other *Set) {
	if other == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.follows = append(s.follows, other)
	s.changes.Add(1)
}

// all returns the secrets, then those of the followed sets.
func (s *Set) all() []secret {
	if s == nil {
		return nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := slices.Clone(s.secrets)
	for _, other := range s.follows {
		all = append(all, other.all()...)
	}
	return all
}

// version returns a number that grows with each change of the set and of those that it follows.
func (s *Set) version() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	version := s.changes.Load()
	for _, other := range s.follows {
		version += other.version()
	}
	return version
}

// same returns the set that this one follows, if it follows one only and has nothing that that one does not have. To find secrets
// with it spares the making of a finder for each call.
func (s *Set) same() *Set {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.follows) != 1 {
		return nil
	}
	other := s.follows[0]
	other.mu.RLock()
	defer other.mu.RUnlock()
	for _, own := range s.secrets {
		if label, known := other.known[own.text]; !known || label != own.label {
			return nil
		}
	}
	return other
}

// finder finds secrets in texts. It does not change.
type finder struct {
	version  uint64
	forms    []form            // Each once, the longest first: one secret may be the beginning of another.
	replacer *strings.Replacer // Nil without forms.
}

// find returns the finder of the secrets as they are now.
func (s *Set) find() *finder {
	if s == nil {
		return &finder{}
	}
	if other := s.same(); other != nil {
		return other.find()
	}
	version := s.version() // Before the secrets are read: one that is added in between is found at the next use.
	if known := s.finder.Load(); known != nil && known.version == version {
		return known
	}
	made := &finder{version: version}
	for _, of := range s.all() {
		for _, text := range of.forms {
			made.forms = append(made.forms, form{text, of.label})
		}
	}
	slices.SortStableFunc(made.forms, func(a, b form) int {
		if len(a.text) != len(b.text) {
			return len(b.text) - len(a.text)
		}
		return strings.Compare(a.text, b.text)
	})
	made.forms = slices.CompactFunc(made.forms, func(a, b form) bool { return a.text == b.text })
	if len(made.forms) > 0 {
		pairs := make([]string, 0, 2*len(made.forms))
		for _, f := range made.forms {
			pairs = append(pairs, f.text, f.label)
		}
		made.replacer = strings.NewReplacer(pairs...)
	}
	s.finder.Store(made)
	return made
}

// Empty reports whether the set has no secrets.
func (s *Set) Empty() bool { return s.find().replacer == nil }

// String returns the text without the secrets. It must be whole: what was cut is a Raw.
func (s *Set) String(text string) string {
	replacer := s.find().replacer
	if replacer == nil {
		return text
	}
	clean := cleaned{of: text}
	_, _ = replacer.WriteString(&clean, text) // It has no errors.
	return clean.String()
}

// cleaned is a text as a replacer writes it: piece by piece, a text without secrets in one. That is not copied.
type cleaned struct {
	of    string
	whole bool
	strings.Builder
}

// WriteString implements io.StringWriter.
func (c *cleaned) WriteString(piece string) (int, error) {
	if len(piece) == len(c.of) && unsafe.StringData(piece) == unsafe.StringData(c.of) {
		c.whole = true
		return len(piece), nil
	}
	if c.Builder.Len() == 0 {
		c.Builder.Grow(len(c.of))
	}
	return c.Builder.WriteString(piece)
}

// String returns what was written.
func (c *cleaned) String() string {
	if c.whole {
		return c.of
	}
	return c.Builder.String()
}

// Text returns the text without the secrets, to be cut. It must be whole: what was cut is a Raw.
func (s *Set) Text(text string) Text { return Text{s.String(text)} }

// Value returns the value without the secrets in its strings, keys and numbers. A number with a secret becomes a string. A text
// that the value has several times is one text still.
func (s *Set) Value(v value.Value) value.Value {
	if s.Empty() {
		return v
	}
	return s.value(v, map[string]string{})
}

// large is the number of bytes from which a text is worth remembering what became of it.
const large = 4 << 10

// value is Value with what became of the large texts so far.
func (s *Set) value(v value.Value, texts map[string]string) value.Value {
	switch v.Kind() {
	case value.KindString:
		clean, known := texts[v.Text()]
		if !known {
			clean = s.String(v.Text())
		}
		if len(clean) >= large {
			texts[v.Text()] = clean
		}
		return value.String(clean)
	case value.KindNumber:
		if clean := s.String(v.Digits()); clean != v.Digits() {
			return value.String(clean)
		}
	case value.KindList:
		elements := make([]value.Value, len(v.Elements()))
		for i, element := range v.Elements() {
			elements[i] = s.value(element, texts)
		}
		return value.List(elements...)
	case value.KindObject:
		fields := make([]value.Field, len(v.Fields()))
		for i, field := range v.Fields() {
			fields[i] = value.Field{Name: s.String(field.Name), Value: s.value(field.Value, texts)}
		}
		return value.Object(fields...)
	}
	return v
}

// Split returns the beginning of a text that goes on, without secrets, and the rest, in which there may be one that is not complete
// yet: what is written in pieces is given to it together with the rest of the last time.
func (s *Set) Split(text string) (clean, rest string) {
	at := len(text) - s.pending(text)
	for moved := true; moved; {
		moved = false
		for _, f := range s.find().forms { // None may be in both parts.
			from := max(0, at-len(f.text)+1)
			if found := strings.Index(text[from:min(len(text), at+len(f.text)-1)], f.text); found >= 0 {
				at, moved = from+found, true
			}
		}
	}
	return s.String(text[:at]), text[at:]
}

// pending returns how many bytes at the end of a text may be the beginning of a secret that goes on in the next piece.
func (s *Set) pending(text string) int {
	return s.longest(text, func(form string, length int) bool { return strings.HasSuffix(text, form[:length]) })
}

// ending returns how many bytes at the beginning of a text may be the end of a secret.
func (s *Set) ending(text string) int {
	return s.longest(text, func(form string, length int) bool { return strings.HasPrefix(text, form[len(form)-length:]) })
}

// longest returns the largest length, less than that of a form and at most that of the text, for which cut holds of a form.
func (s *Set) longest(text string, cut func(form string, length int) bool) int {
	longest := 0
	for _, f := range s.find().forms {
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
	return text != "" && slices.ContainsFunc(s.find().forms, func(f form) bool { return strings.Contains(f.text, text) })
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
		for cut := s.pending(text); cut > 0; cut = s.pending(text) {
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

// Last returns at most the last limit bytes, without half a character.
func (t Text) Last(limit int) string {
	last := t.clean[max(0, len(t.clean)-limit):]
	for len(last) > 0 && !utf8.RuneStart(last[0]) {
		last = last[1:]
	}
	return last
}

// Ends returns the beginning and the end of a text that is longer than limit bytes, with a mark between them.
func (t Text) Ends(limit int) string {
	if len(t.clean) <= limit {
		return t.clean
	}
	half := limit / 2
	return withoutHalfRune(t.clean[:half]) + "\n[…]\n" + t.Last(half)
}

// LastLines returns the last lines of the text, and of those at most the last limit bytes, after a line with "…" if something
// was cut.
func (t Text) LastLines(lines, limit int) string {
	last := t.Last(limit)
	all := strings.Split(last, "\n")
	last = strings.Join(all[max(0, len(all)-lines):], "\n")
	if len(last) == len(t.clean) {
		return last
	}
	return "…\n" + last
}
