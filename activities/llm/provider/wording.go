package provider

import (
	"regexp"
	"strconv"
)

// wording is an expression of servers for one kind of error. Its groups `tokens`, `limit` and `answer` are numbers of tokens:
// those of the prompt, those of the context, and those of the context that the request reserves for the answer.
type wording struct {
	verdict Verdict
	match   *regexp.Regexp
}

// wordings are checked in their order. The comments say which servers have them. Servers use different statuses for the same error, and streams have none: the words decide.
// docs/providers.md describes the dialects.
var wordings = []wording{
	// The prompt fits, but not together with `max_tokens`.
	said(CallerFault, `is too large: \d+\. This model's maximum context length is`), // vLLM 0.6

	said(PromptTooLong, `(?:request|input) \((?P<tokens>\d+) tokens\) exceeds the available context size \((?P<limit>\d+) tokens\)`),                                                    // llama.cpp since October 2025, Ollama 0.30
	said(PromptTooLong, `exceeds the available context size(?: \((?P<limit>\d+) tokens\))?`),                                                                                            // llama.cpp
	said(PromptTooLong, `input \((?P<tokens>\d+) tokens\) is larger than the max context size \((?P<limit>\d+) tokens\)`),                                                               // llama.cpp, embeddings
	said(PromptTooLong, `input \((?P<tokens>\d+) tokens\) is too large to process.*current batch size: (?P<limit>\d+)`),                                                                 // llama.cpp, embeddings
	said(PromptTooLong, `input is too large to process\. increase the physical batch size`),                                                                                             // llama.cpp before 2025, embeddings
	said(PromptTooLong, `the prompt is longer than the context length currently available to the model`),                                                                                // Ollama 0.30
	said(PromptTooLong, `input length exceeds (?:the|maximum) context length`),                                                                                                          // Ollama 0.12 to 0.17; before for embeddings
	said(PromptTooLong, `exceeds maximum context length`),                                                                                                                               // Ollama 0.13, embeddings
	said(PromptTooLong, `maximum context length is (?P<limit>\d+) tokens.*\((?P<tokens>\d+) (?:in the messages|in your prompt|from the input messages)[,;]? (?:and )?(?P<answer>\d+) `), // OpenAI, vLLM before 0.9
	said(PromptTooLong, `maximum context length is (?P<limit>\d+) tokens.*(?:request has|resulted in|requested|prompt contains)(?: at least)? (?P<tokens>\d+) (?:input )?tokens`),       // OpenAI, vLLM
	said(PromptTooLong, `prompt \(length (?P<tokens>\d+)\) is longer than the maximum model length of (?P<limit>\d+)`),                                                                  // vLLM 0.9
	said(PromptTooLong, `Input prompt \((?P<tokens>\d+) tokens\) is too long and exceeds limit of (?P<limit>\d+)`),                                                                      // vLLM 0.6
	said(PromptTooLong, `maximum context length is (?P<limit>\d+) tokens`),                                                                                                              // OpenAI, vLLM
	said(PromptTooLong, `exceed the configured limit of (?P<limit>\d+) tokens\. Your messages resulted in (?P<tokens>\d+) tokens`),                                                      // OpenAI 2025
	said(PromptTooLong, `context length of only (?P<limit>\d+) tokens`),                                                                                                                 // LM Studio
	said(PromptTooLong, `prompt is too long: (?P<tokens>\d+) tokens > (?P<limit>\d+) maximum`),                                                                                          // Anthropic
	said(PromptTooLong, `context_length_exceeded`),                                                                                                                                      // OpenAI

	said(CacheFull, `Context size has been exceeded`), // llama.cpp: the calls in flight share one cache
	said(Loading, `Loading model|loading model`),      // llama.cpp, Ollama

	said(RunnerGone, `health resp:`),                                                               // Ollama
	said(RunnerGone, `(?:runner|llama-server) process no longer running`),                          // Ollama; llama-server since 0.30
	said(RunnerGone, `connection refused|connectex: No connection could be made`),                  // Ollama, of the address of the runner
	said(RunnerGone, `^server error: \{`),                                                          // Ollama, of the state of the runner
	said(RunnerLost, `(?:runner|llama-server) process has terminated`),                             // Ollama
	said(RunnerLost, `runner has unexpectedly stopped`),                                            // Ollama 0.6
	said(RunnerLost, `do embedding request: .*(?:EOF|reset|closed)`),                               // Ollama
	said(RunnerLost, `Post "http://(?:127\.0\.0\.1|localhost):\d+/\w+": (?:EOF|.*reset|.*closed)`), // Ollama
	said(RunnerLost, `error was encountered while running the model`),                              // Ollama
	said(RunnerLost, `error reading llm response`),                                                 // Ollama

	said(BadAnswer, `The model produced output that does not match the expected`), // llama.cpp, of a tool call
	said(BadAnswer, `error parsing tool call`),                                    // Ollama 0.9

	said(ModelMissing, `model '[^']*' not found`), // llama.cpp's router
	said(ModelMissing, `^model is not loaded`),    // llama.cpp's router with --no-models-autoload
	said(ModelMissing, `No models? loaded`),       // LM Studio

	said(CallerFault, `image input is not supported`),                                                           // llama.cpp
	said(CallerFault, `(?:does|do) not support (?:embeddings|tools|images|thinking|chat|generate|image input)`), // llama.cpp, Ollama
	said(CallerFault, `requires --jinja flag`),                                                                  // llama.cpp
	said(CallerFault, `"prompt" must not be empty|Input content cannot be empty`),                               // llama.cpp
	said(CallerFault, `Unexpected endpoint or method`),                                                          // LM Studio
	said(CallerFault, `image: unknown format|[Ff]ailed to (?:process|load|decode) (?:the )?image|image file is truncated|cannot identify image|invalid image`), // Ollama, servers with Pillow
	said(CallerFault, `option "[^"]*" must be of type`),              // Ollama
	said(CallerFault, `^template: |^template error|Jinja Exception`), // Ollama, llama.cpp
}

func said(verdict Verdict, expression string) wording {
	return wording{verdict, regexp.MustCompile(expression)}
}

// Reading is what the words of a server mean.
type Reading struct {
	Verdict Verdict // 0: the words are not known.
	Tokens  int64   // Of a prompt that is too long; 0 if the server does not say.
	Limit   int64   // Of the prompt; 0 if the server does not say.
}

// Read finds the words of a server in the table. A proxy that cannot connect to the server says nothing of a runner.
func Read(status int, text string) Reading {
	for _, w := range wordings {
		found := w.match.FindStringSubmatch(text)
		if found == nil || w.verdict == RunnerGone && IsUnreachable(status) {
			continue
		}
		number := func(group string) int64 {
			at := w.match.SubexpIndex(group)
			if at < 0 {
				return 0
			}
			n, err := strconv.ParseInt(found[at], 10, 64)
			if err != nil {
				return 0 // The group is optional.
			}
			return n
		}
		r := Reading{Verdict: w.verdict, Tokens: number("tokens"), Limit: number("limit")}
		if r.Limit > number("answer") {
			r.Limit -= number("answer")
		}
		return r
	}
	return Reading{}
}
