package llm_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// compatibleCall is a call of a server with OpenAI's API, with further parameters.
func compatibleCall(url, more string) string {
	return `{"provider":"openai","base_url":"` + url + `","model":"m","prompt":"Summarize"` + more + `}`
}

// ended is a last event with a reason.
func ended(reason string) string {
	return `data: {"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"` + reason + `"}]}`
}

// delta is an event with a piece of a message.
func delta(message string) string {
	return `data: {"model":"m","choices":[{"index":0,"delta":` + message + `,"finish_reason":null}]}`
}

const (
	cutHint    = "; raise `max_tokens`, or set `on_cut_answer: continue`"
	cutThought = "; raise `max_tokens`, or set `think: false`"
)

func TestAnswersOfOllamaThatAreNotWhole(t *testing.T) {
	for provider, hint := range map[string]string{
		"": "raise `max_tokens` or `num_ctx`, or set `on_cut_answer: continue`",
		`,"provider":"openai","temperature":0,"base_url":"` + ollamatest.Start(t) + `/v1"`: cutHint[2:],
	} {
		result := ask(t, real(t), llm.Chat, `{"model":"tiny-script","prompt":"SLOWLY","max_tokens":6`+provider+`}`)
		want(t, result, map[string]string{"response": `"tick tock tick tock tick tock "`, "done_reason": `"length"`})
		if result.Warning != "the answer was cut off after 6 tokens; "+hint {
			t.Errorf("warning %q", result.Warning)
		}
		got := fails(t, t.Context(), real(t), asking(t, llm.Chat, `{"model":"tiny-script","prompt":"SLOWLY","max_tokens":6,"on_cut_answer":"fail"`+provider+`}`), nil)
		wantError(t, got, protocol.TaskResultInvalid, protocol.TaskFault, "the answer was cut off after 6 tokens", hint)
	}
	for _, method := range []string{llm.Chat, llm.Generate} {
		result := ask(t, real(t), method, `{"model":"tiny-think","prompt":"PONDER","think":true,"max_tokens":2}`)
		if field(result, "response") != `""` || !strings.HasPrefix(result.Warning, "the model did not answer: it was cut off after 2 tokens of thoughts") {
			t.Errorf("%s: response %s, warning %q", method, field(result, "response"), result.Warning)
		}
	}
	if result := ask(t, real(t), llm.Chat, `{"prompt":"hello"}`); result.Warning != "" || field(result, "warning") != "" {
		t.Errorf("a whole answer has the warning %q", result.Warning)
	}
}

// A text of stop may be the first thing that the model writes.
func TestAnswerThatIsStoppedAtOnce(t *testing.T) {
	result := ask(t, real(t), llm.Chat, `{"prompt":"SLOWLY","stop":["tick"]}`)
	if result.Warning != "the answer is empty; a text of `stop` may have ended it at once" {
		t.Errorf("warning %q", result.Warning)
	}
}

