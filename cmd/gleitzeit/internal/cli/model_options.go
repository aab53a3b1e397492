package cli

import (
	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// secretVariable is the variable that holds the secret of a name.
func secretVariable(name string) string { return "GLEITZEIT_SECRET_" + name }

// modelOptions are what llm/v1 is told of the settings.
func (s *session) modelOptions() llm.Options {
	ollama, openai := s.settings.Ollama, s.settings.OpenAI
	return llm.Options{
		Provider: s.settings.Provider,
		URLs:     ollama.URLs, Model: ollama.Model, VisionModel: ollama.VisionModel, EmbedModel: ollama.EmbedModel,
		MaxConcurrent: ollama.MaxConcurrent, AutoPull: ollama.AutoPull,
		OpenAI: llm.OpenAI{
			URLs: openai.URLs, Model: openai.Model, VisionModel: openai.VisionModel, EmbedModel: openai.EmbedModel,
			MaxConcurrent: openai.MaxConcurrent, Key: openai.Key, Secret: s.secret,
		},
	}
}

// secret reads a secret of this process, for a look at a server that wants one.
func (s *session) secret(name string) (string, error) {
	if value, found := s.env(secretVariable(name)); found && value != "" {
		return value, nil
	}
	return "", protocol.Errorf(protocol.ConfigurationError, "the secret %s is not there", name).
		WithHint("set %s", secretVariable(name))
}
