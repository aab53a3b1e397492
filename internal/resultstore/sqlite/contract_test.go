package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/sqlite"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) resultstore.Store {
		store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "results.db"))
		if err != nil {
			t.Fatal(err)
		}
		return store
	})
}
