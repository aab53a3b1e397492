package view

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/mattn/go-runewidth"
)

// Item is one item of a fanned-out task, as it ended.
type Item struct {
	Task      string           `json:"task"`
	Item      value.Value      `json:"item"` // The path of the file, or the value.
	Index     int              `json:"index"`
	Status    protocol.Status  `json:"status"`
	Reason    string           `json:"reason,omitempty"` // Why it was skipped.
	Attempts  int              `json:"attempts"`
	Cached    bool             `json:"cached,omitempty"`
	StartedAt *time.Time       `json:"started_at"`
	Duration  protocol.Seconds `json:"duration"`
	Result    *value.Value     `json:"result,omitempty"`
	Warning   string           `json:"warning,omitempty"` // What people should know of a result that is there.
	Error     *Error           `json:"error"`

	FailedAttempts []FailedAttempt `json:"failed_attempts,omitempty"` // Those that another one followed.
}

// Line returns a line about an item.
func (i *Item) Line() string {
	line := fmt.Sprintf("%s %s[%d]  %s  %s", Mark(i.Status), i.Task, i.Index, titleOf(i.Item), i.Status)
	if i.StartedAt != nil {
		line += "  " + Duration(i.Duration)
	}
	if i.Attempts > 1 {
		line += fmt.Sprintf("  %d attempts", i.Attempts)
	}
	if i.Error != nil {
		line += "  " + value.VisibleLines(Brief(i.Error.Message))
	}
	return line
}

// In returns the item as it is shown in a folder: the path of its file is relative to that where this is shorter.
func (i *Item) In(folder string) *Item {
	path := i.Item.Text()
	relative, err := filepath.Rel(folder, path)
	if err != nil || !filepath.IsAbs(path) || len(relative) >= len(path) {
		return i
	}
	shown := *i
	shown.Item, shown.Warning = value.String(relative), strings.ReplaceAll(i.Warning, path, relative)
	if i.Error != nil {
		failure := *i.Error
		failure.Message = strings.ReplaceAll(failure.Message, path, relative)
		shown.Error = &failure
	}
	return &shown
}

// Rows returns lines about an item that has failed, or that has a warning, for a terminal of a width in columns: the path is relative to a
// folder and not repeated in the reason, and of a traceback that would need several rows only the exception is left.
func (i *Item) Rows(width int, folder string) string {
	mark, reason := Mark(i.Status), i.Warning
	if i.Error != nil {
		reason = i.Error.Message
	} else if i.Warning != "" {
		mark = "!"
	}
	name, path := titleOf(i.Item), i.Item.Text()
	if relative, err := filepath.Rel(folder, path); err == nil && strings.HasPrefix(path, "/") && len(relative) < len(path) {
		reason = strings.ReplaceAll(strings.Replace(reason, fmt.Sprintf("file %q ", path), "", 1), path, relative)
		name = value.Visible(relative)
	}
	if i.Item.Kind() == value.KindNumber {
		name = "item " + name // Beside its index it would look like another one.
	}
	if columns, most := runewidth.StringWidth(name), max(width-2, 1); columns > most {
		name = runewidth.TruncateLeft(name, columns-most+1, "…") // Its end tells files from each other.
	}
	head := fmt.Sprintf("%s %s[%d]  %s  ", mark, i.Task, i.Index, name)
	line := head + value.Visible(FirstLine(Brief(reason)))
	if runewidth.StringWidth(line) > width {
		line = head + value.Visible(FirstLine(raised(reason)))
	}
	return Wrap(line, width)
}

// WarningLine returns a line with the warning of the item's result.
func (i *Item) WarningLine() string {
	return fmt.Sprintf("! %s[%d]  %s  %s", i.Task, i.Index, titleOf(i.Item), value.VisibleLines(Brief(i.Warning)))
}

// HintLine returns a line with the hint of the item's error; empty if it has none.
func (i *Item) HintLine() string {
	if i.Error == nil || i.Error.Hint == "" {
		return ""
	}
	return "  " + value.VisibleLines(Brief(i.Error.Hint))
}

