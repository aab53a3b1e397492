package llm_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// response is a response of a server, from the table of dialects.
type response struct {
	path   string // The call that has it: "/api/chat"; empty for an error, which every call may have.
	status int    // 0 is an error within a stream.
	body   string
}

// readAnswers reads testdata/answers.txt.
func readAnswers(t testing.TB) (all []response) {
	t.Helper()
	text, err := os.ReadFile("testdata/answers.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(text), "\n## ")[1:] {
		heading, rest, _ := strings.Cut(block, "\n")
		status, body, _ := strings.Cut(rest, "\n")
		var r response
		for part := range strings.SplitSeq(heading, " ") {
			if r.path == "" && strings.HasPrefix(part, "/") {
				r.path = strings.TrimSuffix(part, ",")
			}
		}
		if _, err := fmt.Sscan(status, &r.status); err != nil || r.path == "" {
			t.Fatalf("%s: status %q, path %q", heading, status, r.path)
		}
		r.body = strings.TrimRight(body, "\n") + "\n\n"
		all = append(all, r)
	}
	return all
}

// dialects answers at random from the table: an answer of the call or of another one, or an error; as it stands, cut off, or mixed with
// others.
type dialects struct {
	random  *rand.Rand // Only used by one request at a time.
	answers []response
	errors  []dialect
}

func newDialects(t testing.TB, seed uint64) dialects {
	return dialects{rand.New(rand.NewPCG(seed, 17)), readAnswers(t), readDialects(t)}
}

func (d dialects) pick(texts ...string) string { return texts[d.random.IntN(len(texts))] }

