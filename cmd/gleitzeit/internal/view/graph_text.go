package view

import (
	"fmt"
	"strings"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

const (
	// maxDepth limits the indentation of the tree: that of a chain of thousands of tasks would exceed every screen.
	maxDepth = 30
	// maxNamed limits how many dependencies the line of a task names.
	maxNamed = 6
	// maxNameLength limits how many characters of a task's name are shown.
	maxNameLength = 80
)

// branch is a task's place in the tree.
type branch struct {
	parent   int // -1 for none.
	depth    int
	children []int
}

// Text returns the graph as a tree: each task beneath the deepest of its dependencies; its line names the others.
func (g *Graph) Text() string {
	var text strings.Builder
	if g.Run != "" {
		fmt.Fprintf(&text, "%s  %s  %s\n", value.VisibleLines(g.Run), label(g.Workflow), state(g.Status, g.Interrupted, g.Lost))
	} else {
		fmt.Fprintf(&text, "%s\n", label(g.Workflow))
	}
	after := g.after()
	branches, top := g.branches(after)
	var draw func(tasks []int, indent string)
	draw = func(tasks []int, indent string) {
		for i, task := range tasks {
			fork, below := "├─ ", "│  "
			if i == len(tasks)-1 {
				fork, below = "└─ ", "   "
			}
			fmt.Fprintf(&text, "%s%s%s\n", indent, fork, g.line(task, after[task], branches[task].parent))
			draw(branches[task].children, indent+below)
		}
	}
	draw(top, "")
	return text.String()
}

// after returns the dependencies of each task.
func (g *Graph) after() [][]int {
	index := make(map[string]int, len(g.Nodes))
	for i := range g.Nodes {
		index[g.Nodes[i].ID] = i
	}
	after := make([][]int, len(g.Nodes))
	for _, edge := range g.Edges {
		after[index[edge.To]] = append(after[index[edge.To]], index[edge.From])
	}
	return after
}

// branches returns the place of each task, and the tasks at the top level.
func (g *Graph) branches(after [][]int) (branches []branch, top []int) {
	branches = make([]branch, len(g.Nodes))
	for _, i := range topological(after) {
		parent, depth := -1, 0
		for _, other := range after[i] {
			if branches[other].depth+1 >= depth {
				parent, depth = other, branches[other].depth+1
			}
		}
		if depth > maxDepth {
			parent, depth = branches[parent].parent, maxDepth
		}
		branches[i].parent, branches[i].depth = parent, depth
		if parent < 0 {
			top = append(top, i)
		} else {
			branches[parent].children = append(branches[parent].children, i)
		}
	}
	return branches, top
}

// line returns a line about a task. It names the dependencies except the parent, which stands above it.
func (g *Graph) line(task int, after []int, parent int) string {
	node := &g.Nodes[task]
	parts := []string{node.ID}
	if node.Status != "" {
		parts[0] = Mark(node.Status) + " " + node.ID
	}
	if node.Name != "" {
		parts = append(parts, fmt.Sprintf("%q", shortened(node.Name)))
	}
	parts = append(append(parts, node.Method), node.notes()...)
	var others []string
	also := ""
	for _, other := range after {
		if other == parent {
			also = "also "
		} else {
			others = append(others, g.Nodes[other].ID)
		}
	}
	if more := len(others) - maxNamed; more > 1 {
		others = append(others[:maxNamed], fmt.Sprintf("%d more", more))
	}
	if len(others) > 0 {
		parts = append(parts, also+"after "+strings.Join(others, ", "))
	}
	return strings.Join(parts, "  ")
}

// label returns a name as text: on one line, shortened, and without control characters.
func label(name string) string { return value.VisibleLines(shortened(name)) }

// shortened returns a name on one line, of at most maxNameLength characters.
func shortened(name string) string {
	text := []rune(strings.Join(strings.Fields(name), " "))
	if len(text) > maxNameLength {
		return string(text[:maxNameLength-1]) + "…"
	}
	return string(text)
}
