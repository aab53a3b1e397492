package stories_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// factModel is a server with OpenAI's API whose model answers with the facts that it sees. It holds one request until its client has
// gone.
type factModel struct {
	*httptest.Server
	hold    int // The number of that request; 0: none.
	holding chan struct{}

	mu       sync.Mutex
	arrived  int
	answered []string // The prompts.
}

func newFactModel(t *testing.T, hold int) *factModel {
	t.Helper()
	facts := regexp.MustCompile(`Secret \d+ is \w+\.`)
	m := &factModel{hold: hold, holding: make(chan struct{})}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/chat/completions") {
			http.NotFound(w, r)
			return
		}
		var body struct {
			Messages []struct{ Content string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		m.mu.Lock()
		m.arrived++
		held := m.arrived == m.hold
		m.mu.Unlock()
		if held {
			close(m.holding)
			<-r.Context().Done()
			return
		}
		prompt := body.Messages[len(body.Messages)-1].Content
		m.mu.Lock()
		defer m.mu.Unlock()
		m.answered = append(m.answered, prompt)
		text := strings.Join(facts.FindAllString(prompt, -1), " ")
		if text == "" {
			text = "nothing"
		}
		answer, err := json.Marshal(map[string]any{
			"model":   "m",
			"choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": text}}},
			"usage":   map[string]any{"prompt_tokens": len(prompt) / 4, "completion_tokens": len(text) / 4},
		})
		if err == nil {
			_, err = w.Write(answer)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(m.Server.Close)
	return m
}

// TestKillWhileADocumentIsRead: after a kill only the chunks without a record are asked about, of a task and of an item, and so they are
// by the same command after Ctrl-C.
func TestKillWhileADocumentIsRead(t *testing.T) {
	t.Parallel()
	const held = 8 // The request that is not answered.
	const byScript = "{method: python/execute, code: \"result = ' '.join(a['response'] for a in context['answers'])\"}"
	for name, test := range map[string]struct {
		task  string
		calls int // Of the model, beside those about chunks.
		again int // Chunks that the second command does not count: those of a run that it takes over.
	}{
		"task":        {"    parameters: {provider: openai, prompt: What are the secrets?, file_path: report.md}\n    combine: Combine them.\n", 1, 0},
		"item":        {"    for_each: [report.md]\n    parameters: {provider: openai, prompt: What are the secrets?, file_path: \"${item}\"}\n    combine: " + byScript + "\n", 0, 0},
		"interrupted": {"    parameters: {provider: openai, prompt: What are the secrets?, file_path: report.md}\n    combine: Combine them.\n", 1, held - 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := newFactModel(t, held)
			u := newUser(t)
			u.File("../home/gleitzeit/config.yaml", "providers: {openai: {url: "+m.URL+", model: m}}\n")
			var text strings.Builder
			for chapter := 1; chapter <= 20; chapter++ {
				fmt.Fprintf(&text, "## Chapter %d\n\n%s Secret %d is word%d.\n\n", chapter, strings.Repeat("Nothing happened. ", 40), chapter, chapter)
			}
			u.File("report.md", text.String())
			u.File("flow.yaml", "name: Report\ntasks:\n  - id: ask\n    method: llm/chat\n    split: {size: 300, by: heading}\n"+test.task)
			p := u.Start("run", "flow.yaml", "-o", "json")
			<-m.holding
			if test.again > 0 {
				p.Signal(syscall.SIGINT)
				p.Wait()
			} else {
				p.Kill()
			}
			stdout, _ := u.Gleitzeit(0, "run", "flow.yaml", "-o", "json")
			run, err := parseRun(stdout)
			must(t, err)
			const chunks = 20
			if n := len(m.answered); n != chunks+test.calls || m.arrived != n+1 {
				t.Errorf("%d answers to %d requests", n, m.arrived)
			}
			asked := map[string]int{}
			for _, prompt := range m.answered {
				if asked[prompt]++; asked[prompt] > 1 {
					t.Errorf("asked again: %.100q", prompt)
				}
			}
			if used := *run.Usage.LLMCalls; used != int64(chunks+test.calls-test.again) {
				t.Errorf("%d calls of the model are counted", used)
			}
			result := run.task("ask").Result
			if name == "item" {
				var entries []struct {
					Result map[string]json.RawMessage `json:"result"`
				}
				must(t, json.Unmarshal(result["results"], &entries))
				if len(entries) != 1 { // Chunks are no items.
					t.Fatalf("%d items", len(entries))
				}
				result = entries[0].Result
			}
			var response string
			must(t, json.Unmarshal(result["response"], &response))
			for chapter := 1; chapter <= chunks; chapter++ {
				if fact := fmt.Sprintf("Secret %d is word%d.", chapter, chapter); !strings.Contains(response, fact) {
					t.Errorf("the response has no %q", fact)
				}
			}
			var listed []struct{ Place, Response string }
			must(t, json.Unmarshal(result["chunks"], &listed))
			if len(listed) != chunks || listed[2].Place != "## Chapter 3, lines 9–11 of report.md" {
				t.Errorf("%d chunks, %+v", len(listed), listed[2])
			}
			stdout, _ = u.Gleitzeit(0, "status", *run.Run)
			if strings.Count(stdout, "✓") > 2 || strings.Contains(stdout, "chunk/") {
				t.Errorf("chunks are shown as tasks:\n%s", stdout)
			}
		})
	}
}

