package benchmarks

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/interpreter"
)

// chained is a workflow of many tasks, each of which depends on one and refers to another.
func chained(tasks int) []byte {
	var text strings.Builder
	text.WriteString("name: Large\ninputs: {topic: tea}\ntasks:\n")
	for i := range tasks {
		fmt.Fprintf(&text, "  - id: task-%d\n    name: Task number %d\n    method: bench/nothing\n    parameters: {prompt: \"Say ${inputs.topic}\", number: 0.5}\n", i, i)
		if i > 1 {
			fmt.Fprintf(&text, "    dependencies: [Task number %d, task-%d]\n", i-1, i/2)
		}
	}
	return []byte(text.String())
}

// compiled returns how long parsing, checking and compiling takes, and how many bytes it allocates.
func compiled(b *testing.B, text []byte) (took time.Duration, allocated float64) {
	b.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	p, found := interpreter.Compile(interpreter.Input{File: "flow.yaml", Text: text, Folder: "/", FlowFolder: "/", Specs: []protocol.Spec{spec}})
	took = time.Since(start)
	runtime.ReadMemStats(&after)
	if p == nil {
		b.Fatal(found[0])
	}
	return took, float64(after.TotalAlloc - before.TotalAlloc)
}

// BenchmarkCompileTenTimesTheTasks compares 10,000 tasks with 1,000: linear work has the ratio 10.
func BenchmarkCompileTenTimesTheTasks(b *testing.B) {
	small, large := chained(1_000), chained(10_000)
	for b.Loop() {
		var times, sizes []float64
		var slowest time.Duration
		for range fewer(rounds) {
			few, fewBytes := compiled(b, small)
			many, manyBytes := compiled(b, large)
			times, sizes = append(times, float64(many)/float64(few)), append(sizes, manyBytes/fewBytes)
			slowest = max(slowest, many)
		}
		b.ReportMetric(median(times), "time-of-10000/1000-tasks")
		b.ReportMetric(median(sizes), "memory-of-10000/1000-tasks")
		b.Logf("10,000 tasks took %s at most", slowest)
	}
}
