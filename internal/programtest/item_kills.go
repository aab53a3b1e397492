package programtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Outage is something that fails while the items of a task run, and works again.
type Outage struct {
	Name       string
	Begin, End func()
	Hold       time.Duration // How long it lasts, at most; 0: it ends at once.
}

// ItemKills is a run of one task with many items, in the middle of which things fail. Each item leaves a line in the file "log" of the
// user's folder: its number, with six digits.
type ItemKills struct {
	User     *User
	Items    int    // GLEITZEIT_TEST_ITEMS takes precedence.
	Kills    int    // GLEITZEIT_TEST_KILLS takes precedence.
	Task     string // The rest of the task in YAML flow style; "${item}" is the number.
	InFlight int    // Items that may be in flight without a record, at most.
	// Foreground: `gleitzeit run` executes the run, and is killed too. Otherwise the run is submitted.
	Foreground bool
	Start      func(args ...string) *Process // Starts the program; nil: as the user does.
	Outages    []Outage

	t        testing.TB
	run      *Process
	runs     []*Process // Those that were killed.
	counts   map[string]int
	seen     []snapshot
	resuming []time.Duration
}

// snapshot is what is known after an outage.
type snapshot struct {
	recorded []int       // Items that have a record: they never run again.
	executed map[int]int // How often each had run.
}

// lineSize is the size of the line that an item leaves.
const lineSize = len("000000\n")

// manyItems is a run of many items of one task.
const manyItems = `name: Many
id: many
max_parallel: 4
tasks:
  - {id: list, method: python/execute, parameters: {code: "result = list(range(%d))"}}
  - {id: each, for_each: "${list.result}", %s}
outputs: {succeeded: "${each.succeeded}"}
`

// LogItem is the script of an item with the number context["n"], for Task: it adds a line to the file "log".
const LogItem = `import os
log = os.open("log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
os.write(log, b"%06d\n" % context["n"])
os.close(log)
result = context["n"]
`

// Test has the outages at random moments, one after the other. Each item must be in the results once, no item that had a record may run
// again, and others at most once for each outage.
func (k *ItemKills) Test(t testing.TB) {
	t.Helper()
	if k.t, k.counts = t, map[string]int{}; k.Start == nil {
		k.Start = k.User.Start
	}
	k.Items, k.Kills = Number(t, "GLEITZEIT_TEST_ITEMS", k.Items), Number(t, "GLEITZEIT_TEST_KILLS", k.Kills)
	k.User.File("flow.yaml", fmt.Sprintf(manyItems, k.Items, k.Task))
	k.User.File("step.py", LogItem)
	Write(t, k.User.Path("log"), "")
	Must(t, os.Chmod(k.User.Path("log"), 0o666)) //nolint:gosec // Workers may be other users.
	Path(t)                                      // Built before the time is taken.
	began := time.Now()
	k.start()
	for i := range k.Kills {
		k.awaitMoment(k.Kills - i)
		if i > 0 && len(k.executed()) == k.Items {
			k.Kills = i // Many items ran while the last outages began and ended.
			break
		}
		which := i % len(k.Outages) // Each as often as the others.
		if which == 0 {
			rand.Shuffle(len(k.Outages), func(i, j int) { k.Outages[i], k.Outages[j] = k.Outages[j], k.Outages[i] })
		}
		k.fail(k.Outages[which])
	}
	k.awaitEnd()
	took := time.Since(began)
	k.verify()
	t.Logf("%d items with %d outages %v took %s; work continued after %s at most, %s in the middle",
		k.Items, k.Kills, k.counts, took.Round(time.Second), slices.Max(k.resuming).Round(10*time.Millisecond), k.resuming[len(k.resuming)/2].Round(10*time.Millisecond))
}

// start starts the run. As a command it is one of what fails.
func (k *ItemKills) start() {
	k.t.Helper()
	start := func() { k.run = k.Start("run", "flow.yaml") }
	if k.Foreground {
		start()
		k.run.Says("run many\n")
		k.Outages = append(k.Outages, Outage{Name: "run", Begin: func() { k.run.Kill() }, End: func() {
			k.runs = append(k.runs, k.run)
			start()
			k.run.Says("resumed run many\n")
		}})
		return
	}
	Eventually(k.t, "the engine takes the run", func() bool { return k.Start("submit", "flow.yaml").Wait() == 0 })
}

// awaitMoment waits for a random moment at which enough is left for the outages that follow.
func (k *ItemKills) awaitMoment(outages int) {
	k.t.Helper()
	before, began := k.lines(), time.Now()
	todo := 1 + rand.IntN(max(1, (k.Items-len(k.executed()))*3/2/(outages+1)))
	latest := time.Now().Add(time.Duration(rand.IntN(20_000)) * time.Millisecond) // It may come before the last one is over.
	Eventually(k.t, "items run", func() bool { return k.lines() >= before+todo || time.Now().After(latest) })
	k.t.Logf("%d items more after %s, %d wanted", k.lines()-before, time.Since(began).Round(10*time.Millisecond), todo)
	if k.run != nil && !k.run.Running() && len(k.executed()) < k.Items {
		k.t.Fatalf("the run ended with %d outages to come:\n%s", outages, k.run.Stderr.tail())
	}
}

