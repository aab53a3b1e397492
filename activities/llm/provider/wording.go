package provider

import (
	"cmp"
	"regexp"
	"strconv"
)

// wording is an expression of servers for one kind of error. Its groups `tokens`, `limit` and `answer` are numbers of tokens:
// those of the prompt, those of the context, and those that the request reserves for the answer; `all` is the prompt and the answer.
type wording struct {
	verdict Verdict
	match   *regexp.Regexp
}

// wordings are checked in their order. The comments say which servers have them. Servers use different statuses for the same error, and streams have none: the words decide.
// docs/providers.md describes the dialects.
var wordings = []wording{
	// The prompt fits, but not together with `max_tokens`.
	said(AnswerTooLong, `is too large: \d+\. This model's maximum context length is (?P<limit>\d+) tokens and your request has (?P<tokens>\d+) input tokens`), // vLLM 2025
	said(AnswerTooLong, "input length and `max_tokens` exceed context limit: (?P<tokens>\\d+) \\+ \\d+ > (?P<limit>\\d+)"),                                    // Anthropic 2025

	said(AnswerTooLong, "`inputs` tokens \\+ `max_new_tokens` must be <= (?P<limit>\\d+)\\. Given: (?P<tokens>\\d+) `inputs` tokens"), // TGI
	said(AnswerTooLong, `cannot be greater than max_model_len=(?:max_total_tokens=)?(?P<limit>\d+)`),                                  // vLLM

	said(PromptTooLong, `(?:request|input) \((?P<tokens>\d+) tokens\) exceeds the available context size \((?P<limit>\d+) tokens\)`), // llama.cpp since February 2026, Ollama of June 2026
	said(PromptTooLong, `exceeds the available context size`),                                                                        // llama.cpp 2025: the numbers are in the body, if anywhere
	said(PromptTooLong, `input \((?P<tokens>\d+) tokens\) is larger than the max context size \((?P<limit>\d+) tokens\)`),            // llama.cpp, embeddings
	said(PromptTooLong, `input \((?P<tokens>\d+) tokens\) is too large to process.*current batch size: (?P<limit>\d+)`),              // llama.cpp, embeddings
	said(PromptTooLong, `input is too large to process\. increase the physical batch size`),                                          // llama.cpp of January 2025, reranking

	said(PromptTooLong, `the prompt is longer than the context length currently available to the model`),                                // Ollama since 0.30.9
	said(PromptTooLong, `input length exceeds (?:the|maximum) context length`),                                                          // Ollama since 0.12.6; 0.2.6 to 0.11, embeddings
	said(PromptTooLong, `input length \((?P<tokens>\d+) tokens\) exceeds the model's maximum context length \((?P<limit>\d+) tokens\)`), // Ollama since 2026, MLX
	said(PromptTooLong, `prompt too long; exceeded (?:max )?context length`),                                                            // Ollama's cloud
	said(PromptTooLong, `exceeds maximum context length`),                                                                               // Ollama since 0.12.0, embeddings

	// "At least" is what the prompt must have so that it does not fit, not its length.
	said(PromptTooLong, `maximum context length is (?P<limit>\d+) tokens\. However, you requested (?P<answer>\d+) output tokens and your prompt contains`),                                  // vLLM 2026
	said(PromptTooLong, `You passed (?P<tokens>\d+) input tokens and requested (?P<answer>\d+) output tokens\..*context length is only (?P<limit>\d+) tokens`),                              // vLLM of early 2026
	said(PromptTooLong, `maximum context length is (?P<limit>\d+) tokens\. However, you requested (?P<all>\d+) tokens \(.*?(?P<answer>\d+) (?:in|for) the completion\)`),                    // OpenAI, vLLM 2025: with and without functions
	said(PromptTooLong, `maximum context length is (?P<limit>\d+) tokens.*\((?P<tokens>\d+) (?:in the messages|in your prompt)[,;] (?P<answer>\d+) `),                                       // OpenAI, vLLM 2025
	said(PromptTooLong, `maximum context length is (?P<limit>\d+) tokens.*(?:resulted in|requested) (?P<tokens>\d+) tokens`),                                                                // OpenAI, vLLM 2024 to 2025
	said(PromptTooLong, `prompt \(length (?P<tokens>\d+)\) is longer than the maximum model length of (?P<limit>\d+)`),                                                                      // vLLM 2025
	said(PromptTooLong, `maximum context length is (?P<limit>\d+) tokens\. However, your request has (?P<tokens>\d+) input tokens`),                                                         // vLLM of October 2025
	said(PromptTooLong, `maximum context length is (?P<limit>\d+) tokens`),                                                                                                                  // vLLM, other models of the family
	said(PromptTooLong, `model's context length is only (?P<limit>\d+) tokens`),                                                                                                             // vLLM of early 2026
	said(PromptTooLong, `input \((?P<tokens>\d+) tokens\) is longer than the model's context length \((?P<limit>\d+) tokens\)`),                                                             // SGLang
	said(PromptTooLong, `maximum context length of (?P<limit>\d+) tokens\. You requested a total of \d+ tokens: (?P<tokens>\d+) tokens from the input messages and (?P<answer>\d+) tokens`), // SGLang
	said(PromptTooLong, `does not fit in context length\. The input has (?P<tokens>\d+) tokens, but the context length only supports (?P<limit>\d+) tokens`),                                // LM Studio 0.4.21
	said(PromptTooLong, `n_keep:? \(?(?P<tokens>\d+)\)? ?>= n_ctx:? \(?(?P<limit>\d+)`),                                                                                                     // LM Studio 2026
	said(PromptTooLong, `keep the first (?P<tokens>\d+) tokens when .*context length of only (?P<limit>\d+) tokens`),                                                                        // LM Studio 0.3.13
	said(PromptTooLong, `exceed the configured limit of (?P<limit>\d+) tokens\. Your messages resulted in (?P<tokens>\d+) tokens`),                                                          // OpenAI 2025
	said(PromptTooLong, "`inputs` must have less than (?P<limit>\\d+) tokens\\. Given: (?P<tokens>\\d+)"),                                                                                   // TGI
	said(PromptTooLong, `exceeded model token limit: (?P<limit>\d+) \(re ?quested: (?P<tokens>\d+)\)`),                                                                                      // Moonshot
	said(PromptTooLong, `[Pp]rompt contains (?P<tokens>\d+) tokens.* too large for model with (?P<limit>\d+) maximum context length`),                                                       // Mistral
	said(PromptTooLong, `input token count \((?P<tokens>\d+)\) exceeds the maximum number of tokens allowed \((?P<limit>\d+)\)`),                                                            // Gemini
	said(PromptTooLong, `Range of input length should be \[\d+, (?P<limit>\d+)\]`),                                                                                                          // DashScope
	said(PromptTooLong, `(?:context window exceeds limit|exceeds the context window of this model|Context Window exceeded for given call)`),                                                 // MiniMax, OpenAI, LiteLLM
	said(PromptTooLong, `prompt is too long: (?P<tokens>\d+) tokens > (?P<limit>\d+) maximum`),                                                                                              // Anthropic

	said(CacheFull, `Context size has been exceeded`),             // llama.cpp: the calls in flight share one cache
	said(Loading, `(?:^|: )(?:llm server )?[Ll]oading model\.?$`), // llama.cpp, Ollama

	// From here to BadAnswer the words are a whole text: a server may quote a prompt that has them.
	said(ServerFault, `^(?:llama runner|llama-server) process has terminated: error loading model`), // Ollama: the next try fails as well
	said(ServerFault, `^(?:Failed to load model\b.*)?Error loading model`),                          // LM Studio

	said(RunnerGone, `^no tokenizer configured$`),                                // Ollama, of a runner that ends
	said(RunnerGone, `^health resp:`),                                            // Ollama
	said(RunnerGone, `^(?:llama runner|llama-server) process no longer running`), // Ollama; llama-server since 0.30.0
	said(RunnerGone, `^connection refused$|^(?:do embedding|[^ ]+)(?: request)?: .*(?:connect: connection refused|connectex: No connection could be made.*)$`), // Ollama, of the address of the runner; on Windows
	said(RunnerGone, `^(?:llama-)?server error: \{`),                                                                   // Ollama, of the state of the runner; llama-server since 0.30.0
	said(RunnerLost, `^(?:llama runner|llama-server) process has terminated`),                                          // Ollama; llama-server since 0.30.0
	said(RunnerLost, `^model runner has unexpectedly stopped`),                                                         // Ollama since 0.9.1
	said(RunnerLost, `^do embedding request: .*(?:EOF|reset|closed)`),                                                  // Ollama
	said(RunnerLost, `^(?:POST predict: )?Post "http://(?:127\.0\.0\.1|localhost):\d+/\w+": (?:EOF|.*reset|.*closed)`), // Ollama up to 0.9.0
	said(RunnerLost, `^an error was encountered while running the model`),                                              // Ollama since 0.5.13
	said(RunnerLost, `^error reading (?:llm|llama-server|llama-server chat) response`),                                 // Ollama; llama-server since 0.30.0

	said(BadAnswer, `The model produced output that does not match the expected`), // llama.cpp, of a tool call
	said(BadAnswer, `error parsing tool call`),                                    // Ollama since 0.11

	said(ModelMissing, `model '[^']*' not found`), // llama.cpp's router
	said(ModelMissing, `^model is not loaded`),    // llama.cpp's router with --no-models-autoload
	said(ModelMissing, `No models? loaded`),       // LM Studio

	said(CallerFault, `image input is not supported`),                                                           // llama.cpp
	said(CallerFault, `(?:does|do) not support (?:embeddings|tools|images|thinking|chat|generate|image input)`), // llama.cpp, Ollama
	said(CallerFault, `requires --jinja flag`),                                                                  // llama.cpp
	said(CallerFault, `"prompt" must not be empty|Input content cannot be empty`),                               // llama.cpp
	said(CallerFault, `Unexpected endpoint or method`),                                                          // LM Studio
	said(CallerFault, `failed to process inputs: |invalid image input`),                                         // Ollama 0.17.4
	said(CallerFault, `Failed to load image`),                                                                   // llama.cpp of June 2026
	said(CallerFault, `option "[^"]*" must be of type`),                                                         // Ollama
	said(CallerFault, `this model only supports one image`),                                                     // Ollama up to 0.17.4, mllama
	said(CallerFault, `invalid JSON schema in format`),                                                          // Ollama
	said(CallerFault, `^template: |Jinja Exception`),                                                            // Ollama, llama.cpp
}

