package config

import (
	"net"
	"net/url"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// The variables that name the Ollama server; the first one that is set counts.
var ollamaVariables = []string{"GLEITZEIT_OLLAMA_URL", "OLLAMA_HOST"}

// ollamaURL is where the environment says that models run, else the default.
func ollamaURL(env func(name string) (string, bool)) (string, error) {
	for _, name := range ollamaVariables {
		if value, set := env(name); set && value != "" {
			return parseOllamaURL(name, value)
		}
	}
	return DefaultOllamaURL, nil
}

// parseOllamaURL reads an address as Ollama itself reads OLLAMA_HOST: scheme and port may be missing. The address that a
// server listens on when it listens everywhere is none to connect to; this machine is meant.
func parseOllamaURL(name, value string) (string, error) {
	text := strings.TrimSpace(value)
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	parsed, err := url.Parse(text)
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return "", protocol.Errorf(protocol.ConfigurationError, "%s is %q, which is no address of a server", name, value).
			WithHint("it looks like %s", DefaultOllamaURL)
	}
	host, port := parsed.Hostname(), parsed.Port()
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	switch {
	case port != "":
	case !strings.Contains(value, "://"):
		port = "11434"
	case parsed.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	parsed.Host = net.JoinHostPort(host, port)
	return strings.TrimSuffix(parsed.String(), "/"), nil
}
