package stories_test

import (
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/redistest"
)

// TestRandomKills kills a server with its engine and two workers at random moments: docs/runs.md has the figures.
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

// markItem is one that a tool does.
const markItem = `method: mcp/test.tool.mark, parameters: {number: "${item}"}`

// unstored is how many items a unit may have without a record, at most: those whose records are being written, and the one that runs.
const unstored = 64 + 1

// TestKillsAmongManyItems kills `gleitzeit run` with its engine at random moments of many items: docs/runs.md has the figures.
func TestKillsAmongManyItems(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.withTestServer()
	test := programtest.ItemKills{
		User: u.User, Items: 2000, Kills: 5, InFlight: 4 * unstored, Task: markItem,
		Foreground: true,
	}
	test.Test(t)
}

// TestRedisRestartsAmongManyItems restarts the result store at random moments: nothing runs again, unless the program is killed, too.
func TestRedisRestartsAmongManyItems(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	u := newUser(t)
	u.withTestServer()
	u.Env = append(u.Env, "GLEITZEIT_REDIS_URL="+server.URL("", 0))
	test := programtest.ItemKills{
		User: u.User, Items: 2000, Kills: 4, InFlight: 4 * unstored, Task: markItem,
		Foreground: true,
		Outages:    []programtest.Outage{{Name: "Redis", Begin: server.Kill, End: server.Again, Hold: 2 * time.Second}},
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
