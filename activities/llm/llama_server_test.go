package llm_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gleitzeit/gleitzeit/internal/ollamatest"
)

const (
	// llamaProgram names the program llama-server of llama.cpp: with it, the tests of that server also run it. Without it they run
	// against recorded responses alone.
	llamaProgram = "GLEITZEIT_TEST_LLAMA_SERVER"
	// llamaModel names the file of a model for it, instead of tiny-script.
	llamaModel = "GLEITZEIT_TEST_LLAMA_MODEL"
	// llamaRecorded is the beginning of the heading under which testdata/dialects.txt has the responses of the server.
	llamaRecorded = "llama.cpp llama-server 0.5.0-dev of 28 September 2026"
)

// dialect is a response of provider/testdata/dialects.txt.
type dialect struct {
	server string // Heading of the block, with its source.
	means  string // "prompt too long 1002 256".
	status int    // 0 is an error within a stream.
	body   string
}

func (d dialect) serve(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(d.status)
	fmt.Fprint(w, d.body)
}

func readDialects(t testing.TB) (all []dialect) {
	t.Helper()
	text, err := os.ReadFile("provider/testdata/dialects.txt")
	if err != nil {
		t.Fatal(err)
	}
	var next dialect
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if _, err := fmt.Sscanf(line, "%d ", &next.status); err == nil {
			_, next.body, _ = strings.Cut(line, " ")
			all = append(all, next)
		} else if heading, is := strings.CutPrefix(line, "## "); is {
			next.server = heading
		} else if line != "" {
			next.means = line
		}
	}
	return all
}

// recorded finds the response of a server that contains the words.
func recorded(t testing.TB, server string, status int, words string) dialect {
	t.Helper()
	for _, d := range readDialects(t) {
		if strings.HasPrefix(d.server, server) && d.status == status && strings.Contains(d.body, words) {
			return d
		}
	}
	t.Fatalf("no response of %s has the words %q", server, words)
	return dialect{}
}

// llamaFits is the number of bytes of a prompt that the scripted server takes. Its one recorded refusal is of 1,002 tokens.
const llamaFits = 385

// llamaServer answers as llama.cpp's llama-server with a text model and the flags; without flags it has a context of 256 tokens.
func llamaServer(t testing.TB, flags ...string) http.HandlerFunc {
	tooLong, notFound := recorded(t, llamaRecorded, 400, "request (1002 tokens)"), recorded(t, llamaRecorded, 404, "File Not Found")
	longText, noEmbeddings := recorded(t, llamaRecorded, 400, "input (400 tokens)"), recorded(t, llamaRecorded, 501, "does not support embeddings")
	badSchema, noTools := recorded(t, llamaRecorded, 400, "Unable to generate parser"), recorded(t, llamaRecorded, 500, "requires --jinja")
	noImages, noKey := recorded(t, llamaRecorded, 500, "image input is not supported"), recorded(t, llamaRecorded, 401, "Invalid API Key")
	noModel, longBatch := recorded(t, llamaRecorded, 400, "model 'nope' not found"), recorded(t, llamaRecorded, 500, "input (600 tokens) is too large")
	if slices.Contains(flags, "-ub") {
		longText = longBatch
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if at := slices.Index(flags, "--api-key"); at >= 0 && r.Header.Get("Authorization") != "Bearer "+flags[at+1] {
			noKey.serve(w, r)
			return
		}
		if r.Method != http.MethodPost {
			notFound.serve(w, r)
			return
		}
		asked := bodyOf(t, r)
		body := string(asked.JSON())
		if model, _ := asked.Get("model"); slices.Contains(flags, "--models-dir") && model.Text() == "nope" {
			noModel.serve(w, r)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/embeddings") {
			switch {
			case !slices.Contains(flags, "--embeddings"):
				noEmbeddings.serve(w, r)
			case len(body) > llamaFits:
				longText.serve(w, r)
			default: // `dimensions` is ignored.
				fmt.Fprint(w, `{"data":[{"index":0,"embedding":[1.0,0.5]}],"usage":{"prompt_tokens":5}}`)
			}
			return
		}
		messages, _ := asked.Get("messages")
		size, last := 0, ""
		for _, message := range messages.Elements() {
			content, _ := message.Get("content")
			size, last = size+len(content.Text()), content.Text()
		}
		switch {
		case strings.Contains(body, `"image_url"`):
			noImages.serve(w, r)
		case strings.Contains(body, `"tools"`) && slices.Contains(flags, "--no-jinja"):
			noTools.serve(w, r)
		case strings.Contains(body, `"items":false`):
			badSchema.serve(w, r)
		case size > llamaFits:
			tooLong.serve(w, r)
		default:
			question, _, _ := strings.Cut(last, "\n")
			speaking(fmt.Sprintf(`data: {"choices":[{"delta":{"content":%q},"finish_reason":null}]}`, question), finished, over)(w, r)
		}
	}
}

