package mcp

import (
	"errors"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const (
	// secretPrefix stands before the name of a secret in the worker's environment.
	secretPrefix = "GLEITZEIT_SECRET_"
	// minSecret is the length in bytes from which a value is taken out of what comes from a server. Shorter ones would blank
	// out harmless words.
	minSecret = 6
)

// hidden takes the values that a server was given by reference out of what it says. The zero value takes out nothing.
type hidden struct{ values []hiddenValue }

type hiddenValue struct{ value, label string }

// expand puts values into the settings of a server.
func expand(settings []protocol.Setting, of string, env func(string) (string, bool), hide *hidden) ([]protocol.Setting, error) {
	expanded := make([]protocol.Setting, 0, len(settings))
	for _, setting := range settings {
		value, err := protocol.Expand(setting.Value, func(head, name string) (string, bool) {
			variable := name
			if head == "secrets" {
				variable = secretPrefix + name
			}
			value, found := env(variable)
			if found {
				hide.add(value, "["+head+"."+name+"]")
			}
			return value, found
		})
		if err != nil {
			return nil, protocol.Errorf(protocol.ConfigurationError, "%s of the MCP server %q: %s", setting.Name, of, err).
				WithHint("the environment of the worker has secrets, as %sNAME", secretPrefix)
		}
		expanded = append(expanded, protocol.Setting{Name: setting.Name, Value: value})
	}
	return expanded, nil
}

func (h *hidden) add(val, label string) {
	if len(val) < minSecret {
		return
	}
	h.values = append(h.values, hiddenValue{val, label})
	if quoted := string(value.String(val).JSON()); quoted[1:len(quoted)-1] != val {
		h.values = append(h.values, hiddenValue{quoted[1 : len(quoted)-1], label})
	}
	// The longest first: one may begin another.
	slices.SortStableFunc(h.values, func(a, b hiddenValue) int { return len(b.value) - len(a.value) })
}

func (h *hidden) text(text string) string {
	if len(h.values) == 0 {
		return text
	}
	var pairs []string
	for _, v := range h.values {
		pairs = append(pairs, v.value, v.label)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// value is without the values, too; what can then be read no more is text.
func (h *hidden) value(v value.Value) value.Value {
	if len(h.values) == 0 {
		return v
	}
	before := string(v.JSON())
	after := h.text(before)
	if after == before {
		return v
	}
	if clean, err := value.Parse([]byte(after)); err == nil {
		return clean
	}
	return value.String(after)
}

// error is without the values, too.
func (h *hidden) error(err error) error {
	known, is := errors.AsType[*protocol.Error](err)
	if !is || len(h.values) == 0 {
		return err
	}
	without := *known
	without.Message, without.Hint = h.text(known.Message), h.text(known.Hint)
	return &without
}
