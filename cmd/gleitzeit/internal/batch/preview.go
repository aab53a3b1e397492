package batch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/reference"
)

// Scan is the list of the files or rows of a batch, before it starts. It calls nothing, and records nothing.
type Scan struct {
	plan       *plan.Plan
	activities *activities.Activities
	listing    *activities.Listing
	documents  *reader.Reader
	failure    error    // Of a run that would start now: why there are no files.
	rows       rowCount // Of a batch of rows, which has no files.
}

// NewScan lists the files of a batch. If they cannot be listed, Preview returns the error: a run that is open has its files. The reader
// is that of Preview. Its tools and functions are not called.
func NewScan(ctx context.Context, p *plan.Plan, caseSensitive bool, documents *reader.Reader) (*Scan, error) {
	a, err := activities.New(activities.Options{CaseSensitive: caseSensitive, NameFlags: true})
	if err != nil {
		return nil, err
	}
	documents.SetCaller(reader.Caller{Call: name})
	s := &Scan{plan: p, activities: a, listing: &activities.Listing{}, documents: documents}
	if s.each().Rows != nil {
		s.failure = s.countRows(ctx)
		return s, nil
	}
	if s.listing, s.failure = a.List(ctx, s.request(s.each().Pattern)); s.failure != nil {
		s.listing = &activities.Listing{}
	}
	return s, nil
}

// NoItems returns the error of a batch that would start now and find no files, or a table without a column that it needs; nil if it finds
// some.
func (s *Scan) NoItems() error {
	failure, is := errors.AsType[*protocol.Error](s.failure)
	if !is || failure.Code != protocol.TaskValidationFailed {
		return nil
	}
	return protocol.Errorf(protocol.InvalidParams, "%s", failure.Message).WithHint("%s", failure.Hint)
}

// name stands for the result of a method, as names stand for secrets.
func name(_ context.Context, request protocol.Request) (protocol.Result, error) {
	text := value.String("[" + request.Method + "]")
	return protocol.Result{Value: value.Object(value.Field{Name: "result", Value: text})}, nil
}

func (s *Scan) task() *plan.Task   { return &s.plan.Tasks[0] }
func (s *Scan) each() *plan.FanOut { return s.task().FanOut }

func (s *Scan) run() protocol.RunInfo {
	return protocol.RunInfo{ID: "RUN", Workflow: s.plan.Name, Folder: s.plan.Folder, FlowFolder: s.plan.FlowFolder}
}

func (s *Scan) request(pattern string) protocol.ExpandRequest {
	each := s.each()
	return protocol.ExpandRequest{
		Run: s.run(), Task: s.task().ID, Method: s.task().Method, Directory: each.Directory, Files: each.Files, Rows: each.Rows, Pattern: pattern, Exclude: each.Exclude,
		Omit: each.Omit, Reads: each.Reads, Limit: each.Limit, Sample: each.Sample, Seed: each.Seed, Models: each.Models,
	}
}

// Calls returns the number of calls: the files, for each model; or the rows, as far as they were counted.
func (s *Scan) Calls() int { return len(s.listing.Items) + s.rows.counted }

// CountCalls returns the number of calls for people.
func (s *Scan) CountCalls() string {
	if s.rows.more {
		return fmt.Sprintf("more than %d calls", s.rows.counted)
	}
	return count(s.Calls(), "call")
}

// maxBeneath is how long folders beneath are searched for files that are not taken.
const maxBeneath = time.Second

// Beneath is what lies in the folders beneath those of a batch, and is not taken.
type Beneath struct {
	Files   int  `json:"files"`
	Folders int  `json:"folders"`
	Partly  bool `json:"partly,omitempty"` // There may be more of them.
}

// Beneath counts the files beneath the folders that the pattern would match there; nil if there are none, or if the pattern says
// which folders are meant.
func (s *Scan) Beneath(ctx context.Context) *Beneath {
	pattern := s.each().Pattern
	if strings.Contains(pattern, "/") || pattern == "**" || len(s.listing.Folders) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, maxBeneath)
	defer cancel()
	request := s.request(recursive(pattern))
	request.Limit, request.Sample, request.Models, request.Most = 0, 0, nil, math.MaxInt
	all, err := s.activities.List(ctx, request)
	if ctx.Err() != nil {
		return &Beneath{Partly: true}
	}
	if err != nil {
		return nil
	}
	searched, named, folders := setOf(s.listing.Folders), setOf(s.each().Files), map[string]bool{}
	found := &Beneath{}
	for _, item := range all.Items {
		relative, err := filepath.Rel(s.plan.Folder, item)
		if folder := filepath.Dir(item); !searched[folder] && !named[item] && (err != nil || !named[relative]) {
			found.Files++
			folders[folder] = true
		}
	}
	if found.Folders = len(folders); found.Files == 0 {
		return nil
	}
	return found
}

func setOf(all []string) map[string]bool {
	set := make(map[string]bool, len(all))
	for _, one := range all {
		set[one] = true
	}
	return set
}

