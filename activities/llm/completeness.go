package llm

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/answer"
	"github.com/gleitzeit/gleitzeit/activities/llm/pool"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// ending is what the reason for which a server ended an answer says of it.
type ending int

const (
	whole    ending = iota
	cutOff          // At a limit of tokens.
	filtered        // By a content filter.
	refused         // By the model.
	aborted         // There is no answer; the next request may get one.
)

// endings are the reasons of servers that do not mean a whole answer. docs/providers.md says which server has which.
var endings = map[string]ending{
	"length": cutOff, "max_tokens": cutOff, "model_length": cutOff, "model_context_window_exceeded": cutOff,
	"content_filter": filtered, "safety": filtered, "sensitive": filtered, "recitation": filtered, "prohibited_content": filtered, "blocklist": filtered,
	"refusal": refused,
	"error":   aborted, "abort": aborted, "load": aborted, "unload": aborted, "insufficient_system_resource": aborted, "network_error": aborted,
}

func endingOf(a *provider.Answer) ending {
	if a.Refusal.Len() > 0 {
		return refused
	}
	return endings[strings.ToLower(a.Reason)]
}

// maxLoads is how often a server may answer one request only by loading the model.
const maxLoads = 3

// receive gets one answer from a server. An answer that the server aborted is a transient failure.
func (x *exchange) receive(ctx context.Context, m *pool.Member, a *provider.Answer, w *watchdog) error {
	for load := 1; ; load++ {
		heard, end := x.listener(a, w)
		x.logSent(m)
		err := m.Client.Converse(ctx, &x.request, a, heard)
		if end(); err != nil {
			return err
		}
		if a.Reason == "load" && a.Pieces == 0 && load < maxLoads {
			*a = provider.Answer{}
			continue
		}
		if endingOf(a) == aborted {
			return protocol.Errorf(protocol.TaskExecutionFailed, "%s did not answer: it ended the response after %s with the reason %q",
				x.serverName(), provider.Tokens(a.Pieces), x.call.secrets.Hide(a.Reason)).WithKind(protocol.Transient)
		}
		splitThoughts(a)
		return nil
	}
}

func (x *exchange) serverName() string { return x.call.backend.Title + " at " + x.member.URL }

// splitThoughts moves thoughts that the server left in the text to where they belong.
func splitThoughts(a *provider.Answer) {
	if a.Thinking.Len() > 0 {
		return
	}
	if thoughts, rest := answer.Split(a.Text.String()); thoughts != "" || rest != a.Text.String() {
		setText(a, rest)
		a.Thinking.WriteString(thoughts)
	}
}

func setText(a *provider.Answer, text string) {
	a.Text.Reset()
	a.Text.WriteString(text)
}

// limits are the parameters that give an answer more room.
func (c *call) limits() string {
	if c.backend.Cuts {
		return "`max_tokens` or `num_ctx`"
	}
	return "`max_tokens`"
}

// shortfall says in which respect an answer is not whole, and what to do; both are empty if it is.
func (c *call) shortfall(a *provider.Answer) (what, hint string) {
	blank, tokens := strings.TrimSpace(a.Text.String()) == "", provider.Tokens(int(a.Tokens))
	switch how := endingOf(a); {
	case how == refused && a.Refusal.Len() > 0:
		return "the model refused to answer: " + a.Refusal.String(), ""
	case how == refused:
		return "the model refused to answer", ""
	case how == filtered:
		return "the server's content filter cut off the answer", ""
	case how == cutOff && blank && a.Thinking.Len() > 0:
		return fmt.Sprintf("the model did not answer: it was cut off after %s of thoughts", tokens), "raise " + c.limits() + ", or set `think: false`"
	case how == cutOff:
		return fmt.Sprintf("the answer was cut off after %s", tokens), "raise " + c.limits() + ", or set `on_cut_answer: continue`"
	case blank && a.Thinking.Len() > 0:
		return "the model did not answer: there are only thoughts", ""
	case blank:
		if _, is := c.request.Parameters.Get("stop"); is {
			return "the answer is empty", "a text of `stop` may have ended it at once"
		}
		return "the answer is empty", ""
	}
	return "", ""
}

// checkWhole adds a warning about an answer that is not whole, or fails if that is set.
func (x *exchange) checkWhole(a *provider.Answer) error {
	what, hint := x.call.shortfall(a)
	if what == "" {
		return nil
	}
	if x.partial = true; x.mayContinue() {
		hint = strings.TrimSuffix(hint, ", or set `on_cut_answer: continue`")
	}
	if x.uncontinued != "" {
		what += ", and it could not be continued: " + x.uncontinued
	}
	what = x.call.secrets.Hide(what)
	if text(x.call.request.Parameters, "on_cut_answer") == "fail" {
		return protocol.Errorf(protocol.TaskResultInvalid, "%s", what).WithHint("%s", hint)
	}
	if x.truncation.answer > 0 && endingOf(a) == cutOff {
		what += ": the prompt leaves no more of the model's context, although `max_tokens` is larger"
	}
	if hint != "" {
		what += "; " + hint
	}
	x.warn(what)
	return nil
}

