package mcp

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

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

// droppedTools are the tools that were left out of the lists of one session, because they cannot be read.
type droppedTools struct {
	mu     sync.Mutex
	byName map[string]*protocol.Error // The errors of calls of them.
}

// reportDropped returns a function that logs what was left out of a list of the server, and adds tools to the given ones.
func (s *server) reportDropped(tools *droppedTools) func(element, name, reason string) {
	return func(element, name, reason string) {
		text := fmt.Sprintf("the %s %q: %s", element, name, reason)
		s.log.Warn("left out what the MCP server lists: it cannot be read", "reason", s.known.calls.String(text))
		if element != "tool" {
			return
		}
		tools.mu.Lock()
		defer tools.mu.Unlock()
		if tools.byName == nil {
			tools.byName = map[string]*protocol.Error{}
		}
		tools.byName[name] = protocol.Errorf(protocol.MethodNotSupported, "the tool %q of the MCP server %q cannot be read: %s", name, s.Name, reason).
			WithHint("the server describes the tool against the specification of MCP; correct or update the server")
	}
}

// take returns the tools, and forgets them.
func (d *droppedTools) take() map[string]*protocol.Error {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := d.byName
	d.byName = nil
	return taken
}

// loggedStrays is the maximum number of responses of one session in the log that are not messages.
const loggedStrays = 100

// reportStray returns a function that logs what a server sends instead of a message.
func (s *server) reportStray() func(text []byte, long bool) {
	var logged atomic.Int64
	return func(text []byte, long bool) {
		if logged.Add(1) <= loggedStrays {
			s.log.Info("response of the MCP server that is not a message", "response", redaction.NewRaw(string(text), false, long).Redact(&s.known.calls).String())
		}
	}
}
