package llm

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/document"
	"github.com/gleitzeit/gleitzeit/activities/llm/pool"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// onTruncation is the value of the parameter: "warn", "fail", "fit" or "split". A chunk of a document is never cut.
func (c *call) onTruncation() string {
	if c.request.Document != "" && text(c.request.Parameters, "on_truncation") != "fit" {
		return "split"
	}
	return cmp.Or(text(c.request.Parameters, "on_truncation"), "warn")
}

// truncation is what was done so that the prompts of a call fit. A question that is read again gets the same.
type truncation struct {
	document.Form               // What is sent of the text.
	applied       document.Form // The same, as the request has it.
	notes         *notes        // While the text is read in parts; nil otherwise.
	parts         int           // In which the text was read; 0 = at once.
	noParts       bool          // Whether it cannot be read in parts.
	answer        int64         // What is left of the context for the answer, if `max_tokens` is more; 0 = enough.
	numCtx        int64         // Size of the context that was raised; 0 = not raised.
	byServer      bool          // Whether the server cuts the prompt,
	shift         bool          // and is asked to drop the oldest part of a full context: since Ollama 0.30.9 it does not cut otherwise.
	tokens        int64         // Of the whole prompt, if a server said so.
	limit         int64         // Of the context, if a server said so,
	most          int64         // and of the largest one that the model may have.
}

// apply makes the request fit as it was found to be necessary.
func (t *truncation) apply(request *provider.Request, q *question) {
	if t.numCtx > int64(request.Option("num_ctx")) {
		request.SetOption("num_ctx", t.numCtx)
	}
	if t.answer > 0 {
		request.SetOption("num_predict", t.answer)
	}
	request.Truncate, request.Shift = t.byServer, t.shift
	if q.attached != nil && t.Form != t.applied {
		request.Messages[q.attached.At].Text, t.applied = q.attached.Text(t.Form), t.Form
	}
	if t.notes != nil {
		t.notes.apply(request)
	}
}

// maxShortened is how often a request is sent that is found to be too long each time.
const maxShortened = 16

// withinContext sends a request, and again as long as the prompt is too long and that can be changed.
func (x *exchange) withinContext(ctx context.Context, m *pool.Member, send func() error) error {
	if x.call.onTruncation() == "fit" && x.call.backend.Cuts {
		x.truncation.numCtx = max(x.truncation.numCtx, x.call.pool.ContextOf(m, x.call.model))
		x.fitAnswer(ctx, m)
	}
	x.truncation.apply(&x.request, x.call.question)
	for round := 1; ; round++ {
		err := send()
		if !provider.IsTooLong(err) {
			return err
		}
		if round == maxShortened || !x.shortenAnswer(err) && !x.shorten(ctx, m, err) {
			switch {
			case x.truncation.notes != nil || x.mayReadInParts():
				return err
			case provider.VerdictOf(err) == provider.PromptCut && x.call.onTruncation() != "split": // The answer counts, unless `on_truncation` is `fail`.
				return nil
			}
			return x.tooLong(err)
		}
		x.truncation.apply(&x.request, x.call.question)
	}
}

// shortenAnswer lowers `max_tokens` if the prompt fits, but not together with it, and reports whether it did. Servers that do not
// check the sum end the answer where the context ends.
func (x *exchange) shortenAnswer(err error) bool {
	t := &x.truncation
	tokens, limit := provider.LengthOf(err)
	if provider.VerdictOf(err) != provider.AnswerTooLong || t.notes != nil || limit == 0 {
		return false
	}
	least := min(x.answerTokens(), usualAnswer, limit/4)
	left := least // The server does not say how long the prompt is.
	if tokens > 0 {
		left = limit - tokens
	}
	if left < max(least, 1) || left >= x.answerTokens() {
		return false
	}
	t.answer = left
	return true
}

