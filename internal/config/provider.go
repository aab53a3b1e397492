package config

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// section is the section of a provider in config.yaml, with a dot at the end.
func section(p protocol.Provider) string { return "providers." + p.Name + "." }

// readProvider reads the settings of a provider.
func readProvider(l *loader, p protocol.Provider) protocol.ProviderSettings {
	in, defaults := section(p), p.Defaults
	s := protocol.ProviderSettings{Name: p.Name}
	s.URLs = readURLs(l, p)
	s.Model = l.word(in+"model", defaults.Model, formerKey(l, p, "model"))
	s.VisionModel = l.word(in+"vision_model", defaults.VisionModel, formerKey(l, p, "vision_model"))
	s.EmbedModel = l.word(in+"embed_model", defaults.EmbedModel, formerKey(l, p, "embed_model"))
	s.MaxConcurrent = l.count(in+"max_concurrent", defaults.MaxConcurrent)
	s.RequestsPerMinute = l.limit(in + "requests_per_minute")
	s.TokensPerMinute = l.limit(in + "tokens_per_minute")
	if s.MaxImageSize = l.limit(in + "max_image_size"); s.MaxImageSize == 0 && l.fromFile(in+"max_image_size").isSet() {
		s.MaxImageSize = protocol.NoLimit
	}
	s.Headers = readHeaders(l, in+"headers")
	if p.Pulls {
		s.AutoPull = l.boolean(in+"auto_pull", defaults.AutoPull)
	}
	if p.Cuts {
		s.MaxContext = l.limit(in + "max_context")
	}
	if p.HasKeys {
		s.Key = l.secret(in + "api_key")
	}
	return s
}

// readHeaders reads the headers of requests. Only their names are shown: a value may be a secret.
func readHeaders(l *loader, key string) []protocol.Setting {
	given := l.fromFile(key)
	var headers []protocol.Setting
	var names []value.Value
	for i := 0; i+1 < len(given.texts); i += 2 {
		name, text := given.texts[i], given.texts[i+1]
		if name == "" || strings.ContainsAny(name, "=:\x00\r\n ") {
			l.fail(given.at, "%s: %q is not a valid name of a header", key, name)
		}
		_, err := protocol.Expand(text, func(head, _ string) (string, bool) { return "", head == "secrets" })
		if err != nil {
			l.fail(given.at, "%s.%s: only ${secrets.NAME} is supported; write $${ for a literal ${", key, name)
		}
		headers, names = append(headers, protocol.Setting{Name: name, Value: text}), append(names, value.String(name))
	}
	if headers != nil {
		l.entry(key, value.List(names...), given.from)
	}
	return headers
}

// formerKey is the key of an earlier version that means the same; empty where there is none.
func formerKey(l *loader, p protocol.Provider, key string) string {
	if p.Former[key] == "" {
		return ""
	}
	return section(p) + p.Former[key]
}

// readURLs reads the addresses of the servers. A variable sets a single one.
func readURLs(l *loader, p protocol.Provider) []string {
	one, several := section(p)+"url", section(p)+"endpoints"
	servers, from := p.Defaults.URLs, fromDefault
	file := l.fromFile(several, one, formerKey(l, p, "url"))
	given := l.fromVariable(p.Variables...)
	switch {
	case !given.isSet():
		given = file
	case len(file.texts) > 1:
		l.warn(file.at, "%s is ignored: %s takes precedence", several, given.from)
	}
	if given.isSet() {
		from = given.from
		servers = readAddresses(l, given, p.ParseURL, p.URL)
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

// readAddresses parses addresses and removes duplicates.
func readAddresses(l *loader, given setting, read func(string) (string, bool), like string) []string {
	var servers []string
	seen := map[string]bool{}
	for _, text := range given.texts {
		address, isAddress := read(text)
		if !isAddress {
			// The address is not shown: it may contain a password.
			l.fail(given.at, "invalid address of a server; an address looks like %s", like)
		}
		if !seen[address] {
			servers = append(servers, address)
		}
		seen[address] = true
	}
	if len(servers) == 0 {
		l.fail(given.at, "no address of a server; an address looks like %s", like)
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

// readDefaultProvider reads the provider for tasks that name none.
func readDefaultProvider(l *loader) string {
	if len(l.providers) == 0 {
		return ""
	}
	val, from := l.providers[0].Name, fromDefault
	if given := l.fromFile("providers.default"); given.isSet() {
		val, from = given.text(), given.from
		var names []string
		for _, p := range l.providers {
			names = append(names, p.Name)
		}
		if !slices.Contains(names, val) {
			l.fail(given.at, "unknown provider %q; the providers are %s", val, strings.Join(names, ", "))
		}
	}
	l.entry("providers.default", value.String(val), from)
	return val
}
