package llm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// byModel answers as the model that is asked for does, and keeps the models.
func byModel(t testing.TB, asked *[]string, answers map[string][]string) string {
	return serving(t, func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Model string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		*asked = append(*asked, body.Model)
		events := answers[body.Model]
		if events == nil {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":{"message":"no such model"}}`)
			return
		}
		for i, event := range events {
			events[i] = strings.ReplaceAll(event, `"model":"m"`, `"model":"`+body.Model+`"`)
		}
		speaking(append(events, over)...)(w, r)
	})
}

func TestFallbackModels(t *testing.T) {
	good := []string{delta(`{"content":"{\"n\":5}"}`), ended("stop")}
	answers := map[string][]string{
		"good": good, "prose": {delta(`{"content":"five"}`), ended("stop")}, "cut": {delta(`{"content":"{\"n\":4}"}`), ended("length")},
		"half": {delta(`{"content":"{\"n\": "}`), ended("length")},
	}
	for name, test := range map[string]struct{ parameters, asked, model, parsed, message string }{
		"the first is good":   {`"models":["good","cut"],` + wantsNumber, "good", "good", `{"n":5}`, ""},
		"does not match":      {`"models":["prose","good"],` + wantsNumber, "prose prose good", "good", `{"n":5}`, ""},
		"is cut":              {`"models":["cut","good"],` + wantsNumber, "cut good", "good", `{"n":5}`, ""},
		"is missing":          {`"models":["none","good"],` + wantsNumber, "none good", "good", `{"n":5}`, ""},
		"cut, else missing":   {`"models":["cut","none"],` + wantsNumber, "cut none", "cut", `{"n":4}`, ""},
		"only for the schema": {`"models":["cut","good"],"escalate_on":["schema"],` + wantsNumber, "cut", "cut", `{"n":4}`, ""},
		"never":               {`"models":["none","good"],"escalate_on":[],` + wantsNumber, "none", "", "", `has no model "none"`},
		"all are missing":     {`"models":["none","nobody"]`, "none nobody", "", "", `; nor are there the models before it: "none"`},
		"cut fails":           {`"models":["cut","good"],"on_cut_answer":"fail",` + wantsNumber, "cut good", "good", `{"n":5}`, ""},
		"beside model":        {`"models":["good"],"model":"prose",` + wantsNumber, "", "", "", "model and models exclude each other"},
		"half of the JSON":    {`"models":["half","good"],"escalate_on":["cut"],` + wantsNumber, "half half good", "good", `{"n":5}`, ""},
		"not for the prose":   {`"models":["prose","good"],"escalate_on":["cut"],` + wantsNumber, "prose prose", "", "", "does not match the schema"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			url := byModel(t, &asked, answers)
			result, err := open(t, llm.Options{}).Handle(t.Context(), asking(t, llm.Chat, `{"provider":"openai","base_url":"`+url+`","prompt":"x",`+test.parameters+`}`), nil)
			if got := strings.Join(asked, " "); got != test.asked {
				t.Errorf("asked %s, not %s", got, test.asked)
			}
			if test.message != "" {
				if err == nil || !strings.Contains(err.Error(), test.message) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want(t, result, map[string]string{"model": `"` + test.model + `"`, "parsed": test.parsed})
			if answered := int64(len(asked) - strings.Count(test.asked, "none")); result.Usage.LLMCalls != answered {
				t.Errorf("%d calls are counted, and %d were answered", result.Usage.LLMCalls, answered)
			}
		})
	}
}

// Tools that are not safe to call twice are not called for a second model.
func TestFallbackAfterTools(t *testing.T) {
	var asked []string
	calls := []string{piece(`{"index":0,"id":"c1","function":{"name":"add","arguments":"{\"a\": 1}"}}`), ended("length")}
	url := byModel(t, &asked, map[string][]string{"first": calls, "second": calls})
	got := fails(t, t.Context(), open(t, llm.Options{Tools: box{}}), asking(t, llm.Chat,
		`{"provider":"openai","base_url":"`+url+`","prompt":"x","models":["first","second"],"tools":["add"],"max_tool_rounds":1}`), nil)
	if got.Code != protocol.TaskExecutionFailed || strings.Join(asked, " ") != "first first" {
		t.Errorf("asked %v: %s", asked, got.Message)
	}
}

// A model that cannot be fetched is missing.
func TestFallbackFromAModelThatCannotBePulled(t *testing.T) {
	var pulls atomic.Int64
	url := serving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/pull" {
			pulls.Add(1)
			fmt.Fprintln(w, `{"error":"pull model manifest: file does not exist"}`)
			return
		}
		if model, _ := bodyOf(t, r).Get("model"); model.Text() == "a" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":"model 'a' not found"}`)
			return
		}
		answering("yes")(w, r)
	})
	result := ask(t, open(t, llm.Options{Providers: at(url)}), llm.Chat, `{"prompt":"x","models":["a","b"],"auto_pull":true}`)
	if want(t, result, map[string]string{"response": `"yes"`}); pulls.Load() != 1 {
		t.Errorf("%d pulls", pulls.Load())
	}
}

func TestFallbackOfOllama(t *testing.T) {
	result := ask(t, real(t), llm.Chat, `{"models":["no-such:7b","tiny-script"],"prompt":"hello"}`)
	want(t, result, map[string]string{"response": greeting, "model": `"tiny-script"`})
	result = ask(t, real(t), llm.Generate, `{"models":["llama3.2","tiny-script"],"prompt":"SLOWLY","max_tokens":4}`)
	want(t, result, map[string]string{"model": `"tiny-script"`})
	if result.Usage.LLMCalls != 2 || result.Warning == "" {
		t.Errorf("%+v, warning %q", result.Usage, result.Warning)
	}
}
