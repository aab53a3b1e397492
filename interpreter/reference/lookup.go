package reference

import (
	"fmt"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// First steps that are there for every task, whatever its result.
const (
	stepStatus = "status"
	stepError  = "error"
)

// stepReason is why a task was skipped. Of a task that has a result it is a field of that, like all others.
const stepReason = "reason"

// Lookup returns the value of one reference, or its default where a field on the way is missing or null. Its error is a
// *protocol.Error of TaskParameterError, or what Load returned, wrapped.
func Lookup(ref *Reference, s *Scope) (value.Value, error) {
	return (&walker{ref: ref, gaps: s.Gaps}).lookup(s)
}

func (w *walker) lookup(s *Scope) (value.Value, error) {
	ref := w.ref
	var v value.Value
	var wrong *lookupError
	from := 0
	switch ref.Head {
	case headRun:
		v = runValue(s.Run, s.Attempt)
	case headEnv, headSecrets:
		from = len(ref.Steps)
		v, wrong = s.variable(ref)
	default:
		bound := s.binding(ref.Head)
		if bound == nil {
			wrong = s.unknown(ref.Head)
			break
		}
		w.ofTask = bound.Task != ""
		if _, is := stateOf(bound, ref); !is && isPaged(bound.Value) {
			return w.lookupPages(s, *bound.Value.Ref)
		}
		var err error
		if v, from, wrong, err = s.begin(bound, ref); err != nil {
			return value.Value{}, err
		}
	}
	if wrong != nil {
		v, wrong = w.orDefault(v, wrong)
	} else {
		v, wrong = w.follow(v, from)
	}
	if wrong != nil {
		return value.Value{}, wrong.of(ref)
	}
	return v, nil
}

// begin returns the value that the path starts at, and its first step from there.
func (s *Scope) begin(bound *protocol.Binding, ref *Reference) (v value.Value, from int, wrong *lookupError, err error) {
	if v, is := stateOf(bound, ref); is {
		return v, 1, nil, nil
	}
	if bound.Value.Empty() {
		return v, 0, nothingIn(bound), nil
	}
	if bound.File && len(ref.Steps) > 0 {
		if v, err = s.value(ref, bound.Value); err != nil {
			return v, 0, nil, err
		}
		if bound.Model != "" && ref.Steps[0].IsModel() {
			return value.String(bound.Model), 1, nil, nil
		}
		if ref.Steps[0].isDocumentPart() {
			v, wrong, err = s.document(ref, v.Text())
			return v, 0, wrong, err
		}
		v, wrong = partOf(v.Text(), ref.Steps[0])
		return v, 1, wrong, nil
	}
	if v, err = s.value(ref, bound.Value); err != nil || bound.Task == "" {
		return v, 0, nil, err
	}
	v, from = enter(v, ref.Steps)
	return v, from, nil, nil
}

// stateOf returns what is there for every task, whatever its result, if the path begins with that.
func stateOf(bound *protocol.Binding, ref *Reference) (v value.Value, is bool) {
	if bound.Task == "" || len(ref.Steps) == 0 || !ref.Steps[0].named() {
		return v, false
	}
	switch ref.Steps[0].name() {
	case stepStatus:
		return value.String(string(bound.Status)), true
	case stepError:
		return errorValue(bound.Error), true
	case stepReason:
		if bound.Status == protocol.Skipped && bound.Reason != "" {
			return value.String(bound.Reason), true
		}
		return value.Value{}, bound.Value.Empty()
	}
	return v, false
}

func nothingIn(bound *protocol.Binding) *lookupError {
	head := headAsWritten(bound.Head)
	if bound.Task == "" {
		return &lookupError{absent: true, message: head + " has no value"}
	}
	return &lookupError{
		absent:  true,
		message: fmt.Sprintf("task %s has no result; its status is %q", quote(bound.Task), bound.Status),
		hint:    fmt.Sprintf("${%[1]s.status} and ${%[1]s.error} are always available", head),
	}
}

func (s *Scope) unknown(head string) *lookupError {
	candidates := make([]string, 0, len(s.Bindings)+1)
	for i := range s.Bindings {
		candidates = append(candidates, s.Bindings[i].Head)
	}
	candidates = append(candidates, headRun)
	hint := literally
	if near := nearest(head, candidates); near != "" {
		hint = "did you mean " + quote(near) + "?"
	}
	return &lookupError{message: fmt.Sprintf("unknown name %s", quote(head)), hint: hint}
}

func errorValue(e *protocol.Error) value.Value {
	if e == nil {
		return value.Value{}
	}
	return value.Object(
		value.Field{Name: "code", Value: value.Int(int64(e.Code))},
		value.Field{Name: "name", Value: value.String(e.Name)},
		value.Field{Name: "message", Value: value.String(e.Message)},
		value.Field{Name: "retryable", Value: value.Bool(e.Retryable())},
	)
}
