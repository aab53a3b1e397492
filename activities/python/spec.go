package python

import (
	"encoding/json"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// Execute is the method that runs a script.
const Execute = "python/execute"

// Spec describes python/v1.
func Spec() protocol.Spec {
	return protocol.Spec{
		Name:    "python/v1",
		Summary: "Python scripts, each in an interpreter of its own",
		Methods: []protocol.Method{{
			Name:              Execute,
			Summary:           "Run a Python file or a piece of code; `result` is what it leaves",
			Parameters:        json.RawMessage(executeParameters),
			Result:            json.RawMessage(executeResult),
			Timeout:           300 * time.Second,
			SourceParameters:  []string{"file", "file_path"},
			CodeParameter:     "code",
			WantsDependencies: true,
			ItemParameter:     "context.file_path",
		}},
	}
}

const executeParameters = `{
  "type": "object",
  "properties": {
    "file": {"type": "string", "minLength": 1, "description": "Path of the script, from the workflow's folder"},
    "file_path": {"type": "string", "minLength": 1, "description": "The same as file"},
    "code": {"type": "string", "description": "The script itself; references in it become variables"},
    "context": {"type": "object", "description": "What the script finds in the dict context"}
  },
  "oneOf": [{"required": ["file"]}, {"required": ["file_path"]}, {"required": ["code"]}],
  "additionalProperties": false
}`

const executeResult = `{
  "type": "object",
  "properties": {
    "result": {"description": "What the script left in the variable result; null if it set none"},
    "output": {"type": "string", "description": "What it wrote to stdout, up to 1 MiB"},
    "stderr": {"type": "string", "description": "What it wrote to stderr, up to 1 MiB"},
    "success": {"const": true, "description": "A script that does not succeed fails its task"},
    "execution_time": {"type": "number", "description": "Seconds that the script ran"}
  },
  "required": ["result", "output", "stderr", "success", "execution_time"]
}`
