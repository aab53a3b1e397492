package stories_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// TestRandomKills kills a server with its engine and two workers at random moments: docs/operations.md has the figures.
func TestRandomKills(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	worker := func() *process { return u.Start("worker") }
	programtest.RandomKills(t, u.User, 6,
		programtest.Victim{Name: "server", Start: func() *process { return u.Start("server", "--no-ui") }},
		programtest.Victim{Name: "worker", Start: worker}, programtest.Victim{Name: "worker", Start: worker},
	)
}

// logItem is an item of a programtest.ItemKills that a script does.
const logItem = `method: python/execute, parameters: {file: step.py, context: {n: "${item}"}}`

// unstored is how many items a unit may have without a record, at most: those whose records are being written, and the one that runs.
const unstored = 64 + 1

// TestKillsAmongManyItems kills `gleitzeit run` with its engine at random moments of many items: docs/operations.md has the figures.
func TestKillsAmongManyItems(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.withTestServer()
	test := programtest.ItemKills{
		User: u.User, Items: 2000, Kills: 5, InFlight: 4 * unstored, Task: `method: mcp/test.tool.mark, parameters: {number: "${item}"}`,
		Run: func() *process { return u.Start("run", "flow.yaml") },
	}
	test.Test(t)
}

// TestKillsAmongManyItemsOfAServer kills a server with its engine, and three workers.
func TestKillsAmongManyItemsOfAServer(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	test := programtest.ItemKills{User: u.User, Items: 500, Kills: 4, InFlight: 4 * unstored, Task: logItem}
	for name, args := range map[string][]string{"server": {"server", "--no-ui"}, "first worker": {"worker"}, "second worker": {"worker"}, "third worker": {"worker"}} {
		now := u.Start(args...)
		test.Outages = append(test.Outages, programtest.Outage{Name: name, Begin: func() { now.Kill() }, End: func() { now = u.Start(args...) }})
	}
	test.Test(t)
}
