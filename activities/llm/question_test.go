package llm_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// serving starts a server that has no page about itself, as llama.cpp's has.
func serving(t testing.TB, serve http.HandlerFunc) string {
	t.Helper()
	return servingAll(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/props" || r.URL.Path == "/api/version" {
			http.NotFound(w, r)
			return
		}
		serve(w, r)
	})
}

func servingAll(t testing.TB, serve http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	return server.URL
}

// What goes over the wire: options under Ollama's names with the digits that were written, messages in their order.
func TestWhatOllamaIsAsked(t *testing.T) {
	var body string
	handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		body = string(data)
		answering("yes")(w, r)
	})
	for parameters, want := range map[string]string{
		`{"prompt":"p","temperature":0.10,"seed":1152921504606846977,"top_p":1e-1,"max_tokens":5,"stop":"x","options":{"mirostat":2}}`: `{"model":"llama3.2",` +
			`"messages":[{"role":"user","content":"p"}],"options":{"mirostat":2,"num_predict":5,"seed":1152921504606846977,` +
			`"stop":["x"],"temperature":0.10,"top_p":1e-1},"truncate":false,"shift":false}`,
		`{"messages":[{"role":"assistant","content":"a"}],"system":"s","prompt":"p","keep_alive":"90s","think":"low"}`: `{"model":"llama3.2","messages":[` +
			`{"role":"system","content":"s"},{"role":"assistant","content":"a"},{"role":"user","content":"p"}],"keep_alive":"1m30s","options":{},"think":"low","truncate":false,"shift":false}`,
		`{"prompt":"p","keep_alive":-1,"schema":{"type":"string","maxLength":1E3}}`: ``,
		`{"prompt":"p","file_path":"a.txt"}`:                                        `{"model":"llama3.2","messages":[{"role":"user","content":"p\n\nthe text"}],"options":{},"truncate":false,"shift":false}`,
		`{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"file_path":"a.txt"}`: `{"model":"llama3.2","messages":[` +
			`{"role":"user","content":"u\n\nthe text"},{"role":"assistant","content":"a"}],"options":{},"truncate":false,"shift":false}`,
	} {
		request := asking(t, llm.Chat, parameters)
		request.Files.(folder).write(t, "a.txt", []byte("the text"))
		_, err := handler.Handle(t.Context(), request, nil)
		if want == "" { // Its answer does not fit; what was asked is of interest.
			if got := protocol.AsError(err, 0); got.Code != protocol.TaskResultInvalid || !strings.Contains(body, `"format":{"type":"string","maxLength":1E3}`) ||
				!strings.Contains(body, `"think":false`) || !strings.Contains(body, `"keep_alive":"2562047h`) {
				t.Errorf("%v, asked %s", err, body)
			}
			continue
		}
		if err != nil || body != want {
			t.Errorf("%v\ngot  %s\nwant %s", err, body, want)
		}
	}
}

// An empty list leaves the task without its documents or images, and a parameter may need another: both are found before a call, too.
func TestParametersWithoutEffect(t *testing.T) {
	handler := open(t, llm.Options{})
	const empty = "remove it, or skip the task with `when` if the list may be empty"
	for _, test := range []struct{ method, parameters, message, hint string }{
		{llm.Chat, `{"prompt":"x","files":[]}`, "files is an empty list", empty},
		{llm.Generate, `{"prompt":"x","images":[]}`, "images is an empty list", empty},
		{llm.Vision, `{"prompt":"x","images":[]}`, "images is an empty list", empty},
		{llm.Vision, `{"prompt":"x","image_paths":[]}`, "image_paths is an empty list", empty},
		{llm.Embed, `{"input":[]}`, "input is an empty list", empty},
		{llm.Embed, `{"files":[]}`, "files is an empty list", empty},
		{llm.Chat, `{"prompt":"x","escalate_on":["cut"]}`, "escalate_on has no effect without models", "set `models`, or remove `escalate_on`"},
		{llm.Chat, `{"prompt":"x","top_logprobs":2}`, "top_logprobs has no effect without logprobs", "set `logprobs`, or remove `top_logprobs`"},
		{llm.Chat, `{"prompt":"x","top_logprobs":2,"logprobs":false}`, "top_logprobs has no effect without logprobs", "set `logprobs`, or remove `top_logprobs`"},
	} {
		got := fails(t, t.Context(), handler, asking(t, test.method, test.parameters), nil)
		wantError(t, got, protocol.InvalidParams, protocol.Permanent, test.message, test.hint)
		if test.method != llm.Chat {
			continue
		}
		if found, _ := checked(t, test.parameters); len(found) != 1 || found[0].Message != test.message || found[0].Hint != test.hint {
			t.Errorf("%s: %+v", test.parameters, found)
		}
	}
	if found, _ := checkedFor(t, "ollama", `{"prompt":"x","escalate_on":["cut"],"top_logprobs":2}`, "models", "logprobs"); len(found) > 0 {
		t.Errorf("set by references: %+v", found)
	}
}

