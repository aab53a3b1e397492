package python_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/python"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// parentFolder names the variable that makes this test binary a process that runs one endless script in that folder.
const parentFolder = "GLEITZEIT_TEST_PARENT_FOLDER"

// graceFolder is like parentFolder, for a script that is cancelled when there is a file "cancel", and takes long to end.
const graceFolder = "GLEITZEIT_TEST_GRACE_FOLDER"

func TestMain(m *testing.M) {
	if folder := os.Getenv(graceFolder); folder != "" {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			for !exists(filepath.Join(folder, "cancel")) {
				time.Sleep(5 * time.Millisecond)
			}
			cancel()
		}()
		_, err := python.New(python.Options{Grace: time.Hour}).Handle(ctx, protocol.Request{
			Method: python.Execute, Folder: folder, Program: &protocol.Program{Text: endless, Original: endless}}, nil)
		fmt.Fprintln(os.Stderr, "the script ended:", err)
		os.Exit(3)
	}
	if folder := os.Getenv(parentFolder); folder != "" {
		code := offspring + "time.sleep(600)"
		_, err := python.New(python.Options{}).Handle(context.Background(), protocol.Request{
			Method: python.Execute, Folder: folder, Program: &protocol.Program{Text: code, Original: code}}, nil)
		fmt.Fprintln(os.Stderr, "the script ended:", err)
		os.Exit(3)
	}
	code := m.Run()
	if err := shared.Close(); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// shared is the handler of the tests that need none of their own.
var shared = python.New(python.Options{})

// pythonVersion is that of the interpreter under test: "3.11".
var pythonVersion = sync.OnceValue(func() string {
	output, err := exec.CommandContext(context.Background(), "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").Output()
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(output))
})
