package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

// No line is wider than the terminal, no word is broken, and a line that is whole or piped stays as it is.
func TestWrap(t *testing.T) {
	const line = "    - batch  llm/chat  cancelled  12.4 s  12 of 30 files, 18 skipped  the run was cancelled, and お茶を飲む時間です is a word\n"
	const text = "run  Docs  cancelled\n" + line + "    `gleitzeit batch show r --failed` lists all 18\n"
	want(t, "piped", Wrap(text, 0), text)
	want(t, "at 80", Wrap(text, 80), "run  Docs  cancelled\n"+
		"    - batch  llm/chat  cancelled  12.4 s  12 of 30 files, 18 skipped  the run\n"+
		"      was cancelled, and お茶を飲む時間です is a word\n    `gleitzeit batch show r --failed` lists all 18\n")
	want(t, "at 40", Wrap(text, 40), "run  Docs  cancelled\n"+
		"    - batch  llm/chat  cancelled  12.4 s\n      12 of 30 files, 18 skipped  the\n      run was cancelled, and\n      お茶を飲む時間です is a word\n"+
		"    `gleitzeit batch show r --failed`\n      lists all 18\n")
	for width := 20; width < 130; width++ {
		wrapped := Wrap(text, width)
		for row := range strings.Lines(wrapped) {
			if runewidth.StringWidth(strings.TrimSuffix(row, "\n")) > max(width, 24) {
				t.Errorf("at %d: %q", width, row)
			}
		}
		if got, whole := strings.Fields(wrapped), strings.Fields(text); fmt.Sprint(got) != fmt.Sprint(whole) {
			t.Errorf("at %d: %s", width, wrapped)
		}
	}
	const commands = "`gleitzeit batch show many-errors-332c8499 --failed` lists all; `gleitzeit batch export many-errors-332c8499`\n"
	want(t, "commands at 60", Wrap(commands, 60), "`gleitzeit batch show many-errors-332c8499 --failed` lists\n  all; `gleitzeit batch export many-errors-332c8499`\n")
	want(t, "commands at 40", Wrap(commands, 40), "`gleitzeit batch show\n  many-errors-332c8499 --failed` lists\n  all; `gleitzeit batch export\n  many-errors-332c8499`\n")
	for _, same := range []string{"", "\n", "x", "`", strings.Repeat("x", 100), "a\n\nb\n"} {
		want(t, "text", Wrap(same, 40), same)
	}
	want(t, "an open quote", Wrap("one `two three four", 10), "one `two\n  three\n  four")
}

// A table is no wider than the terminal: names are cut, then columns are left out.
func TestFitTable(t *testing.T) {
	rows := func() [][]string {
		return [][]string{
			{"RUN", "WORKFLOW", "TASK", "STATUS", "STARTED", "ITEMS"},
			{"batch-documents-4a98e616", "Batch documents and more of them", "batch", "completed", "2026-01-02 12:00:00", "10 of 12 files, 2 failed"},
			{"b-1", "お茶を飲む時間です", "a-task-with-a-long-name", "running", "2026-01-02 12:00:00", "1 of 1 file"},
		}
	}
	for width, wanted := range map[int]string{
		0:   Table(rows()),
		150: Table(rows()),
		110: "RUN                       WORKFLOW  TASK              STATUS     STARTED              ITEMS\n" +
			"batch-documents-4a98e616  Batch d…  batch             completed  2026-01-02 12:00:00  10 of 12 files, 2 failed\n" +
			"b-1                       お茶を…   a-task-with-a-l…  running    2026-01-02 12:00:00  1 of 1 file\n",
		80: "RUN                       TASK               STATUS     ITEMS\nbatch-documents-4a98e616  batch              completed  10 of 12 files, 2 failed\n" +
			"b-1                       a-task-with-a-lo…  running    1 of 1 file\n",
		40: "RUN                       ITEMS\nbatch-documents-4a98e616  10 of 12 file…\nb-1                       1 of 1 file\n",
		24: "RUN             ITEMS\nbatch-documen…  10 of 1…\nb-1             1 of 1 …\n",
	} {
		got := Table(FitTable(rows(), width, []int{1, 2}, []int{4, 1, 2, 3}))
		if width > 0 {
			for row := range strings.Lines(got) {
				if runewidth.StringWidth(strings.TrimSuffix(row, "\n")) > width {
					t.Errorf("at %d: %q", width, row)
				}
			}
		}
		want(t, fmt.Sprint("at ", width), got, wanted)
	}
}
