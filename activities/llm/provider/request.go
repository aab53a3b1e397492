package provider

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Request is one request to a model, in no server's language.
type Request struct {
	Model      string
	Messages   []Message
	Options    []value.Field   // By the names in OptionNames, and further ones for the server.
	Format     json.RawMessage // JSON Schema of the answer; nil if any text is valid.
	Structured bool            // The last answer of the conversation must match a schema, even if this one need not.
	Think      value.Value     // Null: as the model does by default.
	KeepAlive  value.Value     // How long the model stays in memory afterwards; null: as the server does by default.
	Tools      []protocol.Tool
	ToolChoice string // Name of the tool that must be called, or AnyTool; otherwise the model decides.
	Secrets    Secrets

	Completion *Completion // For llm/generate: the prompt is not a conversation.
	Body       *Body       // For llm/request: what is sent, instead of everything above.
	Inputs     []string    // For llm/embed.
	Recording  *Recording  // For llm/transcribe.
	Dimensions int         // Of the vectors; 0 is the model's own.
	Truncate   bool        // Whether the server cuts a prompt that is too long; otherwise that is an error.
	Shift      bool        // Whether it drops the oldest half of a full context while it answers; otherwise the answer ends.

	Logprobs    bool // Whether the answer has the log probabilities of its tokens,
	TopLogprobs int  // and how many alternatives to each.
}

// Recording is the sound that is transcribed.
type Recording struct {
	Name   string // Of its file, without folders: servers tell formats by its extension.
	Data   []byte
	Fields []value.Field // Of the request: `language`, `prompt`.
}

// Option returns an option that is an integer; 0 if it is missing, or is none.
func (r *Request) Option(name string) int {
	for _, option := range r.Options {
		if option.Name == name {
			n, err := strconv.Atoi(option.Value.Digits())
			if err != nil {
				return 0 // The server rejects it.
			}
			return n
		}
	}
	return 0
}

// SetOption sets an option that is an integer.
func (r *Request) SetOption(name string, n int64) {
	r.Options = value.Object(r.Options...).With(name, value.Int(n)).Fields()
}

// Size is the number of bytes of all texts. A token has at least one.
func (r *Request) Size() (size int64) {
	for _, m := range r.Messages {
		size += int64(len(m.Text))
	}
	for _, text := range r.Inputs {
		size += int64(len(text))
	}
	if r.Body != nil {
		size += r.Body.Texts
	}
	return size
}

// bytesPerToken is a low estimate of the bytes of a token.
const bytesPerToken = 3

// MostBytesPerToken is a high estimate of the bytes of a token.
const MostBytesPerToken = 8

// WasCut reports whether a prompt whose texts have so many bytes was cut to a context by Ollama's /v1, which does not say so. Such a
// prompt fills the context, or half of it and two more tokens since Ollama 0.30; or older messages were dropped, and fewer tokens were
// counted than the texts have. A token has at least one byte.
func WasCut(size, tokens, context int64) bool {
	return size > context && (tokens >= context || tokens == context/2+2 || size > context*MostBytesPerToken && tokens < size/MostBytesPerToken)
}

// InputTokens is an estimate of the tokens of the request without those of its answer and of images.
func (r *Request) InputTokens() int64 { return r.Size() / bytesPerToken }

// Estimate is how many tokens the request may use.
func (r *Request) Estimate() int64 {
	const answer = 512 // Of a request without a limit.
	switch {
	case r.Inputs != nil, r.Body != nil && r.Body.Path == "embeddings":
		return r.InputTokens()
	case r.Body != nil:
		return r.InputTokens() + cmp.Or(r.Body.MaxTokens, answer)
	}
	return r.InputTokens() + cmp.Or(int64(max(r.Option("num_predict"), 0)), answer)
}

// TokensOf is how many tokens the request and its answer used; an estimate, where the server does not count.
func (r *Request) TokensOf(a *Answer) int64 {
	if a.Pieces == 0 && !a.Done {
		return 0
	}
	return cmp.Or(a.PromptTokens, r.InputTokens()) + cmp.Or(a.Tokens, int64(a.Pieces))
}

// WithTag is the name of a model with its tag, as servers list it.
func WithTag(model string) string {
	if name := model[strings.LastIndexByte(model, '/')+1:]; strings.Contains(name, ":") {
		return model
	}
	return model + ":latest"
}

