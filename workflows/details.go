package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// mostRows is how many tasks the table in the Web UI shows: it is made anew whenever something ends.
const mostRows = 100

// describe keeps the run's current details, which the Web UI shows and no event records: a table of its tasks.
func (r *run) describe(ctx workflow.Context) {
	rows := min(len(r.plan.Tasks), mostRows)
	if r.rows == nil {
		r.rows = make([]string, rows)
		for i := range r.rows {
			r.rows[i] = "| " + r.plan.Tasks[i].ID + " | " + r.plan.Tasks[i].Method + " | "
		}
	}
	var table strings.Builder
	table.Grow(rows * 64)
	table.WriteString("| task | method | status | attempts |\n| --- | --- | --- | --- |\n")
	for i := range r.rows {
		outcome := r.progress.Outcome(i)
		table.WriteString(r.rows[i])
		table.WriteString(string(outcome.Status))
		table.WriteString(" | ")
		r.countOf(&table, i, outcome)
		table.WriteString(" |\n")
	}
	if more := len(r.plan.Tasks) - rows; more > 0 {
		fmt.Fprintf(&table, "\nand %d more\n", more)
	}
	workflow.SetCurrentDetails(ctx, table.String())
}

// countOf writes how often a task was tried, or how many of its items have ended.
func (r *run) countOf(table *strings.Builder, task int, outcome protocol.Outcome) {
	switch {
	case outcome.Items != nil:
		writeItems(table, outcome.Items.Total, outcome.Items.Total, outcome.Items.Failed)
	case outcome.Status == protocol.Running && r.plan.Tasks[task].FanOut != nil:
		for _, fan := range r.fans {
			if fan.task == task {
				writeItems(table, fan.ended, len(fan.outcomes), fan.failed)
			}
		}
	case outcome.Attempts > 0:
		fmt.Fprint(table, outcome.Attempts)
	}
}

func writeItems(table *strings.Builder, ended, total, failed int) {
	word := "items"
	if total == 1 {
		word = "item"
	}
	fmt.Fprintf(table, "%d of %d %s", ended, total, word)
	if failed > 0 {
		fmt.Fprintf(table, ", %d failed", failed)
	}
}
