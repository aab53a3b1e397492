package llm

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/document"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// question is what a call asks: everything from its parameters and files.
type question struct {
	provider.Request
	schema   *jsonschema.Schema // Of the answer; nil if any text is valid.
	format   []byte             // The schema as JSON.
	images   int                // In all messages.
	attached *document.Attached // Nil if there are no files.
	names    []string           // Of llm/embed: the files of the texts; empty for others.
	idle     time.Duration      // Maximum time without a token from the server.
	pull     bool               // Whether a missing model is fetched.
	rounds   int                // Maximum number of rounds of tool calls.
	warnings []string           // About the files.
}

// readQuestion reads the parameters, and the files that they name.
func readQuestion(ctx context.Context, c *call) (*question, error) {
	given := c.request.Parameters
	q := &question{rounds: defaultRounds, pull: c.backend.settings.AutoPull}
	q.Model, q.Secrets = c.model, c.secrets
	var err error
	if q.Options, err = readOptions(given); err != nil {
		return nil, err
	}
	if err = checkStop(given); err != nil {
		return nil, err
	}
	if found := c.backend.Check(c.request.Method, given, q.Options); len(found) > 0 {
		return nil, protocol.Errorf(protocol.InvalidParams, "%s", found[0].Message).WithHint("%s", found[0].Hint)
	}
	q.KeepAlive, _ = given.Get("keep_alive")
	if pull, is := given.Get("auto_pull"); is {
		q.pull = pull.Bool()
	}
	q.pull = q.pull && c.backend.Pulls
	if q.idle, err = readIdleTimeout(given); err != nil {
		return nil, err
	}
	if c.request.Method == Request {
		q.Body, err = bodyOf(given, c.model, c.request.Stream != nil)
		return q, err
	}
	if c.request.Method == Transcribe {
		if !c.backend.Transcribes {
			problem := notTranscribing(&c.backend.Provider)
			return nil, protocol.Errorf(protocol.InvalidParams, "%s", problem.Message).WithHint("%s", problem.Hint)
		}
		if _, given := given.Get("idle_timeout"); !given {
			q.idle = max(q.idle, c.request.Timeout) // Servers are silent until all is written down.
		}
		return q, q.recording(c.request)
	}
	attached, err := c.files.read(ctx)
	if err != nil {
		return nil, err
	}
	q.warnings = attached.warnings
	if c.request.Method == Embed {
		return q, q.embedding(c.request, attached)
	}
	if q.Messages, q.attached, err = readMessages(c.request, *c.pictures, attached); err != nil {
		return nil, err
	}
	size := 0
	for _, m := range q.Messages {
		q.images += len(m.Images)
		size += totalSize(m.Images)
	}
	if size > maxImages {
		return nil, tooManyImages()
	}
	if c.request.Method == Vision && q.images == 0 {
		return nil, protocol.Errorf(protocol.InvalidParams, "%s: an image is required", Vision).
			WithHint("use `image_path`, `image_paths` or `images`")
	}
	if c.request.Method == Generate {
		raw, _ := given.Get("raw")
		q.Completion = &provider.Completion{Suffix: text(given, "suffix"), Template: text(given, "template"), Raw: raw.Bool()}
	}
	return q, q.readAnswer(given)
}