// shorten changes the request so that it may fit, and reports whether there is something to change.
func (x *exchange) shorten(ctx context.Context, m *pool.Member, err error) bool {
	t, how := &x.truncation, x.call.onTruncation()
	tokens, limit := provider.LengthOf(err)
	if limit == 0 && (t.limit == 0 || t.numCtx > 0) {
		limit = x.reportedContext(ctx, m)
	}
	if t.limit = cmp.Or(limit, t.limit); t.Kept == 0 {
		t.tokens = tokens
	}
	if provider.VerdictOf(err) == provider.PromptCut {
		tokens = max(x.request.Size()/bytesPerToken, limit+1) // The model has answered already, and reads it once more each time.
	}
	switch {
	case how == "fail" || how == "split" || t.notes != nil:
		return false
	case t.byServer:
		shifted := t.shift
		t.shift = true
		return !shifted
	case how == "fit" && x.call.backend.Cuts && x.raise(ctx, m, tokens, limit):
		x.call.progress(fmt.Sprintf("raising num_ctx to %d", t.numCtx))
		return true
	case x.continues: // No more of the text is cut than for the answer itself.
		return false
	case x.mayReadInParts():
		return false
	case x.correcting && x.dropDocument():
		return true
	case x.cutText(tokens, limit):
		return true
	}
	t.Kept, t.byServer = 0, x.call.backend.Cuts
	return t.byServer
}

// mayReadInParts reports whether the files can be read in parts instead of being cut: `fit` loses nothing of them.
func (x *exchange) mayReadInParts() bool {
	q := x.call.question
	return x.call.onTruncation() == "fit" && !x.truncation.noParts && q.attached != nil && q.attached.Files != nil && x.hasOnlyQuestion()
}

// hasOnlyQuestion reports whether nothing was added to the conversation, such as the results of tools.
func (x *exchange) hasOnlyQuestion() bool {
	q := x.call.question
	return len(x.request.Messages) == len(q.Messages) && x.request.Messages[q.attached.At].Text == q.attached.Text(x.truncation.applied)
}

const (
	// defaultContext is the size of a context that a server does not report.
	defaultContext = 4096
	// bytesPerToken is a low estimate of the bytes of a token, and mostBytesPerToken a high one.
	bytesPerToken     = 3
	mostBytesPerToken = 8
)

// raise raises num_ctx to what the prompt and the answer need, at most to what the model was trained for and the settings allow.
// The sizes are powers of two: a model is loaded again for each new one.
func (x *exchange) raise(ctx context.Context, m *pool.Member, tokens, limit int64) bool {
	reporter, is := m.Client.(provider.ContextReporter)
	if !is {
		return false
	}
	current, most, err := reporter.ContextSize(provider.WithObserver(ctx, provider.Observer{}), &x.request)
	if err != nil || most == 0 {
		return false // The prompt is cut instead.
	}
	if allowed := int64(x.call.backend.settings.MaxContext); allowed > 0 {
		most = min(most, allowed)
	}
	current = cmp.Or(limit, current, defaultContext)
	need := tokens + x.answerTokens()
	if tokens == 0 {
		need = max(2*current, x.request.Size()/bytesPerToken+x.answerTokens())
	}
	size := int64(1)
	for size < need {
		size *= 2
	}
	if size = min(size, most); size <= max(current, int64(x.request.Option("num_ctx"))) {
		return false // Or the server has the limit whatever is asked for.
	}
	x.truncation.numCtx = size
	x.call.pool.SetContext(m, x.call.model, size)
	return true
}

// reportedContext is the size of a context that the server says elsewhere than in its error; 0 if it does not.
func (x *exchange) reportedContext(ctx context.Context, m *pool.Member) int64 {
	reporter, is := m.Client.(provider.ContextReporter)
	if !is {
		return 0
	}
	size, most, err := reporter.ContextSize(provider.WithObserver(ctx, provider.Observer{}), &x.request)
	if err != nil {
		return 0 // The prompt is shortened step by step.
	}
	x.truncation.most = most
	return size
}

// fitAnswer raises a num_ctx of the task in which the prompt fits, but not the answer that `max_tokens` allows.
func (x *exchange) fitAnswer(ctx context.Context, m *pool.Member) {
	size, answer := int64(x.request.Option("num_ctx")), int64(x.request.Option("num_predict"))
	prompt := x.request.Size() / bytesPerToken
	if size > 0 && answer > 0 && x.truncation.numCtx == 0 && prompt+answer > size {
		x.raise(ctx, m, max(prompt, 1), size)
	}
}

// usualAnswer is how many tokens are kept free for an answer without a limit.
const usualAnswer = 512

