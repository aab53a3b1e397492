package mcp

import (
	"errors"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const (
	// secretPrefix precedes the name of a secret in the worker's environment.
	secretPrefix = "GLEITZEIT_SECRET_"
	// minSecret is the minimum length in bytes of a value that is redacted. Shorter values would redact ordinary words.
	minSecret = 6
)

// redactor removes the values that a server's settings got by reference from the server's output. The zero value removes
// nothing.
type redactor struct{ values []secret }

type secret struct{ value, label string }

// expand resolves the references in the settings of the server with the name, and adds their values to the redactor.
func expand(settings []protocol.Setting, server string, env func(string) (string, bool), redact *redactor) ([]protocol.Setting, error) {
	expanded := make([]protocol.Setting, 0, len(settings))
	for _, setting := range settings {
		value, err := protocol.Expand(setting.Value, func(head, name string) (string, bool) {
			variable := name
			if head == "secrets" {
				variable = secretPrefix + name
			}
			value, found := env(variable)
			if found {
				redact.add(value, "["+head+"."+name+"]")
			}
			return value, found
		})
		if err != nil {
			return nil, protocol.Errorf(protocol.ConfigurationError, "%s of the MCP server %q: %s", setting.Name, server, err).
				WithHint("set secrets as %sNAME in the worker's environment", secretPrefix)
		}
		expanded = append(expanded, protocol.Setting{Name: setting.Name, Value: value})
	}
	return expanded, nil
}

func (h *redactor) add(val, label string) {
	if len(val) < minSecret {
		return
	}
	h.values = append(h.values, secret{val, label})
	if quoted := string(value.String(val).JSON()); quoted[1:len(quoted)-1] != val {
		h.values = append(h.values, secret{quoted[1 : len(quoted)-1], label})
	}
	// Longest first: one value may be the beginning of another.
	slices.SortStableFunc(h.values, func(a, b secret) int { return len(b.value) - len(a.value) })
}

func (h *redactor) text(text string) string {
	if len(h.values) == 0 {
		return text
	}
	var pairs []string
	for _, v := range h.values {
		pairs = append(pairs, v.value, v.label)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// value redacts a JSON value. If the result is not valid JSON, it is returned as a string.
func (h *redactor) value(v value.Value) value.Value {
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

// error redacts the message and the hint of an error.
func (h *redactor) error(err error) error {
	known, is := errors.AsType[*protocol.Error](err)
	if !is || len(h.values) == 0 {
		return err
	}
	without := *known
	without.Message, without.Hint = h.text(known.Message), h.text(known.Hint)
	return &without
}
