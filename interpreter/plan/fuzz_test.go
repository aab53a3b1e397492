package plan

import (
	"fmt"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// FuzzProgress: whatever the graph, whatever order tasks end in and however, and wherever the run goes on in a new history,
// each task starts at most once, after what it needs, and the end is what the graph and the outcomes alone say.
func FuzzProgress(f *testing.F) {
	f.Add([]byte{3, 0, 0, 1, 1, 2, 3}, []byte{0, 0, 0, 0, 0, 0})
	f.Add([]byte{5, 1, 0, 66, 1, 3, 2, 5, 3, 8, 0}, []byte{0, 1, 2, 0, 3, 0, 1, 0})
	f.Add([]byte{16, 255, 254, 253, 252, 251, 250, 249, 248, 7, 6, 5, 4}, []byte{3, 3, 3, 0, 1, 4, 4, 2, 0, 0, 5})
	f.Fuzz(func(t *testing.T, graph, steps []byte) {
		p, ends := fuzzedPlan(graph)
		r := fuzzedRun{t: t, plan: p, ends: ends, started: make([]bool, len(p.Tasks))}
		r.progress = begin(t, p, nil)
		stopped := r.follow(steps)
		r.finish()
		if !stopped {
			r.compare()
		}
	})
}

// statuses are those that a task which ran can end with.
var statuses = []protocol.Status{protocol.Completed, protocol.Completed, protocol.Failed, protocol.TimedOut, protocol.Cancelled}

// fuzzedPlan makes a graph without cycles of bytes: for each task a byte of its priority and end, and one of the tasks
// before it that it needs.
func fuzzedPlan(graph []byte) (*Plan, []protocol.Status) {
	p, ends := &Plan{}, []protocol.Status{}
	next := func() int {
		if len(graph) == 0 {
			return 0
		}
		first := int(graph[0])
		graph = graph[1:]
		return first
	}
	for i := range next() % 24 {
		kind, needs := next(), next()
		added := task(fmt.Sprintf("t%d", i), []Priority{Urgent, High, Normal, Low}[kind%4])
		for back := range min(i, 8) {
			if needs>>back&1 == 1 {
				added.After = append(added.After, fmt.Sprintf("t%d", i-1-back))
			}
		}
		p.Tasks, ends = append(p.Tasks, added), append(ends, statuses[kind/4%len(statuses)])
	}
	return p, ends
}

type fuzzedRun struct {
	t        *testing.T
	plan     *Plan
	ends     []protocol.Status
	progress *Progress
	started  []bool
	running  []int
}

// follow does what the bytes say and tells whether the run was stopped.
func (r *fuzzedRun) follow(steps []byte) (stopped bool) {
	for _, step := range steps {
		switch step % 6 {
		case 0, 1:
			r.start()
		case 2, 3:
			r.end(int(step) / 6)
		case 4:
			r.goOn()
		case 5:
			if step > 250 {
				r.progress.Stop(protocol.Outcome{Status: protocol.Cancelled})
				return true
			}
		}
	}
	return false
}

func (r *fuzzedRun) start() {
	peeked, has := r.progress.Peek()
	i, ready := r.progress.Next()
	if ready != has || ready && i != peeked {
		r.t.Fatalf("Peek says %d, %v and Next %d, %v", peeked, has, i, ready)
	}
	if !ready {
		return
	}
	if r.started[i] {
		r.t.Fatalf("task %d starts twice", i)
	}
	r.started[i] = true
	for _, id := range r.plan.Tasks[i].After {
		if status := r.progress.OutcomeOf(id).Status; status != protocol.Completed {
			r.t.Fatalf("task %d starts although %s is %s", i, id, status)
		}
	}
	r.running = append(r.running, i)
}

func (r *fuzzedRun) end(which int) {
	if len(r.running) == 0 {
		return
	}
	at := which % len(r.running)
	i := r.running[at]
	r.running = append(r.running[:at], r.running[at+1:]...)
	r.progress.End(i, protocol.Outcome{Status: r.ends[i]})
}

// goOn carries the run into a new history.
func (r *fuzzedRun) goOn() {
	r.progress = begin(r.t, r.plan, r.progress.Carried())
	for _, i := range r.running {
		if resumed, err := r.progress.Resume(r.plan.Tasks[i].ID); err != nil || resumed != i {
			r.t.Fatalf("task %d resumes as %d: %v", i, resumed, err)
		}
	}
}

func (r *fuzzedRun) finish() {
	for !r.progress.Done() {
		r.start()
		if len(r.running) == 0 {
			r.t.Fatal("nothing runs, nothing is ready, and the run has not ended")
		}
		r.end(0)
	}
	if len(r.running) > 0 || r.progress.HasReady() {
		r.t.Fatalf("the run has ended, and %v run, ready %v", r.running, r.progress.HasReady())
	}
}

// compare works out anew how each task must have ended: those before it, in the file's order, have by then.
func (r *fuzzedRun) compare() {
	wanted := map[string]protocol.Status{}
	for i, task := range r.plan.Tasks {
		want, runs := r.ends[i], true
		for _, id := range task.After {
			if wanted[id] != protocol.Completed {
				want, runs = protocol.Skipped, false
			}
		}
		wanted[task.ID] = want
		got := r.progress.Outcome(i)
		if got.Status != want || r.started[i] != runs || (got.Reason == "") != runs {
			r.t.Errorf("task %d is %s (%q), started: %v; it should be %s", i, got.Status, got.Reason, r.started[i], want)
		}
	}
}
