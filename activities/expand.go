package activities

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/gleitzeit/gleitzeit/activities/rows"
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
	if request.Rows != nil {
		return a.recordRows(ctx, request, scope, began)
	}
	found, err := a.expand(ctx, request, scope)
	if err != nil {
		return unexpanded(ctx, err)
	}
	if request.Pages {
		return a.recordPages(ctx, request, found, began)
	}
	skipped := found.invalid
	if request.When != "" {
		byCondition, err := decideItems(ctx, request, found.elements, a.results.loader)
		if err != nil {
			return unexpanded(ctx, err)
		}
		skipped = mergeSkipped(skipped, byCondition)
	}
	ref := protocol.RefOf(found.list)
	record := itemsRecord(request, began, found.warning)
	record.Items = &ref
	if err := a.results.put(ctx, resultstore.Batch{Records: []resultstore.Record{record}, Values: append(found.large, found.list)}); err != nil {
		return nil, err
	}
	return &protocol.ExpandResponse{
		Items: found.paths, Values: found.values, Ref: &ref, StartedAt: began, Skipped: skipped, Folders: found.folders, Warning: found.warning,
	}, nil
}

// mergeSkipped returns the items of both lists, in their order. The first one takes precedence.
func mergeSkipped(first, second []protocol.SkippedItem) []protocol.SkippedItem {
	all := append(slices.Clone(first), second...)
	slices.SortStableFunc(all, func(a, b protocol.SkippedItem) int { return cmp.Compare(a.Index, b.Index) })
	return slices.CompactFunc(all, func(a, b protocol.SkippedItem) bool { return a.Index == b.Index })
}

// itemsRecord returns the record of a task whose items are known.
func itemsRecord(request protocol.ExpandRequest, began time.Time, warning string) resultstore.Record {
	return taskRecord(request.Run, request.Task, request.Method, protocol.NoItem, 0, protocol.Outcome{Status: protocol.Running, StartedAt: began, Warning: warning})
}

// checkWhen returns the error of a condition that is evaluated for each item later.
func checkWhen(request protocol.ExpandRequest) error {
	if request.When == "" {
		return nil
	}
	_, err := compileCondition(request.When)
	return err
}

// recordPages records the items in pages.
func (a *Activities) recordPages(ctx context.Context, request protocol.ExpandRequest, found *expansion, began time.Time) (*protocol.ExpandResponse, error) {
	if err := checkWhen(request); err != nil {
		return unexpanded(ctx, err)
	}
	pages, err := paginate(found.elements, found.invalid)
	if err != nil {
		return unexpanded(ctx, err)
	}
	response, err := a.putManifest(ctx, pages, itemsRecord(request, began, found.warning))
	if err == nil {
		response.Folders = found.folders
	}
	return response, err
}

// putPages is how many pages are stored at once while a table is read.
const putPages = 16

// recordRows records the rows of a table in pages, while it reads them.
func (a *Activities) recordRows(ctx context.Context, request protocol.ExpandRequest, scope *reference.Scope, began time.Time) (*protocol.ExpandResponse, error) {
	if err := checkWhen(request); err != nil {
		return unexpanded(ctx, err)
	}
	source, err := newFiles(request.Run, request.Reads, a.roots, "").openRows(request, scope)
	if err != nil {
		return unexpanded(ctx, err)
	}
	defer source.Close()
	var pages pager
	var unavailable error
	keys := source.Keys()
	err = source.Each(ctx, func(row rows.Row) error {
		keys.Add(row)
		if row.Error != nil {
			row.Error = shortened(row.Error)
		}
		if pages.add(row.Item, row.Error); len(pages.values) < putPages {
			return pages.err
		}
		unavailable = a.results.put(ctx, resultstore.Batch{Values: pages.values})
		pages.values = nil
		return unavailable
	})
	if unavailable != nil {
		return nil, unavailable
	}
	if err == nil {
		err = keys.Check(ctx)
	}
	if err == nil {
		pages.manifest.Table = source.Table()
		err = pages.end()
	}
	if err != nil {
		return unexpanded(ctx, err)
	}
	return a.putManifest(ctx, pages, itemsRecord(request, began, ""))
}

