package llm_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// fault is what a server does instead of answering, or besides.
type fault struct {
	serve func(w http.ResponseWriter, r *http.Request)
	loss  bool // Whether the process of the model, or the answer, is lost: three times would make the call a suspect.
	cut   bool // Whether the answer ends without a word: twice would be an error, if no other call is lost then.
	part  bool // Whether it is within a stream.
}

func faulty(status int, body string, header ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// tableFaults are the responses of testdata/dialects.txt that pass: of a runner that is lost or gone, of a server that loads or is
// overloaded. within makes an error within a stream of a body.
func tableFaults(t *testing.T, within func(body string) string) (faults []fault) {
	for _, d := range readDialects(t) {
		loss := strings.HasPrefix(d.means, "runner lost")
		if !loss && d.means != "runner gone" && d.means != "loading" && d.means != "cache full" && d.status != http.StatusServiceUnavailable {
			continue
		}
		f := fault{serve: d.serve, loss: loss, part: d.status == 0}
		if d.status == 0 {
			f.serve = faulty(http.StatusOK, within(d.body))
		}
		faults = append(faults, f)
	}
	return append(faults, fault{serve: faulty(http.StatusTooManyRequests, `{"error":"slow down"}`, "Retry-After", "0.05")})
}

// Of 500 calls, 30% of the requests meet a fault: none is lost, and none is asked more often than that needs.
func TestServerWithFaults(t *testing.T) {
	const atOnce = 8
	ollama := append(tableFaults(t, func(body string) string { return `{"message":{"content":"x"}}` + "\n" + body + "\n" }),
		fault{serve: faulty(http.StatusOK, `{"message":{"content":"x"}}`+"\n"), loss: true, cut: true, part: true})
	openai := append(tableFaults(t, func(body string) string { return said + "\n\ndata: " + body + "\n\n" }),
		fault{serve: faulty(http.StatusOK, `error: {"code":503,"message":"Loading model","type":"unavailable_error"}`+"\n\n"), part: true},
		fault{serve: faulty(http.StatusOK, said+"\n\n"), loss: true, cut: true, part: true},
		fault{serve: faulty(http.StatusOK, `{"choices":[{"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}]}`), part: true})
	image := `,"images":["` + encoded(t, "red") + `"]`
	for _, test := range []struct {
		provider, method string
		items            int
		more             string // Parameters.
		faults           []fault
		answer           func(http.ResponseWriter, *http.Request)
		field            string // That the server refuses.
		want             [2]string
	}{
		{"ollama", llm.Chat, 500, "", ollama, answering("yes"), "", [2]string{"response", `"yes"`}},
		{"ollama", llm.Vision, 100, image, ollama, answering("yes"), "", [2]string{"response", `"yes"`}},
		{"ollama", llm.Generate, 100, "", ollama, answeringDocument(`{"model":"m","response":"yes","done":true,"done_reason":"stop"}`), "", [2]string{"response", `"yes"`}},
		{"ollama", llm.Embed, 100, "", wholeFaults(ollama), answeringDocument(`{"model":"m","embeddings":[[1]]}`), "", [2]string{"embeddings", `[[1]]`}},
		{"openai", llm.Chat, 500, "", openai, speaking(said, finished, over), "stream_options", [2]string{"response", `"yes"`}},
		{"openai", llm.Vision, 100, image, openai, speaking(said, finished, over), "stream_options", [2]string{"response", `"yes"`}},
		{"openai", llm.Embed, 100, "", wholeFaults(openai), answeringDocument(`{"data":[{"index":0,"embedding":[1]}]}`), "", [2]string{"embeddings", `[[1]]`}},
	} {
		t.Run(test.provider+" "+test.method, func(t *testing.T) {
			planned := planFaults(test.items, test.faults)
			var requests, met atomic.Int64
			var mu sync.Mutex
			url := servingAll(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method != http.MethodPost:
					http.NotFound(w, r)
					return
				case r.URL.Path == "/api/show":
					fmt.Fprint(w, `{"capabilities":["vision"]}`)
					return
				}
				requests.Add(1)
				body := bodyOf(t, r)
				if _, is := body.Get(test.field); is {
					met.Add(1)
					faulty(http.StatusUnprocessableEntity, `{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}`)(w, r)
					return
				}
				found := regexp.MustCompile(`"item ([0-9]+)"`).FindSubmatch(body.JSON())
				if found == nil {
					t.Errorf("no item in %s", body.JSON())
					return
				}
				item, err := strconv.Atoi(string(found[1]))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				next := planned[item]
				if len(next) > 0 {
					planned[item] = next[1:]
				}
				mu.Unlock()
				if len(next) > 0 {
					met.Add(1)
					next[0].serve(w, r)
					return
				}
				test.answer(w, r)
			})
			handler := open(t, llm.Options{Provider: test.provider, Providers: []protocol.ProviderSettings{{Name: test.provider, Model: "m", VisionModel: "m", EmbedModel: "m", MaxConcurrent: atOnce, URLs: []string{url}}}})
			name := "prompt"
			if test.method == llm.Embed {
				name = "input"
			}
			answers := make([]protocol.Result, test.items)
			var next atomic.Int64
			var workers sync.WaitGroup
			for range atOnce {
				workers.Go(func() {
					for i := int(next.Add(1)) - 1; i < test.items; i = int(next.Add(1)) - 1 {
						result, err := handler.Handle(t.Context(), asking(t, test.method, fmt.Sprintf(`{"%s":"item %d"%s}`, name, i, test.more)), nil)
						if err != nil {
							t.Errorf("item %d: %v", i, err)
						}
						answers[i] = result
					}
				})
			}
			workers.Wait()
			for i, result := range answers {
				if got := field(result, test.want[0]); got != test.want[1] {
					t.Errorf("item %d: %s", i, got)
				}
			}
			if met.Load() < int64(test.items)/4 {
				t.Errorf("only %d faults", met.Load())
			}
			if most := int64(test.items) + met.Load()*105/100; requests.Load() > most {
				t.Errorf("%d requests for %d calls and %d faults", requests.Load(), test.items, met.Load())
			}
		})
	}
}

// wholeFaults are those that are no part of a stream.
func wholeFaults(faults []fault) []fault {
	return slices.DeleteFunc(slices.Clone(faults), func(f fault) bool { return f.part })
}

// planFaults returns the faults that each call meets, one after another, so that 30% of the requests meet one. Every fault occurs.
func planFaults(items int, faults []fault) [][]fault {
	random := rand.New(rand.NewPCG(1, 2))
	planned := make([][]fault, items)
	kind := 0
	for item := range planned {
		for losses, cut := 0, false; random.IntN(10) < 3; kind++ {
			next := faults[kind%len(faults)]
			if next.cut && cut {
				break
			}
			cut = cut || next.cut
			if next.loss {
				if losses++; losses > 2 {
					break
				}
			}
			planned[item] = append(planned[item], next)
		}
	}
	return planned
}
