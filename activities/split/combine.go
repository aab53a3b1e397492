package split

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/jsonschema"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// result makes one result of the answers.
func (r *reading) result(ctx context.Context) (protocol.Result, error) {
	of, err := r.combined(ctx)
	if err != nil {
		return protocol.Result{Usage: r.usage}, err
	}
	return r.summary(of), nil
}

// combined returns the value of the result, without what belongs to all of its calls.
func (r *reading) combined(ctx context.Context) (value.Value, error) {
	_, structured := r.Request.Parameters.Get("schema")
	switch {
	case r.Combine != nil && r.Combine.Method != "":
		return r.byMethod(ctx)
	case len(r.answers) == 1:
		return r.answers[0].Value, nil
	case r.Combine != nil:
		return r.byModel(ctx)
	case structured:
		return r.merged(), nil
	}
	return r.joined(), nil
}

// joined has the answers one after the other.
func (r *reading) joined() value.Value {
	var all []string
	for _, answer := range r.answers {
		if text := strings.TrimSpace(responseOf(answer)); text != "" {
			all = append(all, text)
		}
	}
	return r.withResponse(strings.Join(all, separator))
}

// withResponse is the value of the last answer with another text.
func (r *reading) withResponse(text string) value.Value {
	v := without(r.answers[len(r.answers)-1].Value, "thinking", "logprobs", "parsed")
	return v.With("response", value.String(text)).With("content", value.String(text))
}

func responseOf(step Step) string {
	v, _ := step.Value.Get("response")
	return v.Text()
}

// merged has the fields of all answers.
func (r *reading) merged() value.Value {
	all := value.Value{}
	for _, answer := range r.answers {
		parsed, _ := answer.Value.Get("parsed")
		all = merge(all, parsed)
	}
	given, _ := r.Request.Parameters.Get("schema")
	if schema, err := jsonschema.Compile(given.JSON()); err == nil {
		if why := schema.Check("answer", all); why != "" {
			r.warn("the answers match the schema, and what they are together does not: " + why)
		}
	}
	return r.withParsed(all)
}

func (r *reading) withParsed(parsed value.Value) value.Value {
	text := string(parsed.JSON())
	if parsed.Kind() == value.KindString {
		text = parsed.Text()
	}
	return r.withResponse(text).With("parsed", parsed)
}

// byMethod has another method combine the answers.
func (r *reading) byMethod(ctx context.Context) (value.Value, error) {
	answers, _ := r.list()
	name := stepName("method", string(answers.JSON()))
	step, err := r.Steps.Find(ctx, name)
	if err != nil {
		return value.Value{}, err
	}
	if step == nil {
		r.Progress("combining the answers")
		result, err := r.Method(ctx, answers)
		r.usage = r.usage.Add(result.Usage)
		if err != nil {
			failure := *protocol.AsError(err, protocol.TaskExecutionFailed)
			failure.Message = "combine: " + failure.Message
			return value.Value{}, &failure
		}
		step = &Step{Value: result.Value, Usage: result.Usage, Warning: result.Warning}
		if err := r.Steps.Put(ctx, name, *step); err != nil {
			return value.Value{}, err
		}
	} else {
		r.usage = r.usage.Add(step.Usage)
	}
	if step.Warning != "" {
		r.warn(step.Warning)
	}
	made, is := step.Value.Get("result")
	if !is {
		made = step.Value
	}
	return r.withParsed(made), nil
}

// part is an answer that is combined, under the place that it is about.
type part struct{ first, last, text string }

func (p part) content() string {
	place := p.first
	if p.last != "" {
		place += " to " + p.last
	}
	return "# " + place + separator + p.text
}

// maxRounds is how often answers are combined that do not fit into one prompt.
const maxRounds = 12

// byModel has the model combine the answers: in groups first, if all of them do not fit into one prompt.
func (r *reading) byModel(ctx context.Context) (value.Value, error) {
	parts := make([]part, len(r.answers))
	for i, answer := range r.answers {
		parts[i] = part{first: r.label(r.chunks[i]), text: strings.TrimSpace(responseOf(answer))}
	}
	return r.combineAll(ctx, parts, nil)
}