func TestWrongParameters(t *testing.T) {
	handler := open(t, llm.Options{})
	for _, test := range []struct{ method, parameters, want string }{
		{llm.Chat, `{}`, "llm/chat: parameters: missing property 'messages'; parameters: missing property 'prompt'"},
		{llm.Chat, `{"prompt":5}`, "llm/chat: parameters.prompt: got number, want string"},
		{llm.Chat, `{"prompt":"x","temprature":1}`, "llm/chat: parameters: additional properties 'temprature' not allowed"},
		{llm.Chat, `{"messages":[]}`, "llm/chat: parameters.messages: minItems: got 0, want 1"},
		{llm.Chat, `{"messages":[{"role":"robot","content":"x"}]}`, "llm/chat: parameters.messages[0].role: value must be one of 'system', 'user', 'assistant'"},
		{llm.Chat, `{"prompt":"x","max_tokens":1,"num_predict":1}`, "max_tokens and num_predict are the same option: set only one"},
		{llm.Chat, `{"prompt":"x","idle_timeout":"soon"}`, `idle_timeout must be a number of seconds or a duration such as 90s or 5m, not "soon"`},
		{llm.Chat, `{"prompt":"x","idle_timeout":0}`, "idle_timeout must be a number of seconds or a duration such as 90s or 5m, not 0"},
		{llm.Chat, `{"prompt":"x","idle_timeout":1e99}`, "idle_timeout must be a number of seconds or a duration such as 90s or 5m, not 1e99"},
		{llm.Chat, `{"prompt":"x","keep_alive":"soon"}`, `keep_alive must be a number of seconds or a duration such as 5m, not "soon"`},
		{llm.Chat, `{"prompt":"x","think":"much"}`, "llm/chat: parameters.think: value must be one of true, false, 'low', 'medium', 'high', 'max'"},
		{llm.Vision, `{"prompt":"x"}`, "llm/vision: parameters: missing property 'image_path'; parameters: missing property 'image_paths'; " +
			"parameters: missing property 'images'; parameters: missing property 'messages'"},
	} {
		got := fails(t, t.Context(), handler, asking(t, test.method, test.parameters), nil)
		wantError(t, got, protocol.InvalidParams, protocol.Permanent, test.want, "")
	}
	got := fails(t, t.Context(), handler, asking(t, "llm/sing", `{}`), nil)
	wantError(t, got, protocol.MethodNotSupported, protocol.Permanent, `unknown method "llm/sing"`, "")
}

// A page in place of its text is named by a run and by a dry run.
func TestPageAsPrompt(t *testing.T) {
	const hint = "a page is an object: refer to its text, as in `${item.pages[0].text}`"
	handler := open(t, llm.Options{})
	for name, parameters := range map[string]string{
		"prompt": `{"prompt":{"kind":"page","name":"1","text":"Costs."}}`,
		"system": `{"prompt":"x","system":{"kind":"page","name":"1","text":"Costs."}}`,
	} {
		message := "llm/chat: parameters." + name + ": got object, want string"
		request := asking(t, llm.Chat, parameters)
		wantError(t, fails(t, t.Context(), handler, request, nil), protocol.InvalidParams, protocol.Permanent, message, hint)
		_, err := llm.ReadPrompt(t.Context(), request, nil)
		wantError(t, protocol.AsError(err, 0), protocol.InvalidParams, protocol.Permanent, message, hint)
	}
}

