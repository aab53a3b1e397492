package docs_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// block is a fenced block of a page.
type block struct {
	language string
	line     int // Of its first line within the fences, from 0.
	lines    []string
}

func blocksOf(lines []string) []block {
	var blocks []block
	inside := false
	for i, line := range lines {
		switch language, fence := strings.CutPrefix(line, "```"); {
		case fence && inside:
			inside = false
		case fence:
			inside = true
			blocks = append(blocks, block{language: language, line: i + 1})
		case inside:
			last := &blocks[len(blocks)-1]
			last.lines = append(last.lines, line)
		}
	}
	return blocks
}

// file returns the name of the file that a block is: as its first line says, or after the language, as in "csv rows.csv".
func (b block) file() (string, bool) {
	if _, name, named := strings.Cut(b.language, " "); named {
		return name, true
	}
	if len(b.lines) == 0 {
		return "", false
	}
	return strings.CutPrefix(b.lines[0], "# file: ")
}

// step is a command with the lines that it shows.
type step struct {
	command string
	line    int // Of the command in the page, from 0.
	want    []string
}

func (b block) steps() []step {
	var steps []step
	for i, line := range b.lines {
		if command, typed := strings.CutPrefix(line, "$ "); typed {
			steps = append(steps, step{command: command, line: b.line + i})
		} else if len(steps) > 0 {
			last := &steps[len(steps)-1]
			last.want = append(last.want, line)
		}
	}
	return steps
}

// signal is the place of the line that sends a signal, -1 without one.
func (s step) signal() int {
	return slices.IndexFunc(s.want, func(line string) bool { return signals[line] != 0 })
}

// play writes the files and types the commands of a page, from its top to its end.
func play(t *testing.T, path string, d *desk) {
	lines := strings.Split(strings.TrimSuffix(programtest.Read(t, path), "\n"), "\n")
	fresh, from := []string{}, 0
	for _, b := range blocksOf(lines) {
		if name, isFile := b.file(); isFile {
			d.write(t, name, strings.Join(b.lines, "\n")+"\n")
		}
		if b.language != "console" {
			continue
		}
		steps := b.steps()
		if len(steps) == 0 {
			t.Errorf("%s:%d: a console block without a command", path, b.line)
		}
		for _, s := range steps {
			seen := d.typed(t, s)
			got, want := normal(seen), normal(s.want)
			if !slices.Equal(got, want) {
				t.Errorf("%s:%d: $ %s\nshows\n%s\nthe page has\n%s", path, s.line+1, s.command, strings.Join(got, "\n"), strings.Join(want, "\n"))
			} else {
				seen = s.want // Only what differs is replaced.
			}
			fresh = append(append(fresh, lines[from:s.line+1]...), seen...)
			from = s.line + 1 + len(s.want)
		}
	}
	if !*update {
		return
	}
	text := strings.Join(append(fresh, lines[from:]...), "\n") + "\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Error(err)
	}
}
