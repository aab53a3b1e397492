package mcpserver

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// answer is a result with structure. Its first text says the same as JSON: clients that decode numbers to floats find the
// digits there.
func answer(structure any, more ...string) (*mcp.CallToolResult, error) {
	data, err := value.Encode(structure)
	if err != nil {
		return nil, err
	}
	result := said(append([]string{string(data.JSON())}, more...)...)
	result.StructuredContent = json.RawMessage(data.JSON())
	return result, nil
}

func said(texts ...string) *mcp.CallToolResult {
	result := &mcp.CallToolResult{}
	for _, text := range texts {
		result.Content = append(result.Content, &mcp.TextContent{Text: text})
	}
	return result
}

// failure tells of an error where a model can read it: in the result.
func failure(err error) *mcp.CallToolResult {
	known := protocol.AsError(err, protocol.InternalError)
	text := fmt.Sprintf("%s: %s", known.Name, view.Printable(known.Message))
	if known.Hint != "" {
		text += "\n" + view.Printable(known.Hint)
	}
	result := said(text)
	result.IsError = true
	return result
}

// refusal is the answer of a call whose workflow has errors: all of them. Nothing was started.
func refusal(found []definition.Diagnostic) *mcp.CallToolResult {
	return failure(interpreter.DiagnosticsError(found))
}

func listed(found []definition.Diagnostic) string {
	lines := make([]string, len(found))
	for i, d := range found {
		lines[i] = view.Printable(d.String())
	}
	return strings.Join(lines, "\n")
}

// document is what a client is told of a run: enough to go on, and no results of tasks, which run_results has.
type document struct {
	Run      string           `json:"run"`
	Workflow string           `json:"workflow"`
	Status   protocol.Status  `json:"status"`
	Duration protocol.Seconds `json:"duration"`
	Outputs  value.Value      `json:"outputs"` // Of a workflow without outputs: what the tasks that nothing depends on have brought.
	Usage    view.Usage       `json:"usage"`
	Error    *view.Error      `json:"error,omitempty"`
	Tasks    []task           `json:"tasks,omitempty"`
}

type task struct {
	ID       string           `json:"id"`
	Method   string           `json:"method"`
	Status   protocol.Status  `json:"status"`
	Reason   string           `json:"reason,omitempty"`
	Items    *protocol.Counts `json:"items,omitempty"`
	Duration protocol.Seconds `json:"duration"`
	Warning  string           `json:"warning,omitempty"`
	Error    *view.Error      `json:"error,omitempty"`
}

func documentOf(run *view.Run) document {
	d := document{
		Run: run.Run, Workflow: run.Workflow, Status: run.Status, Duration: run.Duration, Outputs: run.Outcome(), Usage: run.Usage, Error: run.Error,
	}
	for _, t := range run.Tasks {
		d.Tasks = append(d.Tasks, task{t.ID, t.Method, t.Status, t.Reason, t.Items, t.Duration, t.Warning, t.Error})
	}
	return d
}

// ended is the answer about a run: an error where it has not completed, or is still open where it should not be.
func ended(run *view.Run) (*mcp.CallToolResult, error) {
	result, err := answer(documentOf(run), closing(run))
	if err == nil && run.Status != protocol.Completed {
		result.Content[0], result.Content[1] = result.Content[1], result.Content[0]
		result.IsError = true
	}
	return result, err
}

// closing says in words how a run has ended, and what went wrong.
func closing(run *view.Run) string {
	var text strings.Builder
	fmt.Fprintf(&text, "Run %s %s", run.Run, run.Status)
	if run.FinishedAt != nil {
		fmt.Fprintf(&text, " in %s", view.Duration(run.Duration))
	}
	if run.Error != nil {
		fmt.Fprintf(&text, ": %s", view.Printable(run.Error.Message))
	}
	text.WriteString(".")
	for i := range run.Tasks {
		t := &run.Tasks[i]
		switch {
		case t.Status == protocol.Failed && t.Error != nil:
			fmt.Fprintf(&text, "\n\nTask %s (%s) failed, %s: %s", t.ID, t.Method, t.Error.Name, view.Printable(t.Error.Message))
			if t.Error.Hint != "" {
				fmt.Fprintf(&text, "\n%s", view.Printable(t.Error.Hint))
			}
		case t.Status == protocol.Skipped:
			fmt.Fprintf(&text, "\n\nTask %s was skipped: %s", t.ID, view.Printable(t.Reason))
		case t.Items != nil && t.Items.Failed > 0:
			fmt.Fprintf(&text, "\n\nOf the %d items of task %s, %d failed.", t.Items.Total, t.ID, t.Items.Failed)
		case t.Warnings > 0:
			fmt.Fprintf(&text, "\n\nOf the %d items of task %s, %d have a warning.", t.Items.Total, t.ID, t.Warnings)
		case t.Warning != "":
			fmt.Fprintf(&text, "\n\nWarning of task %s: %s.", t.ID, view.Printable(t.Warning))
		}
	}
	return text.String()
}
