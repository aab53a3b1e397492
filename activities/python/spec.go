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
		Summary: "Python scripts and functions, each in its own process",
		Methods: []protocol.Method{
			{
				Name:              Execute,
				Summary:           "Run a Python file, code or a function",
				Parameters:        json.RawMessage(executeParameters),
				Result:            json.RawMessage(executeResult),
				Timeout:           300 * time.Second,
				SourceParameters:  []string{"file", "file_path"},
				CodeParameter:     "code",
				ListParameter:     "context",
				NeedsDependencies: true,
				ItemParameter:     "context.file_path",
			},
			{
				Name:             Register,
				Summary:          "Register a function under a name, so that tasks can call it",
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
    "file": {"type": "string", "minLength": 1, "description": "Path of the script, relative to the workflow's folder"},
    "file_path": {"type": "string", "minLength": 1, "description": "Alias of file"},
    "code": {"type": "string", "description": "The code of the script; references in it become variables"},
    "function": {"type": "string", "minLength": 1, "description": "Name of a registered or built-in function"},
    "args": {"type": "array", "description": "Positional arguments of the function"},
    "kwargs": {"type": "object", "description": "Keyword arguments of the function"},
    "context": {"type": "object", "description": "Data for the script, as the dict context"},
    "env": {
      "type": ["object", "array"],
      "additionalProperties": {"type": ["string", "number", "boolean"]},
      "items": {"type": "string", "minLength": 1},
      "description": "Environment variables by name, or a list of names of the worker's variables to pass to the script"
    },
    "python": {"type": "string", "minLength": 1, "description": "Path of another interpreter, or the folder of a virtual environment"},
    "requirements": {
      "type": "array", "items": {"type": "string", "minLength": 1},
      "description": "Required modules or packages, optionally with versions"
    },
    "sandbox": {"enum": ["bwrap", "none"], "description": "Sandbox for the script"}
  },
  "oneOf": [{"required": ["file"]}, {"required": ["file_path"]}, {"required": ["code"]}, {"required": ["function"]}],
  "dependentRequired": {"args": ["function"], "kwargs": ["function"]},
  "additionalProperties": false
}`

const executeResult = `{
  "type": "object",
  "properties": {
    "result": {"description": "The value of the script's variable result, or null; or the return value of the function"},
    "output": {"type": "string", "description": "Standard output, up to 1 MiB"},
    "stderr": {"type": "string", "description": "Standard error, up to 1 MiB"},
    "success": {"const": true, "description": "Always true: a script that fails, fails its task"},
    "execution_time": {"type": "number", "description": "Duration in seconds"}
  },
  "additionalProperties": false,
  "required": ["result", "output", "stderr", "success", "execution_time"]
}`

const registerParameters = `{
  "type": "object",
  "properties": {
    "name": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_.-]{0,99}$", "description": "Name by which tasks call the function"},
    "code": {"type": "string", "minLength": 1, "description": "Source code that defines the function"},
    "file": {"type": "string", "minLength": 1, "description": "Path of a file with the source code, which is read once"},
    "file_path": {"type": "string", "minLength": 1, "description": "Alias of file"},
    "module": {"type": "string", "pattern": "^[A-Za-z_]\\w*(\\.[A-Za-z_]\\w*)*$", "description": "Module that every worker can import"},
    "function": {"type": "string", "pattern": "^[A-Za-z_]\\w*(\\.[A-Za-z_]\\w*)*$", "description": "Name of the function in the source or the module; default: name"},
    "python": {"type": "string", "minLength": 1, "description": "Interpreter with which the function is checked"},
    "description": {"type": "string", "description": "Description; default: the beginning of the docstring"}
  },
  "required": ["name"],
  "oneOf": [{"required": ["code"]}, {"required": ["file"]}, {"required": ["file_path"]}, {"required": ["module"]}],
  "additionalProperties": false
}`

const infoParameters = `{
  "type": "object",
  "properties": {"name": {"type": "string", "minLength": 1, "description": "Name of the function"}},
  "required": ["name"],
  "additionalProperties": false
}`

const functionResult = `{
  "type": "object",
  "properties": {
    "name": {"type": "string"},
    "kind": {"enum": ["source", "module", "built-in"], "description": "Where the function comes from"},
    "signature": {"type": "string", "description": "Parameters in Python syntax"},
    "description": {"type": "string"},
    "module": {"type": "string"},
    "function": {"type": "string", "description": "Name of the function in the source or the module"},
    "code": {"type": "string", "description": "Source code"},
    "registered_at": {"type": "string", "description": "RFC 3339"}
  },
  "additionalProperties": false,
  "required": ["name", "kind", "signature", "description"]
}`

const listResult = `{
  "type": "object",
  "properties": {
    "functions": {
      "type": "array", "description": "Registered functions, then built-in ones, each sorted by name",
      "items": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "kind": {"type": "string"}, "signature": {"type": "string"}, "description": {"type": "string"}},
        "required": ["name", "kind"]
      }
    }
  },
  "additionalProperties": false,
  "required": ["functions"]
}`
