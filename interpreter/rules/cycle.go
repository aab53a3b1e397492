package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// cycle: circular dependencies, by dependencies or by references. Of each group of tasks that depend on one another it
// reports the shortest cycle through its first task in the file, `a -> b` for "a depends on b"; then those that the rest of
// the group has without the tasks of that cycle.
func cycle(c *Context) {
	for _, task := range c.Tasks {
		if task.Nested != nil && len(task.Nested.Circle) > 0 {
			c.report(task.Workflow.Position, "circular dependency of workflows: "+strings.Join(task.Nested.Circle, " -> "), "")
		}
	}
	all := make([]int, len(c.Tasks))
	for i := range all {
		all[i] = i
	}
	search := resolve.NewGroups(c.Tasks)
	for _, group := range search.Among(all) {
		for count, within := 0, [][]int{group}; len(within) > 0 && count < maxCycles; count++ {
			group, within = within[0], within[1:]
			circle := shortestCycle(c, slices.Min(group), group)
			reportCycle(c, circle)
			reported := map[int]bool{}
			for _, task := range circle {
				reported[task] = true
			}
			rest := slices.DeleteFunc(group, func(task int) bool { return reported[task] })
			within = append(within, search.Among(rest)...)
		}
	}
}

// maxCycles is how many cycles of one group are reported: finding each takes a search of the whole group.
const maxCycles = 10

func reportCycle(c *Context, circle []int) {
	words := make([]string, len(circle))
	for i, task := range circle {
		words[i] = c.Tasks[task].ID
	}
	const most = 20
	if len(words) > most {
		words = slices.Concat(words[:most/2], []string{"…"}, words[len(words)-most/2:])
	}
	at, hint := cycleHint(c, circle)
	c.report(at, "circular dependency: "+strings.Join(words, " -> "), hint)
}

// cycleHint names the first task of a cycle that depends on the next one because of the defaults alone, or, of a short one, why each task
// waits for the next one. The place is that of the first reason, if it is known.
func cycleHint(c *Context, circle []int) (at definition.Position, hint string) {
	at = c.Tasks[circle[0]].Place()
	for i, task := range circle[1:] {
		if given, is := c.WaitsByDefault(c.Tasks[circle[i]], task); is {
			return at, fmt.Sprintf("%s depends on %q because of the defaults in line %d; give it that parameter in the task", c.Tasks[circle[i]].Label(), c.Tasks[task].ID, given.Line)
		}
	}
	const most = 3
	var reasons []string
	for i, task := range circle[1:] {
		place, reason := whyWaits(c, c.Tasks[circle[i]], task)
		if reason == "" || len(circle) > most+1 {
			return at, "remove one of these references or dependencies"
		}
		if i == 0 {
			at = place
		} else if place.Line != at.Line {
			reason += fmt.Sprintf(" (line %d)", place.Line)
		}
		reasons = append(reasons, fmt.Sprintf("%s waits for %s because of %s", c.Tasks[circle[i]].ID, c.Tasks[task].ID, reason))
	}
	return at, resolve.JoinWords(reasons, "and") + ": remove one of these"
}

// whyWaits returns the first reference or dependency that makes a task wait for another one, and its place.
func whyWaits(c *Context, task *resolve.Task, other int) (at definition.Position, reason string) {
	for _, word := range task.Dependencies {
		if named, _ := c.Names.Lookup(word.Written); named == other {
			return word.Position, "its dependencies"
		}
	}
	for _, text := range slices.Concat(task.Texts, task.EachTexts, task.WhenTexts) {
		for _, ref := range text.References {
			if named, _ := c.Names.Lookup(ref.Head); named == other {
				return c.Definition.Locate(text.Node).At(ref.Offset), shown(ref)
			}
		}
	}
	return at, ""
}

// shortestCycle returns the shortest way from a task of a group back to itself, by breadth first in the file's order.
func shortestCycle(c *Context, start int, group []int) []int {
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
