package benchmarks

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// afresh does the same as the task: it reads the context as JSON, and returns the result as JSON.
const afresh = `import json, sys
context = json.load(sys.stdin)
result = context["x"] + 1
json.dump({"result": result}, sys.stdout)`

// BenchmarkPython runs 1000 tasks one at a time through the handler, against `python3 -I` started for each: one that
// does the same work, and, as a measure of the machine, one that does nothing. All three take turns, so that other load
// of the machine affects all of them. It prints the memory of the interpreters in the pool.
func BenchmarkPython(b *testing.B) {
	const tasks, turns = 1000, 20
	interpreter := "/usr/bin/python3"
	if _, err := os.Stat(interpreter); err != nil {
		interpreter = "python3"
	}
	handler := python.New(python.Options{Interpreter: interpreter})
	defer func() {
		if err := handler.Close(); err != nil {
			b.Error(err)
		}
	}()
	context, err := value.Parse([]byte(`{"context": {"x": 1}}`))
	if err != nil {
		b.Fatal(err)
	}
	const code = `result = context["x"] + 1`
	request := protocol.Request{
		Method: python.Execute, Parameters: context, Folder: b.TempDir(), Program: &protocol.Program{Text: code, Original: code},
	}
	task := func() {
		result, err := handler.Handle(b.Context(), request, nil)
		if err != nil {
			b.Fatal(err)
		}
		if got, _ := result.Value.Get("result"); got.Digits() != "2" {
			b.Fatalf("the result is %s", got.JSON())
		}
	}
	start := func(code string) {
		command := exec.CommandContext(b.Context(), interpreter, "-I", "-c", code)
		command.Stdin = strings.NewReader(`{"x": 1}`)
		if said, err := command.Output(); err != nil {
			b.Fatalf("%v: %s", err, said)
		}
	}
	timed := func(times int, what func()) time.Duration {
		began := time.Now()
		for range times {
			what()
		}
		return time.Since(began) / time.Duration(times)
	}
	task()
	for b.Loop() {
		var warm, fresh, empty []time.Duration
		for range turns {
			warm = append(warm, timed(tasks/turns, task))
			fresh = append(fresh, timed(10, func() { start(afresh) }))
			empty = append(empty, timed(10, func() { start("pass") }))
		}
		b.ReportMetric(median(warm).Seconds()*1000, "warm-ms")
		b.ReportMetric(median(fresh).Seconds()*1000, "fresh-ms")
		b.ReportMetric(median(fresh).Seconds()/median(warm).Seconds(), "ratio")
		b.ReportMetric(median(empty).Seconds()/median(warm).Seconds(), "ratio-to-empty")
		b.ReportMetric(poolMemory(b), "pool-MiB")
	}
}

// poolMemory is the memory of the interpreters of this process, counting shared memory once.
func poolMemory(b *testing.B) float64 {
	b.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/smaps_rollup")
	if err != nil {
		b.Fatal(err)
	}
	kilobytes := 0
	for _, path := range paths {
		words, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || !strings.Contains(string(words), "<gleitzeit>") {
			continue
		}
		memory, err := os.ReadFile(path)
		if err != nil {
			continue // It has ended.
		}
		for _, line := range strings.Split(string(memory), "\n") {
			if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "Pss:" {
				if size, err := strconv.Atoi(fields[1]); err == nil {
					kilobytes += size
				}
			}
		}
	}
	return float64(kilobytes) / 1024
}
