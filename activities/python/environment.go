package python

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// passed are the variables that a script sees of the worker's environment, beside all that begin with LC_. Anything
// else, a key or a token above all, is handed over by `${env.NAME}` or not at all.
var passed = []string{"PATH", "HOME", "LANG", "TZ", "SYSTEMROOT"}

func environment(temp string) []string {
	clean := []string{"TMPDIR=" + temp, "PYTHONUTF8=1", "PYTHONIOENCODING=utf-8"}
	for _, name := range passed {
		if value, set := os.LookupEnv(name); set {
			clean = append(clean, name+"="+value)
		}
	}
	for _, entry := range os.Environ() {
		if strings.HasPrefix(entry, "LC_") {
			clean = append(clean, entry)
		}
	}
	return clean
}

// remove deletes a script's temporary folder, folders that the script made unwritable included.
func remove(temp string) error {
	if os.RemoveAll(temp) == nil {
		return nil
	}
	err := filepath.WalkDir(temp, func(path string, entry fs.DirEntry, _ error) error {
		if entry != nil && entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return os.RemoveAll(temp)
}
