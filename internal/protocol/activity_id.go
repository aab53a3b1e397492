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

// ParseActivityID splits an activity id into task and item, which is NoItem for a whole task.
func ParseActivityID(id string) (task string, item int) {
	task, rest, isItem := strings.Cut(id, "[")
	index, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	if !isItem || err != nil {
		return id, NoItem
	}
	return task, index
}