// TestDryRunCountsChunks: a dry run has the calls that the run makes, for chunks and for their answers.
func TestDryRunCountsChunks(t *testing.T) {
	t.Parallel()
	m := newFactModel(t, 0)
	u := newUser(t)
	u.File("../home/gleitzeit/config.yaml", "providers: {openai: {url: "+m.URL+", model: m}}\n")
	var text strings.Builder
	for chapter := 1; chapter <= 20; chapter++ {
		fmt.Fprintf(&text, "## Chapter %d\n\n%s\n\n", chapter, strings.Repeat("Nothing happened. ", 40))
	}
	u.File("docs/report.md", text.String())
	u.File("docs/short.md", "Nothing else happened.\n")
	command := []string{"batch", "docs", "--provider", "openai", "--prompt", "What happened?", "--split", "size=300,by=heading"}
	for _, test := range []struct {
		combine []string
		calls   int
		line    string
	}{
		{nil, 21, "2 files, about 21 calls of llm/chat, about "},
		{[]string{"--combine", "true"}, 22, "2 files, about 22 calls of llm/chat, about "},
	} {
		typed := append(slices.Clone(command), test.combine...)
		before := m.arrived
		stdout, _ := u.Gleitzeit(0, append(slices.Clone(typed), "--dry-run")...)
		wantLines(t, "the dry run", stdout, test.line, "split: 1 document in about 20 chunks of at most 300 tokens, by heading", "== docs/report.md, chunk 1 of about 20\n", "# report.md (## Chapter 1, lines 1–3)")
		if strings.Contains(stdout, "Chapter 2") || strings.Contains(stdout, "combine:") != (test.combine != nil) {
			t.Errorf("the dry run has\n%s", stdout)
		}
		stdout, _ = u.Gleitzeit(0, append(slices.Clone(typed), "--dry-run", "-o", "json")...)
		var preview struct {
			Calls   int
			Split   struct{ Size, Documents, Chunks int }
			Prompts []struct{ Chunks int }
		}
		must(t, json.Unmarshal([]byte(stdout), &preview))
		if m.arrived != before {
			t.Errorf("the dry run asked the model")
		}
		u.Gleitzeit(0, typed...)
		if arrived := m.arrived - before; preview.Calls != test.calls || arrived != test.calls || preview.Split.Size != 300 || preview.Split.Documents != 1 || preview.Split.Chunks != 20 || preview.Prompts[0].Chunks != 20 || preview.Prompts[1].Chunks != 0 {
			t.Errorf("%d calls, and the dry run has\n%s", arrived, stdout)
		}
	}
	stdout, _ := u.Gleitzeit(0, "batch", "docs", "--prompt", "x", "--split", "auto", "--dry-run")
	wantLines(t, "the dry run", stdout, "2 files, at least 2 calls of llm/chat", "split: documents that do not fit into the context of the model")
	stdout, _ = u.Gleitzeit(0, "batch", "docs", "--prompt", "x", "--set", "on_truncation=split", "--dry-run")
	wantLines(t, "the dry run", stdout, "2 files, at least 2 calls of llm/chat")
	u.File("rows.csv", "file\ndocs/report.md\ndocs/short.md\n")
	stdout, _ = u.Gleitzeit(0, "batch", "--rows", "rows.csv", "--prompt", "x", "--set", "file_path=${item.file}", "--split", "300,by=heading", "--dry-run")
	wantLines(t, "the dry run of rows", stdout, "2 rows, about 21 calls of llm/chat", "split: 1 document in about 20 chunks")
}