// The values of tool_choice that are not names of tools.
const (
	FreeChoice = "auto"
	NoTool     = "none"
	AnyTool    = "required"
)

// Completion is what llm/generate has beyond its messages, which are a system message, perhaps, and one of the user.
type Completion struct {
	Suffix, Template string
	Raw              bool
}

// Message is one message of a conversation.
type Message struct {
	Role     string // "system", "user", "assistant" or "tool".
	Text     string
	Thinking string
	Images   [][]byte
	Calls    []ToolCall // Of the assistant.
	Tool     string     // Name of the tool whose result it is.
	CallID   string     // Of the call that it is the result of.
}

// ToolCall is a call of a tool that a model asks for.
type ToolCall struct {
	ID        string
	Name      string
	Arguments value.Value // An object.
	Problem   string      // Why the arguments that the model wrote are invalid; then there are none.
}

// ParseArguments reads the arguments of a tool call: an object, which may be encoded as a string. Nothing, and null, are no
// arguments. problem is for the model, which may call the tool again; it quotes the text, without the secrets.
func ParseArguments(text []byte, secrets Secrets) (arguments value.Value, problem string) {
	if len(bytes.TrimSpace(text)) == 0 {
		return value.Object(), ""
	}
	arguments, err := value.Parse(text)
	if err == nil && arguments.Kind() == value.KindString {
		arguments, err = value.Parse([]byte(arguments.Text()))
	}
	switch {
	case err != nil:
		return value.Object(), fmt.Sprintf("the arguments are %v; they were %s", err, shorten(secrets.Text(string(text))))
	case arguments.IsNull():
		return value.Object(), ""
	case arguments.Kind() != value.KindObject:
		return value.Object(), fmt.Sprintf("the arguments are %s, and must be an object; they were %s", arguments.Kind().Article(), shorten(secrets.Text(string(text))))
	}
	return arguments, ""
}

// OptionNames are the options that parameters set by their names, which are those of Ollama: the fields of api.Options and
// api.Runner, which a test compares. `stop` and `max_tokens` are parameters of their own.
var OptionNames = []string{
	"num_keep", "seed", "num_predict", "top_k", "top_p", "min_p", "typical_p", "repeat_last_n", "temperature",
	"repeat_penalty", "presence_penalty", "frequency_penalty",
	"num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread",
}

// Answer is what came of one request.
type Answer struct {
	Text     strings.Builder
	Thinking strings.Builder
	Refusal  strings.Builder // Why the model does not answer, in its own words.
	Calls    []ToolCall
	Pieces   int  // Of the stream: about one for each token.
	Done     bool // The model finished.
	Cut      bool // The prompt was longer than the model's context, and was cut.
	MayBeCut bool // The server cuts prompts without saying so, and does not say how long they may be.

	Reason               string // Why the model finished: "stop", "length".
	Model, Role          string
	PromptTokens, Tokens int64
	Context              int64         // Size of the context of a server that drops the oldest part of a full one; 0 if it does not, or is not known.
	Load, Read, Write    time.Duration // For loading the model, reading the prompt, writing the answer; 0 if the server does not report it.
	Vectors              []value.Value // Of llm/embed.
	Logprobs             []value.Value // Of the tokens, if the request asks for them.
}

// Usage counts what the request consumed, where the server said so.
func (a *Answer) Usage() protocol.Usage {
	if a.Pieces == 0 && !a.Done {
		return protocol.Usage{}
	}
	used := protocol.Usage{LLMCalls: 1, PromptTokens: a.PromptTokens, TokensUsed: a.Tokens}
	if !a.Done {
		used.TokensUsed = int64(a.Pieces)
	}
	return used
}

// Append adds a piece of the stream. The error is a permanent one, of an answer that is too large to be stored.
func (a *Answer) Append(text, thinking string) error {
	if a.Text.Len()+a.Thinking.Len()+len(text)+len(thinking) > protocol.MaxValue {
		return protocol.Errorf(protocol.TaskResultInvalid, "the answer is larger than %d bytes, the limit of a result", protocol.MaxValue).
			WithKind(protocol.Permanent).WithHint("limit the answer with `max_tokens`")
	}
	a.Text.WriteString(text)
	a.Thinking.WriteString(thinking)
	if text != "" || thinking != "" {
		a.Pieces++
	}
	return nil
}