func TestAnswersThatAreNotWhole(t *testing.T) {
	const role = `{"role":"assistant","content":"The first half of the"}`
	for name, test := range map[string]struct {
		events                      []string
		response, thinking, warning string
	}{
		"whole":      {[]string{delta(role), ended("stop")}, "The first half of the", "", ""},
		"length":     {[]string{delta(role), ended("length")}, "The first half of the", "", "the answer was cut off after 1 token" + cutHint},
		"max_tokens": {[]string{delta(role), ended("max_tokens")}, "The first half of the", "", "the answer was cut off after 1 token" + cutHint},
		"context":    {[]string{delta(role), ended("model_context_window_exceeded")}, "The first half of the", "", "the answer was cut off after 1 token" + cutHint},
		"sensitive":  {[]string{delta(`{"content":"I can"}`), ended("sensitive")}, "I can", "", "the server's content filter cut off the answer"},
		"recitation": {[]string{delta(`{"content":""}`), ended("RECITATION")}, "", "", "the server's content filter cut off the answer"},
		"filter":     {[]string{delta(`{"content":"I can"}`), ended("content_filter")}, "I can", "", "the server's content filter cut off the answer"},
		"refusal": {[]string{delta(`{"content":null,"refusal":"I cannot "}`), delta(`{"refusal":"help"}`), ended("stop")}, "", "",
			"the model refused to answer: I cannot help"},
		"refusal in parts": {[]string{delta(`{"content":[{"type":"refusal","refusal":"I cannot help"}]}`), ended("stop")}, "", "", "the model refused to answer: I cannot help"},
		"only thoughts": {[]string{delta(`{"reasoning_content":"Well, let me see"}`), ended("stop")}, "", "Well, let me see",
			"the model did not answer: there are only thoughts"},
		"cut thoughts": {[]string{delta(`{"reasoning_content":"Well, let me see"}`), ended("length")}, "", "Well, let me see",
			"the model did not answer: it was cut off after 1 token of thoughts" + cutThought},
		"empty": {[]string{delta(`{"role":"assistant","content":""}`), ended("stop")}, "", "", "the answer is empty"},
		"blank": {[]string{delta(`{"content":" \n"}`), ended("stop")}, " \n", "", "the answer is empty"},
		"parts": {[]string{delta(`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"Hm."}]}]}`),
			delta(`{"content":[{"type":"text","text":"Hello from "},{"type":"text","text":"a list"}]}`), ended("stop")}, "Hello from a list", "Hm.", ""},
		"thoughts in the text":  {[]string{delta(`{"content":"<think>\nhm {x}\n</think>\n\nIt is an invoice."}`), ended("stop")}, "It is an invoice.", "hm {x}", ""},
		"closing tag alone":     {[]string{delta(`{"content":"The user wants a sentence.\n</think>\n\nIt is an invoice."}`), ended("stop")}, "It is an invoice.", "The user wants a sentence.", ""},
		"thoughts without end":  {[]string{delta(`{"content":"<think>\nhm"}`), ended("length")}, "", "hm", "the model did not answer: it was cut off after 1 token of thoughts" + cutThought},
		"the tag as the answer": {[]string{delta("{\"content\":\"The tag `</think>` ends thoughts.\"}"), ended("stop")}, "The tag `</think>` ends thoughts.", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			url := serving(t, speaking(append(test.events, over)...))
			result := ask(t, open(t, llm.Options{}), llm.Chat, compatibleCall(url, ""))
			var streamed strings.Builder
			request := asking(t, llm.Chat, compatibleCall(url, ""))
			request.Write = func(text string) { streamed.WriteString(text) }
			if _, err := open(t, llm.Options{}).Handle(t.Context(), request, nil); err != nil || name != "closing tag alone" && streamed.String() != test.response {
				t.Errorf("streamed %q, %v", streamed.String(), err)
			}
			response, _ := result.Value.Get("response")
			thinking, _ := result.Value.Get("thinking")
			warning, _ := result.Value.Get("warning")
			if response.Text() != test.response || thinking.Text() != test.thinking || warning.Text() != test.warning || result.Warning != test.warning {
				t.Errorf("response %q, thinking %q, warning %q; want %q, %q, %q", response.Text(), thinking.Text(), warning.Text(), test.response, test.thinking, test.warning)
			}
			if test.warning == "" {
				return
			}
			got := fails(t, t.Context(), open(t, llm.Options{}), asking(t, llm.Chat, compatibleCall(url, `,"on_cut_answer":"fail"`)), nil)
			what, _, _ := strings.Cut(test.warning, ";")
			if got.Code != protocol.TaskResultInvalid || got.Message != what {
				t.Errorf("on_cut_answer: fail: %s: %s", got.Name, got.Message)
			}
		})
	}
}

// What a server aborted is no answer: the task is tried again.
func TestAbortedAnswers(t *testing.T) {
	for _, reason := range []string{"error", "abort", "insufficient_system_resource", "network_error"} {
		url := serving(t, speaking(delta(`{"content":"The first half"}`), ended(reason), over))
		got := fails(t, t.Context(), open(t, llm.Options{}), asking(t, llm.Chat, compatibleCall(url, "")), nil)
		wantError(t, got, protocol.TaskExecutionFailed, protocol.Transient,
			`the server at `+url+` did not answer: it ended the response after 1 token with the reason "`+reason+`"`, "")
	}
}

// A server that only loaded the model is asked again.
func TestAnswerThatOnlyLoadsTheModel(t *testing.T) {
	const loaded = `{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}`
	for loads, fine := range map[int64]bool{1: true, 2: true, 3: false} {
		var asked atomic.Int64
		handler := scripted(t, func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) <= loads {
				fmt.Fprintln(w, loaded)
				return
			}
			answering("a real answer")(w, r)
		})
		result, err := handler.Handle(t.Context(), asking(t, llm.Chat, `{"prompt":"Summarize."}`), nil)
		if fine {
			want(t, result, map[string]string{"response": `"a real answer"`})
		} else if err == nil || protocol.AsError(err, 0).Kind != protocol.Transient {
			t.Errorf("%d loads: %v", loads, err)
		}
	}
}