// Notices are lines about what is not among the files of a batch.
func (s *Scan) Notices(ctx context.Context) (lines []string) {
	switch {
	case s.each().HasRequests():
		return s.noticeRequests(ctx)
	case s.each().Rows != nil:
		return nil
	}
	taken := len(s.listing.Items) / max(len(s.each().Models), 1)
	switch {
	case taken == s.listing.Matched:
	case s.each().Sample > 0:
		lines = append(lines, fmt.Sprintf("%s, a sample with seed %d", ofFiles(taken, s.listing.Matched), s.each().Seed))
	default:
		lines = append(lines, "the first "+ofFiles(taken, s.listing.Matched))
	}
	if len(s.listing.Ignored) > 0 {
		lines = append(lines, "left out: "+activities.CountIgnored(s.listing.Ignored))
	}
	if beneath := s.Beneath(ctx); beneath != nil {
		lines = append(lines, beneath.String())
	}
	return lines
}

func (b *Beneath) String() string {
	if b.Partly {
		return "files in folders beneath are not taken; `--recursive` takes them"
	}
	if b.Files == 1 {
		return "1 file in a folder beneath is not taken; `--recursive` takes it"
	}
	return fmt.Sprintf("%d files in %s beneath are not taken; `--recursive` takes them", b.Files, count(b.Folders, "folder"))
}

func ofFiles(taken, all int) string { return fmt.Sprintf("%d of %s", taken, count(all, "file")) }

func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// Preview is what a batch would do.
type Preview struct {
	Workflow string   `json:"workflow"`
	Method   string   `json:"method"`
	Models   []string `json:"models,omitempty"`
	Matched  int      `json:"matched"` // Number of files that match, or of rows.
	Calls    int      `json:"calls"`   // For those that are taken, for each model; with Split, for each of their chunks.
	Files    []string `json:"files"`   // The first of those that are taken.
	Split    *Split   `json:"split,omitempty"`

	Prompts []RenderedPrompt `json:"prompts"` // Of the first calls.
	// Tokens is an estimate of what all calls have a model read, without images; null if no model is asked, or no text is known.
	Tokens *int64 `json:"estimated_prompt_tokens"`
	// Converted is the number of files, of those looked at, whose text only a tool or a function knows. It is not asked: they are taken for
	// files like the others.
	Converted int `json:"converted,omitempty"`

	Failing int           `json:"failing"` // Number of files that could not be read.
	Skipped []SkippedFile `json:"skipped"` // The first files that would not be read, or that would fail.
	LeftOut int           `json:"left_out"`
	Beneath *Beneath      `json:"beneath,omitempty"`
	Earlier *Earlier      `json:"earlier,omitempty"` // Nil if the batch takes over nothing.

	folder string
	word   string // For one of the items,
	items  int    // whose number this is, for each model.
}

// RenderedPrompt is the call for one file.
type RenderedPrompt struct {
	File       string       `json:"file"`
	Model      string       `json:"model,omitempty"`
	Chunks     int          `json:"chunks,omitempty"` // Of the document, of which this is the prompt about the first; 0: it is read at once.
	System     string       `json:"system,omitempty"`
	Prompt     string       `json:"prompt,omitempty"`
	Parameters *value.Value `json:"parameters,omitempty"` // Of a method that asks no model.
}

// SkippedFile is a file that would not be read, and why.
type SkippedFile struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
}

// The bounds of a preview.
const (
	maxFiles   = 20
	maxPrompts = 3
	maxSkipped = 20
	maxReads   = 2000             // Files that are read for the estimate; those after them count like the average of these.
	maxReading = 20 * time.Second // After it no more files are read: documents take longer than texts. The slowest is not counted.
)

