package llm

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// question is what a call asks.
type question struct {
	chat   api.ChatRequest
	images int           // In all messages.
	schema *checked      // What the answer must be like; nil where it may be any text.
	idle   time.Duration // How long the server may be silent.
	numCtx int64         // The context that the call asks for; 0 where it leaves that to the model.
}

// question reads the parameters, and the files that they name.
func (h *Handler) question(check *checked, request protocol.Request) (*question, error) {
	given := request.Parameters
	if found := check.faults("parameters", given); found != "" {
		return nil, protocol.Errorf(protocol.InvalidParams, "%s: %s", request.Method, found)
	}
	q := &question{idle: defaultIdle}
	q.chat.Model = h.model(request)
	var err error
	if q.chat.Options, q.numCtx, err = optionsOf(given); err != nil {
		return nil, err
	}
	if q.chat.Messages, err = messagesOf(request); err != nil {
		return nil, err
	}
	for _, message := range q.chat.Messages {
		q.images += len(message.Images)
	}
	if request.Method == Vision && q.images == 0 {
		return nil, protocol.Errorf(protocol.InvalidParams, "%s: there is no image", Vision).
			WithHint("`image_path`, `image_paths` and `images` hold some")
	}
	return q, q.rest(given)
}

// rest reads what is neither message nor option.
func (q *question) rest(given protocol.Value) error {
	if wait, is := given.Get("idle_timeout"); is {
		idle, err := duration(wait)
		if err != nil || idle <= 0 {
			return protocol.Errorf(protocol.InvalidParams, "idle_timeout must be a number of seconds or a duration such as 90s or 5m, not %s", wait.JSON())
		}
		q.idle = idle
	}
	if keep, is := given.Get("keep_alive"); is {
		q.chat.KeepAlive = &api.Duration{}
		if err := json.Unmarshal(keep.JSON(), q.chat.KeepAlive); err != nil {
			return protocol.Errorf(protocol.InvalidParams, "keep_alive must be a number of seconds or a duration such as 5m, not %s", keep.JSON())
		}
	}
	if think, is := given.Get("think"); is {
		q.chat.Think = &api.ThinkValue{Value: think.Bool()}
		if think.Kind() == protocol.String {
			q.chat.Think.Value = think.Text()
		}
	}
	schema, is := given.Get("schema")
	if !is {
		return nil
	}
	var err error
	if q.schema, err = compile(schema.JSON()); err != nil {
		return protocol.Errorf(protocol.InvalidParams, "schema is no JSON Schema: %v", err)
	}
	q.chat.Format = schema.JSON()
	if q.chat.Think == nil {
		// A model that could think and does not answers without regard for the schema.
		q.chat.Think = &api.ThinkValue{Value: false}
	}
	return nil
}

// duration reads seconds, or a text such as "1m30s".
func duration(v protocol.Value) (time.Duration, error) {
	if v.Kind() == protocol.String {
		return time.ParseDuration(v.Text())
	}
	var s float64
	if err := json.Unmarshal(v.JSON(), &s); err != nil {
		return 0, err
	}
	if s > maxSeconds {
		return 0, fmt.Errorf("%s seconds are too many", v.JSON())
	}
	return time.Duration(s * float64(time.Second)), nil
}

// maxSeconds is what a time.Duration holds, rounded down.
const maxSeconds = 9e9

// model is the name of the model that a call asks.
func (h *Handler) model(request protocol.Request) string {
	if named, is := request.Parameters.Get("model"); is {
		return named.Text()
	}
	if request.Method == Vision {
		return h.options.VisionModel
	}
	return h.options.Model
}
