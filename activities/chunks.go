package activities

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
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
		Method: from.Method, Folder: of.Folder, FlowFolder: of.FlowFolder, Files: of.Files, Priority: of.Priority, Servers: of.Servers, Secret: of.Secret,
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

// reduceTexts makes a call about the texts of a group.
func reduceTexts(ctx context.Context, t *attempt, m method, reader split.Reader, request protocol.Request, hash string, secrets *secrets, progress protocol.Progress) (protocol.Result, error) {
	c := reduction(t, reader, request, hash, progress)
	c.Handle = func(ctx context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
		result, err := handle(ctx, m, request, progress)
		result.Value, result.Warning = secrets.set.Value(result.Value), secrets.set.String(result.Warning)
		return result, err
	}
	return c.Reduce(ctx, t.texts)
}

// reduction returns the call that makes one answer of texts, without what makes its requests.
func reduction(t *attempt, reader split.Reader, request protocol.Request, hash string, progress protocol.Progress) *split.Call {
	prompt, _ := request.Parameters.Get("prompt")
	c := &split.Call{Reader: reader, Request: request, Progress: progress, Steps: stepsOf(t, hash)}
	c.Combine = &protocol.Combine{Prompt: prompt.Text()}
	return c
}

// readTexts reads the texts of the group for which the call is made.
func readTexts(ctx context.Context, t *attempt) error {
	t.texts = nil
	for _, binding := range t.call.Bindings {
		if binding.Head != "item" {
			continue
		}
		item, err := resultstore.Load(ctx, t.results.store, binding.Value)
		if err != nil {
			return err
		}
		_, texts, _ := protocol.TextsOf(item)
		for _, text := range texts {
			t.texts = append(t.texts, text.Text())
		}
	}
	if len(t.texts) == 0 {
		return protocol.Errorf(protocol.InvalidParams, "%s has no texts", t.call.Method)
	}
	return nil
}

// groupTexts records the groups of a round after those of the rounds before. With measured, how long texts may be must be recorded.
func groupTexts(ctx context.Context, t *attempt, measured bool) (*protocol.ExpandResponse, error) {
	call, of := t.call, t.call.Reduce
	if call.Format > protocol.CallFormat {
		return nil, protocol.Errorf(protocol.InvalidParams, "unsupported call format %d: this worker reads formats up to %d", call.Format, protocol.CallFormat).WithHint("update the worker")
	}
	m, known := t.methods.find(call.Method)
	if !known {
		return nil, protocol.Errorf(protocol.MethodNotSupported, "unknown method %q on this worker", call.Method)
	}
	reader, reads := m.handler.(split.Reader)
	if !reads || m.ReduceParameter == "" {
		return nil, protocol.Errorf(protocol.InvalidParams, "%s makes no answer of many texts", call.Method)
	}
	request, secrets, err := t.request(ctx, m)
	if err != nil {
		return nil, protocol.AsError(err, protocol.TaskParameterError).Redacted(&secrets.set)
	}
	a := t.Activities
	texts, pages := textsOf(ctx, t), pager{}
	if of.Before != nil {
		if pages.manifest, err = resultstore.LoadManifest(ctx, a.results.store, *of.Before); err != nil {
			return nil, err
		}
	}
	t.beat.report(fmt.Sprintf("grouping the texts of round %d", of.Round))
	c := reduction(t, reader, request, t.hashes(ctx, m, request, secrets).call, func(string) {})
	measure, err := c.Measure(ctx, func() (first string, err error) {
		if measured {
			return "", protocol.Errorf(protocol.TaskParameterError, "the texts are grouped when it runs")
		}
		err = texts(func(text string) error {
			if first = text; text == "" {
				return nil
			}
			return errEnough
		})
		if errors.Is(err, errEnough) {
			err = nil
		}
		return first, err
	})
	if err != nil {
		return nil, protocol.AsError(err, protocol.TaskParameterError).Redacted(&secrets.set)
	}
	groups := &protocol.Groups{First: pages.manifest.Total}
	g := &split.Grouper{Measure: measure, Add: func(group []value.Value) error {
		if pages.add(protocol.NewGroup(of.Round, group), nil); len(pages.values) < putPages {
			return pages.err
		}
		stored := resultstore.Batch{Values: pages.values}
		pages.values = nil
		return a.results.withRetry(ctx, func(ctx context.Context) error { return a.results.store.Put(ctx, stored) })
	}}
	err = texts(func(text string) error {
		if text == "" {
			groups.LeftOut++
			return ctx.Err()
		}
		groups.Texts++
		return errors.Join(g.Take(text), ctx.Err())
	})
	if err == nil {
		err = g.End()
	}
	if err == nil {
		err = checkGroups(of.Round, g, groups)
	}
	if err == nil {
		err = pages.end()
	}
	if err != nil {
		return nil, err
	}
	record := taskRecord(call.Run, call.Task, call.Method, protocol.NoItem, 0, protocol.Outcome{Status: protocol.Running, StartedAt: of.StartedAt, Warning: of.Warning})
	if of.Before == nil {
		record.StartedAt = time.Now().UTC()
		if groups.LeftOut > 0 {
			record.Warning = fmt.Sprintf("%d of %d texts were left out: they are empty, or their items have no result", groups.LeftOut, groups.LeftOut+groups.Texts)
		}
	}
	var response *protocol.ExpandResponse
	err = a.results.withRetry(ctx, func(ctx context.Context) error {
		response, err = a.putManifest(ctx, pages, record)
		return err
	})
	if err == nil {
		response.Groups = groups
	}
	return response, err
}

