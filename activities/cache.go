package activities

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/lists"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// cachedResult returns the result of an equal earlier call; nil where there is none, or where its value is gone.
func (t *attempt) cachedResult(ctx context.Context, key callKey) *protocol.Result {
	found := t.cachedUnder(ctx, key.content)
	if found == nil && key.exact != key.content {
		return t.cachedUnder(ctx, key.exact)
	}
	return found
}

// cachedUnder returns the result that is recorded under a hash. An unavailable store does not fail the task: the call is made.
func (t *attempt) cachedUnder(ctx context.Context, hash string) *protocol.Result {
	var found *protocol.Result
	err := t.results.withRetry(ctx, func(ctx context.Context) error {
		key := resultstore.CallKey(hash)
		records, err := t.results.store.Records(ctx, resultstore.Query{Run: key.Run, Execution: key.Execution, Kind: resultstore.Cached, Task: key.Task, Item: &key.Item})
		if err != nil || len(records) == 0 || records[0].Value == nil {
			return err
		}
		value, err := t.results.loader(ctx)(*records[0].Value)
		if errors.Is(err, resultstore.ErrNotFound) {
			return nil
		}
		if err == nil {
			found = &protocol.Result{Value: value, Warning: records[0].Warning}
		}
		return err
	})
	if err != nil {
		t.log.Warn("cannot read the cache; making the call", "error", err)
	}
	return found
}

// hashes are what identifies a call.
type hashes struct {
	key  callKey // Empty where the call may not be cached, or where a secret is among its parameters.
	call string  // For its record; empty where it cannot be hashed.
}

// readsFiles reports whether the call may be another one when a file or a function changes.
func (h hashes) readsFiles() bool { return h.key != (callKey{}) || strings.Contains(h.call, ".") }

// hashes returns what identifies the call, as files are now.
func (t *attempt) hashes(ctx context.Context, m method, request protocol.Request, secrets *secrets) (of hashes) {
	began := time.Now()
	found, err := identify(ctx, m, request, secrets)
	if err != nil {
		t.log.Debug("a call is not hashed", "run", t.call.Run.ID, "task", t.call.Task, "reason", err, "after", time.Since(began))
		return of
	}
	if t.call.Split != nil {
		found.fields = append(found.fields, value.Field{Name: "split", Value: splitIdentity(t, secrets)})
	}
	if t.texts != nil {
		texts := make([]value.Value, len(t.texts))
		for i, text := range t.texts {
			texts[i] = value.String(text)
		}
		found.fields = append(found.fields, value.Field{Name: "texts", Value: value.List(texts...)})
	}
	of.call = found.recorded()
	if t.call.Cache && !m.NoCache && !secrets.used {
		of.key = found.key(m)
	}
	return of
}

// hashVersion is the version of what identify hashes: a change invalidates everything that is cached, and what retries could take over.
const hashVersion = 1

// maxHashed is the size in bytes of the largest file whose content is hashed.
const maxHashed = 1 << 30

// callKey are the hashes of a call; empty for one that may not be cached.
type callKey struct {
	content string // Without the paths of files of which only the content decides the result.
	exact   string // With them: warnings and errors may have them.
}

// identity is everything that decides the result of a call.
type identity struct {
	fields  []value.Field
	filesAt int // The place of the hashes of files among the fields.
}

// parametersAt is the place of the parameters among the fields of an identity.
const parametersAt = 2

// key returns the hashes by which equal calls find each other's result.
func (i identity) key(m method) (key callKey) {
	fields := slices.Clone(i.fields)
	key.exact = hashOf(fields)
	fields[parametersAt].Value = withoutPaths(m, fields[parametersAt].Value)
	key.content = hashOf(fields)
	return key
}

// The lengths in bytes of what a record has of the hash of its call, and of that of its files.
const (
	recordedCall  = 16
	recordedFiles = 8
)

