package mcp

import (
	"errors"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
)

// secretPrefix precedes the name of a secret in the worker's environment.
const secretPrefix = "GLEITZEIT_SECRET_"

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

// expand resolves the references in the settings of the server with the name, and adds their values to what it knows.
func expand(settings []protocol.Setting, server string, env func(string) (string, bool), given *known) ([]protocol.Setting, error) {
	expanded := make([]protocol.Setting, 0, len(settings))
	for _, setting := range settings {
		value, err := protocol.Expand(setting.Value, func(head, name string) (string, bool) {
			variable := name
			if head == "secrets" {
				variable = secretPrefix + name
			}
			value, found := env(variable)
			if found {
				given.settings.Add("["+head+"."+name+"]", value)
				given.calls.Add("["+head+"."+name+"]", value)
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
