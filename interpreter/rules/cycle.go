package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

// cycle: tasks that wait for one another in a circle, by dependencies or by references. Of each group of tasks that wait
// for one another it tells the shortest circle through its first task in the file, `a -> b` for "a waits for b"; then
// those that the others of the group make without the tasks of that circle.
func cycle(c *Context) {
	all := make([]int, len(c.Tasks))
	for i := range all {
		all[i] = i
	}
	search := resolve.NewGroups(c.Tasks)
	for _, group := range search.Among(all) {
		for count, within := 0, [][]int{group}; len(within) > 0 && count < mostOfGroup; count++ {
			group, within = within[0], within[1:]
			circle := circle(c, slices.Min(group), group)
			reportCircle(c, circle)
			told := map[int]bool{}
			for _, task := range circle {
				told[task] = true
			}
			rest := slices.DeleteFunc(group, func(task int) bool { return told[task] })
			within = append(within, search.Among(rest)...)
		}
	}
}

// mostOfGroup is how many circles of one group are told: to find each takes a look at the whole group.
const mostOfGroup = 10

func reportCircle(c *Context, circle []int) {
	words := make([]string, len(circle))
	for i, task := range circle {
		words[i] = c.Tasks[task].ID
	}
	const most = 20
	if len(words) > most {
		words = slices.Concat(words[:most/2], []string{"…"}, words[len(words)-most/2:])
	}
	c.report(c.Tasks[circle[0]].Place(), "circular dependency: "+strings.Join(words, " -> "), whyCircle(c, circle))
}

// whyCircle names the first of the tasks in a circle that waits for the next one because of the defaults alone.
func whyCircle(c *Context, circle []int) string {
	for i, task := range circle[1:] {
		if at, is := c.WaitsByDefault(c.Tasks[circle[i]], task); is {
			return fmt.Sprintf("%s depends on %q because of the defaults in line %d; give it that parameter in the task", c.Tasks[circle[i]].Label(), c.Tasks[task].ID, at.Line)
		}
	}
	return ""
}

// circle returns the shortest way from a task of a group back to itself, by breadth first in the file's order.
func circle(c *Context, start int, group []int) []int {
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
