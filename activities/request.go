package activities

import (
	"context"
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// request resolves a call into what its handler gets. The secrets are those that went into it.
func (a *Activities) request(ctx context.Context, call *protocol.Call, m method) (protocol.Request, *secrets, error) {
	secrets := &secrets{}
	secret := secrets.watch("secrets", func(name string) (string, bool) { return a.env(secretPrefix + name) })
	scope := &reference.Scope{
		Bindings: call.Bindings,
		Run:      call.Run,
		Load:     a.load(ctx),
		Env:      secrets.amongParameters(secrets.watch("env", a.env)),
		Secret:   secrets.amongParameters(secret),
	}
	request := protocol.Request{
		Method: call.Method, Folder: call.Run.Folder, FlowFolder: call.Run.FlowFolder,
		Files: a.files(call.Run, call.Reads), Timeout: call.Timeout.Duration(), Priority: call.Priority, Servers: call.Servers,
		Secret: func(name string) (string, error) {
			if value, found := secret(name); found {
				return value, nil
			}
			return "", protocol.Errorf(protocol.ConfigurationError, "the secret %s is not there", name).
				WithHint("set %s%s where the worker runs", secretPrefix, name)
		},
	}
	parameters, err := a.open(ctx, call.Parameters)
	if err != nil {
		return request, secrets, err
	}
	if err := guard(call.Method, parameters, m); err != nil {
		return request, secrets, err
	}
	if code, given := parameters.Get(m.CodeParameter); given && m.CodeParameter != "" && code.Kind() == value.KindString {
		request.Program, err = reference.Program(code.Text(), scope)
		if err != nil {
			return request, secrets, err
		}
		parameters = without(parameters, m.CodeParameter)
	}
	if request.Parameters, err = reference.Resolve(parameters, scope); err != nil {
		return request, secrets, err
	}
	if call.Source != nil {
		text, err := a.open(ctx, call.Source.Text)
		if err != nil {
			return request, secrets, err
		}
		request.Source = &protocol.Script{Path: call.Source.Path, Text: text.Text()}
	}
	if !m.NeedsDependencies {
		return request, secrets, nil
	}
	for _, id := range call.Dependencies {
		if withoutResult(call.Bindings, id) {
			request.Dependencies = append(request.Dependencies, value.Field{Name: id})
			continue
		}
		result, err := reference.Lookup(&reference.Reference{Text: "${" + id + "}", Head: id}, scope)
		if err != nil {
			return request, secrets, err
		}
		request.Dependencies = append(request.Dependencies, value.Field{Name: id, Value: result})
	}
	return request, secrets, nil
}

// withoutResult tells whether a task has brought nothing: it was skipped, or has failed, and what waits for it runs all the
// same. Then there is null.
func withoutResult(bindings []protocol.Binding, id string) bool {
	return slices.ContainsFunc(bindings, func(binding protocol.Binding) bool {
		return binding.Head == id && binding.Task != "" && binding.Value.Empty()
	})
}

func without(object value.Value, name string) value.Value {
	fields := make([]value.Field, 0, len(object.Fields()))
	for _, field := range object.Fields() {
		if field.Name != name {
			fields = append(fields, field)
		}
	}
	return value.Object(fields...)
}
