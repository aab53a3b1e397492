package llm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// exchange is the conversation of one attempt with one server: rounds of tools, an answer, and, where that does not fit
// its schema, one chance to mend it.
type exchange struct {
	call   *call
	on     *member
	watch  *watch
	ask    ask
	tokens int // That have come so far, of all answers.

	total  answer // Its counts are sums over all answers, everything else is of the last one.
	tools  *tools
	used   []protocol.Value // A record of each call of a tool.
	parsed protocol.Value
}

// exchange has the server answer, and makes the method's result of it.
func (c *call) exchange(ctx context.Context, on *member, watch *watch) (protocol.Result, error) {
	x := &exchange{call: c, on: on, watch: watch, ask: c.question.ask}
	x.ask.messages = slices.Clone(x.ask.messages)
	began := time.Now()
	if c.request.Method == Embed {
		if err := x.embed(ctx); err != nil {
			return protocol.Result{}, err
		}
		return x.result(x.vectors(), time.Since(began))
	}
	if c.question.images > 0 {
		if err := x.mustSee(ctx); err != nil {
			return protocol.Result{}, err
		}
		watch.heard()
	}
	if err := x.converse(ctx); err != nil {
		return protocol.Result{}, err
	}
	return x.result(x.words(), time.Since(began))
}

// mustSee asks whether the model takes images. Ollama would drop them and have it answer without.
func (x *exchange) mustSee(ctx context.Context) error {
	sees, err := x.on.backend.sees(ctx, x.ask.model)
	if err != nil || sees {
		return err
	}
	return protocol.Errorf(protocol.InvalidParams, "the model %q takes no images", x.ask.model).
		WithHint("name one that does, such as %s", defaultVisionModel)
}

// converse goes on until there is an answer that fits.
func (x *exchange) converse(ctx context.Context) error {
	q := x.call.question
	var err error
	if x.tools, err = x.offer(ctx); err != nil {
		return err
	}
	if x.tools == nil {
		x.ask.format = q.format
	}
	for mended := false; ; mended = true {
		a, err := x.final(ctx)
		if err != nil || q.schema == nil {
			return err
		}
		var why string
		if x.parsed, why = q.fitting(a); why == "" {
			return nil
		}
		if mended {
			return unfit(a, why)
		}
		x.call.progress("has the answer mended: " + why)
		x.mend(a, why)
	}
}

// final asks until the model wants no more of its tools.
func (x *exchange) final(ctx context.Context) (*answer, error) {
	for {
		a, err := x.once(ctx)
		if err != nil || x.tools == nil || len(a.calls) == 0 {
			return a, err
		}
		if x.tools.rounds == x.call.question.rounds {
			return a, protocol.Errorf(protocol.TaskExecutionFailed, "the model still asks for tools after %d rounds", x.tools.rounds).
				WithHint("`max_tool_rounds` grants more")
		}
		x.watch.pause()
		if err := x.use(ctx, a); err != nil {
			return a, err
		}
		x.watch.heard()
	}
}

// once has the model answer once.
func (x *exchange) once(ctx context.Context) (*answer, error) {
	a := &answer{}
	write := x.call.request.Write
	if write != nil && x.tokens > 0 {
		write("\n")
	}
	told := 0
	err := x.on.backend.converse(ctx, &x.ask, a, func(text string) {
		x.watch.heard()
		if a.pieces > told {
			told = a.pieces
			x.call.progress(tokens(x.tokens + a.pieces))
		}
		if write != nil && text != "" {
			write(text)
		}
	})
	x.tokens += a.pieces
	x.count(a)
	if err == nil {
		err = x.mayBeCut(a)
	}
	return a, err
}

func tokens(n int) string {
	if n == 1 {
		return "1 token"
	}
	return fmt.Sprintf("%d tokens", n)
}

// count adds an answer to the sums.
func (x *exchange) count(a *answer) {
	x.call.usage = x.call.usage.Add(a.usage())
	sum := x.total
	x.total = answer{
		done: a.done, cut: a.cut || sum.cut, reason: a.reason, model: a.model, role: a.role, vectors: a.vectors,
		promptTokens: sum.promptTokens + a.promptTokens, tokens: sum.tokens + a.tokens,
		load: sum.load + a.load, read: sum.read + a.read, write: sum.write + a.write,
	}
	x.total.text.WriteString(a.text.String())
	x.total.thinking.WriteString(sum.thinking.String() + a.thinking.String())
}

// mayBeCut notices a prompt that was cut although the server was asked not to, by an Ollama from before v0.12: then it
// fills the context exactly.
func (x *exchange) mayBeCut(a *answer) error {
	if numCtx := x.call.question.numCtx; numCtx <= 0 || a.promptTokens < numCtx || x.call.provider != ollamaProvider {
		return nil
	}
	x.total.cut = true
	if !x.ask.mayBeCut {
		return promptTooLong()
	}
	return nil
}

// mend asks for another answer: the model sees its own, and why that does not fit. Tools have had their time.
func (x *exchange) mend(a *answer, why string) {
	const please = "Your answer does not fit the JSON Schema that it must fit: %s. Answer again, with nothing but JSON that fits this schema: %s"
	text := fmt.Sprintf(please, why, x.call.question.format)
	x.tools, x.ask.tools, x.ask.format = nil, nil, x.call.question.format
	if x.ask.plain != nil { // A prompt that is no conversation goes on as text.
		last := &x.ask.messages[len(x.ask.messages)-1]
		last.text = strings.Join([]string{last.text, a.text.String(), text}, "\n\n")
		return
	}
	x.ask.messages = append(x.ask.messages, message{role: "assistant", text: a.text.String()}, message{role: "user", text: text})
}

// embed turns the texts into vectors.
func (x *exchange) embed(ctx context.Context) error {
	var a answer
	err := x.on.backend.embed(ctx, &x.ask, &a)
	x.count(&a)
	if err == nil && len(a.vectors) != len(x.ask.inputs) {
		return protocol.Errorf(protocol.TaskResultInvalid, "the server made %d vectors of %d texts", len(a.vectors), len(x.ask.inputs))
	}
	return err
}
