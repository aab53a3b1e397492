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
		"flow/office/a.docx", "flow/office/~$a.docx", "flow/office/.~lock.a.odt#", "flow/office/Thumbs.db", "flow/office/desktop.ini", "flow/office/b.tmp",
		"flow/office/c.PART", "flow/office/.DS_Store", "flow/office/d.tmp/c.txt",
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
		{"what programs make for themselves is left out", protocol.ExpandRequest{Directory: "office"}, "flow/office/a.docx"},
		{"also where a pattern has wildcards that match it", protocol.ExpandRequest{Directory: "office", Pattern: "*.{docx,db,ini}"}, "flow/office/a.docx"},
		{"unless it is meant", protocol.ExpandRequest{Directory: "office", Pattern: "{~$*,*.tmp,Thumbs.*,.~lock*,desktop.ini}"},
			"flow/office/.~lock.a.odt# flow/office/Thumbs.db flow/office/b.tmp flow/office/desktop.ini flow/office/~$a.docx"},
		{"or named itself", protocol.ExpandRequest{Files: []string{"office/~$a.docx", "office/b.tmp"}}, "flow/office/~$a.docx flow/office/b.tmp"},
		{"a folder is no temporary file", protocol.ExpandRequest{Directory: "office", Pattern: "**/c.*"}, "flow/office/d.tmp/c.txt"},
		{"the first ones", protocol.ExpandRequest{Directory: "docs", Pattern: "*.txt", Exclude: []string{"draft*"}, Limit: 2}, "flow/docs/B.txt flow/docs/a.txt"},
		{"no more than there are", protocol.ExpandRequest{Directory: "only", Limit: 9, Sample: 9}, "start/only/x.txt"},
		{"for several models, one after the other", protocol.ExpandRequest{Directory: "docs", Pattern: "[ab].txt", Models: []string{"m", "n"}},
			"flow/docs/a.txt flow/docs/b.txt flow/docs/a.txt flow/docs/b.txt"},
		{"nothing there, nor beneath", protocol.ExpandRequest{Directory: "docs", Pattern: "*.pdf"}, `!no file in "docs" matches "*.pdf"; it has `},
		{"nothing there at any depth", protocol.ExpandRequest{Directory: "docs", Pattern: "**/*.pdf"}, `!no file in "docs" matches "**/*.pdf"; left out: 1 hidden folder; it has `},
		{"nothing there, but beneath", protocol.ExpandRequest{Directory: "docs", Pattern: "[d-f].txt"},
			"!no file in \"docs\" matches \"[d-f].txt\"; 2 files lie in 2 folders beneath (pattern: \"**/[d-f].txt\", or --recursive of `gleitzeit batch`, takes them)"},
		{"one beneath that is not excluded", protocol.ExpandRequest{Directory: "docs", Pattern: "[d-f].txt", Exclude: []string{"er"}}, "!; 1 file lies in 1 folder beneath (pattern: \"**/[d-f].txt\", or --recursive of `gleitzeit batch`, takes it)"},
		{"nothing but hidden files", protocol.ExpandRequest{Directory: "empty"}, `!no file in "empty" matches "*"; left out: 1 hidden file (`},
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

