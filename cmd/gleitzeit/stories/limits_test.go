package stories_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// TestABatchStopsAtItsTokens: the file with which the limit is reached is the last one; its result stays, and the exit code is one of
// its own.
func TestABatchStopsAtItsTokens(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	for i := range 5 {
		u.File(fmt.Sprintf("docs/%d.txt", i), "a")
	}
	args := []string{"batch", "docs", "--prompt", "x", "--max-concurrent", "1", "--max-tokens-total"}
	stdout, stderr := u.Gleitzeit(8, append(args, "1", "-o", "json")...)
	wantLines(t, "the results", stdout, `"succeeded": 1`, `"skipped": 4`, `"reason": "it had not started when max_tokens_total was reached"`)
	wantLines(t, "standard error", stderr, "batch (TASK_LIMIT_REACHED):\nit stopped when 1 of 5 files was done: they used ",
		" tokens, and max_tokens_total is 1; 4 were skipped because of that", "`gleitzeit batch resume ")
	for done := 2; done <= 5; done++ { // What is taken over has used no tokens of the run that takes it over.
		code := 8
		if done == 5 {
			code = 0
		}
		stdout, _ = u.Gleitzeit(code, "batch", "resume", "@latest", "-o", "json")
		wantLines(t, "the results", stdout, fmt.Sprintf(`"succeeded": %d`, done))
	}
	u.Gleitzeit(0, append(args, "1000000")...)
	_, stderr = u.Gleitzeit(2, append(args, "0")...)
	wantLines(t, "standard error", stderr, "--max-tokens-total 0 is less than 1")
}

// TestABatchStopsAtItsFailures: the exit code is that of a limit, whichever command follows the run, and the command that the message
// names does what was skipped.
func TestABatchStopsAtItsFailures(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("do.py", "import os\nname = os.path.basename(context['file_path'])\n"+
		"if name in ('1.txt', '2.txt') and not os.path.exists(os.path.join(os.path.dirname(context['file_path']), '..', 'mended')):\n    raise ValueError('a bad file')\nresult = 'result of ' + name\n")
	for i := range 5 {
		u.File(fmt.Sprintf("docs/%d.txt", i), "a")
	}
	stdout, stderr := u.Gleitzeit(8, "batch", "docs", "--script", "do.py", "--max-concurrent", "1", "--max-failures", "1", "-o", "json")
	wantLines(t, "the results", stdout, `"succeeded": 1`, `"failed": 2`, `"skipped": 2`)
	wantLines(t, "standard error", stderr, "2 of 5 files failed, and max_failures is 1; the first is docs/", "2 were skipped because of that", "`gleitzeit batch resume batch-docs-", "` does the rest")
	stopped := between(stderr, "`gleitzeit batch resume ", " --format json` does the rest")
	stdout, _ = u.Gleitzeit(0, "status", "@latest")
	wantLines(t, "the status", stdout, "`gleitzeit batch resume batch-docs-", "` does the rest")
	_, stderr = u.Gleitzeit(8, "batch", "docs", "--new", "--script", "do.py", "--max-concurrent", "1", "--max-failures", "1", "--output", "my answers.csv", "--fields", "item.name,status", "--ordered")
	hint := "batch resume " + between(stderr, "`gleitzeit batch resume ", "` does the rest")
	if want := " --output 'my answers.csv' --fields item.name,status --ordered"; !strings.HasPrefix(hint, "batch resume batch-docs-") || !strings.HasSuffix(hint, want) || strings.Count(stderr, "batch resume") != 1 {
		t.Fatalf("the command is %q, in\n%s", hint, stderr)
	}
	u.File("mended", "")
	words := strings.Fields(strings.Replace(hint, "'my answers.csv'", "FILE", 1))
	words[slices.Index(words, "FILE")] = "my answers.csv"
	u.Gleitzeit(0, words...)
	if csv, err := os.ReadFile(u.Path("my answers.csv")); err != nil || string(csv) != "item.name,status\n0.txt,completed\n1.txt,completed\n2.txt,completed\n3.txt,completed\n4.txt,completed\n" {
		t.Errorf("the file has %q (%v)", csv, err)
	}
	_, stderr = u.Gleitzeit(0, "batch", "resume", stopped, "-o", "json")
	wantLines(t, "standard error", stderr, "5 of 5 files (1 cached)")

	u.File("flow.yaml", "name: Strict\ntasks:\n  - {id: each, method: python/execute, for_each: [1, 0, 0, 2], max_concurrent: 1, max_failures: 1, parameters: {code: 'result = 1 / ${item}'}}\n")
	u.Gleitzeit(8, "run", "flow.yaml")
	u.serves("--no-ui")
	u.Gleitzeit(8, "submit", "flow.yaml", "--wait")
	u.Gleitzeit(8, "watch", "@latest")
	u.File("mixed.yaml", "name: Mixed\ntasks:\n  - {id: each, method: python/execute, for_each: [0, 0], max_failures: 1, parameters: {code: 'result = 1 / ${item}'}}\n  - {id: other, method: python/execute, parameters: {code: '1 / 0'}}\n")
	u.Gleitzeit(5, "run", "mixed.yaml")
}

