package batchapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
)

const (
	// PriorityHeader sets the priority of a call.
	PriorityHeader = "Gleitzeit-Priority"
	// usualPriority is that of a call without the header: somebody waits for it.
	usualPriority = "high"
	// maxOnline bounds the request of a call, in bytes: it may have images.
	maxOnline = 32 << 20
	// maxCalls is how many calls wait or are in flight at once.
	maxCalls = 64
	// maxInMemory bounds what the requests of all calls have together, in bytes: those that are received, wait or are in flight.
	maxInMemory = 512 << 20
)

// priorities are the words for priorities, as in workflows, and what they are among waiting calls.
var priorities = map[string]int{"urgent": 1, "high": 2, "normal": protocol.NormalPriority, "low": 5}

// call returns what answers calls of an endpoint.
func (a *api) call(endpoint string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		word := r.Header.Get(PriorityHeader)
		if word == "" {
			word = usualPriority
		}
		priority, known := priorities[word]
		if !known {
			return invalid("", "Invalid header %s: %.60q. Supported values are: 'urgent', 'high', 'normal' and 'low'.", PriorityHeader, word)
		}
		held := &heldBody{ReadCloser: r.Body, memory: a.memory}
		defer held.release()
		r.Body = held
		body, err := readBody(w, r, maxOnline)
		if err != nil {
			return err
		}
		if model, _ := body.Get("model"); model.Kind() != value.KindString || model.Text() == "" {
			return refusal(http.StatusBadRequest, "model", "missing_required_parameter", "you must provide a model parameter")
		}
		select { // A client that is still sending takes no place of others.
		case a.calls <- struct{}{}:
			defer func() { <-a.calls }()
		default:
			return tooMany("Too many calls at once: %d. Try again later.", maxCalls)
		}
		parameters := value.Object(value.Field{Name: "url", Value: value.String(endpoint)}, value.Field{Name: "body", Value: body})
		if names := a.options.modelNames(); len(names.Fields()) > 0 {
			parameters = parameters.With("model_names", names)
		}
		stream := &stream{w: w}
		response, err := a.options.Runs.Call(r.Context(), Call{Parameters: parameters, Priority: priority, Stream: stream.write})
		switch {
		case stream.begun && err != nil:
			return stream.fail(err)
		case err != nil:
			return failedCall(err)
		case stream.begun:
			return nil
		}
		w.Header().Set(requestHeader, response.RequestID)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(response.Status)
		_, _ = w.Write(append(response.Body.JSON(), '\n')) // That the client is gone is no error of anybody here.
		return nil
	}
}

// tooMany is the refusal of a call because of others.
func tooMany(format string, args ...any) *failure {
	f := refusal(http.StatusTooManyRequests, "", "rate_limit_exceeded", format, args...)
	f.body.Type, f.retryAfter = "requests", 1
	return f
}

// memory is what the requests of all calls may still take, in bytes.
type memory struct{ left atomic.Int64 }

func newMemory(bytes int64) *memory {
	m := &memory{}
	m.left.Store(bytes)
	return m
}

// heldBody is a body that takes memory as it comes, until it is released.
type heldBody struct {
	io.ReadCloser
	memory *memory
	bytes  int64
}

// Read implements io.Reader.
func (b *heldBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	b.bytes += int64(n)
	if b.memory.left.Add(-int64(n)) < 0 {
		f := tooMany("Too much is sent at once: the requests of all calls may have %d bytes together. Try again later.", maxInMemory)
		f.closing = true
		return 0, f
	}
	return n, err
}

func (b *heldBody) release() { b.memory.left.Add(b.bytes) }

// modelNames returns the names of models on the servers, by those in requests.
func (o *Options) modelNames() value.Value {
	names := value.Object()
	for _, name := range o.ModelNames {
		names = names.With(name.Name, value.String(name.Value))
	}
	return names
}

// literalNames is modelNames for a workflow, where a text may have references.
func (o *Options) literalNames() value.Value { return interpreter.Literal(o.modelNames()) }

// stream is a response that is passed on as it comes.
type stream struct {
	w     http.ResponseWriter
	begun bool
}

