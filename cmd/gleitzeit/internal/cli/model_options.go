package cli

import (
	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// secretVariable is the variable that holds the secret of a name.
func secretVariable(name string) string { return "GLEITZEIT_SECRET_" + name }

// modelOptions are the options of llm/v1 from the settings.
func (s *session) modelOptions() llm.Options {
	return llm.Options{Provider: s.settings.Provider, Providers: s.settings.Providers, Secret: s.secret}
}

// secret reads a secret of this process, for a look at a server that wants one.
func (s *session) secret(name string) (string, error) {
	if value, found := s.env(secretVariable(name)); found && value != "" {
		return value, nil
	}
	return "", protocol.Errorf(protocol.ConfigurationError, "the secret %s is not there", name).
		WithHint("set %s", secretVariable(name))
}
