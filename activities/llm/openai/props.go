package openai

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
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

// readProps reads the page once; while the server is loading or cannot be reached, it is read again later.
func (o *server) readProps(ctx context.Context) *props {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.props != nil {
		return o.props
	}
	p := &props{}
	status, err := o.page(ctx, "/props", p)
	if err == nil && status == http.StatusOK && p.Slots > 0 {
		p.known = true
	}
	if err == nil && status != http.StatusServiceUnavailable {
		o.props = p
	}
	return p
}

// page reads a page of the server that does not belong to the API.
func (o *server) page(ctx context.Context, path string, into any) (status int, err error) {
	address := *o.base
	address.Path = strings.TrimSuffix(strings.TrimSuffix(address.Path, "/"), "/v1") + path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return 0, err
	}
	response, err := o.http.Do(request)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxReply))
	if err = errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK {
		return response.StatusCode, err
	}
	if !decodes(body, into) {
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

// AcceptsImages reports what llama.cpp's server says of its model. Of other servers it is not known: they reject an image that
// their model does not accept.
func (o *server) AcceptsImages(ctx context.Context, _ *provider.Request) (bool, error) {
	p := o.readProps(ctx)
	return !p.known || p.Modalities == nil || p.Modalities["vision"], nil
}
