package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// listSample returns a sample of the files in docs, as paths within it.
func listSample(t *testing.T, base string, sample int, seed int64) []string {
	t.Helper()
	found, err := (&Activities{}).List(context.Background(), protocol.ExpandRequest{
		Run: protocol.RunInfo{FlowFolder: base, Folder: base}, Directory: "docs", Sample: sample, Seed: seed, Most: 500,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, item := range found.Items {
		found.Items[i] = strings.TrimPrefix(item, base+"/docs/")
	}
	return found.Items
}

func TestASampleIsTheSameForTheSameFiles(t *testing.T) {
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("docs/%02d.txt", i))
	}
	here, there := tree(t, names...), tree(t, append(names, "docs/later.txt")...)
	first := listSample(t, here, 10, 0)
	if len(first) != 10 || !slices.IsSorted(first) {
		t.Fatalf("%q", first)
	}
	if again := listSample(t, here, 10, 0); !slices.Equal(again, first) {
		t.Errorf("%q, then %q", first, again)
	}
	if other := listSample(t, here, 10, 1); slices.Equal(other, first) {
		t.Errorf("the seed changes nothing: %q", other)
	}
	moved := listSample(t, there, 10, 0)
	same := 0
	for _, name := range moved {
		if slices.Contains(first, name) {
			same++
		}
	}
	if same < 9 {
		t.Errorf("in another folder with one more file, %d of 10 are the same: %q, %q", same, first, moved)
	}
}

func TestWhatIsLeftOutIsCounted(t *testing.T) {
	base := tree(t, "docs/a.docx", "docs/~$a.docx", "docs/.~lock.b.odt#", "docs/Thumbs.db", "docs/x.tmp", "docs/y.crdownload", "docs/.hidden", "docs/.git/config", "docs/~$no.bin")
	run := protocol.RunInfo{FlowFolder: base, Folder: base}
	found, err := (&Activities{}).List(t.Context(), protocol.ExpandRequest{Run: run, Directory: "docs", Pattern: "**/*", Exclude: []string{"*.bin"}, Most: 500})
	if err != nil || len(found.Items) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	if got, want := CountIgnored(found.Ignored), "1 hidden file, 1 hidden folder, 2 lock files, 2 temporary files, 1 system file"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	expanded, err := (&Activities{}).expand(t.Context(), protocol.ExpandRequest{Run: run, Directory: "docs", Most: 500}, nil)
	if want := `left out: 3 lock files, 2 temporary files, for example "x.tmp"`; err != nil || expanded.warning != want {
		t.Errorf("got %q, want %q (%v)", expanded.warning, want, err)
	}
}
