package llm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// exchange is the conversation of one attempt with the servers of a pool: rounds of tools, an answer, and, where that does
// not fit its schema, one chance to mend it.
type exchange struct {
	call   *call
	on     *member          // That was asked last.
	ask    provider.Request // Of the question, once it is ready.
	ready  bool
	tokens int // That have come so far, of all answers.

	total  provider.Answer // Its counts are sums over all answers, everything else is of the last one.
	seen   int64           // Tokens that the model saw of the last prompt that was cut.
	tools  *tools
	used   []value.Value // A record of each call of a tool.
	once   bool          // A tool was called that must not be called twice.
	parsed value.Value
}

// run has servers answer, and makes the method's result of it.
func (x *exchange) run(ctx context.Context) (protocol.Result, error) {
	c := x.call
	c.forget = x.forget
	if c.request.Method == Embed {
		if err := x.embed(ctx); err != nil {
			return protocol.Result{}, err
		}
		return x.result(x.vectors(), c.spent)
	}
	if err := x.converse(ctx); err != nil {
		return protocol.Result{}, x.notAgain(err)
	}
	return x.result(x.words(), c.spent)
}

// notAgain keeps a failure from being tried again of itself where that would call tools twice.
func (x *exchange) notAgain(err error) error {
	failure := protocol.AsError(err, protocol.TaskExecutionFailed)
	if !x.once || failure.Kind != protocol.Transient {
		return err
	}
	const why = "the model has called tools that are not safe to call twice: set `retry` to retry the task"
	if failure.Hint == "" {
		return failure.WithKind(protocol.TaskFault).WithHint(why)
	}
	return failure.WithKind(protocol.TaskFault).WithHint("%s; %s", failure.Hint, why)
}

// begin takes over the question when its first request is made.
func (x *exchange) begin() {
	if x.ready {
		return
	}
	x.ready = true
	q := x.call.question
	tools := x.ask.Tools
	x.ask = q.Request
	x.ask.Messages = slices.Clone(q.Messages)
	x.ask.Tools = tools
	if x.tools == nil {
		x.ask.Format = q.format
	}
}

// forget lets go of a question to which nobody has said anything yet: its files are read again when it is asked again.
func (x *exchange) forget() {
	if !x.total.Done {
		x.call.question, x.ready = nil, false
	}
}

// mustSee asks whether the model takes images. Some servers would drop them and have it answer without.
func (x *exchange) mustSee(ctx context.Context) error {
	sees, err := x.on.server.AcceptsImages(ctx, &x.ask)
	if err != nil || sees {
		return err
	}
	return protocol.Errorf(protocol.InvalidParams, "the model %q does not accept images", x.ask.Model).
		WithHint("use one that does, such as %s", x.call.backend.Defaults.VisionModel)
}

// converse goes on until there is an answer that fits.
func (x *exchange) converse(ctx context.Context) error {
	if err := x.offer(ctx); err != nil {
		return err
	}
	for mended := false; ; mended = true {
		a, err := x.final(ctx)
		q := x.call.question
		if err != nil || q.schema == nil {
			return err
		}
		var why string
		if x.parsed, why = q.fitting(a); why == "" {
			return nil
		}
		if mended {
			return x.unfit(a, why)
		}
		x.call.progress("asking for a corrected answer: " + why)
		x.mend(a, why)
	}
}

// final asks until the model wants no more of its tools.
func (x *exchange) final(ctx context.Context) (*provider.Answer, error) {
	for {
		a, err := x.answer(ctx)
		if err != nil || x.tools == nil || len(a.Calls) == 0 {
			return a, err
		}
		if x.tools.rounds == x.call.question.rounds {
			return a, protocol.Errorf(protocol.TaskExecutionFailed, "the model still calls tools after %d rounds", x.tools.rounds).
				WithHint("raise `max_tool_rounds`")
		}
		if err := x.call.within(ctx, 0, func(ctx context.Context, _ *watch) error { return x.use(ctx, a) }); err != nil {
			return a, err
		}
	}
}

// answer has the model answer once.
func (x *exchange) answer(ctx context.Context) (*provider.Answer, error) {
	a := &provider.Answer{}
	err := x.call.asked(ctx, func(ctx context.Context, m *member, w *watch) (bool, error) {
		x.begin()
		x.on = m
		if x.call.question.images > 0 {
			if err := x.mustSee(ctx); err != nil {
				return false, err
			}
			w.heard()
		}
		a = &provider.Answer{}
		err := m.server.Converse(ctx, &x.ask, a, x.hearing(a, w))
		return a.Pieces > 0, err
	})
	x.tokens += a.Pieces
	x.count(a)
	return a, err
}

// hearing passes on what an answer says, and how far it has come.
func (x *exchange) hearing(a *provider.Answer, w *watch) func(text string) {
	write, told := x.call.request.Write, 0
	return func(text string) {
		w.heard()
		if write != nil && told == 0 && a.Pieces > 0 && x.tokens > 0 {
			write("\n")
		}
		if a.Pieces > told {
			told = a.Pieces
			x.call.progress(provider.Tokens(x.tokens + a.Pieces))
		}
		if write != nil && text != "" {
			write(text)
		}
	}
}

// count adds an answer to the sums.
func (x *exchange) count(a *provider.Answer) {
	x.call.usage = x.call.usage.Add(a.Usage())
	if a.Cut {
		x.seen = a.PromptTokens
	}
	sum := x.total
	x.total = provider.Answer{
		Done: a.Done, Cut: a.Cut || sum.Cut, Reason: a.Reason, Model: a.Model, Role: a.Role, Vectors: a.Vectors,
		PromptTokens: sum.PromptTokens + a.PromptTokens, Tokens: sum.Tokens + a.Tokens,
		Load: sum.Load + a.Load, Read: sum.Read + a.Read, Write: sum.Write + a.Write,
	}
	x.total.Text.WriteString(a.Text.String())
	x.total.Thinking.WriteString(sum.Thinking.String() + a.Thinking.String())
}

// mend asks for another answer: the model sees its own, and why that does not fit. Tools have had their time.
func (x *exchange) mend(a *provider.Answer, why string) {
	const please = "Your answer does not match the JSON Schema: %s. Answer again, with nothing but JSON that matches this schema: %s"
	text := fmt.Sprintf(please, why, x.call.question.format)
	x.tools, x.ask.Tools, x.ask.Format = nil, nil, x.call.question.format
	if x.ask.Completion != nil { // A prompt that is no conversation goes on as text.
		last := &x.ask.Messages[len(x.ask.Messages)-1]
		last.Text = strings.Join([]string{last.Text, a.Text.String(), text}, "\n\n")
		return
	}
	x.ask.Messages = append(x.ask.Messages, provider.Message{Role: "assistant", Text: a.Text.String()}, provider.Message{Role: "user", Text: text})
}

// embed turns the texts into vectors.
func (x *exchange) embed(ctx context.Context) error {
	var a provider.Answer
	err := x.call.asked(ctx, func(ctx context.Context, m *member, _ *watch) (bool, error) {
		x.begin()
		x.on, a = m, provider.Answer{}
		return false, m.server.Embed(ctx, &x.ask, &a)
	})
	x.count(&a)
	if err == nil && len(a.Vectors) != len(x.ask.Inputs) {
		return protocol.Errorf(protocol.TaskResultInvalid, "the server returned %d vectors for %d texts", len(a.Vectors), len(x.ask.Inputs))
	}
	return err
}
