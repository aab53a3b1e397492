package interpreter_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gleitzeit/gleitzeit/interpreter/definition"
)

// FuzzCompile: whatever the text, there is a plan that hangs together or there are mistakes with places, never both.
func FuzzCompile(f *testing.F) {
	paths, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, found := compile(text)
		if (p == nil) != (len(found) > 0) {
			t.Fatalf("plan %v with %d mistakes", p, len(found))
		}
		lines := 1 + bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r"))
		for i, one := range found {
			if one.Line < 1 || one.Line > lines || one.Column < 1 || one.Column > len(text)+1 || one.Message == "" || one.Rule == "" {
				t.Errorf("a mistake without a place in the file: %+v", one)
			}
			if i > 0 && !inOrder(found[i-1], one) {
				t.Errorf("out of order: %s after %s", one, found[i-1])
			}
		}
		if p == nil {
			return
		}
		ids := map[string]bool{}
		for _, task := range p.Tasks {
			if ids[task.ID] {
				t.Errorf("two tasks %q", task.ID)
			}
			ids[task.ID] = true
		}
		for _, task := range p.Tasks {
			for _, use := range task.Uses {
				if use.Task != "" && !slices.Contains(task.After, use.Task) {
					t.Errorf("task %q uses %q and does not wait for it", task.ID, use.Task)
				}
			}
			for _, other := range slices.Concat(task.After, task.Dependencies) {
				if !ids[other] || other == task.ID {
					t.Errorf("task %q waits for %q", task.ID, other)
				}
			}
			if task.Timeout <= 0 || task.Method == "" {
				t.Errorf("task without a timeout or a method: %+v", task)
			}
		}
		if again, _ := compile(text); !bytes.Equal(shown(t, p), shown(t, again)) {
			t.Error("another plan the second time")
		}
	})
}

func inOrder(a, b definition.Diagnostic) bool {
	if a.Line != b.Line {
		return a.Line < b.Line
	}
	if a.Column != b.Column {
		return a.Column < b.Column
	}
	return a.Rule <= b.Rule
}
