package export

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Reason is why items failed.
type Reason struct {
	Count   int         `json:"count"`
	Message string      `json:"message"` // With … for what names the item.
	Hint    string      `json:"hint,omitempty"`
	Example value.Value `json:"example"` // The first of them.
	Index   int         `json:"index"`   // Of that.
}

// maxReasons bounds how many reasons are told apart.
const maxReasons = 1000

// reasons groups the items that failed by what their errors say, in the order of the items. others is how many are in no group.
func (r *Records) reasons(ctx context.Context) (groups []*Reason, others int, err error) {
	known := map[string]*Reason{}
	err = r.failed(ctx, func(item value.Value, last resultstore.Record) error {
		message := withoutName(last.Error.Message, item)
		if group := known[message]; group != nil {
			group.Count++
			return nil
		}
		if len(groups) == maxReasons {
			others++
			return nil
		}
		group := &Reason{Count: 1, Message: message, Hint: last.Error.Hint, Example: item, Index: last.Item}
		known[message] = group
		groups = append(groups, group)
		return nil
	})
	return groups, others, err
}

// failed passes the items that failed, with their last attempts.
func (r *Records) failed(ctx context.Context, pass func(value.Value, resultstore.Record) error) error {
	return r.walk(ctx, func(int) bool { return true }, func(item value.Value, attempts []resultstore.Record) error {
		last := attempts[len(attempts)-1]
		if last.Error == nil || last.Status.OfItem() != protocol.Failed {
			return nil
		}
		return pass(item, last)
	})
}

// withoutName returns the message of an item's error without the path and the name of its file, or the text that the item is.
func withoutName(message string, item value.Value) string {
	const shortest = 5 // A shorter one may be a word of the message.
	for _, name := range []string{item.Text(), path.Base(item.Text())} {
		if len(name) >= shortest {
			message = strings.ReplaceAll(message, name, "…")
		}
	}
	return message
}

// text returns the line of a reason.
func (r *Reason) text() string {
	line := fmt.Sprintf("%d × %s, for example %s\n", r.Count, value.VisibleLines(view.Brief(r.Message)), nameOf(r.Example))
	if r.Hint != "" {
		line += "  " + value.VisibleLines(view.Brief(r.Hint)) + "\n"
	}
	return line
}

// nameOf returns the short name of an item: that of the file, or what tells a value from others.
func nameOf(item value.Value) string {
	if file := item.Text(); strings.HasPrefix(file, "/") {
		return value.Visible(path.Base(file))
	}
	return value.Visible(item.Brief())
}
