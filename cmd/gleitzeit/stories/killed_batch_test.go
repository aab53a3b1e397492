package stories_test

import (
	"strings"
	"testing"
)

// TestKilledBatch: a batch whose process was killed is interrupted wherever it is shown, and whatever does not resume it names the command
// that does.
func TestKilledBatch(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	for _, name := range []string{"1.txt", "2.txt", "3.txt"} {
		u.File("docs/"+name, name)
		u.File("others/"+name, name)
	}
	u.File("step.py", `import os, time
if context["file_path"].endswith("3.txt"):
    open("started", "w").write("yes")
    while not os.path.exists("go"):
        time.sleep(0.01)
result = "done"
`)
	p := u.Start("batch", "docs", "--script", "step.py", "--max-concurrent", "1")
	u.Appears("started")
	run := p.RunID()
	p.Kill()
	resumes := "`gleitzeit batch docs --script step.py --max-concurrent 1` in " + u.Work + " resumes it, `gleitzeit cancel " + run + "` cancels it\n"
	open := "run " + run + " is open and no process executes it: " + resumes
	shown, said := u.Gleitzeit(0, "batch", "show", run)
	wantLines(t, "batch show", shown, run+"  Batch docs  interrupted\n", "▶ batch  python/execute  interrupted  2 of 3 files\n")
	wantLines(t, "batch show", said, open)
	listed, said := u.Gleitzeit(0, "batch", "list")
	wantLines(t, "batch list", listed, run+"  Batch docs  batch  interrupted  ")
	wantLines(t, "batch list", said, open)
	for _, command := range [][]string{{"batch", "show", run}, {"batch", "list"}} {
		if document, _ := u.Gleitzeit(0, append(command, "-o", "json")...); !strings.Contains(document, `"status": "running"`) || !strings.Contains(document, `"interrupted": true`) {
			t.Errorf("%s has the document\n%s", command, document)
		}
	}
	status, _ := u.Gleitzeit(0, "status", run)
	wantLines(t, "status", status, "▶ batch  python/execute  interrupted  2 of 3 files\n")
	for _, command := range [][]string{{"batch", "resume", run}, {"retry", run}} {
		_, said := u.Gleitzeit(2, command...)
		wantLines(t, strings.Join(command, " "), said, "gleitzeit: run "+run+" is open and no process executes it\n  "+resumes)
	}
	u.File("go", "")
	_, said = u.Gleitzeit(0, "batch", "others", "--script", "step.py")
	if strings.Contains(said, "interrupted") {
		t.Errorf("a batch of other files says\n%s", said)
	}
	_, said = u.Gleitzeit(0, "batch", "docs", "--script", "step.py", "--max-concurrent", "2")
	wantLines(t, "other flags", said, "run "+run+" of these files with other flags is interrupted; `gleitzeit batch docs --script step.py --max-concurrent 1` resumes it, `gleitzeit cancel "+run+"` cancels it\n")
	_, said = u.Gleitzeit(0, "batch", "docs", "--script", "step.py", "--max-concurrent", "1")
	wantLines(t, "the same command", said, "resumed run "+run+"\n")
}
