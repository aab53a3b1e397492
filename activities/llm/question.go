package llm

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// question is what a call asks, with all that its parameters and files say.
type question struct {
	ask
	schema *jsonschema.Schema // What the answer must be like; nil where it may be any text.
	format []byte             // The same as JSON.
	images int                // In all messages.
	idle   time.Duration      // How long the server may be silent.
	numCtx int64              // The context that the call asks for; 0 where it leaves that to the model.
	pull   bool               // Whether a model that is lacking is fetched.
	rounds int                // How often the model may ask for them.
}

// ask reads the parameters, and the files that they name.
func (c *call) ask() (*question, error) {
	given := c.request.Parameters
	q := &question{rounds: defaultRounds, pull: c.handler.options.AutoPull}
	q.model, q.hidden = c.model, c.hidden
	var err error
	if q.options, q.numCtx, err = optionsOf(given); err != nil {
		return nil, err
	}
	if c.provider != ollamaProvider {
		for _, wrong := range forOllama(given) {
			return nil, wrong.err
		}
	}
	q.mayBeCut = text(given, "on_truncation") != "fail"
	q.keep, _ = given.Get("keep_alive")
	if pull, is := given.Get("auto_pull"); is {
		q.pull = pull.Bool()
	}
	q.pull = q.pull && c.provider == ollamaProvider
	if q.idle, err = idleOf(given); err != nil {
		return nil, err
	}
	if c.request.Method == Embed {
		return q, q.embedding(c.request)
	}
	if q.messages, err = messagesOf(c.request); err != nil {
		return nil, err
	}
	size := 0
	for _, m := range q.messages {
		q.images += len(m.images)
		size += sizeOfAll(m.images)
	}
	if size > maxImages {
		return nil, tooManyImages()
	}
	if c.request.Method == Vision && q.images == 0 {
		return nil, protocol.Errorf(protocol.InvalidParams, "%s: there is no image", Vision).
			WithHint("`image_path`, `image_paths` and `images` hold some")
	}
	if c.request.Method == Generate {
		raw, _ := given.Get("raw")
		q.plain = &plain{suffix: text(given, "suffix"), template: text(given, "template"), raw: raw.Bool()}
	}
	return q, q.rest(given, c.provider)
}

// rest reads what the answer is to be like.
func (q *question) rest(given value.Value, provider string) error {
	q.think, _ = given.Get("think")
	if most, is := given.Get("max_tool_rounds"); is {
		if err := json.Unmarshal(most.JSON(), &q.rounds); err != nil {
			return protocol.Errorf(protocol.InvalidParams, "max_tool_rounds must be a whole number, not %s", most.JSON())
		}
	}
	schema, is := given.Get("schema")
	if !is {
		return nil
	}
	var err error
	if q.schema, err = answerSchema(schema); err != nil {
		return err
	}
	q.format = schema.JSON()
	if q.think.IsNull() && provider == ollamaProvider {
		// A model that could think and does not answers without regard for the schema.
		q.think = value.Bool(false)
	}
	return nil
}

// embedding reads the texts of llm/embed: `input`, `prompt`, then files, one text each.
func (q *question) embedding(request protocol.Request) error {
	given := request.Parameters
	for _, name := range []string{"input", "prompt"} {
		input, is := given.Get(name)
		switch {
		case is && input.Kind() == value.KindList:
			for _, element := range input.Elements() {
				q.inputs = append(q.inputs, element.Text())
			}
		case is:
			q.inputs = append(q.inputs, input.Text())
		}
	}
	files, err := filesOf(request)
	if err != nil {
		return err
	}
	for _, file := range files {
		q.inputs = append(q.inputs, file.text)
	}
	for i, input := range q.inputs {
		if input == "" {
			return protocol.Errorf(protocol.InvalidParams, "%s: text %d is empty, and has no vector", Embed, i)
		}
	}
	if width, is := given.Get("dimensions"); is {
		if err := json.Unmarshal(width.JSON(), &q.width); err != nil {
			return protocol.Errorf(protocol.InvalidParams, "dimensions must be a whole number, not %s", width.JSON())
		}
	}
	return nil
}

// answerSchema reads what an answer must be like.
func answerSchema(v value.Value) (*jsonschema.Schema, error) {
	schema, err := jsonschema.Compile(v.JSON())
	if err != nil {
		return nil, protocol.Errorf(protocol.InvalidParams, "schema is no JSON Schema: %v", err)
	}
	return schema, nil
}

// idleOf is how long a call lets its server be silent.
func idleOf(given value.Value) (time.Duration, error) {
	wait, is := given.Get("idle_timeout")
	if !is {
		return defaultIdle, nil
	}
	idle, err := duration(wait)
	if err != nil || idle <= 0 {
		return 0, protocol.Errorf(protocol.InvalidParams, "idle_timeout must be a number of seconds or a duration such as 90s or 5m, not %s", wait.JSON())
	}
	return idle, nil
}

// duration reads seconds, or a text such as "1m30s".
func duration(v value.Value) (time.Duration, error) {
	if v.Kind() == value.KindString {
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
