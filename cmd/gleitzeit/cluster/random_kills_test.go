package cluster_test

import (
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// TestRandomKills kills the Temporal server and three workers at random moments: docs/operations.md has the figures.
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
