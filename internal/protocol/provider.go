package protocol

import (
	"cmp"
	"context"
)

// Provider describes a kind of model server: its name, and how its settings are read.
type Provider struct {
	Name      string           // Value of the parameter `provider`, and key under `providers` in config.yaml: "ollama".
	Defaults  ProviderSettings // Its Name is empty. Without URLs nothing is configured by default.
	Variables []string         // Environment variables with the address of the server; the first that is set takes precedence.
	URL       string           // An example of an address.
	// ParseURL reads an address as people write it. It reports false where the text is no address of such a server.
	ParseURL func(text string) (url string, ok bool)
	Pulls    bool              // The servers fetch models: there is a setting `auto_pull`.
	Fetch    []string          // The command that has one fetch a model, whose name follows; nil: there is none.
	Cuts     bool              // The servers take `num_ctx`, and cut longer prompts on request: there is a setting `max_context`.
	HasKeys  bool              // The servers take keys: there is a setting `api_key`.
	Former   map[string]string // Keys of the program that this one succeeds, by the key of today: "url": "endpoint".
}

// ProviderSettings say where the servers of a provider are, and which models they run.
type ProviderSettings struct {
	Name              string    // Of the provider.
	URLs              []string  // Addresses of equal servers; empty where none is configured.
	Model             string    // Of a task that names none; empty: every task must.
	VisionModel       string    // The same for llm/vision; empty: Model.
	EmbedModel        string    // The same for llm/embed; empty: Model.
	MaxConcurrent     int       // Calls in flight to each server.
	RequestsPerMinute int       // Maximum number of requests to each server in any minute; 0: no limit.
	TokensPerMinute   int       // The same of tokens, of prompts and answers.
	MaxContext        int       // Largest num_ctx that `on_truncation: fit` sets; 0: what the model was trained for.
	MaxImageSize      int       // Maximum width and height of images in pixels of a task that does not say; 0: 2048, NoLimit: none.
	AutoPull          bool      // Missing models are fetched where a task does not say otherwise.
	Key               string    // Name of the secret that is the key of the servers; empty without one.
	Headers           []Setting // Of every request to the servers; `${secrets.NAME}` may stand in them.
}

// NoLimit is the value of a setting whose zero value is not no limit.
const NoLimit = -1

// WithDefaults fills in what is not set.
func (s ProviderSettings) WithDefaults(defaults ProviderSettings) ProviderSettings {
	if len(s.URLs) == 0 {
		s.URLs = defaults.URLs
	}
	if s.MaxConcurrent == 0 {
		s.MaxConcurrent = defaults.MaxConcurrent
	}
	s.Model = cmp.Or(s.Model, defaults.Model)
	s.VisionModel = cmp.Or(s.VisionModel, defaults.VisionModel, s.Model)
	s.EmbedModel = cmp.Or(s.EmbedModel, defaults.EmbedModel, s.Model)
	s.MaxContext = cmp.Or(s.MaxContext, defaults.MaxContext)
	s.MaxImageSize = cmp.Or(s.MaxImageSize, defaults.MaxImageSize)
	s.AutoPull = s.AutoPull || defaults.AutoPull
	s.Key = cmp.Or(s.Key, defaults.Key)
	return s
}

// Server is one server of a provider.
type Server struct {
	Provider      string // The kind of server: "ollama", "openai", "mcp".
	Name          string // Its name in the settings; empty if it has none.
	URL           string // Without a password.
	MaxConcurrent int    // Maximum number of calls in flight to it.
}

// ServerState is the current state of a server.
type ServerState struct {
	Server
	Error   *Error   // Why calls cannot succeed; nil if they can.
	Version string   // Of the server, if it reports one.
	Models  []string // Names of the models that it has.
	Loaded  []string // Those in memory, if it reports them.

	Slots      int      // Requests that it works on at once; 0 if it does not say.
	Context    int64    // Tokens of a request with its answer, of its models in memory; 0 if it does not say, or they differ in it.
	Modalities []string // What its model accepts beside text.
}

// ServerReporter is a Handler whose calls go to servers.
type ServerReporter interface {
	// Servers lists the servers of the settings, in their order.
	Servers() []Server
	// Probe asks those that are wanted for their state, at the same time. It may start servers.
	Probe(ctx context.Context, wanted func(Server) bool) []ServerState
	// Unchecked names the servers, or the providers, that Health does not check.
	Unchecked() []string
}

// CallChecker is a Handler that can say of a call, before it is made, why it fails whatever it says.
type CallChecker interface {
	// CheckCall returns that reason; nil where there is none, or nobody knows. The parameters may have references.
	CheckCall(ctx context.Context, request Request) error
}

// ServerLoad is what a server works on for this process.
type ServerLoad struct {
	Server
	Calls   int         // In flight.
	Limit   int         // Maximum number of calls in flight at present.
	Models  []ModelLoad // Those of the calls, by name.
	Waiting int         // Calls that wait for a server of the provider, this one or another.
}

// ModelLoad is how many calls of a model are in flight.
type ModelLoad struct {
	Name  string
	Calls int
}

// LoadReporter is a ServerReporter that knows what its servers work on.
type LoadReporter interface {
	// Load returns the load of each server of the settings, in their order. It asks none of them.
	Load() []ServerLoad
}