func TestContinuedAnswer(t *testing.T) {
	var bodies []string
	url := serving(t, func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		bodies = append(bodies, string(data))
		parts := []string{"One, ", "two, ", "three."}
		reason := map[bool]string{true: "stop", false: "length"}[len(bodies) == len(parts)]
		speaking(delta(`{"content":"`+parts[len(bodies)-1]+`"}`), ended(reason), `data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}`, over)(w, r)
	})
	var streamed strings.Builder
	request := asking(t, llm.Chat, compatibleCall(url, `,"on_cut_answer":"continue"`))
	request.Write = func(text string) { streamed.WriteString(text) }
	result, err := open(t, llm.Options{}).Handle(t.Context(), request, nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, result, map[string]string{"response": `"One, two, three."`, "done_reason": `"stop"`, "tokens_used": "6", "warning": ""})
	if streamed.String() != "One, two, three." {
		t.Errorf("streamed %q", streamed.String())
	}
	if len(bodies) != 3 || !strings.Contains(bodies[2], `{"role":"assistant","content":"One, two, "},{"role":"user","content":"Your answer was cut off. `) ||
		strings.Count(bodies[2], `"role":"assistant"`) != 1 {
		t.Errorf("asked %s", strings.Join(bodies, "\n"))
	}
}

// An answer without end is continued within a limit; then there is a warning.
func TestContinuedAnswerWithoutEnd(t *testing.T) {
	for _, method := range []string{llm.Chat, llm.Generate} {
		result := ask(t, real(t), method, `{"model":"tiny-script","prompt":"SLOWLY","max_tokens":2,"on_cut_answer":"continue"}`)
		want(t, result, map[string]string{"response": `"` + strings.Repeat("tick tock ", 9) + `"`, "tokens_used": "18"})
		if result.Warning != "the answer was cut off after 18 tokens; raise `max_tokens` or `num_ctx`" || result.Usage.LLMCalls != 9 {
			t.Errorf("warning %q after %d calls", result.Warning, result.Usage.LLMCalls)
		}
	}
}

// Whatever fails while an answer is continued, the answer so far is the result: the document is not cut for it, and nothing says
// that it was.
func TestAnswerThatCannotBeContinued(t *testing.T) {
	const tooLong = "the prompt with \"a.txt\" is longer than the model's context: request (300 tokens) exceeds the available context size (256 tokens), try increasing it"
	refused := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	for name, test := range map[string]struct {
		serve http.HandlerFunc
		why   string
	}{
		"too long": {refused(400, `{"error":{"code":400,"message":"request (300 tokens) exceeds the available context size (256 tokens), try increasing it","type":"exceed_context_size_error"}}`), tooLong},
		"fails":    {refused(500, `{"error":"broken"}`), "the server at URL failed: broken"},
		"is cut":   {speaking(delta(`{"content":"two"}`), ended("error"), over), "the server at URL did not answer: it ended the response after 1 token with the reason \"error\""},
		"is empty": {speaking(delta(`{"content":"","refusal":"No."}`), ended("stop"), over), "the continuation is empty"},
	} {
		for _, how := range []string{"warn", "fail", "fit"} {
			var bodies []string
			url := serving(t, func(w http.ResponseWriter, r *http.Request) {
				data, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				if bodies = append(bodies, string(data)); len(bodies) > 1 {
					test.serve(w, r)
					return
				}
				speaking(`data: {"model":"m","choices":[{"delta":{"content":"One, "},"logprobs":{"content":[{"token":"One"}]}}]}`, ended("length"), over)(w, r)
			})
			request := asking(t, llm.Chat, compatibleCall(url, `,"file_path":"a.txt","logprobs":true,"on_cut_answer":"continue","on_truncation":"`+how+`"`))
			request.Files.(folder).write(t, "a.txt", []byte(strings.Repeat("word ", 200)))
			result, err := open(t, llm.Options{Patience: time.Millisecond}).Handle(t.Context(), request, nil)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, how, err)
			}
			want(t, result, map[string]string{"response": `"One, "`, "done_reason": `"length"`, "logprobs": `[{"token":"One"}]`})
			warning := "the answer was cut off after 1 token, and it could not be continued: " + strings.ReplaceAll(test.why, "URL", url) + "; raise `max_tokens`"
			if result.Warning != warning || len(bodies) != 2 || !strings.Contains(bodies[1], strings.Repeat("word ", 200)) {
				t.Errorf("%s, %s: warning %q after %d requests", name, how, result.Warning, len(bodies))
			}
		}
	}
}