// ItemCounts returns the counts of a task's items as text: "198 of 200 files, 2 failed". values says that the items are
// values, not files.
func ItemCounts(counts protocol.Counts, values, ended bool) string {
	done := counts.Succeeded
	if !ended {
		done += counts.Failed
	}
	text := fmt.Sprintf("%d of %d %s", done, counts.Total, ItemsWord(counts.Total, values))
	if counts.Failed > 0 {
		text += fmt.Sprintf(", %d failed", counts.Failed)
	}
	if counts.Skipped > 0 {
		text += fmt.Sprintf(", %d skipped", counts.Skipped)
	}
	if counts.Cached > 0 {
		text += fmt.Sprintf(" (%d cached)", counts.Cached)
	}
	return text
}

// CallCounts returns the counts of the calls of a task that makes one answer of many texts: "round 2, 8 of 9 calls".
func CallCounts(round int, counts protocol.Counts, ended bool) string {
	text := strings.Replace(ItemCounts(counts, true, ended), ItemsWord(counts.Total, true), callsWord(counts.Total), 1)
	if ended {
		return text
	}
	return fmt.Sprintf("round %d, %s", round, text)
}

func callsWord(count int) string {
	if count == 1 {
		return "call"
	}
	return "calls"
}

// Counts returns the counts of the items as text, while they run.
func (l *ItemList) Counts(counts protocol.Counts) string {
	if l.Round > 0 {
		return CallCounts(l.Round, counts, false)
	}
	return ItemCounts(counts, l.Values, false)
}

// ItemsWord returns the noun for a number of items.
func ItemsWord(count int, values bool) string {
	word := "file"
	if values {
		word = "item"
	}
	if count != 1 {
		word += "s"
	}
	return word
}

// itemsOf is what the records of a task say about its items.
type itemsOf struct {
	list    *protocol.Ref
	counts  protocol.Counts // Without the total.
	ended   *protocol.Counts
	summary resultstore.Summary
	at      func(index int) (value.Value, error) // Returns an item.

	continues *Continued // The run from which some were taken over; nil: there is none.

	retrying int // Items that wait for their next attempt, or are in it.
}

// retries has the retry policies of the tasks of an open run, by id. It is empty for a run that has ended.
type retries map[string]*protocol.Retry

// follows reports whether another attempt follows the one of the record, which has failed.
func (r retries) follows(record resultstore.Record) bool {
	retry, open := r[record.Task]
	return open && record.Status == protocol.Failed && record.Error != nil && retry.Follows(record.Error, record.Attempts, record.FinishedAt.Sub(record.StartedAt))
}

// count counts items by the status of their last attempts, which the store returns last.
func (of *itemsOf) count(records []resultstore.Record, retries retries) error {
	for i, record := range records {
		if i+1 < len(records) && records[i+1].Item == record.Item {
			continue
		}
		if of.continues.has(record) {
			of.summary.TakenOver++
		}
		switch status := record.Status.OfItem(); {
		case status == protocol.Completed:
			of.counts.Succeeded++
			if record.FromCache {
				of.counts.Cached++
			}
		case retries.follows(record):
			of.retrying++
			continue
		case status == protocol.Failed:
			of.counts.Failed++
		default:
			of.counts.Skipped++
		}
		outcome := record.Outcome()
		if err := of.summary.Add(record.Item, &outcome, func() (value.Value, error) { return of.at(record.Item) }); err != nil {
			return err
		}
	}
	return nil
}

// itemsText returns the results of a task's items as text. Items that failed for one reason are one line, if nothing is lost.
func itemsText(t *Task, width int) string {
	var text strings.Builder
	list, _ := t.Result.Get("results")
	var skipped Skipped
	for _, entry := range list.Elements() {
		if skipped.Shows(entry) && t.sharedFailure(entry) == nil {
			text.WriteString(ItemText(entry, width))
		}
	}
	return text.String() + skipped.Rest() + Wrap(t.sharedText(), width)
}

// maxSkipped is how many items that were skipped people are shown, among the results of others.
const maxSkipped = 10

// Skipped counts the items that were skipped: a run that is cancelled leaves thousands that did not start.
type Skipped struct{ count int }

// Shows reports whether people are shown an item.
func (s *Skipped) Shows(entry value.Value) bool {
	if status, _ := entry.Get("status"); status.Text() != string(protocol.Skipped) {
		return true
	}
	s.count++
	return s.count <= maxSkipped
}

