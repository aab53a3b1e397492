package rules

import (
	"fmt"
	"slices"
	"strings"
)

// cycle: tasks that wait for one another in a circle, by dependencies or by references. Each group of tasks that wait for
// one another is told of once: by the shortest circle through its first task in the file, `a -> b` for "a waits for b".
func cycle(c *Context) {
	for _, group := range c.groups() {
		first := slices.Min(group)
		circle := c.circle(first, group)
		words := make([]string, len(circle))
		for i, task := range circle {
			words[i] = c.Tasks[task].ID
		}
		const most = 20
		if len(words) > most {
			words = slices.Concat(words[:most/2], []string{"…"}, words[len(words)-most/2:])
		}
		c.report(c.Tasks[first].place(), "tasks wait for one another in a circle: "+strings.Join(words, " -> "), c.whyCircle(circle))
	}
}

// whyCircle names the first of the tasks in a circle that waits for the next one because of the defaults alone.
func (c *Context) whyCircle(circle []int) string {
	for i, task := range circle[1:] {
		if at, is := c.byDefault(c.Tasks[circle[i]], task); is {
			return fmt.Sprintf("%s waits for %q by the defaults, in line %d: it needs that parameter itself", c.Tasks[circle[i]].label(), c.Tasks[task].ID, at.Line)
		}
	}
	return ""
}

// groups returns the sets of two or more tasks of which each waits for each, directly or not (Tarjan's strongly connected
// components). The stack is our own: a chain of tasks may be as long as the file.
func (c *Context) groups() [][]int {
	const unseen = -1
	count := len(c.Tasks)
	order, low, onPath := make([]int, count), make([]int, count), make([]bool, count)
	for i := range order {
		order[i] = unseen
	}
	type visit struct{ task, next int }
	var path []int
	var stack []visit
	var groups [][]int
	seen := 0
	enter := func(task int) {
		order[task], low[task] = seen, seen
		seen++
		path, onPath[task] = append(path, task), true
		stack = append(stack, visit{task: task})
	}
	for start := range count {
		if order[start] != unseen {
			continue
		}
		for enter(start); len(stack) > 0; {
			top := &stack[len(stack)-1]
			task := top.task
			if top.next < len(c.Tasks[task].Waits) {
				other := c.Tasks[task].Waits[top.next]
				top.next++
				if order[other] == unseen {
					enter(other)
				} else if onPath[other] {
					low[task] = min(low[task], order[other])
				}
				continue
			}
			stack = stack[:len(stack)-1]
			if len(stack) > 0 {
				parent := stack[len(stack)-1].task
				low[parent] = min(low[parent], low[task])
			}
			if low[task] != order[task] {
				continue
			}
			at := len(path) - 1
			for path[at] != task {
				at--
			}
			group := slices.Clone(path[at:])
			path = path[:at]
			for _, member := range group {
				onPath[member] = false
			}
			if len(group) > 1 {
				groups = append(groups, group)
			}
		}
	}
	return groups
}

// circle returns the shortest way from a task of a group back to itself, by breadth first in the file's order.
func (c *Context) circle(start int, group []int) []int {
	inGroup := make(map[int]bool, len(group))
	for _, member := range group {
		inGroup[member] = true
	}
	from := map[int]int{}
	queue := []int{start}
	for len(queue) > 0 {
		task := queue[0]
		queue = queue[1:]
		for _, other := range c.Tasks[task].Waits {
			if other == start {
				circle := []int{start}
				for ; task != start; task = from[task] {
					circle = append(circle, task)
				}
				circle = append(circle, start)
				slices.Reverse(circle)
				return circle
			}
			if _, reached := from[other]; !reached && inGroup[other] {
				from[other] = task
				queue = append(queue, other)
			}
		}
	}
	return []int{start}
}
