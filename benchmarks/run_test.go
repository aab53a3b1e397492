package benchmarks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkPoolOfARun is BenchmarkPoolUnequal for a whole run: the built program runs a task for each element of a list,
// with its engine on the same processors. It reports how busy each server is while calls wait.
func BenchmarkPoolOfARun(b *testing.B) {
	gleitzeit := program(b)
	for b.Loop() {
		fast, slow := newModelServer(b, 4, 100*time.Millisecond), newModelServer(b, 4, 300*time.Millisecond)
		reportBusy(b, gleitzeit, 240, map[string]*modelServer{"fast": fast, "slow": slow})
	}
}

// BenchmarkServerOfARun is BenchmarkPoolOfARun with one server: 240 calls, or 2,000 if GLEITZEIT_BENCH_ITEMS is set. 0.98 is the aim.
func BenchmarkServerOfARun(b *testing.B) {
	calls := fewer(240)
	if os.Getenv(manyItems) != "" {
		calls = 2000
	}
	gleitzeit := program(b)
	for b.Loop() {
		reportBusy(b, gleitzeit, calls, map[string]*modelServer{"server": newModelServer(b, 4, 300*time.Millisecond)})
	}
}

// reportBusy makes calls by a run, and reports how busy each server is from the first of them until fewer wait than it has slots.
func reportBusy(b *testing.B, gleitzeit string, calls int, servers map[string]*modelServer) {
	b.Helper()
	var came, went atomic.Int64
	var began time.Time
	var all []*modelServer
	slots := 0
	for _, server := range servers {
		all, slots = append(all, server), slots+server.slots
	}
	for _, server := range all {
		server.came = func() {
			if came.Add(1) == 1 {
				began = time.Now()
			}
		}
		server.went = func() {
			if calls-int(went.Add(1)) != slots {
				return
			}
			for name, server := range servers {
				busy, full := server.shares(began)
				b.ReportMetric(busy, name+"-busy")
				b.ReportMetric(full, name+"-full")
			}
		}
	}
	runPool(b, gleitzeit, calls, all...)
	served := 0
	for _, server := range all {
		served += server.served
	}
	if served != calls {
		b.Errorf("%d calls were served", served)
	}
}

// BenchmarkClientOfARun is BenchmarkClientSmall and BenchmarkClientSlow for a whole run, from its first call to the end of its last.
// It makes a record of each call in its database before and after: about 10 ms on two processors, which short calls do not hide.
// The ratios were 8 to 10 and 1.05.
func BenchmarkClientOfARun(b *testing.B) {
	gleitzeit := program(b)
	for b.Loop() {
		for name, takes := range map[string]time.Duration{"small": 3 * time.Millisecond, "slow": 300 * time.Millisecond} {
			plain := makeCallsByHand(b, fewer(clientCalls), newModelServer(b, clientSlots, takes))
			server := newModelServer(b, clientSlots, takes)
			var mu sync.Mutex
			var first, last time.Time
			server.came = func() {
				mu.Lock()
				defer mu.Unlock()
				if first.IsZero() {
					first = time.Now()
				}
			}
			server.went = func() {
				mu.Lock()
				defer mu.Unlock()
				last = time.Now()
			}
			runPool(b, gleitzeit, fewer(clientCalls), server)
			b.ReportMetric(last.Sub(first).Seconds()/plain.Seconds(), name+"-ratio")
		}
	}
}

// runPool makes the calls with the program.
func runPool(b *testing.B, gleitzeit string, calls int, servers ...*modelServer) {
	b.Helper()
	folder := b.TempDir()
	config := "providers:\n  ollama:\n    model: m\n    endpoints:\n"
	for _, server := range servers {
		config += fmt.Sprintf("      - %s\n", server.URL)
	}
	slots := 0
	for _, server := range servers {
		slots += server.slots
	}
	flow := fmt.Sprintf(`name: Pool
tasks:
  - {id: numbers, method: python/execute, parameters: {code: "result = list(range(%d))"}}
  - {id: ask, method: llm/chat, for_each: "${numbers.result}", max_concurrent: %d, parameters: {prompt: "Is it ${item}?"}}
`, calls, 4*slots)
	for name, text := range map[string]string{"config.yaml": config, "flow.yaml": flow} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	command := exec.CommandContext(b.Context(), gleitzeit, "run", "flow.yaml")
	command.Dir = folder
	command.Env = append(os.Environ(), "GLEITZEIT_HOME="+filepath.Join(folder, "home"), "GLEITZEIT_CONFIG=config.yaml")
	if out, err := command.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for _, server := range servers {
		if server.most > server.slots {
			b.Errorf("%d calls were in flight to a server that takes %d", server.most, server.slots)
		}
	}
}
