// Package openai is the provider of models that run on servers with OpenAI's API: vLLM, llama.cpp, LM Studio and many
// others. A key goes to the server that was named, and to no other.
package openai

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const name = "openai"

// Provider describes OpenAI-compatible servers.
func Provider() provider.Provider {
	return provider.Provider{
		Provider: protocol.Provider{
			Name:     name,
			Defaults: protocol.ProviderSettings{MaxConcurrent: 4},
			URL:      "http://127.0.0.1:8000/v1",
			ParseURL: parseURL,
			HasKeys:  true,
		},
		Transcribes: true,

		Title: "the server",
		Open:  open,
		Check: check,
	}
}

// check finds methods, parameters and options that the API does not have.
func check(method string, parameters value.Value, options []value.Field) (found []protocol.ParameterError) {
	if method == "llm/generate" {
		found = append(found, protocol.ParameterError{Parameter: "provider", Message: unsupported(method), Hint: "use `llm/chat` instead"})
	}
	if pull, _ := parameters.Get("auto_pull"); pull.Bool() {
		found = append(found, protocol.ParameterError{Parameter: "auto_pull", Message: unsupported("auto_pull"), Hint: "these servers do not fetch models"})
	}
	for _, option := range options {
		if optionNames[option.Name] == "" && slices.Contains(provider.OptionNames, option.Name) {
			found = append(found, protocol.ParameterError{Parameter: option.Name, Message: unsupported(option.Name),
				Hint: "set it where the server is started; `options` passes options that this server knows"})
		}
	}
	if keep, _ := parameters.Get("keep_alive"); !keep.IsNull() {
		found = append(found, protocol.ParameterError{Parameter: "keep_alive", Message: unsupported("keep_alive"), Hint: "these servers do not unload models"})
	}
	return found
}

func unsupported(what string) string {
	return fmt.Sprintf("%s is not supported by the provider %q", what, name)
}

// parseURL reads the address of an API: with its scheme, and with the path before "/chat/completions".
func parseURL(text string) (address string, ok bool) {
	parsed, err := url.Parse(strings.TrimSpace(text))
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Hostname() == "" {
		return "", false
	}
	return strings.TrimSuffix(parsed.String(), "/"), true
}