// answerTokens is how many tokens the answer may have.
func (x *exchange) answerTokens() int64 {
	if most := x.request.Option("num_predict"); most > 0 {
		return int64(most)
	}
	return usualAnswer
}

// dropDocument removes the notes about a document that was read in parts from a request for a correction, in which they do not fit
// beside the answer.
func (x *exchange) dropDocument() bool {
	const dropped = "(The document was left out.)"
	t, text := &x.truncation, x.call.question.attached
	if text == nil || t.parts == 0 || t.Instead == dropped || x.request.Messages[text.At].Text != text.Text(t.applied) {
		return false
	}
	t.Instead = dropped
	x.warn("the answer was corrected without the document, which does not fit beside it")
	return true
}

// cutText shortens the text of the files, or the longest prompt. It reports false if the rest is too long by itself.
func (x *exchange) cutText(tokens, limit int64) bool {
	t, text := &x.truncation, x.call.question.attached
	if text == nil || t.Instead != "" || x.request.Messages[text.At].Text != text.Text(t.applied) {
		return false // Or the message has more in it since.
	}
	const margin = 0.95
	old := cmp.Or(t.Kept, 1)
	context := cmp.Or(limit, int64(x.request.Option("num_ctx")), x.request.Size()) // Longer than any tokenizer makes it fit.
	kept := min(old*cutStep, float64(context*mostBytesPerToken)/float64(text.Size))
	if tokens > 0 && limit > 0 {
		room := limit - min(x.answerTokens(), limit/4)
		size := float64(x.request.Size())
		counted := old - (size-size*float64(room)/float64(tokens)*margin)/float64(text.Size)
		if counted < old*margin { // Otherwise the numbers are not those of the prompt.
			kept = counted
		}
	}
	if kept*float64(text.Size) < smallestText {
		return false
	}
	t.Kept = kept
	return true
}

const (
	// cutStep is the share of a text that remains after a cut if the server does not say how long the prompt is.
	cutStep = 0.75
	// smallestText is the size in bytes of the shortest text that is sent instead of a longer one.
	smallestText = 16
)

// tooLong is the error of a prompt that cannot be made to fit, or must not be.
func (x *exchange) tooLong(err error) error {
	tokens, limit := provider.LengthOf(err)
	if tokens > 0 {
		observeTokens(x.call, &x.request, tokens)
	}
	failure := protocol.AsError(err, protocol.InvalidParams).WithCause(&protocol.TooLong{Tokens: tokens, Limit: cmp.Or(limit, x.truncation.limit)})
	instead := "shorten the prompt"
	if x.hasFiles() {
		failure.Message = strings.Replace(failure.Message, "the prompt is longer", "the prompt with "+x.call.question.attached.Names()+" is longer", 1)
		instead = "set `on_truncation: split` to read the document in chunks"
	}
	switch {
	case x.hasLargestContext():
		return failure.WithHint("%s, or use another model: this one has at most %s of context", instead, provider.Tokens(int(x.truncation.most)))
	case x.call.backend.Cuts && x.hasFiles():
		return failure.WithHint("raise `num_ctx`, or set `on_truncation`: `fit` raises it, `split` reads the document in chunks, `warn` cuts the document")
	case x.call.backend.Cuts:
		return failure.WithHint("raise `num_ctx`, or set `on_truncation`: `fit` raises it for a prompt, `warn` cuts the prompt")
	}
	return failure.WithHint("%s, or start the server with a larger context", instead)
}

// hasFiles reports whether the prompt has documents, and not a chunk of one.
func (x *exchange) hasFiles() bool {
	q := x.call.question
	return x.call.request.Document == "" && q != nil && q.attached != nil && q.attached.Files != nil
}

// requireUncut fails if a server cut the prompt although it must not.
func (x *exchange) requireUncut(a *provider.Answer) error {
	switch {
	case x.call.onTruncation() != "fail" && x.call.onTruncation() != "split":
		return nil
	case a.MayBeCut && x.call.onTruncation() == "fail":
		return cutUnseen()
	case !a.Cut:
		return nil
	}
	return x.tooLong(protocol.Errorf(protocol.InvalidParams, "the prompt is longer than the model's context: %s cut it to %s",
		x.call.backend.Title, provider.Tokens(int(a.PromptTokens))))
}

