package mcp

import (
	"errors"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

// known is what a server was given and may repeat.
type known struct {
	// settings are the values that its settings got by reference. They are redacted in all that it says.
	settings redaction.Set
	// calls are those, and the secrets of every call so far. They are redacted in messages: a server that logs what it is
	// called with must not put the secret of one task into the error of another. In results only those of `${secrets…}` are, by
	// whoever makes the call, which knows them for all servers: what is a variable of one task is harmless text to another.
	calls redaction.Set
}

// error redacts the message and the hint of an error.
func (k *known) error(err error) error {
	if of, is := errors.AsType[*protocol.Error](err); is {
		return of.Redacted(&k.calls)
	}
	return err
}

// expand resolves the references in the settings of a server, and adds their values to what it knows.
func (s *server) expand(settings []protocol.Setting) ([]protocol.Setting, error) {
	expanded := make([]protocol.Setting, 0, len(settings))
	for _, setting := range settings {
		var failure error
		hint := "set the variable in the worker's environment"
		value, err := protocol.Expand(setting.Value, func(head, name string) (value string, found bool) {
			if head == "secrets" {
				value, found, failure = s.secrets.Lookup(name)
				hint = s.secrets.Hint(name)
			} else {
				value, found = s.env(name)
			}
			if found {
				s.known.settings.Add("["+head+"."+name+"]", value)
				s.known.calls.Add("["+head+"."+name+"]", value)
			}
			return value, found
		})
		if failure != nil {
			why := protocol.AsError(failure, protocol.ConfigurationError)
			return nil, protocol.Errorf(protocol.ConfigurationError, "%s of the MCP server %q: %s", setting.Name, s.Name, why.Message).WithHint("%s", why.Hint)
		}
		if err != nil {
			return nil, protocol.Errorf(protocol.ConfigurationError, "%s of the MCP server %q: %s", setting.Name, s.Name, err).
				WithHint("%s", hint)
		}
		expanded = append(expanded, protocol.Setting{Name: setting.Name, Value: value})
	}
	return expanded, nil
}
