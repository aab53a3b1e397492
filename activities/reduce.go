package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/split"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

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
		err = texts(func(text string, _ *protocol.GroupKey) error {
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
	g := &split.KeyedGrouper{Measure: measure, Add: func(group []value.Value, key *protocol.GroupKey) error {
		if pages.add(protocol.NewGroup(of.Round, group, key), nil); len(pages.values) < putPages {
			return pages.err
		}
		stored := resultstore.Batch{Values: pages.values}
		pages.values = nil
		return a.results.withRetry(ctx, func(ctx context.Context) error { return a.results.store.Put(ctx, stored) })
	}}
	err = texts(func(text string, key *protocol.GroupKey) error {
		if text == "" {
			groups.LeftOut++
			return ctx.Err()
		}
		groups.Texts++
		return errors.Join(g.Take(text, key), ctx.Err())
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
	if of.GroupBy != "" {
		groups.Keys = g.Keys()
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
func checkGroups(round int, g *split.KeyedGrouper, groups *protocol.Groups) error {
	stuck, key := g.Stuck()
	ofKey := ""
	if key != nil {
		ofKey = " of group " + key.Key.Brief()
	}
	switch {
	case g.Texts() == 0 && groups.LeftOut > 0:
		return protocol.Errorf(protocol.TaskParameterError, "there is no text: all %d elements of input are empty, or their items have no result", groups.LeftOut).
			WithHint("see why with `gleitzeit results`")
	case g.Texts() == 0:
		return protocol.Errorf(protocol.TaskParameterError, "there is no text: input is an empty list").WithHint("skip the task with `when` if the list may be empty")
	case round > 1 && stuck > 0:
		return protocol.Errorf(protocol.TaskResultInvalid, "round %d would not make fewer texts of %d%s: no two of them fit into the model's context together", round, stuck, ofKey).
			WithHint("limit the answers with `max_tokens`, or raise `num_ctx`")
	case round > protocol.MaxReduceRounds:
		return protocol.Errorf(protocol.TaskLimitReached, "%d texts are left after %d rounds, which is the limit", g.Texts(), protocol.MaxReduceRounds).
			WithHint("limit the answers with `max_tokens`, or raise `num_ctx`")
	}
	return nil
}

// takeText takes a text of a round, and its key where there are keys; an empty text stands for an element without one.
type takeText func(text string, key *protocol.GroupKey) error

// textsOf returns what passes on the texts of a round, one after the other.
func textsOf(ctx context.Context, t *attempt) func(takeText) error {
	call, results := t.call, t.results
	if call.Reduce.Before != nil {
		return func(take takeText) error { return eachAnswer(ctx, t, take) }
	}
	return func(take takeText) error {
		input, err := resultstore.Load(ctx, results.store, call.Reduce.Input)
		if err != nil {
			return err
		}
		scope := &reference.Scope{Bindings: call.Reduce.Bindings, Run: call.Run, Load: results.loader(ctx), Gaps: true}
		keys := newKeysOf(call.Reduce.GroupBy, scope)
		each := func(element value.Value) error {
			text := split.TextOf(element)
			key, err := keys.next(element, text != "")
			if err != nil {
				return err
			}
			return take(text, key)
		}
		whole := input // A list of the file.
		if ref := reference.Single(input.Text()); ref != nil {
			list, err := reference.OpenListOf(ref, scope)
			if err != nil {
				return err
			}
			if list != nil {
				return list.Each(each)
			}
			if whole, err = reference.ResolveListOf(ref, scope); err != nil {
				return err
			}
		} else if whole, err = reference.Resolve(input, scope); err != nil {
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

// keysOf finds the keys of the elements of `input`.
type keysOf struct {
	groupBy        string           // With its references; empty: there are no keys.
	scope          *reference.Scope // With element and index.
	element, index value.Value
	numbers        map[string]int // By the JSON of a key.
	seen           int
}

func newKeysOf(groupBy string, of *reference.Scope) *keysOf {
	k := &keysOf{groupBy: groupBy, numbers: map[string]int{}}
	k.scope = &reference.Scope{Run: of.Run, Load: of.Load, Bindings: append([]protocol.Binding{
		{Head: "item", Value: protocol.Payload{Inline: &k.element}}, {Head: "index", Value: protocol.Payload{Inline: &k.index}},
	}, of.Bindings...)}
	return k
}

// next returns the key of the next element, if it has a text.
func (k *keysOf) next(element value.Value, hasText bool) (*protocol.GroupKey, error) {
	at := k.seen
	k.seen++
	if k.groupBy == "" || !hasText {
		return nil, nil
	}
	k.element, k.index = element, value.Int(int64(at))
	key, err := reference.Resolve(value.String(k.groupBy), k.scope)
	if err != nil {
		failure := *protocol.AsError(err, protocol.TaskParameterError)
		failure.Message = fmt.Sprintf("group_by of element %d of input: %s", at, failure.Message)
		return nil, &failure
	}
	if kind := key.Kind(); kind == value.KindObject || kind == value.KindList {
		return nil, protocol.Errorf(protocol.TaskParameterError, "group_by of element %d of input must be text, a number or a boolean, not %s", at, describe(key)).
			WithHint("name a field with one value, such as ${item.item.category}")
	}
	name := string(key.JSON())
	number, known := k.numbers[name]
	if !known {
		number = len(k.numbers)
		k.numbers[name] = number
	}
	return &protocol.GroupKey{Key: key, Number: number, Inputs: 1}, nil
}

// eachAnswer passes on the answers about the groups of the round before. A key of which one is left has its answer.
func eachAnswer(ctx context.Context, t *attempt, take takeText) error {
	call := t.call
	manifest, err := resultstore.LoadManifest(ctx, t.results.store, *call.Reduce.Before)
	if err != nil {
		return err
	}
	pages := slices.DeleteFunc(slices.Clone(manifest.Pages), func(page protocol.Page) bool { return page.First < call.Reduce.First })
	var answers map[int]int // By the number of the key.
	if call.Reduce.GroupBy != "" {
		answers = map[int]int{}
		for _, page := range pages {
			keys, err := keysOfPage(ctx, t, page)
			if err != nil {
				return err
			}
			for _, key := range keys {
				answers[key.Number]++
			}
		}
	}
	for _, page := range pages {
		ended, err := t.recordedItems(ctx, call, &protocol.Items{First: page.First, Count: page.Count})
		if err != nil {
			return err
		}
		keys := make([]*protocol.GroupKey, page.Count)
		if answers != nil {
			if keys, err = keysOfPage(ctx, t, page); err != nil {
				return err
			}
		}
		for i, key := range keys {
			if key != nil && answers[key.Number] == 1 {
				continue
			}
			item := page.First + i
			if ended[item].Value.Ref == nil {
				return protocol.Errorf(protocol.PersistenceFailed, "the answer about group %d is missing in the result store", item).WithKind(protocol.Permanent)
			}
			answer, err := resultstore.Load(ctx, t.results.store, protocol.Payload{Ref: ended[item].Value.Ref})
			if err != nil {
				return err
			}
			if err := take(split.TextOf(answer), key); err != nil {
				return err
			}
		}
	}
	return nil
}

// keysOfPage returns the keys of a page of groups.
func keysOfPage(ctx context.Context, t *attempt, page protocol.Page) ([]*protocol.GroupKey, error) {
	groups, err := resultstore.LoadPage(ctx, t.results.store, page)
	if err != nil {
		return nil, err
	}
	keys := make([]*protocol.GroupKey, len(groups))
	for i, group := range groups {
		if keys[i], err = protocol.KeyOfGroup(group); err != nil {
			return nil, err
		}
		if keys[i] == nil {
			return nil, protocol.Errorf(protocol.InternalError, "group %d has no key", page.First+i)
		}
		keys[i].Inputs = 0 // They were counted in the first round.
	}
	return keys, nil
}

// lastAnswer is the answer about the last group of a key, with what belongs to all of its groups.
type lastAnswer struct {
	key     *protocol.GroupKey // Of the last group; nil where there are no keys.
	outcome protocol.Outcome
	round   int // Of the last group.
	inputs  int
	calls   int
}

// addAnswer adds the answer about a group.
func addAnswer(last map[int]*lastAnswer, outcome protocol.Outcome, group value.Value) error {
	key, err := protocol.KeyOfGroup(group)
	if err != nil {
		return err
	}
	number := 0
	if key != nil {
		number = key.Number
	}
	of := last[number]
	if of == nil {
		of = &lastAnswer{}
		last[number] = of
	}
	if key != nil {
		of.inputs += key.Inputs
	}
	of.calls++
	of.key, of.outcome = key, outcome
	round, _, _ := protocol.TextsOf(group)
	if of.round, err = strconv.Atoi(round); err != nil {
		return protocol.Errorf(protocol.InternalError, "cannot read the round of a group of texts: %v", err)
	}
	return nil
}

// value is the answer of a key in the list of all of them. The tokens are those of all keys together, beside the list.
func (a *lastAnswer) value(answer value.Value) value.Value {
	for _, name := range slices.Concat(ofOneCall, []string{"tokens_used", "prompt_tokens"}) {
		answer = without(answer, name)
	}
	entry := value.Object(value.Field{Name: "group", Value: a.key.Key})
	for _, field := range answer.Fields() {
		entry = entry.With(field.Name, field.Value)
	}
	return entry.With("inputs", value.Int(int64(a.inputs))).With("rounds", value.Int(int64(a.round))).With("calls", value.Int(int64(a.calls)))
}
