// Package plan contains the Plan, which a run executes, and Progress, the state machine that decides which task or item
// starts next. Both are pure: no clock, no disk, no network, no Temporal SDK; maps are never ranged over.
package plan

import (
	"slices"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// DefaultMaxParallel is the maximum number of tasks in flight where the workflow sets none.
const DefaultMaxParallel = 16

// Plan is a checked workflow, ready to run: the input of the workflow type gleitzeit.run. Equal files give equal plans,
// byte for byte.
type Plan struct {
	Format      int              `json:"format"` // Format up to which a reader must know the keys.
	Name        string           `json:"name"`
	ID          string           `json:"id,omitempty"` // The fixed run id, where the file has one.
	Description string           `json:"description,omitempty"`
	Version     string           `json:"version,omitempty"`
	Tags        []string         `json:"tags,omitempty"`
	Metadata    *value.Value     `json:"metadata,omitempty"` // An object.
	File        string           `json:"file,omitempty"`     // The workflow file, absolute; for people.
	Folder      string           `json:"folder"`             // The folder that the run was started in, absolute.
	FlowFolder  string           `json:"flow_folder"`        // The workflow file's folder, absolute.
	Inputs      value.Value      `json:"inputs"`             // An object: the inputs' values.
	Tasks       []Task           `json:"tasks"`              // In the file's order.
	Outputs     []Output         `json:"outputs,omitempty"`
	Timeout     protocol.Seconds `json:"timeout,omitempty"` // Of the whole run; 0 is no limit.
	MaxParallel int              `json:"max_parallel"`
	FailFast    bool             `json:"fail_fast,omitempty"`           // The first failure ends the run.
	Priority    Priority         `json:"priority,omitempty"`            // Of the run among others; 0 is Temporal's default. The tasks have their own.
	Wait        bool             `json:"wait_for_completion,omitempty"` // A submit of it waits for its end.
	SkipsPassOn bool             `json:"skips_pass_on,omitempty"`       // A task that conditions of others skip counts as skipped by a condition. Plans up to format 2 do not have it.
	ItemsApart  bool             `json:"items_apart,omitempty"`         // Items run in workflows of their own. Plans up to format 3 do not have it.

	ToolServers []protocol.ToolServer `json:"tool_servers,omitempty"` // MCP servers of the workflow.

	Workflows []Workflow `json:"workflows,omitempty"` // Those that tasks run, each once.

	// CleanUpTimeout limits how long the clean-up takes: tasks that run even if the run is stopped. 0: there are none, also in plans up
	// to format 5, where `run_if: always` does not hold in a run that is stopped.
	CleanUpTimeout protocol.Seconds `json:"cleanup_timeout,omitempty"`
}

// IsTypedBatch reports whether the plan is that of a batch of the command line, not of a file.
func (p *Plan) IsTypedBatch() bool {
	return p.File == "" && len(p.Tasks) == 1 && p.Tasks[0].ID == "batch" && p.Tasks[0].FanOut != nil
}

// SameItems reports whether two tasks are about the same files, or about the rows of the same table. Which of them they take may differ.
func (f *FanOut) SameItems(other *FanOut) bool {
	if f == nil || other == nil || f.Directory != other.Directory || !slices.Equal(f.Files, other.Files) || (f.Rows == nil) != (other.Rows == nil) {
		return false
	}
	return f.Rows == nil || f.Rows.File == other.Rows.File
}

// Task is one node of the plan.
type Task struct {
	ID           string           `json:"id"`
	Name         string           `json:"name,omitempty"`
	Description  string           `json:"description,omitempty"`
	Tags         []string         `json:"tags,omitempty"`
	Metadata     *value.Value     `json:"metadata,omitempty"` // An object.
	Method       string           `json:"method"`             // In full: "python/execute".
	Workflow     string           `json:"workflow,omitempty"` // The file, absolute, of one of the plan's Workflows, which it runs with its parameters as inputs; Method is WorkflowMethod.
	Parameters   value.Value      `json:"parameters"`
	Reads        []string         `json:"reads,omitempty"` // Files outside of the run's folders that it names, absolute, and may read.
	Source       *protocol.Script `json:"source,omitempty"`
	After        []string         `json:"after,omitempty"`        // Ids of all tasks that it depends on, named or referred to, in the file's order.
	Dependencies []string         `json:"dependencies,omitempty"` // Ids named in `dependencies`, in that order, where the method takes their results.
	Uses         []Use            `json:"uses,omitempty"`         // Heads of the references in it.
	Priority     Priority         `json:"priority"`
	Timeout      protocol.Seconds `json:"timeout"`           // Of one attempt; 0 is the handler's default.
	Absence      protocol.Seconds `json:"absence,omitempty"` // How long its calls wait for a server that is not there, also if it has never answered; 0 is the handler's default. An earlier program waits for that.
	Retry        *protocol.Retry  `json:"retry,omitempty"`
	Queue        string           `json:"queue,omitempty"` // The Temporal task queue, where it is not the run's own.
	FanOut       *FanOut          `json:"each,omitempty"`  // Of a task with items: it runs for each of them.
	Cache        bool             `json:"cache,omitempty"` // The result of an equal call of an earlier run is reused.

	When            string `json:"when,omitempty"`      // A condition, with its references, evaluated when RunIf allows the task to run.
	WhenUses        []Use  `json:"when_uses,omitempty"` // Heads of the references in When.
	RunIf           RunIf  `json:"run_if,omitempty"`
	ContinueOnError bool   `json:"continue_on_error,omitempty"` // Its failure fails neither the run nor the tasks that depend on it.

	Waits bool `json:"waits,omitempty"` // It waits for a person: the run asks, and its method is not called.

	Finally bool `json:"finally,omitempty"` // It runs after all tasks that are not in `finally` have ended, however.

	Repeat *Repeat `json:"repeat,omitempty"` // It is done again until a condition holds; nil: once.

	Split *protocol.Split `json:"split,omitempty"` // How a long document is split; nil: it is read as a whole.

	Servers []string `json:"servers,omitempty"` // Names of the workflow's tool servers that it may use.
}

// Repeat says how often a task is done, and until when.
type Repeat struct {
	Until    string           `json:"until"`          // A condition, with its references.
	Uses     []Use            `json:"uses,omitempty"` // Heads of the references in Until, the task's own among them.
	Max      int              `json:"max"`            // Rounds.
	Delay    protocol.Seconds `json:"delay"`          // The first one between rounds.
	Backoff  protocol.Backoff `json:"backoff"`
	MaxDelay protocol.Seconds `json:"max_delay"`
}

// Use is the head of a reference and the task that it stands for; one of the fixed heads where Task is empty.
type Use struct {
	Head string `json:"head"` // As written: an id, a name, "inputs".
	Task string `json:"task,omitempty"`
}

// Output is one of the run's own results.
type Output struct {
	Name  string      `json:"name"`
	Value value.Value `json:"value"` // With its references.
	Uses  []Use       `json:"uses,omitempty"`
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
