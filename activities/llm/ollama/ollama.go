// Package ollama is the provider of models that run on Ollama servers. It does not accept an answer that was cut off as a
// complete one.
package ollama

import (
	"fmt"
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
			Fetch:     []string{"ollama", "pull"},
			Cuts:      true,
			HasKeys:   true,
			Former:    map[string]string{"url": "endpoint", "model": "default_models.chat", "vision_model": "default_models.vision"},
		},
		Title: "Ollama",
		Open:  open,
		Check: check,
	}
}

// check finds a duration and a schema that Ollama would not read.
func check(_ string, parameters value.Value, _ []value.Field) (found []protocol.ParameterError) {
	keep, _ := parameters.Get("keep_alive")
	if _, err := keepAlive(keep); err != nil {
		found = append(found, protocol.ParameterError{Parameter: "keep_alive", Message: protocol.AsError(err, protocol.InvalidParams).Message})
	}
	choice, _ := parameters.Get("tool_choice")
	if name := choice.Text(); !choice.IsNull() && name != provider.FreeChoice && name != provider.NoTool {
		found = append(found, protocol.ParameterError{Parameter: "tool_choice", Message: fmt.Sprintf("tool_choice: %s is not supported by the provider \"ollama\"", name),
			Hint: "its values are auto and none: Ollama cannot make a model call a tool"})
	}
	if schema, is := parameters.Get("schema"); is {
		found = append(found, checkSchema(schema)...)
	}
	return found
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
