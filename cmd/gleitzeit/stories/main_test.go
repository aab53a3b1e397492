// Package stories_test starts the built program as its users do and looks at what they see: standard output, standard
// error, exit codes, and the home folder. It must not import a package of this module that links the Temporal server;
// it has a folder of its own because a test beside main.go would link the program.
package stories_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// programVariable names a program that was built before, so that none is built here.
const programVariable = "GLEITZEIT_TEST_PROGRAM"

// root is the module's folder.
const root = "../../.."

// folder is where the program under test lies. Only TestMain sets it.
var folder string

// atOnce is how many tests run side by side on a small machine, where nobody says otherwise. They wait for other
// processes, and for timeouts, more than they compute.
const atOnce = 3

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given && runtime.GOMAXPROCS(0) < atOnce {
		if err := flag.Set("test.parallel", strconv.Itoa(atOnce)); err != nil {
			panic(err)
		}
	}
	code, err := inFolder(m.Run)
	if err = errors.Join(err, ollamatest.Stop()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func inFolder(run func() int) (code int, err error) {
	if folder, err = os.MkdirTemp("", "gleitzeit-stories-"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	return run(), nil
}

// build makes the program when the first test asks for it. Before the tests run, the go command does not notice which
// files and variables are read, and would not know when they have changed.
var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(folder, "gleitzeit")
	if err := dependOnSources(); err != nil {
		return "", err
	}
	if ready := os.Getenv(programVariable); ready != "" {
		absolute, err := filepath.Abs(ready)
		if err != nil {
			return "", err
		}
		return path, os.Symlink(absolute, path) // Under its own name, which the scripts type.
	}
	// No flags: what `go run` compiled is linked again and nothing else.
	command := exec.Command("go", "build", "-o", path, "./cmd/gleitzeit")
	command.Dir = root
	if said, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the program cannot be built: %w\n%s", err, said)
	}
	return path, nil
})

// program is the path of the program under test.
func program(t testing.TB) string {
	t.Helper()
	path, err := build()
	must(t, err)
	return path
}

// dependOnSources opens every folder of the module. The go command remembers which, and runs these tests again when
// what they test, and do not import, has changed.
func dependOnSources() error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), ".") {
			return fs.SkipDir
		}
		return err
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
