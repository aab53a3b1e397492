package stories_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// TestFlagsReachTheModel: what each flag says is seen in the answers of a real server.
func TestFlagsReachTheModel(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("docs/a.txt", "a")
	u.File("docs/b.txt", "b")
	u.File("long.txt", strings.Repeat("All work and no play. ", 40))
	u.File("prompt.txt", "Do you see a PINEAPPLE?\n")
	u.File("schema.yaml", "type: object\nproperties: {of: {const: '${item}'}}\nrequired: [of]\n")
	for _, c := range []struct {
		name string
		args []string
		want []string // Parts of the JSON document.
	}{
		{"--system", []string{"--prompt", "x", "--system", "Look for the PINEAPPLE."}, []string{`"I saw the PINEAPPLE."`}},
		{"references in --system", []string{"--prompt", "x", "--system", "${item.stem} PINEAPPLE"}, []string{`"I saw the PINEAPPLE."`}},
		{"--prompt-file", []string{"--prompt-file", "prompt.txt"}, []string{`"I saw the PINEAPPLE."`}},
		{"--model", []string{"--prompt", "x", "--model", "tiny-script"}, []string{`"model": "tiny-script`}},
		{"--set", []string{"--prompt", "SLOWLY", "--set", "max_tokens=3"}, []string{`"tokens_used": 3`, `"warnings": 2`}},
		{"--schema in short", []string{"--prompt", "x", "--schema", "sure bool, grade yes|no"}, []string{`"sure": `, `"grade": "`}},
		{"--schema in a file, in which nothing is a reference", []string{"--prompt", "x", "--schema", "schema.yaml"}, []string{`"of": "${item}"`}},
		{"--method", []string{"--method", "llm/generate", "--prompt", "PINEAPPLE"}, []string{`"I saw the PINEAPPLE."`}},
		{"--provider", []string{"--prompt", "x", "--provider", "ollama"}, []string{`"Hello from the scripted model."`}},
	} {
		stdout, stderr := u.Gleitzeit(0, append([]string{"batch", "docs", "-o", "json"}, c.args...)...)
		wantLines(t, c.name, stdout, append(c.want, `"succeeded": 2`)...)
		if strings.Contains(stderr, "beneath") {
			t.Errorf("%s: standard error has\n%s", c.name, stderr)
		}
	}
	_, stderr := u.Gleitzeit(2, "batch", "docs", "--prompt", "x", "--provider", "openai", "--num-ctx", "64")
	wantLines(t, "another provider", stderr, `num_ctx is not supported by the provider "openai"`)
	stdout, _ := u.Gleitzeit(0, "batch", "long.txt", "--prompt", "x", "--num-ctx", "200", "-o", "json")
	wantLines(t, "a small context", stdout, `"warnings": 1`)
	cut := regexp.MustCompile(`(?m)^    ! 1 file with a warning: see the results\n      1 × .*, for example long\.txt$`)
	if stdout, _ = u.Gleitzeit(0, "status", "@latest"); !cut.MatchString(stdout) {
		t.Errorf("the status has no warning beside the item:\n%s", stdout)
	}
	shown := regexp.MustCompile(`(?m)^! 1 file with a warning\n  1 × .*, for example long\.txt$`)
	stdout, stderr = u.Gleitzeit(0, "batch", "show", "@latest")
	each := regexp.MustCompile("(?m)^`gleitzeit (batch export .*)` has the warning of each$").FindStringSubmatch(stderr)
	if !shown.MatchString(stdout) || each == nil {
		t.Fatalf("batch show has no warning:\n%s\n%s", stdout, stderr)
	}
	stdout, _ = u.Gleitzeit(0, strings.Fields(each[1])...)
	wantLines(t, "the warnings", stdout, "item,warning\n", "/long.txt,", "is longer than the model's context")
	for _, cached := range []string{"2 of 2 files\n", "2 of 2 files (2 cached)\n"} {
		_, stderr := u.Gleitzeit(0, "batch", "docs", "--prompt", "Only once.", "--cache")
		wantLines(t, "standard error", stderr, cached)
	}
}

