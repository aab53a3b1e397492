package split

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

const (
	// mostListed is how many bytes of answers the list of chunks has; the other chunks have their places alone.
	mostListed = 4 << 20
	// mostWarnings is how many warnings a result has.
	mostWarnings = 20
)

// summary is the result: with the counts of all calls, the chunks, and the warnings.
func (r *reading) summary(of value.Value) protocol.Result {
	steps := append(append([]Step{}, r.answers...), r.combinations...)
	for _, name := range []string{"tokens_used", "prompt_tokens"} {
		if sum, is := sumOf(steps, name); is {
			of = of.With(name, value.Int(int64(sum)))
		}
	}
	for _, name := range []string{"duration", "load_duration", "prompt_eval_duration", "eval_duration"} {
		if sum, is := sumOf(steps, name); is {
			of = of.With(name, value.Float(sum))
		}
	}
	chunks, omitted := r.list()
	if omitted > 0 {
		r.warn(fmt.Sprintf("`chunks` has no answers for the last %d chunks: all answers together are larger than %d MiB", omitted, mostListed>>20))
	}
	for i, answer := range r.answers {
		if answer.Warning != "" {
			r.warn(r.label(r.chunks[i]) + ": " + answer.Warning)
		}
	}
	warnings := r.warnings
	if more := len(warnings) - mostWarnings; more > 0 {
		warnings = append(append([]string{}, warnings[:mostWarnings]...), fmt.Sprintf("and %d more", more))
	}
	of = without(of, "warning").With("chunks", chunks)
	result := protocol.Result{Value: of, Usage: r.usage, Warning: strings.Join(warnings, "; ")}
	if result.Warning != "" {
		result.Value = of.With("warning", value.String(result.Warning))
	}
	return result
}

// list is the chunks with their answers, and how many have none in it.
func (r *reading) list() (chunks value.Value, omitted int) {
	all := make([]value.Value, len(r.chunks))
	size := 0
	for i, c := range r.chunks {
		element := value.Object(value.Field{Name: "place", Value: value.String(r.label(c))})
		if size += len(r.answers[i].Value.JSON()); size > mostListed {
			all[i], omitted = element, omitted+1
			continue
		}
		for _, name := range []string{"response", "parsed", "tokens_used", "prompt_tokens", "warning"} {
			if v, is := r.answers[i].Value.Get(name); is {
				element = element.With(name, v)
			}
		}
		all[i] = element
	}
	return value.List(all...), omitted
}

func sumOf(steps []Step, name string) (sum float64, is bool) {
	for _, step := range steps {
		v, has := step.Value.Get(name)
		if !has {
			continue
		}
		if n, err := strconv.ParseFloat(v.Digits(), 64); err == nil {
			sum, is = sum+n, true
		}
	}
	return sum, is
}
