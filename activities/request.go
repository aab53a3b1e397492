package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/lists"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/redaction"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/secretsource"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// processStart is when this process was started.
var processStart = time.Now()

// isResumed reports whether the run is older than this process. Its servers of models are expected to answer: whatever ended the earlier
// process, such as a restart of the machine, may have ended them too. Who starts a new run has to know at once that there is no server.
func isResumed(run protocol.RunInfo) bool {
	return !run.StartedAt.IsZero() && run.StartedAt.Before(processStart)
}

// request resolves the call into what its handler gets. The secrets are those that went into it.
func (t *attempt) request(ctx context.Context, m method) (protocol.Request, *secrets, error) {
	secrets := &secrets{sources: t.secrets}
	secrets.set.Follow(&t.given)
	request, err := t.resolve(ctx, m, secrets)
	return request, secrets, secrets.explain(err)
}

func (t *attempt) resolve(ctx context.Context, m method, secrets *secrets) (protocol.Request, error) {
	call := t.call
	secret := watch("secrets", secrets.lookup, &secrets.set, &t.given)
	bindings := call.Bindings
	if call.Repeat != nil {
		bindings = append(slices.Clone(bindings), roundBinding(t))
	}
	scope := &reference.Scope{
		Bindings: bindings,
		Run:      call.Run,
		Attempt:  t.earlier.failed + 1,
		Load:     t.results.loader(ctx),
		Env:      secrets.amongParameters(watch("env", t.env, &secrets.set)),
		Secret:   secrets.amongParameters(secret),
	}
	request := protocol.Request{
		Method: call.Method, Key: keyOf(t), Folder: call.Run.Folder, FlowFolder: call.Run.FlowFolder,
		Files: newFiles(call.Run, call.Reads, t.roots, call.Within), Timeout: call.Timeout.Duration(), Priority: call.Priority, Servers: call.Servers,
		Absence: call.Absence.Duration(), Expected: call.Absence > 0 || isResumed(call.Run),
		Secret: func(name string) (string, error) {
			value, err := t.secrets.Require(name)
			if err == nil {
				secrets.set.Add("[secrets."+name+"]", value)
				t.given.Add("[secrets."+name+"]", value)
			}
			return value, err
		},
	}
	if err := t.checkItem(ctx, request.Files.(files)); err != nil {
		return request, err
	}
	parameters, err := resultstore.Load(ctx, t.results.store, call.Parameters)
	if err != nil {
		return request, err
	}
	document := &itemDocument{reader: t.documents, files: request.Files, parameters: parameters}
	scope.Document = document.load(ctx)
	defer func() { t.warning = document.warning }()
	if err := checkSecrets(call.Method, parameters, m); err != nil {
		return request, err
	}
	t.lists = lists.New(scope)
	if err := resolveParameters(&request, m, parameters, scope, t.lists); err != nil {
		return request, err
	}
	if call.Split != nil {
		if t.combining, err = resolveCombine(t, request, scope); err != nil {
			return request, err
		}
	}
	if call.Source != nil {
		text, err := resultstore.Load(ctx, t.results.store, call.Source.Text)
		if err != nil {
			return request, err
		}
		request.Source = &protocol.Script{Path: call.Source.Path, Text: text.Text()}
	}
	if m.NeedsDependencies {
		request.Dependencies, err = dependencies(call, scope, t.lists, m.ListParameter != "")
	}
	request.Lists = t.lists.End()
	return request, err
}

// removeLists deletes the files of the request.
func (t *attempt) removeLists() {
	if t.lists == nil {
		return
	}
	if err := t.lists.Remove(); err != nil {
		t.log.Warn("cannot remove the lists of a script", "run", t.call.Run.ID, "task", t.call.Task, "error", err)
	}
}

// itemDocument is the document in the file of an item, to which references lead. It is read if one does.
type itemDocument struct {
	reader     *reader.Reader
	files      protocol.Files
	parameters value.Value // `pages` and `encoding` of the call hold for it, if they have no references.
	path       string      // Of the document that was read.
	read       value.Value
	warning    string
}

// load returns the function that reads it.
func (d *itemDocument) load(ctx context.Context) func(string) (value.Value, error) {
	return func(path string) (value.Value, error) {
		if d.path == path {
			return d.read, nil
		}
		given := value.Object()
		for _, name := range []string{reader.PagesParameter, reader.EncodingParameter} {
			if v, is := d.parameters.Get(name); is && !reference.Contains(v.Text()) {
				given = given.With(name, v)
			}
		}
		options, err := reader.Options(given)
		if err != nil {
			return value.Value{}, err
		}
		document, err := d.reader.Read(ctx, d.files, path, options)
		if err != nil {
			return value.Value{}, err
		}
		d.path, d.read = path, reader.Value(document)
		d.warning = strings.Join(reader.Warnings(path, document.Warnings), "; ")
		return d.read, nil
	}
}

// DocumentOf returns what reads the document of an item for the references of a call with these parameters.
func DocumentOf(ctx context.Context, documents *reader.Reader, files protocol.Files, parameters value.Value) func(path string) (value.Value, error) {
	return (&itemDocument{reader: documents, files: files, parameters: parameters}).load(ctx)
}

// resolveParameters sets the parameters of a request, and the program among them. Lists that are too large for memory go into files;
// nil: none does.
func resolveParameters(request *protocol.Request, m method, parameters value.Value, scope *reference.Scope, large *lists.Files) (err error) {
	if code, given := parameters.Get(m.CodeParameter); given && m.CodeParameter != "" && code.Kind() == value.KindString {
		if request.Program, err = reference.Program(code.Text(), scope); err != nil {
			return err
		}
		parameters = without(parameters, m.CodeParameter)
	}
	if large == nil {
		request.Parameters, err = reference.Resolve(parameters, scope)
		return err
	}
	if parameters, err = large.TakeOutOf(parameters, m.ListParameter); err != nil {
		return err
	}
	request.Parameters, err = reference.Resolve(parameters, scope)
	request.Parameters = large.PutInto(request.Parameters)
	return err
}