// OpenRows opens the table whose rows a task would run for now. It records nothing.
func (a *Activities) OpenRows(request protocol.ExpandRequest) (*rows.Source, error) {
	return newFiles(request.Run, request.Reads, a.roots, "").openRows(request, &reference.Scope{Bindings: request.Bindings, Run: request.Run})
}

// putManifest stores the record of a task whose items are in pages, and what of the pages is not stored yet.
func (a *Activities) putManifest(ctx context.Context, pages pager, record resultstore.Record) (*protocol.ExpandResponse, error) {
	ref := protocol.RefOf(pages.values[len(pages.values)-1])
	record.Items = &ref
	for _, page := range pages.manifest.Pages {
		record.Pages = append(record.Pages, page.Ref)
	}
	if err := a.results.put(ctx, resultstore.Batch{Records: []resultstore.Record{record}, Values: pages.values}); err != nil {
		return nil, err
	}
	return &protocol.ExpandResponse{Ref: &ref, Total: pages.manifest.Total, StartedAt: record.StartedAt, Warning: record.Warning}, nil
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

// group groups the texts of a round. An error of the texts is in the response; the error of group itself is that of an unavailable store,
// or of a call that was cancelled.
func (a *Activities) group(ctx context.Context, call *protocol.Call, beat *heartbeat) (*protocol.ExpandResponse, error) {
	response, err := groupTexts(ctx, &attempt{Activities: a, call: call, beat: beat}, false)
	if err != nil {
		if cancelRequested(ctx) {
			return nil, temporal.NewCanceledError()
		}
		if response, err = unexpanded(ctx, err); err != nil {
			return nil, err
		}
	}
	response.Kind, response.Task, response.Method = protocol.ExpandedKind, call.Task, call.Method
	return response, nil
}

// ForecastGroups is group for a forecast: without a server that counts, if no earlier run did.
func (a *Activities) ForecastGroups(ctx context.Context, call *protocol.Call) (*protocol.ExpandResponse, error) {
	response, err := groupTexts(ctx, &attempt{Activities: a, call: call, beat: &heartbeat{}}, true)
	if err != nil {
		return unexpanded(ctx, err)
	}
	return response, nil
}

// expansion is the list of a task's items: files, or else values.
type expansion struct {
	paths    []string
	folders  []string // Absolute paths of the folders in which paths were found.
	values   []protocol.Item
	elements []value.Value // All of them.
	list     []byte        // The same as JSON.
	large    [][]byte      // JSON of the values that have Refs of their own.

	invalid []protocol.SkippedItem // Those that cannot run, in their order.
	warning string                 // What is not among them.
	matched int                    // Number of files before some were chosen.
	search  *search
}

func (a *Activities) expand(ctx context.Context, request protocol.ExpandRequest, scope *reference.Scope) (*expansion, error) {
	if request.Values != nil {
		return expandValues(request, scope)
	}
	want, err := newFilter(request.Pattern, request.Exclude, a.caseSensitive)
	if err != nil {
		return nil, err
	}
	search := &search{files: newFiles(request.Run, request.Reads, a.roots, ""), request: request, want: want.omitting(request.Omit), caseSensitive: a.caseSensitive, nameFlags: a.nameFlags}
	if err := search.run(ctx, scope); err != nil {
		return nil, err
	}
	matching := unique(search.found)
	paths, err := checkCount(chosen(matching, search.folders, request), request.Most)
	if err != nil {
		return nil, err
	}
	found := &expansion{folders: search.folders, matched: len(matching), search: search, warning: leftOut(append(search.leftOut, surprising(search.ignored)...))}
	for i, path := range paths {
		name := value.EscapeInvalid(path)
		if name != path {
			failure := protocol.Errorf(protocol.InvalidParams, "the file name \"%s\" is not valid UTF-8", name).WithHint("rename the file, or exclude it")
			found.invalid = append(found.invalid, protocol.SkippedItem{Index: i, Error: failure})
		}
		found.paths = append(found.paths, name)
		found.elements = append(found.elements, value.String(name))
	}
	if !request.Pages {
		found.list = value.List(found.elements...).JSON()
	}
	return found, nil
}

// maxLeftOut is how many of the files and folders that were left out a warning names.
const maxLeftOut = 5

// leftOut returns a warning about files and folders that were not read; empty if there are none.
func leftOut(all []string) string {
	if len(all) == 0 {
		return ""
	}
	text := strings.Join(all[:min(len(all), maxLeftOut)], "; ")
	if more := len(all) - maxLeftOut; more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return "left out: " + text
}

// search looks for the files that are the items of a task.
type search struct {
	files
	request protocol.ExpandRequest
	want    filter

	caseSensitive bool
	nameFlags     bool

	found   []string
	folders []string
	leftOut []string
	ignored []IgnoredFile
}

func (s *search) run(ctx context.Context, scope *reference.Scope) error {
	if s.request.Directory != "" {
		folder, err := resolvePath("directory", s.request.Directory, scope)
		if err != nil {
			return err
		}
		if err := s.add(ctx, folder); err != nil {
			return err
		}
	}
	for _, written := range s.request.Files {
		path, err := resolvePath("file", written, scope)
		if err != nil {
			return err
		}
		place, isFolder, err := s.Find(path)
		switch {
		case err != nil:
			return err
		case isFolder:
			if err := s.add(ctx, place); err != nil {
				return err
			}
		case s.want.isOmitted(os.Lstat(place)) || s.want.isOmitted(s.stat(place)):
			s.leftOut = append(s.leftOut, omitted(place))
		default:
			s.found = append(s.found, place)
		}
	}
	if len(s.found) == 0 && len(s.leftOut) > 0 {
		return protocol.Errorf(protocol.TaskValidationFailed, "there is no file to read; %s", leftOut(s.leftOut))
	}
	return nil
}

// add adds what a folder has.
func (s *search) add(ctx context.Context, folder string) error {
	listed, err := s.List(ctx, folder, s.want)
	if err != nil {
		return err
	}
	if len(listed.files) == 0 {
		return s.noMatch(ctx, folder, listed)
	}
	s.found = append(s.found, listed.files...)
	s.leftOut = append(s.leftOut, listed.leftOut...)
	s.ignored = append(s.ignored, listed.ignored...)
	if !slices.Contains(s.folders, listed.folder) {
		s.folders = append(s.folders, listed.folder)
	}
	return nil
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

func checkCount(items []string, most int) ([]string, error) {
	if most > 0 && len(items) > most {
		return nil, protocol.Errorf(protocol.TaskValidationFailed, "%d files match, and the limit of a batch is %d", len(items), most).
			WithHint("narrow the pattern, or split them into several batches")
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

// List returns the files for which a task would run now, and records nothing.
func (a *Activities) List(ctx context.Context, request protocol.ExpandRequest) (*Listing, error) {
	found, err := a.expand(ctx, request, &reference.Scope{Bindings: request.Bindings, Run: request.Run})
	if err != nil {
		return nil, err
	}
	return &Listing{
		Items: found.paths, Folders: found.folders, Matched: found.matched, Invalid: found.invalid, Ignored: found.search.ignored, LeftOut: found.search.leftOut,
	}, nil
}

// ItemFiles are the files that a call may read.
type ItemFiles interface {
	protocol.Files
	// Check returns the error of a file that Read would refuse to read; nil for one that is missing.
	Check(path string) error
}

// Files returns what a call of the run may read, for an item that was found in a folder.
func (a *Activities) Files(run protocol.RunInfo, reads []string, within string) ItemFiles {
	return newFiles(run, reads, a.roots, within)
}
