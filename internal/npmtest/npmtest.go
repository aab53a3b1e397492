// Package npmtest installs npm packages for tests that check this program against them. Only tests may import it.
package npmtest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/require"
)

// Install copies files, among them a package.json, into a new folder and runs npm install there, without scripts of packages.
// The error says what is missing.
func Install(ctx context.Context, folder string, files fs.FS) error {
	for _, needed := range []string{"node", "npm"} {
		if _, err := exec.LookPath(needed); err != nil {
			return fmt.Errorf("%s is not installed", needed)
		}
	}
	if err := os.CopyFS(folder, files); err != nil {
		return err
	}
	install := exec.CommandContext(ctx, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
	install.Dir = folder
	if said, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("npm cannot install the packages of %s/package.json: %w\n%s", folder, err, said)
	}
	return nil
}

// Folder is Install into a temporary folder; it skips the test if that fails.
func Folder(t testing.TB, files fs.FS) string {
	t.Helper()
	folder := t.TempDir()
	if err := Install(t.Context(), folder, files); err != nil {
		require.Skip(t, err.Error())
	}
	return folder
}
