package activities

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/resultstore"
	"github.com/gleitzeit/gleitzeit/internal/resultstore/memory"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// tree makes empty files, and links written "name -> target", in a new folder.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	base := t.TempDir()
	for _, name := range names {
		name, target, isLink := strings.Cut(name, " -> ")
		path := filepath.Join(base, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case isLink:
			err = os.Symlink(filepath.Join(base, target), path)
		default:
			err = os.WriteFile(path, nil, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return base
}

func TestWhichFilesABatchIsAbout(t *testing.T) {
	base := tree(t,
		"flow/docs/b.txt", "flow/docs/a.txt", "flow/docs/B.txt", "flow/docs/c.md", "flow/docs/.hidden.txt", "flow/docs/draft1.txt",
		"flow/docs/deep/d.txt", "flow/docs/deep/draft2.txt", "flow/docs/.git/e.txt", "flow/docs/deep/er/f.txt",
		"flow/docs/out.txt -> outside/secret.txt", "flow/docs/gone.txt -> nowhere", "flow/docs/in.txt -> flow/docs/a.txt",
		"start/only/x.txt", "start/docs/wrong.txt", "outside/secret.txt", "named/y.txt", "flow/linked -> named", "flow/empty/.keep",
	)
	at := func(name string) string { return filepath.Join(base, name) }
	run := protocol.RunInfo{ID: "r", Execution: "e", FlowFolder: at("flow"), Folder: at("start")}
	reads := []string{at("named"), at("flow/linked")}
	value := value.Object(value.Field{Name: "folder", Value: value.String("docs/deep")})
	bound := []protocol.Binding{{Head: "t", Task: "t", Status: protocol.Completed, Value: protocol.Payload{Inline: &value}}}
	for _, c := range []struct {
		name string
		ask  protocol.ExpandRequest
		want string // Relative to base, or, after "!", part of the error.
	}{
		{"a folder of the workflow, sorted by bytes, nothing hidden, links that lead out included", protocol.ExpandRequest{Directory: "docs", Pattern: "*.txt", Exclude: []string{"draft*"}},
			"flow/docs/B.txt flow/docs/a.txt flow/docs/b.txt flow/docs/gone.txt flow/docs/in.txt flow/docs/out.txt"},
		{"all depths", protocol.ExpandRequest{Directory: "docs", Pattern: "**/[d-f]*.txt"}, "flow/docs/deep/d.txt flow/docs/deep/draft2.txt flow/docs/deep/er/f.txt flow/docs/draft1.txt"},
		{"an exclude without a slash is for any depth", protocol.ExpandRequest{Directory: "docs", Pattern: "**/*.txt", Exclude: []string{"draft*", "er", "[a-cgio]*", "B*"}}, "flow/docs/deep/d.txt"},
		{"one with a slash is for its place", protocol.ExpandRequest{Directory: "docs", Pattern: "**/d*.txt", Exclude: []string{"deep/*"}}, "flow/docs/draft1.txt"},
		{"hidden ones where they are named", protocol.ExpandRequest{Directory: "docs", Pattern: ".*.txt"}, "flow/docs/.hidden.txt"},
		{"alternatives", protocol.ExpandRequest{Directory: "docs", Pattern: "{c.md,a.*}"}, "flow/docs/a.txt flow/docs/c.md"},
		{"all of a folder, where no pattern says otherwise", protocol.ExpandRequest{Directory: "docs/deep/er"}, "flow/docs/deep/er/f.txt"},
		{"the folder of the start comes second", protocol.ExpandRequest{Directory: "only"}, "start/only/x.txt"},
		{"a folder that a task names", protocol.ExpandRequest{Directory: "${t.folder}", Bindings: bound}, "flow/docs/deep/d.txt flow/docs/deep/draft2.txt"},
		{"a folder elsewhere that the workflow names", protocol.ExpandRequest{Directory: at("named")}, "named/y.txt"},
		{"a folder behind a link that the workflow names", protocol.ExpandRequest{Directory: "linked"}, "flow/linked/y.txt"},
		{"a list keeps its order, once each, and folders stand for what is in them",
			protocol.ExpandRequest{Files: []string{"docs/c.md", "only", "docs/a.txt", "docs/c.md"}}, "flow/docs/c.md start/only/x.txt flow/docs/a.txt"},
		{"nothing there", protocol.ExpandRequest{Directory: "docs", Pattern: "*.pdf"}, `!no file in "docs" matches "*.pdf" (use **/*.pdf to search`},
		{"nothing but hidden files", protocol.ExpandRequest{Directory: "empty"}, `!no file in "empty" matches "*"`},
		{"nothing left", protocol.ExpandRequest{Directory: "docs", Pattern: "a.txt", Exclude: []string{"a*"}}, `!(["a*"] are excluded)`},
		{"no folder", protocol.ExpandRequest{Directory: "none"}, `!cannot read folder "` + at("flow/none") + `": no such file or directory (a relative path`},
		{"a file", protocol.ExpandRequest{Directory: "docs/a.txt"}, "!it is not a folder"},
		{"outside", protocol.ExpandRequest{Directory: at("outside")}, "!outside the folders"},
		{"up and out", protocol.ExpandRequest{Directory: "../outside"}, "!outside the folders"},
		{"a list with a file that is gone", protocol.ExpandRequest{Files: []string{"docs/gone.md"}}, "!no such file"},
		{"what is no path", protocol.ExpandRequest{Directory: "${t}", Bindings: bound}, "!directory ${t} must resolve to a path, not to an object"},
	} {
		store := memory.New()
		acts := withStore(store)
		c.ask.Run, c.ask.Task, c.ask.Most = run, "batch", 500
		c.ask.Reads = reads
		got, err := acts.Expand(t.Context(), c.ask)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if part, fails := strings.CutPrefix(c.want, "!"); fails {
			if got.Error == nil || !strings.Contains(got.Error.Error(), part) || got.Error.Kind != protocol.Permanent {
				t.Errorf("%s: got %v, %v; want an error with %q", c.name, got.Items, got.Error, part)
			}
			continue
		}
		var names []string
		for _, item := range got.Items {
			names = append(names, strings.TrimPrefix(item, base+"/"))
		}
		if list := strings.Join(names, " "); got.Error != nil || list != c.want {
			t.Errorf("%s:\ngot  %s, %v\nwant %s", c.name, list, got.Error, c.want)
			continue
		}
		kept, err := store.Value(t.Context(), *got.Ref)
		records, _ := store.Records(t.Context(), resultstore.Query{Run: "r"})
		if err != nil || !strings.Contains(string(kept), got.Items[0]) || len(records) != 1 || records[0].Items.Hash != got.Ref.Hash || records[0].Status != protocol.Running {
			t.Errorf("%s: kept %s, %v, %+v", c.name, kept, err, records)
		}
	}
}

func TestAWorkersRootsBoundWhatItLists(t *testing.T) {
	base := tree(t, "flow/docs/a.txt", "data/b.txt")
	acts := &Activities{results: results{store: memory.New()}, roots: []string{filepath.Join(base, "data")}}
	run := protocol.RunInfo{ID: "r", FlowFolder: filepath.Join(base, "flow"), Folder: base}
	reads := []string{filepath.Join(base, "flow/docs")}
	for folder, want := range map[string]string{filepath.Join(base, "data"): "", "docs": "this worker reads only beneath " + base + "/data", filepath.Join(base, "flow"): "this worker reads only beneath"} {
		got, err := acts.Expand(t.Context(), protocol.ExpandRequest{Run: run, Directory: folder, Reads: reads, Most: 500})
		switch {
		case err != nil:
			t.Error(err)
		case want == "" && (got.Error != nil || len(got.Items) != 1):
			t.Errorf("%s: %+v", folder, got)
		case want != "" && (got.Error == nil || !strings.Contains(got.Error.Error(), want)):
			t.Errorf("%s: %+v", folder, got)
		}
	}
}

func TestTooManyFilesAndNamesThatAreNoText(t *testing.T) {
	var names []string
	for i := range 4 {
		names = append(names, fmt.Sprintf("docs/%d.txt", i))
	}
	base := tree(t, append(names, "odd/\xff.txt")...)
	acts := withStore(memory.New())
	run := protocol.RunInfo{ID: "r", FlowFolder: base, Folder: base}
	for folder, want := range map[string]string{"docs": "4 files match, and the limit of a batch is 3 (narrow the pattern", "odd": "is not valid UTF-8"} {
		got, err := acts.Expand(t.Context(), protocol.ExpandRequest{Run: run, Directory: folder, Most: 3})
		if err != nil || got.Error == nil || !strings.Contains(got.Error.Error(), want) || got.Error.Code != protocol.TaskValidationFailed {
			t.Errorf("%s: %+v, %v", folder, got, err)
		}
	}
	if kept, err := checkItems(slices.Repeat([]string{"x"}, 3), 3); err != nil || len(kept) != 3 {
		t.Errorf("as many as may be: %v, %v", kept, err)
	}
}

// TestPatternsThatNobodyChecked: a plan can come from a program that has not validated it.
func TestPatternsThatNobodyChecked(t *testing.T) {
	base := tree(t, "docs/a.txt")
	for _, ask := range []protocol.ExpandRequest{
		{Directory: "docs", Pattern: strings.Repeat("{a,b}", 40)},
		{Files: []string{"docs"}, Pattern: "*", Exclude: []string{"*.md", "**/" + strings.Repeat("{a,b}", 40)}},
	} {
		ask.Run, ask.Most = protocol.RunInfo{ID: "r", FlowFolder: base}, 500
		got, err := withStore(memory.New()).Expand(t.Context(), ask)
		if err != nil || got.Error == nil || got.Error.Code != protocol.TaskValidationFailed || !strings.Contains(got.Error.Message, "has more than 1000 alternatives") || got.Error.Hint == "" {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// TestListingEndsWithTheTask, before it reads the folder.
func TestListingEndsWithTheTask(t *testing.T) {
	base := tree(t, "docs/a.txt")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	run := protocol.RunInfo{ID: "r", FlowFolder: base}
	want, err := newFilter("**/*.txt", nil)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := newFiles(run, nil, nil).List(ctx, "docs", want); !errors.Is(err, context.Canceled) {
		t.Errorf("%q, %v", found, err)
	}
}