// recorded returns what the record of the call has: short, because every item has one. The part after the dot is of the files.
func (i identity) recorded() string {
	short := func(v value.Value, bytes int) string {
		return base64.RawURLEncoding.EncodeToString(sumOf(v)[:bytes])
	}
	files := i.fields[i.filesAt].Value
	call := short(value.Object(slices.Delete(slices.Clone(i.fields), i.filesAt, i.filesAt+1)...), recordedCall)
	if len(files.Elements()) > 0 {
		call += "." + short(files, recordedFiles)
	}
	return call
}

// identify returns everything that decides the result of a call: method, parameters, program or script, results of
// dependencies, the content of files, and the handler's own part. The order of the parameters does not matter; the order
// within them does, because models and scripts see it. Secrets have their names in place of their values. The error says why the call
// cannot be hashed: a file cannot be read, for example, which the handler will report.
func identify(ctx context.Context, m method, request protocol.Request, secrets *secrets) (of identity, err error) {
	clean := func(v value.Value) value.Value { return v }
	if secrets.used {
		clean = secrets.set.Value
	}
	fields := []value.Field{
		{Name: "version", Value: value.Int(hashVersion)},
		{Name: "method", Value: value.String(request.Method)},
		{Name: "parameters", Value: clean(byName(request.Parameters))},
		{Name: "dependencies", Value: value.Object(request.Dependencies...)},
	}
	if program := request.Program; program != nil {
		variables := make([]value.Value, len(program.Variables))
		for i, v := range program.Variables {
			variables[i] = value.List(value.String(v.Reference), clean(v.Value))
		}
		fields = append(fields,
			value.Field{Name: "program", Value: value.String(program.Original)},
			value.Field{Name: "variables", Value: value.List(variables...)})
	}
	if request.Source != nil {
		fields = append(fields, value.Field{Name: "source", Value: value.String(request.Source.Text)})
	}
	if len(request.Lists) > 0 {
		fields = append(fields, value.Field{Name: "lists", Value: lists.Identity(request.Lists)})
	}
	contents, err := fileHashes(m, request)
	if err != nil {
		return of, err
	}
	of.filesAt = len(fields)
	fields = append(fields, value.Field{Name: "files", Value: value.List(contents...)})
	if handler, can := m.handler.(protocol.Identifier); can {
		own, err := handler.Identity(ctx, request)
		if err != nil {
			return of, err
		}
		fields = append(fields, value.Field{Name: "identity", Value: own})
	}
	of.fields = fields
	return of, nil
}

func hashOf(fields []value.Field) string {
	return hex.EncodeToString(sumOf(value.Object(fields...)))
}

// sumOf returns the SHA-256 of the JSON of a value.
func sumOf(v value.Value) []byte {
	sum := sha256.New()
	_ = v.WriteJSON(sum) // It never fails.
	return sum.Sum(nil)
}

// withoutPaths replaces the paths of files of which only the content decides the result.
func withoutPaths(m method, parameters value.Value) value.Value {
	for _, name := range m.ContentParameters {
		if path, is := parameters.Get(name); is {
			parameters = parameters.With(name, value.Int(int64(len(path.Elements()))))
		}
	}
	return parameters
}

// byName sorts the fields of an object.
func byName(object value.Value) value.Value {
	if object.Kind() != value.KindObject {
		return object
	}
	return value.Object(slices.SortedStableFunc(slices.Values(object.Fields()), func(a, b value.Field) int { return cmp.Compare(a.Name, b.Name) })...)
}

// fileHashes returns the hashes of the files that the parameters name, in their order.
func fileHashes(m method, request protocol.Request) ([]value.Value, error) {
	var all []value.Value
	for _, path := range filePaths(m, request.Parameters) {
		hash, err := hashFile(request.Files, path)
		if err != nil {
			return nil, err
		}
		all = append(all, value.String(hash))
	}
	return all, nil
}

