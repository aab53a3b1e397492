package llm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"github.com/gleitzeit/gleitzeit/internal/require"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// asked is what the scripted servers read of a request.
type asked struct {
	Messages []struct{ Content string }
	Input    []string
	Truncate *bool
	Shift    *bool
	Options  struct {
		NumCtx int `json:"num_ctx"`
	}
}

func readAsked(t testing.TB, r *http.Request) (a asked, tokens int) {
	t.Helper()
	if err := json.NewDecoder(r.Body).Decode(&a); err != nil {
		t.Error(err)
	}
	for _, m := range a.Messages {
		tokens += len(m.Content)
	}
	for _, text := range a.Input {
		tokens = max(tokens, len(text))
	}
	return a, tokens
}

// The refusals of Ollama since 0.30, as testdata/dialects.txt has them: of llama.cpp's server, which it runs, and its own.
const (
	ollamaRefusal    = "Ollama of June 2026, 0.30 or later (report: ollama/ollama#16800)"
	ollamaOwnRefusal = "Ollama 0.30.9 to 0.33.0-rc2, `shift: false` (source: llm/llama_server.go)"
	// longDocument is the size in bytes of the document of the tests with its question. The refusal of llama.cpp's server is of 351 tokens.
	longDocument = 1510
)

// newOllama answers as Ollama 0.30 to 0.33 with a model that was trained for 8192 tokens and has a context of 256. It has two ways to
// refuse a prompt (see the source), and cuts one only if it may drop parts of a full context: to half of it and two tokens
// (ollama/ollama#17427). It loads a copy of a model under the name of the other.
func newOllama(t testing.TB, refusal string) http.HandlerFunc {
	tooLong, cannotCut := recorded(t, refusal, 400, "context"), recorded(t, ollamaOwnRefusal, 400, "longer than the context")
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/show":
			fmt.Fprint(w, `{"model_info":{"llama.context_length":8192}}`)
			return
		case "/api/tags":
			fmt.Fprint(w, `{"models":[{"model":"other:latest","digest":"1"},{"model":"tiny:latest","digest":"2"},{"model":"llama3.2:latest","digest":"2"}]}`)
			return
		case "/api/ps":
			fmt.Fprint(w, `{"models":[{"model":"other:latest","digest":"1","context_length":4096},{"model":"tiny:latest","digest":"2","context_length":256}]}`)
			return
		}
		a, bytes := readAsked(t, r)
		tokens, size := (bytes*351+longDocument-1)/longDocument, a.Options.NumCtx
		if size == 0 {
			size = 256
		}
		switch {
		case tokens <= size:
		case a.Truncate != nil && !*a.Truncate:
			tooLong.serve(w, r)
			return
		case a.Shift != nil && !*a.Shift:
			cannotCut.serve(w, r)
			return
		default:
			tokens = size/2 + 2
		}
		fmt.Fprintf(w, `{"model":"m","message":{"role":"assistant","content":%q},"done":true,"done_reason":"stop","prompt_eval_count":%d,"eval_count":1}`+"\n", lastPart(a), tokens)
	}
}

// lastPart is the beginning of the question, which comes back as the answer.
func lastPart(a asked) string {
	question, _, _ := strings.Cut(a.Messages[len(a.Messages)-1].Content, "\n")
	return question
}

// documents is the number of files in a folder, of which every tenth is too long.
const documents = 50

// askAboutAll asks about all files of a folder, and counts the warnings that name the file, tokens and the limit, and the errors of
// prompts that are too long.
func askAboutAll(t *testing.T, handler *llm.Handler, files folder, parameters string) (warnings, failures int) {
	t.Helper()
	results := make([]protocol.Result, documents)
	var next atomic.Int64
	var workers sync.WaitGroup
	errs := make([]error, documents)
	for range 4 {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < documents; i = int(next.Add(1)) - 1 {
				request := asking(t, llm.Chat, fmt.Sprintf(`{"prompt":"What?",%s,"file_path":"%d.txt"}`, parameters, i))
				request.Files = files
				results[i], errs[i] = handler.Handle(t.Context(), request, nil)
			}
		})
	}
	workers.Wait()
	for i, result := range results {
		warning := regexp.MustCompile(fmt.Sprintf(`^the prompt of (about )?[0-9]+ tokens is longer than the model's context of [0-9]+ tokens: only the first [0-9]+%% of "%d.txt" was sent`, i))
		switch {
		case errs[i] != nil && strings.HasPrefix(protocol.AsError(errs[i], 0).Message, fmt.Sprintf(`the prompt with "%d.txt" is longer than the model's context: `, i)):
			failures++
		case errs[i] != nil:
			t.Errorf("%d.txt: %v", i, errs[i])
		case warning.MatchString(result.Warning):
			warnings++
		case result.Warning != "":
			t.Errorf("%d.txt: warning %q", i, result.Warning)
		}
	}
	return warnings, failures
}