// TestATemperatureReachesTheServer: the answers of the models here are the same at any temperature.
func TestATemperatureReachesTheServer(t *testing.T) {
	t.Parallel()
	server, err := url.Parse("http://" + strings.TrimPrefix(ollamatest.Start(t), "http://"))
	must(t, err)
	asked := make(chan string, 10)
	forward := httputil.NewSingleHostReverseProxy(server)
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil && r.URL.Path == "/api/chat" {
			asked <- string(body)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		forward.ServeHTTP(w, r)
	}))
	defer between.Close()
	u := withOllama(t, between.URL)
	u.File("a.txt", "a")
	u.Gleitzeit(0, "batch", "a.txt", "--prompt", "x", "--temperature", "0.25", "--num-ctx", "1000")
	wantLines(t, "the call", <-asked, `"temperature":0.25`, `"num_ctx":1000`)
	u.Gleitzeit(0, "batch", "a.txt", "--prompt", "x", "--temperature", "0")
	wantLines(t, "the call", <-asked, `"temperature":0`)
}

// TestEachModelIsAskedAboutEachFile: the results name the model, and a dry run names those that would be asked.
func TestEachModelIsAskedAboutEachFile(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("docs/a.txt", "a")
	u.File("docs/b.txt", "b")
	args := []string{"batch", "docs", "--prompt", "${item.model}: PINEAPPLE?", "--models", "tiny-script,tiny-think", "-o", "json"}
	want := func(stdout string) {
		t.Helper()
		document := modelsDocument{}
		must(t, json.Unmarshal([]byte(stdout), &document))
		if len(document.Results) != 4 || document.Total != 4 {
			t.Fatalf("%d results of %d", len(document.Results), document.Total)
		}
		for i, result := range document.Results {
			model, file := []string{"tiny-script", "tiny-think"}[i/2], u.Path("docs/"+[]string{"a.txt", "b.txt"}[i%2])
			if result.Index != i || result.Model != model || result.Item != file || !strings.HasPrefix(result.Result.Model, model) {
				t.Errorf("result %d is of %s, %s, asked %s; want %s, %s", i, result.Item, result.Model, result.Result.Model, file, model)
			}
		}
	}
	stdout, _ := u.Gleitzeit(0, args...)
	want(stdout)
	stdout, _ = u.Gleitzeit(0, append(args[:len(args)-2:len(args)-2], "--cache")...)
	wantLines(t, "the text", stdout, "== "+u.Path("docs/a.txt")+" (tiny-script)\n", "== "+u.Path("docs/b.txt")+" (tiny-think)\n")
	u.Gleitzeit(0, append(args[:len(args)-2:len(args)-2], "--cache", "--output", "mm.tsv", "--ordered")...)
	table := read(t, u.Path("mm.tsv"))
	wantLines(t, "the table", table, "item\tindex\tmodel\tstatus\t", u.Path("docs/a.txt")+"\t0\ttiny-script\t", u.Path("docs/a.txt")+"\t2\ttiny-think\t")
	stdout, _ = u.Gleitzeit(0, append(args, "--dry-run")...)
	wantLines(t, "the dry run", stdout, `"calls": 4`, `"prompt": "tiny-script: PINEAPPLE?\n\na"`, `"model": "tiny-think"`)

	// The saved workflow does the same.
	u.Gleitzeit(0, append(args[:len(args)-2], "--save", "flow.yaml")...)
	stdout, _ = u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
	_, results, _ := strings.Cut(stdout, `"results": [`)
	for _, model := range []string{"tiny-script", "tiny-think"} {
		if got := strings.Count(results, fmt.Sprintf("%q: %q", "model", model)); got < 2 {
			t.Errorf("%d results of the run name %s:\n%s", got, model, stdout)
		}
	}
}

