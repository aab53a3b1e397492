package config

import (
	"net"
	"net/url"
	"strings"
)

// The variables that name the Ollama server; the first one that is set counts.
var ollamaVariables = []string{"GLEITZEIT_OLLAMA_URL", "OLLAMA_HOST"}

// ollamaURL reads an address as Ollama itself reads OLLAMA_HOST: scheme and port may be missing. The address that a
// server listens on when it listens everywhere is none to connect to; this machine is meant.
func ollamaURL(value string) (address string, isAddress bool) {
	value = strings.Trim(strings.TrimSpace(value), `"'`)
	text := value
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	parsed, err := url.Parse(text)
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") {
		return "", false
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
	return strings.TrimSuffix(parsed.String(), "/"), true
}