func (d dialects) serve(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/api/show"):
		fmt.Fprint(w, `{"capabilities":["completion","vision"]}`)
	case r.Method != http.MethodPost:
		http.NotFound(w, r)
	default:
		status, body := d.response(r.URL.Path)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// response makes a response to a call.
func (d dialects) response(path string) (status int, body string) {
	status, body = http.StatusOK, d.answer(path)
	switch d.random.IntN(10) {
	case 0, 1: // An error, perhaps after the beginning of an answer.
		failure := d.errors[d.random.IntN(len(d.errors))]
		if status = failure.status; status == 0 || d.random.IntN(4) == 0 {
			status, body = http.StatusOK, d.someLines(body)+d.pick("", "data: ", "error: ", "event: error\ndata: ")+failure.body+"\n"
		} else {
			body = failure.body
		}
	case 2: // Cut off anywhere.
		body = body[:d.random.IntN(len(body)+1)]
	case 3: // Mixed with another answer of the call.
		body = d.someLines(body) + d.someLines(d.answer(path))
	case 4: // With another reason.
		reason := quoted(d.pick("stop", "length", "load", "unload", "error", "abort", "content_filter", "max_tokens", "model_length", "refusal", "SAFETY", "tool_calls", "eos", ""))
		for _, old := range []string{"stop", "length", "tool_calls"} {
			body = strings.ReplaceAll(body, `_reason":"`+old+`"`, `_reason":`+reason)
		}
	case 5: // With other texts.
		text := quoted(d.pick("", " \n", `{"n":5}`, "```json\n{\"n\": 5}\n```", "<think>\nhm\n</think>", "<think>hm", "hm\n</think>\n\n", "hm\n</think>\n\nyes", `[1] and {"n":1} and {"n":2}`))
		for _, old := range []string{"Hello from the scripted model.", "Hello", "The first half of the"} {
			body = strings.ReplaceAll(body, quoted(old), text)
		}
	}
	return status, body
}

// answer is the body of an answer: mostly one of the call.
func (d dialects) answer(path string) string {
	of := d.answers
	if d.random.IntN(12) > 0 {
		of = slices.DeleteFunc(slices.Clone(d.answers), func(r response) bool { return !strings.HasSuffix(path, strings.TrimPrefix(r.path, "/v1")) })
	}
	return of[d.random.IntN(len(of))].body
}

// someLines is the body without a part of its lines.
func (d dialects) someLines(body string) string {
	var kept strings.Builder
	for line := range strings.Lines(body) {
		if d.random.IntN(3) > 0 {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

func quoted(text string) string {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic(err) // It is a string.
	}
	return string(encoded)
}

// call makes a call of any method.
func (d dialects) call(t testing.TB, url, image string) protocol.Request {
	method := d.pick(llm.Chat, llm.Chat, llm.Vision, llm.Generate, llm.Embed)
	parameters := `"model":"m","base_url":"` + url + d.pick(`"`, `/v1","provider":"openai"`)
	switch method {
	case llm.Embed:
		parameters += d.pick(`,"input":"x"`, `,"input":["x","y"]`, `,"input":"x","dimensions":4`)
	case llm.Vision:
		parameters += `,"images":["` + image + `"]`
	default:
		parameters += `,"prompt":"x"`
	}
	if method != llm.Embed {
		parameters += d.pick("", "", `,`+wantsNumber) + d.pick("", "", `,"on_cut_answer":"continue"`, `,"on_cut_answer":"fail"`) + d.pick("", "", `,"models":["m","n"]`)
		parameters = strings.Replace(parameters, `"model":"m",`, "", strings.Count(parameters, `"models"`))
	}
	if method == llm.Chat || method == llm.Vision {
		parameters += d.pick("", `,"tools":["add"]`)
	}
	parameters += d.pick("", `,"on_truncation":"fail"`, `,"on_truncation":"fit"`)
	request := asking(t, method, `{`+parameters+`}`)
	if d.random.IntN(2) == 0 {
		request.Write = func(string) {}
	}
	return request
}

// wantHonest wants an answer, a warning or an error with a code, and reports whether there is an answer.
func wantHonest(t testing.TB, request protocol.Request, result protocol.Result, err error) (answered bool) {
	t.Helper()
	what := request.Method + " " + string(request.Parameters.JSON())
	if err != nil {
		if protocol.AsError(err, 0).Code == 0 {
			t.Errorf("%s: an error without a code: %v", what, err)
		}
		return false
	}
	warning := field(result, "warning")
	if (warning != "") != (result.Warning != "") {
		t.Errorf("%s: the field warning is %s, and the warning %q", what, warning, result.Warning)
	}
	response, _ := result.Value.Get("response")
	vectors, _ := result.Value.Get("embeddings")
	if strings.TrimSpace(response.Text()) == "" && len(vectors.Elements()) == 0 && warning == "" {
		t.Errorf("%s: an empty result: %s", what, result.Value.JSON())
	}
	return true
}

// impatient makes a handler that waits for no server.
func impatient(t testing.TB) *llm.Handler {
	return open(t, llm.Options{Tools: box{}, Patience: time.Nanosecond, Absence: time.Nanosecond})
}

// Whatever a server answers from the table of dialects, no result of any method is empty without a warning. Each seed has its own server:
// the calls of a seed are the same each time.
func TestNoEmptyAnswerWithoutWarning(t *testing.T) {
	const calls, seeds = 150, 8
	image := encoded(t, "red")
	var mu sync.Mutex
	answers, warnings, failures, methods := 0, 0, 0, map[string]int{}
	var workers sync.WaitGroup
	for seed := range uint64(seeds) {
		d := newDialects(t, seed)
		url, handler := serving(t, d.serve), impatient(t)
		workers.Go(func() {
			for range calls {
				request := d.call(t, url, image)
				result, err := handler.Handle(t.Context(), request, nil)
				answered := wantHonest(t, request, result, err)
				mu.Lock()
				if answered {
					answers++
					methods[request.Method]++
				} else {
					failures++
				}
				if result.Warning != "" {
					warnings++
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	for _, method := range []string{llm.Chat, llm.Vision, llm.Generate, llm.Embed} {
		if methods[method] < calls*seeds/30 {
			t.Errorf("%d answers of %s are too few to say anything", methods[method], method)
		}
	}
	if all := calls * seeds; answers < all/4 || warnings < all/10 || failures < all/4 {
		t.Errorf("%d answers, %d of them with warnings, and %d failures are too few to say anything", answers, warnings, failures)
	}
}

// FuzzAnswers is the same for any seed.
func FuzzAnswers(f *testing.F) {
	f.Add(uint64(1))
	image := encoded(f, "red")
	f.Fuzz(func(t *testing.T, seed uint64) {
		d := newDialects(t, seed)
		request := d.call(t, serving(t, d.serve), image)
		result, err := impatient(t).Handle(t.Context(), request, nil)
		wantHonest(t, request, result, err)
	})
}
