package protocol

import (
	"fmt"
	"strconv"
	"strings"
)

// NoItem stands where the index of an item could, for a whole task or run.
const NoItem = -1

// FormatActivityID returns the Temporal activity id of a task (`sum`) or of one of its items (`files[17]`). With item
// NoItem it is the task's. Ids of tasks contain no bracket.
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

// FormatStepID returns what stands for the task in the activity ids of a step of its items: `files.judge`. Ids of tasks have no dot.
func FormatStepID(task, step string) string { return task + "." + step }

// cutStep removes the step from what stands for a task in an activity id.
func cutStep(task string) string {
	if at := strings.LastIndexByte(task, '.'); at > strings.LastIndexByte(task, '/') {
		return task[:at]
	}
	return task
}

// roundOf is what stands in the brackets of the activity id of a round, before its number.
const roundOf = "round "

// FormatRoundID returns the activity id of the grouping of a round: `report[round 2]`.
func FormatRoundID(task string, round int) string {
	return fmt.Sprintf("%s[%s%d]", task, roundOf, round)
}

// IsRoundID reports whether an activity id is that of the grouping of a round.
func IsRoundID(id string) bool {
	_, rest, _ := cutItem(id)
	return strings.HasPrefix(rest, roundOf)
}

// ParseUnitID splits the activity id of a unit, of items or of a step of them.
func ParseUnitID(id string) (task string, first, last int, isUnit bool) {
	task, rest, _ := cutItem(id)
	task = cutStep(task)
	from, to, isUnit := strings.Cut(strings.TrimSuffix(rest, "]"), "-")
	first, err := strconv.Atoi(from)
	last, err2 := strconv.Atoi(to)
	return task, first, last, isUnit && err == nil && err2 == nil
}

// cutItem cuts an id before the last bracket: that of a task of a workflow which an item runs has others.
func cutItem(id string) (task, rest string, found bool) {
	at := strings.LastIndex(id, "[")
	if at < 0 {
		return id, "", false
	}
	return id[:at], id[at+1:], true
}

// ParseActivityID splits an activity id into task and item, which is NoItem for a whole task, for a unit and for a round. It leaves out
// the step.
func ParseActivityID(id string) (task string, item int) {
	if task, _, _, isUnit := ParseUnitID(id); isUnit {
		return task, NoItem
	}
	task, rest, isItem := cutItem(id)
	if IsRoundID(id) {
		return task, NoItem
	}
	index, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	if !isItem || err != nil {
		return id, NoItem
	}
	return cutStep(task), index
}
