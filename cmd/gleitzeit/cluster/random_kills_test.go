package cluster_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// TestRandomKills kills the Temporal server and three workers at random moments: docs/runs.md has the figures.
func TestRandomKills(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.startPostgreSQL()
	m.setUpSchemas()
	m.startRedis()
	u := m.someone()
	worker := func() *process { return m.worker() }
	programtest.RandomKills(t, u, 4,
		programtest.Victim{Name: "Temporal", Start: func() *process { return m.startTemporal() }},
		programtest.Victim{Name: "worker", Start: worker}, programtest.Victim{Name: "worker", Start: worker}, programtest.Victim{Name: "worker", Start: worker},
	)
}

// TestKillsAmongManyItems kills the Temporal server and three workers at random moments of many items.
func TestKillsAmongManyItems(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.startPostgreSQL()
	m.setUpSchemas()
	m.startRedis()
	test := programtest.ItemKills{
		User: m.someone(), Items: 200, Kills: 2, InFlight: 4 * unstored,
		Task: `method: python/execute, parameters: {file: step.py, context: {n: "${item}"}}`,
	}
	outage := func(name string, start func() *process) {
		now := start()
		test.Outages = append(test.Outages, programtest.Outage{Name: name, Begin: func() { now.Kill() }, End: func() { now = start() }})
	}
	outage("Temporal", func() *process { return m.startTemporal() })
	for range 3 {
		outage("worker", func() *process { return m.worker() })
	}
	test.Test(t)
}

// unstored is how many items a unit may have without a record, at most: those whose records are being written, and the one that runs.
const unstored = 64 + 1