func TestTooManyFiles(t *testing.T) {
	var names []string
	for i := range 4 {
		names = append(names, fmt.Sprintf("docs/%d.txt", i))
	}
	base := tree(t, names...)
	run := protocol.RunInfo{ID: "r", FlowFolder: base, Folder: base}
	got, err := withStore(memory.New()).Expand(t.Context(), protocol.ExpandRequest{Run: run, Directory: "docs", Most: 3})
	if err != nil || got.Error == nil || !strings.Contains(got.Error.Error(), "4 files match, and the limit of a batch is 3 (narrow the pattern") || got.Error.Code != protocol.TaskValidationFailed {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := withStore(memory.New()).Expand(t.Context(), protocol.ExpandRequest{Run: run, Directory: "docs", Most: 4}); err != nil || got.Error != nil || len(got.Items) != 4 {
		t.Errorf("as many as may be: %+v, %v", got, err)
	}
}

// TestANameThatIsNoUTF8 fails its own item, whatever the condition says about it, and so does a file in a folder with such a name.
func TestANameThatIsNoUTF8(t *testing.T) {
	base := tree(t, "docs/a.txt", "docs/b\xff.txt", "docs/c.txt", "docs/d\xe9/e.txt", `docs/b\xff.txt`)
	run := protocol.RunInfo{ID: "r", FlowFolder: base, Folder: base}
	for when, others := range map[string][]int{"": nil, "${item.name} == 'a.txt'": {1, 3}, "${item.stem}": nil} {
		store := memory.New()
		got, err := withStore(store).Expand(t.Context(), protocol.ExpandRequest{Run: run, Directory: "docs", Pattern: "**/*.txt", When: when, Most: 9})
		if err != nil || got.Error != nil {
			t.Fatalf("%+v, %v", got, err)
		}
		want := []string{"a.txt", `b\xff.txt`, `b\xff.txt`, "c.txt", `d\xe9/e.txt`}
		var skipped []int
		failed := map[int]string{}
		for _, item := range got.Skipped {
			if item.Error != nil && item.Error.Code == protocol.InvalidParams {
				failed[item.Index] = item.Error.Error()
			} else {
				skipped = append(skipped, item.Index)
			}
		}
		for i, item := range got.Items {
			if item != filepath.Join(base, "docs", want[i]) {
				t.Errorf("%s: item %d is %q", when, i, item)
			}
		}
		for _, at := range []int{2, 4} {
			if text := fmt.Sprintf(`the file name "%s" is not valid UTF-8 (rename the file, or exclude it)`, got.Items[at]); failed[at] != text {
				t.Errorf("%s: item %d: %s", when, at, failed[at])
			}
		}
		if len(failed) != 2 || when != "${item.stem}" && !slices.Equal(skipped, others) {
			t.Errorf("%s: %v, %v", when, failed, skipped)
		}
		kept, err := store.Value(t.Context(), *got.Ref)
		if err != nil || !strings.Contains(string(kept), `b\\xff.txt`) {
			t.Errorf("%s, %v", kept, err)
		}
	}
}

// TestAFileWithANameThatIsNoUTF8IsNamed as the command line does it.
func TestAFileWithANameThatIsNoUTF8IsNamed(t *testing.T) {
	base := tree(t, "docs/a.txt", "docs/b\xff.txt", `docs/real\xff.txt`, "d\xe9/e.txt")
	run := protocol.RunInfo{ID: "r", FlowFolder: base, Folder: base}
	got, err := withStore(memory.New()).Expand(t.Context(), protocol.ExpandRequest{Run: run, Files: []string{`docs/b\xff.txt`, "docs/a.txt", `d\xe9`, `docs/real\xff.txt`}, Most: 9})
	if err != nil || got.Error != nil || len(got.Items) != 4 || len(got.Skipped) != 2 || got.Skipped[0].Index != 0 || got.Skipped[1].Index != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = withStore(memory.New()).Expand(t.Context(), protocol.ExpandRequest{Run: run, Files: []string{`docs/none\xff.txt`}, Most: 9})
	if err != nil || got.Error == nil || !strings.Contains(got.Error.Message, `none\\xff.txt": no such file`) {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestLinksInAFolder are followed within it, once each; what is left out is said.
func TestLinksInAFolder(t *testing.T) {
	base := tree(t,
		"flow/docs/a.txt", "flow/docs/sub/b.txt", "flow/beside/c.txt", "flow/beside.txt", "outside/secret.txt",
		"flow/docs/linked -> flow/docs/sub", "flow/docs/zz/again -> flow/docs/linked", "flow/docs/loop -> flow/docs", "flow/docs/beside -> flow/beside", "flow/docs/out -> outside",
		"flow/docs/out.txt -> flow/beside.txt", "flow/docs/note.md -> outside/secret.txt", "flow/docs/in.txt -> flow/docs/a.txt",
	)
	at := func(name string) string { return filepath.Join(base, name) }
	run := protocol.RunInfo{ID: "r", FlowFolder: at("flow"), Folder: at("flow")}
	leadsOut := "it is, or is behind, a link that leads out of the folder"
	oneOut := fmt.Sprintf("left out: linked folder %q, because it leads out of %q", at("flow/docs/out"), at("flow/docs"))
	bothOut := fmt.Sprintf("left out: linked folder %q, because it leads out of %q; linked folder %q, because it leads out of %[2]q", at("flow/docs/beside"), at("flow/docs"), at("flow/docs/out"))
	for _, c := range []struct{ pattern, want, warning string }{
		{"*.txt", "a.txt in.txt out.txt", ""},
		{"*", "a.txt in.txt note.md out.txt", bothOut},
		{"**/*", "a.txt in.txt note.md out.txt sub/b.txt", strings.Replace(bothOut, "; ", fmt.Sprintf("; linked folder %q, because it leads to a folder above it; ", at("flow/docs/loop")), 1)},
		{"{out,a.txt}", "a.txt", oneOut},
		{"**/*.txt", "a.txt in.txt out.txt sub/b.txt", fmt.Sprintf("left out: linked folder %q, because it leads out of %q; linked folder %q, because it leads to a folder above it; linked folder %q, because it leads out of %q",
			at("flow/docs/beside"), at("flow/docs"), at("flow/docs/loop"), at("flow/docs/out"), at("flow/docs"))},
		{"linked/*.txt", "linked/b.txt", ""},
		{"out.txt", "out.txt", ""},
		{"out/secret.txt", "out/secret.txt", ""},
		{"{out/*,a.txt}", "a.txt", oneOut},
	} {
		store := memory.New()
		got, err := withStore(store).Expand(t.Context(), protocol.ExpandRequest{Run: run, Directory: "docs", Pattern: c.pattern, Most: 99})
		if err != nil || got.Error != nil {
			t.Errorf("%s: %v, %v", c.pattern, got, err)
			continue
		}
		var names []string
		for _, item := range got.Items {
			names = append(names, strings.TrimPrefix(item, at("flow/docs")+"/"))
		}
		records, _ := store.Records(t.Context(), resultstore.Query{Run: "r"})
		if strings.Join(names, " ") != c.want || got.Warning != c.warning || !slices.Equal(got.Folders, []string{at("flow/docs")}) || records[0].Warning != c.warning {
			t.Errorf("%s: %q, %v, %v\n%s", c.pattern, names, got.Folders, records, got.Warning)
		}
		// Each of them is read or not as what it is in the folder.
		allowed := newFiles(run, nil, nil, at("flow/docs"))
		for i, item := range got.Items {
			_, err := allowed.Read(item, 9)
			outside := strings.HasPrefix(names[i], "out") || names[i] == "note.md"
			if outside != (err != nil && strings.Contains(err.Error(), leadsOut)) || (allowed.Check(item) != nil) != outside {
				t.Errorf("%s: %v, %v", names[i], err, allowed.Check(item))
			}
		}
	}
	got, err := withStore(memory.New()).Expand(t.Context(), protocol.ExpandRequest{Run: run, Directory: "docs", Pattern: "out/*.txt", Most: 9})
	if err != nil || got.Error == nil || !strings.Contains(got.Error.Message, fmt.Sprintf(`no file in "docs" matches "out/*.txt"; left out: linked folder %q, because it leads out of %q`, at("flow/docs/out"), at("flow/docs"))) || got.Error.Hint == "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestTheFileForResultsIsNoItem, whatever leads to it.
func TestTheFileForResultsIsNoItem(t *testing.T) {
	base := tree(t, "docs/a.md", "docs/report.md", "docs/link.md -> docs/report.md", "report.md -> docs/report.md", "docs/deep/b.md", "elsewhere/c.md", "docs/written.md -> elsewhere/c.md")
	if err := os.Link(filepath.Join(base, "docs/report.md"), filepath.Join(base, "docs/hard.md")); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(base, name) }
	run := protocol.RunInfo{ID: "r", FlowFolder: base, Folder: base}
	report := func(names ...string) string {
		for i, name := range names {
			names[i] = fmt.Sprintf("file %q, because the results are written to it", at(name))
		}
		return "left out: " + strings.Join(names, "; ")
	}
	for _, c := range []struct {
		omit, files   string // Relative to base.
		want, warning string
	}{
		{"docs/report.md", "docs", "docs/a.md docs/written.md", report("docs/hard.md", "docs/link.md", "docs/report.md")},
		{"docs/../docs/deep/../report.md", "docs", "docs/a.md docs/written.md", report("docs/hard.md", "docs/link.md", "docs/report.md")},
		{"report.md", "docs", "docs/a.md docs/written.md", report("docs/hard.md", "docs/link.md", "docs/report.md")},
		{"docs/written.md", "docs", "docs/a.md docs/hard.md docs/link.md docs/report.md", report("docs/written.md")},
		{"docs/report.md", "docs/a.md docs/report.md docs/link.md", "docs/a.md", report("docs/report.md", "docs/link.md")},
		{"docs/none.md", "docs/deep", "docs/deep/b.md", ""},
		{"docs/deep/b.md", "docs/deep", "!no file in", ""},
		{"docs/deep/b.md", "docs/deep/b.md", "!there is no file to read; " + report("docs/deep/b.md"), ""},
	} {
		ask := protocol.ExpandRequest{Run: run, Files: strings.Fields(c.files), Omit: []string{base + "/" + c.omit}, Most: 9}
		got, err := withStore(memory.New()).Expand(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		if part, fails := strings.CutPrefix(c.want, "!"); fails {
			if got.Error == nil || !strings.Contains(got.Error.Message, part) {
				t.Errorf("%+v: %+v", c, got)
			}
			continue
		}
		var names []string
		for _, item := range got.Items {
			names = append(names, strings.TrimPrefix(item, base+"/"))
		}
		if got.Error != nil || strings.Join(names, " ") != c.want || got.Warning != c.warning {
			t.Errorf("%+v:\n%q, %q, %v", c, names, got.Warning, got.Error)
		}
	}
}

func TestTheCaseOfEndingsIsIgnoredUnlessItIsNot(t *testing.T) {
	base := tree(t, "photos/a.png", "photos/b.PNG", "photos/c.Jpg", "photos/d.txt", "photos/e.TXT")
	run := protocol.RunInfo{ID: "r", FlowFolder: base, Folder: base}
	for _, c := range []struct {
		sensitive     bool
		pattern, want string
	}{
		{false, "*.png", "a.png b.PNG"}, {true, "*.png", "a.png"}, {false, "*.{PNG,JPG}", "a.png b.PNG c.Jpg"}, {true, "*.{PNG,JPG}", "b.PNG"},
	} {
		acts := withStore(memory.New())
		acts.caseSensitive = c.sensitive
		got, err := acts.Expand(t.Context(), protocol.ExpandRequest{Run: run, Directory: "photos", Pattern: c.pattern, Most: 9})
		if err != nil || got.Error != nil {
			t.Fatalf("%+v: %+v, %v", c, got, err)
		}
		var names []string
		for _, item := range got.Items {
			names = append(names, filepath.Base(item))
		}
		if strings.Join(names, " ") != c.want {
			t.Errorf("%+v: %q", c, names)
		}
	}
	got, err := withStore(memory.New()).Expand(t.Context(), protocol.ExpandRequest{Run: run, Directory: "photos", Pattern: "*", Exclude: []string{"*.txt", "*.png"}, Most: 9})
	if err != nil || len(got.Items) != 1 {
		t.Errorf("%+v, %v", got, err)
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
	want, err := newFilter("**/*.txt", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := newFiles(run, nil, nil, "").List(ctx, "docs", want); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", found, err)
	}
}
