package llm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// checkOf returns a function that finds invalid parameters of a method beyond its schema, before any server is called. What a
// provider does not support is only found if it is known which one the task has.
func checkOf(method, defaultProvider string) func(value.Value, []string) []protocol.ParameterError {
	return func(given value.Value, unknown []string) (found []protocol.ParameterError) {
		note := func(parameter string, err error) {
			if err != nil {
				failure := protocol.AsError(err, protocol.InvalidParams)
				found = append(found, protocol.ParameterError{Parameter: parameter, Message: failure.Message, Hint: failure.Hint})
			}
		}
		options, err := readOptions(given)
		note("max_tokens", err)
		note("options", checkStop(given))
		note("models", checkModels(given))
		found = append(found, checkLists(given)...)
		for _, name := range []string{reader.PagesParameter, reader.EncodingParameter} {
			if one, is := given.Get(name); is {
				_, err := reader.Options(value.Object(value.Field{Name: name, Value: one}))
				note(name, err)
			}
		}
		note("on_truncation", checkSplit(method, given, unknown))
		for _, pair := range pairs {
			if !slices.Contains(unknown, pair.needs) && pair.isIncomplete(given) {
				note(pair.parameter, pair.failure())
			}
		}
		_, err = readIdleTimeout(given)
		note("idle_timeout", err)
		called := providerNamed(cmp.Or(text(given, "provider"), defaultProvider))
		if slices.Contains(unknown, "provider") {
			called = nil
		}
		if url := text(given, "base_url"); url != "" && called != nil {
			_, err = called.Address(url)
			note("base_url", err)
		}
		if schema, is := given.Get("schema"); is {
			compiled, err := answerSchema(schema)
			note("schema", err)
			if err == nil {
				found = append(found, schemaNotes(compiled)...)
			}
		}
		images, _ := given.Get("images")
		for _, image := range images.Elements() {
			_, err = decodeImage(image.Text(), 0)
			note("images", err)
		}
		if called != nil {
			found = append(found, called.Check(method, given, options)...)
			if method == Transcribe && !called.Transcribes {
				found = append(found, notTranscribing(called))
			}
		}
		return found
	}
}

// checkLists finds lists without an element: the model would be asked without the documents or images of the task.
func checkLists(given value.Value) (found []protocol.ParameterError) {
	for _, name := range []string{"files", "image_paths", "images", "input"} {
		if list, is := given.Get(name); is && list.Kind() == value.KindList && len(list.Elements()) == 0 {
			found = append(found, protocol.ParameterError{Parameter: name, Message: name + " is an empty list",
				Hint: "remove it, or skip the task with `when` if the list may be empty"})
		}
	}
	return found
}

// transcribing is the name of a provider that transcribes.
func transcribing() string {
	return providers[slices.IndexFunc(providers, func(p provider.Provider) bool { return p.Transcribes })].Name
}

// notTranscribing is the problem of a call of llm/transcribe with a provider that does not transcribe.
func notTranscribing(p *provider.Provider) protocol.ParameterError {
	return protocol.ParameterError{Parameter: "provider", Message: fmt.Sprintf("%s is not supported by the provider %q", Transcribe, p.Name),
		Hint: fmt.Sprintf("set `provider: %s` and the `base_url` of a server that has /v1/audio/transcriptions", transcribing())}
}

// pair is a parameter that has no effect without another.
type pair struct{ parameter, needs string }

var pairs = []pair{{"escalate_on", "models"}, {"top_logprobs", "logprobs"}}

func (p pair) isIncomplete(given value.Value) bool {
	_, is := given.Get(p.parameter)
	needed, has := given.Get(p.needs)
	return is && (!has || needed.Kind() == value.KindBool && !needed.Bool())
}

func (p pair) failure() error {
	return protocol.Errorf(protocol.InvalidParams, "%s has no effect without %s", p.parameter, p.needs).
		WithHint("set `%s`, or remove `%s`", p.needs, p.parameter)
}

// checkCall finds what checkOf finds without the provider.
func checkCall(given value.Value) error {
	if err := checkModels(given); err != nil {
		return err
	}
	if found := checkLists(given); len(found) > 0 {
		return protocol.Errorf(protocol.InvalidParams, "%s", found[0].Message).WithHint("%s", found[0].Hint)
	}
	for _, pair := range pairs {
		if pair.isIncomplete(given) {
			return pair.failure()
		}
	}
	return nil
}

// checkSplit finds a call that has nothing to split.
func checkSplit(method string, given value.Value, unknown []string) error {
	const files = "file_path, files"
	switch {
	case text(given, "on_truncation") != "split":
		return nil
	case method == Embed:
		return protocol.Errorf(protocol.InvalidParams, "on_truncation: split is not supported by %s", Embed).
			WithHint("write `fail`, or `fit` to raise num_ctx")
	case namesFiles(given) || slices.ContainsFunc(unknown, func(name string) bool { return strings.Contains(files, name) }):
		return nil
	}
	return protocol.Errorf(protocol.InvalidParams, "on_truncation: split has no effect without a document").
		WithHint("name it in `file_path` or `files`")
}

// providerNamed returns the provider of a name; nil if there is none.
func providerNamed(name string) *provider.Provider {
	for i := range providers {
		if providers[i].Name == name {
			return &providers[i]
		}
	}
	return nil
}

// schemaNotes notes the parts of a schema that nobody checks: patterns that are too large, and a keyword of OpenAPI.
func schemaNotes(schema *jsonschema.Schema) (notes []protocol.ParameterError) {
	for _, pattern := range schema.Unchecked {
		notes = append(notes, protocol.ParameterError{
			Parameter: "schema", Note: true, Message: fmt.Sprintf("the pattern that begins with %.60q is not checked: it is too large", pattern),
		})
	}
	for _, place := range schema.Nullable {
		notes = append(notes, protocol.ParameterError{
			Parameter: "schema", Note: true, Message: place + ` does not accept null: ` + schema.NullHint(),
		})
	}
	return notes
}
