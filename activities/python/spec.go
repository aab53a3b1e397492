package python

import (
	"encoding/json"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// The methods.
const (
	Execute  = "python/execute"
	Register = "python/register"
	List     = "python/list"
	Info     = "python/info"
)

// Spec describes python/v1.
func Spec() protocol.Spec {
	return protocol.Spec{
		Name:    "python/v1",
		Summary: "Python scripts and functions, each in a process of its own",
		Methods: []protocol.Method{
			{
				Name:              Execute,
				Summary:           "Run a Python file, a piece of code or a function; `result` is what it leaves",
				Parameters:        json.RawMessage(executeParameters),
				Result:            json.RawMessage(executeResult),
				Timeout:           300 * time.Second,
				SourceParameters:  []string{"file", "file_path"},
				CodeParameter:     "code",
				NeedsDependencies: true,
				ItemParameter:     "context.file_path",
			},
			{
				Name:             Register,
				Summary:          "Keep a function under a name, so that tasks can call it by that",
				Parameters:       json.RawMessage(registerParameters),
				Result:           json.RawMessage(functionResult),
				Timeout:          60 * time.Second,
				NoCache:          true,
				SourceParameters: []string{"file", "file_path"},
				CodeParameter:    "code",
			},
			{
				Name:       List,
				Summary:    "List the functions that can be called by name",
				Parameters: json.RawMessage(`{"type": "object", "additionalProperties": false}`),
				Result:     json.RawMessage(listResult),
				Timeout:    60 * time.Second,
				NoCache:    true,
			},
			{
				Name:       Info,
				Summary:    "Describe one function",
				Parameters: json.RawMessage(infoParameters),
				Result:     json.RawMessage(functionResult),
				Timeout:    60 * time.Second,
				NoCache:    true,
			},
		},
	}
}

const executeParameters = `{
  "type": "object",
  "properties": {
    "file": {"type": "string", "minLength": 1, "description": "Path of the script, from the workflow's folder"},
    "file_path": {"type": "string", "minLength": 1, "description": "The same as file"},
    "code": {"type": "string", "description": "The script itself; references in it become variables"},
    "function": {"type": "string", "minLength": 1, "description": "The name of a registered or built-in function"},
    "args": {"type": "array", "description": "What the function is called with, in order"},
    "kwargs": {"type": "object", "description": "What the function is called with, by name"},
    "context": {"type": "object", "description": "What the script finds in the dict context"},
    "env": {
      "type": ["object", "array"],
      "additionalProperties": {"type": ["string", "number", "boolean"]},
      "items": {"type": "string", "minLength": 1},
      "description": "Variables of the environment, by name; or the names of those of the worker that the script is to see"
    },
    "python": {"type": "string", "minLength": 1, "description": "Another interpreter, or the folder of a virtual environment"},
    "requirements": {
      "type": "array", "items": {"type": "string", "minLength": 1},
      "description": "Modules or packages that must be there, with versions if wanted"
    },
    "sandbox": {"enum": ["bwrap", "none"], "description": "What the script is shut in"}
  },
  "oneOf": [{"required": ["file"]}, {"required": ["file_path"]}, {"required": ["code"]}, {"required": ["function"]}],
  "dependentRequired": {"args": ["function"], "kwargs": ["function"]},
  "additionalProperties": false
}`

const executeResult = `{
  "type": "object",
  "properties": {
    "result": {"description": "What the script left in the variable result, null if it set none; or what the function returned"},
    "output": {"type": "string", "description": "What it wrote to stdout, up to 1 MiB"},
    "stderr": {"type": "string", "description": "What it wrote to stderr, up to 1 MiB"},
    "success": {"const": true, "description": "A script that does not succeed fails its task"},
    "execution_time": {"type": "number", "description": "Seconds that it ran"}
  },
  "required": ["result", "output", "stderr", "success", "execution_time"]
}`

const registerParameters = `{
  "type": "object",
  "properties": {
    "name": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.-]{0,99}$", "description": "What tasks call it by"},
    "code": {"type": "string", "minLength": 1, "description": "Source that defines the function"},
    "file": {"type": "string", "minLength": 1, "description": "Path of a file with such source, which is read now"},
    "file_path": {"type": "string", "minLength": 1, "description": "The same as file"},
    "module": {"type": "string", "pattern": "^[A-Za-z_]\\w*(\\.[A-Za-z_]\\w*)*$", "description": "A module that every worker can import"},
    "function": {"type": "string", "pattern": "^[A-Za-z_]\\w*(\\.[A-Za-z_]\\w*)*$", "description": "The function in the source or the module; default: the name"},
    "python": {"type": "string", "minLength": 1, "description": "The interpreter to try it with"},
    "description": {"type": "string", "description": "For people; default: how its docstring begins"}
  },
  "required": ["name"],
  "oneOf": [{"required": ["code"]}, {"required": ["file"]}, {"required": ["file_path"]}, {"required": ["module"]}],
  "additionalProperties": false
}`

const infoParameters = `{
  "type": "object",
  "properties": {"name": {"type": "string", "minLength": 1, "description": "The function's name"}},
  "required": ["name"],
  "additionalProperties": false
}`

const functionResult = `{
  "type": "object",
  "properties": {
    "name": {"type": "string"},
    "kind": {"enum": ["source", "module", "built-in"], "description": "Where the function comes from"},
    "signature": {"type": "string", "description": "Its parameters, as Python writes them"},
    "description": {"type": "string"},
    "module": {"type": "string"},
    "function": {"type": "string", "description": "Its name in the source or the module"},
    "code": {"type": "string", "description": "The source"},
    "registered_at": {"type": "string", "description": "RFC 3339"}
  },
  "required": ["name", "kind", "signature", "description"]
}`

const listResult = `{
  "type": "object",
  "properties": {
    "functions": {
      "type": "array", "description": "Registered ones first, then those that are built in, each by name",
      "items": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "kind": {"type": "string"}, "signature": {"type": "string"}, "description": {"type": "string"}},
        "required": ["name", "kind"]
      }
    }
  },
  "required": ["functions"]
}`
