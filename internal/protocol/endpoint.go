package protocol

import "context"

// Endpoint is one server that serves calls of a protocol.
type Server struct {
	Provider      string // Its kind: "ollama", "openai".
	URL           string // Without a password.
	MaxConcurrent int    // Calls in flight to it.
}

// ServerState is how an endpoint is now.
type ServerState struct {
	Server
	Error   *Error   // Why calls have no chance; nil where they have.
	Version string   // Of the server, where it says.
	Models  []string // That it has.
	Loaded  []string // Of them, those in memory, where it says.
}

// Served is a Handler whose calls go to servers.
type ServerReporter interface {
	// Endpoints lists those of the settings, in their order.
	Servers() []Server
	// Look asks each of them how it is, at once.
	Probe(ctx context.Context) []ServerState
}
