package activities

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// Expand finds the items of a task with items, and records them. An error of the items is in the response; the error of
// Expand itself is that of an unavailable store.
func (a *Activities) Expand(ctx context.Context, request protocol.ExpandRequest) (*protocol.ExpandResponse, error) {
	response, err := a.expandAndRecord(ctx, request)
	if err != nil {
		return nil, err
	}
	response.Kind, response.Task, response.Method = protocol.ExpandedKind, request.Task, request.Method
	if len(response.Skipped) > 0 {
		response.Reason = protocol.ConditionFalseReason(request.When)
	}
	return response, nil
}

func (a *Activities) expandAndRecord(ctx context.Context, request protocol.ExpandRequest) (*protocol.ExpandResponse, error) {
	began := time.Now().UTC()
	scope := &reference.Scope{Bindings: request.Bindings, Run: request.Run, Load: a.results.loader(ctx)}
	found, err := expand(ctx, request, scope, newFiles(request.Run, request.Reads, a.roots))
	if err != nil {
		return unexpanded(ctx, err)
	}
	if request.Pages {
		return a.recordPages(ctx, request, found.elements, began)
	}
	var skipped []protocol.SkippedItem
	if request.When != "" {
		if skipped, err = decideItems(ctx, request, found.elements, a.results.loader); err != nil {
			return unexpanded(ctx, err)
		}
	}
	ref := protocol.RefOf(found.list)
	record := taskRecord(request.Run, request.Task, request.Method, protocol.NoItem, 0, protocol.Outcome{Status: protocol.Running, StartedAt: began})
	record.Items = &ref
	if err := a.results.put(ctx, resultstore.Batch{Records: []resultstore.Record{record}, Values: append(found.large, found.list)}); err != nil {
		return nil, err
	}
	return &protocol.ExpandResponse{Items: found.paths, Values: found.values, Ref: &ref, StartedAt: began, Skipped: skipped}, nil
}

// recordPages records the items in pages.
func (a *Activities) recordPages(ctx context.Context, request protocol.ExpandRequest, items []value.Value, began time.Time) (*protocol.ExpandResponse, error) {
	if request.When != "" {
		if _, err := compileCondition(request.When); err != nil {
			return unexpanded(ctx, err)
		}
	}
	manifest, values, err := paginate(items)
	if err != nil {
		return unexpanded(ctx, err)
	}
	ref := protocol.RefOf(values[len(values)-1])
	record := taskRecord(request.Run, request.Task, request.Method, protocol.NoItem, 0, protocol.Outcome{Status: protocol.Running, StartedAt: began})
	record.Items = &ref
	for _, page := range manifest.Pages {
		record.Pages = append(record.Pages, page.Ref)
	}
	if err := a.results.put(ctx, resultstore.Batch{Records: []resultstore.Record{record}, Values: values}); err != nil {
		return nil, err
	}
	return &protocol.ExpandResponse{Ref: &ref, Total: manifest.Total, StartedAt: began}, nil
}

// unexpanded tells an error of the items, which is a response, from an unavailable store, which is an error that the workflow
// retries.
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

// expansion is the list of a task's items: files, or else values.
type expansion struct {
	paths    []string
	values   []protocol.Item
	elements []value.Value // All of them.
	list     []byte        // The same as JSON.
	large    [][]byte      // JSON of the values that have Refs of their own.
}

func expand(ctx context.Context, request protocol.ExpandRequest, scope *reference.Scope, allowed files) (*expansion, error) {
	if request.Values != nil {
		return expandValues(*request.Values, request.Most, scope)
	}
	paths, err := expandFiles(ctx, request, scope, allowed)
	if err != nil {
		return nil, err
	}
	list := make([]value.Value, len(paths))
	for i, path := range paths {
		list[i] = value.String(path)
	}
	return &expansion{paths: paths, elements: list, list: value.List(list...).JSON()}, nil
}

// expandFiles lists the files that are the items of a task.
func expandFiles(ctx context.Context, request protocol.ExpandRequest, scope *reference.Scope, allowed files) ([]string, error) {
	want, err := newFilter(request.Pattern, request.Exclude)
	if err != nil {
		return nil, err
	}
	var found []string
	if request.Directory != "" {
		folder, err := resolvePath("directory", request.Directory, scope)
		if err != nil {
			return nil, err
		}
		if found, err = allowed.List(ctx, folder, want); err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, noMatch(folder, request)
		}
	}
	for _, written := range request.Files {
		path, err := resolvePath("file", written, scope)
		if err != nil {
			return nil, err
		}
		place, isFolder, err := allowed.Find(path)
		if err != nil {
			return nil, err
		}
		those := []string{place}
		if isFolder {
			if those, err = allowed.List(ctx, place, want); err != nil {
				return nil, err
			}
			if len(those) == 0 {
				return nil, noMatch(place, request)
			}
		}
		found = append(found, those...)
	}
	return checkItems(unique(found), request.Most)
}

func resolvePath(key, written string, scope *reference.Scope) (string, error) {
	v, err := reference.ResolveText(written, scope)
	if err != nil {
		return "", err
	}
	if v.Kind() != value.KindString || v.Text() == "" {
		return "", protocol.Errorf(protocol.TaskParameterError, "%s %s must resolve to a path, not to %s", key, written, v.Kind().Article())
	}
	return v.Text(), nil
}

func noMatch(folder string, request protocol.ExpandRequest) error {
	pattern := request.Pattern
	if pattern == "" {
		pattern = "*"
	}
	message := protocol.Errorf(protocol.TaskValidationFailed, "no file in %q matches %q", folder, pattern)
	if len(request.Exclude) > 0 {
		return message.WithHint("%q are excluded", request.Exclude)
	}
	if first, rest, within := strings.Cut(pattern, "/"); within && first == filepath.Base(folder) {
		return message.WithHint("a pattern is relative to the folder: use %s", rest)
	}
	return message.WithHint("use **/%s to search folders below it too", pattern)
}

func checkItems(items []string, most int) ([]string, error) {
	if len(items) > most {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "%d files match, and the limit of a batch is %d", len(items), most).
			WithHint("narrow the pattern, or split them into several batches")
	}
	for _, item := range items {
		if !utf8.ValidString(item) {
			return nil, protocol.Errorf(protocol.TaskValidationFailed, "the file name %q is not valid UTF-8", item).
				WithHint("rename the file, or exclude it")
		}
	}
	return items, nil
}

// unique keeps the first of equal items.
func unique(items []string) []string {
	seen := make(map[string]bool, len(items))
	return slices.DeleteFunc(items, func(item string) bool {
		repeated := seen[item]
		seen[item] = true
		return repeated
	})
}
