// Package programtest lets tests start the built program as its users do: it builds the program once for a test binary,
// gives each test a user with an empty home, and starts and watches processes. Only tests may import it. It imports no
// other package of this module but require, so that no test links the engine because of it.
package programtest

import (
	"context"
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

// Variable names a program that was built before, so that none is built.
const Variable = "GLEITZEIT_TEST_PROGRAM"

// Main runs the tests, then stop, removes what was built, and returns the exit code:
// `func TestMain(m *testing.M) { os.Exit(programtest.Main(m)) }`.
func Main(m *testing.M, stop ...func() error) int {
	code := m.Run()
	var errs []error
	for _, end := range stop {
		errs = append(errs, end())
	}
	if err := errors.Join(append(errs, removeFolder())...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// folder holds what was built, and is made when the first test asks for it.
var folder struct {
	sync.Mutex
	path string
}

// Folder is a temporary folder for what all tests of the binary share. Any user may enter it, because some tests run the
// program as another one. Main removes it.
func Folder() (string, error) {
	folder.Lock()
	defer folder.Unlock()
	if folder.path != "" {
		return folder.path, nil
	}
	path, err := os.MkdirTemp("", "gleitzeit-test-")
	if err != nil {
		return "", err
	}
	folder.path = path
	return path, os.Chmod(path, 0o755)
}

func removeFolder() error {
	folder.Lock()
	defer folder.Unlock()
	if folder.path == "" {
		return nil
	}
	return os.RemoveAll(folder.path)
}

// Path is the program under test: a file named gleitzeit in a folder that holds no other program.
func Path(t testing.TB) string {
	t.Helper()
	path, err := build()
	Must(t, err)
	return path
}

// Only when the first test asks for it: before the tests run, the go command does not record which files and variables
// are read, and would take a cached result although they have changed.
var build = sync.OnceValues(func() (string, error) {
	top, err := Folder()
	if err != nil {
		return "", err
	}
	return BuildIn(filepath.Join(top, "bin"))
})

// BuildIn puts the program into a folder, which it makes: the one that Variable names, or one that is built now.
func BuildIn(folder string) (path string, err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	path = filepath.Join(folder, "gleitzeit")
	ready := os.Getenv(Variable)
	if ready == "" {
		return path, Build(path, "./cmd/gleitzeit")
	}
	if err := dependOnSources(); err != nil {
		return "", err
	}
	// Not linked: another user may be unable to enter the folder where it is. Not copied by this process: one that is
	// forked meanwhile would keep the file open for writing, and nothing could execute it.
	if output, err := exec.CommandContext(context.Background(), "cp", ready, path).CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot copy the program that %s names: %w\n%s", Variable, err, output)
	}
	return path, os.Chmod(path, 0o755)
}

// Build compiles a package of this module, named from its root (`./cmd/gleitzeit`), into a file. It passes no flags, so
// that what `go run` compiled is only linked again.
func Build(path, pkg string) error {
	if err := dependOnSources(); err != nil {
		return err
	}
	command := exec.CommandContext(context.Background(), "go", "build", "-o", path, pkg)
	command.Dir = Root()
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build %s: %w\n%s", pkg, err, output)
	}
	return nil
}

// Root is the folder of the module. Tests run in a folder beneath it.
var Root = sync.OnceValue(func() string {
	at, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for !Exists(filepath.Join(at, "go.mod")) {
		above := filepath.Dir(at)
		if above == at {
			panic("no folder above this test has a go.mod")
		}
		at = above
	}
	return at
})

// dependOnSources opens every folder of the module. The go command records it, and runs the tests again when what they
// test, and do not import, has changed.
func dependOnSources() error {
	return filepath.WalkDir(Root(), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && path != Root() && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "bin") {
			return fs.SkipDir
		}
		return err
	})
}
