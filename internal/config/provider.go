package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// section is where the settings of a provider stand in config.yaml, with a dot at the end.
func section(p protocol.Provider) string { return "providers." + p.Name + "." }

// provider reads the settings of a provider.
func (l *loader) provider(p protocol.Provider) protocol.ProviderSettings {
	in, defaults := section(p), p.Defaults
	s := protocol.ProviderSettings{Name: p.Name}
	s.URLs = l.urls(p)
	s.Model = l.word(in+"model", l.former(p, "model"), defaults.Model)
	s.VisionModel = l.word(in+"vision_model", l.former(p, "vision_model"), defaults.VisionModel)
	s.EmbedModel = l.word(in+"embed_model", l.former(p, "embed_model"), defaults.EmbedModel)
	s.MaxConcurrent = l.count(in+"max_concurrent", defaults.MaxConcurrent)
	if p.Pulls {
		s.AutoPull = l.truth(in+"auto_pull", defaults.AutoPull)
	}
	if p.HasKeys {
		s.Key = l.secret(in + "api_key")
	}
	return s
}

// former is the key of the program before that means the same; empty where there is none.
func (l *loader) former(p protocol.Provider, key string) string {
	if p.Former[key] == "" {
		return ""
	}
	return section(p) + p.Former[key]
}

// urls are the addresses of the servers. A variable names one of them.
func (l *loader) urls(p protocol.Provider) []string {
	one, several := section(p)+"url", section(p)+"endpoints"
	servers, from := p.Defaults.URLs, fromDefault
	file := l.ofFile(several, one, l.former(p, "url"))
	given := l.ofVariable(p.Variables...)
	switch {
	case !given.is():
		given = file
	case len(file.texts) > 1:
		l.warn(file.at, "%s is ignored: %s takes precedence", several, given.from)
	}
	if given.is() {
		from = given.from
		servers = l.endpoints(given, p.ParseURL, p.URL)
	}
	switch len(servers) {
	case 0:
		l.entry(one, value.String(""), from)
	case 1:
		l.entry(one, value.String(shownURL(servers[0])), from)
	default:
		l.entry(several, shownURLs(servers), from)
	}
	return servers
}

// endpoints reads addresses, each once.
func (l *loader) endpoints(given said, read func(string) (string, bool), like string) []string {
	var servers []string
	seen := map[string]bool{}
	for _, text := range given.texts {
		address, isAddress := read(text)
		if !isAddress {
			// It is not shown: it may have a password in it.
			l.mistake(given.at, "invalid address of a server; an address looks like %s", like)
		}
		if !seen[address] {
			servers = append(servers, address)
		}
		seen[address] = true
	}
	if len(servers) == 0 {
		l.mistake(given.at, "no address of a server; an address looks like %s", like)
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

// truth is true or false in the file.
func (l *loader) truth(name string, otherwise bool) bool {
	val, from := otherwise, fromDefault
	if given := l.ofFile(name); given.is() {
		val, from = strings.EqualFold(given.text(), "true"), given.from
	}
	l.entry(name, value.Bool(val), from)
	return val
}

var secretReference = regexp.MustCompile(`^\$\{secrets\.([A-Za-z_][A-Za-z0-9_]*)\}$`)

// secret is the name of a secret, which a setting names by a reference. The secret itself stands in no file.
func (l *loader) secret(name string) string {
	given := l.ofFile(name)
	if given.text() == "" {
		l.entry(name, value.String(""), fromDefault)
		return ""
	}
	found := secretReference.FindStringSubmatch(given.text())
	if found == nil {
		l.mistake(given.at, "%s must be ${secrets.NAME}; the secret is in the environment variable GLEITZEIT_SECRET_NAME", name)
		return ""
	}
	l.entry(name, value.String(given.text()), given.from)
	return found[1]
}

// defaultProvider is the provider of models where a task does not say.
func (l *loader) defaultProvider() string {
	if len(l.providers) == 0 {
		return ""
	}
	val, from := l.providers[0].Name, fromDefault
	if given := l.ofFile("providers.default"); given.is() {
		val, from = given.text(), given.from
		var names []string
		for _, p := range l.providers {
			names = append(names, p.Name)
		}
		if !slices.Contains(names, val) {
			l.mistake(given.at, "unknown provider %q; the providers are %s", val, strings.Join(names, ", "))
		}
	}
	l.entry("providers.default", value.String(val), from)
	return val
}
