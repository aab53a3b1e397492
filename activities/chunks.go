package activities

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/split"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// combining is how the answers about chunks become one, with every reference resolved.
type combining struct {
	prompt  string           // For the model; empty: a default, or a method does it.
	method  *method          // Nil: the model does it.
	request protocol.Request // Of the method, without the answers.
}

// resolveCombine resolves the `combine` of the call; nil if it has none.
func resolveCombine(t *attempt, of protocol.Request, scope *reference.Scope) (*combining, error) {
	from := t.call.Split.Combine
	if from == nil {
		return nil, nil
	}
	if from.Method == "" {
		prompt, err := reference.Resolve(value.String(from.Prompt), scope)
		if prompt.Kind() != value.KindString { // A reference alone.
			prompt = value.String(string(prompt.JSON()))
		}
		return &combining{prompt: prompt.Text()}, err
	}
	m, known := t.methods.find(from.Method)
	if !known {
		return nil, protocol.Errorf(protocol.MethodNotSupported, "combine: unknown method %q on this worker", from.Method)
	}
	if err := checkSecrets(from.Method, from.Parameters, m); err != nil {
		return nil, err
	}
	request := protocol.Request{
		Method: from.Method, Folder: of.Folder, FlowFolder: of.FlowFolder, Files: of.Files, Priority: of.Priority, Absence: of.Absence, Expected: of.Expected, Servers: of.Servers, Secret: of.Secret,
		Source: from.Source, Timeout: from.Timeout.Duration(),
	}
	err := resolveParameters(&request, m, from.Parameters, scope, nil)
	return &combining{method: &m, request: request}, err
}

// splitIdentity is what decides the result of a call beside everything else, if its document is split.
func splitIdentity(t *attempt, secrets *secrets) value.Value {
	of := t.call.Split
	fields := []value.Field{
		{Name: "size", Value: value.Int(int64(of.Size))}, {Name: "overlap", Value: value.Int(int64(of.Overlap))}, {Name: "by", Value: value.String(string(of.By))},
	}
	if c := t.combining; c != nil {
		fields = append(fields, value.Field{Name: "prompt", Value: value.String(c.prompt)}, value.Field{Name: "method", Value: value.String(c.request.Method)},
			value.Field{Name: "parameters", Value: byName(c.request.Parameters)})
		if program := c.request.Program; program != nil {
			fields = append(fields, value.Field{Name: "program", Value: value.String(program.Original)})
			for _, v := range program.Variables {
				fields = append(fields, value.Field{Name: v.Reference, Value: v.Value})
			}
		}
		if c.request.Source != nil {
			fields = append(fields, value.Field{Name: "source", Value: value.String(c.request.Source.Text)})
		}
	}
	if secrets.used {
		return secrets.set.Value(value.Object(fields...))
	}
	return value.Object(fields...)
}

// readInChunks makes a call whose document may be split.
func readInChunks(ctx context.Context, t *attempt, m method, reader split.Reader, request protocol.Request, hash string, secrets *secrets, progress protocol.Progress) (protocol.Result, error) {
	clean := func(result protocol.Result, err error) (protocol.Result, error) {
		result.Value, result.Warning = secrets.set.Value(result.Value), secrets.set.String(result.Warning)
		return result, err
	}
	c := &split.Call{Reader: reader, Request: request, Progress: progress, Steps: stepsOf(t, hash)}
	if t.call.Split != nil {
		c.Split = *t.call.Split
	}
	c.Handle = func(ctx context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
		return clean(handle(ctx, m, request, progress))
	}
	if t.combining == nil {
		return c.Run(ctx)
	}
	c.Combine = &protocol.Combine{Prompt: t.combining.prompt, Method: t.combining.request.Method}
	if method := t.combining.method; method != nil {
		c.Method = func(ctx context.Context, answers value.Value) (protocol.Result, error) {
			request := t.combining.request
			request.Secrets, request.Print = c.Request.Secrets, c.Request.Print
			given, _ := request.Parameters.Get("context")
			if given.Kind() != value.KindObject {
				given = value.Object()
			}
			request.Parameters = request.Parameters.With("context", given.With("answers", answers))
			return clean(handle(ctx, *method, request, progress))
		}
	}
	return c.Run(ctx)
}

// stepsOf returns what attempts of a call, which has the hash, have recorded.
func stepsOf(t *attempt, hash string) steps {
	s := steps{t.results, resultstore.Key{Run: t.call.Run.ID, Execution: t.call.Run.Execution, Task: t.call.Task, Item: t.item()}, t.call, hash, nil}
	if over := t.call.Run.TakeOver; over != nil && (t.former == nil || !t.former.again) {
		s.earlier = over.Runs
	}
	return s
}

// steps are what attempts of a call have recorded of a document that they read in chunks.
type steps struct {
	results results
	of      resultstore.Key
	call    *protocol.Call
	hash    string                // Of the call; empty: it cannot be compared to another attempt, and nothing is recorded.
	earlier []protocol.EarlierRun // Whose steps count as well, whatever the item's index was.
}

func (s steps) key(name string) resultstore.Key {
	sum := sha256.Sum256([]byte(s.hash + "\n" + name))
	return resultstore.ChunkKey(s.of, base64.RawURLEncoding.EncodeToString(sum[:recordedCall]))
}

// Find implements split.Steps. What an earlier run has used is not counted again.
func (s steps) Find(ctx context.Context, name string) (found *split.Step, err error) {
	if s.hash == "" {
		return nil, nil
	}
	key := s.key(name)
	found, err = s.find(ctx, resultstore.Query{Run: key.Run, Execution: key.Execution, Kind: resultstore.Chunk, Task: key.Task, Item: &key.Item})
	for _, run := range s.earlier {
		if found != nil || err != nil {
			break
		}
		found, err = s.find(ctx, resultstore.Query{Run: run.Run, Execution: run.Execution, Kind: resultstore.Chunk, Task: key.Task})
		if found != nil {
			found.Usage = protocol.Usage{}
		}
	}
	return found, err
}

func (s steps) find(ctx context.Context, query resultstore.Query) (found *split.Step, err error) {
	err = s.results.withRetry(ctx, func(ctx context.Context) error {
		records, err := s.results.store.Records(ctx, query)
		if err != nil || len(records) == 0 || records[0].Value == nil {
			return err
		}
		v, err := s.results.loader(ctx)(*records[0].Value)
		if errors.Is(err, resultstore.ErrNotFound) {
			return nil
		}
		if err == nil {
			found = &split.Step{Value: v, Usage: records[0].Usage, Warning: records[0].Warning}
		}
		return err
	})
	return found, err
}

// Put implements split.Steps.
func (s steps) Put(ctx context.Context, name string, step split.Step) error {
	if s.hash == "" {
		return nil
	}
	data := step.Value.StoredJSON()
	ref := protocol.RefOf(data)
	record := resultstore.Record{
		Kind: resultstore.Chunk, Key: s.key(name), Workflow: s.call.Run.Workflow, Method: s.call.Method, Status: protocol.Completed,
		StartedAt: time.Now().UTC(), Usage: step.Usage, Warning: step.Warning, Value: &ref,
	}
	return s.results.withRetry(ctx, func(ctx context.Context) error {
		return s.results.store.Put(ctx, resultstore.Batch{Records: []resultstore.Record{record}, Values: [][]byte{data}})
	})
}
