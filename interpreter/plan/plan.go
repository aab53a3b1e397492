// Package plan holds what a run executes: the Plan, and Progress, the state machine that says which tasks are ready.
// Both are pure: no clock, no disk, no network, no Temporal SDK; maps are never ranged over.
package plan

import "github.com/gleitzeit/gleitzeit/internal/protocol"

// Format is the latest version of Plan that this program writes and reads. A plan has the earliest version whose programs
// understand all that is in it, which is FirstFormat where nothing newer is.
const Format = 2

// FirstFormat is the version of a plan without tool servers.
const FirstFormat = 1

// DefaultMaxParallel is how many tasks are in flight where the workflow does not say.
const DefaultMaxParallel = 16

// Plan is a checked workflow, ready to run: the input of the workflow type gleitzeit.run. Equal files give equal plans,
// byte for byte.
type Plan struct {
	Format      int              `json:"format"`
	Name        string           `json:"name"`
	ID          string           `json:"id,omitempty"` // The fixed run id, where the file has one.
	Description string           `json:"description,omitempty"`
	File        string           `json:"file,omitempty"` // The workflow file, absolute; for people.
	Folder      string           `json:"folder"`         // The folder that the run was started in, absolute.
	FlowFolder  string           `json:"flow_folder"`    // The workflow file's folder, absolute.
	Inputs      protocol.Value   `json:"inputs"`         // An object: the inputs' values.
	Tasks       []Task           `json:"tasks"`          // In the file's order.
	Outputs     []Output         `json:"outputs,omitempty"`
	Timeout     protocol.Seconds `json:"timeout,omitempty"` // Of the whole run; 0 is none.
	MaxParallel int              `json:"max_parallel"`

	ToolServers []protocol.ToolServer `json:"tool_servers,omitempty"` // MCP servers of the workflow. Since format 2.
}

// Task is one node of the plan.
type Task struct {
	ID           string           `json:"id"`
	Name         string           `json:"name,omitempty"`
	Method       string           `json:"method"` // In full: "python/execute".
	Parameters   protocol.Value   `json:"parameters"`
	Reads        []string         `json:"reads,omitempty"` // Files outside of the run's folders that it names, absolute: it may read them.
	Source       *protocol.Script `json:"source,omitempty"`
	After        []string         `json:"after,omitempty"`        // Ids of every task that it waits for, named or referred to, in the file's order.
	Dependencies []string         `json:"dependencies,omitempty"` // Ids named in `dependencies`, in that order, where the method wants their results.
	Uses         []Use            `json:"uses,omitempty"`         // Heads of the references in it.
	Priority     Priority         `json:"priority"`
	Timeout      protocol.Seconds `json:"timeout"` // Of one attempt; 0 is the handler's own.
	Retry        *protocol.Retry  `json:"retry,omitempty"`
	Each         *Each            `json:"each,omitempty"`    // Where it is there, the task runs once an item.
	Servers      []string         `json:"servers,omitempty"` // Names of the workflow's tool servers that it may need.
}

// Use says what the head of a reference means: a task, or, where Task is empty, one of the fixed heads.
type Use struct {
	Head string `json:"head"` // As written: an id, a name, "inputs".
	Task string `json:"task,omitempty"`
}

// Output is one of the run's own results.
type Output struct {
	Name  string         `json:"name"`
	Value protocol.Value `json:"value"` // With its references.
	Uses  []Use          `json:"uses,omitempty"`
}

// Priority is Temporal's priority key: 1 starts first, 5 last.
type Priority int

// The priorities that a workflow can name.
const (
	Urgent Priority = 1
	High   Priority = 2
	Normal Priority = 3
	Low    Priority = 5
)
