package config

import (
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// fixedKeys are the keys of config.yaml beside those of providers, each with its type. To add one, add a line, and read it
// in a function that Load calls. Those that begin with "persistence." are those of an earlier version.
var fixedKeys = []key{
	{"store", text},
	{"retention", text},
	{"log_level", text},
	{"logs", boolean},
	{"roots", texts},
	{"files.case_sensitive", boolean},
	{"documents.converters", converters},
	{"secrets.dir", text},
	{"secrets.env_file", paths},
	{"encryption.key_file", text},
	{"server.batch_api", boolean},
	{"server.batch_api_port", number},
	{"server.batch_api_address", text},
	{"server.batch_api_tls.cert", text},
	{"server.batch_api_tls.key", text},
	{"server.batch_api_tokens", named},
	{"server.max_file_size", text},
	{"server.max_requests", count},
	{"server.model_names", named},
	{"providers.default", text},
	{"python.interpreter", text},
	{"python.interpreters", texts},
	{"python.preload", texts},
	{"python.env", texts},
	{"python.sandbox", text},
	{"python.grace", text},
	{"python.limits.memory", text},
	{"python.limits.cpu", text},
	{"python.limits.file_size", text},
	{"python.limits.open_files", text},
	{"python.limits.processes", text},
	{"python.limits.output", text},
	{"python.limits.temp", text},
	{"mcp.servers", servers},
	{"mcp.allow_workflow_servers", allowance},

	{"persistence.backend", text},
	{"persistence.sqlite.db_path", text},
	{"persistence.redis.host", text},
	{"persistence.redis.port", count},
	{"persistence.redis.db", number},
}

// providerKeys are the keys of every provider.
var providerKeys = []key{
	{"url", text},
	{"endpoints", texts},
	{"model", text},
	{"vision_model", text},
	{"embed_model", text},
	{"max_concurrent", count},
	{"requests_per_minute", count},
	{"tokens_per_minute", count},
	{"max_image_size", number},
	{"headers", named},
}

// keysWith returns all keys of config.yaml.
func keysWith(providers []protocol.Provider) []key {
	all := slices.Clone(fixedKeys)
	for _, p := range providers {
		add := func(name string, takes kind) { all = append(all, key{section(p) + name, takes}) }
		for _, k := range providerKeys {
			add(k.name, k.takes)
		}
		if p.Pulls {
			add("auto_pull", boolean)
		}
		if p.Cuts {
			add("max_context", count)
		}
		if p.HasKeys {
			add("api_key", text)
		}
		for _, k := range providerKeys {
			if former := p.Former[k.name]; former != "" {
				add(former, k.takes)
			}
		}
	}
	return all
}

// Choices returns the values that a key takes, where they are few; nil otherwise.
func Choices(name string, providers []protocol.Provider) []string {
	switch name {
	case "log_level":
		return []string{"debug", "info", "warn", "error"}
	case "python.sandbox":
		return []string{"none", "bwrap"}
	}
	keys := keysWith(providers)
	at := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	if at >= 0 && (keys[at].takes == boolean || keys[at].takes == allowance) {
		return []string{"true", "false"}
	}
	return nil
}

// alternatives are keys and sections that people may expect here, and what to use instead.
var alternatives = []struct{ name, instead string }{
	{"batch", "use the section \"batch\" of a workflow"},
	{"temporal", "TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and TEMPORAL_PROFILE select a Temporal server"},
	{"mcpServers", "use \"servers\" in the section \"mcp\""},
	{"mcp_servers", "use \"servers\" in the section \"mcp\""},
	{"mcp.mcpServers", "use \"mcp.servers\""},
	{"home", "use --home or GLEITZEIT_HOME"},
	{"persistence.redis.password", "use GLEITZEIT_REDIS_PASSWORD"},
}

type key struct {
	name  string // With the names of the mappings around it.
	takes kind
}

// kind is the type of a value.
type kind string

const (
	text   kind = "a string"
	texts  kind = "a list of strings"
	count  kind = "an integer of at least 1"
	number kind = "an integer of at least 0"

	paths   kind = "a path or a list of paths"
	servers kind = "a mapping of names to servers"

	converters kind = "a mapping of extensions to command lines"
	named      kind = "a mapping of names to strings"
	duration   kind = "a number of seconds or a duration such as 90s"
	allowance  kind = "true, false, or a list of commands and addresses"
	boolean    kind = "true or false"
)

// siblingsOf lists the known keys in the section of a key.
func (d *document) siblingsOf(full string) []string {
	around := full[:strings.LastIndex(full, ".")+1]
	var names []string
	for _, k := range d.keys {
		if rest, inside := strings.CutPrefix(k.name, around); inside {
			name, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