// Of documents in a batch, those that are too long are cut and named, or fail, or get a larger context; the question stays.
func TestDocumentsThatAreTooLong(t *testing.T) {
	require.Long(t, "models read thousands of tokens")
	for name, server := range map[string]struct {
		settings   protocol.ProviderSettings
		parameters string
		words      []string // Of the warning.
		message    string   // With on_truncation: fail.
		fits       bool     // Whether the context can be raised.
	}{
		"Ollama 0.17.4": {protocol.ProviderSettings{Name: "ollama", URLs: []string{ollamatest.Start(t)}}, `"num_ctx":512,"max_tokens":20,`,
			[]string{"the prompt of about ", " tokens is longer than the model's context of 512 tokens: only the first ", `% of "long.txt" was sent; raise num_ctx, or set on_truncation: fit or split (of a batch, --split auto)`},
			`the prompt with "long.txt" is longer than the model's context: the input length exceeds the context length`, true},
		"Ollama 0.33": {protocol.ProviderSettings{Name: "ollama", URLs: []string{servingAll(t, newOllama(t, ollamaRefusal))}}, ``,
			[]string{"the prompt of 351 tokens is longer than the model's context of 256 tokens: only the first ", `% of "long.txt" was sent; raise num_ctx, or set on_truncation: fit or split (of a batch, --split auto)`},
			`the prompt with "long.txt" is longer than the model's context: request (351 tokens) exceeds the available context size (256 tokens), try increasing it`, true},
		"Ollama 0.33 without numbers": {protocol.ProviderSettings{Name: "ollama", URLs: []string{servingAll(t, newOllama(t, ollamaOwnRefusal))}}, ``,
			[]string{"the prompt of about 350 tokens is longer than the model's context of 256 tokens: only the first ", `% of "long.txt" was sent; raise num_ctx, or set on_truncation: fit or split (of a batch, --split auto)`},
			`the prompt with "long.txt" is longer than the model's context: the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the context length in settings, or use a model with a longer context length`, true},
		"llama.cpp": {protocol.ProviderSettings{Name: "openai", Model: "m", URLs: []string{serving(t, llamaServer(t))}}, `"provider":"openai",`,
			[]string{"the prompt of 1002 tokens is longer than the model's context of 256 tokens: only the first ", `% of "long.txt" was sent`},
			`the prompt with "long.txt" is longer than the model's context: request (1002 tokens) exceeds the available context size (256 tokens), try increasing it`, false},
	} {
		t.Run(name, func(t *testing.T) {
			handler := open(t, llm.Options{Providers: []protocol.ProviderSettings{server.settings}})
			call := func(file, how string) protocol.Request {
				request := asking(t, llm.Chat, `{"prompt":"What?",`+server.parameters+`"on_truncation":"`+how+`","file_path":"`+file+`"}`)
				request.Files.(folder).write(t, "short.txt", []byte("a short text"))
				request.Files.(folder).write(t, "long.txt", []byte(strings.Repeat("word ", 300)+"ab"))
				return request
			}
			for _, how := range []string{"warn", "fail", "fit"} {
				if result, err := handler.Handle(t.Context(), call("short.txt", how), nil); err != nil || result.Warning != "" {
					t.Errorf("%s: short: %v, %q", how, err, result.Warning)
				}
			}
			result, err := handler.Handle(t.Context(), call("long.txt", "warn"), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, words := range server.words {
				if !strings.Contains(result.Warning, words) {
					t.Errorf("warning %q has no %q", result.Warning, words)
				}
			}
			if answer := field(result, "response"); answer != `"What?"` && answer != greeting {
				t.Errorf("response %s", answer)
			}
			got := fails(t, t.Context(), handler, call("long.txt", "fail"), nil)
			hint := "set `on_truncation: split` to read the document in chunks, or start the server with a larger context"
			if server.fits {
				hint = "raise `num_ctx`, or set `on_truncation`: `fit` raises it, `split` reads the document in chunks, `warn` cuts the document"
			}
			if got.Hint != hint {
				t.Errorf("hint %q", got.Hint)
			}
			if got.Message != server.message || got.Code != protocol.InvalidParams {
				t.Errorf("got %s: %s", got.Name, got.Message)
			}
			result, err = handler.Handle(t.Context(), call("long.txt", "fit"), nil)
			if err != nil || result.Warning != "" || (field(result, "parts") == "") != server.fits {
				t.Errorf("fit: %v, warning %q, %s parts", err, result.Warning, field(result, "parts"))
			}
			files := folder(t.TempDir())
			for i := range documents {
				text := "a short text"
				if i%10 == 3 {
					text = strings.Repeat("word ", 300) + "ab"
				}
				files.write(t, fmt.Sprintf("%d.txt", i), []byte(text))
			}
			for how, want := range map[string]struct{ warnings, failures int }{"warn": {5, 0}, "fail": {0, 5}, "fit": {0, 0}} {
				warnings, failures := askAboutAll(t, handler, files, server.parameters+`"on_truncation":"`+how+`"`)
				if warnings != want.warnings || failures != want.failures {
					t.Errorf("%s: of %d documents %d have a warning and %d failed", how, documents, warnings, failures)
				}
			}
		})
	}
}

// The settings limit how far the context is raised: beyond that, the document is read in parts.
func TestFitWithinTheSettings(t *testing.T) {
	handler := open(t, llm.Options{Providers: []protocol.ProviderSettings{{Name: "ollama", URLs: []string{servingAll(t, newOllama(t, ollamaRefusal))}, MaxContext: 1024}}})
	request := asking(t, llm.Chat, `{"prompt":"What?","on_truncation":"fit","file_path":"a.txt"}`)
	request.Files.(folder).write(t, "a.txt", []byte(strings.Repeat("word ", 1200)))
	result, err := handler.Handle(t.Context(), request, nil)
	if err != nil || result.Warning != "" || field(result, "parts") != "3" {
		t.Errorf("%v, warning %q, %s parts", err, result.Warning, field(result, "parts"))
	}
}

// A document that is read in parts is read to its end, and the answer is the only text that is passed on.
func TestDocumentThatIsReadInParts(t *testing.T) {
	var read strings.Builder
	var last asked
	llama := llamaServer(t)
	handler := open(t, llm.Options{Providers: compatibleAt("m", serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			http.NotFound(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		a, tokens := asked{}, 0
		if err := json.Unmarshal(body, &a); err != nil {
			t.Error(err)
		}
		for _, m := range a.Messages {
			tokens += len(m.Content)
		}
		if _, part, is := strings.Cut(a.Messages[0].Content, "says about this.\n\n"); is && tokens <= 256 {
			read.WriteString(part)
		}
		last = a
		llama(w, r)
	}))})
	var document strings.Builder
	for i := range 200 {
		fmt.Fprintf(&document, "%d ", i)
	}
	var heard strings.Builder
	request := asking(t, llm.Chat, `{"prompt":"What?","provider":"openai","on_truncation":"fit","file_path":"a.txt"}`)
	request.Files.(folder).write(t, "a.txt", []byte(document.String()))
	request.Write = func(text string) { heard.WriteString(text) }
	result, err := handler.Handle(t.Context(), request, nil)
	_, notes, _ := strings.Cut(last.Messages[0].Content, "in their order.\n\n")
	if read.String() != document.String() {
		t.Errorf("read %q (%v)", read.String(), err)
	}
	if err != nil || result.Warning != "" || field(result, "response") != `"What?"` || heard.String() != "What?" {
		t.Errorf("%v, %s, passed on: %q", err, result.Value.JSON(), heard.String())
	}
	if !strings.HasPrefix(notes, "What?\n\nWhat?") {
		t.Errorf("the last request is %q", last.Messages[0].Content)
	}
}