// Rest returns a line with the number of those that were not shown; empty if all were.
func (s *Skipped) Rest() string {
	if s.count <= maxSkipped {
		return ""
	}
	return fmt.Sprintf("… and %d more skipped\n", s.count-maxSkipped)
}

// ItemText returns the result of an item as text: a heading and its main value, or why it has none, broken between words where a terminal of
// a width in columns is narrow; 0 is no limit.
func ItemText(entry value.Value, width int) string {
	var text strings.Builder
	gist, returned := gistOfItem(entry)
	if gist = strings.TrimSuffix(gist, "\n") + "\n"; !returned {
		gist = Wrap(gist, width)
	}
	if hint := hintOf(entry); hint != "" {
		fmt.Fprintf(&text, "  %s\n", value.VisibleLines(Brief(hint)))
	}
	if failed := printedOf(entry); failed != nil {
		text.WriteString(failed.PrintedText("  ", protocol.PrintedLines) + failedAttemptsOf(entry))
	}
	if warning := warningOf(entry); warning != "" {
		fmt.Fprintf(&text, "! %s\n", value.VisibleLines(Brief(warning)))
	}
	return ItemHeading(entry) + gist + Wrap(text.String(), width)
}

// ItemHeading returns the line above the result of an item.
func ItemHeading(entry value.Value) string {
	return "== " + headingOf(entry) + "\n"
}

// warningOf is the warning of an item, or of its result; empty if it has none.
func warningOf(entry value.Value) string {
	if warning, has := entry.Get("warning"); has {
		return warning.Text()
	}
	result, _ := entry.Get("result")
	warning, _ := result.Get("warning")
	return warning.Text()
}

// hintOf is the hint of the error of an item; empty if it has none.
func hintOf(entry value.Value) string {
	failure, _ := entry.Get("error")
	hint, _ := failure.Get("hint")
	return hint.Text()
}

// printedOf is the error of an item with what it has printed; nil if it has none.
func printedOf(entry value.Value) *Error {
	failure, _ := entry.Get("error")
	if failure.IsNull() {
		return nil
	}
	message, _ := failure.Get("message")
	return &Error{Message: message.Text(), Printed: protocol.ParsePrinted(failure)}
}

// failedAttemptsOf is a line for each attempt of an item that another one followed, and what it has printed.
func failedAttemptsOf(entry value.Value) string {
	var text strings.Builder
	earlier, _ := entry.Get("failed_attempts")
	for _, attempt := range earlier.Elements() {
		number, _ := attempt.Get("attempt")
		failed := printedOf(attempt)
		if printed := failed.PrintedText("    ", protocol.PrintedLines); printed != "" {
			fmt.Fprintf(&text, "  ↻ attempt %s failed  %s\n%s", number.JSON(), value.VisibleLines(Brief(failed.Message)), printed)
		}
	}
	return text.String()
}

// headingOf is the heading of an entry of the results: the item, and the model where several were asked about it.
func headingOf(entry value.Value) string {
	item, _ := entry.Get("item")
	if model, has := entry.Get("model"); has {
		return titleOf(item) + " (" + value.VisibleLines(model.Text()) + ")"
	}
	return titleOf(item)
}

// titleOf is the title of an item: a path in full, of a value what tells it from others.
func titleOf(item value.Value) string {
	if path := item.Text(); strings.HasPrefix(path, "/") && !strings.Contains(path, "\n") {
		return value.VisibleLines(path)
	}
	return value.VisibleLines(protocol.NameOf(item))
}

// gistOfItem returns what people are shown of an item, and whether that is what it returned.
func gistOfItem(entry value.Value) (text string, returned bool) {
	if failure, _ := entry.Get("error"); !failure.IsNull() {
		status, _ := entry.Get("status")
		message, _ := failure.Get("message")
		return status.Text() + ": " + value.VisibleLines(message.Text()), false
	}
	if reason, has := entry.Get("reason"); has {
		return "skipped: " + value.VisibleLines(reason.Text()), false
	}
	result, _ := entry.Get("result")
	gist := MainValue(result)
	if value, has := result.Get("result"); has && value.IsNull() && gist.Text() == "" {
		gist = value // A script without a value and without output: an empty line would look like text.
	}
	return Text(gist), true
}
