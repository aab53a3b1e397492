package cli

import (
	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// secretVariable is the environment variable of a secret.
func secretVariable(name string) string { return "GLEITZEIT_SECRET_" + name }

// modelOptions are the options of llm/v1 from the settings.
func (s *session) modelOptions() llm.Options {
	return llm.Options{Provider: s.settings.Provider, Providers: s.settings.Providers, Secret: s.secret}
}

// secret reads a secret from the environment of this process, for health checks.
func (s *session) secret(name string) (string, error) {
	if value, found := s.env(secretVariable(name)); found && value != "" {
		return value, nil
	}
	return "", protocol.Errorf(protocol.ConfigurationError, "the secret %s is not set", name).
		WithHint("set %s", secretVariable(name))
}
