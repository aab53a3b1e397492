package view

import (
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// Graph is the dependency graph of the tasks of a workflow, or of a run, then with statuses.
type Graph struct {
	Run         string          `json:"run,omitempty"` // Empty for a workflow.
	Workflow    string          `json:"workflow"`
	Status      protocol.Status `json:"status,omitempty"`
	Interrupted bool            `json:"interrupted,omitempty"` // As that of the run.
	Lost        bool            `json:"lost,omitempty"`        // As that of the run.
	Nodes       []Node          `json:"nodes"`                 // In the file's order.
	Edges       []Edge          `json:"edges"`                 // In the order of the dependent tasks.
}

// Node is a task.
type Node struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"` // Empty if it is the id.
	Method string `json:"method"`
	Each   bool   `json:"each,omitempty"`   // It is fanned out.
	When   string `json:"when,omitempty"`   // Its condition.
	RunIf  string `json:"run_if,omitempty"` // Empty for "success".

	Finally bool `json:"finally,omitempty"` // It runs after all others.

	Values bool             `json:"-"`                // Its items are values, not files.
	Status protocol.Status  `json:"status,omitempty"` // Of a run.
	Items  *protocol.Counts `json:"items,omitempty"`  // Of a run: how they ended, so far.
}

// Edge is a dependency of a task. Both ends are ids.
type Edge struct {
	From string `json:"from"` // The dependency.
	To   string `json:"to"`   // The task that depends on it.

	Within bool `json:"within,omitempty"` // From is no dependency, but runs the workflow that To begins.
}

// NewGraph returns the graph of a workflow.
func NewGraph(p *plan.Plan) *Graph {
	run := &Run{Workflow: p.Name}
	run.addTasks(p, nil)
	graph := run.Graph()
	for i := range graph.Nodes {
		graph.Nodes[i].Status = ""
	}
	return graph
}

// Graph returns the graph of a run.
func (r *Run) Graph() *Graph {
	graph := &Graph{Run: r.Run, Workflow: r.Workflow, Status: r.Status, Interrupted: r.Interrupted, Lost: r.Lost, Nodes: make([]Node, len(r.Tasks)), Edges: []Edge{}}
	for i := range r.Tasks {
		task := &r.Tasks[i]
		graph.Nodes[i] = Node{ID: task.ID, Name: task.Name, Method: task.Method, Each: task.each, Values: task.Values && task.each, When: task.when, RunIf: task.runIf, Finally: task.Finally, Status: task.Status, Items: task.Items}
		for _, id := range task.above() {
			graph.Edges = append(graph.Edges, Edge{From: id, To: task.ID, Within: id == task.Within})
		}
	}
	return graph
}

// notes returns the properties of a task that follow its id, name and method.
func (n *Node) notes() []string {
	var notes []string
	if n.Status != "" {
		notes = append(notes, string(n.Status))
	}
	switch {
	case n.Items != nil:
		notes = append(notes, ItemCounts(*n.Items, n.Values, n.Status.Ended()))
	case n.Values:
		notes = append(notes, "for each item")
	case n.Each:
		notes = append(notes, "for each file")
	}
	if n.Finally {
		notes = append(notes, "finally")
	}
	if n.RunIf != "" {
		notes = append(notes, "run_if "+n.RunIf)
	}
	if n.When != "" {
		notes = append(notes, "when "+label(n.When))
	}
	return notes
}