// fail has an outage.
func (k *ItemKills) fail(outage Outage) {
	k.t.Helper()
	k.counts[outage.Name]++
	outage.Begin()
	if outage.Hold > 0 {
		until := time.Now().Add(rand.N(outage.Hold))
		Eventually(k.t, "the outage is over", func() bool { return time.Now().After(until) })
	}
	known := k.snapshot()
	over, lines := time.Now(), k.lines()
	outage.End()
	if !known {
		Eventually(k.t, "the records can be read", k.snapshot)
	}
	Eventually(k.t, "work continues", func() bool { return k.lines() > lines || len(k.executed()) == k.Items })
	k.t.Logf("%s: %d lines at its end; continuing took %s", outage.Name, lines, time.Since(over).Round(10*time.Millisecond))
	k.resuming = append(k.resuming, time.Since(over))
	slices.Sort(k.resuming)
}

// snapshot notes which items have a record, and then what has been executed. It reports whether the records can be read.
func (k *ItemKills) snapshot() bool {
	k.t.Helper()
	p := k.export()
	if p.Wait() != 0 {
		return false
	}
	var s snapshot
	for _, item := range k.exported(p.Stdout.String()) {
		s.recorded = append(s.recorded, item.Index)
	}
	s.executed = k.executed()
	k.seen = append(k.seen, s)
	return true
}

func (k *ItemKills) export() *Process {
	k.t.Helper()
	return k.Start("batch", "export", "many", "each", "--format", "jsonl", "--fields", "item,index,status")
}

// exportedItem is a line of an export. The last one is that of the run.
type exportedItem struct {
	Run         string
	Item, Index int
	Status      string
}

func (k *ItemKills) exported(text string) (items []exportedItem) {
	k.t.Helper()
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		var item exportedItem
		if Must(k.t, json.Unmarshal(lines.Bytes(), &item)); item.Run == "" {
			items = append(items, item)
		}
	}
	return items
}

// lines returns how many lines the items have left.
func (k *ItemKills) lines() int {
	k.t.Helper()
	info, err := os.Stat(k.User.Path("log"))
	Must(k.t, err)
	return int(info.Size()) / lineSize
}

// executed returns how often each item has run.
func (k *ItemKills) executed() map[int]int {
	k.t.Helper()
	data, err := os.ReadFile(k.User.Path("log"))
	Must(k.t, err)
	times := map[int]int{}
	for line := range bytes.Lines(data) {
		number, err := strconv.Atoi(string(bytes.TrimSpace(line)))
		Must(k.t, err)
		times[number]++
	}
	return times
}

// awaitEnd waits until the run has ended: as long as items run.
func (k *ItemKills) awaitEnd() {
	k.t.Helper()
	for len(k.executed()) < k.Items {
		before := k.lines()
		Eventually(k.t, "an item runs", func() bool { return k.lines() > before })
	}
	if k.run != nil {
		k.run.Exits(0)
		restarted := func(p *Process) bool {
			return strings.Contains(p.Stderr.String(), "\nrestarted what was interrupted: each[")
		}
		if !slices.ContainsFunc(append(k.runs, k.run), restarted) {
			k.t.Error("no resume restarted what was interrupted")
		}
		return
	}
	Eventually(k.t, "the run ends", func() bool { return k.Start("watch", "many").Wait() == 0 })
}

// verify compares the results with what they must be.
func (k *ItemKills) verify() {
	k.t.Helper()
	status := k.Start("status", "many", "-o", "json")
	status.Exits(0)
	var run struct {
		Status string
		Tasks  []struct {
			ID    string
			Items struct{ Total, Succeeded, Failed, Skipped int }
		}
	}
	JSON(k.t, status.Stdout.String(), &run)
	if run.Status != "completed" || len(run.Tasks) != 2 || run.Tasks[1].Items.Total != k.Items || run.Tasks[1].Items.Succeeded != k.Items {
		k.t.Errorf("the run is %+v, want %d items", run, k.Items)
	}
	export := k.export()
	export.Exits(0)
	found := map[int]int{}
	for _, item := range k.exported(export.Stdout.String()) {
		found[item.Index]++
		if item.Item != item.Index || item.Status != "completed" {
			k.t.Errorf("item %d is %+v", item.Index, item)
		}
	}
	executed := k.executed()
	lost, doubled, repeated := 0, 0, 0
	for n := range k.Items {
		if found[n] == 0 || executed[n] == 0 {
			lost++
		}
		doubled += max(0, found[n]-1)
		repeated += executed[n] - 1
	}
	if lost > 0 || doubled > 0 || len(found) != k.Items || len(executed) != k.Items {
		k.t.Errorf("%d of %d items are lost, and %d are in the results twice", lost, k.Items, doubled)
	}
	if most := k.Kills * k.InFlight; repeated > most {
		k.t.Errorf("%d side effects are repeated, and %d outages with %d items in flight explain %d", repeated, k.Kills, k.InFlight, most)
	}
	again := map[int]bool{}
	for _, s := range k.seen {
		for _, item := range s.recorded {
			if executed[item] > s.executed[item] {
				again[item] = true
			}
		}
	}
	if len(again) > 0 {
		k.t.Errorf("%d items ran again although they had a record", len(again))
	}
	if len(k.seen) == 0 || len(k.seen[len(k.seen)-1].recorded) == 0 {
		k.t.Error("no outage came after the end of an item: this shows nothing")
	}
	k.t.Logf("%d items: %d lost, %d doubled, %d side effects repeated, %d of items with a record", k.Items, lost, doubled, repeated, len(again))
}
