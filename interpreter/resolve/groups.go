package resolve

import "slices"

// Groups looks for sets of two or more tasks of which each waits for each, directly or not (Tarjan's strongly connected
// components). The stack is our own: a chain of tasks may be as long as the file.
type Groups struct {
	tasks  []*Task
	order  []int // In which the tasks were reached; unseen before.
	low    []int // The first that is reached from there and still on the path.
	onPath []bool
	path   []int
	stack  []visit
	seen   int
	found  [][]int
}

// visit is a task on the way, and which of those that it waits for comes next.
type visit struct{ task, next int }

const unseen = -1

// NewGroups prepares the search.
func NewGroups(tasks []*Task) *Groups {
	return &Groups{tasks: tasks, order: make([]int, len(tasks)), low: make([]int, len(tasks)), onPath: make([]bool, len(tasks))}
}

// Among returns the groups that these tasks make without all others. The first call must be for all tasks. Its time grows
// with the number of the tasks and of those that they wait for.
func (g *Groups) Among(tasks []int) [][]int {
	g.found = nil
	for _, task := range tasks {
		g.order[task] = unseen
	}
	for _, start := range tasks {
		if g.order[start] == unseen {
			g.search(start)
		}
	}
	return g.found
}

func (g *Groups) enter(task int) {
	g.order[task], g.low[task] = g.seen, g.seen
	g.seen++
	g.path, g.onPath[task] = append(g.path, task), true
	g.stack = append(g.stack, visit{task: task})
}

func (g *Groups) search(start int) {
	for g.enter(start); len(g.stack) > 0; {
		top := &g.stack[len(g.stack)-1]
		task := top.task
		if top.next < len(g.tasks[task].Waits) {
			other := g.tasks[task].Waits[top.next]
			top.next++
			if g.order[other] == unseen {
				g.enter(other)
			} else if g.onPath[other] {
				g.low[task] = min(g.low[task], g.order[other])
			}
			continue
		}
		g.stack = g.stack[:len(g.stack)-1]
		if len(g.stack) > 0 {
			parent := g.stack[len(g.stack)-1].task
			g.low[parent] = min(g.low[parent], g.low[task])
		}
		if g.low[task] == g.order[task] {
			g.leave(task)
		}
	}
}

// leave takes a group off the path: all from its first task on.
func (g *Groups) leave(first int) {
	at := len(g.path) - 1
	for g.path[at] != first {
		at--
	}
	group := slices.Clone(g.path[at:])
	g.path = g.path[:at]
	for _, member := range group {
		g.onPath[member] = false
	}
	if len(group) > 1 {
		g.found = append(g.found, group)
	}
}
