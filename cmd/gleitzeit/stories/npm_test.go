package stories_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/require"
)

// installPackages copies a folder of testdata and installs the packages of npm that its scripts use. The error says why
// they cannot be had.
func installPackages(name string) (string, error) {
	to := filepath.Join(folder, name)
	if err := os.CopyFS(to, os.DirFS(filepath.Join("..", "testdata", name))); err != nil {
		return "", err
	}
	install := exec.Command("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
	install.Dir = to
	if said, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm cannot install what %s needs: %w\n%s", name, err, said)
	}
	return to, nil
}

// withPackages is the folder that installs returns. The test is skipped where node, npm or the packages cannot be had.
func withPackages(t *testing.T, installs func() (string, error)) string {
	t.Helper()
	for _, needed := range []string{"node", "npm"} {
		if _, err := exec.LookPath(needed); err != nil {
			require.Skip(t, "there is no "+needed)
		}
	}
	installed, err := installs()
	if err != nil {
		require.Skip(t, err.Error())
	}
	return installed
}
