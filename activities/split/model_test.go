package split_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/activities/split"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// model is a server with OpenAI's API whose model answers with the facts that it sees. It counts like a tokenizer: a word is a token,
// and each digit is.
type model struct {
	limit     int  // Of its context.
	tokenizes bool // It has the page /tokenize.
	silent    bool // It does not say how long a prompt is.
	fail      func(n int, prompt string) bool

	mu        sync.Mutex
	asked     []string // Prompts that it has answered.
	tooLong   []string // Prompts that it has refused.
	tokenized int
	url       string
}

var words = regexp.MustCompile(`\d|[^\s\d]+`)

func tokensOf(text string) int { return len(words.FindAllString(text, -1)) }

var facts = regexp.MustCompile(`The secret of page \d+ is \w+\.`)

func (m *model) start(t *testing.T) *model {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		switch {
		case strings.HasSuffix(r.URL.Path, "/tokenize") && m.tokenizes:
			var body struct{ Content string }
			if err := json.Unmarshal(data, &body); err != nil {
				t.Error(err)
			}
			m.tokenized++
			writeJSON(t, w, map[string]any{"tokens": make([]int, tokensOf(body.Content))})
		case strings.HasSuffix(r.URL.Path, "/chat/completions"):
			m.answer(t, w, data)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

func (m *model) answer(t *testing.T, w http.ResponseWriter, data []byte) {
	var body struct {
		Messages []struct{ Content string }
		Format   json.RawMessage `json:"response_format"`
	}
	if err := json.Unmarshal(data, &body); err != nil {
		t.Error(err)
	}
	prompt := body.Messages[len(body.Messages)-1].Content
	tokens := tokensOf(prompt) + 10 // Its template.
	if tokens > m.limit {
		m.tooLong = append(m.tooLong, prompt)
		w.WriteHeader(http.StatusBadRequest)
		said := map[string]any{"code": 400, "type": "exceed_context_size_error", "message": "the request exceeds the available context size, try increasing it"}
		if !m.silent {
			said["n_prompt_tokens"], said["n_ctx"] = tokens, m.limit
		}
		writeJSON(t, w, map[string]any{"error": said})
		return
	}
	if m.fail != nil && m.fail(len(m.asked), prompt) {
		http.Error(w, "the disk is full", http.StatusInternalServerError)
		return
	}
	m.asked = append(m.asked, prompt)
	found := facts.FindAllString(prompt, -1)
	slices.Sort(found)
	found = slices.Compact(found)
	text := strings.Join(found, " ")
	if body.Format != nil {
		text = `{"facts": ` + string(marshal(t, append([]string{}, found...))) + `, "first": null}`
		if len(found) > 0 {
			text = strings.Replace(text, "null", string(marshal(t, found[0])), 1)
		}
	} else if text == "" {
		text = "nothing"
	}
	writeJSON(t, w, map[string]any{
		"model":   "m",
		"choices": []any{map[string]any{"finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": text}}},
		"usage":   map[string]any{"prompt_tokens": tokens, "completion_tokens": tokensOf(text)},
	})
}

func marshal(t *testing.T, v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return data
}

func writeJSON(t *testing.T, w http.ResponseWriter, v any) {
	if _, err := w.Write(marshal(t, v)); err != nil {
		t.Error(err)
	}
}

// recorded are the steps of a call, as its attempts share them.
type recorded map[string]split.Step

func (r recorded) Find(_ context.Context, name string) (*split.Step, error) {
	if step, is := r[name]; is {
		return &step, nil
	}
	return nil, nil
}

func (r recorded) Put(_ context.Context, name string, step split.Step) error {
	r[name] = step
	return nil
}

func (r recorded) count(kind string) (n int) {
	for name := range r {
		if strings.HasPrefix(name, kind+"-") {
			n++
		}
	}
	return n
}

type files map[string]string

func (f files) Read(path string, _ int64) ([]byte, error) { return []byte(f[path]), nil }

// report is a text of 300 pages with a fact on each of ten.
func report() (text string, want []string) {
	var b strings.Builder
	for page := 1; page <= 300; page++ {
		fmt.Fprintf(&b, "## Page %d\n\n", page)
		for line := range 12 {
			fmt.Fprintf(&b, "It was quiet on the river all that day, and nobody in the village saw the boat. ")
			if page%30 == 7 && line == 5 {
				fact := fmt.Sprintf("The secret of page %d is word%c.", page, 'a'+page/30)
				want = append(want, fact)
				b.WriteString(fact + " ")
			}
			if line%4 == 3 {
				b.WriteString("\n\n")
			}
		}
	}
	return b.String(), want
}

// callOf is a call of llm/chat about a file.
func callOf(t *testing.T, m *model, text, parameters string) *split.Call {
	t.Helper()
	handler, err := llm.New(llm.Options{Provider: "openai", Providers: []protocol.ProviderSettings{{Name: "openai", Model: "m", URLs: []string{m.url}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := handler.Close(); err != nil {
			t.Error(err)
		}
	})
	given, err := value.Parse([]byte(`{"prompt": "What are the secrets?", "file_path": "report.md"` + parameters + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return &split.Call{
		Reader: handler, Steps: recorded{}, Progress: func(string) {}, Handle: handler.Handle,
		Request: protocol.Request{Method: llm.Chat, Parameters: given, Files: files{"report.md": text}},
	}
}

func responseOf(result protocol.Result) string {
	v, _ := result.Value.Get("response")
	return v.Text()
}

func wantFacts(t *testing.T, what, text string, want []string) {
	t.Helper()
	for _, fact := range want {
		if strings.Count(text, fact) != 1 {
			t.Errorf("%s has %q %d times: %.300q", what, fact, strings.Count(text, fact), text)
		}
	}
}

// TestTenFacts: the answer about a document of 300 pages has what stands on ten of them.
func TestTenFacts(t *testing.T) {
	text, want := report()
	for name, test := range map[string]struct {
		model      *model
		split      protocol.Split
		parameters string
		refused    int // Prompts that are too long at most.
	}{
		"by size":                     {&model{limit: 3000}, protocol.Split{Size: 2000}, "", 0},
		"by size, counted":            {&model{limit: 3000, tokenizes: true}, protocol.Split{Size: 2000}, "", 0},
		"with overlap":                {&model{limit: 3000}, protocol.Split{Size: 2000, Overlap: 100, By: protocol.SplitByHeading}, "", 0},
		"by context":                  {&model{limit: 3000}, protocol.Split{}, `, "on_truncation": "split"`, 1},
		"by context, counted":         {&model{limit: 3000, tokenizes: true}, protocol.Split{}, `, "on_truncation": "split"`, 1},
		"by context, with a prompt":   {&model{limit: 3000}, protocol.Split{Combine: &protocol.Combine{}}, `, "on_truncation": "split"`, 1},
		"by a size that is too large": {&model{limit: 1500}, protocol.Split{Size: 8000}, "", 60},
		"by a silent server":          {&model{limit: 1500, silent: true}, protocol.Split{Size: 4000}, "", 60},
	} {
		t.Run(name, func(t *testing.T) {
			m := test.model.start(t)
			c := callOf(t, m, text, test.parameters)
			c.Split = test.split
			result, err := c.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			response := responseOf(result)
			wantFacts(t, "the response", strings.Join(slices.Compact(strings.SplitAfter(response, "\n\n")), ""), want)
			if len(m.tooLong) > test.refused {
				t.Errorf("%d prompts were too long", len(m.tooLong))
			}
			chunks, _ := result.Value.Get("chunks")
			if n := len(chunks.Elements()); n < 20 || n != c.Steps.(recorded).count("chunk") {
				t.Errorf("%d chunks, and %d records of them", n, c.Steps.(recorded).count("chunk"))
			}
			if result.Usage.LLMCalls != int64(len(m.asked)) {
				t.Errorf("usage %+v of %d calls", result.Usage, len(m.asked))
			}
			counted, _ := result.Value.Get("prompt_tokens")
			if counted.Digits() != fmt.Sprint(result.Usage.PromptTokens) {
				t.Errorf("prompt_tokens %s, usage %+v", counted.Digits(), result.Usage)
			}
			all := strings.Join(m.asked, "\n")
			for page := 1; page <= 300; page++ {
				if !strings.Contains(all, fmt.Sprintf("## Page %d\n", page)) {
					t.Errorf("page %d was not read", page)
				}
			}
			if m.tokenizes != (m.tokenized > 0) {
				t.Errorf("%d texts were counted", m.tokenized)
			}
		})
	}
}

// TestTooLongFails: without a split the same document is an error, and its cause says by how much.
func TestTooLongFails(t *testing.T) {
	text, _ := report()
	m := (&model{limit: 3000}).start(t)
	c := callOf(t, m, text, `, "on_truncation": "fail"`)
	_, err := c.Handle(t.Context(), c.Request, nil)
	failure := protocol.AsError(err, protocol.InternalError)
	if failure.Code != protocol.InvalidParams || !strings.Contains(failure.Message, "context") || failure.Hint == "" {
		t.Errorf("%+v", failure)
	}
	if len(m.asked) > 0 {
		t.Errorf("%d answers", len(m.asked))
	}
}

// TestWithinSize: a document that fits is asked about at once.
func TestWithinSize(t *testing.T) {
	for _, of := range []protocol.Split{{Size: 2000}, {}} {
		m := (&model{limit: 3000}).start(t)
		c := callOf(t, m, "The secret of page 1 is tea. That is all.", `, "on_truncation": "split"`)
		c.Split = of
		result, err := c.Run(t.Context())
		if err != nil || responseOf(result) != "The secret of page 1 is tea." || len(m.asked) != 1 {
			t.Errorf("%q, %v, %d calls", responseOf(result), err, len(m.asked))
		}
		if m.asked[0] != "What are the secrets?\n\nThe secret of page 1 is tea. That is all." {
			t.Errorf("%q", m.asked[0])
		}
	}
}

// TestWithoutPages: a document without pages ends its chunks where headings begin, as its warning says.
func TestWithoutPages(t *testing.T) {
	m := (&model{limit: 3000}).start(t)
	c := callOf(t, m, "# A\n\n"+strings.Repeat("One is here. ", 20)+"\n\n# B\n\n"+strings.Repeat("Two is here. ", 10)+"\n\nThree.\n", "")
	c.Split = protocol.Split{Size: 96, By: protocol.SplitByPage}
	result, err := c.Run(t.Context())
	if err != nil || len(m.asked) != 2 || !strings.Contains(m.asked[1], "\n\n# B\n\nTwo is here. ") {
		t.Fatalf("%v, asked %q", err, m.asked)
	}
	if want := `"report.md" has no pages: it was split at headings and paragraphs`; result.Warning != want {
		t.Errorf("warning %q, want %q", result.Warning, want)
	}
}

// TestAttemptsShareChunks: another attempt asks only about the chunks that have no record.
func TestAttemptsShareChunks(t *testing.T) {
	text, want := report()
	m := (&model{limit: 3000}).start(t)
	c := callOf(t, m, text, "")
	c.Split = protocol.Split{Size: 2000, Combine: &protocol.Combine{Prompt: "Combine the secrets."}}
	const steps = 7
	var total int
	for attempt := 1; ; attempt++ {
		done := len(m.asked)
		m.fail = func(n int, _ string) bool { return n == done+steps }
		// One process has seen how the model counts, and another has not: the chunks are those of the record all the same.
		other := c
		if attempt%2 == 0 {
			other = callOf(t, m, text, "")
			other.Split, other.Steps = c.Split, c.Steps
		}
		result, err := other.Run(t.Context())
		if err == nil {
			wantFacts(t, "the response", responseOf(result), want)
			chunks, _ := result.Value.Get("chunks")
			total = len(chunks.Elements()) + 1
			if result.Usage.LLMCalls != int64(total) {
				t.Errorf("usage %+v of %d calls", result.Usage, total)
			}
			break
		}
		if attempt > 20 || len(m.asked) != done+steps || !strings.Contains(err.Error(), " of report.md: ") {
			t.Fatalf("attempt %d: %d answers, %v", attempt, len(m.asked)-done, err)
		}
	}
	if len(m.asked) != total {
		t.Errorf("%d answers for %d calls", len(m.asked), total)
	}
	slices.Sort(m.asked)
	if once := len(slices.Compact(slices.Clone(m.asked))); once != total {
		t.Errorf("%d different prompts of %d", once, total)
	}
}

// TestOneChunkIsSplitAgain: a chunk that has more tokens than was estimated is split again, and the others stay.
func TestOneChunkIsSplitAgain(t *testing.T) {
	text, want := report()
	numbers := strings.Repeat("314159265358979323846264338327950288419716939937510582097494459 ", 60)
	at := strings.Index(text, "## Page 150\n")
	text = text[:at] + "## Numbers\n\n" + numbers + "\n\n" + text[at:]
	m := (&model{limit: 2300}).start(t)
	c := callOf(t, m, text, "")
	c.Split = protocol.Split{Size: 2000, By: protocol.SplitByHeading}
	result, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantFacts(t, "the response", responseOf(result), want)
	if len(m.tooLong) == 0 || len(m.tooLong) > 3 {
		t.Errorf("%d prompts were too long", len(m.tooLong))
	}
	for _, prompt := range m.tooLong {
		if !strings.Contains(prompt, "314159") {
			t.Errorf("a prompt without numbers was too long: %.200q", prompt)
		}
	}
	if n := strings.Count(strings.Join(m.asked, "\n"), "314159265358979323846264338327950288419716939937510582097494459"); n != 60 {
		t.Errorf("%d of 60 numbers were read", n)
	}
	slices.Sort(m.asked)
	if once := len(slices.Compact(slices.Clone(m.asked))); once != len(m.asked) {
		t.Errorf("%d of %d prompts were asked again", len(m.asked)-once, len(m.asked))
	}
}

// TestRounds: answers that do not fit into one prompt are combined in groups first.
func TestRounds(t *testing.T) {
	var b strings.Builder
	var want []string
	for page := 1; page <= 120; page++ {
		fact := fmt.Sprintf("The secret of page %d is word.", page)
		want = append(want, fact)
		fmt.Fprintf(&b, "%s %s\n\n", fact, strings.Repeat("Nothing else happened here. ", 5))
	}
	m := (&model{limit: 1100}).start(t)
	c := callOf(t, m, b.String(), `, "max_tokens": 100`)
	c.Split = protocol.Split{Size: 200, Combine: &protocol.Combine{Prompt: "Combine the secrets."}}
	result, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantFacts(t, "the response", responseOf(result), want)
	rounds := c.Steps.(recorded).count("combination")
	if rounds < 3 || len(m.tooLong) == 0 {
		t.Errorf("%d combinations, %d prompts were too long", rounds, len(m.tooLong))
	}
	asked := len(m.asked)
	other := callOf(t, m, b.String(), `, "max_tokens": 100`)
	other.Split, other.Steps = c.Split, c.Steps
	if again, err := other.Run(t.Context()); err != nil || responseOf(again) != responseOf(result) || len(m.asked) != asked {
		t.Errorf("another attempt: %v, and %d more answers", err, len(m.asked)-asked)
	}

	m = (&model{limit: 300}).start(t)
	c = callOf(t, m, b.String(), "")
	c.Split = protocol.Split{Size: 150, Combine: &protocol.Combine{Prompt: "Combine the secrets. " + strings.Repeat("word ", 200)}}
	_, err = c.Run(t.Context())
	if failure := protocol.AsError(err, protocol.InternalError); failure.Code != protocol.TaskResultInvalid || !strings.Contains(failure.Message, "cannot combine the answers") {
		t.Errorf("%+v", failure)
	}
}

// TestCancelled: what was recorded before the call was cancelled stays, and nothing is asked afterwards.
func TestCancelled(t *testing.T) {
	text, _ := report()
	m := (&model{limit: 3000}).start(t)
	c := callOf(t, m, text, "")
	c.Split = protocol.Split{Size: 2000}
	ctx, cancel := context.WithCancel(t.Context())
	handle := c.Handle
	c.Handle = func(ctx context.Context, request protocol.Request, progress protocol.Progress) (protocol.Result, error) {
		result, err := handle(ctx, request, progress)
		if len(m.asked) == 3 {
			cancel()
		}
		return result, err
	}
	if _, err := c.Run(ctx); err == nil {
		t.Fatal("it has completed")
	}
	if n := c.Steps.(recorded).count("chunk"); n != 3 || len(m.asked) != 3 {
		t.Errorf("%d records, %d answers", n, len(m.asked))
	}
}

// TestSchema: with a schema the answers are merged by their fields.
func TestSchema(t *testing.T) {
	text, want := report()
	m := (&model{limit: 3000}).start(t)
	c := callOf(t, m, text, `, "schema": {"type": "object", "properties": {"facts": {"type": "array", "items": {"type": "string"}}, "first": {"type": ["string", "null"]}}, "required": ["facts"]}`)
	c.Split = protocol.Split{Size: 2000, Overlap: 400}
	result, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	parsed, _ := result.Value.Get("parsed")
	found, _ := parsed.Get("facts")
	first, _ := parsed.Get("first")
	if len(found.Elements()) != len(want) || first.Text() != want[0] || responseOf(result) != string(parsed.JSON()) {
		t.Errorf("%s", parsed.JSON())
	}
	wantFacts(t, "the facts", string(found.JSON()), want)
	if result.Warning != "" {
		t.Errorf("warning %q", result.Warning)
	}

	c = callOf(t, m, text, `, "schema": {"type": "object", "properties": {"facts": {"type": "array", "maxItems": 5}, "first": {}}}`)
	c.Split = protocol.Split{Size: 2000, By: protocol.SplitByPage}
	result, err = c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said, _ := result.Value.Get("warning")
	for _, part := range []string{"has no pages", "together does not: answer.facts"} {
		if !strings.Contains(result.Warning, part) || said.Text() != result.Warning {
			t.Errorf("warning %q, in the result %q", result.Warning, said.Text())
		}
	}
}

// TestMethod: a method combines the answers, once.
func TestMethod(t *testing.T) {
	text, _ := report()
	m := (&model{limit: 3000}).start(t)
	c := callOf(t, m, text, "")
	c.Split = protocol.Split{Size: 2000, Combine: &protocol.Combine{Method: "test/count"}}
	calls := 0
	c.Method = func(_ context.Context, answers value.Value) (protocol.Result, error) {
		calls++
		return protocol.Result{Value: value.Object(value.Field{Name: "result", Value: value.Int(int64(len(answers.Elements())))})}, nil
	}
	for range 2 {
		result, err := c.Run(t.Context())
		if err != nil || responseOf(result) != fmt.Sprint(len(m.asked)) {
			t.Errorf("%q of %d, %v", responseOf(result), len(m.asked), err)
		}
	}
	if calls != 1 {
		t.Errorf("%d calls", calls)
	}
}

// TestNoRoom: a prompt that leaves no room for a document is an error that says so.
func TestNoRoom(t *testing.T) {
	text, _ := report()
	m := (&model{limit: 40}).start(t)
	c := callOf(t, m, text, `, "on_truncation": "split", "system": "`+strings.Repeat("word ", 60)+`"`)
	_, err := c.Run(t.Context())
	failure := protocol.AsError(err, protocol.InternalError)
	if failure.Code != protocol.InvalidParams || !strings.Contains(failure.Message, "leave no room") || failure.Hint == "" {
		t.Errorf("%+v", failure)
	}
}
