package llm_test

import (
	"encoding/base64"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/activities/llm"
	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
)

// TestRunnerThatIsKilled kills the process of the model ten times during 64 calls of each kind, of which none has retries.
func TestRunnerThatIsKilled(t *testing.T) {
	server := ollamatest.StartPrivate(t)
	image := base64.StdEncoding.EncodeToString(picture(t, "png", "red"))
	for name, call := range map[string]struct{ method, parameters string }{
		"chat":   {llm.Chat, `{"model":"tiny-script","prompt":"SLOWLY","max_tokens":40,"idle_timeout":5}`},
		"vision": {llm.Vision, `{"model":"tiny-vision","prompt":"Which colour?","images":["` + image + `"],"idle_timeout":5}`},
		"embed":  {llm.Embed, `{"model":"tiny-script","input":["` + strings.Repeat("some words ", 20) + `","b"],"idle_timeout":5}`},
		"/v1":    {llm.Chat, `{"model":"tiny-script","prompt":"SLOWLY","max_tokens":40,"idle_timeout":5,"provider":"openai","base_url":"` + server.URL + `/v1"}`},
	} {
		t.Run(name, func(t *testing.T) {
			handler := open(t, llm.Options{Providers: at(server.URL)})
			request := asking(t, call.method, call.parameters)
			const patient = `"idle_timeout":60`
			first := asking(t, call.method, strings.Replace(call.parameters, `"idle_timeout":5`, patient, 1))
			if _, err := handler.Handle(t.Context(), first, nil); err != nil { // The model is in memory.
				t.Fatal(err)
			}
			const kills = 10
			killed := atomic.Int64{}
			errs := inParallel(t, handler, 64, 8, func(int) protocol.Request { return request }, func(ended int) {
				if ended%6 != 0 || ended > 6*kills {
					return
				}
				again := time.NewTicker(time.Millisecond) // Until there is a process: it may have ended with an earlier kill.
				defer again.Stop()
				for server.KillRunners(t) == 0 && t.Context().Err() == nil {
					<-again.C
				}
				killed.Add(1)
			})
			for i, err := range errs {
				if err != nil {
					t.Errorf("call %d: %v", i, err)
				}
			}
			if killed.Load() != kills {
				t.Errorf("the process was killed %d times", killed.Load())
			}
		})
	}
}
