package batchapi

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/home"
	"github.com/gleitzeit/gleitzeit/internal/programtest"
)

// endlessCalls last until nobody waits for them.
type endlessCalls struct {
	Runs
	begun chan struct{}
}

func (c *endlessCalls) Call(ctx context.Context, _ Call) (*Response, error) {
	close(c.begun)
	<-ctx.Done()
	return nil, ctx.Err()
}

// A call in flight is answered when the server stops.
func TestStopDuringACall(t *testing.T) {
	h, err := home.Open(t.TempDir())
	programtest.Must(t, err)
	runs := &endlessCalls{begun: make(chan struct{})}
	s, err := Start(t.Context(), Options{Home: h, Runs: runs, Log: slog.New(slog.DiscardHandler), Tell: func(string) {}})
	programtest.Must(t, err)
	token, err := os.ReadFile(h.APIToken())
	programtest.Must(t, err)
	stopped := make(chan error, 1)
	go func() {
		<-runs.begun
		ctx, done := context.WithTimeout(context.Background(), 10*time.Second)
		defer done()
		stopped <- s.Stop(ctx)
	}()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/chat/completions", strings.NewReader(chatBody))
	programtest.Must(t, err)
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	response, err := http.DefaultClient.Do(request)
	programtest.Must(t, err)
	defer func() { _ = response.Body.Close() }()
	var said struct{ Error failureBody }
	if err := json.NewDecoder(response.Body).Decode(&said); err != nil || response.StatusCode != http.StatusServiceUnavailable || said.Error.Message != "The server is being stopped. Try again later." {
		t.Fatalf("%v %d %+v", err, response.StatusCode, said) // Nothing is stopped: there was no call.
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
