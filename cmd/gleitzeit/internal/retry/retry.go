// Package retry prepares runs that take over the results of earlier ones, and finds out beforehand what they would do. It starts
// nothing and prints nothing.
package retry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/activities"
	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/runs"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Options say what of a run is done again.
type Options struct {
	Failed bool     // Of items, only those that failed or did not end.
	Items  []string // Only these items: indexes, and patterns of names.
}

// Run is an earlier run, and what another one takes over of it.
type Run struct {
	ID        string
	Started   time.Time
	Plan      *plan.Plan
	TakeOver  *runs.TakeOver
	Completed bool
	Queue     string // The task queue on which it was submitted; empty: it was not.
}

const (
	// mostRuns is how many runs a run takes over: each of them but the last was cancelled, or failed.
	mostRuns = 8
	// mostSearched is how many runs of a workflow are searched for the newest one of a file and a folder.
	mostSearched = 50
	// mostSelected is the maximum size in bytes of a selection of items: every call has it.
	mostSelected = 1 << 10
)

// Of returns a run that has ended, to be taken over.
func Of(ctx context.Context, s *runs.Session, run string, o Options) (*Run, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	asked := run
	run, err := s.Resolve(ctx, run)
	if err != nil {
		return nil, err
	}
	records, err := s.Store().Records(ctx, resultstore.Query{Run: run, Kind: resultstore.Run})
	if err != nil {
		return nil, err
	}
	if len(records) == 0 || !records[0].Status.Ended() {
		document, err := s.Known(ctx, run)
		if err != nil {
			return nil, err
		}
		if !document.Status.Ended() && !document.Lost {
			if earlier := takenOverBy(records); asked == runs.Latest && earlier != "" && earlier != run {
				return Of(ctx, s, earlier, o) // The newest run is that of the same command, which was killed.
			}
			text, err := s.MarkInterrupted(document)
			if err != nil {
				return nil, err
			}
			if what, how, interrupted := strings.Cut(text, ": "); interrupted {
				return nil, protocol.Errorf(protocol.InvalidParams, "%s", what).WithHint("%s", how)
			}
			return nil, protocol.Errorf(protocol.InvalidParams, "run %s is still open", run).
				WithHint("`gleitzeit status %s` shows how to resume it, `gleitzeit cancel %[1]s` cancels it", run)
		}
	}
	if len(records) == 0 || records[0].Plan == nil {
		return nil, protocol.Errorf(protocol.WorkflowNotFound, "the workflow of run %s is not recorded", run)
	}
	found := &Run{ID: run, Started: records[0].StartedAt, Queue: records[0].Queue, Completed: records[0].Status == protocol.Completed}
	if runs.IsOwnQueue(run, found.Queue) {
		found.Queue = ""
	}
	if found.Plan, err = readPlan(ctx, s, records[0]); err != nil {
		return nil, err
	}
	if found.Plan == nil {
		return nil, protocol.Errorf(protocol.WorkflowNotFound, "the workflow of run %s is no longer in the result store", run)
	}
	if err := found.checkSelection(ctx, s, records[0], o.Items); err != nil {
		return nil, err
	}
	note, err := noteOf(ctx, s, records[0])
	if err != nil {
		return nil, err
	}
	found.TakeOver = &runs.TakeOver{
		TakeOver: &protocol.TakeOver{Runs: chain(records[0]), Failed: o.Failed, Items: o.Items},
		Variant:  fmt.Sprintf("retry %s %s %t %q", run, records[0].Execution, o.Failed, o.Items),
		Note:     note + "; " + o.about(),
	}
	return found, nil
}

// takenOverBy returns the id of the run that the one of a record takes over; empty if there is none.
func takenOverBy(records []resultstore.Record) string {
	if len(records) == 0 || records[0].TakeOver == nil {
		return ""
	}
	return records[0].TakeOver.Runs[0].Run
}

// check rejects options that contradict each other, and a selection that is too long.
func (o Options) check() error {
	switch size := len(strings.Join(o.Items, "")); {
	case o.Failed && len(o.Items) > 0:
		return protocol.Errorf(protocol.InvalidParams, "--failed and --items exclude each other")
	case size > mostSelected:
		return protocol.Errorf(protocol.InvalidParams, "--items has %d bytes, and the limit is %d", size, mostSelected).
			WithHint("use patterns of names, such as --items '*.pdf'")
	}
	return nil
}

