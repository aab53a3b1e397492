package mcpserver

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/interpreter"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// structuredResult returns a result with structured content. Its first text is the same as JSON, for clients that decode
// numbers to floats and would lose digits.
func structuredResult(structure any, more ...string) (*mcp.CallToolResult, error) {
	data, err := value.Encode(structure)
	if err != nil {
		return nil, err
	}
	result := textResult(append([]string{string(data.JSON())}, more...)...)
	result.StructuredContent = json.RawMessage(data.JSON())
	return result, nil
}

func textResult(texts ...string) *mcp.CallToolResult {
	result := &mcp.CallToolResult{}
	for _, text := range texts {
		result.Content = append(result.Content, &mcp.TextContent{Text: text})
	}
	return result
}

// errorResult returns an error as a result, which models read.
func errorResult(err error) *mcp.CallToolResult {
	known := protocol.AsError(err, protocol.InternalError)
	text := fmt.Sprintf("%s: %s", known.Name, value.VisibleLines(known.Message))
	if known.Hint != "" {
		text += "\n" + value.VisibleLines(known.Hint)
	}
	result := textResult(text)
	result.IsError = true
	return result
}

// diagnosticsResult returns all diagnostics of a workflow as a result. Nothing was started.
func diagnosticsResult(diagnostics []definition.Diagnostic) *mcp.CallToolResult {
	return errorResult(interpreter.DiagnosticsError(diagnostics))
}

func diagnosticLines(diagnostics []definition.Diagnostic) string {
	lines := make([]string, len(diagnostics))
	for i, d := range diagnostics {
		lines[i] = value.VisibleLines(d.String())
	}
	return strings.Join(lines, "\n")
}

// runDocument is a run in the results of tools: without the results of tasks, which run_results returns.
type runDocument struct {
	Run      string           `json:"run"`
	Workflow string           `json:"workflow"`
	Status   protocol.Status  `json:"status"`
	Duration protocol.Seconds `json:"duration"`
	Outputs  value.Value      `json:"outputs"` // Of a workflow without outputs: the results of the tasks that nothing depends on.
	Usage    view.Usage       `json:"usage"`
	Error    *view.Error      `json:"error,omitempty"`
	Tasks    []taskEntry      `json:"tasks,omitempty"`
}

type taskEntry struct {
	ID       string           `json:"id"`
	Method   string           `json:"method"`
	Status   protocol.Status  `json:"status"`
	Reason   string           `json:"reason,omitempty"`
	Items    *protocol.Counts `json:"items,omitempty"`
	Duration protocol.Seconds `json:"duration"`
	Warning  string           `json:"warning,omitempty"`
	Warnings int              `json:"warnings,omitempty"` // Items whose results have warnings.
	Error    *view.Error      `json:"error,omitempty"`
	Approval *view.Approval   `json:"approval,omitempty"` // What it asks a person, while it waits.
}

func newRunDocument(run *view.Run) runDocument {
	d := runDocument{
		Run: run.Run, Workflow: run.Workflow, Status: run.Status, Duration: run.Duration, Outputs: run.Outcome(), Usage: run.Usage, Error: run.Error,
	}
	for _, t := range run.Tasks {
		d.Tasks = append(d.Tasks, taskEntry{t.ID, t.Method, t.Status, t.Reason, t.Items, t.Duration, t.Warning, t.Warnings, t.Error, t.Approval})
	}
	return d
}

// runResult returns the result of a call that waited for a run: an error unless the run has completed.
func runResult(run *view.Run) (*mcp.CallToolResult, error) {
	result, err := structuredResult(newRunDocument(run), summary(run))
	if err == nil && run.Status != protocol.Completed {
		result.Content[0], result.Content[1] = result.Content[1], result.Content[0]
		result.IsError = true
	}
	return result, err
}

// summary describes in words how a run has ended, and the errors of its tasks.
func summary(run *view.Run) string {
	var text strings.Builder
	fmt.Fprintf(&text, "Run %s %s", run.Run, run.Status)
	if run.FinishedAt != nil {
		fmt.Fprintf(&text, " in %s", view.Duration(run.Duration))
	}
	if run.Error != nil {
		fmt.Fprintf(&text, ": %s", value.VisibleLines(run.Error.Message))
	}
	text.WriteString(".")
	for i := range run.Tasks {
		t := &run.Tasks[i]
		switch {
		case t.Status == protocol.Failed && t.Error != nil:
			fmt.Fprintf(&text, "\n\nTask %s (%s) failed, %s: %s", t.ID, t.Method, t.Error.Name, value.VisibleLines(t.Error.Message))
			if t.Error.Hint != "" {
				fmt.Fprintf(&text, "\n%s", value.VisibleLines(t.Error.Hint))
			}
		case t.Status == protocol.Skipped:
			fmt.Fprintf(&text, "\n\nTask %s was skipped: %s", t.ID, value.VisibleLines(t.Reason))
		case t.Items != nil && t.Items.Failed > 0:
			fmt.Fprintf(&text, "\n\nOf the %d items of task %s, %d failed.", t.Items.Total, t.ID, t.Items.Failed)
		case t.Warnings > 0:
			fmt.Fprintf(&text, "\n\nOf the %d items of task %s, %d have a warning.", t.Items.Total, t.ID, t.Warnings)
		case t.Warning != "":
			fmt.Fprintf(&text, "\n\nWarning of task %s: %s.", t.ID, value.VisibleLines(t.Warning))
		}
	}
	return text.String()
}
