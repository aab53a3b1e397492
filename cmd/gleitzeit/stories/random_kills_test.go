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
