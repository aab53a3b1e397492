package workflows

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter/plan"
)

// TestTheFolderOfAnItem is in its call, also of a run that continues in a new history.
func TestTheFolderOfAnItem(t *testing.T) {
	task := &plan.Task{ID: "a", FanOut: &plan.FanOut{Files: []string{"/w/docs", "/w/docs/deep", "/w/other.txt"}}}
	listed := FanOut{
		Task: "a", Items: []string{"/w/docs/a.txt", "/w/docs/deep/b.txt", "/w/docs2/c.txt", "/w/other.txt"},
		Folders: []string{"/w/docs", "/w/docs/deep"}, Warning: "left out: something",
	}
	p := &plan.Plan{Format: 1, Name: "p", MaxParallel: 1, Tasks: []plan.Task{*task}}
	r := &run{plan: p, start: Start{FanOuts: []FanOut{listed}}}
	for range 2 {
		progress, err := plan.Begin(p, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.progress, r.calls, r.lists = progress, calls{plan: p, progress: progress}, make([]*itemList, 1)
		if err := r.resume(); err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"/w/docs", "/w/docs/deep", "", ""} {
			call, _ := r.calls.call(task, &item{r.lists[0], i})
			if call.Within != want {
				t.Errorf("%s is in %q", listed.Items[i], call.Within)
			}
		}
		if got := r.gatherRequest(0).Warning; got != listed.Warning {
			t.Errorf("the warning is %q", got)
		}
		r.start = r.next()
	}
	of := &item{newItemList(task, FanOut{Values: []protocol.Item{{Label: "x"}}}), 0}
	task.FanOut.Values = &task.Parameters
	if of.within() != "" {
		t.Error("a value has a folder")
	}
}
