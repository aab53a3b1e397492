package llm

import (
	"context"
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities/llm/document"
	"github.com/gleitzeit/gleitzeit/activities/llm/pool"
	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// embedding turns the texts of a call of llm/embed into vectors.
type embedding struct{ *exchange }

// run gets the vectors.
func (x *embedding) run(ctx context.Context) error {
	a, err := x.embedTexts(ctx, nil, false)
	if provider.IsTooLong(err) || err == nil && (a.Cut || a.MayBeCut) {
		a, err = x.embedEach(ctx, err)
	}
	x.addCounts(a)
	if err != nil {
		return err
	}
	if len(a.Vectors) != len(x.call.question.Inputs) {
		return protocol.Errorf(protocol.TaskResultInvalid, "the server returned %d vectors for %d texts", len(a.Vectors), len(x.call.question.Inputs))
	}
	return x.checkDimensions(a)
}

// embedEach embeds texts one by one, of which at least one is too long: servers do not say which.
func (x *embedding) embedEach(ctx context.Context, cause error) (*provider.Answer, error) {
	all := &provider.Answer{}
	inputs := x.call.question.Inputs
	for i := range inputs {
		if len(inputs) > 1 {
			cause = nil // It may be another text.
		}
		a, err := x.embedOne(ctx, i, cause)
		all.PromptTokens, all.Load = all.PromptTokens+a.PromptTokens, all.Load+a.Load
		all.Done, all.Reason, all.Model = a.Done, a.Reason, a.Model
		if err != nil {
			return all, err
		}
		all.Vectors = append(all.Vectors, a.Vectors...)
	}
	return all, nil
}

// embedOne embeds one text; if it is too long, which err may already say, it does what `on_truncation` says.
func (x *embedding) embedOne(ctx context.Context, i int, err error) (*provider.Answer, error) {
	const margin = 0.95
	fail := x.call.onTruncation() == "fail"
	which, kept, cut := x.call.question.nameOf(i), 1.0, false
	for {
		whole := x.call.question.Inputs[i]
		a := &provider.Answer{}
		if err == nil {
			a, err = x.embedTexts(ctx, []string{document.FirstPart(whole, kept)}, cut)
		}
		switch {
		case err == nil && fail && a.MayBeCut:
			return a, cutUnseen()
		case err == nil && fail && a.Cut:
			return a, x.tooLong(protocol.Errorf(protocol.InvalidParams, "%s is longer than the model's context: %s cut it to %s",
				which, x.call.backend.Title, provider.Tokens(int(a.PromptTokens))))
		case err == nil && kept < 1:
			x.warn(fmt.Sprintf("%s is longer than the model's context: only its first %s were sent%s", which, provider.Tokens(int(a.PromptTokens)), x.howToRaise(false)))
			return a, nil
		case err == nil && (cut || a.Cut):
			of := ""
			if a.Context > 0 {
				of = " of " + provider.Tokens(int(a.Context))
			}
			x.warn(fmt.Sprintf("%s%s is longer than the model's context%s: %s cut it to %s%s", which, aboutTokens(int64(len(whole)), a.Context), of,
				x.call.backend.Title, provider.Tokens(int(a.PromptTokens)), x.howToRaise(false)))
			return a, nil
		case !provider.IsTooLong(err):
			return a, err
		case fail:
			return a, x.tooLongText(which, err)
		}
		tokens, limit := provider.LengthOf(err)
		if x.call.backend.Cuts {
			x.reportedContext(ctx, x.member) // The largest one is part of the messages.
		}
		switch {
		case x.call.onTruncation() == "fit" && x.call.backend.Cuts && x.raise(ctx, x.member, tokens, limit):
			x.truncation.apply(&x.request, x.call.question)
		case x.call.backend.Cuts && !cut:
			cut = true // Some models of Ollama since 0.30 take no text that is too long even then.
		case tokens > 0 && limit > 0:
			kept *= min(cutStep, float64(limit)/float64(tokens)*margin)
		default:
			kept *= cutStep
		}
		if kept*float64(len(whole)) < smallestText {
			return a, x.tooLongText(which, err)
		}
		err = nil
	}
}

// embedTexts turns some texts into vectors; nil is all of them.
func (x *embedding) embedTexts(ctx context.Context, inputs []string, truncate bool) (*provider.Answer, error) {
	var a *provider.Answer
	err := x.call.send(ctx, func(ctx context.Context, m *pool.Member, _ *watchdog) (bool, int64, error) {
		x.prepare()
		x.truncation.apply(&x.request, x.call.question)
		x.request.Inputs, x.request.Truncate = x.call.question.Inputs, truncate
		if inputs != nil {
			x.request.Inputs = inputs
		}
		x.member, a = m, &provider.Answer{}
		x.logSent(m)
		err := m.Client.Embed(ctx, &x.request, a)
		return false, x.request.TokensOf(a), err
	})
	if a == nil {
		a = &provider.Answer{}
	}
	return a, err
}

// checkDimensions checks that the vectors have the length that the task asks for: servers ignore one that the model does not have.
func (x *embedding) checkDimensions(a *provider.Answer) error {
	asked := x.call.question.Dimensions
	for _, vector := range a.Vectors {
		if length := len(vector.Elements()); asked > 0 && length != asked {
			return protocol.Errorf(protocol.InvalidParams, "the model %q has no vectors of length %d: it returned %d numbers", x.request.Model, asked, length).
				WithHint("remove `dimensions`, or use a model that supports several lengths")
		}
	}
	return nil
}

// tooLongText is the error of a text that cannot be made to fit, or must not be.
func (x *embedding) tooLongText(which string, err error) error {
	failure := protocol.AsError(x.tooLong(err), protocol.InvalidParams)
	failure.Message = which + strings.TrimPrefix(failure.Message, "the prompt")
	return failure
}