// Preview renders the first calls, and estimates all of them.
func (s *Scan) Preview(ctx context.Context) (*Preview, error) {
	if s.failure != nil {
		return nil, s.failure
	}
	each := s.each()
	p := &Preview{
		Workflow: s.plan.Name, Method: s.task().Method, Models: each.Models, Matched: s.listing.Matched, Calls: s.Calls(), Split: s.split(), Files: []string{}, Prompts: []RenderedPrompt{},
		Skipped: []SkippedFile{}, LeftOut: len(s.listing.Ignored) + len(s.listing.LeftOut), Beneath: s.Beneath(ctx), folder: s.plan.Folder, word: "file",
	}
	if each.Rows != nil {
		if err := s.previewRows(ctx, p); err != nil {
			return nil, err
		}
		return p, nil
	}
	p.items = s.Calls() / max(len(each.Models), 1)
	perModel := s.listing.Items[:p.items]
	p.Files = append(p.Files, perModel[:min(len(perModel), maxFiles)]...)
	for _, invalid := range s.listing.Invalid {
		if invalid.Index < len(perModel) {
			p.fails(s.listing.Items[invalid.Index], invalid.Error)
		}
	}
	costs := estimate{}
	var reading, slowest time.Duration // The first PDF document waits until its reader is compiled.
	for i, file := range s.listing.Items {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if s.isInvalid(i) {
			continue
		}
		if costs.read+p.Converted == maxReads || reading-slowest > maxReading || i >= len(perModel) && len(p.Prompts) >= maxPrompts {
			break
		}
		began := time.Now()
		rendered, cost, err := s.render(ctx, i, file)
		took := time.Since(began)
		reading, slowest = reading+took, max(slowest, took)
		if i < len(perModel) {
			if err == nil && s.documents.CallsMethod(file) {
				p.Converted++
			} else {
				costs.add(cost)
			}
			if err != nil {
				p.fails(file, protocol.AsError(err, protocol.TaskValidationFailed))
			}
		}
		if err == nil && len(p.Prompts) < maxPrompts {
			p.Prompts = append(p.Prompts, rendered)
		}
	}
	if strings.HasPrefix(p.Method, "llm/") && (costs.read > 0 || p.Converted == 0) {
		p.estimate(costs)
	}
	for _, ignored := range s.listing.Ignored {
		kind := string(ignored.Kind) + " file"
		if ignored.Folder {
			kind = string(ignored.Kind) + " folder"
		}
		p.skip(SkippedFile{ignored.Path, kind})
	}
	for _, text := range s.listing.LeftOut {
		p.skip(SkippedFile{"", text})
	}
	return p, nil
}

func (s *Scan) isInvalid(item int) bool {
	return slices.ContainsFunc(s.listing.Invalid, func(i protocol.SkippedItem) bool { return i.Index == item })
}

func (p *Preview) fails(file string, why *protocol.Error) {
	p.Failing++
	p.skip(SkippedFile{file, "would fail: " + strings.Replace(why.Message, fmt.Sprintf("file %q", file), "the file", 1)})
}

func (p *Preview) skip(file SkippedFile) {
	if len(p.Skipped) < maxSkipped {
		p.Skipped = append(p.Skipped, file)
	}
}

// render returns the call for an item as its method would get it, and what it costs. The error is one of the file.
func (s *Scan) render(ctx context.Context, item int, file string) (RenderedPrompt, cost, error) {
	model := protocol.ModelOf(s.each().Models, item, s.Calls())
	path := value.String(file)
	files := s.activities.Files(s.run(), append(slices.Clone(s.task().Reads), s.each().Reads...), s.within(file))
	binding := protocol.Binding{Head: "item", Value: protocol.Payload{Inline: &path}, File: true, Model: model}
	return s.renderCall(ctx, item, RenderedPrompt{File: file, Model: model}, binding, files, func() error { return files.Check(file) })
}

// renderCall returns the call for an item that is bound so. The check is made when its parameters are resolved.
func (s *Scan) renderCall(ctx context.Context, item int, rendered RenderedPrompt, bound protocol.Binding, files protocol.Files, check func() error) (RenderedPrompt, cost, error) {
	index := value.Int(int64(item))
	named := func(head string) func(string) (string, bool) {
		return func(name string) (string, bool) { return "[" + head + "." + name + "]", true } // What it holds is not shown.
	}
	scope := &reference.Scope{Run: s.run(), Env: named("env"), Secret: named("secrets"), Bindings: []protocol.Binding{
		bound, {Head: "index", Value: protocol.Payload{Inline: &index}},
	}}
	scope.Document = activities.DocumentOf(ctx, s.documents, files, s.task().Parameters)
	resolved, err := reference.Resolve(s.task().Parameters, scope)
	if err != nil {
		return RenderedPrompt{}, cost{}, err
	}
	given, _ := resolved.Get("model")
	rendered.Model = cmp.Or(rendered.Model, given.Text())
	if err := check(); err != nil {
		return rendered, cost{}, err
	}
	if !s.hasPrompt() {
		rendered.Parameters = &resolved
		return rendered, cost{}, nil
	}
	request := protocol.Request{Method: s.task().Method, Parameters: resolved, Files: files}
	if how := s.task().Split; how != nil {
		if chunks, err := llm.ReadChunks(ctx, request, *how, s.documents); len(chunks) > 0 || err != nil {
			return rendered.ofChunks(chunks, how, err)
		}
	}
	prompt, err := llm.ReadPrompt(ctx, request, s.documents)
	rendered.System, rendered.Prompt = prompt.System, prompt.Text
	return rendered, cost{tokens: prompt.Tokens, calls: 1}, err
}

// hasPrompt reports whether the calls have a prompt for a model: the body of a request is shown as it is.
func (s *Scan) hasPrompt() bool {
	return strings.HasPrefix(s.task().Method, "llm/") && s.task().Method != requestMethod
}

// within is the innermost folder in which a file was found.
func (s *Scan) within(file string) (innermost string) {
	for _, folder := range s.listing.Folders {
		if strings.HasPrefix(file, strings.TrimSuffix(folder, "/")+"/") && len(folder) > len(innermost) {
			innermost = folder
		}
	}
	return innermost
}