// TestABatchStopsAtItsDeadline: what is done by then stays.
func TestABatchStopsAtItsDeadline(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("do.py", "import time\ntime.sleep(600 if 'slow' in context['file_path'] else 0)\nresult = 'done'\n")
	u.File("docs/1.txt", "a")
	u.File("docs/2-slow.txt", "a")
	stdout, stderr := u.Gleitzeit(124, "batch", "docs", "--script", "do.py", "--deadline", "8s")
	wantLines(t, "the results", stdout, "/docs/1.txt\ndone\n")
	wantLines(t, "standard error", stderr, "timed_out in ", "the run timed out after 8s", "what it completed is kept: `gleitzeit batch resume batch-docs-")
	_, stderr = u.Gleitzeit(2, "batch", "docs", "--script", "do.py", "--deadline", "soon")
	wantLines(t, "standard error", stderr, `--deadline must be a duration such as 90m or 7h, not "soon"`)
}

// TestResultsAreShownAsTheyCome: another process shows the last results of a batch, and each that follows, once, until the run ends.
func TestResultsAreShownAsTheyCome(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.File("do.py", "import os, time\nname = os.path.basename(context['file_path'])\n"+
		"while name > '4' and not os.path.exists(os.path.join(os.path.dirname(context['file_path']), '..', 'go')):\n    time.sleep(0.05)\n"+
		"if name == '6.txt':\n    raise ValueError('a bad file')\nresult = 'result of ' + name\n")
	for i := range 7 {
		u.File(fmt.Sprintf("docs/%d.txt", i), "a")
	}
	u.serves("--no-ui") // So that the engine outlives the run for who watches.
	p := u.Start("batch", "docs", "--script", "do.py", "--max-concurrent", "1", "-o", "json")
	id := p.RunID()
	eventually(t, "the run is recorded", func() bool {
		listed, _ := u.Gleitzeit(0, "list", "-o", "json")
		return strings.Contains(listed, id)
	})
	eventually(t, "four files are done", func() bool {
		shown, _ := u.Gleitzeit(0, "batch", "show", "@latest")
		return strings.Contains(shown, "4 of 7 files")
	})
	shown, said := u.Gleitzeit(0, "results", "@latest")
	wantLines(t, "results of a run that is open", shown+said, "docs/0.txt\nresult of 0.txt\n", "docs/3.txt\nresult of 3.txt\n", "is running; the results may be partial")
	shown, said = u.Gleitzeit(0, "results", "@latest", "batch")
	wantLines(t, "results of a task that runs", shown+said, "docs/3.txt\nresult of 3.txt\n", "task \"batch\" is running: only files that have ended are shown\n")
	shown, _ = u.Gleitzeit(0, "results", "@latest", "-o", "json")
	wantLines(t, "the document of a run that is open", shown, `"total": 7`, `"succeeded": 4`, `"result": "result of 3.txt"`)
	follows := u.Start("batch", "show", "@latest", "--follow")
	failures := u.Start("batch", "show", "@latest", "--follow", "--failed", "-o", "jsonl")
	eventually(t, "the last results are shown", func() bool { return strings.Contains(follows.Stdout.String(), "result of 3.txt") })
	u.File("go", "")
	p.Exits(6)
	follows.Exits(0)
	failures.Exits(0)
	shown = follows.Stdout.String()
	for i := range 7 {
		want := 1
		if i == 0 || i == 6 { // Only the last three are shown of those that had ended; the last one failed.
			want = 0
		}
		if got := strings.Count(shown, fmt.Sprintf("result of %d.txt\n", i)); got != want {
			t.Errorf("the result of %d is shown %d times:\n%s", i, got, shown)
		}
	}
	wantLines(t, "what is shown", shown, "/docs/6.txt\nfailed: ", "a bad file")
	if lines := strings.Split(strings.TrimSpace(failures.Stdout.String()), "\n"); len(lines) != 1 || !strings.Contains(lines[0], `"index":6`) {
		t.Errorf("failures: %q", lines)
	}
	shown, _ = u.Gleitzeit(0, "batch", "show", "@latest", "--follow")
	wantLines(t, "of a run that has ended", shown, "result of 4.txt", "result of 5.txt", "/docs/6.txt")
}

// TestProgressOfABatchOnATerminal: the rates and the time that is left, for each model, in the process that runs the batch, and in
// another that only watches, each on one line.
func TestProgressOfABatchOnATerminal(t *testing.T) {
	t.Parallel()
	u := withOllama(t, paced(t, ollamatest.Start(t)))
	for i := range 60 {
		u.File(fmt.Sprintf("docs/%d.txt", i), "a")
	}
	u.serves("--no-ui") // So that the engine outlives the run for who watches.
	screen := u.terminal("batch", "docs", "--prompt", "SLOWLY", "--set", "max_tokens=60", "--models", "tiny-script,tiny-think", "--yes", "--progress", "table")
	eventually(t, "the run has an id", func() bool { return strings.Contains(screen.shows(), "batch: ") })
	watching := u.terminal("watch", "@latest")
	row := regexp.MustCompile(`(?m)^TASK +DONE +FAILED +RATE +TOKENS/S +LEFT\nbatch +\d+/120 .*\n  tiny-script +\d+/60 +0 +[0-9.]+/s +[0-9.]+ +[0-9ms ]+\n  tiny-think +\d+/60 +.*\n`)
	line := regexp.MustCompile(`(?m)^batch: \d+ of 120 files  [0-9.]+/s  [0-9.]+ tokens/s  [0-9ms ]+ left`)
	eventually(t, "the table shows rates", func() bool { return row.MatchString(screen.shows()) && line.MatchString(screen.shows()) })
	eventually(t, "whoever watches sees them", func() bool { return line.MatchString(watching.shows()) })
	t.Logf("the terminals show\n%s\n%s", screen.shows(), watching.shows())
	if left := screen.ends(); strings.Contains(left, "TOKENS/S") || strings.Contains(left, " left") {
		t.Errorf("something of what was rewritten is left:\n%s", left)
	}
}
