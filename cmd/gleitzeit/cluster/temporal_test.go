package cluster_test

import "testing"

func TestServerOnPostgreSQL(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.startPostgreSQL()
	m.setUpSchemas()
	m.setUpSchemas() // As each `docker compose up` does.
	m.healthy("temporal", m.startTemporal())
}
