package llm

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/answer"
	"github.com/gleitzeit/gleitzeit/activities/llm/document"
	"github.com/gleitzeit/gleitzeit/activities/llm/pool"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// exchange is the conversation of one attempt with the servers of a pool: rounds of tool calls, an answer, and, if that does
// not match its schema, one request for a correction.
type exchange struct {
	call     *call
	member   *pool.Member     // Server of the last request.
	request  provider.Request // From the question, once prepared.
	prepared bool
	tokens   int // Received so far, in all answers.

	total          provider.Answer // Counts are totals over all answers, everything else is of the last one.
	truncation     truncation
	tools          *tools
	toolCalls      []value.Value // A record of each tool call.
	unsafeToRepeat bool          // Whether a tool was called that is not safe to call twice.
	parsed         value.Value
	written        bool     // Whether the text of an answer was passed on.
	continues      bool     // Whether the model is asked to continue its last answer.
	uncontinued    string   // Why the last answer, which was cut off, could not be continued; empty if it was, or need not be.
	partial        bool     // Whether the answer of the result is not whole.
	correcting     bool     // Whether the model is asked to correct its answer.
	mismatched     bool     // Whether the answer did not match its schema, even after a correction.
	warnings       []string // Of the result.
}

// run gets an answer and makes the result of the method from it.
func (x *exchange) run(ctx context.Context) (protocol.Result, error) {
	c := x.call
	c.discard = x.discard
	if c.request.Method == Embed {
		if err := (&embedding{x}).run(ctx); err != nil {
			return protocol.Result{}, err
		}
		return x.result(x.vectorValue(), c.timeSpent)
	}
	if c.request.Method == Request {
		return (&forwarding{exchange: x}).run(ctx)
	}
	if c.request.Method == Transcribe {
		if err := (&transcription{x}).run(ctx); err != nil {
			return protocol.Result{}, err
		}
		text := value.String(x.total.Text.String())
		return x.result(value.Object(value.Field{Name: "response", Value: text}, value.Field{Name: "content", Value: text},
			value.Field{Name: "model", Value: value.String(cmp.Or(x.total.Model, x.request.Model))}), c.timeSpent)
	}
	if err := x.converse(ctx); err != nil {
		return protocol.Result{}, x.withoutRetry(err)
	}
	return x.result(x.textValue(), c.timeSpent)
}

// withoutRetry makes a failure one that is not retried by default, if a retry could call tools twice.
func (x *exchange) withoutRetry(err error) error {
	failure := protocol.AsError(err, protocol.TaskExecutionFailed)
	if !x.unsafeToRepeat || failure.Kind != protocol.Transient {
		return err
	}
	const why = "the model has called tools that are not safe to call twice: set `retry` to retry the task"
	if failure.Hint == "" {
		return failure.WithKind(protocol.TaskFault).WithHint(why)
	}
	return failure.WithKind(protocol.TaskFault).WithHint("%s; %s", failure.Hint, why)
}

// prepare copies the question when the first request is sent.
func (x *exchange) prepare() {
	if x.prepared {
		return
	}
	x.prepared = true
	q := x.call.question
	tools, choice := x.request.Tools, x.request.ToolChoice
	x.request, x.truncation.applied = q.Request, document.Form{}
	x.request.ToolChoice = choice
	x.request.Messages = slices.Clone(q.Messages)
	x.request.Tools = tools
	if x.tools == nil {
		x.request.Format = q.format
	}
}

// discard drops a question that no server has answered yet: its files are read again for the next request.
func (x *exchange) discard() {
	if !x.total.Done {
		x.call.question, x.prepared = nil, false
	}
}

// requireImages checks that the model accepts images. Some servers would drop them and answer without.
func (x *exchange) requireImages(ctx context.Context) error {
	sees, err := x.member.Client.AcceptsImages(provider.WithObserver(ctx, provider.Observer{}), &x.request)
	if err != nil || sees {
		return err
	}
	hint := "use one that does"
	if example := x.call.backend.Defaults.VisionModel; example != "" {
		hint += ", such as " + example
	}
	return protocol.Errorf(protocol.InvalidParams, "the model %q does not accept images", x.request.Model).WithHint("%s", hint)
}