// errEnough ends the reading of texts.
var errEnough = errors.New("enough texts")

// checkGroups rejects groups that do not lead to one answer.
func checkGroups(round int, g *split.Grouper, groups *protocol.Groups) error {
	switch {
	case g.Texts == 0 && groups.LeftOut > 0:
		return protocol.Errorf(protocol.TaskParameterError, "there is no text: all %d elements of input are empty, or their items have no result", groups.LeftOut).
			WithHint("see why with `gleitzeit results`")
	case g.Texts == 0:
		return protocol.Errorf(protocol.TaskParameterError, "there is no text: input is an empty list").WithHint("skip the task with `when` if the list may be empty")
	case round > 1 && g.Groups >= g.Texts:
		return protocol.Errorf(protocol.TaskResultInvalid, "round %d would not make fewer texts of %d: no two of them fit into the model's context together", round, g.Texts).
			WithHint("limit the answers with `max_tokens`, or raise `num_ctx`")
	case round > protocol.MaxReduceRounds:
		return protocol.Errorf(protocol.TaskLimitReached, "%d texts are left after %d rounds, which is the limit", g.Texts, protocol.MaxReduceRounds).
			WithHint("limit the answers with `max_tokens`, or raise `num_ctx`")
	}
	return nil
}

// textsOf returns what passes on the texts of a round, one after the other; an empty one for each element without a text.
func textsOf(ctx context.Context, t *attempt) func(func(string) error) error {
	call, results := t.call, t.results
	if call.Reduce.Before != nil {
		return func(take func(string) error) error { return eachAnswer(ctx, t, take) }
	}
	return func(take func(string) error) error {
		input, err := resultstore.Load(ctx, results.store, call.Reduce.Input)
		if err != nil {
			return err
		}
		each := func(element value.Value) error { return take(split.TextOf(element)) }
		scope := &reference.Scope{Bindings: call.Reduce.Bindings, Run: call.Run, Load: results.loader(ctx)}
		list, err := reference.OpenList(input.Text(), scope)
		if err != nil {
			return err
		}
		if list != nil {
			return list.Each(each)
		}
		whole, err := reference.ResolveList(input, scope)
		if err != nil {
			return err
		}
		if results, has := whole.Get("results"); has && results.Kind() == value.KindList {
			whole = results // Of a task with items.
		}
		if whole.Kind() != value.KindList {
			return protocol.Errorf(protocol.TaskParameterError, "input: %s must be a list, not %s", input.Text(), describe(whole)).
				WithHint("name a list, such as ${TASK.results[*].result.response}")
		}
		for _, element := range whole.Elements() {
			if err := each(element); err != nil {
				return err
			}
		}
		return nil
	}
}

// eachAnswer passes on the answers about the groups of the round before.
func eachAnswer(ctx context.Context, t *attempt, take func(string) error) error {
	call := t.call
	manifest, err := resultstore.LoadManifest(ctx, t.results.store, *call.Reduce.Before)
	if err != nil {
		return err
	}
	for first := call.Reduce.First; first < manifest.Total; first += protocol.MaxPageItems {
		count := min(protocol.MaxPageItems, manifest.Total-first)
		ended, err := t.recordedItems(ctx, call, &protocol.Items{First: first, Count: count})
		if err != nil {
			return err
		}
		for item := first; item < first+count; item++ {
			if ended[item].Value.Ref == nil {
				return protocol.Errorf(protocol.PersistenceFailed, "the answer about group %d is missing in the result store", item).WithKind(protocol.Permanent)
			}
			answer, err := resultstore.Load(ctx, t.results.store, protocol.Payload{Ref: ended[item].Value.Ref})
			if err != nil {
				return err
			}
			if err := take(split.TextOf(answer)); err != nil {
				return err
			}
		}
	}
	return nil
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
