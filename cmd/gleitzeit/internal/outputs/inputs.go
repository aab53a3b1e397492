package outputs

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/table"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// Inputs are the files that a run reads. Results are not written to them.
type Inputs struct {
	Files []string // That no run writes: workflow files, tables, request files, prompts, schemas, scripts and documents that are named.
	Items []string // The files that its tasks are about. Among those in a folder there may be the results of an earlier run.
}

// fileParameters are those whose values are paths of files that a method reads, by its protocol.
var fileParameters = map[string][]string{
	"llm":    {"file_path", "files", "image_path", "image_paths"},
	"python": {"file", "file_path"},
}

// ByPlan returns the files that a plan names, and the file of the plan itself.
func ByPlan(planned *plan.Plan) (in Inputs) {
	scope := &reference.Scope{Bindings: []protocol.Binding{{Head: "inputs", Value: protocol.Payload{Inline: &planned.Inputs}}}}
	add := func(written string) {
		named, err := reference.ResolveText(written, scope)
		if err != nil || named.Kind() != value.KindString || named.Text() == "" {
			return // It depends on results: it is not known.
		}
		for _, folder := range []string{planned.FlowFolder, planned.Folder} {
			path := named.Text()
			if !filepath.IsAbs(path) {
				path = folder + "/" + path // Not cleaned: a part may be a link.
			}
			if file, _ := table.SplitSheet(path); file != "" {
				in.Files = append(in.Files, path, file)
			}
		}
	}
	for i := range planned.Tasks {
		if each := planned.Tasks[i].FanOut; each != nil && each.Rows != nil {
			add(each.Rows.File)
		}
	}
	for _, task := range planned.Callers() {
		in.Files = append(in.Files, task.Reads...)
		if task.Source != nil {
			in.Files = append(in.Files, task.Source.Path)
		}
		protocolName, _, _ := strings.Cut(task.Method, "/")
		for _, name := range fileParameters[protocolName] {
			named, _ := task.Parameters.Get(name)
			for _, path := range append(named.Elements(), named) {
				if path.Kind() == value.KindString {
					add(path.Text())
				}
			}
		}
	}
	if planned.File != "" {
		in.Files = append(in.Files, planned.File)
	}
	for i := range planned.Workflows {
		within := &planned.Workflows[i]
		in.Files = append(append(in.Files, within.File), ByPlan(&within.Plan).Files...)
	}
	return in
}

// Now returns what a run of the plan would read that started now, to be compared with the files. If none of them exists, folders are not
// searched.
func Now(ctx context.Context, planned *plan.Plan, caseSensitive bool, files []File) (Inputs, error) {
	in := ByPlan(planned)
	if !slices.ContainsFunc(files, File.exists) {
		return in, nil
	}
	a, err := activities.New(activities.Options{CaseSensitive: caseSensitive})
	if err != nil {
		return in, err
	}
	run := protocol.RunInfo{ID: "RUN", Workflow: planned.Name, Folder: planned.Folder, FlowFolder: planned.FlowFolder}
	for i := range planned.Tasks {
		each := planned.Tasks[i].FanOut
		if each == nil || !each.HasFiles() {
			continue
		}
		listing, err := a.List(ctx, protocol.ExpandRequest{
			Run: run, Task: planned.Tasks[i].ID, Method: planned.Tasks[i].Method, Directory: each.Directory, Files: each.Files, Pattern: each.Pattern,
			Exclude: each.Exclude, Reads: each.Reads, Bindings: []protocol.Binding{{Head: "inputs", Value: protocol.Payload{Inline: &planned.Inputs}}},
		})
		if ctx.Err() != nil {
			return in, ctx.Err()
		}
		if err == nil { // Otherwise the run reports it, unless its folder is known only then.
			in.Items = append(in.Items, listing.Items...)
		}
	}
	return in, nil
}

