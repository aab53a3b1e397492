package reference

import (
	"fmt"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The heads that no binding can take.
const (
	headRun     = "run"
	headEnv     = "env"
	headSecrets = "secrets"
)

// headInputs is that of the run's inputs, a binding like any other.
const headInputs = "inputs"

// Scope is what heads mean while references are resolved. It remembers what it loaded and is for one goroutine; its
// fields do not change once it is in use.
type Scope struct {
	Bindings []protocol.Binding // Of two with the same head, the first counts.
	Run      protocol.RunInfo
	Attempt  int // Of the task; 0: it is not known.
	// Load fetches a value that is not inline. It may be nil where all are. Its errors come back wrapped.
	Load func(protocol.Ref) (value.Value, error)
	// Gaps is set where elements without a value may be missing: beneath `[*]`, null has null in every field. Items that failed, or were
	// skipped, have no result.
	Gaps bool
	// Env and Secret look a variable up. Where one is nil, its references are errors.
	Env, Secret func(name string) (string, bool)
	// Document reads the document in the file of an item: an object with its `text`, `title` and `pages`. It is called only if a reference
	// leads there, and remembers what it has read. Where it is nil, such references are errors.
	Document func(path string) (value.Value, error)

	heads  map[string]int // Places in Bindings.
	loaded map[protocol.Ref]value.Value
}

func (s *Scope) binding(head string) *protocol.Binding {
	if s.heads == nil {
		s.heads = make(map[string]int, len(s.Bindings))
		for i := range s.Bindings {
			if _, twice := s.heads[s.Bindings[i].Head]; !twice {
				s.heads[s.Bindings[i].Head] = i
			}
		}
	}
	if at, found := s.heads[head]; found {
		return &s.Bindings[at]
	}
	return nil
}

// value opens what a binding holds, which is something.
func (s *Scope) value(ref *Reference, held protocol.Payload) (value.Value, error) {
	if held.Inline != nil {
		return *held.Inline, nil
	}
	if v, known := s.loaded[*held.Ref]; known {
		return v, nil
	}
	if s.Load == nil {
		return value.Value{}, refuse(ref, "the value of %s is in the result store, which cannot be read here", headAsWritten(ref.Head))
	}
	v, err := s.Load(*held.Ref)
	if err != nil {
		return value.Value{}, fmt.Errorf("%s: %w", clip(ref.Text), err)
	}
	if s.loaded == nil {
		s.loaded = map[protocol.Ref]value.Value{}
	}
	s.loaded[*held.Ref] = v
	return v, nil
}

// variable looks an environment variable or a secret up. Nothing that it says holds the value.
func (s *Scope) variable(ref *Reference) (value.Value, *lookupError) {
	lookup, what := s.Env, "environment variable"
	if ref.Head == headSecrets {
		lookup, what = s.Secret, "secret"
	}
	if lookup == nil {
		return value.Value{}, &lookupError{message: fmt.Sprintf("%q is only available in parameters", ref.Head)}
	}
	if wrong := checkVariable(ref); wrong != "" {
		return value.Value{}, &lookupError{message: wrong}
	}
	name := ref.Steps[0].name()
	text, found := lookup(name)
	if !found {
		return value.Value{}, &lookupError{absent: true, message: fmt.Sprintf("there is no %s %s", what, quote(name))}
	}
	return value.String(text), nil
}

// checkVariable says what is wrong with a reference to the environment or a secret; "" is nothing, and any other
// reference.
func checkVariable(ref *Reference) string {
	if ref.Head != headEnv && ref.Head != headSecrets {
		return ""
	}
	if len(ref.Steps) != 1 || !ref.Steps[0].named() {
		return fmt.Sprintf("%q must be followed by exactly one name, such as ${%s.NAME}", ref.Head, ref.Head)
	}
	return ""
}

func runValue(run protocol.RunInfo, attempt int) value.Value {
	fields := []value.Field{
		{Name: "id", Value: value.String(run.ID)},
		{Name: "workflow", Value: value.String(run.Workflow)},
		{Name: "started_at", Value: value.String(run.StartedAt.UTC().Format(time.RFC3339))},
		{Name: "folder", Value: value.String(run.Folder)},
		{Name: "flow_folder", Value: value.String(run.FlowFolder)},
	}
	if attempt > 0 {
		fields = append(fields, value.Field{Name: "attempt", Value: value.Int(int64(attempt))})
	}
	if run.Status != "" {
		fields = append(fields, value.Field{Name: "status", Value: value.String(string(run.Status))}, value.Field{Name: "error", Value: errorValue(run.Error)})
	}
	return value.Object(fields...)
}