// combineAll has the model combine answers, or other texts. tooLong: the server has refused all of them together; nil: that is not known.
func (r *reading) combineAll(ctx context.Context, parts []part, tooLong *protocol.TooLong) (value.Value, error) {
	room := 0.0 // Tokens of answers that fit; 0: not known yet.
	for round := 1; round <= maxRounds; round++ {
		var step *Step
		var err error
		if tooLong == nil {
			step, tooLong, err = r.combine(ctx, parts, fmt.Sprintf("combining %d answers", len(parts)))
		}
		if err != nil {
			return value.Value{}, err
		}
		if step != nil {
			return step.Value, nil
		}
		if room, err = r.roomForAnswers(ctx, parts, tooLong, room); err != nil {
			return value.Value{}, err
		}
		if parts, room, err = r.round(ctx, parts, room, round); err != nil {
			return value.Value{}, err
		}
		tooLong = nil
	}
	return value.Value{}, answersTooLong()
}

// round combines groups of answers that fit.
func (r *reading) round(ctx context.Context, parts []part, room float64, round int) ([]part, float64, error) {
	var next []part
	for at := 0; at < len(parts); {
		end, tokens := at, 0.0
		for end < len(parts) {
			more := r.tokens(parts[end].content() + separator)
			if end > at && tokens+more > room {
				break
			}
			tokens += more
			end++
		}
		if end == at+1 {
			next, at = append(next, parts[at]), end
			continue
		}
		what := fmt.Sprintf("combining answers %d to %d of %d, round %d", at+1, end, len(parts), round)
		step, tooLong, err := r.combine(ctx, parts[at:end], what)
		if err != nil {
			return nil, room, err
		}
		if step == nil { // More than was estimated.
			if room, err = r.roomForAnswers(ctx, parts[at:end], tooLong, tokens); err != nil {
				return nil, room, err
			}
			continue
		}
		last := parts[end-1].last
		if last == "" {
			last = parts[end-1].first
		}
		next, at = append(next, part{parts[at].first, last, strings.TrimSpace(responseOf(*step))}), end
	}
	if len(next) == len(parts) {
		return nil, room, answersTooLong()
	}
	return next, room, nil
}

// roomForAnswers returns how many estimated tokens of answers fit, after some did not.
func (r *reading) roomForAnswers(ctx context.Context, parts []part, tooLong *protocol.TooLong, before float64) (float64, error) {
	estimated := r.tokens(r.contents(parts))
	room := r.Reader.Room(ctx, r.Reader.Combination(r.Request, r.Combine.Prompt, ""), tooLong.Limit)
	if tooLong.Tokens > 0 {
		room *= min(estimated/float64(tooLong.Tokens), 1)
	}
	room = min(room, estimated*closest)
	if before > 0 {
		room = min(room, before*closest)
	}
	if room < leastRoom {
		return 0, answersTooLong()
	}
	return room, nil
}

func answersTooLong() error {
	return protocol.Errorf(protocol.TaskResultInvalid, "cannot combine the answers about the chunks: two of them do not fit into the model's context together").
		WithHint("limit them with `max_tokens`, or raise `num_ctx`")
}

func (r *reading) contents(parts []part) string {
	all := make([]string, len(parts))
	for i, p := range parts {
		all[i] = p.content()
	}
	return strings.Join(all, separator)
}

// combine asks the model about answers. They may be too long for one prompt.
func (r *reading) combine(ctx context.Context, parts []part, what string) (*Step, *protocol.TooLong, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, context.Cause(ctx)
	}
	request := r.Reader.Combination(r.Request, r.Combine.Prompt, r.contents(parts))
	name := stepName("combination", r.Combine.Prompt, request.Document)
	step, err := r.Steps.Find(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if step == nil {
		step, err = r.ask(ctx, name, what, request)
		if tooLong, is := errors.AsType[*protocol.TooLong](err); is {
			return nil, tooLong, nil
		}
		if err != nil {
			failure := *protocol.AsError(err, protocol.TaskExecutionFailed)
			failure.Message = what + ": " + failure.Message
			return nil, nil, &failure
		}
	}
	r.usage = r.usage.Add(step.Usage)
	r.combinations = append(r.combinations, *step)
	if step.Warning != "" {
		r.warn(what + ": " + step.Warning)
	}
	return step, nil, nil
}
