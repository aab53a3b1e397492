package llm_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// dialects answers at random as servers do: pieces of answers, reasons, refusals, tool calls and errors, from the table in
// docs/providers.md.
type dialects struct {
	t      *testing.T
	random *rand.Rand // Only used by one request at a time.
}

// some are texts of answers.
var some = []string{
	"", "", " \n", "The first half of the", `{"n":5}`, "```json\n{\"n\": 5}\n```", "<think>\nhm\n</think>", "<think>hm", "hm\n</think>\n\n", "hm\n</think>\n\nyes", "[1] and {\"n\":1} and {\"n\":2}",
}

func (d dialects) pick(texts ...string) string { return texts[d.random.IntN(len(texts))] }

func (d dialects) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		d.t.Error(err)
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/api/show"):
		fmt.Fprint(w, `{"capabilities":["completion","vision"]}`)
	case d.random.IntN(20) == 0:
		w.WriteHeader([]int{400, 404, 500, 503}[d.random.IntN(4)])
		fmt.Fprint(w, d.pick(`{"error":"broken"}`, `{"error":{"message":"Loading model","code":503}}`, "", `{"error":"invalid JSON schema in format"}`))
	case strings.HasSuffix(r.URL.Path, "/api/embed"):
		fmt.Fprint(w, d.pick(`{"model":"m","embeddings":[[1,2]]}`, `{"model":"m","embeddings":[]}`, `{"model":"m"}`))
	case strings.HasSuffix(r.URL.Path, "/embeddings"):
		fmt.Fprint(w, d.pick(`{"model":"m","data":[{"index":0,"embedding":[1,2]}]}`, `{"data":[]}`, `{}`))
	case strings.Contains(r.URL.Path, "/api/"):
		d.ollama(w)
	default:
		d.openai(w, strings.Contains(string(body), `"tools"`))
	}
}

func quoted(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic(err) // It is a string.
	}
	return string(encoded)
}

func (d dialects) ollama(w http.ResponseWriter) {
	for range d.random.IntN(3) {
		text, thinking := quoted(d.pick(some...)), quoted(d.pick("", "hm", `{"n":7}`))
		fmt.Fprintf(w, `{"model":"m","response":%s,"thinking":%s,"message":{"role":"assistant","content":%s,"thinking":%s},"done":false}`+"\n", text, thinking, text, thinking)
	}
	if d.random.IntN(8) == 0 {
		fmt.Fprintf(w, `{"message":{"role":"assistant","content":"","tool_calls":[%s]},"done":false}`+"\n", call(d.pick("add", "subtract"), d.pick(`{"a":1}`, `"x"`, `null`)))
	}
	if d.random.IntN(10) == 0 {
		fmt.Fprintln(w, `{"error":"an error was encountered while running the model"}`)
		return
	}
	reason := d.pick("stop", "stop", "stop", "length", "load", "unload", "error", "", "content_filter")
	fmt.Fprintf(w, `{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":%s,"eval_count":3}`+"\n", quoted(reason))
}

func (d dialects) openai(w http.ResponseWriter, tools bool) {
	var events []string
	for range d.random.IntN(3) {
		text := quoted(d.pick(some...))
		events = append(events, delta(d.pick(
			`{"role":"assistant","content":`+text+`}`, `{"content":`+text+`}`, `{"content":null}`, `{"content":[{"type":"text","text":`+text+`}]}`,
			`{"content":[{"type":"thinking","thinking":[{"type":"text","text":`+text+`}]}]}`, `{"reasoning_content":`+text+`}`, `{"reasoning":`+text+`}`, `{"content":null,"refusal":"I cannot"}`,
		)))
	}
	if tools && d.random.IntN(2) == 0 {
		events = append(events, piece(d.pick(
			`{"index":0,"id":"c1","function":{"name":"add","arguments":"{\"a\": 1}"}}`, `{"function":{"name":"add","arguments":"{'a"}}`, `{"index":0,"function":{}}`, `{"index":0,"function":{"name":"subtract","arguments":"[]"}}`,
		)))
	}
	if d.random.IntN(8) > 0 {
		events = append(events, ended(d.pick("stop", "stop", "stop", "length", "content_filter", "tool_calls", "error", "abort", "max_tokens", "refusal", "safety")))
	}
	if d.random.IntN(8) > 0 {
		events = append(events, over)
	}
	speaking(events...)(w, nil)
}

// Whatever a server answers, a result without an answer has a warning.
func TestNoEmptyAnswerWithoutWarning(t *testing.T) {
	const calls = 1000
	d := dialects{t, rand.New(rand.NewPCG(16, 17))}
	url := serving(t, d.serve)
	handler := open(t, llm.Options{Tools: box{}, Patience: time.Nanosecond, Absence: time.Nanosecond})
	image := encoded(t, "red")
	answers, warnings, failures := 0, 0, 0
	for range calls {
		method := d.pick(llm.Chat, llm.Chat, llm.Chat, llm.Vision, llm.Generate, llm.Embed)
		parameters := `"model":"m","base_url":"` + url + d.pick(`"`, `/v1","provider":"openai"`)
		switch method {
		case llm.Embed:
			parameters += `,"input":"x"`
		case llm.Vision:
			parameters += `,"images":["` + image + `"]`
		default:
			parameters += `,"prompt":"x"`
		}
		if method != llm.Embed {
			parameters += d.pick("", "", `,`+wantsNumber) + d.pick("", "", `,"on_cut_answer":"continue"`, `,"on_cut_answer":"fail"`) + d.pick("", "", `,"models":["m","n"]`)
		}
		if method == llm.Chat || method == llm.Vision {
			parameters += d.pick("", `,"tools":["add"]`)
		}
		result, err := handler.Handle(t.Context(), asking(t, method, `{`+parameters+`}`), nil)
		if err != nil {
			if protocol.AsError(err, 0).Code == 0 {
				t.Errorf("%s {%s}: an error without a code: %v", method, parameters, err)
			}
			failures++
			continue
		}
		warning := field(result, "warning")
		if (warning != "") != (result.Warning != "") {
			t.Errorf("%s {%s}: the field warning is %s, and the warning %q", method, parameters, warning, result.Warning)
		}
		if result.Warning != "" {
			warnings++
		}
		answers++
		response, _ := result.Value.Get("response")
		vectors, _ := result.Value.Get("embeddings")
		if strings.TrimSpace(response.Text()) == "" && len(vectors.Elements()) == 0 && warning == "" {
			t.Errorf("%s {%s}: an empty result: %s", method, parameters, result.Value.JSON())
		}
	}
	if answers < calls/10 || warnings < calls/20 || failures < calls/10 {
		t.Errorf("%d answers, %d of them with warnings, and %d failures are too few to say anything", answers, warnings, failures)
	}
}
