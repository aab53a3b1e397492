package llm

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
	pictures  *preparedImages // Read for the first model.
	files     *files
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

// checkModels checks that the models are named in one way.
func checkModels(given value.Value) error {
	_, one := given.Get("model")
	if _, several := given.Get("models"); one && several {
		return protocol.Errorf(protocol.InvalidParams, "model and models exclude each other").WithHint("make `model` the first of `models`")
	}
	return nil
}

// run returns the first good answer, else an answer that is not whole, else the error of the last model.
func (f *fallback) run(ctx context.Context) (result protocol.Result, err error) {
	var partial *protocol.Result
	var missing []string
	if err := checkCall(f.request.Parameters); err != nil {
		return result, err
	}
	models := modelsOf(f.request.Parameters)
	for i, model := range models {
		var reasons []string
		if result, reasons, err = f.ask(ctx, model); err == nil && len(reasons) > 0 && partial == nil {
			cut := result
			partial = &cut
		}
		if slices.Contains(reasons, onMissing) {
			missing = append(missing, strconv.Quote(model))
		}
		if i == len(models)-1 || !slices.ContainsFunc(reasons, f.escalatesOn) || ctx.Err() != nil {
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
	if n := len(missing) - 1; n > 0 && provider.VerdictOf(err) == provider.ModelMissing {
		failure := *protocol.AsError(err, protocol.TaskValidationFailed)
		failure.Message += "; nor are there the models before it: " + strings.Join(missing[:n], ", ")
		err = &failure
	}
	return result, err
}

// ask asks one model. The reasons are why the answer is not good enough; none if it is, or if another model may not be asked.
func (f *fallback) ask(ctx context.Context, model string) (result protocol.Result, reasons []string, err error) {
	c := &call{
		handler: f.handler, request: f.request, progress: f.progress, model: model,
		timeLeft: f.timeLeft, timeSpent: f.timeSpent, usage: f.usage, secrets: f.handler.secretsFor(f.request),
	}
	defer c.finish()
	if err := c.route(); err != nil {
		return protocol.Result{}, nil, err
	}
	f.handler.given.AddAll(f.request.Secrets)
	if f.pictures == nil {
		if f.pictures, err = prepareImages(ctx, f.request, c.backend); err != nil {
			return protocol.Result{}, nil, err
		}
		f.files = &files{request: f.request, reader: f.handler.options.Documents}
		if f.files.largest, err = imageSize(f.request.Parameters, c.backend); err != nil {
			return protocol.Result{}, nil, err
		}
	}
	c.pictures, c.files = f.pictures, f.files
	x := &exchange{call: c}
	result, err = x.run(provider.WithSecrets(ctx, c.secrets))
	f.timeLeft, f.timeSpent, f.usage = c.timeLeft, c.timeSpent, c.usage
	if x.unsafeToRepeat { // Tools were called that are not safe to call twice.
		return result, nil, err
	}
	if provider.VerdictOf(err) == provider.ModelMissing {
		reasons = append(reasons, onMissing)
	}
	if x.mismatched {
		reasons = append(reasons, onSchema)
	}
	if x.partial {
		reasons = append(reasons, onCut)
	}
	return result, reasons, err
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
