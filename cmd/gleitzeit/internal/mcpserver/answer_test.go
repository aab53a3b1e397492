package mcpserver

import (
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/cmd/gleitzeit/internal/view"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// The document of a run counts the items whose results have warnings.
func TestWarningsInTheDocumentOfARun(t *testing.T) {
	run := &view.Run{Run: "r", Workflow: "W", Status: protocol.Completed, Tasks: []view.Task{
		{ID: "batch", Method: "llm/chat", Status: protocol.Completed, Items: &protocol.Counts{Total: 3, Succeeded: 3}, Warnings: 2},
	}}
	document, err := value.Encode(newRunDocument(run))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(document.JSON()); !strings.Contains(text, `"warnings":2`) {
		t.Error(text)
	}
}
