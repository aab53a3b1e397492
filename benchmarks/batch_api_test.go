package benchmarks

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	// callEvery is the time between two online calls,
	callEvery = 700 * time.Millisecond
	// pollEvery that between two looks at the batch.
	pollEvery = time.Second
)

// BenchmarkOnlineBesideABatch makes a call now and then beside a batch of 5,000 requests: the built program serves the Batch API, and its
// one server of models takes 4 calls of 100 ms at once. longest-wait is the longest time that a call waited until it was sent to the server,
// against the time of one call: 1.1 is the aim, as it waits for one call in flight at most. busy is the share of its capacity that the server
// has used, from the first request of the batch until none of them waits: 0.97 is the aim.
func BenchmarkOnlineBesideABatch(b *testing.B) {
	gleitzeit := program(b)
	for b.Loop() {
		server := newModelServer(b, 4, 100*time.Millisecond)
		beside := callBeside(b, startAPI(b, gleitzeit, server), server, fewer(5000))
		longest, sum := time.Duration(0), time.Duration(0)
		for _, wait := range beside.waits {
			longest, sum = max(longest, wait), sum+wait
		}
		if len(beside.waits) < 10 || server.most > server.slots {
			b.Errorf("%d calls, %d in flight to a server that takes %d", len(beside.waits), server.most, server.slots)
		}
		b.ReportMetric(longest.Seconds()/server.takes.Seconds(), "longest-wait")
		b.ReportMetric(sum.Seconds()/float64(len(beside.waits))/server.takes.Seconds(), "mean-wait")
		b.ReportMetric(float64(len(beside.waits)), "calls")
		b.ReportMetric(beside.busy, "busy")
		b.ReportMetric(beside.full, "full")
	}
}

// batchAPI is a server of the program.
type batchAPI struct{ url, token string }

func startAPI(b *testing.B, gleitzeit string, models *modelServer) *batchAPI {
	b.Helper()
	folder := b.TempDir()
	config := fmt.Sprintf("providers:\n  ollama: {model: m, url: %q, max_concurrent: %d}\n", models.URL, models.slots)
	if err := os.WriteFile(filepath.Join(folder, "config.yaml"), []byte(config), 0o644); err != nil {
		b.Fatal(err)
	}
	home := filepath.Join(folder, "home")
	command := exec.CommandContext(b.Context(), gleitzeit, "server", "--batch-api", "--batch-api-port", "0", "--no-ui", "-o", "json")
	command.Env = append(os.Environ(), "GLEITZEIT_HOME="+home, "GLEITZEIT_CONFIG="+filepath.Join(folder, "config.yaml"))
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := command.Process.Signal(syscall.SIGTERM); err == nil {
			_ = command.Wait() // What it ends with is no measurement.
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var said struct {
		URL string `json:"batch_api"`
	}
	if err == nil {
		err = json.Unmarshal(line, &said)
	}
	if err != nil {
		b.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(home, "api.token"))
	if err != nil {
		b.Fatal(err)
	}
	return &batchAPI{said.URL, strings.TrimSpace(string(token))}
}

// ask makes a request, and reads the document that is the response.
func (a *batchAPI) ask(method, path, kind string, body io.Reader, into any) error {
	request, err := http.NewRequest(method, a.url+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	request.Header.Set("Content-Type", kind)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(response.Body)
	if closing := response.Body.Close(); err == nil {
		err = closing
	}
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%d: %s", response.StatusCode, text)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(text, into)
	}
	return err
}

// chatOf is a request whose message names it.
func chatOf(name string) string {
	return fmt.Sprintf(`{"model":"m","messages":[{"role":"user","content":%q}]}`, name)
}

// start uploads so many requests and creates a batch of them.
func (a *batchAPI) start(b *testing.B, requests int) (id string) {
	b.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	err := form.WriteField("purpose", "batch")
	if err != nil {
		b.Fatal(err)
	}
	file, err := form.CreateFormFile("file", "requests.jsonl")
	if err != nil {
		b.Fatal(err)
	}
	for i := range requests {
		fmt.Fprintf(file, `{"custom_id":"%d","method":"POST","url":"/v1/chat/completions","body":%s}`+"\n", i, chatOf("batch-"+strconv.Itoa(i)))
	}
	if err := form.Close(); err != nil {
		b.Fatal(err)
	}
	var made struct{ ID string }
	if err := a.ask(http.MethodPost, "/files", form.FormDataContentType(), &body, &made); err != nil {
		b.Fatal(err)
	}
	document := fmt.Sprintf(`{"input_file_id":%q,"endpoint":"/v1/chat/completions","completion_window":"24h"}`, made.ID)
	if err := a.ask(http.MethodPost, "/batches", "application/json", strings.NewReader(document), &made); err != nil {
		b.Fatal(err)
	}
	return made.ID
}

// beside is what was seen of a batch, and of the calls beside it.
type beside struct {
	waits      []time.Duration // Of the calls, until they were sent.
	busy, full float64
}

// callBeside has a batch answered, and makes calls as long as requests of it wait.
func callBeside(b *testing.B, api *batchAPI, server *modelServer, requests int) *beside {
	b.Helper()
	var mu sync.Mutex
	seen, arrived := &beside{}, 0
	begun, over := make(chan struct{}), make(chan struct{})
	var asked atomic.Int64 // When the call that waits was made, in nanoseconds.
	server.sees = func(body []byte) {
		now := time.Now()
		mu.Lock()
		defer mu.Unlock()
		if bytes.Contains(body, []byte("online")) {
			seen.waits = append(seen.waits, now.Sub(time.Unix(0, asked.Load())))
			return
		}
		if arrived++; arrived == server.slots {
			close(begun)
		}
		if arrived == requests {
			seen.busy, seen.full = server.shares(server.first)
			close(over)
		}
	}
	id := api.start(b, requests)
	<-begun
	calls, poll := time.NewTicker(callEvery), time.NewTicker(pollEvery)
	defer calls.Stop()
	defer poll.Stop()
	var batch struct {
		Status string
		Counts struct{ Completed int } `json:"request_counts"`
	}
	for batch.Status != "completed" {
		select {
		case <-poll.C:
			if err := api.ask(http.MethodGet, "/batches/"+id, "", nil, &batch); err != nil {
				b.Fatal(err)
			}
		case <-calls.C:
			select {
			case <-over: // Nothing waits beside it.
				continue
			default:
			}
			asked.Store(time.Now().UnixNano())
			if err := api.ask(http.MethodPost, "/chat/completions", "application/json", strings.NewReader(chatOf("online")), nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	if batch.Counts.Completed != requests {
		b.Errorf("%d of %d requests are answered", batch.Counts.Completed, requests)
	}
	mu.Lock()
	defer mu.Unlock()
	return seen
}