// A continuation whose prompt an old Ollama has cut is dropped.
func TestContinuationWithoutTheDocument(t *testing.T) {
	var requests atomic.Int64
	handler := scripted(t, func(w http.ResponseWriter, _ *http.Request) {
		if requests.Add(1) == 1 {
			fmt.Fprintln(w, `{"model":"m","message":{"content":"One, "},"done":true,"done_reason":"length","prompt_eval_count":50,"eval_count":14}`)
			return
		}
		fmt.Fprintln(w, `{"model":"m","message":{"content":"what?"},"done":true,"done_reason":"stop","prompt_eval_count":64,"eval_count":2}`)
	})
	result := ask(t, handler, llm.Chat, `{"model":"m","prompt":"Count.","num_ctx":64,"on_cut_answer":"continue"}`)
	want(t, result, map[string]string{"response": `"One, "`, "done_reason": `"length"`})
	if result.Warning != "the answer was cut off after 14 tokens, and it could not be continued: its prompt was longer than the model's context; raise `max_tokens` or `num_ctx`" {
		t.Errorf("warning %q", result.Warning)
	}
}

func TestLogprobsOfAContinuedAnswer(t *testing.T) {
	var requests atomic.Int64
	url := serving(t, func(w http.ResponseWriter, r *http.Request) {
		n := requests.Add(1)
		reason := map[bool]string{true: "length", false: "stop"}[n < 3]
		speaking(fmt.Sprintf(`data: {"choices":[{"delta":{"content":"%d "},"logprobs":{"content":[{"token":"%d"}]}}]}`, n, n), ended(reason), over)(w, r)
	})
	result := ask(t, open(t, llm.Options{}), llm.Chat, compatibleCall(url, `,"logprobs":true,"on_cut_answer":"continue"`))
	want(t, result, map[string]string{"response": `"1 2 3 "`, "logprobs": `[{"token":"1"},{"token":"2"},{"token":"3"}]`, "warning": ""})
}

// JSON that was cut off is continued without the constraint of the schema, which would begin anew.
func TestContinuedJSON(t *testing.T) {
	var formats []bool
	url := serving(t, func(w http.ResponseWriter, r *http.Request) {
		var body map[string]json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		_, structured := body["response_format"]
		if formats = append(formats, structured); len(formats) == 1 {
			speaking(delta(`{"content":"{\"n\": 12"}`), ended("length"), over)(w, r)
			return
		}
		speaking(delta(`{"content":"34}"}`), ended("stop"), over)(w, r)
	})
	result := ask(t, open(t, llm.Options{}), llm.Chat, compatibleCall(url, `,"on_cut_answer":"continue",`+wantsNumber))
	want(t, result, map[string]string{"parsed": `{"n":1234}`, "warning": ""})
	if fmt.Sprint(formats) != "[true false]" {
		t.Errorf("constrained: %v", formats)
	}
}

func TestNothingToAsk(t *testing.T) {
	handler := real(t)
	for _, test := range []struct{ method, parameters, message string }{
		{llm.Chat, `{"prompt":""}`, "llm/chat: the prompt is empty"},
		{llm.Chat, `{"prompt":" \n"}`, "llm/chat: the prompt is empty"},
		{llm.Generate, `{"prompt":""}`, "llm/generate: the prompt is empty"},
		{llm.Chat, `{"messages":[{"role":"user","content":""}]}`, "llm/chat: the last message of the user is empty"},
		{llm.Chat, `{"prompt":"Summarize.","file_path":"empty.txt"}`, `file "empty.txt" is empty`},
		{llm.Chat, `{"prompt":"Summarize.","files":["full.txt","spaces.txt"]}`, `file "spaces.txt" is empty`},
		{llm.Embed, `{"input":["hello",""]}`, "llm/embed: text 1 is empty"},
		{llm.Embed, `{"file_path":"spaces.txt"}`, `file "spaces.txt" is empty`},
		{llm.Chat, `{"prompt":"x","stop":""}`, "llm/chat: parameters.stop: minLength: got 0, want 1"},
		{llm.Chat, `{"prompt":"x","stop":["a",""]}`, "llm/chat: parameters.stop[1]: minLength: got 0, want 1"},
		{llm.Chat, `{"prompt":"x","options":{"stop":[""]}}`, "stop must not be empty: the answer would end before it begins"},
	} {
		request := asking(t, test.method, test.parameters)
		request.Files.(folder).write(t, "full.txt", []byte("text"))
		request.Files.(folder).write(t, "empty.txt", nil)
		request.Files.(folder).write(t, "spaces.txt", []byte("  \n\n"))
		wantError(t, fails(t, t.Context(), handler, request, nil), protocol.InvalidParams, protocol.Permanent, test.message, "")
	}
}
