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

// Rows keep what each of them begins with, and the text all of its words.
func TestRows(t *testing.T) {
	const said = "Ask the whole house what it thinks of お茶を飲む時間です"
	for width, wanted := range map[int]string{
		80: "    | " + said,
		40: "    | Ask the whole house what it thinks\n    | of お茶を飲む時間です",
		20: "    | Ask the whole\n    | house what it\n    | thinks of\n    | お茶を飲む時間です",
	} {
		want(t, fmt.Sprint("at ", width), strings.Join(Rows("    | ", said, "    | ", width), "\n"), wanted)
	}
	want(t, "a mark", Wrap("✓ indivisible  python/execute  completed  12.4 s, 1 attempt\n", 12), "✓ indivisible\n  python/execute\n  completed\n  12.4 s, 1\n  attempt\n")
	want(t, "carets", Wrap("    raise ValueError(1)\n"+"          ^^^^^^^^^^^^^\n", 16), "    raise\n      ValueError(1)\n          ^^^^^^\n")
	want(t, "a mark alone", Wrap("✓ indivisible  x\n", 14), "✓ indivisible\n  x\n")
	want(t, "a long word", strings.Join(Rows("  | ", "indivisible", "  | ", 8), "\n"), "  | indivisible")
}
