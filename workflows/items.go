package workflows

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// itemList is the list of a task's items. How far they have come is in plan.Progress.
type itemList struct {
	task       *plan.Task
	paths      []string        // The items, if they are files.
	folders    []string        // Those in which they were found.
	values     []protocol.Item // The items, if they are values.
	ref        *protocol.Ref   // The list of the items in the result store.
	warning    string
	startedAt  time.Time
	parameters protocol.Payload // Made once: the call of every item has them.
}

func newItemList(task *plan.Task, listed FanOut) *itemList {
	list := &itemList{
		task: task, paths: listed.Items, folders: listed.Folders, values: listed.Values, ref: listed.Ref, warning: listed.Warning, startedAt: listed.StartedAt,
	}
	list.parameters, _ = newItemPayload(task.Parameters)
	return list
}

func (l *itemList) each() *plan.FanOut { return l.task.FanOut }

// item is one item of a task: a file or a value.
type item struct {
	list  *itemList
	index int
}

func (i *item) isValue() bool { return !i.list.each().HasFiles() }

// activitySummary returns what the Web UI calls an activity, or a workflow that a task runs: "summarise [3] letter-03.txt". It is metadata,
// which no replay compares.
func activitySummary(task string, index int, label string) string {
	summary := task
	if index != protocol.NoItem {
		summary += fmt.Sprintf(" [%d]", index)
	}
	if label != "" {
		summary += " " + label
	}
	return summary
}

// label returns the name of the item in the Web UI.
func (i *item) label() string {
	if !i.isValue() {
		return path.Base(i.list.paths[i.index])
	}
	return i.list.values[i.index].Label
}

// name returns the name of the item in messages.
func (i *item) name() string {
	if !i.isValue() {
		return i.list.paths[i.index]
	}
	return fmt.Sprintf("item %d (%s)", i.index, i.list.values[i.index].Label)
}

// reads returns the places outside of the run's folders that the item's call may read: those that the task's parameters
// name, and the one that contains the item.
func (i *item) reads() []string {
	places := append([]string{}, i.list.task.Reads...)
	if i.isValue() || i.index == protocol.NoItem {
		return places
	}
	file := i.list.paths[i.index]
	for _, place := range i.list.each().Reads {
		if file == place || isBeneath(file, place) {
			places = append(places, place)
		}
	}
	return places
}

// within returns the innermost folder in which the item was found; empty for a value, and for a file that is named itself.
func (i *item) within() (innermost string) {
	if i.isValue() || i.index == protocol.NoItem {
		return ""
	}
	return protocol.Innermost(i.list.folders, i.list.paths[i.index])
}

func isBeneath(file, folder string) bool {
	return strings.HasPrefix(file, strings.TrimSuffix(folder, "/")+"/")
}

// bindings returns the values of `item` and `index`, where they are used.
func (i *item) bindings(all []plan.Use) []protocol.Binding {
	var bindings []protocol.Binding
	for _, use := range all {
		if use.Task != "" {
			continue
		}
		switch use.Head {
		case "item":
			bindings = append(bindings, i.binding(use.Head))
		case "index":
			payload, _ := protocol.NewCallPayload(value.Int(int64(i.index)))
			bindings = append(bindings, protocol.Binding{Head: use.Head, Value: payload})
		}
	}
	return bindings
}

func (i *item) binding(head string) protocol.Binding {
	if i.isValue() {
		return protocol.Binding{Head: head, Value: i.list.values[i.index].Value}
	}
	payload, _ := protocol.NewCallPayload(value.String(i.list.paths[i.index]))
	return protocol.Binding{Head: head, Value: payload, File: true, Model: protocol.ModelOf(i.list.each().Models, i.index, len(i.list.paths))}
}

// maxItemInline is the size in bytes of the largest value that is inline in the call of every item.
const maxItemInline = 1 << 10

// newItemPayload is protocol.NewCallPayload for what hundreds of calls contain: only very small values are inline.
func newItemPayload(v value.Value) (protocol.Payload, []byte) {
	payload, data := protocol.NewPayload(v)
	if len(data) <= maxItemInline {
		return protocol.Payload{Inline: payload.Inline}, data
	}
	return protocol.Payload{Ref: payload.Ref}, data
}

// itemCounts are the ends of a task's items.
type itemCounts struct {
	protocol.Counts
	wanted     int // All but those that were skipped by their condition.
	unfinished int // Of those wanted: the ones that were cancelled or did not start.
}

func countItems(items *plan.Items) itemCounts {
	c := itemCounts{Counts: protocol.Counts{Total: len(items.Outcomes()), Failed: items.Failed()}}
	for _, outcome := range items.Outcomes() {
		byCondition := plan.SkippedByCondition(outcome)
		if !byCondition {
			c.wanted++
		}
		switch outcome.Status {
		case protocol.Completed:
			c.Succeeded++
			if outcome.Cached {
				c.Cached++
			}
		case protocol.Failed, protocol.TimedOut:
		default:
			c.Skipped++
			if !byCondition {
				c.unfinished++
			}
		}
	}
	return c
}

// itemWord returns the word for one of the items in messages.
func itemWord(each *plan.FanOut) string {
	switch {
	case each.HasRequests():
		return "request"
	case each.Rows != nil:
		return "row"
	case each.Values != nil:
		return "item"
	}
	return "file"
}

// countOf returns "1 file", "2 items".
func countOf(each *plan.FanOut, n int) string {
	if n == 1 {
		return "1 " + itemWord(each)
	}
	return fmt.Sprintf("%d %ss", n, itemWord(each))
}

func wereOrWas(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// firstIs introduces the first item that failed in the error of its task.
const firstIs = "the first is"

// failure returns the error of a task whose items failed: with the message of the first one, and, where all of them have
// the same code, with its code and hint.
func (l *itemList) failure(items *plan.Items, introduction, format string, args ...any) *protocol.Error {
	var first *protocol.Error
	at, code := 0, protocol.TaskExecutionFailed
	for i, outcome := range items.Outcomes() {
		if outcome.Status != protocol.Failed && outcome.Status != protocol.TimedOut || outcome.Error == nil {
			continue
		}
		switch {
		case first == nil:
			first, at, code = outcome.Error, i, outcome.Error.Code
		case outcome.Error.Code != code:
			code = protocol.TaskExecutionFailed
		}
	}
	e := protocol.Errorf(code, format, args...)
	if first != nil {
		addFirst(e, introduction, (&item{l, at}).name(), first, "")
	}
	return e
}

// addFirst adds to the error of a task that of the first item which failed: its message, and, if the codes are the same, its hint. The
// path of a file in the folder is relative to it.
func addFirst(e *protocol.Error, introduction, name string, first *protocol.Error, folder string) {
	line, _, more := strings.Cut(first.Message, "\n")
	if more {
		last := strings.TrimSpace(first.Message)
		line += " " + strings.TrimSpace(last[strings.LastIndexByte(last, '\n')+1:])
	}
	if relative, is := strings.CutPrefix(name, folder+"/"); is && folder != "" {
		line = strings.ReplaceAll(strings.Replace(line, fmt.Sprintf("file %q ", name), "", 1), name, relative)
		name = relative
	}
	e.Message += fmt.Sprintf("; %s %s: %s", introduction, name, line)
	if e.Code == first.Code {
		e.Hint = first.Hint
	}
}
