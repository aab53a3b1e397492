package llm

import (
	"context"
	"fmt"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm/provider"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// fallback asks the models of a call, one after another, until one gives an answer that is good enough.
type fallback struct {
	handler   *Handler
	request   protocol.Request
	progress  protocol.Progress
	timeLeft  time.Duration // Rest of the timeout; 0 = no timeout.
	timeSpent time.Duration
	usage     protocol.Usage
}

// The reasons for which the next model is asked: values of `escalate_on`.
const (
	onSchema  = "schema"  // The answer does not match the schema, even after a correction.
	onCut     = "cut"     // The answer is not whole.
	onMissing = "missing" // No server has the model.
)

// modelsOf are the models of a call in their order. A single empty one is that of `model`, or of the settings.
func modelsOf(given value.Value) []string {
	listed, _ := given.Get("models")
	var models []string
	for _, model := range listed.Elements() {
		models = append(models, model.Text())
	}
	if len(models) == 0 {
		return []string{""}
	}
	return models
}

// run returns the first good answer, else an answer that is not whole, else the error of the last model.
func (f *fallback) run(ctx context.Context) (result protocol.Result, err error) {
	var partial *protocol.Result
	models := modelsOf(f.request.Parameters)
	for i, model := range models {
		var reason string
		if result, reason, err = f.ask(ctx, model); err == nil && reason != "" && partial == nil {
			cut := result
			partial = &cut
		}
		if reason == "" || i == len(models)-1 || !f.escalatesOn(reason) || ctx.Err() != nil {
			break
		}
		f.progress(fmt.Sprintf("asking the model %q instead of %q", models[i+1], model))
		if f.request.Write != nil {
			f.request.Write("\n")
		}
	}
	if err != nil && partial != nil && ctx.Err() == nil {
		result, err = *partial, nil
	}
	result.Usage = f.usage
	return result, err
}

// ask asks one model. The reason is why the answer is not good enough; empty if it is, or if another model may not be asked.
func (f *fallback) ask(ctx context.Context, model string) (result protocol.Result, reason string, err error) {
	c := &call{
		handler: f.handler, request: f.request, progress: f.progress, model: model,
		timeLeft: f.timeLeft, timeSpent: f.timeSpent, usage: f.usage, secrets: provider.Secrets{Redact: f.request.Secrets.String},
	}
	defer c.finish()
	if err := c.route(); err != nil {
		return protocol.Result{}, "", err
	}
	x := &exchange{call: c}
	result, err = x.run(provider.WithSecrets(ctx, c.secrets))
	f.timeLeft, f.timeSpent, f.usage = c.timeLeft, c.timeSpent, c.usage
	switch {
	case x.unsafeToRepeat: // Tools were called that are not safe to call twice.
	case provider.VerdictOf(err) == provider.ModelMissing:
		reason = onMissing
	case x.mismatched:
		reason = onSchema
	case x.partial:
		reason = onCut
	}
	return result, reason, err
}

func (f *fallback) escalatesOn(reason string) bool {
	given, is := f.request.Parameters.Get("escalate_on")
	if !is {
		return true
	}
	for _, element := range given.Elements() {
		if element.Text() == reason {
			return true
		}
	}
	return false
}