// Of returns what a run has read, to be compared with the files. If none of them exists, the list of its items is not read.
func Of(ctx context.Context, store resultstore.Store, run string, planned *plan.Plan, files []File) (Inputs, error) {
	if planned == nil {
		return Inputs{}, nil
	}
	in, whole := ByPlan(planned), protocol.NoItem
	if !slices.ContainsFunc(files, File.exists) {
		return in, nil
	}
	for _, task := range planned.All() {
		if each := task.FanOut; each == nil || !each.HasFiles() {
			continue
		}
		records, err := store.Records(ctx, resultstore.Query{Run: run, Kind: resultstore.Task, Task: task.ID, Item: &whole})
		if err != nil {
			return in, err
		}
		at := slices.IndexFunc(records, func(r resultstore.Record) bool { return r.Items != nil })
		if at < 0 {
			continue
		}
		manifest, err := resultstore.LoadManifest(ctx, store, *records[at].Items)
		if err != nil {
			return in, err
		}
		for _, page := range manifest.Pages {
			items, err := resultstore.LoadPage(ctx, store, page)
			if err != nil {
				return in, err
			}
			for _, item := range items {
				in.Files = append(in.Files, item.Text())
			}
		}
	}
	return in, nil
}

// Omit adds a file for results to those that a plan does not read, if it is not one of them.
func Omit(planned *plan.Plan, path string) {
	for i := range planned.Tasks {
		if each := planned.Tasks[i].FanOut; each != nil && each.Values == nil && !slices.ContainsFunc(each.Omit, func(omitted string) bool { return isSame(omitted, path) }) {
			each.Omit = append(slices.Clone(each.Omit), path)
		}
	}
	for i := range planned.Workflows {
		Omit(&planned.Workflows[i].Plan, path)
	}
	planned.Format = max(planned.Format, plan.FormatFor(planned))
}

// Check reports the first of the files that is an input. One that an earlier run has written may be an item: it is left out then.
func (in Inputs) Check(writtenBefore func(path string) (bool, error), files ...File) error {
	for _, file := range files {
		info, err := os.Stat(file.Path)
		if file.Path == "" || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return file.Unwritable(err)
		}
		is := func(path string) bool {
			found, err := os.Stat(path)
			if err != nil {
				raw, escaped := value.UnescapeInvalid(path)
				if !escaped {
					return false
				}
				found, err = os.Stat(raw)
			}
			return err == nil && os.SameFile(found, info)
		}
		if slices.ContainsFunc(in.Files, is) {
			return file.input()
		}
		if !slices.ContainsFunc(in.Items, is) {
			continue
		}
		if before, err := writtenBefore(file.Path); err != nil {
			return err
		} else if !before {
			return file.input()
		}
	}
	return nil
}

func (f File) input() error {
	return protocol.Errorf(protocol.InvalidParams, "cannot write %s to %q: the run reads it", f.Contents, f.Path).
		WithHint("write %s to another file", f.Contents)
}

// WrittenBefore reports whether the results of one of the runs in a store went to a path, whatever path or link led to it then: its
// plan says so. A file that was there before is not replaced by a run that would have read it, so that it is not somebody else's.
func WrittenBefore(ctx context.Context, store resultstore.Store, path string) (bool, error) {
	records, err := store.Records(ctx, resultstore.Query{})
	if err != nil {
		return false, err
	}
	seen := map[string]bool{}
	for _, record := range records {
		if record.Plan == nil || seen[record.Plan.Hash] {
			continue
		}
		seen[record.Plan.Hash] = true
		data, err := store.Value(ctx, *record.Plan)
		if errors.Is(err, resultstore.ErrNotFound) {
			continue
		}
		if err != nil {
			return false, err
		}
		planned := &plan.Plan{}
		if err := json.Unmarshal(data, planned); err != nil {
			continue // Of a later version.
		}
		for _, task := range planned.All() {
			if each := task.FanOut; each != nil && slices.ContainsFunc(each.Omit, func(omitted string) bool { return isSame(omitted, path) }) {
				return true, nil
			}
		}
	}
	return false, nil
}
