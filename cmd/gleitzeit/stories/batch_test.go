package stories_test

import (
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// batchDocument is what `gleitzeit batch -o json` prints, repeated here, because what programs read must not change with
// the program.
type batchDocument struct {
	Run       string `json:"run"`
	Workflow  string `json:"workflow"`
	Status    string `json:"status"`
	Total     int    `json:"total"`
	Succeeded int    `json:"succeeded"`
	Failed    int    `json:"failed"`
	Skipped   int    `json:"skipped"`
	Warning   string `json:"warning"`
	Warnings  int    `json:"warnings"`
	reasons
	Duration float64         `json:"duration"`
	Error    *errorDocument  `json:"error"`
	Results  []batchedResult `json:"results"`
}

type batchedResult struct {
	Item     string                     `json:"item"`
	Model    string                     `json:"model"`
	Index    int                        `json:"index"`
	Status   string                     `json:"status"`
	Result   map[string]json.RawMessage `json:"result"`
	Error    *errorDocument             `json:"error"`
	Duration float64                    `json:"duration"`

	FailedAttempts []attemptDocument `json:"failed_attempts"`
}

func parseBatch(t *testing.T, text string) *batchDocument {
	t.Helper()
	document := &batchDocument{}
	must(t, programtest.StrictJSON(text, document))
	return document
}

// TestColoursOfAFolder: each image is looked at, and a report names its colour.
func TestColoursOfAFolder(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	must(t, os.Mkdir(u.Path("photos"), 0o755))
	paint(t, u.Path("photos/a.png"), color.RGBA{R: 255, A: 255})
	paint(t, u.Path("photos/b.png"), color.RGBA{G: 255, A: 255})
	paint(t, u.Path("photos/c.png"), color.RGBA{B: 255, A: 255})
	stdout, _ := u.Gleitzeit(0, "batch", "photos", "--pattern", "*.png", "--vision", "--prompt", "Which colour is this?", "-o", "json")
	document := parseBatch(t, stdout)
	for i, want := range []string{`"I see red."`, `"I see green."`, `"I see blue."`} {
		wantFields(t, document.Results[i].Item, document.Results[i].Result, map[string]string{"response": want})
	}
	stdout, stderr := u.Gleitzeit(0, "batch", "photos", "--pattern", "*.png", "--vision", "--prompt", "Which colour is this?", "--format", "markdown", "--output", "colours.md")
	if stdout != "" {
		t.Errorf("standard output is %q", stdout)
	}
	wantLines(t, "stderr", stderr, "wrote the results to colours.md\n")
	wantLines(t, "the report", read(t, u.Path("colours.md")), "# Batch photos\n", "3 of 3 files succeeded", "/photos/b.png\n\nI see green.\n")
}

// TestFormatsOfFiles: the name of the file for the results selects their format, unless one is given; what is said about
// the run is for people.
func TestFormatsOfFiles(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("a.txt", "a")
	for _, c := range []struct {
		file, begins string
		format       []string
	}{
		{file: "out.json", begins: "{\n  \"run\": "}, {file: "out.JSONL", begins: `{"item":`}, {file: "out.md", begins: "# Batch"},
		{file: "out.markdown", begins: "# Batch"}, {file: "out.txt", begins: "== "}, {file: "out", begins: "== "},
		{file: "given.txt", begins: "# Batch", format: []string{"--format", "md"}}, {file: "given.md", begins: "== ", format: []string{"-o", "text"}},
		{file: "lines", begins: `{"item":`, format: []string{"-o", "jsonl"}},
	} {
		_, said := u.Gleitzeit(0, append([]string{"batch", "a.txt", "--prompt", "Summarize.", "--output", c.file}, c.format...)...)
		if got := read(t, u.Path(c.file)); !strings.HasPrefix(got, c.begins) {
			t.Errorf("%s begins with %.20q", c.file, got)
		}
		if !strings.HasPrefix(said, "run batch-") || strings.Contains(said, "{") {
			t.Errorf("%s: standard error has\n%s", c.file, said)
		}
	}
}

// TestTheReportIsNoDocument: a batch that writes its results into its own folder does not read them the next time, by whatever path.
func TestTheReportIsNoDocument(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("docs/a.md", "a")
	must(t, os.Symlink("docs", u.Path("other")))
	must(t, os.Symlink("docs/report.md", u.Path("link.md")))
	batch := func(output string) string {
		u.Gleitzeit(0, "batch", "docs", "--prompt", "Summarize.", "--new", "--format", "md", "--output", output)
		return read(t, u.Path("docs/report.md"))
	}
	if report := batch("docs/report.md"); !strings.Contains(report, "1 of 1 file succeeded") || strings.Contains(report, "Warning") {
		t.Errorf("the first report:\n%s", report)
	}
	for _, output := range []string{"docs/report.md", "docs/../other/./report.md", u.Path("docs/report.md"), "link.md"} {
		must(t, os.WriteFile(u.Path("docs/report.md"), []byte("old"), 0o644))
		wantLines(t, output, batch(output), "1 of 1 file succeeded", `> **Warning:** left out: file "`+u.Path("docs/report.md")+`", because the results are written to it`)
	}
	u.File("docs/report.md.partial", "what a killed batch has left") // It is not read, and stays, because no batch has written it.
	wantLines(t, "report", batch("other/report.md"), "1 of 1 file succeeded")
	must(t, os.Remove(u.Path("docs/report.md.partial")))
	if info, err := os.Lstat(u.Path("link.md")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
	stdout, stderr := u.Gleitzeit(0, "batch", "docs/a.md", "docs/report.md", "--prompt", "Summarize.", "-o", "json")
	if document := parseBatch(t, stdout); document.Total != 2 || document.Warning != "" {
		t.Errorf("without --output: %+v\n%s", document, stderr)
	}
	_, stderr = u.Gleitzeit(2, "batch", "docs/report.md", "--prompt", "Summarize.", "--output", "other/report.md")
	wantLines(t, "standard error", stderr, "there is no file to read; left out: file")
}

// TestTextsAndOtherFiles: texts are read in the encodings that people have, and what is no text is named, with a hint in every form.
func TestTextsAndOtherFiles(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("docs/a.txt", "\ufeffPINEAPPLE")
	u.File("docs/b.txt", "\xff\xfeP\x00I\x00N\x00E\x00A\x00P\x00P\x00L\x00E\x00")
	u.File("docs/c.TXT", "\x00P\x00I\x00N\x00E\x00A\x00P\x00P\x00L\x00E")
	u.File("docs/d.txt", "%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\n")
	u.File("docs/e.txt", "PINE\x00APPLE")
	args := []string{"batch", "docs", "--pattern", "*.txt", "--prompt", "What do you see?"}
	stdout, stderr := u.Gleitzeit(6, append(args, "-o", "json")...)
	document := parseBatch(t, stdout)
	if document.Total != 5 || document.Succeeded != 3 {
		t.Fatalf("%+v\n%s", document, stderr)
	}
	for _, result := range document.Results[:3] {
		wantFields(t, result.Item, result.Result, map[string]string{"response": `"I saw the PINEAPPLE."`})
	}
	named := []string{"is a PDF document, not text", "convert it to text: `pdftotext FILE`", "has NUL bytes: it is binary data, not text", "convert it to text, or exclude it"}
	wantLines(t, "standard error", stderr, named...)
	stdout, _ = u.Gleitzeit(6, append(args, "--new")...)
	wantLines(t, "the text", stdout, named...)
	stdout, _ = u.Gleitzeit(6, append(args, "--new", "-o", "md")...)
	wantLines(t, "the report", stdout, named...)
	stdout, _ = u.Gleitzeit(0, "status", "@latest")
	wantLines(t, "the status", stdout, named...)
}

// TestTwoHundredDocuments: two of them are not text and have an error, all others have an answer.
func TestTwoHundredDocuments(t *testing.T) {
	t.Parallel()
	const documents = 200
	u := withOllama(t, ollamatest.Start(t))
	must(t, os.Mkdir(u.Path("docs"), 0o755))
	broken := map[int]bool{31: true, 144: true}
	for i := range documents {
		text := fmt.Sprintf("Document number %d.", i)
		if broken[i] {
			text = "caf\xe9"
		}
		u.File(fmt.Sprintf("docs/%03d.txt", i), text)
	}
	stdout, stderr := u.Gleitzeit(6, "batch", "docs", "--prompt", "Summarize.", "--max-concurrent", "4", "-o", "json")
	document := parseBatch(t, stdout)
	if document.Status != "completed" || document.Total != documents || document.Succeeded != documents-2 || document.Failed != 2 || document.Skipped != 0 {
		t.Errorf("%s: total %d, succeeded %d, failed %d, skipped %d", document.Status, document.Total, document.Succeeded, document.Failed, document.Skipped)
	}
	for i, result := range document.Results {
		if result.Index != i || filepath.Base(result.Item) != fmt.Sprintf("%03d.txt", i) {
			t.Errorf("result %d is of item %d, %s", i, result.Index, result.Item)
		}
		if !broken[i] {
			wantFields(t, result.Item, result.Result, map[string]string{"response": `"Hello from the scripted model."`})
			continue
		}
		if result.Status != "failed" || result.Error == nil || *result.Error.Message == "" {
			t.Errorf("%s: %s, %+v", result.Item, result.Status, result.Error)
		}
	}
	if failures := strings.Count(stderr, "✗ batch["); failures != 2 {
		t.Errorf("%d lines about failures:\n%s", failures, stderr)
	}
}

// TestBatchWithoutOllama: no file can be answered, so that nothing is started, and one message says why and what to do. So it is where the
// server has not the model. Where answers may be there already, or the server may come, the batch starts.
func TestBatchWithoutOllama(t *testing.T) {
	t.Parallel()
	address := nobodyAt(t)
	u := withOllama(t, address)
	for i := range 3 {
		u.File(fmt.Sprintf("docs/%d.txt", i), "text")
	}
	stdout, stderr := u.Gleitzeit(4, "batch", "docs", "--prompt", "Summarize.", "--output", "out.csv")
	wantLines(t, "standard error", stderr, "gleitzeit: Ollama at http://"+address+" cannot be reached", "\n  start it with `ollama serve`")
	if stdout != "" || strings.Count(stderr, "\n") != 2 || exists(u.Path("out.csv")) {
		t.Errorf("standard output is %q, standard error %q", stdout, stderr)
	}
	if listed, _ := u.Gleitzeit(0, "list", "-o", "json"); strings.Contains(listed, "batch-docs") {
		t.Errorf("a run was started: %s", listed)
	}
	stdout, stderr = u.Gleitzeit(4, "batch", "docs", "--prompt", "Summarize.", "--cache", "-o", "json")
	document := parseBatch(t, stdout)
	if document.Status != "failed" || document.Failed != 3 {
		t.Errorf("%s, %d failed", document.Status, document.Failed)
	}
	wantLines(t, "standard error", stderr, "all of 3 files failed; the first is ", "Ollama at http://"+address+" cannot be reached", "\n  start it with `ollama serve`")

	with := withOllama(t, ollamatest.Start(t))
	with.File("docs/a.txt", "text")
	_, stderr = with.Gleitzeit(5, "batch", "docs", "--prompt", "Summarize.", "--model", "nosuch")
	wantLines(t, "standard error", stderr, `has no model "nosuch"`, "ollama pull nosuch", "llama3.2")
	if strings.Count(stderr, "nosuch") != 2 {
		t.Errorf("standard error is %q", stderr)
	}
	_, stderr = with.Gleitzeit(5, "batch", "docs", "--prompt", "Summarize.", "--models", "llama3.2,nosuch,other")
	wantLines(t, "standard error", stderr, `has no model "nosuch"; Ollama at `, `has no model "other"`, "ollama pull nosuch")
	if listed, _ := with.Gleitzeit(0, "list", "-o", "json"); strings.Contains(listed, "batch-docs") {
		t.Errorf("a run was started: %s", listed)
	}
}

func paint(t *testing.T, path string, with color.Color) {
	t.Helper()
	picture := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for x := range 64 {
		for y := range 64 {
			picture.Set(x, y, with)
		}
	}
	file, err := os.Create(path)
	must(t, err)
	must(t, png.Encode(file, picture))
	must(t, file.Close())
}

// TestAKilledBatchWritesEveryItemOnce: the file that grows with a batch is continued by the process that resumes it, and is then what
// an export of the run writes.
func TestAKilledBatchWritesEveryItemOnce(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	const count, kills = 60, 2
	for i := range count {
		u.File(fmt.Sprintf("docs/%02d.txt", i), fmt.Sprintf("document %d\n", i))
	}
	for _, c := range []struct {
		file  string
		flags []string
	}{{"out.csv", nil}, {"out.jsonl", []string{"--ordered"}}} {
		command := append([]string{"batch", "docs", "--prompt", "Summarize.", "--max-concurrent", "1", "--output", c.file}, c.flags...)
		partial := func() int {
			data, _ := os.ReadFile(u.Path(c.file + ".partial"))
			return strings.Count(string(data), "\n") - 1
		}
		seen := 0
		for range kills {
			p := u.Start(command...)
			programtest.Eventually(t, "more items are written", func() bool { return partial() > seen+3 })
			p.Kill()
			seen = partial()
			if seen == count {
				t.Fatal("the batch has ended")
			}
		}
		_, stderr := u.Gleitzeit(0, command...)
		run := strings.Fields(stderr)[2]
		if exists(u.Path(c.file + ".partial")) {
			t.Errorf("%s.partial is still there", c.file)
		}
		u.Gleitzeit(0, "batch", "export", run, "--output", "export"+filepath.Ext(c.file))
		got, want := strings.Split(read(t, u.Path(c.file)), "\n"), strings.Split(read(t, u.Path("export"+filepath.Ext(c.file))), "\n")
		if len(c.flags) == 0 {
			slices.Sort(got)
			slices.Sort(want)
		}
		if !slices.Equal(got, want) || len(got) != count+2 {
			t.Errorf("%s has\n%s\nwant\n%s", c.file, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}
