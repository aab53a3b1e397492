package benchmarks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const (
	// manyItems is a variable with the number of items that BenchmarkItems has at most.
	manyItems = "GLEITZEIT_BENCH_ITEMS"
	// earlierProgram is a variable with the path of an earlier build, with which BenchmarkItems compares.
	earlierProgram = "GLEITZEIT_BENCH_EARLIER"
)

// BenchmarkItems runs tasks for each element of a list, as whole processes in homes of their own. It reports what an item takes beyond a
// run of one item, for tools and for scripts, as a ratio to an earlier build if GLEITZEIT_BENCH_EARLIER names its program (0.20 and 0.50
// are the aims); the cost of an item of 10,000, and of as many as GLEITZEIT_BENCH_ITEMS says, as ratios to that of 1,000 (1.15); the
// peak of memory (1.3); and the bytes that an item adds to the home, whose result has about 100 (1,200).
func BenchmarkItems(b *testing.B) {
	most := fewer(10_000)
	if text := os.Getenv(manyItems); text != "" {
		var err error
		if most, err = strconv.Atoi(text); err != nil {
			b.Fatalf("%s: %v", manyItems, err)
		}
	}
	gleitzeit, earlier := program(b), os.Getenv(earlierProgram)
	for b.Loop() {
		for _, method := range []string{"mcp/tool.echo", "python/execute"} {
			name := map[string]string{"mcp/tool.echo": "tool", "python/execute": "script"}[method]
			var now, before []float64
			for range fewer(3) {
				now = append(now, itemCost(b, gleitzeit, method, 500))
				if earlier != "" {
					before = append(before, itemCost(b, earlier, method, 500))
				}
			}
			b.ReportMetric(1000*median(now), name+"-ms/item")
			if earlier != "" {
				b.ReportMetric(median(now)/median(before), name+"-ratio")
			}
		}
		one := runItems(b, gleitzeit, "mcp/tool.echo", 1)
		few := runItems(b, gleitzeit, "mcp/tool.echo", 1000)
		cost := few.cost(one, 1000)
		for _, count := range slices.Compact([]int{10_000, most}) {
			many := runItems(b, gleitzeit, "mcp/tool.echo", count)
			b.ReportMetric(many.cost(one, count)/cost, fmt.Sprintf("cost-of-%d/1000", count))
			b.ReportMetric(many.peak/few.peak, fmt.Sprintf("peak-of-%d/1000", count))
			b.ReportMetric(many.peak, fmt.Sprintf("peak-of-%d-MB", count))
			b.ReportMetric((many.bytes-one.bytes)/float64(count), fmt.Sprintf("bytes/item-of-%d", count))
		}
	}
}

// itemCost is how many seconds an item takes beyond a run of one.
func itemCost(b *testing.B, gleitzeit, method string, count int) float64 {
	b.Helper()
	return runItems(b, gleitzeit, method, count).cost(runItems(b, gleitzeit, method, 1), count)
}

// ranItems is a process that ran items.
type ranItems struct {
	took  time.Duration
	peak  float64 // MB of memory.
	bytes float64 // In the home.
}

// cost is how many seconds an item took beyond a run of one.
func (r ranItems) cost(one ranItems, count int) float64 {
	return (r.took - one.took).Seconds() / float64(count-1)
}

func runItems(b *testing.B, gleitzeit, method string, count int) ranItems {
	b.Helper()
	parameters := `{message: "number ${item}"}`
	if method == "python/execute" {
		parameters = `{code: "result = context['number'] * 2", context: {number: "${item}"}}`
	}
	folder := b.TempDir()
	flow := fmt.Sprintf(`name: Items
tasks:
  - {id: numbers, method: python/execute, parameters: {code: "result = list(range(%d))"}}
  - {id: each, method: %s, for_each: "${numbers.result}", parameters: %s}
outputs: {done: "${each.succeeded}"}
`, count, method, parameters)
	if err := os.WriteFile(filepath.Join(folder, "flow.yaml"), []byte(flow), 0o644); err != nil {
		b.Fatal(err)
	}
	home := filepath.Join(folder, "home")
	command := exec.CommandContext(b.Context(), gleitzeit, "run", "flow.yaml")
	command.Dir = folder
	command.Env = append(os.Environ(), "GLEITZEIT_HOME="+home)
	began := time.Now()
	out, err := command.CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	ran := ranItems{took: time.Since(began)}
	if usage, is := command.ProcessState.SysUsage().(*syscall.Rusage); is {
		ran.peak = float64(usage.Maxrss) / 1024 // Linux counts in KiB.
	}
	all, _ := bytesIn(b, home)
	ran.bytes = float64(all)
	return ran
}

// BenchmarkStartBesideItems starts runs of one task beside a run of many items that wait for a model, in one home, and compares with
// such starts beside an engine that has nothing to do: 1.5 is the aim.
func BenchmarkStartBesideItems(b *testing.B) {
	items := fewer(100_000)
	gleitzeit := program(b)
	for b.Loop() {
		idle := startsBeside(b, gleitzeit, 1)
		b.ReportMetric(startsBeside(b, gleitzeit, items)/idle, "ratio")
	}
}

// startsBeside is the median of the seconds that a run of one task takes while another process of the home runs so many items.
func startsBeside(b *testing.B, gleitzeit string, items int) float64 {
	b.Helper()
	server := newModelServer(b, 4, 300*time.Millisecond)
	if items == 1 {
		server.takes = time.Hour
	}
	folder := b.TempDir()
	for name, text := range map[string]string{
		"config.yaml": fmt.Sprintf("providers:\n  ollama: {model: m, url: %q, max_concurrent: 4}\n", server.URL),
		"short.yaml":  "name: Short\ntasks:\n  - {id: sum, method: mcp/tool.add, parameters: {a: 2, b: 3}}\n",
		"flow.yaml": fmt.Sprintf(`name: Many
tasks:
  - {id: numbers, method: python/execute, parameters: {code: "result = list(range(%d))"}}
  - {id: ask, method: llm/chat, for_each: "${numbers.result}", timeout: 2h, parameters: {prompt: "Is it ${item}?"}}
`, items),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	asked := make(chan struct{}, 1)
	server.came = func() {
		select {
		case asked <- struct{}{}:
		default:
		}
	}
	environ := append(os.Environ(), "GLEITZEIT_HOME="+filepath.Join(folder, "home"), "GLEITZEIT_CONFIG="+filepath.Join(folder, "config.yaml"))
	many := exec.CommandContext(b.Context(), gleitzeit, "run", "flow.yaml")
	many.Dir, many.Env = folder, environ
	if err := many.Start(); err != nil {
		b.Fatal(err)
	}
	<-asked
	var took []float64
	for range fewer(2*rounds + 1) {
		short := exec.CommandContext(b.Context(), gleitzeit, "run", "short.yaml", "--new")
		short.Dir, short.Env = folder, environ
		began := time.Now()
		if out, err := short.CombinedOutput(); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		took = append(took, time.Since(began).Seconds())
	}
	if err := many.Process.Kill(); err != nil {
		b.Fatal(err)
	}
	_ = many.Wait() // It was killed.
	return median(took)
}
