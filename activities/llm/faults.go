package llm

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// faultsOf finds what is wrong with the parameters of a method that fit its schema, before any server is asked. What the
// settings decide is not known: a task that names no provider is no task of another one's.
func faultsOf(method string) func(value.Value) []protocol.ParameterError {
	return func(given value.Value) (found []protocol.ParameterError) {
		note := func(parameter string, err error) {
			if err != nil {
				failure := protocol.AsError(err, protocol.InvalidParams)
				found = append(found, protocol.ParameterError{Parameter: parameter, Message: failure.Message, Hint: failure.Hint})
			}
		}
		options, _, err := optionsOf(given)
		note("max_tokens", err)
		asked := &ask{options: options}
		asked.keep, _ = given.Get("keep_alive")
		_, _, err = asked.manner()
		note("keep_alive", err)
		_, err = idleOf(given)
		note("idle_timeout", err)
		if url := text(given, "base_url"); url != "" {
			_, err = endpoint(text(given, "provider"), url)
			note("base_url", err)
		}
		if schema, is := given.Get("schema"); is {
			_, err = answerSchema(schema)
			note("schema", err)
		}
		images, _ := given.Get("images")
		for _, image := range images.Elements() {
			_, err = decodedImage(image.Text())
			note("images", err)
		}
		if text(given, "provider") == openaiProvider {
			if method == Generate {
				note("provider", generateIsOllamas())
			}
			for _, wrong := range append(forOllama(given), otherOptions(options, asked.keep)...) {
				note(wrong.parameter, wrong.err)
			}
		}
		return found
	}
}

// wrong is a parameter that cannot stand where it does.
type wrong struct {
	parameter string
	err       error
}

// forOllama lists what only Ollama understands, and what is not handed over to the server.
func forOllama(given value.Value) (found []wrong) {
	if text(given, "on_truncation") == "fail" {
		found = append(found, wrong{"on_truncation", protocol.Errorf(protocol.InvalidParams,
			"on_truncation: fail is for Ollama; other servers do not say whether they have cut a prompt")})
	}
	if pull, is := given.Get("auto_pull"); is && pull.Bool() {
		found = append(found, wrong{"auto_pull", protocol.Errorf(protocol.InvalidParams, "auto_pull is for Ollama; other servers fetch no models")})
	}
	return found
}

// otherOptions lists the options that other servers than Ollama do not have.
func otherOptions(options []value.Field, keep value.Value) (found []wrong) {
	for _, option := range options {
		if openaiNames[option.Name] == "" && slices.Contains(optionNames, option.Name) {
			found = append(found, wrong{option.Name, protocol.Errorf(protocol.InvalidParams, "%s is an option of Ollama's, and other servers have none of that meaning", option.Name).
				WithHint("what is set where the server is started is not set by a call; `options` hands over what this server knows")})
		}
	}
	if !keep.IsNull() {
		found = append(found, wrong{"keep_alive", protocol.Errorf(protocol.InvalidParams, "keep_alive is for Ollama; other servers do not unload models")})
	}
	return found
}
