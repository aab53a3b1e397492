package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
)

// longRun is a run id as long as one may be.
const longRun = "a-rather-long-name-of-a-slow-workflow-with-4a98e616"

// A table is no wider than the terminal. Ids and statuses are whole at any width: a long id stands above its row.
func TestFitTable(t *testing.T) {
	rows := [][]string{
		{"RUN", "WORKFLOW", "STATUS", "STARTED", "DURATION"},
		{longRun, "A rather long name of a slow workflow", "interrupted", "2026-01-02 12:00:00", ""},
		{"b-1", "お茶を飲む時間です", "completed", "2026-01-02 12:00:00", "12 s"},
	}
	shape := Shape{Cut: []int{1}, Drop: []int{1, 4, 3}}
	for width, wanted := range map[int]string{
		0:   Table(rows),
		150: Table(rows),
		105: "RUN                                                  WORKFLOW  STATUS       STARTED              DURATION\n" +
			longRun + "  A rathe…  interrupted  2026-01-02 12:00:00  \n" +
			"b-1                                                  お茶を…   completed    2026-01-02 12:00:00  12 s\n",
		80: "RUN  WORKFLOW                         STATUS       STARTED              DURATION\n" +
			longRun + "\n     A rather long name of a slow w…  interrupted  2026-01-02 12:00:00  \n" +
			"b-1  お茶を飲む時間です               completed    2026-01-02 12:00:00  12 s\n",
		40: "RUN  STATUS       STARTED\n" + longRun + "\n     interrupted  2026-01-02 12:00:00\nb-1  completed    2026-01-02 12:00:00\n",
		24: "RUN  STATUS\n" + longRun + "\n     interrupted\nb-1  completed\n",
		10: "RUN\n  STATUS\n" + longRun + "\n  interrupted\nb-1\n  completed\n",
	} {
		want(t, fmt.Sprint("at ", width), FitTable(rows, width, shape), wanted)
	}
	for width := 16; width < 200; width++ {
		table := FitTable(rows, width, shape)
		for line := range strings.Lines(table) {
			if line = strings.TrimRight(line, " \n"); runewidth.StringWidth(line) > width && line != longRun {
				t.Errorf("at %d: %q", width, line)
			}
		}
		for _, whole := range []string{longRun, "b-1", "interrupted", "completed"} {
			if !strings.Contains(table, whole) {
				t.Errorf("at %d: %q is missing in\n%s", width, whole, table)
			}
		}
	}
}

// A row that is too wide follows as text, and the others stay in their columns.
func TestFitTableUnfolds(t *testing.T) {
	rows := [][]string{
		{"SETTING", "VALUE", "FROM"}, {"python.grace", "5s", "default"},
		{"roots", "/srv/documents/of/the/house, /srv/documents/of/the/town", "config.yaml:3"}, {"home", "/home/you", "GLEITZEIT_HOME"},
	}
	want(t, "at 50", FitTable(rows, 50, Shape{}), "SETTING       VALUE      FROM\npython.grace  5s         default\n"+
		"roots\n  /srv/documents/of/the/house,\n  /srv/documents/of/the/town  config.yaml:3\n"+"home          /home/you  GLEITZEIT_HOME\n")
	for width := 1; width < 30; width++ {
		if got, all := strings.Fields(FitTable(rows, width, Shape{})), strings.Fields(Table(rows)); fmt.Sprint(got) != fmt.Sprint(all) {
			t.Errorf("at %d: %v", width, got)
		}
	}
}

// Text in the last column is broken between words and stays in it, with a half of the width at least.
func TestFitTableText(t *testing.T) {
	rows := [][]string{
		{"✓ python", "3.11"}, {"✗ ollama http://127.0.0.1:11434", "cannot be reached: connection refused"}, {"", "→ start it with `ollama serve`, or set OLLAMA_HOST"},
	}
	want(t, "at 66", FitTable(rows, 66, Shape{Text: true}), "✓ python                         3.11\n"+
		"✗ ollama http://127.0.0.1:11434  cannot be reached: connection\n                                 refused\n"+
		"                                 → start it with `ollama serve`,\n                                   or set OLLAMA_HOST\n")
	want(t, "at 40", FitTable(rows, 40, Shape{Text: true}), "✓ python  3.11\n✗ ollama http://127.0.0.1:11434\n"+
		"          cannot be reached: connection\n          refused\n"+
		"          → start it with\n            `ollama serve`, or set\n            OLLAMA_HOST\n")
}

// A path that is wider than its column begins a row of its own.
func TestFitTableLongWord(t *testing.T) {
	rows := [][]string{{"✓ python", "3.11 at /root/.local/versions/3.11.7/bin/python3"}, {"✓ clock", "right"}, {"", "→ /srv/a/path/that/is/long/as/well"}}
	want(t, "at 40", FitTable(rows, 40, Shape{Text: true}), "✓ python\n  3.11 at\n  /root/.local/versions/3.11.7/bin/python3\n✓ clock   right\n  → /srv/a/path/that/is/long/as/well\n")
}

// A first column that is cut is not put above its row: rows of a terminal that are drawn again fit.
func TestFitTableCutsTheFirst(t *testing.T) {
	rows := [][]string{{"TASK", "DONE", "RATE"}, {"a-task-with-a-long-name", "12/100", "2.0/s"}}
	want(t, "at 25", FitTable(rows, 25, Shape{Cut: []int{0}, Drop: []int{2}}), "TASK        DONE    RATE\na-task-wi…  12/100  2.0/s\n")
	want(t, "at 18", FitTable(rows, 18, Shape{Cut: []int{0}, Drop: []int{2}}), "TASK        DONE\na-task-wi…  12/100\n")
}

func TestTable(t *testing.T) {
	got := Table([][]string{{"RUN", "NAME", "STATUS"}, {"a-1", "お茶", "ok"}, {"long-name", "é", ""}})
	want := "RUN        NAME  STATUS\n" +
		"a-1        お茶  ok\n" +
		"long-name  é     \n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