type modelsDocument struct {
	Total   int `json:"total"`
	Results []struct {
		Item   string `json:"item"`
		Index  int    `json:"index"`
		Model  string `json:"model"`
		Result struct {
			Model string `json:"model"`
		} `json:"result"`
	} `json:"results"`
}

// TestFailuresFitTheTerminal: the path is relative, the reason is whole, and no word is broken.
func TestFailuresFitTheTerminal(t *testing.T) {
	t.Parallel()
	u := withOllama(t, ollamatest.Start(t))
	u.File("docs/a.txt", "a")
	u.File("docs/"+strings.Repeat("long-", 20)+"name.pdf", "%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\n")
	u.File("docs/b.txt", "PINE\x00APPLE")
	screen := u.terminal("batch", "docs", "--prompt", "Summarize.", "--output", "out.md")
	shown := screen.ends()
	wantLines(t, "the terminal", shown, "✗ batch[1]  docs/b.txt  has NUL bytes: it is binary data, not text\n", "✗ batch[2]\n  …", "-name.pdf\n  is not a complete PDF document\n")
	if strings.Contains(shown, u.Work) {
		t.Errorf("the terminal shows an absolute path:\n%s", shown)
	}
}

// TestALargeBatchIsConfirmed: on a terminal, and nowhere else.
func TestALargeBatchIsConfirmed(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	for i := range 101 {
		u.File(fmt.Sprintf("docs/%03d.txt", i), "")
	}
	args := []string{"batch", "docs", "--method", "mcp/tool.echo", "--set", "message=${item.stem}", "--output", "out.txt"}
	const question = "101 calls of mcp/tool.echo: continue? [y/N]"
	screen := u.terminal(args...)
	eventually(t, "the question is asked", func() bool { return strings.Contains(screen.shows(), question) })
	screen.tmux("send-keys", "n", "Enter")
	if shown := screen.ends(); !strings.Contains(shown, "nothing was started") || exists(u.Path("out.txt")) {
		t.Errorf("after no:\n%s", shown)
	}
	screen = u.terminal(args...)
	eventually(t, "the question is asked again", func() bool { return strings.Contains(screen.shows(), question) })
	screen.tmux("send-keys", "y", "Enter")
	wantLines(t, "after yes", screen.ends(), "wrote the results to out.txt")
	for _, shown := range []string{u.terminal(append(args, "--yes")...).ends(), u.terminal(append(args, "--limit", "100")...).ends()} {
		if strings.Contains(shown, "continue?") || !strings.Contains(shown, "wrote the results to out.txt") {
			t.Errorf("there is a question, or no end:\n%s", shown)
		}
	}
	if _, stderr := u.Gleitzeit(0, args...); strings.Contains(stderr, "continue?") {
		t.Errorf("there is a question without a terminal:\n%s", stderr)
	}
}

// TestDryRun: files that no model can read are named, and nothing is written.
func TestDryRun(t *testing.T) {
	t.Parallel()
	u := withOllama(t, nobodyAt(t))
	u.File("docs/a.txt", "a")
	u.File("docs/b.pdf", "%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\n")
	u.File("docs/c.txt", "")
	must(t, os.Symlink(u.Path("elsewhere"), u.Path("docs/d.txt")))
	for i := range 30 {
		u.File(fmt.Sprintf("docs/more%02d.txt", i), strings.Repeat("line\n", 40))
	}
	stdout, stderr := u.Gleitzeit(0, "batch", "docs", "--prompt", "Summarize.", "--output", "out.md", "--dry-run")
	wantLines(t, "the dry run", stdout, "34 files, 34 calls of llm/chat, about ", "  and 14 more\n", "… 14", " more bytes\n", "docs/b.pdf: would fail: the file is not a complete PDF document\n", "docs/c.txt: would fail: the file is empty\n", "docs/d.txt: would fail: ")
	if strings.Count(stdout, "\n== ") != 3 || stderr != "" || exists(u.Path("out.md")) {
		t.Errorf("%s\n%s", stdout, stderr)
	}
}