func said(verdict Verdict, expression string) wording {
	return wording{verdict, regexp.MustCompile(expression)}
}

// Reading is what the words of a server mean.
type Reading struct {
	Verdict Verdict // 0: the words are not known.
	Tokens  int64   // Of a prompt that is too long; 0 if the server does not say.
	Limit   int64   // Of the context; 0 if the server does not say.
	Answer  int64   // What the request reserves for the answer; 0 if the server does not say.
}

// Read finds the words of a server in the table. A proxy that cannot connect to the server says nothing of a runner.
func Read(status int, said ErrorBody) Reading {
	for _, w := range wordings {
		found := w.match.FindStringSubmatch(said.Text)
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
				return 0 // It has more digits than any context.
			}
			return n
		}
		r := Reading{Verdict: w.verdict, Tokens: number("tokens"), Limit: number("limit"), Answer: number("answer")}
		if r.Verdict == PromptTooLong {
			r.Tokens, r.Limit = cmp.Or(r.Tokens, said.Tokens), cmp.Or(r.Limit, said.Limit)
		}
		if all := number("all"); all > r.Answer {
			r.Tokens = all - r.Answer
		}
		if r.Verdict == PromptTooLong && r.Answer > 0 && r.Tokens < r.Limit {
			r.Verdict = AnswerTooLong
		}
		return r
	}
	if said.Code == "context_length_exceeded" || said.Code == "exceed_context_size_error" {
		return Reading{Verdict: PromptTooLong, Tokens: said.Tokens, Limit: said.Limit}
	}
	return Reading{}
}
