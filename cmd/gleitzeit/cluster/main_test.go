// Package cluster_test proves what lets Gleitzeit run on a cluster: docker-compose.yml and the Dockerfile by reading
// them, and what they start by starting the same programs as processes: PostgreSQL, the Temporal server, workers. It
// takes commands and settings from docker-compose.yml, so that what is tested is what people get. It must not import a
// package of this module that links the Temporal server.
package cluster_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// The names by which these tests call what programtest has.
var (
	begin      = programtest.Begin
	eventually = programtest.Eventually
	must       = programtest.Must
	write      = programtest.Write
	read       = programtest.Read
	root       = programtest.Root()
)

type process = programtest.Process

func TestMain(m *testing.M) { os.Exit(programtest.Main(m)) }

// tool builds a program that go.mod lists as a tool. `go tool` would compile everything again; the file in bin is built
// again only if it is out of date.
func tool(t testing.TB, name, path string) string {
	t.Helper()
	built := filepath.Join(root, "bin", name)
	building.Lock()
	defer building.Unlock()
	command := exec.Command("go", "build", "-ldflags", "-s -w", "-o", built, path)
	command.Dir = root
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("cannot build %s: %v\n%s", path, err, said)
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
		if entry.IsDir() && path != "." && programtest.Exists(filepath.Join(root, path, "go.mod")) {
			return fs.SkipDir // A module of its own.
		}
		folder := filepath.ToSlash(filepath.Dir(path))
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && (len(folders) == 0 || folders[len(folders)-1] != folder) {
			folders = append(folders, folder)
		}
		return nil
	}))
	return folders
}

// onlyRegular returns an error where a file is not a regular one: a link, for instance.
func onlyRegular(path string) error {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	return err
}