// checkSelection rejects a selection with a part of which the run had no item.
func (r *Run) checkSelection(ctx context.Context, s *runs.Session, run resultstore.Record, texts []string) error {
	unused, whole := make(map[string]activities.Selection, len(texts)), protocol.NoItem
	for _, text := range texts {
		unused[text] = activities.NewSelection([]string{text}, r.Plan.Folder)
	}
	for _, task := range r.Plan.All() {
		if len(unused) == 0 {
			return nil
		}
		records, err := s.Store().Records(ctx, resultstore.Query{Run: run.Run, Execution: run.Execution, Kind: resultstore.Task, Task: task.ID, Item: &whole})
		if err != nil {
			return err
		}
		for _, record := range records {
			if record.Items == nil {
				continue
			}
			if err := dropUsed(ctx, s.Store(), *record.Items, unused, task.FanOut); err != nil {
				return err
			}
			break
		}
	}
	var names []string
	for _, text := range texts {
		if _, is := unused[text]; is {
			names = append(names, strconv.Quote(text))
			delete(unused, text)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return protocol.Errorf(protocol.InvalidParams, "run %s has no item %s", r.ID, strings.Join(names, ", ")).
		WithHint("--items takes indexes, and patterns of names such as '*.pdf' or 'reports/**'; `gleitzeit results %s` shows the items", r.ID)
}

// dropUsed removes the parts of a selection that choose an item of a list.
func dropUsed(ctx context.Context, store resultstore.Store, list protocol.Ref, unused map[string]activities.Selection, each *plan.FanOut) error {
	manifest, err := resultstore.LoadManifest(ctx, store, list)
	if err != nil {
		return err
	}
	for _, page := range manifest.Pages {
		if len(unused) == 0 {
			return nil
		}
		items, err := resultstore.LoadPage(ctx, store, page)
		if err != nil {
			return err
		}
		for i, item := range items {
			maps.DeleteFunc(unused, func(_ string, part activities.Selection) bool {
				return part.Has(page.First+i, item, each != nil && each.HasFiles(), keyOf(each))
			})
		}
	}
	return nil
}

func keyOf(each *plan.FanOut) string {
	if each == nil {
		return ""
	}
	return each.Key()
}

func (o Options) about() string {
	switch {
	case o.Failed:
		return "completed items are taken over, the others are done again"
	case len(o.Items) > 0:
		return "the items selected are done again, the others are taken over"
	}
	return "what is unchanged is taken over"
}

// Before returns what a run of a plan takes over without being told to: the newest run of an equal plan, if that was cancelled. With
// changedOnly it is the newest run of the same file or batch, however that ended, for all methods that may be cached. Nil: nothing.
func Before(ctx context.Context, s *runs.Session, p *plan.Plan, changedOnly bool) (*runs.TakeOver, error) {
	records, err := s.Store().Records(ctx, resultstore.Query{Workflow: p.Name, Limit: mostSearched})
	if err != nil {
		return nil, err
	}
	encoded, err := value.Encode(p)
	if err != nil {
		return nil, err
	}
	hash := protocol.RefOf(encoded.JSON()).Hash
	for _, record := range records {
		if record.Plan == nil || !record.Status.Ended() {
			continue
		}
		equal := record.Plan.Hash == hash
		if !equal && changedOnly {
			other, err := readPlan(ctx, s, record)
			if err != nil {
				return nil, err
			}
			equal = other != nil && isSame(p, other)
		}
		if !equal {
			continue
		}
		if !changedOnly && record.Status != protocol.Cancelled {
			return nil, nil
		}
		note, err := noteOf(ctx, s, record)
		if err != nil {
			return nil, err
		}
		over := &runs.TakeOver{TakeOver: &protocol.TakeOver{Runs: chain(record), Cacheable: changedOnly}, Note: note + "; " + Options{}.about()}
		if changedOnly {
			over.Variant = "changed only"
		}
		return over, nil
	}
	return nil, nil
}

// Failures says that the newest run of an equal plan ended with items that failed, and how to do only those; empty where it did not.
func Failures(ctx context.Context, s *runs.Session, p *plan.Plan) (string, error) {
	records, err := s.Store().Records(ctx, resultstore.Query{Workflow: p.Name, Limit: mostSearched})
	if err != nil {
		return "", err
	}
	encoded, err := value.Encode(p)
	if err != nil {
		return "", err
	}
	hash := protocol.RefOf(encoded.JSON()).Hash
	at := slices.IndexFunc(records, func(record resultstore.Record) bool { return record.Plan != nil && record.Plan.Hash == hash })
	if at < 0 || !records[at].Status.Ended() {
		return "", nil
	}
	last, failed := map[string]int{}, 0 // Of attempts at a task, the last one counts.
	whole := protocol.NoItem
	tasks, err := s.Store().Records(ctx, resultstore.Query{Run: records[at].Run, Execution: records[at].Execution, Kind: resultstore.Task, Item: &whole})
	if err != nil {
		return "", err
	}
	for _, task := range tasks {
		if task.Counts != nil {
			last[task.Task] = task.Counts.Failed
		}
	}
	for _, count := range last {
		failed += count
	}
	if failed == 0 {
		return "", nil
	}
	command := "gleitzeit retry "
	if p.IsTypedBatch() {
		command = "gleitzeit batch resume "
	}
	items := "1 failed item"
	if failed > 1 {
		items = fmt.Sprintf("%d failed items", failed)
	}
	return fmt.Sprintf("all is done again; the last run had %s, and `%s%s` does what failed alone", items, command, records[at].Run), nil
}

// isSame reports whether two plans are of the same file in the same folder, or of batches of the same files.
func isSame(p, other *plan.Plan) bool {
	if p.File != other.File || p.Folder != other.Folder {
		return false
	}
	if p.File != "" {
		return true
	}
	return slices.EqualFunc(p.Tasks, other.Tasks, func(a, b plan.Task) bool {
		if a.ID != b.ID || a.FanOut == nil || b.FanOut == nil {
			return a.ID == b.ID && a.FanOut == b.FanOut
		}
		return a.FanOut.SameItems(b.FanOut) && (a.FanOut.Rows == nil || a.FanOut.Rows.Key == b.FanOut.Rows.Key)
	})
}

// chain returns a run, and the earlier ones that it had not taken over completely.
func chain(record resultstore.Record) []protocol.EarlierRun {
	all := []protocol.EarlierRun{{Run: record.Run, Execution: record.Execution}}
	if record.TakeOver != nil && record.Status != protocol.Completed {
		all = append(all, record.TakeOver.Runs...)
	}
	return all[:min(len(all), mostRuns)]
}

// readPlan returns the plan of a run as one that this version would make; nil if the store no longer has it.
func readPlan(ctx context.Context, s *runs.Session, record resultstore.Record) (*plan.Plan, error) {
	data, err := s.Store().Value(ctx, *record.Plan)
	if errors.Is(err, resultstore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &plan.Plan{}
	if err := json.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("the plan of run %s: %w", record.Run, err)
	}
	if slices.ContainsFunc(p.Tasks, func(task plan.Task) bool { return task.FanOut != nil }) {
		p.ItemsApart = true // Items of earlier versions are read by this one only so.
		p.Format = plan.FormatFor(p)
	}
	return p, nil
}

// Inputs returns a document with the values of the run's inputs that the text of a workflow has too.
func (r *Run) Inputs(file string, text []byte) []byte {
	values := value.Object()
	if parsed, _ := definition.Parse(file, text); parsed != nil {
		for _, input := range parsed.Inputs {
			if given, is := r.Plan.Inputs.Get(input.Name); is {
				values = values.With(input.Name, given)
			}
		}
	}
	return values.JSON()
}

// noteOf says how far a run came: "run x was cancelled; 597 of 600 items and 1 of 2 tasks completed".
func noteOf(ctx context.Context, s *runs.Session, run resultstore.Record) (string, error) {
	whole := protocol.NoItem
	records, err := s.Store().Records(ctx, resultstore.Query{Run: run.Run, Execution: run.Execution, Kind: resultstore.Task, Item: &whole})
	if err != nil {
		return "", err
	}
	var items protocol.Counts
	done, total := 0, 0
	for i, record := range records { // In the order of tasks and attempts: the last one counts.
		if i+1 < len(records) && records[i+1].Task == record.Task {
			continue
		}
		if record.Counts != nil {
			items.Total += record.Counts.Total
			items.Succeeded += record.Counts.Succeeded
			continue
		}
		if record.Items != nil {
			continue // Its end is not recorded.
		}
		total++
		if record.Status == protocol.Completed {
			done++
		}
	}
	var parts []string
	if items.Total > 0 {
		parts = append(parts, progressOf(items.Succeeded, items.Total, "item"))
	}
	if total > 0 {
		parts = append(parts, progressOf(done, total, "task"))
	}
	text := "run " + run.Run
	if run.Status == protocol.Cancelled {
		text += " was cancelled"
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, " and ") + " completed"
	}
	return text, nil
}

func progressOf(done, total int, word string) string {
	if total != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d of %d %s", done, total, word)
}
