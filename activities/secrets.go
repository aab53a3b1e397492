package activities

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// minSecret is the length in bytes from which a value is redacted in everything that leaves an activity. Shorter ones would
// redact harmless words.
const minSecret = 6

// maxMessage is how much of an error's message goes into the history, in bytes.
const maxMessage = 8 << 10

// secrets are the values of `${env…}` and `${secrets…}` that a call got. None of them leaves the activity.
type secrets struct {
	replacements []replacement // The longest first: one secret may be the beginning of another.
	seen         map[string]bool
	used         bool // Some are among the parameters.
}

type replacement struct{ value, label string }

// watch returns a lookup that remembers every value it finds.
func (s *secrets) watch(head string, lookup func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		val, found := lookup(name)
		if found && len(val) >= minSecret && !s.seen[head+"."+name] {
			if s.seen == nil {
				s.seen = map[string]bool{}
			}
			s.seen[head+"."+name] = true
			label := "[" + head + "." + name + "]"
			s.replacements = append(s.replacements, replacement{val, label})
			if trimmed := strings.TrimSpace(val); trimmed != val && len(trimmed) >= minSecret { // As a file's content ends.
				s.replacements = append(s.replacements, replacement{trimmed, label})
			}
			if quoted := string(value.String(val).JSON()); quoted[1:len(quoted)-1] != val {
				s.replacements = append(s.replacements, replacement{quoted[1 : len(quoted)-1], label})
			}
			slices.SortStableFunc(s.replacements, func(a, b replacement) int { return len(b.value) - len(a.value) })
		}
		return val, found
	}
}

// amongParameters returns a lookup that marks what it finds as a part of the call's parameters.
func (s *secrets) amongParameters(lookup func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		s.used = true
		return lookup(name)
	}
}

func (s *secrets) redact(text string) string {
	if len(s.replacements) == 0 {
		return text
	}
	pairs := make([]string, 0, 2*len(s.replacements))
	for _, r := range s.replacements {
		pairs = append(pairs, r.value, r.label)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func (s *secrets) redactError(e *protocol.Error) *protocol.Error {
	if len(s.replacements) == 0 {
		return e
	}
	without := *e.WithCause(nil) // The text of a cause may have secrets.
	without.Message, without.Hint = s.redact(e.Message), s.redact(e.Hint)
	return &without
}

func (s *secrets) redactValue(v value.Value) value.Value {
	if len(s.replacements) == 0 {
		return v
	}
	switch v.Kind() {
	case value.KindString:
		return value.String(s.redact(v.Text()))
	case value.KindNumber:
		if clean := s.redact(v.Digits()); clean != v.Digits() {
			return value.String(clean)
		}
	case value.KindList:
		elements := make([]value.Value, len(v.Elements()))
		for i, element := range v.Elements() {
			elements[i] = s.redactValue(element)
		}
		return value.List(elements...)
	case value.KindObject:
		fields := make([]value.Field, len(v.Fields()))
		for i, field := range v.Fields() {
			fields[i] = value.Field{Name: s.redact(field.Name), Value: s.redactValue(field.Value)}
		}
		return value.Object(fields...)
	}
	return v
}

// prefixLength returns how many bytes at the end of a text may be the beginning of a secret.
func (s *secrets) prefixLength(text string) int {
	longest := 0
	for _, r := range s.replacements {
		for length := min(len(r.value)-1, len(text)); length > longest; length-- {
			if strings.HasSuffix(text, r.value[:length]) {
				longest = length
				break
			}
		}
	}
	return longest
}

// shortened cuts a long message in the middle: its beginning says what happened, and the end of a traceback why.
func shortened(e *protocol.Error) *protocol.Error {
	if len(e.Message) <= maxMessage {
		return e
	}
	short := *e
	half := maxMessage / 2
	short.Message = strings.ToValidUTF8(e.Message[:half], "") + "\n[…]\n" + strings.ToValidUTF8(e.Message[len(e.Message)-half:], "")
	return &short
}