// converse gets an answer that matches the schema.
func (x *exchange) converse(ctx context.Context) error {
	if err := x.findTools(ctx); err != nil {
		return err
	}
	for mended := false; ; mended = true {
		a, err := x.wholeAnswer(ctx)
		if err != nil {
			return err
		}
		q := x.call.question
		if q.schema == nil {
			return x.checkWhole(a)
		}
		var why string
		if x.parsed, why = answer.FindJSON(a.Text.String(), a.Thinking.String(), q.check); why == "" {
			if strings.TrimSpace(a.Text.String()) == "" { // It was in the thoughts.
				setText(a, string(x.parsed.JSON()))
				setText(&x.total, a.Text.String())
			}
			return x.checkWhole(a)
		}
		if mended {
			what, _ := x.call.shortfall(a)
			x.mismatched, x.partial = true, what != ""
			return x.mismatch(a, why)
		}
		x.call.progress("asking for a corrected answer: " + why)
		x.askForCorrection(a, why)
	}
}

// answerWithTools gets answers, and calls the tools that they ask for, until there is one without tool calls.
func (x *exchange) answerWithTools(ctx context.Context) (*provider.Answer, error) {
	for {
		a, err := x.answerOnce(ctx)
		if err == nil && len(a.Calls) == 0 && x.tools != nil && x.request.ToolChoice != "" && x.request.ToolChoice != provider.FreeChoice {
			x.warn("the model called no tool, although `tool_choice` requires it")
		}
		if err != nil || x.tools == nil || len(a.Calls) == 0 {
			return a, err
		}
		if x.tools.rounds == x.call.question.rounds {
			return a, protocol.Errorf(protocol.TaskExecutionFailed, "the model still calls tools after %d rounds", x.tools.rounds).
				WithHint("raise `max_tool_rounds`")
		}
		if err := x.call.withTimeout(ctx, 0, func(ctx context.Context, _ *watchdog) error { return x.callTools(ctx, a) }); err != nil {
			return a, err
		}
	}
}

// answerOnce gets one answer.
func (x *exchange) answerOnce(ctx context.Context) (*provider.Answer, error) {
	a := &provider.Answer{}
	err := x.call.send(ctx, func(ctx context.Context, m *pool.Member, w *watchdog) (bool, int64, error) {
		if a.Pieces > 0 { // Of an answer that was lost.
			x.call.usage = x.call.usage.Add(a.Usage())
			x.tokens += a.Pieces
		}
		a = &provider.Answer{}
		x.prepare()
		x.member = m
		if x.call.question.images > 0 {
			if err := x.requireImages(ctx); err != nil {
				return false, 0, err
			}
			w.restart()
		}
		err := x.withinContext(ctx, m, func() error {
			x.call.usage = x.call.usage.Add(a.Usage()) // Of an answer to a prompt that was cut.
			a = &provider.Answer{}
			if err := x.receive(ctx, m, a, w); err != nil || !a.Cut || x.call.backend.Cuts {
				return err
			}
			return provider.CutPrompt(x.call.backend.Title, a)
		})
		return a.Pieces > 0, x.request.TokensOf(a), err
	})
	x.tokens += a.Pieces
	x.addCounts(a)
	if x.truncation.notes != nil {
		return a, err
	}
	if provider.IsTooLong(err) && x.mayReadInParts() {
		if err := (&notes{exchange: x}).readInParts(ctx, err); err != nil {
			return a, err
		}
		return x.answerOnce(ctx)
	}
	if err == nil {
		x.warnOfCut(a)
		if err = x.requireUncut(a); err == nil && !a.Cut {
			observeTokens(x.call, &x.request, a.PromptTokens)
		}
	}
	return a, err
}

// listener returns a function that passes on the text of an answer and reports its progress, and one for the end of the answer.
func (x *exchange) listener(a *provider.Answer, w *watchdog) (heard func(text string), end func()) {
	write, told := x.call.request.Write, 0
	if x.truncation.notes != nil {
		write = nil
	}
	live := &answer.Live{Write: func(text string) {
		write(text)
		x.written = true
	}}
	heard = func(text string) {
		w.reset()
		if write != nil && told == 0 && a.Pieces > 0 && x.written && !x.continues {
			write("\n")
		}
		if a.Pieces > told {
			told = a.Pieces
			x.call.progress(provider.Tokens(x.tokens + a.Pieces))
		}
		if write != nil && text != "" {
			live.Add(text)
		}
	}
	return heard, live.End
}

// addCounts adds the counts of an answer to the totals.
func (x *exchange) addCounts(a *provider.Answer) {
	x.call.usage = x.call.usage.Add(a.Usage())
	sum := x.total
	x.total = provider.Answer{
		Done: a.Done, Cut: a.Cut || sum.Cut, Reason: a.Reason, Model: a.Model, Role: a.Role, Vectors: a.Vectors, Logprobs: a.Logprobs,
		PromptTokens: sum.PromptTokens + a.PromptTokens, Tokens: sum.Tokens + a.Tokens,
		Load: sum.Load + a.Load, Read: sum.Read + a.Read, Write: sum.Write + a.Write,
	}
	x.total.Text.WriteString(a.Text.String())
	x.total.Refusal.WriteString(a.Refusal.String())
	x.total.Thinking.WriteString(sum.Thinking.String() + a.Thinking.String())
}

