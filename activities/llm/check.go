package llm

import (
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
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
			_, err = answerSchema(schema)
			note("schema", err)
		}
		images, _ := given.Get("images")
		for _, image := range images.Elements() {
			_, err = decodeImage(image.Text())
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
