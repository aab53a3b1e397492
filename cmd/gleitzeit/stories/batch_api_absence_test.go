package stories_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

// waits waits until requests of a batch wait for the server of models.
func (s *apiServer) waits(u *user, id string) {
	s.T.Helper()
	eventually(s.T, "requests wait for the server of models", func() bool {
		if b := s.batch(id); isEnd(b.Status) || b.Counts.Failed > 0 {
			s.T.Fatalf("the batch does not wait: %+v", b)
		}
		shown, _ := u.Gleitzeit(0, "status", id)
		return strings.Contains(shown, "waiting for the server")
	})
}

// TestBatchWithoutModelServer: a batch waits for a server of models that is not there yet, and after a restart of the machine for one that
// starts later than the Batch API.
func TestBatchWithoutModelServer(t *testing.T) {
	t.Parallel()
	models := ollamatest.StartPrivate(t)
	u := withOllama(t, models.URL)
	models.Kill(t)
	s := u.serveAPI()
	const total = 40
	var requests strings.Builder
	for i := range total {
		requests.WriteString(chatLine(fmt.Sprintf("request-%d", i), slow))
	}
	id := s.create(s.upload(requests.String()), `,"completion_window":"24h"`).ID
	s.waits(u, id)
	models.Restart(t)
	s.begins(id)

	s.Kill()
	models.Kill(t)
	s = u.serveAPI()
	s.waits(u, id)
	models.Restart(t)
	if b := s.ends(id); b.Status != "completed" || b.Counts.Completed != total || b.Counts.Failed != 0 {
		t.Errorf("the batch is %+v", b)
	}
}
