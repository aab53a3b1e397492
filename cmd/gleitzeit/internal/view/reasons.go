package view

import (
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Reasons are why items of a task failed, and the warnings of the results of others, by message, in the order of the items.
type Reasons struct {
	Failures      []Reason `json:"failures,omitempty"`
	OtherFailures int      `json:"other_failures,omitempty"` // Items that failed for reasons that are not listed.
	WarnedOf      []Reason `json:"warning_reasons,omitempty"`
	OtherWarnings int      `json:"other_warnings,omitempty"` // Items with warnings that are not listed.
}

// Reason is why items failed, or what their warning is.
type Reason struct {
	Count   int         `json:"count"`
	Message string      `json:"message"` // With … for what names the item.
	Hint    string      `json:"hint,omitempty"`
	Example value.Value `json:"example"` // The first of them.
	Index   int         `json:"index"`   // Of that.

	error   Error // Of that: what its attempt has printed,
	printed *protocol.Ref
}

// maxReasons is how many reasons people are shown.
const maxReasons = 10

func reasonsOf(s *resultstore.Summary) Reasons {
	return Reasons{listReasons(s.Failures), s.OtherFailures, listReasons(s.Warnings), s.OtherWarnings}
}

func listReasons(groups []resultstore.Group) (all []Reason) {
	for _, g := range groups {
		all = append(all, Reason{g.Count, g.Message, g.Hint, g.Example, g.Index, Error{Message: g.Message}, g.Printed})
	}
	return all
}

// reasonLine returns a line about a reason.
func (t *Task) reasonLine(r *Reason) string {
	return resultstore.GroupLine(r.Count, value.VisibleLines(Brief(r.Message)), r.Example, t.folders)
}

// NameOf returns the name of an item of the task for people, on one line: a path within the folder of the task or of the run.
func (t *Task) NameOf(item value.Value) string { return protocol.NameWithin(t.folders, item) }

// FolderOf returns the folder that is left out of the name of an item; empty if it is none.
func (t *Task) FolderOf(item value.Value) string { return protocol.FolderOf(t.folders, item) }

// FailureLines returns, below the line of a task, why its items failed, with an example of each reason.
func (t *Task) FailureLines() string { return t.reasonText("", &shownHints{}) }

// WarningLines returns, below the line of a task, how many results of its items have a warning, and which ones, each with an example.
func (t *Task) WarningLines() string { return t.warningText("", "") }

// shownHints are those that need not be repeated.
type shownHints map[string]bool

// line returns a line with a hint; empty where there is none or it was shown.
func (s *shownHints) line(indent, hint string) string {
	if *s == nil {
		*s = shownHints{}
	}
	if hint == "" || (*s)[hint] {
		return ""
	}
	(*s)[hint] = true
	return indent + value.VisibleLines(Brief(hint)) + "\n"
}

// isShared reports whether several items failed for the reason, and one line says all of it.
func (r *Reason) isShared() bool {
	return r.Count > 1 && r.printed == nil && !strings.Contains(strings.TrimSpace(r.Message), "\n")
}

// sharedFailure returns the reason why the item of an entry of the results failed, if it is shared; else nil.
func (t *Task) sharedFailure(entry value.Value) *Reason {
	failed := printedOf(entry)
	if failed == nil || !failed.Empty() || failedAttemptsOf(entry) != "" || warningOf(entry) != "" {
		return nil
	}
	if status, _ := entry.Get("status"); status.Text() != string(protocol.Failed) {
		return nil
	}
	item, _ := entry.Get("item")
	message, hint := resultstore.WithoutName(failed.Message, item), hintOf(entry)
	for i := range t.Failures {
		if reason := &t.Failures[i]; reason.isShared() && reason.Message == message && reason.Hint == hint {
			return reason
		}
	}
	return nil
}

// sharedText returns a line about each shared reason, what to do, and how to see all items that failed.
func (t *Task) sharedText() string {
	var text strings.Builder
	var hints shownHints
	for i := range t.Failures {
		if reason := &t.Failures[i]; reason.isShared() {
			text.WriteString(t.reasonLine(reason) + "\n" + hints.line("  ", reason.Hint))
		}
	}
	if text.Len() > 0 && t.listFailed != "" {
		fmt.Fprintf(&text, "`%s` lists all %d\n", t.listFailed, t.Items.Failed)
	}
	return text.String()
}

// allShared reports whether the text of the results has a line for every reason.
func (t *Task) allShared() bool {
	for i := range t.Failures {
		if !t.Failures[i].isShared() {
			return false
		}
	}
	return t.OtherFailures == 0
}

// ReasonsBelowItems returns how many items failed for which reasons, for people who see each item above; empty where less than two
// failed, or where the text of the result has it.
func (t *Task) ReasonsBelowItems() string {
	if t.Items == nil || t.Items.Failed < 2 || t.Result == nil || t.value != nil && t.value.Paged || t.allShared() {
		return ""
	}
	return fmt.Sprintf("%s: %d %s failed\n", t.ID, t.Items.Failed, ItemsWord(t.Items.Failed, t.Values)) + strings.TrimSuffix(t.failureText("  "), "\n")
}

func (t *Task) reasonText(indent string, hints *shownHints) string {
	var text strings.Builder
	rest := t.OtherFailures
	for i := range t.Failures {
		reason := &t.Failures[i]
		if i >= maxReasons {
			rest += reason.Count
			continue
		}
		text.WriteString(indent + t.reasonLine(reason) + "\n" + hints.line(indent+"  ", reason.Hint) + reason.error.PrintedText(indent+"  ", ItemLines))
	}
	if rest > 0 {
		fmt.Fprintf(&text, "%s… and %d more for other reasons\n", indent, rest)
	}
	return text.String()
}

// failureText returns, below the line of a task, why it or its items failed, as far as the line does not say so, what to do, and how to
// see all items that failed.
func (t *Task) failureText(indent string) string {
	var hints shownHints
	text := t.reasonText(indent, &hints)
	failed := t.OtherFailures
	for _, reason := range t.Failures {
		failed += reason.Count
	}
	if failed > min(len(t.Failures), maxReasons) && t.listFailed != "" {
		text += fmt.Sprintf("%s`%s` lists all %d\n", indent, t.listFailed, failed)
	}
	if t.Status == protocol.Failed && t.Error != nil {
		text += hints.line(indent, t.Error.Hint)
	}
	return text + t.Error.PrintedText(indent, protocol.PrintedLines)
}

// warningText returns, below the line of a task, how many results of its items have a warning, and the first of these.
func (t *Task) warningText(indent, where string) string {
	if t.Warnings == 0 {
		return ""
	}
	text := fmt.Sprintf("%s! %d %s with a warning%s\n", indent, t.Warnings, ItemsWord(t.Warnings, t.Values), where)
	rest := t.OtherWarnings
	for i := range t.WarnedOf {
		if i >= maxReasons {
			rest += t.WarnedOf[i].Count
			continue
		}
		text += indent + "  " + t.reasonLine(&t.WarnedOf[i]) + "\n"
	}
	if rest > 0 {
		text += fmt.Sprintf("%s  … and %d more with other warnings\n", indent, rest)
	}
	return text
}

// Output returns what the example has printed, for people; empty if that is not known.
func (r *Reason) Output() string { return r.error.PrintedText("", protocol.PrintedLines) }
