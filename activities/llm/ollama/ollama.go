// Package ollama is the provider of models that run on Ollama servers. It does not accept an answer that was cut off as a
// complete one.
package ollama

import (
	"net"
	"net/url"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// defaultURL is where Ollama listens by default.
const defaultURL = "http://127.0.0.1:11434"

// Provider describes Ollama servers.
func Provider() provider.Provider {
	return provider.Provider{
		Provider: protocol.Provider{
			Name:      "ollama",
			Defaults:  protocol.ProviderSettings{URLs: []string{defaultURL}, Model: "llama3.2", VisionModel: "llava", EmbedModel: "nomic-embed-text", MaxConcurrent: 4},
			Variables: []string{"GLEITZEIT_OLLAMA_URL", "OLLAMA_HOST"},
			URL:       defaultURL,
			ParseURL:  parseURL,
			Pulls:     true,
			Cuts:      true,
			HasKeys:   true,
			Former:    map[string]string{"url": "endpoint", "model": "default_models.chat", "vision_model": "default_models.vision"},
		},
		Title: "Ollama",
		Open:  open,
		Check: check,
	}
}

// check finds a duration that Ollama would not read.
func check(_ string, parameters value.Value, _ []value.Field) []protocol.ParameterError {
	keep, _ := parameters.Get("keep_alive")
	if _, err := keepAlive(keep); err != nil {
		return []protocol.ParameterError{{Parameter: "keep_alive", Message: protocol.AsError(err, protocol.InvalidParams).Message}}
	}
	return nil
}

// parseURL reads an address as Ollama itself reads OLLAMA_HOST: scheme and port may be missing. The address that a server
// listens on when it listens everywhere is not one to connect to; this machine is meant.
func parseURL(text string) (address string, ok bool) {
	text = strings.Trim(strings.TrimSpace(text), `"'`)
	full := text
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	parsed, err := url.Parse(full)
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return "", false
	}
	host, port := parsed.Hostname(), parsed.Port()
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	switch {
	case port != "":
	case !strings.Contains(text, "://"):
		port = "11434"
	case parsed.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	parsed.Host = net.JoinHostPort(host, port)
	return strings.TrimSuffix(parsed.String(), "/"), true
}
