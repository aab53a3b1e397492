package stories_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// gated waits in its first task until its folder has a file "go", and says where and in which environment it ran.
const gated = `
name: Gated
tasks:
  - id: wait
    method: python/execute
    parameters:
      code: |
        import os, time
        open("waiting", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
        result = os.path.basename(os.getcwd())
  - id: who
    method: python/execute
    dependencies: [wait]
    parameters:
      file: who.py
      context: {name: "${env.NAME}"}
outputs: {who: "${who.result}"}
`

const who = `result = context["wait"]["result"] + " is " + " ".join(context["name"])`

// neighbour is one of two runs in one home: a folder of its own, and an environment.
type neighbour struct {
	*user
	environment []string
}

// neighbours share a home and nothing else.
func neighbours(t *testing.T) (first, second *neighbour) {
	t.Helper()
	u := newUser(t)
	for _, name := range []string{"first", "second"} {
		n := &neighbour{&user{&programtest.User{T: t, Home: u.Home, Work: filepath.Join(u.Work, name)}}, []string{"NAME=" + strings.ToUpper(name)}}
		n.File("flow.yaml", gated)
		n.File("who.py", who)
		if first == nil {
			first = n
		} else {
			second = n
		}
	}
	return first, second
}

// begins starts the command and waits until the first task runs.
func (n *neighbour) begins() *process {
	n.T.Helper()
	p := n.StartIn(n.Work, n.environment, "run", "flow.yaml")
	eventually(n.T, "the first task runs", func() bool { return exists(n.Path("waiting")) })
	return p
}

func (n *neighbour) open() { n.File("go", "") }

// wantResult wants the result of the folder's own run.
func (n *neighbour) wantResult(p *process) {
	n.T.Helper()
	p.Exits(0)
	want := map[string]string{"first": "who: first is F I R S T\n", "second": "who: second is S E C O N D\n"}[filepath.Base(n.Work)]
	if p.Stdout.String() != want {
		n.T.Errorf("the result is %q, want %q", p.Stdout, want)
	}
}

func TestTwoRunsInOneHome(t *testing.T) {
	t.Parallel()
	t.Run("side by side", func(t *testing.T) {
		t.Parallel()
		first, second := neighbours(t)
		a, b := first.begins(), second.begins()
		listed, said := first.Gleitzeit(0, "list")
		if strings.Count(listed, "running") != 2 || strings.Contains(said, "no server runs") {
			t.Errorf("list shows\n%s%s", listed, said)
		}
		second.open()
		second.wantResult(b)
		first.open()
		first.wantResult(a)
	})
	t.Run("the engine's holder exits", func(t *testing.T) {
		t.Parallel()
		first, second := neighbours(t)
		a := first.begins()
		b := second.begins()
		first.open()
		first.wantResult(a)
		gone := time.Now()
		second.open()
		second.wantResult(b)
		withinPromise(t, gone)
	})
	t.Run("the engine's holder is killed", func(t *testing.T) {
		t.Parallel()
		first, second := neighbours(t)
		a := first.begins()
		b := second.begins()
		a.Kill()
		gone := time.Now()
		second.open()
		second.wantResult(b)
		withinPromise(t, gone)
		// No other process has done the work of the killed one: its folder and its environment are different.
		listed, _ := first.Gleitzeit(0, "list")
		if strings.Count(listed, "interrupted") != 1 || strings.Count(listed, "completed") != 1 {
			t.Errorf("list shows\n%s", listed)
		}
		first.open()
		again := first.StartIn(first.Work, first.environment, "run", "flow.yaml")
		first.wantResult(again)
		wantLines(t, "stderr", again.Stderr.String(), "resumed run "+between(a.Stderr.String(), "run ", "\n")+"\n")
	})
	t.Run("the other one is killed", func(t *testing.T) {
		t.Parallel()
		first, second := neighbours(t)
		a := first.begins()
		b := second.begins()
		b.Kill()
		second.open()
		again := second.StartIn(second.Work, second.environment, "run", "flow.yaml")
		second.wantResult(again)
		wantLines(t, "stderr", again.Stderr.String(), "resumed run "+between(b.Stderr.String(), "run ", "\n")+"\n")
		first.open()
		first.wantResult(a)
	})
}

func withinPromise(t *testing.T, since time.Time) {
	t.Helper()
	if took := time.Since(since); took > promise {
		t.Errorf("it took %s until the run had ended, and work must continue within %s", took, promise)
	}
}
