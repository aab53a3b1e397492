// Package cluster_test proves what lets Gleitzeit run on a cluster: docker-compose.yml and the Dockerfile by reading
// them, and what they start by starting the same programs as processes: PostgreSQL, the Temporal server, workers. It
// takes commands and settings from docker-compose.yml, so that what is tested is what people get. It must not import a
// package of this module that links the Temporal server.
package cluster_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// root is the module's folder.
const root = "../../.."

// folder is where the program under test lies. Only TestMain sets it.
var folder string

func TestMain(m *testing.M) {
	code, err := inFolder(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func inFolder(run func() int) (code int, err error) {
	if folder, err = os.MkdirTemp("", "gleitzeit-cluster-"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	// Workers run as somebody else.
	if err = os.Chmod(folder, 0o755); err != nil {
		return 0, err
	}
	return run(), nil
}

// program builds the program when the first test asks for it, or takes the one that GLEITZEIT_TEST_PROGRAM names.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(folder, "gleitzeit")
	if err := dependOnSources(); err != nil {
		return "", err
	}
	if ready := os.Getenv("GLEITZEIT_TEST_PROGRAM"); ready != "" {
		// Where it lies, those whom workers run as may not be let in.
		text, err := os.ReadFile(ready)
		if err != nil {
			return "", err
		}
		return path, os.WriteFile(path, text, 0o755)
	}
	command := exec.Command("go", "build", "-o", path, "./cmd/gleitzeit")
	command.Dir = root
	if said, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the program cannot be built: %w\n%s", err, said)
	}
	return path, nil
})

// dependOnSources opens every folder of the module. The go command remembers which, and runs these tests again when
// what they test, and do not import, has changed.
func dependOnSources() error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && path != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "bin") {
			return fs.SkipDir
		}
		return err
	})
}

// tool builds a program that go.mod lists as a tool: `go tool` would compile all of it anew. It is kept in bin, where
// the go command sees that it is still the right one.
func tool(t testing.TB, name, path string) string {
	t.Helper()
	built, err := filepath.Abs(filepath.Join(root, "bin", name))
	must(t, err)
	building.Lock()
	defer building.Unlock()
	command := exec.Command("go", "build", "-ldflags", "-s -w", "-o", built, path)
	command.Dir = root
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s cannot be built: %v\n%s", path, err, said)
	}
	return built
}

var building sync.Mutex

// sourceFolders lists the folders that packages of the program may lie in.
func sourceFolders(t *testing.T) []string {
	t.Helper()
	var folders []string
	must(t, fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != "." && (strings.HasPrefix(entry.Name(), ".") || path == "bin" || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		folder := filepath.ToSlash(filepath.Dir(path))
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && (len(folders) == 0 || folders[len(folders)-1] != folder) {
			folders = append(folders, folder)
		}
		return nil
	}))
	return folders
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

// onlyRegular wants a file that is no link.
func onlyRegular(path string) error {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file", path)
	}
	return err
}
