// Package npmtest lets tests use what others have written in JavaScript, to hear a second opinion. Only tests may import
// it.
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

// Install copies files, among them a package.json, into a new folder, and has npm install there what that names. No
// script of a package runs. The error says what is lacking.
func Install(ctx context.Context, folder string, files fs.FS) error {
	for _, needed := range []string{"node", "npm"} {
		if _, err := exec.LookPath(needed); err != nil {
			return fmt.Errorf("there is no %s", needed)
		}
	}
	if err := os.CopyFS(folder, files); err != nil {
		return err
	}
	install := exec.CommandContext(ctx, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error")
	install.Dir = folder
	if said, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("npm cannot install what %s/package.json names: %w\n%s", folder, err, said)
	}
	return nil
}

// Folder is Install into a folder of the test's own, which is skipped where that cannot be had.
func Folder(t testing.TB, files fs.FS) string {
	t.Helper()
	folder := t.TempDir()
	if err := Install(t.Context(), folder, files); err != nil {
		require.Skip(t, err.Error())
	}
	return folder
}
