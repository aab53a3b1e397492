package mcp

import (
	"encoding/json"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// timeout is that of one call where the task names none.
const timeout = 60 * time.Second

// method is the method that calls the tool of that name.
func method(tool string) string { return "mcp/tool." + tool }

// Spec describes mcp/v1.
func Spec() protocol.Spec {
	spec := protocol.Spec{Name: "mcp/v1", Summary: "Tools of MCP servers; four are built in"}
	for _, b := range builtins() {
		spec.Methods = append(spec.Methods, protocol.Method{
			Name:       method(b.name),
			Summary:    b.summary,
			Parameters: json.RawMessage(b.parameters),
			Result:     json.RawMessage(b.result),
			Timeout:    timeout,
		})
	}
	return spec
}
