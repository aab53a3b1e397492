package protocol

import (
	"fmt"
	"strconv"
	"strings"
)

// NoItem stands where the index of an item could, for a whole task or run.
const NoItem = -1

// FormatActivityID returns the Temporal activity id of a task (`sum`) or of one of its items (`files[17]`). With item
// NoItem it is the task's. Ids of tasks contain no bracket and no slash.
func FormatActivityID(task string, item int) string {
	if item == NoItem {
		return task
	}
	return fmt.Sprintf("%s[%d]", task, item)
}

// FormatUnitID returns the activity id of a unit of several items: `files[17-40]`.
func FormatUnitID(task string, first, last int) string {
	return fmt.Sprintf("%s[%d-%d]", task, first, last)
}

// FormatStepID returns what stands for the task in the activity ids of a step of its items: `files/judge`.
func FormatStepID(task, step string) string { return task + "/" + step }

// ParseStepID returns the step of the items that an activity id is for; empty if there is none.
func ParseStepID(id string) (step string) {
	task, _, _ := strings.Cut(id, "[")
	_, step, _ = strings.Cut(task, "/")
	return step
}

// ParseUnitID splits the activity id of a unit, of items or of a step of them.
func ParseUnitID(id string) (task string, first, last int, isUnit bool) {
	task, rest, _ := strings.Cut(id, "[")
	task, _, _ = strings.Cut(task, "/")
	from, to, isUnit := strings.Cut(strings.TrimSuffix(rest, "]"), "-")
	first, err := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	return task, first, last, isUnit && err == nil && err2 == nil
}

// ParseActivityID splits an activity id into task and item, which is NoItem for a whole task and for a unit. It leaves out the step.
func ParseActivityID(id string) (task string, item int) {
	if task, _, _, isUnit := ParseUnitID(id); isUnit {
		return task, NoItem
	}
	task, rest, isItem := strings.Cut(id, "[")
	index, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	if !isItem || err != nil {
		return id, NoItem
	}
	task, _, _ = strings.Cut(task, "/")
	return task, index
}