// filePaths returns the paths among the parameters: in those for files, and in the one for the file of an item.
func filePaths(m method, parameters value.Value) []string {
	places := slices.Clone(m.FileParameters)
	if m.ItemParameter != "" && !slices.Contains(places, m.ItemParameter) {
		places = append(places, m.ItemParameter)
	}
	var paths []string
	for _, place := range places {
		val := parameters
		for _, step := range strings.Split(place, ".") {
			val, _ = val.Get(step)
		}
		switch val.Kind() {
		case value.KindString:
			paths = append(paths, val.Text())
		case value.KindList:
			for _, element := range val.Elements() {
				paths = append(paths, element.Text())
			}
		}
	}
	return paths
}

func hashFile(from protocol.Files, path string) (string, error) {
	own, is := from.(files)
	if !is {
		return "", fmt.Errorf("files of the type %T", from)
	}
	sum := sha256.New()
	if err := own.readFile(path, maxHashed, func(content io.Reader) error {
		_, err := io.Copy(sum, content)
		return err
	}); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// inFlight are the calls under way whose results equal calls may use, by their hash. An equal call waits for the first one and
// gets its result, so that equal calls of one batch are made once.
type inFlight struct {
	mu    sync.Mutex
	calls map[string]*equalCalls
}

// equalCalls are a call under way and those that wait for it.
type equalCalls struct {
	ended   chan struct{} // Closed when the call has ended for those that wait as well.
	how     callEnd       // Set before ended is closed.
	next    chan struct{} // Has a token when one of those that wait is to be made instead.
	waiting int           // Calls that wait.
}

// callEnd is what a call that has ended is to equal ones that wait. The zero value: nothing, as after an exception. They are made
// at the same time, as if they were not equal.
type callEnd struct {
	result   *protocol.Result // It is theirs as well.
	failure  *protocol.Error  // No attempt can succeed: theirs fail with it as well.
	exact    string           // Of its key.
	makeNext bool             // It was cancelled, or failed for a reason that may pass: one of them is made, and the others wait for that.
}

// isFor reports whether the end is that of a call with the key as well. What has the path of a file in it is only for calls that name
// the file by the same path.
func (e callEnd) isFor(key callKey) bool {
	return e.exact == key.exact || e.failure == nil && e.result.Warning == ""
}

// begin waits while an equal call is under way. It returns how that ended, and the function that ends this one; that does nothing
// where no other call waits for this one.
func (f *inFlight) begin(ctx context.Context, hash string, wait func()) (end func(callEnd), earlier callEnd) {
	f.mu.Lock()
	call := f.calls[hash]
	if call == nil {
		call = &equalCalls{ended: make(chan struct{}), next: make(chan struct{}, 1)}
		if f.calls == nil {
			f.calls = map[string]*equalCalls{}
		}
		f.calls[hash] = call
		f.mu.Unlock()
		return f.ender(hash, call), callEnd{}
	}
	call.waiting++
	f.mu.Unlock()
	wait()
	select {
	case <-call.ended:
		return func(callEnd) {}, call.how
	case <-call.next:
		f.leave(hash, call, false)
		return f.ender(hash, call), callEnd{}
	case <-ctx.Done():
		f.leave(hash, call, true)
		return func(callEnd) {}, callEnd{}
	}
}

// leave counts a call that no longer waits. Without it, nobody may be left to be made next.
func (f *inFlight) leave(hash string, call *equalCalls, cancelled bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if call.waiting--; !cancelled || call.waiting > 0 {
		return
	}
	select {
	case <-call.next:
		delete(f.calls, hash)
	default:
	}
}

// ender returns the function that ends a call.
func (f *inFlight) ender(hash string, call *equalCalls) func(callEnd) {
	var once sync.Once
	return func(how callEnd) {
		once.Do(func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			if how.makeNext && call.waiting > 0 {
				call.next <- struct{}{}
				return
			}
			delete(f.calls, hash)
			call.how = how
			close(call.ended)
		})
	}
}
