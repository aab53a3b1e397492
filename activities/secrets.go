package activities

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// minSecret is the length in bytes from which a value is taken out of what leaves an activity. Shorter ones would
// blank out harmless words.
const minSecret = 6

// maxMessage is how much of an error's message travels through the history, in bytes.
const maxMessage = 8 << 10

// secrets are the values of `${env…}` and `${secrets…}` that a call was given. None of them leaves the activity.
type secrets struct {
	replacements []replacement // The longest first: one secret may begin another.
	seen         map[string]bool
	used         bool // Some are among the parameters.
}

type replacement struct{ value, label string }

// watch remembers every value that is looked up.
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

// amongParameters marks what is looked up as a part of the call's parameters.
func (s *secrets) amongParameters(lookup func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		s.used = true
		return lookup(name)
	}
}

func (s *secrets) inText(text string) string {
	if len(s.replacements) == 0 {
		return text
	}
	pairs := make([]string, 0, 2*len(s.replacements))
	for _, r := range s.replacements {
		pairs = append(pairs, r.value, r.label)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

func (s *secrets) inError(e *protocol.Error) *protocol.Error {
	if len(s.replacements) == 0 {
		return e
	}
	without := *e.WithCause(nil) // The text of a cause may have secrets.
	without.Message, without.Hint = s.inText(e.Message), s.inText(e.Hint)
	return &without
}

func (s *secrets) inValue(v value.Value) value.Value {
	if len(s.replacements) == 0 {
		return v
	}
	switch v.Kind() {
	case value.KindString:
		return value.String(s.inText(v.Text()))
	case value.KindNumber:
		if clean := s.inText(v.Digits()); clean != v.Digits() {
			return value.String(clean)
		}
	case value.KindList:
		elements := make([]value.Value, len(v.Elements()))
		for i, element := range v.Elements() {
			elements[i] = s.inValue(element)
		}
		return value.List(elements...)
	case value.KindObject:
		fields := make([]value.Field, len(v.Fields()))
		for i, field := range v.Fields() {
			fields[i] = value.Field{Name: s.inText(field.Name), Value: s.inValue(field.Value)}
		}
		return value.Object(fields...)
	}
	return v
}

// shortened cuts a message in the middle: its beginning says what happened, and the end of a traceback why.
func shortened(e *protocol.Error) *protocol.Error {
	if len(e.Message) <= maxMessage {
		return e
	}
	short := *e
	half := maxMessage / 2
	short.Message = strings.ToValidUTF8(e.Message[:half], "") + "\n[…]\n" + strings.ToValidUTF8(e.Message[len(e.Message)-half:], "")
	return &short
}