// askForCorrection extends the conversation by an answer and the reason why it does not match the schema. Tools are no longer
// offered.
func (x *exchange) askForCorrection(a *provider.Answer, why string) {
	const please = "Your answer does not match the JSON Schema: %s. Answer again, with nothing but JSON that matches this schema: %s"
	text := fmt.Sprintf(please, why, x.call.question.format)
	x.correcting = true
	x.tools, x.request.Tools, x.request.Format = nil, nil, x.call.question.format
	if x.request.Completion != nil { // A prompt that is not a conversation is continued as text.
		last := &x.request.Messages[len(x.request.Messages)-1]
		last.Text = strings.Join([]string{last.Text, a.Text.String(), text}, "\n\n")
		return
	}
	x.request.Messages = append(x.request.Messages, provider.Message{Role: "assistant", Text: a.Text.String()}, provider.Message{Role: "user", Text: text})
}

// textValue makes the fields of a result that is text.
func (x *exchange) textValue() value.Value {
	text := value.String(x.total.Text.String())
	result := value.Object(value.Field{Name: "response", Value: text}, value.Field{Name: "content", Value: text})
	if x.request.Completion == nil {
		result = result.With("role", value.String(cmp.Or(x.total.Role, "assistant")))
	}
	result = result.With("model", value.String(cmp.Or(x.total.Model, x.request.Model)))
	if x.call.question.schema != nil {
		result = result.With("parsed", x.parsed)
	}
	if x.truncation.parts > 0 {
		result = result.With("parts", value.Int(int64(x.truncation.parts)))
	}
	if len(x.total.Logprobs) > 0 {
		result = result.With("logprobs", value.List(x.total.Logprobs...))
	}
	if x.total.Thinking.Len() > 0 {
		result = result.With("thinking", value.String(x.total.Thinking.String()))
	}
	if tools, _ := x.call.request.Parameters.Get("tools"); len(tools.Elements()) > 0 {
		result = result.With("tool_calls", value.List(x.toolCalls...))
	}
	return result
}

// vectorValue makes the fields of a result of llm/embed.
func (x *exchange) vectorValue() value.Value {
	result := value.Object(value.Field{Name: "embeddings", Value: value.List(x.total.Vectors...)})
	if len(x.total.Vectors) > 0 {
		result = result.With("embedding", x.total.Vectors[0]).
			With("dimensions", value.Int(int64(len(x.total.Vectors[0].Elements()))))
	}
	return result.With("model", value.String(cmp.Or(x.total.Model, x.request.Model)))
}

// result adds the fields of every result.
func (x *exchange) result(val value.Value, took time.Duration) (protocol.Result, error) {
	val = val.With("done_reason", value.String(x.total.Reason)).
		With("tokens_used", value.Int(x.total.Tokens)).
		With("prompt_tokens", value.Int(x.total.PromptTokens)).
		With("duration", value.Float(float64(protocol.RoundedSeconds(took))))
	for _, d := range []struct {
		name string
		took time.Duration
	}{{"load_duration", x.total.Load}, {"prompt_eval_duration", x.total.Read}, {"eval_duration", x.total.Write}} {
		if d.took > 0 {
			val = val.With(d.name, value.Float(float64(protocol.RoundedSeconds(d.took))))
		}
	}
	return x.withWarning(protocol.Result{Value: val.With("provider_id", value.String(x.member.URL))}), nil
}

// check returns why JSON does not match the schema; empty if it does.
func (q *question) check(parsed value.Value) (why string) { return q.schema.Check("answer", parsed) }

func (x *exchange) mismatch(a *provider.Answer, why string) error {
	failure := protocol.Errorf(protocol.TaskResultInvalid, "the answer of the model %q does not match the schema, even after a second request: %s; the answer: %s", x.request.Model, why, quote(x.call.secrets.Text(a.Text.String())))
	if endingOf(a) == cutOff {
		return failure.WithHint("the answer was cut off: raise %s", x.call.limits())
	}
	if how := endingOf(a); how == refused || how == filtered {
		what, _ := x.call.shortfall(a)
		return failure.WithHint("%s", x.call.secrets.Hide(what))
	}
	return failure.WithHint("use a larger model, ask for less in the `schema`, or name further models in `models`")
}

func quote(text redaction.Text) string {
	first, cut := text.First(provider.MaxQuoted)
	if cut {
		return fmt.Sprintf("%q…", first)
	}
	return fmt.Sprintf("%q", first)
}