// The middle of a long prompt is cut where there are no files: the question may be at its beginning or at its end.
func TestLongPromptWithoutFiles(t *testing.T) {
	prompt := "FIRST " + strings.Repeat("word ", 300) + "LAST"
	for name, settings := range map[string]protocol.ProviderSettings{
		"ollama": {Name: "ollama", URLs: []string{servingAll(t, newOllama(t, ollamaRefusal))}},
		"openai": {Name: "openai", Model: "m", URLs: []string{serving(t, llamaServer(t))}},
	} {
		handler := open(t, llm.Options{Providers: []protocol.ProviderSettings{settings}})
		result := ask(t, handler, llm.Chat, `{"prompt":"`+prompt+`","provider":"`+name+`"}`)
		if answer := field(result, "response"); !strings.HasPrefix(answer, `"FIRST `) {
			t.Errorf("%s: %s", name, answer)
		}
		if want := map[string]string{
			"ollama": "the prompt of 351 tokens is longer than the model's context of 256 tokens: its middle was left out, and 52% of it was sent",
			"openai": "the prompt of 1002 tokens is longer than the model's context of 256 tokens: its middle was left out, and 18% of it was sent",
		}[name]; !strings.HasPrefix(result.Warning, want) {
			t.Errorf("%s: warning %q", name, result.Warning)
		}
	}
}

