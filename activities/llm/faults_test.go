package llm_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
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

// tableFaults are the responses of testdata/dialects.txt that pass: of a runner that is lost or gone, of a server that loads or has
// too much to do. within makes an error within a stream of a body.
func tableFaults(t *testing.T, within func(body string) string) (faults []fault) {
	for _, d := range readDialects(t) {
		loss := strings.HasPrefix(d.means, "runner lost")
		if !loss && d.means != "runner gone" && d.means != "loading" && d.means != "cache full" && d.status != http.StatusServiceUnavailable {
			continue
		}
		f := fault{d.serve, loss}
		if d.status == 0 {
			f.serve = faulty(http.StatusOK, within(d.body))
		}
		faults = append(faults, f)
	}
	return append(faults, fault{serve: faulty(http.StatusTooManyRequests, `{"error":"slow down"}`, "Retry-After", "0.05")})
}

// Of 500 calls, 30% of the requests meet a fault: none is lost, and none is asked more often than that needs.
func TestServerWithFaults(t *testing.T) {
	const items, atOnce = 500, 8
	for name, server := range map[string]struct {
		faults []fault
		answer func(http.ResponseWriter, *http.Request)
		field  string // That the server refuses.
	}{
		"ollama": {append(tableFaults(t, func(body string) string { return `{"message":{"content":"x"}}` + "\n" + body + "\n" }),
			fault{faulty(http.StatusOK, `{"message":{"content":"x"}}`+"\n"), true},
		), answering("yes"), ""},
		"openai": {append(tableFaults(t, func(body string) string { return said + "\n\ndata: " + body + "\n\n" }),
			fault{faulty(http.StatusOK, `error: {"code":503,"message":"Loading model","type":"unavailable_error"}`+"\n\n"), false},
			fault{faulty(http.StatusOK, said+"\n\n"), true},
			fault{faulty(http.StatusOK, `{"choices":[{"message":{"role":"assistant","content":"yes"},"finish_reason":"stop"}]}`), false},
		), speaking(said, finished, over), "stream_options"},
	} {
		t.Run(name, func(t *testing.T) {
			planned := planFaults(items, server.faults)
			var requests, met atomic.Int64
			var mu sync.Mutex
			url := servingAll(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost {
					http.NotFound(w, r)
					return
				}
				requests.Add(1)
				body := bodyOf(t, r)
				if _, is := body.Get(server.field); is {
					met.Add(1)
					faulty(http.StatusUnprocessableEntity, `{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}`)(w, r)
					return
				}
				messages, _ := body.Get("messages")
				content, _ := messages.Elements()[0].Get("content")
				item, err := strconv.Atoi(strings.TrimPrefix(content.Text(), "item "))
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
				server.answer(w, r)
			})
			handler := open(t, llm.Options{Provider: name, Providers: []protocol.ProviderSettings{{Name: name, Model: "m", MaxConcurrent: atOnce, URLs: []string{url}}}})
			answers := make([]protocol.Result, items)
			var next atomic.Int64
			var workers sync.WaitGroup
			for range atOnce {
				workers.Go(func() {
					for i := int(next.Add(1)) - 1; i < items; i = int(next.Add(1)) - 1 {
						result, err := handler.Handle(t.Context(), asking(t, llm.Chat, fmt.Sprintf(`{"prompt":"item %d"}`, i)), nil)
						if err != nil {
							t.Errorf("item %d: %v", i, err)
						}
						answers[i] = result
					}
				})
			}
			workers.Wait()
			for i, result := range answers {
				if got := field(result, "response"); got != `"yes"` {
					t.Errorf("item %d: %s", i, got)
				}
			}
			if met.Load() < items/3 {
				t.Errorf("only %d faults", met.Load())
			}
			if most := int64(items) + met.Load()*105/100; requests.Load() > most {
				t.Errorf("%d requests for %d calls and %d faults", requests.Load(), items, met.Load())
			}
		})
	}
}

// planFaults returns the faults that each call meets, one after another, so that 30% of the requests meet one. Every fault occurs.
func planFaults(items int, faults []fault) [][]fault {
	random := rand.New(rand.NewPCG(1, 2))
	planned := make([][]fault, items)
	kind := 0
	for item := range planned {
		for losses := 0; random.IntN(10) < 3; kind++ {
			next := faults[kind%len(faults)]
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
