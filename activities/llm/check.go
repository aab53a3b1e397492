package llm

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// checkOf returns a function that finds invalid parameters of a method beyond its schema, before any server is called. The
// settings are not known: a task that names no provider is checked for the default one.
func checkOf(method string) func(value.Value) []protocol.ParameterError {
	return func(given value.Value) (found []protocol.ParameterError) {
		note := func(parameter string, err error) {
			if err != nil {
				failure := protocol.AsError(err, protocol.InvalidParams)
				found = append(found, protocol.ParameterError{Parameter: parameter, Message: failure.Message, Hint: failure.Hint})
			}
		}
		options, err := readOptions(given)
		note("max_tokens", err)
		note("options", checkStop(given))
		_, err = readIdleTimeout(given)
		note("idle_timeout", err)
		called := providerNamed(text(given, "provider"))
		if url := text(given, "base_url"); url != "" {
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
		return append(found, called.Check(method, given, options)...)
	}
}

// providerNamed returns the provider of a name, or the default one.
func providerNamed(name string) *provider.Provider {
	for i := range providers {
		if providers[i].Name == name {
			return &providers[i]
		}
	}
	return &providers[0]
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
