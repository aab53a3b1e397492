package activities

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
)

// nobody is a user who owns nothing.
const nobody = 65534

func TestAFolderThatCannotBeReadIsNotSkipped(t *testing.T) {
	base := tree(t, "docs/a.txt", "docs/locked/b.txt")
	locked := filepath.Join(base, "docs/locked")
	for _, folder := range []string{filepath.Dir(base), base} {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got, err := expandAsNobody(t, base)
	if err != nil || got.Error != nil || len(got.Items) != 2 {
		t.Errorf("as long as it can be read: %+v, %v", got, err)
	}
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	got, err = expandAsNobody(t, base)
	if err != nil || got.Error == nil || !strings.Contains(got.Error.Message, "permission denied") {
		t.Errorf("%+v, %v", got, err)
	}
}

// expandAsNobody looks for the text files beneath docs as somebody who may not read everything, as root may.
func expandAsNobody(t *testing.T, base string) (*protocol.ExpandResponse, error) {
	type ending struct {
		got *protocol.ExpandResponse
		err error
	}
	ended := make(chan ending)
	go func() {
		if os.Getuid() == 0 {
			runtime.LockOSThread() // And never unlocked: the thread that is somebody else ends with this function.
			if err := syscall.Setfsuid(nobody); err != nil {
				ended <- ending{nil, err}
				return
			}
		}
		got, err := withStore(memory.New()).Expand(t.Context(), protocol.ExpandRequest{
			Run: protocol.RunInfo{ID: "r", FlowFolder: base}, Directory: "docs", Pattern: "**/*.txt", Most: 500,
		})
		ended <- ending{got, err}
	}()
	e := <-ended
	return e.got, e.err
}
