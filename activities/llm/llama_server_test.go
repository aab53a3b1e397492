package llm_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	// llamaProgram names the program llama-server of llama.cpp, and llamaModel the file of a small text model: with both, the tests of
	// that server also run it. Without them they run against recorded responses alone.
	llamaProgram = "GLEITZEIT_TEST_LLAMA_SERVER"
	llamaModel   = "GLEITZEIT_TEST_LLAMA_MODEL"
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

// llamaServer answers as llama.cpp's llama-server with a context of 256 tokens, a text model and the flags.
func llamaServer(t testing.TB, flags ...string) http.HandlerFunc {
	tooLong, notFound := recorded(t, llamaRecorded, 400, "request (1002 tokens)"), recorded(t, llamaRecorded, 404, "File Not Found")
	longText, noEmbeddings := recorded(t, llamaRecorded, 400, "input (400 tokens)"), recorded(t, llamaRecorded, 501, "does not support embeddings")
	badSchema, noTools := recorded(t, llamaRecorded, 400, "Unable to generate parser"), recorded(t, llamaRecorded, 500, "requires --jinja")
	noImages, noKey := recorded(t, llamaRecorded, 500, "image input is not supported"), recorded(t, llamaRecorded, 401, "Invalid API Key")
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
		if strings.HasSuffix(r.URL.Path, "/embeddings") {
			switch {
			case !slices.Contains(flags, "--embeddings"):
				noEmbeddings.serve(w, r)
			case len(body) > llamaFits:
				longText.serve(w, r)
			default:
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

// llamaServers are the addresses of servers of llama.cpp with a context of 256 tokens and the flags: one that replays recorded
// responses, and a real one where the environment names it.
func llamaServers(t *testing.T, flags ...string) map[string]string {
	t.Helper()
	servers := map[string]string{"recorded": servingAll(t, llamaServer(t, flags...)) + "/v1"}
	if program := os.Getenv(llamaProgram); program != "" {
		servers["real"] = startLlama(t, program, flags...) + "/v1"
	}
	return servers
}

// startLlama starts a real server and waits until it has loaded the model.
func startLlama(t *testing.T, program string, flags ...string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err = errors.Join(err, listener.Close()); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, append([]string{"-m", os.Getenv(llamaModel), "--host", "127.0.0.1", "--port", port, "-c", "256", "-np", "1"}, flags...)...)
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
	ready := time.NewTicker(100 * time.Millisecond)
	defer ready.Stop()
	for {
		response, err := http.Get(url + "/health")
		if err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			if err := response.Body.Close(); err == nil && response.StatusCode == http.StatusOK {
				return url
			}
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended: %v", llamaProgram, err)
		case <-ready.C:
		}
	}
}
