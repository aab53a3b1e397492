package stories_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/npmtest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
	"github.com/gleitzeit/gleitzeit/internal/require"
)

// packages installs, once for all tests, what the package.json of a folder of testdata names, beside the scripts of that
// folder. The error says why it cannot be had.
func packages(name string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		folder, err := programtest.Folder()
		if err != nil {
			return "", err
		}
		installed := filepath.Join(folder, name)
		return installed, npmtest.Install(context.Background(), installed, os.DirFS(filepath.Join("..", "testdata", name)))
	})
}

// withPackages is the folder that install returns. The test is skipped where the packages cannot be had.
func withPackages(t testing.TB, install func() (string, error)) string {
	t.Helper()
	installed, err := install()
	if err != nil {
		require.Skip(t, err.Error())
	}
	return installed
}