// A server that was asked not to cut a prompt and does: before 0.12.6 it fills the context. Later ones obey: a prompt may have just so
// many tokens as the context, or as a prompt that is cut.
func TestPromptThatIsCutUnasked(t *testing.T) {
	for _, test := range []struct {
		count   int
		version string
		cut     bool
	}{{512, "0.11.4", true}, {512, "", true}, {512, "0.17.4", false}, {258, "0.33.0", false}, {258, "0.11.4", false}} {
		handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/version" {
				fmt.Fprintf(w, `{"version":%q}`, test.version)
				return
			}
			fmt.Fprintf(w, `{"message":{"role":"assistant","content":"x"},"done":true,"done_reason":"stop","prompt_eval_count":%d}`+"\n", test.count)
		})
		long := `{"prompt":"` + strings.Repeat("word ", 200) + `","num_ctx":512`
		if warning := ask(t, handler, llm.Chat, long+"}").Warning; strings.Contains(warning, fmt.Sprintf("Ollama cut it to %d tokens", test.count)) != test.cut {
			t.Errorf("%+v: warning %q", test, warning)
		}
		_, err := handler.Handle(t.Context(), asking(t, llm.Chat, long+`,"on_truncation":"fail"}`), nil)
		if (err != nil) != test.cut || err != nil && protocol.AsError(err, 0).Code != protocol.InvalidParams {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

// An answer does not go on without the beginning of the prompt unseen.
func TestAnswerBeyondTheContext(t *testing.T) {
	result := ask(t, real(t), llm.Chat, `{"prompt":"SLOWLY","num_ctx":64,"max_tokens":640}`)
	if result.Warning == "" {
		t.Errorf("no warning: %s", result.Value.JSON())
	}
	handler := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"message":{"role":"assistant","content":"x"},"done":true,"done_reason":"stop","prompt_eval_count":10,"eval_count":640}`)
	})
	if warning := ask(t, handler, llm.Chat, `{"prompt":"hello","num_ctx":64}`).Warning; !strings.Contains(warning, "longer than the rest of the model's context of 64 tokens") {
		t.Errorf("warning %q", warning)
	}
}

// A prompt that is found to be too long each time is sent a few times, whatever numbers the server names.
func TestPromptThatNeverFits(t *testing.T) {
	const functions = `{"error":{"message":"This model's maximum context length is 8192 tokens. However, you requested 8200 tokens (200 in the messages, 100 in the functions, and 7900 in the completion). Please reduce the length of the messages, functions, or completion."}}`
	const raised = `{"error":"{\"error\":{\"code\":400,\"message\":\"request (3510 tokens) exceeds the available context size (2560 tokens), try increasing it\",\"type\":\"exceed_context_size_error\"}}"}`
	const wrong = `{"error":{"message":"request (100 tokens) exceeds the available context size (256 tokens), try increasing it"}}`
	const unknown = `{"error":{"message":"input is too large to process. increase the physical batch size"}}`
	words := strings.Repeat("word ", 2000)
	for name, test := range map[string]struct{ provider, body, method, parameters string }{
		"numbers of functions":    {"openai", functions, llm.Chat, `"prompt":"` + words + `","max_tokens":7900`},
		"numbers of another text": {"openai", wrong, llm.Chat, `"prompt":"` + words + `"`},
		"no numbers":              {"openai", unknown, llm.Chat, `"prompt":"` + words + `"`},
		"a limit that stays":      {"ollama", raised, llm.Chat, `"prompt":"` + words + `","on_truncation":"fit"`},
		"embed":                   {"openai", unknown, llm.Embed, `"input":"` + words + `"`},
		"embed with fit":          {"ollama", raised, llm.Embed, `"input":"` + words + `","on_truncation":"fit"`},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int64
			url := serving(t, func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/api/show":
					fmt.Fprint(w, `{"capabilities":["completion"],"model_info":{"x.context_length":32768}}`)
				case "/api/ps", "/api/tags", "/models":
					fmt.Fprint(w, `{"models":[]}`)
				default:
					requests.Add(1)
					w.WriteHeader(http.StatusBadRequest)
					fmt.Fprint(w, test.body)
				}
			})
			handler := open(t, llm.Options{Providers: []protocol.ProviderSettings{{Name: test.provider, URLs: []string{url}}}})
			got := fails(t, t.Context(), handler, asking(t, test.method, `{"model":"m","provider":"`+test.provider+`",`+test.parameters+`}`), nil)
			if got.Code != protocol.InvalidParams || requests.Load() > 25 {
				t.Errorf("%s: %.80s after %d requests", got.Name, got.Message, requests.Load())
			}
		})
	}
}
