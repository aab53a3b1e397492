package docs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/glob"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/secretsource"
	tables "github.com/gleitzeit/gleitzeit/internal/table"
	"github.com/gleitzeit/gleitzeit/internal/value"
	"github.com/gleitzeit/gleitzeit/internal/workbook"
	"github.com/gleitzeit/gleitzeit/interpreter/condition"
	"github.com/gleitzeit/gleitzeit/interpreter/definition"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
	"github.com/gleitzeit/gleitzeit/interpreter/resolve"
)

func TestThePageOfLimitsHasTheLimitsOfTheProgram(t *testing.T) {
	page := programtest.Read(t, "limits.md")
	for _, limit := range []struct{ what, is string }{
		{"size of the file", binary(definition.MaxSize)},
		{"tasks", count(definition.MaxTasks)},
		{"characters of an id or a name of a run", count(definition.MaxID)},
		{"size of one text", binary(definition.MaxText)},
		{"lists and mappings within each other", count(definition.MaxDepth)},
		{"commas, colons, brackets, dashes and lines", count(definition.MaxMarks)},
		{"text that `defaults` add to all tasks", binary(resolve.MaxDefaultText)},
		{"diagnostics that are shown", count(definition.MaxDiagnostics)},
		{"steps of an item", count(definition.MaxSteps)},
		{"items of a task with `workflow`", count(plan.MaxNestedItems)},
		{"tasks and items in flight", count(definition.MaxParallel)},
		{"attempts of a task", count(definition.MaxAttempts)},
		{"rounds of `repeat`", count(definition.MaxRounds)},
		{"workers that a task may lose", count(protocol.MaxLostWorkers)},
		{"results of a task in one piece", count(plan.MaxItems) + " items"},
		{"a value: a result, a parameter, an input", binary(protocol.MaxValue)},
		{"a value that Temporal's history has itself", binary(protocol.MaxInline)},
		{"a list that a script gets as a `list`", binary(protocol.MaxPlainList)},
		{"objects and lists within each other", count(value.MaxDepth)},
		{"a row of a table", binary(tables.MaxRow)},
		{"a secret", binary(secretsource.MaxSize)},
		{"size of a condition", binary(condition.MaxText)},
		{"operators and values of a condition", count(condition.MaxNodes)},
		{"elements of lists that a condition looks at", count(condition.MaxSteps)},
		{"bytes of a file pattern", count(glob.MaxLength)},
		{"alternatives of a file pattern", count(glob.MaxAlternatives)},
		{"rounds of `llm/reduce`", count(protocol.MaxReduceRounds)},
		{"rows of a sheet", count(workbook.MaxRows)},
		{"characters of a cell of a sheet", count(workbook.MaxText)},
		{"sheets of a workbook that is read", count(workbook.MaxSheets)},
	} {
		if row := fmt.Sprintf("| %s | %s | ", limit.what, limit.is); !strings.Contains(page, row) {
			t.Errorf("docs/limits.md does not have %q", row)
		}
	}
}

// binary is a number of bytes as people write it.
func binary(n int) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// count is a number with commas between thousands.
func count(n int) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}
