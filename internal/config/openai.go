package config

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// OpenAI is where models of OpenAI-compatible servers run, and which.
type OpenAI struct {
	URLs          []string // "http://127.0.0.1:8000/v1"; empty where none is configured.
	Model         string   // Where a task names none; empty: it must.
	VisionModel   string   // The same for llm/vision; empty: Model.
	EmbedModel    string   // The same for llm/embed; empty: Model.
	MaxConcurrent int      // Calls in flight to one endpoint.
	Key           string   // The name of the secret that is the key; empty without one.
}

const likeOpenAI = "http://127.0.0.1:8000/v1"

func (l *loader) openAI() OpenAI {
	var o OpenAI
	from := fromDefault
	given := l.ofFile("providers.openai.endpoints", "providers.openai.url")
	if given.is() {
		from = given.from
		o.URLs = l.endpoints(given, openAIURL, likeOpenAI)
	}
	name, shown := "providers.openai.url", value.String("")
	if len(o.URLs) > 1 {
		name, shown = "providers.openai.endpoints", shownURLs(o.URLs)
	} else if len(o.URLs) == 1 {
		shown = value.String(shownURL(o.URLs[0]))
	}
	l.entry(name, shown, from)
	o.Model = l.word("providers.openai.model", "", "")
	o.VisionModel = l.word("providers.openai.vision_model", "", "")
	o.EmbedModel = l.word("providers.openai.embed_model", "", "")
	o.MaxConcurrent = l.count("providers.openai.max_concurrent", DefaultMaxConcurrent)
	o.Key = l.secret("providers.openai.api_key")
	return o
}

// openAIURL reads the address of an API: with its scheme, and with the path before "/chat/completions".
func openAIURL(value string) (address string, isAddress bool) {
	parsed, err := url.Parse(strings.TrimSpace(value))
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Hostname() == "" {
		return "", false
	}
	return strings.TrimSuffix(parsed.String(), "/"), true
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
		l.mistake(given.at, "%s takes ${secrets.NAME}, and GLEITZEIT_SECRET_NAME in the environment holds the secret", name)
		return ""
	}
	l.entry(name, value.String(given.text()), given.from)
	return found[1]
}

// provider is what serves models where a task does not say.
func (l *loader) provider() string {
	val, from := ProviderOllama, fromDefault
	if given := l.ofFile("providers.default"); given.is() {
		val, from = given.text(), given.from
		if val != ProviderOllama && val != ProviderOpenAI {
			l.mistake(given.at, "%q is no provider; there are %s and %s", val, ProviderOllama, ProviderOpenAI)
		}
	}
	l.entry("providers.default", value.String(val), from)
	return val
}
