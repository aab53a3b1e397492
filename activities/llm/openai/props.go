package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// props is what llama.cpp's server reports of itself at /props. Other servers have no such page.
type props struct {
	known      bool
	Slots      int             `json:"total_slots"`
	Build      string          `json:"build_info"`
	Modalities map[string]bool `json:"modalities"`
	Settings   struct {
		Context int64 `json:"n_ctx"`
	} `json:"default_generation_settings"`
}

// acceptsImages reports whether the model accepts images, or true where the server does not say.
func (p *props) acceptsImages() bool {
	return !p.known || p.Modalities == nil || p.Modalities["vision"]
}

// accepted lists the modalities that the model accepts beside text.
func (p *props) accepted() []string {
	var names []string
	for _, name := range []string{"vision", "audio", "video"} {
		if p.Modalities[name] {
			names = append(names, name)
		}
	}
	return names
}

const (
	// propsFor is how long the page counts: the server may be started anew with another model.
	propsFor = time.Minute
	// pageWithin is the timeout of a request for a page.
	pageWithin = 5 * time.Second
)

// readProps reads the page, at most once a minute; while the server is loading or cannot be reached, it is read again each time.
func (o *server) readProps(ctx context.Context) *props {
	o.mu.Lock()
	known, until := o.props, o.propsAt
	o.mu.Unlock()
	if known != nil && time.Now().Before(until) {
		return known
	}
	p := &props{}
	status, err := o.page(ctx, "/props", p)
	p.known = err == nil && status == http.StatusOK && p.Slots > 0
	if err == nil && status != http.StatusServiceUnavailable || isTimeout(err) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.props, o.propsAt = p, time.Now().Add(propsFor)
	}
	return p
}

func isTimeout(err error) bool {
	timeout, is := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return is && timeout.Timeout()
}

// forget drops the page of a server that could not be reached: it may be started anew.
func (o *server) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.props = nil
}

// ContextSize returns the size of the context, which no request can raise: from the page of llama.cpp's server, or from the list of
// models of vLLM and others.
func (o *server) ContextSize(ctx context.Context, request *provider.Request) (current, most int64, err error) {
	if p := o.readProps(ctx); p.known && p.Settings.Context > 0 {
		return p.Settings.Context, p.Settings.Context, nil
	}
	reply, err := o.reply(ctx, http.MethodGet, "models", request.Model, request.Secrets, nil)
	if err != nil {
		return 0, 0, err
	}
	data, _ := reply.Get("data")
	for _, element := range data.Elements() {
		if text(element, "id") == request.Model {
			size := listedContext(element)
			return size, size, nil
		}
	}
	return 0, 0, nil
}

// listedContext is the size of the context of a model of the list; 0 if it is not there.
func listedContext(model value.Value) int64 {
	for _, name := range []string{"max_model_len", "context_length"} { // vLLM; OpenRouter and others.
		size, _ := model.Get(name)
		if n, err := strconv.ParseInt(size.Digits(), 10, 64); err == nil && n > 0 {
			return n
		}
	}
	return 0
}

// page reads a page of the server that does not belong to the API.
func (o *server) page(ctx context.Context, path string, into any) (status int, err error) {
	return o.pageAbout(ctx, http.MethodGet, path, nil, into)
}

// pageAbout reads such a page about what the body names.
func (o *server) pageAbout(ctx context.Context, method, path string, body []byte, into any) (status int, err error) {
	ctx, done := context.WithTimeout(ctx, pageWithin)
	defer done()
	address := *o.base
	address.Path = strings.TrimSuffix(strings.TrimSuffix(address.Path, "/"), "/v1") + path
	request, err := http.NewRequestWithContext(ctx, method, address.String(), bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	response, err := o.http.Do(request)
	if err != nil {
		return 0, err
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, maxReply))
	if err = errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK {
		return response.StatusCode, err
	}
	if !decodes(content, into) {
		return http.StatusNotFound, nil // A page of another server.
	}
	return response.StatusCode, nil
}

func decodes(body []byte, into any) bool { return json.Unmarshal(body, into) == nil }

// Slots returns how many requests llama.cpp's server works on at once.
func (o *server) Slots(ctx context.Context) (slots int, known bool) {
	p := o.readProps(ctx)
	return p.Slots, p.known
}

// Busy reports whether all slots of llama.cpp's server are at work. Requests that wait there get no sign of life.
func (o *server) Busy(ctx context.Context) bool {
	var slots []struct {
		Processing bool `json:"is_processing"`
	}
	if status, err := o.page(ctx, "/slots", &slots); err != nil || status != http.StatusOK || len(slots) == 0 {
		return false
	}
	for _, slot := range slots {
		if !slot.Processing {
			return false
		}
	}
	return true
}

// AcceptsImages reports what llama.cpp's server says of its model, and Ollama's own API, since its /v1 drops an image without saying
// so. Of other servers it is not known: they reject an image that their model does not accept.
func (o *server) AcceptsImages(ctx context.Context, request *provider.Request) (bool, error) {
	if p := o.readProps(ctx); !p.acceptsImages() {
		o.forget() // It may have another model by now.
		return o.readProps(ctx).acceptsImages(), nil
	} else if p.known {
		return true, nil
	}
	return !o.cutsUnseen(ctx) || o.listsVision(ctx, request.Model), nil
}

// tokenizeFor is how long it counts that a server has no page /tokenize: another one may be started at its address.
const tokenizeFor = time.Minute

// CountTokens asks the page /tokenize, which llama.cpp's server and vLLM have: the first reads `content` and lists the tokens, the other
// reads `prompt` and counts them.
func (o *server) CountTokens(ctx context.Context, request *provider.Request, text string) (tokens int64, known bool) {
	o.mu.Lock()
	missing := time.Now().Before(o.noTokens)
	o.mu.Unlock()
	if missing {
		return 0, false
	}
	body := value.Object(
		value.Field{Name: "model", Value: value.String(request.Model)},
		value.Field{Name: "content", Value: value.String(text)},
		value.Field{Name: "prompt", Value: value.String(text)},
		value.Field{Name: "add_special", Value: value.Bool(false)},
		value.Field{Name: "add_special_tokens", Value: value.Bool(false)},
	)
	var reply struct {
		Count  int64             `json:"count"`
		Tokens []json.RawMessage `json:"tokens"`
	}
	status, err := o.pageAbout(ctx, http.MethodPost, "/tokenize", body.JSON(), &reply)
	if tokens = max(reply.Count, int64(len(reply.Tokens))); err == nil && status == http.StatusOK && tokens > 0 {
		return tokens, true
	}
	if err == nil && text != "" && status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.noTokens = time.Now().Add(tokenizeFor)
	}
	return 0, false
}
