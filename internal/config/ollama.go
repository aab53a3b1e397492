package config

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// ollama is where models of Ollama run, and which.
func (l *loader) ollama() Ollama {
	o := Ollama{URLs: []string{DefaultOllamaURL}}
	name, from := "providers.ollama.url", fromDefault
	file := l.ofFile("providers.ollama.endpoints", "providers.ollama.url", "providers.ollama.endpoint")
	given := l.ofVariable(ollamaVariables...)
	switch {
	case !given.is():
		given = file
	case len(file.texts) > 1:
		l.warn(file.at, "the servers of providers.ollama.endpoints are in vain; what counts is %s", given.from)
	}
	if given.is() {
		from = given.from
		o.URLs = l.endpoints(given, ollamaURL, DefaultOllamaURL)
	}
	if len(o.URLs) == 1 {
		l.entry(name, value.String(shownURL(o.URLs[0])), from)
	} else {
		l.entry("providers.ollama.endpoints", shownURLs(o.URLs), from)
	}
	o.Model = l.word("providers.ollama.model", "providers.ollama.default_models.chat", DefaultModel)
	o.VisionModel = l.word("providers.ollama.vision_model", "providers.ollama.default_models.vision", DefaultVisionModel)
	o.EmbedModel = l.word("providers.ollama.embed_model", "", DefaultEmbedModel)
	o.MaxConcurrent = l.count("providers.ollama.max_concurrent", DefaultMaxConcurrent)
	pull, from := false, fromDefault
	if given := l.ofFile("providers.ollama.auto_pull"); given.is() {
		pull, from = strings.EqualFold(given.text(), "true"), given.from
	}
	o.AutoPull = pull
	l.entry("providers.ollama.auto_pull", value.Bool(pull), from)
	return o
}

// endpoints reads addresses, each once.
func (l *loader) endpoints(given said, read func(string) (string, bool), like string) []string {
	var servers []string
	seen := map[string]bool{}
	for _, text := range given.texts {
		address, isAddress := read(text)
		if !isAddress {
			// It is not shown: it may have a password in it.
			l.mistake(given.at, "this is no address of a server; one looks like %s", like)
		}
		if !seen[address] {
			servers = append(servers, address)
		}
		seen[address] = true
	}
	if len(servers) == 0 {
		l.mistake(given.at, "there is no address of a server; one looks like %s", like)
	}
	return servers
}

func shownURLs(servers []string) value.Value {
	shown := make([]value.Value, len(servers))
	for i, server := range servers {
		shown[i] = value.String(shownURL(server))
	}
	return value.List(shown...)
}

// count is a whole number of the file, of at least 1.
func (l *loader) count(name string, otherwise int) int {
	val, from := otherwise, fromDefault
	if given := l.ofFile(name); given.is() {
		// Only whole numbers come out of the file.
		val, _ = strconv.Atoi(given.text())
		from = given.from
	}
	l.entry(name, value.Int(int64(val)), from)
	return val
}

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