// readAnswer reads the parameters about the answer.
func (q *question) readAnswer(given value.Value) error {
	q.Think, _ = given.Get("think")
	logprobs, _ := given.Get("logprobs")
	q.Logprobs = logprobs.Bool()
	if most, is := given.Get("top_logprobs"); is {
		if err := json.Unmarshal(most.JSON(), &q.TopLogprobs); err != nil {
			return protocol.Errorf(protocol.InvalidParams, "top_logprobs must be an integer, not %s", most.JSON())
		}
	}
	if most, is := given.Get("max_tool_rounds"); is {
		if err := json.Unmarshal(most.JSON(), &q.rounds); err != nil {
			return protocol.Errorf(protocol.InvalidParams, "max_tool_rounds must be an integer, not %s", most.JSON())
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
	q.format, q.Structured = sentSchema(schema).JSON(), true
	return nil
}

// embedding reads the texts of llm/embed: `input`, `prompt`, then the files, one text each.
func (q *question) embedding(request protocol.Request, attached attachments) error {
	given := request.Parameters
	for _, name := range []string{"input", "prompt"} {
		input, is := given.Get(name)
		switch {
		case is && input.Kind() == value.KindList:
			for _, element := range input.Elements() {
				q.Inputs = append(q.Inputs, element.Text())
			}
		case is:
			q.Inputs = append(q.Inputs, input.Text())
		}
	}
	q.names = make([]string, len(q.Inputs))
	for _, file := range attached.texts {
		q.Inputs, q.names = append(q.Inputs, file.Text), append(q.names, file.Path)
	}
	for i, input := range q.Inputs {
		if strings.TrimSpace(input) == "" {
			return protocol.Errorf(protocol.InvalidParams, "%s: text %d is empty", Embed, i)
		}
	}
	if width, is := given.Get("dimensions"); is {
		if err := json.Unmarshal(width.JSON(), &q.Dimensions); err != nil {
			return protocol.Errorf(protocol.InvalidParams, "dimensions must be an integer, not %s", width.JSON())
		}
	}
	return nil
}

// nameOf is what messages call a text.
func (q *question) nameOf(i int) string {
	if i < len(q.names) && q.names[i] != "" {
		return fmt.Sprintf("text %d (%q)", i, q.names[i])
	}
	return fmt.Sprintf("text %d", i)
}

// answerSchema compiles the schema of an answer.
func answerSchema(v value.Value) (*jsonschema.Schema, error) {
	schema, err := jsonschema.Compile(v.JSON())
	if err != nil {
		return nil, protocol.Errorf(protocol.InvalidParams, "invalid JSON Schema: %v", err)
	}
	return schema, nil
}

// sentSchema is a schema without the patterns that no server should get: Ollama 0.17.4 ends where a pattern has a group such as
// (?:…) or a lookahead. The answer is checked against them where Go can.
func sentSchema(schema value.Value) value.Value {
	return jsonschema.Rewrite("", schema, func(_ string, schema value.Value) value.Value {
		if pattern, is := schema.Get("pattern"); !is || !provider.HasGroup(pattern.Text()) {
			return schema
		}
		var kept []value.Field
		for _, field := range schema.Fields() {
			if field.Name != "pattern" {
				kept = append(kept, field)
			}
		}
		return value.Object(kept...)
	})
}

// readIdleTimeout reads the maximum time that a server may be silent.
func readIdleTimeout(given value.Value) (time.Duration, error) {
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

// duration parses a number of seconds, or a duration such as "1m30s".
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

// maxSeconds is the longest duration that a time.Duration can hold, rounded down.
const maxSeconds = 9e9

// readOptions collects the options for the server: those in `options`, overridden by those that are parameters. Numbers keep
// their digits.
func readOptions(given value.Value) ([]value.Field, error) {
	gathered := value.Object()
	set := func(name string, v value.Value) { gathered = gathered.With(name, v) }
	free, _ := given.Get("options")
	for _, field := range free.Fields() {
		set(field.Name, field.Value)
	}
	for _, name := range provider.OptionNames {
		if v, is := given.Get(name); is {
			set(name, v)
		}
	}
	if most, is := given.Get("max_tokens"); is {
		if _, twice := given.Get("num_predict"); twice {
			return nil, protocol.Errorf(protocol.InvalidParams, "max_tokens and num_predict are the same option: set only one")
		}
		set("num_predict", most)
	}
	if stop, is := given.Get("stop"); is {
		if stop.Kind() == value.KindString {
			stop = value.List(stop)
		}
		set("stop", stop)
	}
	return gathered.Fields(), nil
}

// checkStop finds an empty text that stops the answer, in `options`: the schema of the parameters does not cover it.
func checkStop(given value.Value) error {
	options, _ := given.Get("options")
	if stop, _ := options.Get("stop"); isEmptyText(stop) || slices.ContainsFunc(stop.Elements(), isEmptyText) {
		return protocol.Errorf(protocol.InvalidParams, "stop must not be empty: the answer would end before it begins")
	}
	return nil
}

func isEmptyText(v value.Value) bool { return v.Kind() == value.KindString && v.Text() == "" }
