package workflows

import (
	"fmt"
	"path"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// item is one item of a fan-out: a file, or else a value.
type item struct {
	fan   *fanOut
	index int
}

func (f *fanOut) item(index int) *item { return &item{f, index} }

func (i *item) isValue() bool { return i.fan.each.Values != nil }

// summary is how the Web UI calls the item.
func (i *item) summary() string {
	if !i.isValue() {
		return path.Base(i.fan.paths[i.index])
	}
	return i.fan.values[i.index].Label
}

// name is how a message calls the item.
func (i *item) name() string {
	if !i.isValue() {
		return i.fan.paths[i.index]
	}
	return fmt.Sprintf("item %d (%s)", i.index, i.fan.values[i.index].Label)
}

// reads are the places outside of the run's folders that the item's call may read: those that the task's parameters name,
// and the one that the item lies in.
func (i *item) reads(task *plan.Task) []string {
	places := append([]string{}, task.Reads...)
	if i.isValue() {
		return places
	}
	file := i.fan.paths[i.index]
	for _, place := range task.FanOut.Reads {
		if file == place || strings.HasPrefix(file, strings.TrimSuffix(place, "/")+"/") {
			places = append(places, place)
		}
	}
	return places
}

// itemInline is the size in bytes of the largest parameters that travel with every item.
const itemInline = 1 << 10

// carryToItems is protocol.NewCallPayload for what hundreds of calls carry: only what is very small travels in full.
func carryToItems(v value.Value) (protocol.Payload, []byte) {
	held, data := protocol.NewPayload(v)
	if len(data) <= itemInline {
		return protocol.Payload{Inline: held.Inline}, data
	}
	return protocol.Payload{Ref: held.Ref}, data
}

// lighten has what is larger, and in the store, travel with an item by its Ref: hundreds of calls carry it. The inputs are in
// the store for items that are values alone.
func (r *run) lighten(task *plan.Task, bindings []protocol.Binding) {
	for i := range bindings {
		value := &bindings[i].Value
		switch {
		case value.Ref != nil && value.Inline != nil && value.Ref.Size > itemInline:
			value.Inline = nil
		case bindings[i].Head == headInputs && task.FanOut.Values != nil:
			*value = r.toItems
		}
	}
}

// bindings gives `item` and `index` their values, where they are used.
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
			held, _ := protocol.NewCallPayload(value.Int(int64(i.index)))
			bindings = append(bindings, protocol.Binding{Head: use.Head, Value: held})
		}
	}
	return bindings
}

func (i *item) binding(head string) protocol.Binding {
	if i.isValue() {
		return protocol.Binding{Head: head, Value: i.fan.values[i.index].Value}
	}
	held, _ := protocol.NewCallPayload(value.String(i.fan.paths[i.index]))
	return protocol.Binding{Head: head, Value: held, File: true}
}
