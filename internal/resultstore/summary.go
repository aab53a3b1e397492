package resultstore

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Summary has the failures and warnings of a task's items, grouped by what they say. Its size does not depend on how many items there
// are. The record of a task that has ended refers to it, so that nobody has to read the records of all items to show it.
type Summary struct {
	Failures      []Group `json:"failures,omitempty"`
	OtherFailures int     `json:"other_failures,omitempty"` // Items that failed and are in no group.
	Warned        int     `json:"warned,omitempty"`         // Items whose results have warnings.
	Warnings      []Group `json:"warnings,omitempty"`
	OtherWarnings int     `json:"other_warnings,omitempty"`
	TakenOver     int     `json:"taken_over,omitempty"` // Items whose results are those of an earlier run.
}

// Group is the items of a task that failed, or have a warning, for one reason.
type Group struct {
	Count   int           `json:"count"`
	Message string        `json:"message"` // With … for what names the item.
	Hint    string        `json:"hint,omitempty"`
	Example value.Value   `json:"example"` // The first of them; a large one in brief.
	Index   int           `json:"index"`   // Of that.
	Printed *protocol.Ref `json:"printed,omitempty"`
}

const (
	// maxGroups is how many reasons are distinguished: where messages name what no item is called, each is another.
	maxGroups = 100
	// maxExample is the largest item in a group, in bytes.
	maxExample = 1 << 10
)

// Add adds how an item has ended. The item is read only where it is needed.
func (s *Summary) Add(index int, outcome *protocol.Outcome, item func() (value.Value, error)) error {
	failed := outcome.Status.OfItem() == protocol.Failed && outcome.Error != nil
	warned := outcome.Status == protocol.Completed && outcome.Warning != ""
	if !failed && !warned {
		return nil
	}
	example, err := item()
	if err != nil {
		return err
	}
	group := Group{Count: 1, Index: index, Example: example}
	if failed {
		group.Message, group.Hint, group.Printed = WithoutName(outcome.Error.Message, example), outcome.Error.Hint, outcome.Printed.Ref
		s.Failures = addTo(s.Failures, group, &s.OtherFailures)
		return nil
	}
	s.Warned++
	group.Message = WithoutName(outcome.Warning, example)
	s.Warnings = addTo(s.Warnings, group, &s.OtherWarnings)
	return nil
}

// addTo adds an item to the group with its message and hint, or as the first of a new one.
func addTo(groups []Group, one Group, others *int) []Group {
	for i := range groups {
		if known := &groups[i]; known.Message == one.Message && known.Hint == one.Hint {
			known.Count++
			return groups
		}
	}
	if len(groups) == maxGroups {
		*others++
		return groups
	}
	if len(one.Example.JSON()) > maxExample {
		one.Example = value.String(protocol.NameOf(one.Example))
	}
	return append(groups, one)
}

// WithoutName returns a message about an item without the path and the name of its file, or the text that the item is: as the Group of the
// item has it.
func WithoutName(message string, item value.Value) string {
	const shortest = 5 // A shorter one may be a word of the message.
	for _, name := range []string{item.Text(), path.Base(item.Text())} {
		if len(name) >= shortest {
			message = strings.ReplaceAll(message, name, "…")
		}
	}
	return message
}

// GroupLine returns a line about a group, for people: how many items, a message on one line, and an example, which is named within
// folders.
func GroupLine(count int, message string, example value.Value, folders []string) string {
	return fmt.Sprintf("%d × %s, for example %s", count, message, protocol.NameWithin(folders, example))
}

// FailureLines returns a line for each of the first groups of items that failed, with the beginning of its message.
func (s *Summary) FailureLines(most int, folders []string) (lines []string) {
	const longest = 200 // Characters of a message.
	for i := range s.Failures[:min(most, len(s.Failures))] {
		group := &s.Failures[i]
		message := []rune(value.Visible(strings.SplitN(group.Message, "\n", 2)[0]))
		if len(message) > longest {
			message = append(message[:longest-1], '…')
		}
		lines = append(lines, GroupLine(group.Count, string(message), group.Example, folders))
	}
	return lines
}

// LoadSummary reads what the record of a task refers to.
func LoadSummary(ctx context.Context, store Store, ref protocol.Ref) (*Summary, error) {
	data, err := store.Value(ctx, ref)
	if err != nil {
		return nil, err
	}
	summary := &Summary{}
	return summary, json.Unmarshal(data, summary)
}