// warn adds a warning to the result.
func (x *exchange) warn(text string) {
	if !slices.Contains(x.warnings, text) {
		x.warnings = append(x.warnings, text)
	}
}

// maxContinuations is how often a model is asked to continue an answer.
const maxContinuations = 8

// wholeAnswer gets an answer; if it was cut off and that is set, the model is asked to continue it.
func (x *exchange) wholeAnswer(ctx context.Context) (*provider.Answer, error) {
	a, err := x.answerWithTools(ctx)
	x.uncontinued = ""
	if err != nil || !x.mayContinue() || endingOf(a) != cutOff || x.truncation.byServer {
		return a, err // A server that cuts the prompt would cut more of it.
	}
	messages, format, tools := x.request.Messages, x.request.Format, x.request.Tools
	defer func() {
		x.request.Messages, x.request.Format, x.request.Tools, x.continues = messages, format, tools, false
	}()
	for n := 1; n <= maxContinuations && endingOf(a) == cutOff && strings.TrimSpace(a.Text.String()) != ""; n++ {
		x.call.progress(fmt.Sprintf("asking the model to continue its answer (%d of %d)", n, maxContinuations))
		x.request.Messages = continuation(messages, x.request.Completion, a.Text.String())
		x.request.Format, x.request.Tools, x.continues = nil, nil, true
		more, err := x.continued(ctx, a)
		if err != nil {
			return a, err
		}
		if more == nil {
			break
		}
		a = more
	}
	return a, nil
}

func (x *exchange) mayContinue() bool {
	return text(x.call.request.Parameters, "on_cut_answer") == "continue"
}

// continued asks for the continuation of an answer, and returns both together. It returns nil if there is none: whatever failed,
// the answer so far is the result, with its warning. Only the end of the call is an error.
func (x *exchange) continued(ctx context.Context, a *provider.Answer) (*provider.Answer, error) {
	truncation, warnings, total := x.truncation, slices.Clone(x.warnings), x.total
	more, err := x.answerOnce(ctx)
	joined := a.Text.String() + more.Text.String()
	switch {
	case ctx.Err() != nil:
		return nil, err
	case err != nil:
		x.uncontinued = protocol.AsError(err, protocol.TaskExecutionFailed).Message
	case more.Cut && !a.Cut:
		x.uncontinued = "its prompt was longer than the model's context"
	case strings.TrimSpace(more.Text.String()) == "":
		x.uncontinued = "the continuation is empty"
	case len(joined) > protocol.MaxValue:
		x.uncontinued = "it would be too large"
	default:
		more.Tokens, more.Logprobs = a.Tokens+more.Tokens, append(a.Logprobs, more.Logprobs...)
		setText(more, joined)
		setText(&x.total, joined)
		x.total.Logprobs = more.Logprobs
		return more, nil
	}
	used := x.total
	x.truncation, x.warnings, x.total = truncation, warnings, provider.Answer{
		Done: a.Done, Cut: total.Cut, Reason: a.Reason, Model: a.Model, Role: a.Role, Logprobs: a.Logprobs,
		PromptTokens: used.PromptTokens, Tokens: used.Tokens, Load: used.Load, Read: used.Read, Write: used.Write,
	}
	setText(&x.total, a.Text.String())
	x.total.Refusal.WriteString(a.Refusal.String())
	x.total.Thinking.WriteString(total.Thinking.String())
	return nil, nil
}

// continuation are the messages that ask the model to continue a text.
func continuation(messages []provider.Message, completion *provider.Completion, text string) []provider.Message {
	const please = "Your answer was cut off. Continue it exactly where it ends. Repeat nothing, and add nothing before the continuation."
	messages = slices.Clone(messages)
	if completion == nil {
		return append(messages, provider.Message{Role: "assistant", Text: text}, provider.Message{Role: "user", Text: please})
	}
	last := &messages[len(messages)-1]
	if completion.Raw {
		last.Text += text
	} else {
		last.Text = strings.Join([]string{last.Text, text, please}, "\n\n")
	}
	return messages
}

// warning joins the warnings of a result, those about its files first.
func (x *exchange) warning() string {
	return strings.Join(slices.Concat(x.call.question.warnings, x.warnings), "; ")
}

// withWarning adds the warnings to a result.
func (x *exchange) withWarning(result protocol.Result) protocol.Result {
	if result.Warning = x.warning(); result.Warning != "" {
		result.Value = result.Value.With("warning", value.String(result.Warning))
	}
	return result
}