// All pages in place of their text are named with what to write instead.
func TestPagesAsPrompt(t *testing.T) {
	handler := open(t, llm.Options{})
	request := asking(t, llm.Chat, `{"prompt":[{"kind":"page","name":"1","text":"Costs."}]}`)
	wantError(t, fails(t, t.Context(), handler, request, nil), protocol.InvalidParams, protocol.Permanent, "llm/chat: parameters.prompt: got array, want string",
		"pages are a list: refer to the text of all, `${item.text}`, or to the text of each, `${item.pages[*].text}`, within a longer text")
}

func TestFilesThatCannotBeRead(t *testing.T) {
	handler := open(t, llm.Options{})
	for name, test := range map[string]struct {
		content       []byte
		message, hint string
	}{
		"latin1.txt": {[]byte("caf\xe9"), `file "latin1.txt" is not UTF-8 text`, "set `encoding`, such as windows-1252, or convert it to UTF-8: `iconv -f ISO-8859-1 -t UTF-8`"},
		"a.pdf":      {[]byte("%PDF-1.4\n1 0 obj\n"), `file "a.pdf" is not a complete PDF document`, "save it anew, or look whether all of it was copied"},
		"a.png":      {[]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), `file "a.png" is a PNG image, not text`, "add --vision to `gleitzeit batch`, or write image_path instead of file_path; the model must see images"},
		"a.zip":      {[]byte("PK\x03\x04\x14\x00\x00\x00\x00\x00"), `file "a.zip" is a ZIP archive, not text`, "unpack it, or exclude it"},
		"nul.txt":    {[]byte("text \x00 and more"), `file "nul.txt" has NUL bytes: it is binary data, not text`, "convert it to text, or exclude it"},
		"large.txt":  {bytes.Repeat([]byte("x"), 8<<20+1), `file "large.txt" has more than 8388608 bytes of text`, "name the pages to read"},
	} {
		request := asking(t, llm.Chat, `{"prompt":"x","file_path":"`+name+`"}`)
		request.Files.(folder).write(t, name, test.content)
		wantError(t, fails(t, t.Context(), handler, request, nil), protocol.TaskValidationFailed, protocol.Permanent, test.message, test.hint)
	}
}

func TestAddressThatIsNone(t *testing.T) {
	for _, address := range []string{"127.0.0.1:11434", "ftp://gpu", "http://", "http://a b"} {
		_, err := llm.New(llm.Options{Providers: at(address)})
		if err == nil || protocol.AsError(err, 0).Code != protocol.ConfigurationError {
			t.Errorf("%s: got %v", address, err)
		}
	}
}

// TestEveryOptionIsAParameter compares the parameters with the options that Ollama's client knows.
func TestEveryOptionIsAParameter(t *testing.T) {
	for _, method := range llm.Spec("").Methods {
		schema, err := value.Parse(method.Parameters)
		if err != nil {
			t.Fatal(err)
		}
		properties, _ := schema.Get("properties")
		var names []string
		for _, option := range reflect.VisibleFields(reflect.TypeFor[api.Options]()) {
			if name, _, _ := strings.Cut(option.Tag.Get("json"), ","); name != "" {
				names = append(names, name)
			}
		}
		if !slices.Contains(names, "num_ctx") || !slices.Contains(names, "temperature") {
			t.Fatalf("these are not the options: %v", names)
		}
		for _, name := range names {
			if _, is := properties.Get(name); !is && method.Name != llm.Request && method.Name != llm.Transcribe { // A body has them; Ollama does not transcribe.
				t.Errorf("%s has no parameter %s", method.Name, name)
			}
		}
		if _, err := value.Parse(method.Result); err != nil {
			t.Error(err)
		}
	}
}
