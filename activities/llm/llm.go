// Package llm is the protocol llm/v1: it has models of an Ollama server answer, over Ollama's own client. It must not know
// Temporal or the interpreter of workflows. It opens no file itself, takes no answer that was cut off for a whole one, and
// lets no number of a user or a model pass through a float.
package llm

import (
	"context"
	"sync"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Options are the settings of the protocol. The zero value is fine.
type Options struct {
	URL           string // Of the Ollama server; default "http://127.0.0.1:11434".
	Model         string // Of llm/chat where a task names none; default "llama3.2".
	VisionModel   string // Of llm/vision where a task names none; default "llava".
	MaxConcurrent int    // Calls in flight; default 4. Others wait, and that does not count as their time.
}

// The defaults.
const (
	defaultURL           = "http://127.0.0.1:11434"
	defaultModel         = "llama3.2"
	defaultVisionModel   = "llava"
	defaultMaxConcurrent = 4
	defaultIdle          = 2 * time.Minute // How long the server may be silent where a task does not say.
)

// Handler runs the methods of llm/v1. It keeps connections between calls; Close closes them.
type Handler struct {
	options Options
	shown   string // Where the server is, as messages and results say it: without a password.
	close   func()
	client  *api.Client
	checks  map[string]*checked // What parameters must be like, by method.
	slots   chan struct{}       // Holds one element for each call in flight.

	mu      sync.Mutex
	sighted map[string]bool // Models that are known to take images. That a model does not may change by a pull.
}

// New makes a Handler. It asks the server nothing yet; Health tells whether there is one. The error is a
// CONFIGURATION_ERROR.
func New(o Options) (*Handler, error) {
	o.URL = otherwise(o.URL, defaultURL)
	o.Model = otherwise(o.Model, defaultModel)
	o.VisionModel = otherwise(o.VisionModel, defaultVisionModel)
	o.MaxConcurrent = otherwise(o.MaxConcurrent, defaultMaxConcurrent)
	h := &Handler{options: o, checks: map[string]*checked{}, slots: make(chan struct{}, o.MaxConcurrent), sighted: map[string]bool{}}
	var err error
	server, err := endpoint(o.URL)
	if err != nil {
		return nil, err
	}
	h.shown = withoutUser(server)
	connections := connectionsTo(server)
	h.close = connections.CloseIdleConnections
	h.client = api.NewClient(server, connections)
	for _, method := range Spec().Methods {
		if h.checks[method.Name], err = compile(method.Parameters); err != nil {
			return nil, protocol.Errorf(protocol.InternalError, "the schema of %s: %v", method.Name, err)
		}
	}
	return h, nil
}

func otherwise[T comparable](given, fallback T) T {
	var none T
	if given == none {
		return fallback
	}
	return given
}

// Close lets go of idle connections. Calls in flight end by their contexts.
func (h *Handler) Close() error {
	h.close()
	return nil
}

// Health asks the server for its version.
func (h *Handler) Health(ctx context.Context) error {
	if _, err := h.client.Version(ctx); err != nil {
		return h.failed(ctx, "", err)
	}
	return nil
}

// Handle has a model answer once.
func (h *Handler) Handle(ctx context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
	check, known := h.checks[request.Method]
	if !known {
		return protocol.Result{}, protocol.Errorf(protocol.MethodNotSupported, "llm/v1 has no method %s", request.Method)
	}
	if progress == nil {
		progress = func(string) {}
	}
	release, err := h.slot(ctx, progress)
	if err != nil {
		return protocol.Result{}, err
	}
	defer release()
	asked, err := h.question(check, request) // Now, so that no call that waits holds files in memory.
	if err != nil {
		return protocol.Result{}, err
	}
	began := time.Now()
	limited, watch := watchOver(ctx, request.Timeout, asked.idle)
	defer watch.stop()
	if asked.images > 0 {
		if err := h.mustSee(limited, asked.chat.Model); err != nil {
			return protocol.Result{}, err
		}
		watch.heard()
	}
	answered, err := h.ask(limited, watch, asked.chat, progress)
	usage := answered.usage()
	if err != nil {
		return protocol.Result{Usage: usage}, err
	}
	value, err := h.resultOf(asked, answered, time.Since(began))
	return protocol.Result{Value: value, Usage: usage}, err
}

// Identity implements protocol.Identifier: the model that a call means which names none.
func (h *Handler) Identity(_ context.Context, request protocol.Request) (protocol.Value, error) {
	return protocol.OfString(h.model(request)), nil
}

// slot waits until fewer calls are in flight than may be. The function gives the slot back.
func (h *Handler) slot(ctx context.Context, progress protocol.Progress) (release func(), err error) {
	release = func() { <-h.slots }
	select {
	case h.slots <- struct{}{}:
		return release, nil
	default:
	}
	progress("waits for another call to end")
	select {
	case h.slots <- struct{}{}:
		return release, nil
	case <-ctx.Done():
		return nil, cancelled()
	}
}
