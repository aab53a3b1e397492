package activities

import (
	"context"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// Expand finds the items of a task that runs once an item, and records which they are. What is wrong with them comes back
// as Expanded.Error; the error of Expand itself is for a store that is away.
func (a *Activities) Expand(ctx context.Context, expanding protocol.ExpandRequest) (*protocol.ExpandResponse, error) {
	expanded, err := a.expandAndRecord(ctx, expanding)
	if err != nil {
		return nil, err
	}
	expanded.Kind, expanded.Task, expanded.Method = protocol.ExpandedKind, expanding.Task, expanding.Method
	if len(expanded.Skipped) > 0 {
		expanded.Reason = protocol.ConditionFalseReason(expanding.When)
	}
	return expanded, nil
}

func (a *Activities) expandAndRecord(ctx context.Context, expanding protocol.ExpandRequest) (*protocol.ExpandResponse, error) {
	began := time.Now().UTC()
	found, err := a.expand(ctx, expanding)
	if err != nil {
		return unexpanded(ctx, err)
	}
	var refused []protocol.SkippedItem
	if expanding.When != "" {
		if refused, err = a.decideItems(ctx, expanding, found.elements); err != nil {
			return unexpanded(ctx, err)
		}
	}
	ref := protocol.RefOf(found.list)
	record := resultstore.Record{
		Kind:     resultstore.Task,
		Key:      resultstore.Key{Run: expanding.Run.ID, Execution: expanding.Run.Execution, Task: expanding.Task, Item: protocol.NoItem},
		Workflow: expanding.Run.Workflow, Method: expanding.Method, Status: protocol.Running, StartedAt: began, Items: &ref,
	}
	if err := a.put(ctx, resultstore.Batch{Records: []resultstore.Record{record}, Values: append(found.large, found.list)}); err != nil {
		return nil, err
	}
	return &protocol.ExpandResponse{Items: found.paths, Values: found.values, Ref: &ref, StartedAt: began, Skipped: refused}, nil
}

// unexpanded tells items that cannot be had from a store that is away, which is asked again.
func unexpanded(ctx context.Context, err error) (*protocol.ExpandResponse, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	failure := protocol.AsError(err, protocol.TaskValidationFailed)
	if failure.Kind == protocol.Transient {
		return nil, failure
	}
	return &protocol.ExpandResponse{Error: shortened(failure)}, nil
}

// expansion are the items of a task: files, or else values.
type expansion struct {
	paths    []string
	values   []protocol.Item
	elements []value.Value // All of them.
	list     []byte        // The same as JSON.
	large    [][]byte      // The values that have Refs of their own, as JSON.
}

func (a *Activities) expand(ctx context.Context, expanding protocol.ExpandRequest) (*expansion, error) {
	scope := &reference.Scope{Bindings: expanding.Bindings, Run: expanding.Run, Load: a.load(ctx)}
	if expanding.Values != nil {
		return expandValues(*expanding.Values, expanding.Most, scope)
	}
	paths, err := a.paths(expanding, scope)
	if err != nil {
		return nil, err
	}
	list := make([]value.Value, len(paths))
	for i, path := range paths {
		list[i] = value.String(path)
	}
	return &expansion{paths: paths, elements: list, list: value.List(list...).JSON()}, nil
}

// paths lists the files that the task is about.
func (a *Activities) paths(expanding protocol.ExpandRequest, scope *reference.Scope) ([]string, error) {
	may := a.files(expanding.Run, expanding.Reads)
	want := wanted{expanding.Pattern, expanding.Exclude}
	var found []string
	if expanding.Directory != "" {
		folder, err := resolvePath("directory", expanding.Directory, scope)
		if err != nil {
			return nil, err
		}
		if found, err = may.List(folder, want); err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, nothingIn(folder, want)
		}
	}
	for _, written := range expanding.Files {
		path, err := resolvePath("file", written, scope)
		if err != nil {
			return nil, err
		}
		place, isFolder, err := may.Find(path)
		if err != nil {
			return nil, err
		}
		those := []string{place}
		if isFolder {
			if those, err = may.List(place, want); err != nil {
				return nil, err
			}
			if len(those) == 0 {
				return nil, nothingIn(place, want)
			}
		}
		found = append(found, those...)
	}
	return checkItems(once(found), expanding.Most)
}

func resolvePath(key, written string, scope *reference.Scope) (string, error) {
	v, err := reference.ResolveText(written, scope)
	if err != nil {
		return "", err
	}
	if v.Kind() != value.KindString || v.Text() == "" {
		return "", protocol.Errorf(protocol.TaskParameterError, "%s %s must lead to a path, and is a %s", key, written, v.Kind())
	}
	return v.Text(), nil
}

func nothingIn(folder string, want wanted) error {
	pattern := want.pattern
	if pattern == "" {
		pattern = "*"
	}
	message := protocol.Errorf(protocol.TaskValidationFailed, "no file in %q matches %q", folder, pattern)
	if len(want.exclude) > 0 {
		return message.WithHint("%q are left out", want.exclude)
	}
	return message.WithHint("**/%s looks into the folders beneath it, too", pattern)
}

func checkItems(items []string, most int) ([]string, error) {
	if len(items) > most {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "there are %d files, and one batch takes %d", len(items), most).
			WithHint("narrow the pattern, or make several batches of them")
	}
	for _, item := range items {
		if !utf8.ValidString(item) {
			return nil, protocol.Errorf(protocol.TaskValidationFailed, "the name of file %q is no UTF-8, and cannot be handed over", item).
				WithHint("rename it, or leave it out with exclude")
		}
	}
	return items, nil
}

// once keeps the first of equal items.
func once(items []string) []string {
	seen := make(map[string]bool, len(items))
	return slices.DeleteFunc(items, func(item string) bool {
		again := seen[item]
		seen[item] = true
		return again
	})
}
