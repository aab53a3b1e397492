package config

// keys are those of config.yaml, each with what it takes. To add one, add a line, and read it in a function that Load
// calls. Those that begin with "persistence.", and the last of providers.ollama, are of the program that this one
// succeeds.
var keys = []key{
	{"store", text},
	{"log_level", text},
	{"roots", texts},
	{"providers.default", text},
	{"providers.ollama.url", text},
	{"providers.ollama.endpoints", texts},
	{"providers.ollama.model", text},
	{"providers.ollama.vision_model", text},
	{"providers.ollama.embed_model", text},
	{"providers.ollama.max_concurrent", count},
	{"providers.ollama.auto_pull", truth},
	{"providers.openai.url", text},
	{"providers.openai.endpoints", texts},
	{"providers.openai.model", text},
	{"providers.openai.vision_model", text},
	{"providers.openai.embed_model", text},
	{"providers.openai.max_concurrent", count},
	{"providers.openai.api_key", text},
	{"python.interpreter", text},
	{"python.preload", texts},
	{"python.env", texts},
	{"python.sandbox", text},
	{"python.limits.memory", text},
	{"python.limits.cpu", text},
	{"python.limits.file_size", text},
	{"python.limits.open_files", text},
	{"python.limits.processes", text},
	{"python.limits.output", text},
	{"mcp.servers", servers},
	{"mcp.allow_workflow_servers", allowance},

	{"persistence.backend", text},
	{"persistence.sqlite.db_path", text},
	{"persistence.redis.host", text},
	{"persistence.redis.port", count},
	{"persistence.redis.db", number},
	{"providers.ollama.endpoint", text},
	{"providers.ollama.default_models.chat", text},
	{"providers.ollama.default_models.vision", text},
}

// elsewhere are keys that people may expect here, and what to do instead. A whole section is one of them.
var elsewhere = []struct{ name, instead string }{
	{"batch", "a workflow says it in its own section batch"},
	{"temporal", "TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and TEMPORAL_PROFILE name another Temporal"},
	{"home", "it is where this file is; --home and GLEITZEIT_HOME name another one"},
	{"persistence.redis.password", "set GLEITZEIT_REDIS_PASSWORD"},
}

type key struct {
	name  string // With the names of the mappings around it.
	takes kind
}

// kind is what a key takes.
type kind string

const (
	text   kind = "text"
	texts  kind = "a list of texts"
	count  kind = "a whole number of at least 1"
	number kind = "a whole number of at least 0"

	servers   kind = "a mapping of names to servers"
	named     kind = "a mapping of names to texts"
	duration  kind = "a number of seconds or a duration such as 90s"
	allowance kind = "true, false, or a list of commands and addresses"
	truth     kind = "true or false"
)
