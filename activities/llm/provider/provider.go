// Package provider is what the protocol llm/v1 and its providers share: what a provider is, the requests and answers in no
// server's language, the errors of servers, and how connections are made. It knows no provider by name.
package provider

import (
	"context"
	"net/url"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Provider is a kind of model server.
type Provider struct {
	protocol.Provider
	// Transcribes: its servers are Transcribers.
	Transcribes bool
	Title       string // What messages call one of its servers: "Ollama", "the server".

	// Open makes a Server for an address. It asks nothing of the server yet. Messages name the server as shown, which has no
	// password in it.
	Open func(address *url.URL, shown string) Server
	// Check lists what the provider does not support of a call whose parameters fit the schema of its method. Options are
	// those of the parameters, by the names in OptionNames.
	Check func(method string, parameters value.Value, options []value.Field) []protocol.ParameterError
}

// Server talks to one server in its language. It keeps nothing between calls but connections and what it has learned of the
// server, and its errors are *protocol.Error, perhaps with a Verdict.
type Server interface {
	// Converse has a model answer once. It calls heard with each piece of text as it comes ("" for a sign of life). The answer
	// holds what has come even where there is an error; without one it is complete.
	Converse(ctx context.Context, request *Request, answer *Answer, heard func(text string)) error
	// Embed turns texts into vectors.
	Embed(ctx context.Context, request *Request, answer *Answer) error
	// AcceptsImages reports whether the model of the request takes images, or true where the server does not say.
	AcceptsImages(ctx context.Context, request *Request) (bool, error)
	// State returns how the server is now.
	State(ctx context.Context, secrets Secrets) (protocol.ServerState, error)
	// Close closes idle connections.
	Close()
}

// Puller is a Server that fetches models. Every server of a provider with Pulls is one.
type Puller interface {
	// Pull fetches a model, and reports its progress.
	Pull(ctx context.Context, model string, progress func(string)) error
}

// Transcriber is a Server that writes down what is said in recordings. Every server of a provider with Transcribes may be one.
type Transcriber interface {
	// Transcribe makes text of the recording of the request.
	Transcribe(ctx context.Context, request *Request, answer *Answer) error
}

// TokenCounter is a Server that may count the tokens of texts.
type TokenCounter interface {
	// CountTokens returns how many tokens a text has for the model of the request; false if the server does not say.
	CountTokens(ctx context.Context, request *Request, text string) (tokens int64, known bool)
}

// ContextReporter is a Server that reports the size of a model's context in tokens.
type ContextReporter interface {
	// ContextSize returns the context that the model of the request has now, and the largest one that it may have; 0 if the
	// server does not say.
	ContextSize(ctx context.Context, request *Request) (current, most int64, err error)
}

// QueueReporter is a Server that reports whether it is working.
type QueueReporter interface {
	// Busy reports whether the server works on as many requests as it can, so that others wait.
	Busy(ctx context.Context) bool
}

// SlotReporter is a Server that reports how many requests it works on at once.
type SlotReporter interface {
	// Slots returns that number; false if the server does not say.
	Slots(ctx context.Context) (slots int, known bool)
}

// ModelLister is a Server that says which models are in memory.
type ModelLister interface {
	// LoadedModels lists the models in memory; known is false where the server did not say.
	LoadedModels(ctx context.Context) (models []string, known bool)
}