// keyOf returns the name of a call, which nobody can make up: the execution is random.
func keyOf(t *attempt) string {
	id := protocol.FormatActivityID(t.call.Task, t.item())
	if t.call.Step != nil {
		id = protocol.FormatActivityID(protocol.FormatStepID(t.call.Task, t.call.Step.ID()), t.item())
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", t.call.Run.ID, t.call.Run.Execution, id, t.earlier.rounds))
	return "msg_" + hex.EncodeToString(sum[:12])
}

// checkItem checks that the file of an item may be read: a script opens it by itself.
func (t *attempt) checkItem(ctx context.Context, files files) error {
	for _, binding := range t.call.Bindings {
		if !binding.File {
			continue
		}
		path, err := resultstore.Load(ctx, t.results.store, binding.Value)
		if err != nil {
			return err
		}
		if err := files.Check(path.Text()); err != nil {
			return err
		}
	}
	return nil
}

// checkSecrets refuses a secret that stands in the call itself, and a destination of secrets that a task's result or an
// item decides. Files are checked for both, but a plan may come from elsewhere.
func checkSecrets(name string, parameters value.Value, m method) error {
	for _, field := range parameters.Fields() {
		switch {
		case field.Value.IsNull():
		case slices.Contains(m.SecretParameters, field.Name):
			if field.Value.Kind() != value.KindString || !reference.IsSecretReference(field.Value.Text()) {
				return protocol.Errorf(protocol.InvalidParams, "%s: the parameter %q must be a reference to a secret", name, field.Name).
					WithHint("write %s: \"${secrets.NAME}\"", field.Name)
			}
		case slices.Contains(m.DestinationParameters, field.Name):
			var problem error
			reference.Walk(field.Value, func(_ []string, text string) {
				if ref, is := reference.RuntimeReference(text); is {
					problem = protocol.Errorf(protocol.InvalidParams, "%s: the parameter %q decides what is called, and %s is only known when tasks run", name, field.Name, ref.Text).
						WithHint("write the value itself, or take it from an input or the environment")
				}
			})
			if problem != nil {
				return problem
			}
		}
	}
	return nil
}

// dependencies returns the results of the tasks that the call depends on; null for those without a result.
func dependencies(call *protocol.Call, scope *reference.Scope, large *lists.Files, asFiles bool) ([]value.Field, error) {
	var results []value.Field
	for _, id := range call.Dependencies {
		if hasNoResult(call.Bindings, id) {
			results = append(results, value.Field{Name: id})
			continue
		}
		ref := &reference.Reference{Text: "${" + id + "}", Head: id}
		if asFiles {
			list, err := reference.OpenListOf(ref, scope)
			if err != nil {
				return results, err
			}
			if list != nil && list.Bytes() > protocol.MaxPlainList {
				result, err := large.Write(list, []string{protocol.ListOfDependencies, id})
				if err != nil {
					return results, err
				}
				results = append(results, value.Field{Name: id, Value: result})
				continue
			}
		}
		result, err := reference.Lookup(ref, scope)
		if err != nil {
			return results, err
		}
		results = append(results, value.Field{Name: id, Value: result})
	}
	return results, nil
}

// hasNoResult reports whether a task was skipped or has failed, and the tasks that depend on it run all the same.
func hasNoResult(bindings []protocol.Binding, id string) bool {
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

// maxMessage is how much of an error's message goes into the history, in bytes.
const maxMessage = 8 << 10

// secrets are the values of `${env…}` and `${secrets…}` that a call got, and the values of `${secrets…}` that any call of this
// worker got: a server, a file or a process may repeat them. None of them leaves the activity.
type secrets struct {
	sources secretsource.Sources
	set     redaction.Set
	used    bool     // Some are among the parameters.
	failure error    // Of a source that cannot be read.
	missing []string // Names that no source has.
}

// lookup returns a secret of the sources, and notes why there is none.
func (s *secrets) lookup(name string) (string, bool) {
	value, found, err := s.sources.Lookup(name)
	switch {
	case err != nil:
		s.failure = err
	case !found:
		s.missing = append(s.missing, name)
	}
	return value, found
}

// explain returns why a call cannot be made: a source that cannot be read, even where the reference has a default. To an error
// it adds where the first missing secret was searched.
func (s *secrets) explain(err error) error {
	if s.failure != nil {
		return s.failure
	}
	failed, is := errors.AsType[*protocol.Error](err)
	if !is || failed.Hint != "" || len(s.missing) == 0 {
		return err
	}
	return failed.WithHint("%s", s.sources.Hint(s.missing[0]))
}

// watch returns a lookup that adds every value it finds to the sets.
func watch(head string, lookup func(string) (string, bool), sets ...*redaction.Set) func(string) (string, bool) {
	return func(name string) (string, bool) {
		val, found := lookup(name)
		if found {
			for _, set := range sets {
				set.Add("["+head+"."+name+"]", val)
			}
		}
		return val, found
	}
}

// amongParameters returns a lookup that marks what it finds as a part of the call's parameters.
func (s *secrets) amongParameters(lookup func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		s.used = true
		return lookup(name)
	}
}

// shortened cuts a long message in the middle: its beginning says what happened, and the end of a traceback why. It was
// redacted.
func shortened(e *protocol.Error) *protocol.Error {
	if len(e.Message) <= maxMessage {
		return e
	}
	short := *e
	var clean *redaction.Set
	short.Message = clean.Text(e.Message).Ends(maxMessage)
	return &short
}