// write passes on a piece. Its error means that the client is gone.
func (s *stream) write(piece []byte) error {
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		s.w.WriteHeader(http.StatusOK)
	}
	if _, err := s.w.Write(piece); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}

// fail ends a response that has begun: clients of the API know an error among the events.
func (s *stream) fail(err error) error {
	message := value.Object(value.Field{Name: "message", Value: value.String(err.Error())}, value.Field{Name: "type", Value: value.String(serverError)},
		value.Field{Name: "param", Value: value.Value{}}, value.Field{Name: "code", Value: value.Value{}})
	_, _ = fmt.Fprintf(s.w, "data: %s\n\n", value.Object(value.Field{Name: "error", Value: message}).JSON()) // As write.
	return nil
}

// failedCall returns the response to a call that no server has answered.
func failedCall(err error) error {
	e, is := errors.AsType[*protocol.Error](err)
	if !is {
		return err
	}
	f := &failure{status: http.StatusBadGateway, body: failureBody{Message: strings.TrimPrefix(e.Message, llm.Request+": "), Type: serverError, Code: optional(strings.ToLower(e.Name))}}
	switch e.Code {
	case protocol.InvalidParams:
		f.status, f.body.Type = http.StatusBadRequest, invalidRequest
	case protocol.TaskValidationFailed:
		f.status, f.body.Type, f.body.Param, f.body.Code = http.StatusNotFound, invalidRequest, optional("model"), optional("model_not_found")
	case protocol.ProviderOverloaded:
		f.status, f.retryAfter = http.StatusTooManyRequests, 1
	case protocol.ProviderNotAvailable:
		f.status = http.StatusServiceUnavailable
	case protocol.ProviderTimeout, protocol.TaskTimeout:
		f.status = http.StatusGatewayTimeout
	case protocol.ConfigurationError:
		f.status = http.StatusInternalServerError
	}
	return f
}

// modelDocument is a model as clients get it.
type modelDocument struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"` // Servers do not say when.
	OwnedBy string `json:"owned_by"`
}

func (m Model) document() modelDocument { return modelDocument{m.Name, "model", 0, m.Provider} }

// is reports whether requests get the model by the name: where the tag is missing, servers have a usual one.
func (m Model) is(name string) bool {
	const usual = ":latest"
	return strings.TrimSuffix(m.Name, usual) == strings.TrimSuffix(name, usual)
}

// models returns what requests may name: the names of the settings that lead to a model, and the models of the servers. A name that is also
// that of a model leads where the settings say.
func (a *api) models(r *http.Request) (all []Model, err error) {
	served, err := a.options.Runs.Models(r.Context())
	if err != nil {
		return nil, failedCall(err)
	}
	for _, name := range a.options.ModelNames {
		if slices.ContainsFunc(served, func(m Model) bool { return m.is(name.Value) }) {
			all = append(all, Model{name.Name, "settings"})
		}
	}
	named := len(all)
	for _, m := range served {
		if !slices.ContainsFunc(all[:named], func(n Model) bool { return n.Name == m.Name }) {
			all = append(all, m)
		}
	}
	return all, nil
}

func (a *api) listModels(w http.ResponseWriter, r *http.Request) error {
	models, err := a.models(r)
	if err != nil {
		return err
	}
	documents := make([]modelDocument, len(models))
	for i, m := range models {
		documents[i] = m.document()
	}
	answer(w, http.StatusOK, struct {
		Object string          `json:"object"`
		Data   []modelDocument `json:"data"`
	}{"list", documents})
	return nil
}

func (a *api) getModel(w http.ResponseWriter, r *http.Request) error {
	models, err := a.models(r)
	if err != nil {
		return err
	}
	name := r.PathValue("model")
	at := slices.IndexFunc(models, func(m Model) bool { return m.Name == name })
	if at < 0 {
		at = slices.IndexFunc(models, func(m Model) bool { return m.is(name) })
	}
	if at < 0 {
		return refusal(http.StatusNotFound, "model", "model_not_found", "The model %.80q does not exist", name)
	}
	answer(w, http.StatusOK, models[at].document())
	return nil
}
