package view

import (
	"fmt"
	"strings"
)

const (
	// deepest is how far the tree goes in: a chain of thousands would be indented beyond every screen.
	deepest = 30
	// named is how many of the tasks that a task waits for its line names.
	named = 6
	// longestName is how many characters of a task's name are shown.
	longestName = 80
)

// branch is a task's place in the tree.
type branch struct {
	above    int // The task that it stands beneath, -1 for none.
	depth    int
	children []int
}

// Text shows the graph as a tree: each task beneath the deepest of those that it waits for, with the others in words.
func (g *Graph) Text() string {
	var text strings.Builder
	if g.Run != "" {
		fmt.Fprintf(&text, "%s  %s  %s\n", Printable(g.Run), label(g.Workflow), g.Status)
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
			fmt.Fprintf(&text, "%s%s%s\n", indent, fork, g.line(task, after[task], branches[task].above))
			draw(branches[task].children, indent+below)
		}
	}
	draw(top, "")
	return text.String()
}

// after lists, for each task, the tasks that it waits for.
func (g *Graph) after() [][]int {
	place := make(map[string]int, len(g.Nodes))
	for i := range g.Nodes {
		place[g.Nodes[i].ID] = i
	}
	after := make([][]int, len(g.Nodes))
	for _, edge := range g.Edges {
		after[place[edge.To]] = append(after[place[edge.To]], place[edge.From])
	}
	return after
}

// branches gives each task its place, and lists those that stand beneath no other.
func (g *Graph) branches(after [][]int) (branches []branch, top []int) {
	branches = make([]branch, len(g.Nodes))
	for _, i := range inOrder(after) {
		above, depth := -1, 0
		for _, other := range after[i] {
			if branches[other].depth+1 >= depth {
				above, depth = other, branches[other].depth+1
			}
		}
		if depth > deepest {
			above, depth = branches[above].above, deepest
		}
		branches[i].above, branches[i].depth = above, depth
		if above < 0 {
			top = append(top, i)
		} else {
			branches[above].children = append(branches[above].children, i)
		}
	}
	return branches, top
}

// line is one line about a task. Of those that it waits for, the one above it needs no word.
func (g *Graph) line(task int, after []int, above int) string {
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
		if other == above {
			also = "also "
		} else {
			others = append(others, g.Nodes[other].ID)
		}
	}
	if more := len(others) - named; more > 1 {
		others = append(others[:named], fmt.Sprintf("%d more", more))
	}
	if len(others) > 0 {
		parts = append(parts, also+"after "+strings.Join(others, ", "))
	}
	return strings.Join(parts, "  ")
}

// label is a name as text: on one line, shortened, and without control characters.
func label(name string) string { return Printable(shortened(name)) }

// shortened is a name on one line, cut after longestName characters.
func shortened(name string) string {
	text := []rune(strings.Join(strings.Fields(name), " "))
	if len(text) > longestName {
		return string(text[:longestName-1]) + "…"
	}
	return string(text)
}