// cutUnseen is the error of a prompt that may have been cut although it must not be.
func cutUnseen() error {
	return protocol.Errorf(protocol.InvalidParams, "on_truncation: fail is not supported by the server: it cuts prompts without saying so").
		WithHint("call the server by its own API: set another `provider`")
}

// warnOfCut warns of a prompt that was cut, and of an answer for which the context was too small.
func (x *exchange) warnOfCut(a *provider.Answer) {
	t := &x.truncation
	size := cmp.Or(t.limit, int64(x.request.Option("num_ctx")))
	of, with := "", ""
	if size = cmp.Or(size, a.Context); size > 0 {
		of = fmt.Sprintf(" of %s", provider.Tokens(int(size)))
	}
	files := x.hasFiles()
	if attached := x.call.question.attached; attached != nil && attached.Files != nil {
		with = " with " + x.call.question.attached.Names()
	}
	switch {
	case t.Kept > 0:
		length := ""
		if t.tokens > 0 {
			length = " of " + provider.Tokens(int(t.tokens))
		} else if sent := x.request.Size(); sent > 0 {
			whole := sent + int64(float64(x.call.question.attached.Size)*(1-t.Kept))
			length = " of about " + provider.Tokens(int(a.PromptTokens*whole/sent))
		}
		sent := fmt.Sprintf("only the first %.0f%% of %s was sent", 100*t.Kept, x.call.question.attached.Names())
		if x.call.question.attached.Files == nil {
			sent = fmt.Sprintf("its middle was left out, and %.0f%% of it was sent", 100*t.Kept)
		}
		x.warn(fmt.Sprintf("the prompt%s is longer than the model's context%s: %s%s", length, of, sent, x.howToRaise(files)))
	case a.Cut:
		x.warn(fmt.Sprintf("the prompt%s%s is longer than the model's context%s: %s cut it to %s%s",
			with, t.length(x.request.Size(), size), of, x.call.backend.Title, provider.Tokens(int(a.PromptTokens)), x.howToRaise(files)))
	}
	numCtx := int64(x.request.Option("num_ctx"))
	if !a.Cut { // Otherwise the beginning of the prompt is lost already.
		numCtx = cmp.Or(numCtx, a.Context)
	}
	if numCtx > 0 && a.PromptTokens+a.Tokens > numCtx {
		x.warn(fmt.Sprintf("the answer is longer than the rest of the model's context of %d tokens: the model wrote its end without the beginning of the prompt%s", numCtx, x.howToRaise(false)))
	}
}

// length is how long a prompt that the server cut is, as far as it is known.
func (t *truncation) length(bytes, limit int64) string {
	if t.tokens > 0 {
		return " of " + provider.Tokens(int(t.tokens))
	}
	return aboutTokens(bytes, limit)
}

// aboutTokens is an estimate of the tokens of a text that no server counted; empty if it is not above the limit.
func aboutTokens(bytes, limit int64) string {
	if tokens := bytes / bytesPerToken; limit > 0 && tokens > limit {
		return " of about " + provider.Tokens(int(tokens))
	}
	return ""
}

// howToRaise is the end of a warning about a prompt, which may have files.
func (x *exchange) howToRaise(files bool) string {
	how := map[bool]string{true: "split (of a batch, --split auto)", false: "fit or split (of a batch, --split auto)"}[x.call.onTruncation() == "fit"]
	switch {
	case x.hasLargestContext():
		text := fmt.Sprintf("; the model has at most %s of context", provider.Tokens(int(x.truncation.most)))
		if files {
			text += ": set on_truncation: " + how + " to read the files in parts"
		}
		return text
	case x.call.backend.Cuts && files:
		return "; raise num_ctx, or set on_truncation: " + how
	case x.call.backend.Cuts:
		return "; raise num_ctx, or set on_truncation: fit"
	case files:
		return "; set on_truncation: " + how + " to read the files in parts, or start the server with a larger context"
	}
	return "; start the server with a larger context"
}

// hasLargestContext reports whether no larger num_ctx than that of the request has an effect.
func (x *exchange) hasLargestContext() bool {
	most := x.truncation.most
	return x.call.backend.Cuts && most > 0 && int64(x.request.Option("num_ctx")) >= most
}