// llamaServers are the addresses of servers of llama.cpp with the flags: one that replays recorded responses, and a real one where
// the environment names it.
func llamaServers(t *testing.T, flags ...string) map[string]string {
	t.Helper()
	return withLlama(t, servingAll(t, llamaServer(t, flags...)), flags...)
}

// withLlama adds a real server of llama.cpp with the flags, where the environment names it, to one that is scripted.
func withLlama(t *testing.T, scripted string, flags ...string) map[string]string {
	t.Helper()
	servers := map[string]string{"recorded": scripted + "/v1"}
	if program := os.Getenv(llamaProgram); program != "" {
		servers["real"] = startLlama(t, program, func(status int) bool { return status == http.StatusOK }, flags...) + "/v1"
	}
	return servers
}

// llamaStarts is how long a real server may take to start.
const llamaStarts = time.Minute

// startLlama starts a real server and waits until the status of its page /health is as wanted. Its context has 256 tokens, unless the
// flags say otherwise.
func startLlama(t *testing.T, program string, ready func(status int) bool, flags ...string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err = errors.Join(err, listener.Close()); err != nil {
		t.Fatal(err)
	}
	arguments := []string{"--host", "127.0.0.1", "--port", port, "-c", "256", "-np", "1"}
	if !slices.Contains(flags, "--models-dir") {
		arguments = append([]string{"-m", llamaWeights(t)}, arguments...)
	}
	command := exec.CommandContext(t.Context(), program, append(arguments, flags...)...)
	command.Stdout, command.Stderr = t.Output(), t.Output()
	if err := command.Start(); err != nil {
		t.Fatalf("%s: %v", llamaProgram, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		<-ended
	})
	url := "http://127.0.0.1:" + port
	again, late := time.NewTicker(100*time.Millisecond), time.NewTimer(llamaStarts)
	defer again.Stop()
	defer late.Stop()
	for {
		response, err := http.Get(url + "/health")
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			if err := response.Body.Close(); err == nil && ready(response.StatusCode) {
				return url
			}
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v", llamaProgram, err)
		case <-late.C:
			t.Fatalf("%s is not ready after %s: %v", llamaProgram, llamaStarts, err)
		case <-again.C:
		}
	}
}

// llamaWeights is the file of the model for a real server.
func llamaWeights(t *testing.T) string {
	t.Helper()
	if file := os.Getenv(llamaModel); file != "" {
		return file
	}
	return ollamatest.Weights(t, "tiny-script", t.TempDir())
}

// closingServer promises to keep connections and closes them, as llama.cpp's llama-server does: after each answer, and before the
// answers to the requests for which unanswered says so.
func closingServer(t testing.TB, unanswered func(request int64) bool) (url string, requests *atomic.Int64) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	body := strings.Join([]string{said, finished, over, ""}, "\n\n")
	requests = &atomic.Int64{}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				request, err := http.ReadRequest(bufio.NewReader(connection))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, request.Body)
				if request.Method == http.MethodPost && unanswered(requests.Add(1)) {
					return
				}
				promise := "Keep-Alive: timeout=5, max=100"
				if request.Method == http.MethodGet { // A page about the server: no request for an answer meets its connection.
					promise = "Connection: close"
				}
				fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n%s\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", promise, len(body), body)
			}()
		}
	}()
	return "http://" + listener.Addr().String(), requests
}
