// Package mcptask has what both sides of MCP need for tasks, which the SDK does not know: those of version 2025-11-25, for which
// a client asks, and those of the extension of 2026-07-28, on which the server decides. The SDK drops what it does not know of
// a message, so that what is about tasks is moved to the metadata before. The package knows no session and no run.
package mcptask

import (
	"bytes"
	"encoding/json"
	"time"
)

const (
	// Extension is the name of the extension of 2026-07-28 in the capabilities of both sides.
	Extension = "io.modelcontextprotocol/tasks"
	// RelatedKey is the key in the metadata of a message for the task to which it belongs.
	RelatedKey = "io.modelcontextprotocol/related-task"
	// Key is the key in the metadata for what was moved there: in a request to call a tool what the client wants of its task, in
	// a result the task, in a tool its execution.
	Key = "gleitzeit/task"
)

// The methods of tasks.
const (
	MethodGet    = "tasks/get"
	MethodResult = "tasks/result" // 2025-11-25.
	MethodCancel = "tasks/cancel"
	MethodList   = "tasks/list"   // 2025-11-25.
	MethodUpdate = "tasks/update" // 2026-07-28.
)

// Status is the status of a task.
type Status string

// The statuses. The last three are final.
const (
	Working       Status = "working"
	InputRequired Status = "input_required"
	Completed     Status = "completed"
	Failed        Status = "failed"
	Cancelled     Status = "cancelled"
)

// Ended reports whether the status is final.
func (s Status) Ended() bool { return s == Completed || s == Failed || s == Cancelled }

// The values of Execution.TaskSupport.
const (
	Required = "required"
	Optional = "optional"
)

// Execution is what a tool says about its calls.
type Execution struct {
	TaskSupport string `json:"taskSupport,omitempty"`
}

// Task is a task of either version, as the other side reads it.
type Task struct {
	ID             string          `json:"taskId"`
	Status         Status          `json:"status"`
	Message        string          `json:"statusMessage"`
	UpdatedAt      string          `json:"lastUpdatedAt"`
	PollInterval   float64         `json:"pollInterval"`   // In milliseconds; 2025-11-25.
	PollIntervalMs float64         `json:"pollIntervalMs"` // 2026-07-28.
	Type           string          `json:"resultType"`     // "task" where the server decided on the task: 2026-07-28.
	Result         json.RawMessage `json:"result"`         // Of a completed task; 2026-07-28.
	Error          json.RawMessage `json:"error"`          // Of a failed one; 2026-07-28.
}

// The limits of the pause between two questions for a task, and what it is if the server says nothing.
const (
	minInterval     = 20 * time.Millisecond
	maxInterval     = time.Minute
	defaultInterval = time.Second
)

// Interval returns the pause until the task is asked for again.
func (t *Task) Interval() time.Duration {
	interval := max(t.PollInterval, t.PollIntervalMs)
	if !(interval > 0) {
		return defaultInterval
	}
	return time.Duration(min(max(interval, float64(minInterval.Milliseconds())), float64(maxInterval.Milliseconds())) * float64(time.Millisecond))
}

// FromMeta reads the task, or the execution, that was moved to metadata; false if there is none.
func FromMeta(meta map[string]any, into any) bool {
	moved, is := meta[Key]
	if !is {
		return false
	}
	text, err := json.Marshal(moved)
	return err == nil && json.Unmarshal(text, into) == nil
}

type object = map[string]json.RawMessage

// KeepInResult moves what the result in a message of a server says about tasks to its metadata, and that of the tools that it
// lists. It returns any other message unchanged.
func KeepInResult(message []byte) []byte {
	if !bytes.Contains(message, []byte(`"taskSupport"`)) && !bytes.Contains(message, []byte(`"taskId"`)) {
		return message
	}
	var outer, result object
	if json.Unmarshal(message, &outer) != nil || json.Unmarshal(outer["result"], &result) != nil {
		return message
	}
	if !keepTask(result) && !keepExecutions(result) {
		return message
	}
	var err error
	if outer["result"], err = json.Marshal(result); err != nil {
		return message
	}
	encoded, err := json.Marshal(outer)
	if err != nil {
		return message
	}
	return encoded
}

// keepTask moves the task that a result is.
func keepTask(result object) bool {
	var kind string
	_ = json.Unmarshal(result["resultType"], &kind) // Older servers send none.
	if kind == "task" {
		whole, err := json.Marshal(result)
		return err == nil && addMeta(result, whole)
	}
	var task Task
	if json.Unmarshal(result["task"], &task) != nil || task.ID == "" {
		return false
	}
	return addMeta(result, result["task"])
}

// keepExecutions moves the execution of each tool of a list.
func keepExecutions(result object) bool {
	var tools []object
	if json.Unmarshal(result["tools"], &tools) != nil {
		return false
	}
	moved := false
	for _, tool := range tools {
		if execution, is := tool["execution"]; is {
			moved = addMeta(tool, execution) || moved
		}
	}
	if !moved {
		return false
	}
	encoded, err := json.Marshal(tools)
	result["tools"] = encoded
	return err == nil
}

// KeepInCall moves what the parameters of a call of a tool say about a task to their metadata.
func KeepInCall(params json.RawMessage) json.RawMessage {
	if !bytes.Contains(params, []byte(`"task"`)) {
		return params
	}
	var fields object
	if json.Unmarshal(params, &fields) != nil || len(fields["task"]) == 0 || fields["task"][0] != '{' || !addMeta(fields, fields["task"]) {
		return params
	}
	encoded, err := json.Marshal(fields)
	if err != nil {
		return params
	}
	return encoded
}

// KeepInRequest is KeepInCall for a whole message, which is returned unchanged unless it calls a tool.
func KeepInRequest(message []byte) []byte {
	if !bytes.Contains(message, []byte(`"task"`)) {
		return message
	}
	var fields object
	var method string
	if json.Unmarshal(message, &fields) != nil || json.Unmarshal(fields["method"], &method) != nil || method != "tools/call" {
		return message
	}
	fields["params"] = KeepInCall(fields["params"])
	encoded, err := json.Marshal(fields)
	if err != nil {
		return message
	}
	return encoded
}

// addMeta adds a value to the metadata of an object.
func addMeta(to object, value json.RawMessage) bool {
	meta := object{}
	if given, is := to["_meta"]; is && json.Unmarshal(given, &meta) != nil {
		return false
	}
	if meta == nil {
		meta = object{}
	}
	meta[Key] = value
	encoded, err := json.Marshal(meta)
	if err != nil {
		return false
	}
	to["_meta"] = encoded
	return true
}
