package llm

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// backend speaks to one server in its language. It keeps nothing between calls but connections, and its errors are
// *protocol.Error.
type backend interface {
	// converse has a model answer once and calls heard with what it writes, as it comes ("" for a sign of life). The
	// answer holds what has come even where it broke off; without an error it came to its end.
	converse(ctx context.Context, a *ask, into *answer, heard func(text string)) error
	// embed turns texts into vectors.
	embed(ctx context.Context, a *ask, into *answer) error
	// sees tells whether the model of the question takes images.
	sees(ctx context.Context, a *ask) (bool, error)
	// pull fetches a model, and tells how far it has come.
	pull(ctx context.Context, model string, progress func(string)) error
	// loaded lists the models in memory; known is false where the server does not say.
	loaded(ctx context.Context) (models []string, known bool)
	// state is how the server is now.
	state(ctx context.Context, key string) (protocol.ServerState, error)
	close()
}

// ask is one question to a model, in no server's language.
type ask struct {
	model    string
	messages []message
	options  []value.Field   // By Ollama's names.
	format   json.RawMessage // JSON Schema of the answer; nil where it may be any text.
	think    value.Value     // Null: as the model is used to.
	keep     value.Value     // How long the model stays in memory afterwards; null: as the server is used to.
	tools    []protocol.Tool
	hidden

	plain    *plain   // For llm/generate: the prompt is no conversation.
	inputs   []string // For llm/embed.
	width    int      // Of the vectors; 0 is the model's own.
	mayBeCut bool     // Whether a prompt that is too long is cut, and said to be, rather than refused.
}

// plain is what llm/generate has beyond its messages: of the system, perhaps, and one of the user.
type plain struct {
	suffix, template string
	raw              bool
}

// message is one step of a conversation.
type message struct {
	role     string // system, user, assistant or tool.
	text     string
	thinking string
	images   [][]byte
	calls    []toolCall // Of the assistant.
	tool     string     // Whose answer it is; with its call.
	callID   string
}

// toolCall is what a model wants of a tool.
type toolCall struct {
	id        string
	name      string
	arguments value.Value
}

// answer is what came of one question.
type answer struct {
	text     strings.Builder
	thinking strings.Builder
	calls    []toolCall
	pieces   int  // Of the stream: about one for each token.
	done     bool // The model came to its end.
	cut      bool // The prompt was longer than the model's context.

	reason, model, role  string
	promptTokens, tokens int64
	load, read, write    time.Duration // For the model to be loaded, the prompt to be read, the answer to be written; 0 where the server does not say.
	vectors              []value.Value // Of llm/embed.
}

// usage counts what the question consumed, where the server said so.
func (a *answer) usage() protocol.Usage {
	if a.pieces == 0 && !a.done {
		return protocol.Usage{}
	}
	used := protocol.Usage{LLMCalls: 1, PromptTokens: a.promptTokens, TokensUsed: a.tokens}
	if !a.done {
		used.TokensUsed = int64(a.pieces)
	}
	return used
}

// hear takes a piece in. The error is a permanent one, of an answer that is longer than can be kept.
func (a *answer) hear(text, thinking string) error {
	if a.text.Len()+a.thinking.Len()+len(text)+len(thinking) > protocol.MaxValue {
		return protocol.Errorf(protocol.TaskResultInvalid, "the answer has more than %d bytes, which is the most that can be kept", protocol.MaxValue).
			WithKind(protocol.Permanent).WithHint("`max_tokens` limits an answer")
	}
	a.text.WriteString(text)
	a.thinking.WriteString(thinking)
	if text != "" || thinking != "" {
		a.pieces++
	}
	return nil
}
