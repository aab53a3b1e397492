package llm

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
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
				found = append(found, uncheckedPatterns(compiled)...)
			}
		}
		images, _ := given.Get("images")
		for _, image := range images.Elements() {
			_, err = decodeImage(image.Text(), 0)
			note("images", err)
		}
		if called != nil {
			found = append(found, called.Check(method, given, options)...)
		}
		return found
	}
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

// uncheckedPatterns notes the patterns of a schema that nobody checks.
func uncheckedPatterns(schema *jsonschema.Schema) (notes []protocol.ParameterError) {
	for _, pattern := range schema.Unchecked {
		notes = append(notes, protocol.ParameterError{
			Parameter: "schema", Note: true, Message: fmt.Sprintf("the pattern %q is not checked: Go's regular expressions do not support it", pattern),
		})
	}
	return notes
}
